// SPDX-License-Identifier: MIT
/*
 * The linker has every call of these functions, from this program and the library in it,
 * come here first (--wrap, in the Makefile): all that a message may need. Of liburing's a
 * few may come back without a system call: so what is counted is not less than there were.
 */
#include <liburing.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <unistd.h>

#include "calls.h"

/* A process has a line of its own: what it counts is not to cost the others anything. */
struct line {
	uint64_t count;
	char rest[120];
};

#define LINES 4096

static struct line *lines; /* the first one: how many have been given away */
static uint64_t *count;

static void have_line(void)
{
	const uint64_t n = __atomic_fetch_add(&lines[0].count, 1, __ATOMIC_RELAXED);

	count = &lines[1 + n % (LINES - 1)].count;
}

__attribute__((constructor)) static void begin(void)
{
	lines = mmap(NULL, LINES * sizeof(*lines), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (lines == MAP_FAILED || pthread_atfork(NULL, NULL, have_line))
		abort();
	have_line();
}

uint64_t bench_calls(void)
{
	uint64_t sum = 0;

	for (size_t i = 1; i < LINES; i++)
		sum += __atomic_load_n(&lines[i].count, __ATOMIC_RELAXED);
	return sum;
}

uint64_t bench_calls_of_this(void)
{
	return __atomic_load_n(count, __ATOMIC_RELAXED);
}

static void one(void)
{
	__atomic_add_fetch(count, 1, __ATOMIC_RELAXED);
}

/* NAME(PARAMETERS) that counts and then does ARGUMENTS. */
#define COUNTED(type, name, parameters, arguments) \
	type __real_##name parameters;             \
	type __wrap_##name parameters;             \
	type __wrap_##name parameters              \
	{                                          \
		one();                             \
		return __real_##name arguments;    \
	}

COUNTED(ssize_t, read, (int fd, void *buf, size_t n), (fd, buf, n))
COUNTED(long, pyqi_ioctl, (int fd, unsigned long cmd, void *arg),
	(fd, cmd, arg)) /* the library's */
COUNTED(ssize_t, write, (int fd, const void *buf, size_t n), (fd, buf, n))
COUNTED(ssize_t, send, (int fd, const void *buf, size_t n, int flags), (fd, buf, n, flags))
COUNTED(ssize_t, recv, (int fd, void *buf, size_t n, int flags), (fd, buf, n, flags))
COUNTED(int, mq_send, (mqd_t mq, const char *buf, size_t n, unsigned int priority),
	(mq, buf, n, priority))
COUNTED(ssize_t, mq_receive, (mqd_t mq, char *buf, size_t n, unsigned int *priority),
	(mq, buf, n, priority))
COUNTED(int, msgsnd, (int id, const void *message, size_t n, int flags), (id, message, n, flags))
COUNTED(ssize_t, msgrcv, (int id, void *message, size_t n, long type, int flags),
	(id, message, n, type, flags))
COUNTED(int, epoll_wait, (int fd, struct epoll_event *events, int n, int timeout),
	(fd, events, n, timeout))
COUNTED(int, epoll_pwait2,
	(int fd, struct epoll_event *events, int n, const struct timespec *timeout,
	 const sigset_t *set),
	(fd, events, n, timeout, set))
COUNTED(int, epoll_ctl, (int fd, int op, int which, struct epoll_event *event),
	(fd, op, which, event))
COUNTED(int, sched_yield, (void), ())
COUNTED(int, io_uring_submit, (struct io_uring * ring), (ring))
COUNTED(int, io_uring_submit_and_wait, (struct io_uring * ring, unsigned int n), (ring, n))
COUNTED(int, io_uring_submit_and_wait_timeout,
	(struct io_uring * ring, struct io_uring_cqe **cqe, unsigned int n,
	 struct __kernel_timespec *timeout, sigset_t *set),
	(ring, cqe, n, timeout, set))

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);

long __wrap_syscall(long number, ...)
{
	va_list args;
	long a[6];

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	one();
	return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	one();
	return __real_ioctl(fd, request, arg);
}

int __wrap_fcntl(int fd, int command, ...)
{
	va_list args;
	void *arg;

	va_start(args, command);
	arg = va_arg(args, void *);
	va_end(args);
	one();
	return __real_fcntl(fd, command, arg);
}
