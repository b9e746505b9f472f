/* SPDX-License-Identifier: MIT */
#ifndef PYQUEUE_BENCH_CLOCK_H
#define PYQUEUE_BENCH_CLOCK_H

#include <stdint.h>
#include <time.h>
#include <sys/resource.h>

/*
 * Each message costs the first two: who waits by spinning pays with the second. Where a
 * measurement is of how long each takes the first one is the median, and there are others.
 */
enum bench_clock {
	BENCH_WALL, /* time */
	BENCH_CPU,  /* processor time: user and system, of all processes together */
	BENCH_P99,  /* what one in a hundred exceeds */
	BENCH_P999, /* what one in a thousand exceeds */
	BENCH_CLOCKS,
};

static inline uint64_t bench_wall_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline uint64_t bench_cpu_ns_of(int who)
{
	struct rusage used;

	getrusage(who, &used);
	return (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000000 +
	       (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1000;
}

/* Of this process. */
static inline uint64_t bench_cpu_ns(void)
{
	return bench_cpu_ns_of(RUSAGE_SELF);
}

/* And of those that it has waited for, and they. */
static inline uint64_t bench_cpu_all_ns(void)
{
	return bench_cpu_ns() + bench_cpu_ns_of(RUSAGE_CHILDREN);
}

#endif
