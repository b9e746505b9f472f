/* SPDX-License-Identifier: GPL-2.0 */
/* Memory that stops whoever touches it, and threads that do so in GET. */
#ifndef PYQUEUE_TRAP_H
#define PYQUEUE_TRAP_H

#include "actors.h"

#include <pthread.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

/*
 * Memory in which the kernel stops: it must not have a message in hand then,
 * and what it does afterwards must not depend on what was there before.
 */
struct trap {
	int uffd;
	struct uffdio_range range;
};

static inline int set_trap(struct trap *trap, void *at, size_t size, bool for_writes_only)
{
	struct uffdio_api api = { .api = UFFD_API,
		.features = for_writes_only ? UFFD_FEATURE_PAGEFAULT_FLAG_WP : 0 };
	struct uffdio_register reg = { .range = { (uintptr_t)at, size },
		.mode = for_writes_only ? UFFDIO_REGISTER_MODE_WP : UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_writeprotect protect = { .range = reg.range,
		.mode = UFFDIO_WRITEPROTECT_MODE_WP };

	trap->range = reg.range;
	trap->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (trap->uffd < 0 || ioctl(trap->uffd, UFFDIO_API, &api) ||
	    ioctl(trap->uffd, UFFDIO_REGISTER, &reg) ||
	    (for_writes_only && ioctl(trap->uffd, UFFDIO_WRITEPROTECT, &protect)))
		return -errno;
	return 0;
}

/* Is somebody in it? Looks, and waits for nobody. */
static inline bool trapped(const struct trap *trap)
{
	struct uffd_msg msg;

	return read(trap->uffd, &msg, sizeof(msg)) == sizeof(msg) &&
	       msg.event == UFFD_EVENT_PAGEFAULT;
}

/* Whoever is in it goes on, and whoever comes. */
static inline void open_trap(struct trap *trap)
{
	ioctl(trap->uffd, UFFDIO_UNREGISTER, &trap->range);
	ioctl(trap->uffd, UFFDIO_WAKE, &trap->range);
}

/* A thread in GET. */
struct getter {
	int q;
	struct pyqueue_get *arg;
	int ret;
	int over;
	pid_t tid;
	pthread_t thread;
};

static inline void *get(void *arg)
{
	struct getter *getter = arg;

	store(&getter->tid, syscall(SYS_gettid));
	getter->ret = pq_ioctl(getter->q, PYQUEUE_IOC_GET, getter->arg);
	store(&getter->over, 1);
	return NULL;
}

static inline bool start(struct getter *getter, int q, struct pyqueue_get *arg)
{
	*getter = (struct getter){ .q = q, .arg = arg };
	return !pthread_create(&getter->thread, NULL, get, getter);
}

static inline int result(struct getter *getter)
{
	if (!eventually(load(&getter->over)))
		return -ETIME;
	pthread_join(getter->thread, NULL);
	return getter->ret;
}

static inline char *fresh_pages(int n)
{
	char *p = mmap(NULL, n * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

#define SET_TRAP(trap, at, pages, for_writes_only)                           \
	do {                                                                 \
		int err_ = set_trap(trap, at, (pages) * 4096, for_writes_only); \
		if (err_ == -ENOSYS || err_ == -EPERM)                       \
			SKIP(return, "no userfaultfd here");                 \
		ASSERT_EQ(0, err_);                                          \
	} while (0)

#endif
