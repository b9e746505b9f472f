/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Both sides of a queue through one interface: what waits for a message and what
 * waits for room, so that a case is written once and holds for every way to wait.
 */
#ifndef PYQUEUE_SLEEPERS_H
#define PYQUEUE_SLEEPERS_H

#include "pyqueue_test.h"

/* A way to wait. The queue is empty, or full: its bound is 1. */
struct side {
	bool gets;		/* waits for a message; otherwise for room */
	bool timed;		/* looks at the deadline */
	int (*wait)(int q, uint64_t deadline);	/* 0 or -errno */
};

static inline int wait_in_get(int q, uint64_t deadline)
{
	char byte;
	int ret = pq_get(q, &byte, 1, deadline);

	return ret == 1 ? 0 : ret;
}

static inline int wait_in_put(int q, uint64_t deadline)
{
	return pq_put(q, "p", 1, deadline);
}

static inline int wait_in_get_many(int q, uint64_t deadline)
{
	char bytes[2];
	struct pyqueue_msg msgs[] = { { .buf = (uintptr_t)&bytes[0], .len = 1 },
				      { .buf = (uintptr_t)&bytes[1], .len = 1 } };
	int ret = pq_get_many(q, msgs, 2, deadline);

	return ret == 1 ? 0 : ret;
}

static inline int wait_in_put_many(int q, uint64_t deadline)
{
	struct pyqueue_msg msgs[] = { { .buf = (uintptr_t)"m", .len = 1 },
				      { .buf = (uintptr_t)"n", .len = 1 } };
	int ret = pq_put_many(q, msgs, 2, deadline);

	return ret == 1 ? 0 : ret;
}

static inline int wait_in_put_large(int q, uint64_t deadline)
{
	static const char large[5000];

	return pq_put(q, large, sizeof(large), deadline);
}

static inline int wait_in_read(int q, uint64_t deadline)
{
	char byte;
	ssize_t ret = read(q, &byte, 1);

	return ret == 1 ? 0 : -errno;
}

static inline int wait_in_write(int q, uint64_t deadline)
{
	return write(q, "w", 1) == 1 ? 0 : -errno;
}

/* A queue on which everybody has to wait on that side. */
static inline int side_queue(int dev, const struct side *side)
{
	int q = pq_create(dev, .maxsize = 1);

	if (q >= 0 && !side->gets && pq_put(q, "0", 1, PYQUEUE_NOWAIT))
		abort();
	return q;
}

/* Let one of those who wait go. */
static inline int let_one_go(int q, const struct side *side)
{
	char buf[5000];
	int ret;

	if (side->gets)
		return pq_put(q, "1", 1, PYQUEUE_NOWAIT);
	ret = pq_get(q, buf, sizeof(buf), PYQUEUE_NOWAIT);
	return ret >= 1 ? 0 : ret;
}

static inline unsigned int sleeping(int q, const struct side *side)
{
	struct pyqueue_stat st = pq_stat(q);

	return side->gets ? st.getters : st.putters;
}

static inline bool until_asleep(int q, const struct side *side, unsigned int n)
{
	return eventually(sleeping(q, side) == n);
}

/* Is there what they wait for? */
static inline bool could_go(int q, const struct side *side)
{
	return (pq_qsize(q) == 1) == side->gets;
}

/*
 * A child in that wait, and asleep in it as the @n-th. One that is counted may be
 * about to sleep, and take what comes just then though others were there before.
 */
static inline pid_t sleeper(int q, const struct side *side, uint64_t deadline, unsigned int n)
{
	pid_t pid = child(side->wait(q, deadline));

	return until_asleep(q, side, n) && eventually(off_cpu(pid)) ? pid : -1;
}

/* The next child to end, whichever it is. */
static inline pid_t reap_any(int *status)
{
	pid_t pid = waitpid(-1, status, 0);

	if (pid > 0)
		*status = WIFSIGNALED(*status) ? KILLED_BY(WTERMSIG(*status)) :
						 -WEXITSTATUS(*status);
	return pid;
}

static inline void on_signal(int sig, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	if (sigaction(sig, &action, NULL))
		abort();
}

/*
 * Everything on one CPU, and the caller before everybody else: what it does
 * from here on looks like one instant to the others.
 */
static inline bool one_cpu(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	return !sched_setaffinity(0, sizeof(cpus), &cpus);
}

static inline bool before_everybody(bool on)
{
	struct sched_param param = { .sched_priority = on ? 10 : 0 };

	return !sched_setscheduler(0, on ? SCHED_FIFO : SCHED_OTHER, &param);
}

#endif
