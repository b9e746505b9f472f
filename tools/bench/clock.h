/* SPDX-License-Identifier: MIT */
#ifndef PYQUEUE_BENCH_CLOCK_H
#define PYQUEUE_BENCH_CLOCK_H

#include <stdint.h>
#include <time.h>
#include <sys/resource.h>

/* Each message costs both: who waits by spinning pays with the second. */
enum bench_clock {
	BENCH_WALL, /* time */
	BENCH_CPU,  /* processor time: user and system, of all processes together */
	BENCH_CLOCKS,
};

static inline uint64_t bench_wall_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Of this process. */
static inline uint64_t bench_cpu_ns(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000000 +
	       (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1000;
}

#endif
