// SPDX-License-Identifier: MIT
/* Every error that the headers name has words of its own, and each limit its name. */
#include "errors.h" /* made by the check script, out of the headers */

#include "test.h"

#define COUNT (sizeof(errors) / sizeof(errors[0]))

int main(void)
{
	static const struct {
		long err;
		const char *word;
	} words[] = {
		{ -ENOSPC, "/sys/module/pyqueue/parameters/max_user_queues" },
		{ -EDQUOT, "/sys/module/pyqueue/parameters/max_user_bytes" },
		{ -ENOBUFS, "max_bytes" },
		{ -E2BIG, "max_msg" },
		{ -ENOMEM, "memory.max" },
		{ -EMFILE, "RLIMIT_NOFILE" },
		{ -ENFILE, "fs.file-max" },
		{ -ENAMETOOLONG, "200" },
		{ -ENODEV, "/dev/pyqueue is missing: load the module" },
		/* What only the execve() of pyq_process_start() says, and it itself. */
		{ -ENOEXEC, "#!" },
		{ -ENOTDIR, "program" },
		{ -ETXTBSY, "program" },
		{ -ENOSYS, "5.4" },
	};
	/* What a queue says, and means something else. */
	static const struct {
		long err;
		const char *word;
	} of_pools[] = {
		{ -EAGAIN, "queue_size" },
		{ -ETIMEDOUT, "queue_size" },
		{ -ESHUTDOWN, "another one" },
		{ -EMSGSIZE, "pyq_result_data()" },
		{ -E2BIG, "max_message" },
		{ -EOWNERDEAD, "pyq_pool_broken()" },
		{ -ESTALE, "worker" },
		{ -EBUSY, "pyq_pool_close()" },
		{ -ECANCELED, "terminated" },
		{ -EALREADY, "task" },
		{ -ENOSYS, "PYQ_POOL_THREADS" },
		{ -ENOENT, "argv" },
		{ -ENOTDIR, "argv" },
		{ -EACCES, "argv" },
		{ -EEXIST, "pyq_pool_serve()" },
		{ -EINVAL, "pyq_pool_function()" },
		{ -EOPNOTSUPP, "pyq_pool_resize()" },
		{ -EFAULT, "pyq_pool_create()" },
		{ -EDEADLK, "callback" },
		{ -EPIPE, "pyq_pool_serve()" },
		{ -ENOTCONN, "pyq_pool_create()" },
		{ -EPROTO, "versions" },
		{ -ETIME, "timeout" },
		{ -EREMOTEIO, "pyq_result_code()" },
		{ -ENOMSG, "max_message" },
		/* And of what is a queue's it has that one's words. */
		{ -EMFILE, "RLIMIT_NOFILE" },
	};
	const char *unknown = KEEPS_ERRNO(pyq_strerror(-4711));

	CHECK(COUNT >= 20);
	for (size_t i = 0; i < COUNT; i++) {
		const char *text = KEEPS_ERRNO(pyq_strerror(-errors[i].number));

		if (!strcmp(text, unknown) || strlen(text) < 20)
			fprintf(stderr, "%s: \"%s\"\n", errors[i].name, text);
		CHECK(strcmp(text, unknown) && strlen(text) >= 20);
		for (size_t j = 0; j < i; j++)
			CHECK(strcmp(text, pyq_strerror(-errors[j].number)));
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		CHECK(strstr(pyq_strerror(words[i].err), words[i].word));
	for (size_t i = 0; i < sizeof(of_pools) / sizeof(of_pools[0]); i++)
		CHECK(strstr(KEEPS_ERRNO(pyq_pool_strerror(of_pools[i].err)), of_pools[i].word));
	for (size_t i = 0; i < COUNT; i++)
		CHECK(strcmp(pyq_pool_strerror(-errors[i].number), unknown));
	CHECK(!strcmp(pyq_strerror(0), pyq_strerror(17)));
	CHECK(pyq_is_full(-EAGAIN) && pyq_is_full(-ETIMEDOUT) && !pyq_is_full(-ESHUTDOWN));
	CHECK(pyq_is_empty(-EAGAIN) && pyq_is_empty(-ETIMEDOUT) && !pyq_is_empty(0));
	return failures;
}
