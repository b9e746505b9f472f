// SPDX-License-Identifier: GPL-2.0
/*
 * What a program is handed on by another: queues and a pool by variables of its
 * environment, and what the two say to each other on the pool's socket. The input is that
 * variable or those messages, in which anything may stand.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../lib/pool_exec.h"

#include "check.h"
#include "input.h"

/* The files that a program is given have these numbers here, three of each. */
enum { QUEUE = 200, NO_QUEUE = 203 };

static const pyq_queue *queue;

/* One call's input as a string, which ASan knows the end of. */
static char *text_of(struct input *in, size_t most)
{
	char *text = calloc(1, most + 1);
	size_t n;

	REQUIRE(text);
	n = input_bytes(in, text, most);
	text = realloc(text, n + 1);
	REQUIRE(text);
	text[n] = '\0';
	return text;
}

/* --- queues ------------------------------------------------------------------------ */

static void take_queues(struct input *in)
{
	static const char *const names[] = { "q", "jobs", "a.b-c_d", "", "x:y", "jobs2" };
	char *text = text_of(in, 255);

	setenv("PYQUEUE_QUEUES", text, 1);
	free(text);
	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		pyq_queue *q;

		if (CALL(pyq_process_queue(names[i], &q), ENOENT, EBADF, ENOTTY, EMFILE, EUCLEAN)) {
			REQUIRE(!q);
			continue;
		}
		REQUIRE(!CALL(pyq_put(q, "", 0, PYQ_NOWAIT), EAGAIN));
		REQUIRE(!CALL(pyq_get(q, NULL, 0, PYQ_NOWAIT), EAGAIN, EFAULT));
		pyq_close(q);
	}
	unsetenv("PYQUEUE_QUEUES");
}

/* An environment for another program: what is said is what is given, once. */
static void make_environment(struct input *in)
{
	enum { MOST = 8 };
	struct pyq_process_queue queues[MOST];
	char *strings[2 * MOST];
	const char *envp[MOST + 1] = { NULL };
	struct pyq_process p = { .envp = envp, .queues = queues };
	const uint8_t how = input_byte(in);
	unsigned int nr_strings = 0, ours = 0;
	char **made = NULL;
	int err;

	p.nr_queues = how % MOST;
	for (size_t i = 0; i < p.nr_queues; i++) {
		strings[nr_strings] = text_of(in, 20);
		queues[i] = (struct pyq_process_queue){ .name = strings[nr_strings++],
							.q = (pyq_queue *)(uintptr_t)queue };
	}
	for (size_t i = 0; i < (how >> 3) % MOST; i++)
		envp[i] = strings[nr_strings++] = text_of(in, 40);
	err = pyqi_process_environment(&p, how >> 6 ? how : -1, &made);
	REQUIRE(!err || err == -EINVAL);
	for (size_t i = 0; !err && made[i]; i++)
		ours += !strncmp(made[i], "PYQUEUE_QUEUES=", strlen("PYQUEUE_QUEUES=")) +
			!strncmp(made[i], PYQI_POOL_VARIABLE "=", strlen(PYQI_POOL_VARIABLE "="));
	REQUIRE(err || ours == !!p.nr_queues + !!(how >> 6));
	free(made);
	while (nr_strings)
		free(strings[--nr_strings]);
}

/* Where a program is looked for. */
static void make_paths(struct input *in)
{
	char *path = text_of(in, 200), *file = text_of(in, 40);
	char **paths;

	setenv("PATH", path, 1);
	REQUIRE(!pyqi_process_paths(file, &paths));
	for (size_t i = 0; paths[i]; i++) {
		const size_t len = strlen(paths[i]);

		REQUIRE(len >= strlen(file) && !strcmp(paths[i] + len - strlen(file), file));
	}
	free(paths);
	free(file);
	free(path);
}

/* --- a pool ------------------------------------------------------------------------ */

static int nothing(struct pyq_call *call)
{
	(void)call;
	return 0;
}

/* Who made the socket is this process, not its parent: see LDFLAGS_shm_handover. */
pid_t __wrap_getppid(void);
pid_t __wrap_getppid(void)
{
	return getpid();
}

/* Send what the input says, with files: of a pool's the queues are never both there. */
static void send_one(struct input *in, int socket)
{
	static const int files[] = { QUEUE, NO_QUEUE, NO_QUEUE + 1, NO_QUEUE + 2, 2, QUEUE };
	const uint8_t how = input_byte(in);
	const size_t nr_files = how & 7 ? (how & 7) - 1 : 0;
	char bytes[sizeof(struct pyqi_pool_named) + 8];
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(files))];
	} control = { .head = { .cmsg_len = CMSG_LEN(nr_files * sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS } };
	struct pyqi_pool_hello hello = { .magic = PYQI_POOL_MAGIC,
					 .protocol = PYQI_POOL_PROTOCOL,
					 .word = sizeof(void *),
					 .most = 1,
					 .queue_size = 1 };
	struct iovec iov = { .iov_base = bytes };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	memset(bytes, 0, sizeof(bytes));
	/* As it should be, but for what follows. */
	if (how & 8)
		memcpy(bytes, &hello, sizeof(hello));
	if (how & 16) {
		const size_t at = input_byte(in);

		iov.iov_len = sizeof(hello);
		input_bytes(in, bytes + at % sizeof(hello), sizeof(bytes) - sizeof(hello));
	} else {
		iov.iov_len = input_bytes(in, bytes, sizeof(bytes));
	}
	if (nr_files) {
		for (size_t i = 0; i < nr_files; i++)
			((int *)(void *)CMSG_DATA(&control.head))[i] =
				files[i < 2 ? input_byte(in) % 2 : i == 2 ? 3 : i];
		/* The first is the tasks, the second the news. */
		((int *)(void *)CMSG_DATA(&control.head))[1] = NO_QUEUE;
		if (how & 32)
			((int *)(void *)CMSG_DATA(&control.head))[2] = NO_QUEUE + 2;
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(nr_files * sizeof(int));
	}
	sendmsg(socket, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void make_sockets(int sockets[2])
{
	REQUIRE(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets));
}

/* The worker program: the pool says hello. */
static void serve(struct input *in)
{
	const struct pyq_pool_function functions[] = { { "nothing", nothing }, { NULL, NULL } };
	char *text, number[16];
	int sockets[2];

	make_sockets(sockets);
	if (input_byte(in) & 1) {
		text = text_of(in, 30);
		setenv(PYQI_POOL_VARIABLE, text, 1);
		free(text);
	} else {
		snprintf(number, sizeof(number), "%d", sockets[0]);
		setenv(PYQI_POOL_VARIABLE, number, 1);
	}
	send_one(in, sockets[1]);
	/* Whichever of the two it takes for its own: there is no more to wait for. */
	shutdown(sockets[1], SHUT_WR);
	shutdown(sockets[0], SHUT_WR);
	REQUIRE(pyq_pool_serve(functions, NULL, NULL) < 0);
	close(sockets[0]);
	close(sockets[1]);
}

/* The host: the worker program says what it can do. */
static void meet(struct input *in)
{
	struct pyqi_pool_answer answer = { .magic = PYQI_POOL_MAGIC,
					   .protocol = PYQI_POOL_PROTOCOL };
	pyq_pool *pool = calloc(1, sizeof(*pool));
	int sockets[2], err;
	char *name;

	REQUIRE(pool);
	make_sockets(sockets);
	pool->orders = sockets[0];
	pool->helper_fd = -1;
	pool->generation = pyqi_generation();
	answer.n = input_byte(in);
	if (answer.n & 0x80)
		send_one(in, sockets[1]);
	else
		send(sockets[1], &answer, sizeof(answer), MSG_DONTWAIT);
	for (unsigned int i = 0; i < 8 && !input_is_over(in); i++) {
		struct pyqi_pool_named named = { .function = input_byte(in) };
		const size_t len = input_bytes(in, named.name, sizeof(named.name));

		send(sockets[1], &named, offsetof(struct pyqi_pool_named, name) + len,
		     MSG_DONTWAIT);
	}
	close(sockets[1]);
	err = pyqi_pool_meet(pool);
	REQUIRE(err <= 0);
	name = text_of(in, 255);
	if (!err)
		pyq_pool_function(pool, name);
	free(name);
	close(sockets[0]);
	free(pool->names);
	free(pool->known);
	free(pool);
}

/* --- all of them ------------------------------------------------------------------- */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	pyq_queue *q;
	int fd;

	(void)argc, (void)argv;
	setenv("PYQUEUE_BACKEND", "shm", 1);
	REQUIRE(!pyq_create(&q, &(struct pyq_attr){ .maxsize = 4 }));
	queue = q;
	REQUIRE(dup2(pyq_fd(q), QUEUE) == QUEUE);
	fd = memfd_create("no queue", MFD_CLOEXEC);
	REQUIRE(fd >= 0 && dup2(fd, NO_QUEUE) == NO_QUEUE);
	REQUIRE(dup2(fd, NO_QUEUE + 1) == NO_QUEUE + 1);
	close(fd);
	/* As large as the table of the smallest pool. */
	fd = pyqi_pool_memfd(pyqi_pool_table_size(1, 1));
	REQUIRE(fd >= 0 && dup2(fd, NO_QUEUE + 2) == NO_QUEUE + 2);
	close(fd);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const all[])(struct input *) = { take_queues, make_environment, make_paths,
						       serve, meet };
	struct input in = { .at = data, .end = data + size };

	all[input_byte(&in) % (sizeof(all) / sizeof(all[0]))](&in);
	return 0;
}
