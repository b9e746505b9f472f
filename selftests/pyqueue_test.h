/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the pyqueue selftests share: one thin wrapper an ioctl, so that a case
 * reads as a table, and ways to wait for another process without sleeping.
 *
 * Wrappers return what the ioctl returned, or -errno.
 */
#ifndef PYQUEUE_TEST_H
#define PYQUEUE_TEST_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <linux/pyqueue.h>

#include "kselftest_harness.h"

#define MSEC 1000000ULL
#define SEC (1000 * MSEC)

static inline int dev_open(void)
{
	int fd = open("/dev/pyqueue", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static inline long pq_ioctl(int fd, unsigned long cmd, void *arg)
{
	long ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret;
}

/* pq_create(dev, .maxsize = 3) */
#define pq_create(dev, ...)                                                  \
	pq_ioctl(dev, PYQUEUE_IOC_CREATE, &(struct pyqueue_create){          \
		.size = sizeof(struct pyqueue_create),                       \
		.uid = PYQUEUE_ID_CALLER, .gid = PYQUEUE_ID_CALLER,          \
		__VA_ARGS__ })

/* pq_create_named(dev, "name", .maxsize = 3) */
#define pq_create_named(dev, text, ...)                                      \
	pq_create(dev, .name = (uintptr_t)(text), .name_len = strlen(text),  \
		  .mode = 0600, __VA_ARGS__)

static inline int pq_open(int dev, const char *name, unsigned int flags)
{
	struct pyqueue_open a = { .size = sizeof(a), .flags = flags,
		.name = (uintptr_t)name, .name_len = strlen(name) };

	return pq_ioctl(dev, PYQUEUE_IOC_OPEN, &a);
}

static inline int pq_unlink(int dev, const char *name)
{
	struct pyqueue_unlink a = { .size = sizeof(a),
		.name = (uintptr_t)name, .name_len = strlen(name) };

	return pq_ioctl(dev, PYQUEUE_IOC_UNLINK, &a);
}

static inline int pq_put(int q, const void *buf, size_t len, uint64_t deadline)
{
	struct pyqueue_put a = { .size = sizeof(a), .deadline_ns = deadline,
		.buf = (uintptr_t)buf, .len = len };

	return pq_ioctl(q, PYQUEUE_IOC_PUT, &a);
}

/* The whole structure comes back through @out, which may be NULL. */
static inline int pq_get_full(int q, void *buf, size_t room, uint64_t deadline,
			      struct pyqueue_get *out)
{
	struct pyqueue_get a = { .size = sizeof(a), .deadline_ns = deadline,
		.buf = (uintptr_t)buf, .len = room };
	int ret = pq_ioctl(q, PYQUEUE_IOC_GET, &a);

	if (out)
		*out = a;
	return ret;
}

static inline int pq_get(int q, void *buf, size_t room, uint64_t deadline)
{
	return pq_get_full(q, buf, room, deadline, NULL);
}

static inline int pq_many(int q, unsigned long cmd, struct pyqueue_msg *msgs,
			  unsigned int count, uint64_t deadline)
{
	struct pyqueue_many a = { .size = sizeof(a), .deadline_ns = deadline,
		.msgs = (uintptr_t)msgs, .count = count };

	return pq_ioctl(q, cmd, &a);
}

static inline int pq_put_many(int q, struct pyqueue_msg *msgs, unsigned int n, uint64_t deadline)
{
	return pq_many(q, PYQUEUE_IOC_PUT_MANY, msgs, n, deadline);
}

static inline int pq_get_many(int q, struct pyqueue_msg *msgs, unsigned int n, uint64_t deadline)
{
	return pq_many(q, PYQUEUE_IOC_GET_MANY, msgs, n, deadline);
}

static inline int pq_qsize(int q)
{
	return pq_ioctl(q, PYQUEUE_IOC_QSIZE, NULL);
}

static inline int pq_task_done(int q, unsigned int count)
{
	struct pyqueue_task_done a = { .size = sizeof(a), .count = count };

	return pq_ioctl(q, PYQUEUE_IOC_TASK_DONE, &a);
}

static inline int pq_join(int q, uint64_t deadline)
{
	struct pyqueue_join a = { .size = sizeof(a), .deadline_ns = deadline };

	return pq_ioctl(q, PYQUEUE_IOC_JOIN, &a);
}

static inline int pq_shutdown(int q, unsigned int flags)
{
	struct pyqueue_shutdown a = { .size = sizeof(a), .flags = flags };

	return pq_ioctl(q, PYQUEUE_IOC_SHUTDOWN, &a);
}

static inline struct pyqueue_stat pq_stat(int q)
{
	struct pyqueue_stat st = { .size = sizeof(st) };

	if (ioctl(q, PYQUEUE_IOC_STAT, &st))
		abort();
	return st;
}

static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SEC + ts.tv_nsec;
}

static inline uint64_t in_ns(uint64_t ns)
{
	return now_ns() + ns;
}

/* Far beyond what a working system needs; a test that meets it has failed. */
#define SOON in_ns(20 * SEC)

/*
 * Wait until the queue says that so many sleep in it. The module's own count
 * is the only thing that tells a sleeper from one that is about to be.
 */
#define wait_sleepers(q, member, n)                                          \
	({                                                                   \
		uint64_t until_ = SOON;                                      \
		while (pq_stat(q).member != (n) && now_ns() < until_)        \
			sched_yield();                                       \
		pq_stat(q).member == (n);                                    \
	})

#endif
