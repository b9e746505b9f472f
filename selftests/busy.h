/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A processor that somebody has for himself: so another, who has been woken there, does not
 * run yet. For less than a second; then the scheduler lets others in.
 */
#ifndef SELFTESTS_BUSY_H
#define SELFTESTS_BUSY_H

#include "pyqueue_test.h"

#include <sched.h>

/* On that processor only; with priority: no other runs there. */
static inline int stay_on(int cpu, bool first)
{
	const struct sched_param param = { .sched_priority = 1 };
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		return -1;
	return first ? sched_setscheduler(0, SCHED_FIFO, &param) : 0;
}

/* Who has it, and the word that ends it, shared with him. */
struct busy {
	pid_t pid;
	int *stop;
};

static inline int keep_busy(int cpu, int *stop)
{
	if (stay_on(cpu, true))
		return -EPIPE;
	store(stop, -1);
	while (load(stop) < 0)
		;
	return 0;
}

/* Return: whether he has it. */
static inline bool make_busy(struct busy *b, int cpu)
{
	b->stop = shared_memory(sizeof(*b->stop));
	if (!b->stop)
		return false;
	b->pid = child(keep_busy(cpu, b->stop));
	return eventually(load(b->stop) < 0);
}

/* Return: 0, or what he has to say. */
static inline int end_busy(struct busy *b)
{
	store(b->stop, 1);
	return reap(b->pid);
}

#endif
