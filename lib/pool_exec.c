// SPDX-License-Identifier: MIT
/* A pool's worker program, as the host sees it: how it is started, and what it can do. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "descriptor.h"
#include "pool_exec.h"

/* Nobody can take from under the other what it has mapped. */
int pyqi_pool_memfd(size_t size)
{
	const int fd = pyqi_opened(memfd_create("pool", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	int err;

	if (fd < 0)
		return fd;
	if (!ftruncate(fd, (off_t)size) && !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* --- the start --------------------------------------------------------------------------- */

static int say_hello(const pyq_pool *pool, int parent)
{
	const struct pyqi_pool_common *c = &pool->common;
	struct pyqi_pool_hello hello = {
		.magic = PYQI_POOL_MAGIC,
		.protocol = PYQI_POOL_PROTOCOL,
		.word = sizeof(void *),
		.most = c->most,
		.queue_size = c->attr.queue_size,
		.max_tasks = c->attr.max_tasks,
		.max_message = c->attr.max_message,
	};
	const int files[PYQI_POOL_FILES] = {
		[PYQI_POOL_TASKS] = pyq_fd(c->tasks), [PYQI_POOL_NEWS] = pyq_fd(c->news),
		[PYQI_POOL_TABLE] = c->table_fd,      [PYQI_POOL_WAKE] = c->wake,
		[PYQI_POOL_PARENT] = parent,
	};
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(files))];
	} control = { .head = { .cmsg_len = CMSG_LEN(sizeof(files)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS } };
	struct iovec iov = { .iov_base = &hello, .iov_len = sizeof(hello) };
	const struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	_Static_assert(sizeof(c->name) <= sizeof(hello.name), "room for the name");
	memcpy(hello.name, c->name, sizeof(c->name));
	memcpy(CMSG_DATA(&control.head), files, sizeof(files));
	if (sendmsg(pool->orders, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
		return 0;
	/* As many files are in sockets as one may have open. */
	return errno == ETOOMANYREFS ? -EMFILE : -errno;
}

/* What has been said waits for it in the socket. */
int pyqi_pool_exec(pyq_pool *pool, int orders, int parent)
{
	struct pyq_process p = { .argv = (const char *const *)pool->common.attr.argv };
	int err = say_hello(pool, parent);

	close(pool->common.table_fd);
	pool->common.table_fd = -1;
	if (!err)
		err = pyqi_process_exec(&p, orders);
	if (err)
		return err;
	pool->helper = p.priv.pid;
	pool->helper_fd = p.priv.pidfd;
	return 0;
}

/* --- what it can do ------------------------------------------------------------------------ */

/*
 * Its next message. That its end of the socket is closed need not be seen here if it has ended:
 * a child that another thread forked has that as well, for a while.
 *
 * Return: bytes; -EPIPE it has ended, or has closed it; -ETIMEDOUT; or another error.
 */
static ssize_t hear(const pyq_pool *pool, void *buf, size_t size, uint64_t deadline)
{
	struct pollfd fds[] = {
		{ .fd = pool->orders, .events = POLLIN },
		{ .fd = pool->helper_fd, .events = POLLIN },
	};
	bool has_ended = false;

	for (;;) {
		const ssize_t n = recv(pool->orders, buf, size, MSG_DONTWAIT | MSG_TRUNC);
		int ret;

		if (n > 0)
			return n;
		if (!n || errno == ECONNRESET || has_ended)
			return -EPIPE;
		if (errno != EAGAIN)
			return -errno;
		ret = pyqi_poll_until(fds, 2, deadline);
		if (ret <= 0)
			return ret ? ret : -ETIMEDOUT;
		/* What it said before it comes first. */
		has_ended = fds[1].revents;
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct pyqi_pool_named *)a)->name,
		      ((const struct pyqi_pool_named *)b)->name);
}

static int hear_names(pyq_pool *pool, uint32_t n, uint64_t deadline)
{
	/* calloc(0) may be NULL. */
	pool->names = calloc(n + 1, sizeof(*pool->names));
	pool->known = calloc(n + 1, sizeof(*pool->known));
	if (!pool->names || !pool->known)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		struct pyqi_pool_named *named = &pool->names[i];
		const ssize_t len = hear(pool, named, sizeof(*named), deadline);
		const size_t head = offsetof(struct pyqi_pool_named, name);

		if (len < 0)
			return (int)len;
		if ((size_t)len <= head || (size_t)len > sizeof(*named) || !named->function ||
		    (uintptr_t)named->function != named->function ||
		    strnlen(named->name, sizeof(named->name)) + 1 != (size_t)len - head)
			return -EPROTO;
		pool->known[i][0] = (uintptr_t)named->function;
		pool->known[i][1] = (uintptr_t)named->function + 1;
	}
	pool->nr_known = n;
	qsort(pool->names, n, sizeof(*pool->names), by_name);
	return 0;
}

static int hear_all(pyq_pool *pool)
{
	const uint64_t deadline = pyqi_deadline_after(pyqi_now(), PYQI_POOL_MEET_NS);
	struct pyqi_pool_answer answer;
	const ssize_t len = hear(pool, &answer, sizeof(answer), deadline);

	if (len < 0)
		return (int)len;
	if (len != sizeof(answer) || answer.magic != PYQI_POOL_MAGIC ||
	    answer.protocol != PYQI_POOL_PROTOCOL || answer.n > PYQI_POOL_NAMES ||
	    answer.error > 0 || answer.error < -4095)
		return -EPROTO;
	return answer.error ? answer.error : hear_names(pool, answer.n, deadline);
}

int pyqi_pool_meet(pyq_pool *pool)
{
	const int err = hear_all(pool);

	/* It may be anything, and not look at its socket. */
	if (err)
		syscall(SYS_pidfd_send_signal, pool->helper_fd, SIGKILL, NULL, 0);
	return err;
}

pyq_function pyq_pool_function(const pyq_pool *pool, const char *name)
{
	struct pyqi_pool_named key;
	const struct pyqi_pool_named *found = NULL;
	const size_t len = strnlen(name, sizeof(key.name));

	if (!pool->names || len == sizeof(key.name) || !pyqi_generation_is(pool->generation))
		return NULL;
	memcpy(key.name, name, len + 1);
	found = bsearch(&key, pool->names, pool->nr_known, sizeof(key), by_name);
	return found ? (pyq_function)(uintptr_t)found->function : NULL;
}
