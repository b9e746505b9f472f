/* SPDX-License-Identifier: GPL-2.0 */
/* Time, chance, and words that several processes read and write. */
#ifndef SOAK_BASICS_H
#define SOAK_BASICS_H

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <pyqueue.h>

#define MSEC UINT64_C(1000000)
#define SEC (1000 * MSEC)

#define load(p) __atomic_load_n(p, __ATOMIC_SEQ_CST)
#define store(p, v) __atomic_store_n(p, v, __ATOMIC_SEQ_CST)
#define add(p, v) __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST)

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SEC + (uint64_t)ts.tv_nsec;
}

/* SplitMix64: from one number as many others as are wanted, always the same ones. */
static inline uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

struct chance {
	uint64_t state;
};

/* 0 to @n - 1 */
static inline unsigned int any(struct chance *c, unsigned int n)
{
	c->state += UINT64_C(0x9e3779b97f4a7c15);
	return (unsigned int)(mix(c->state) >> 32) % n;
}

static inline bool one_in(struct chance *c, unsigned int n)
{
	return any(c, n) == 0;
}

#endif
