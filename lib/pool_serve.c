// SPDX-License-Identifier: MIT
/* A pool's worker program, in that program: it becomes the pool's helper. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "descriptor.h"
#include "pool_exec.h"

#define MESSAGE_MAX (64u << 20)

/* --- the socket ---------------------------------------------------------------------------- */

static int number(const char *text)
{
	char *end;
	const long fd = strtol(text, &end, 10);

	return *text >= '0' && *text <= '9' && !*end && fd <= INT_MAX ? (int)fd : -1;
}

static bool is(int fd, int option, int value)
{
	socklen_t len = sizeof(int);
	int is;

	return !getsockopt(fd, SOL_SOCKET, option, &is, &len) && is == value;
}

/*
 * Who made the pair of sockets is this process's parent: otherwise that one's worker program has
 * not taken the variable out of its environment, and this is a child of it.
 */
static bool is_from_parent(int fd)
{
	struct ucred host;
	socklen_t len = sizeof(host);

	return is(fd, SO_DOMAIN, AF_UNIX) && is(fd, SO_TYPE, SOCK_SEQPACKET) &&
	       !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &host, &len) && host.pid == getppid();
}

/* No other program is to find it. Return: its number, or -ENOTCONN. */
static int find_socket(void)
{
	const char *text = getenv(PYQI_POOL_VARIABLE);
	const int fd = text ? number(text) : -1;

	if (text)
		unsetenv(PYQI_POOL_VARIABLE);
	if (fd < 0 || !is_from_parent(fd) || fcntl(fd, F_SETFD, FD_CLOEXEC))
		return -ENOTCONN;
	return fd;
}

/* --- the first message ------------------------------------------------------------------------ */

/* The files that have come with it, none of them 0, 1 or 2. Return: 0 or an error. */
static int take_files(struct msghdr *msg, int files[PYQI_POOL_FILES])
{
	size_t n = 0;
	int err = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(int) <= c->cmsg_len - CMSG_LEN(0);
		     at += sizeof(int)) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
			if (n == PYQI_POOL_FILES) {
				close(fd);
				err = -EINVAL;
				continue;
			}
			files[n] = pyqi_opened(fd);
			if (files[n] < 0)
				err = files[n];
			n++;
		}
	}
	if (n == PYQI_POOL_FILES)
		return err;
	/* This process may have no more, or they were not sent. */
	return msg->msg_flags & MSG_CTRUNC ? -EMFILE : -EINVAL;
}

static bool is_possible(const struct pyqi_pool_hello *hello)
{
	return hello->most && hello->most <= UINT16_MAX && hello->queue_size &&
	       hello->queue_size <= UINT16_MAX + 1 && hello->max_message <= MESSAGE_MAX &&
	       memchr(hello->name, '\0', sizeof(hello->name));
}

/* Return: 0; -ENOTCONN there is nobody; or what is wrong. */
static int hear_hello(int orders, struct pyqi_pool_hello *hello, int files[PYQI_POOL_FILES])
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(PYQI_POOL_FILES * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = hello, .iov_len = sizeof(*hello) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct pollfd pfd = { .fd = orders, .events = POLLIN };
	ssize_t len;
	int err;

	if (pyqi_poll_until(&pfd, 1, pyqi_deadline_after(pyqi_now(), PYQI_POOL_MEET_NS)) != 1)
		return -ENOTCONN;
	len = recvmsg(orders, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (len <= 0)
		return -ENOTCONN;
	err = take_files(&msg, files);
	if ((size_t)len < offsetof(struct pyqi_pool_hello, word) || hello->magic != PYQI_POOL_MAGIC)
		return -EINVAL;
	if (hello->protocol != PYQI_POOL_PROTOCOL)
		return -EPROTO;
	if (len != sizeof(*hello) || msg.msg_flags & MSG_TRUNC || !is_possible(hello))
		return -EINVAL;
	return hello->word != sizeof(void *) ? -EPROTO : err;
}

/* --- what it is about ---------------------------------------------------------------------- */

static int map_table(struct pyqi_pool_common *c, const struct pyqi_pool_hello *hello, int fd)
{
	const int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	void *at;

	c->table_size = pyqi_pool_table_size(hello->most, hello->queue_size);
	if (fstat(fd, &st) || seals < 0 || !(seals & F_SEAL_SHRINK) ||
	    (size_t)st.st_size != c->table_size)
		return -EINVAL;
	at = mmap(NULL, c->table_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	c->table = at;
	return 0;
}

static int queue_from(pyq_queue **q, int *fd)
{
	const int err = pyq_from_fd(q, *fd);

	/* It is the handle's now. */
	if (!err)
		*fd = -1;
	return err;
}

static int set_up(struct pyqi_pool_common *c, const struct pyqi_pool_hello *hello,
		  int files[PYQI_POOL_FILES])
{
	int err = map_table(c, hello, files[PYQI_POOL_TABLE]);

	if (!err)
		err = queue_from(&c->tasks, &files[PYQI_POOL_TASKS]);
	if (!err)
		err = queue_from(&c->news, &files[PYQI_POOL_NEWS]);
	c->most = hello->most;
	c->wake = files[PYQI_POOL_WAKE];
	c->attr.queue_size = hello->queue_size;
	c->attr.max_tasks = hello->max_tasks;
	c->attr.max_message = hello->max_message;
	memcpy(c->name, hello->name, sizeof(c->name));
	c->name[sizeof(c->name) - 1] = '\0';
	return err;
}

static void tear_down(struct pyqi_pool_common *c, int files[PYQI_POOL_FILES])
{
	pyq_close(c->tasks);
	pyq_close(c->news);
	if (c->table)
		munmap(c->table, c->table_size);
	for (int i = 0; i < PYQI_POOL_FILES; i++)
		if (files[i] >= 0)
			close(files[i]);
}

/* --- its functions ---------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Is none there twice? Return: 0 or an error. */
static int compare_all(const struct pyq_pool_function *functions, uint32_t n)
{
	const char **names = calloc(n + 1, sizeof(*names));
	int err = 0;

	if (!names)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		names[i] = functions[i].name;
	qsort(names, n, sizeof(*names), by_name);
	for (uint32_t i = 1; i < n; i++)
		if (!strcmp(names[i - 1], names[i]))
			err = -EEXIST;
	free(names);
	return err;
}

static int check_functions(const struct pyq_pool_function *functions, uint32_t *n)
{
	for (*n = 0; functions[*n].name; ++*n) {
		const size_t len = strnlen(functions[*n].name, PYQI_POOL_NAME);

		if (*n == PYQI_POOL_NAMES)
			return -E2BIG;
		if (!len || len == PYQI_POOL_NAME || !functions[*n].function)
			return -EINVAL;
	}
	return compare_all(functions, *n);
}

/* Return: 0; -ENOTCONN there is nobody any more. */
static int say(int orders, const void *message, size_t len)
{
	ssize_t ret;

	do
		ret = send(orders, message, len, MSG_NOSIGNAL);
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? -ENOTCONN : 0;
}

static int answer(int orders, const struct pyq_pool_function *functions, uint32_t n, int error)
{
	const struct pyqi_pool_answer answer = {
		.magic = PYQI_POOL_MAGIC,
		.protocol = PYQI_POOL_PROTOCOL,
		.error = error,
		.n = error ? 0 : n,
	};
	int err = say(orders, &answer, sizeof(answer));

	for (uint32_t i = 0; !err && i < answer.n; i++) {
		struct pyqi_pool_named named = {
			.function = (uintptr_t)functions[i].function,
		};
		const size_t len = strlen(functions[i].name) + 1;

		memcpy(named.name, functions[i].name, len);
		err = say(orders, &named, offsetof(struct pyqi_pool_named, name) + len);
	}
	return err ? err : error;
}

/* --- */

static int serve(int orders, const struct pyq_pool_function *functions,
		 const struct pyq_pool_attr *attr)
{
	int files[PYQI_POOL_FILES] = { -1, -1, -1, -1, -1 };
	struct pyqi_pool_common c = { .attr = *attr, .table_fd = -1 };
	struct pyqi_pool_hello hello;
	uint32_t n = 0;
	int err = hear_hello(orders, &hello, files);

	if (!err)
		err = pyqi_process_begin();
	if (!err)
		err = set_up(&c, &hello, files);
	if (!err)
		err = check_functions(functions, &n);
	if (err != -ENOTCONN)
		err = answer(orders, functions, n, err);
	if (!err) {
		/* It is mapped. */
		close(files[PYQI_POOL_TABLE]);
		files[PYQI_POOL_TABLE] = -1;
		/* No worker is to write it again. */
		fflush(stdout);
		fflush(stderr);
		err = pyqi_pool_help(&c, orders, files[PYQI_POOL_PARENT], NULL);
	}
	tear_down(&c, files);
	return err;
}

int pyq_pool_serve(const struct pyq_pool_function *functions, int (*initializer)(void *arg),
		   void *arg)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	const struct pyq_pool_attr attr = { .initializer = initializer, .initializer_arg = arg };
	const int orders = find_socket();
	int ret;

	if (orders < 0)
		return orders;
	ret = serve(orders, functions, &attr);
	close(orders);
	return ret;
}
