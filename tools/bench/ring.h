/* SPDX-License-Identifier: MIT */
/* What the rings of the bench's own have in common, which pyqueue is compared with. */
#ifndef PYQUEUE_BENCH_RING_H
#define PYQUEUE_BENCH_RING_H

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>

#include "message.h"

/* What two processes write is not in one line, nor in one that comes along with it. */
#define BENCH_OWN_LINES __attribute__((aligned(128)))

/* Tries before a process leaves the processor to another: a few microseconds. */
#define BENCH_TRIES 200

static BENCH_INLINE void bench_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield" ::: "memory");
#endif
}

/* Between two tries; @tries: of this wait, 0 in the beginning. */
static inline void bench_try_again(unsigned int *tries)
{
	if (++*tries % BENCH_TRIES)
		bench_relax();
	else
		sched_yield();
}

/* A power of two, so that a ring's places are found without a division. */
static inline unsigned long bench_power_of_two(unsigned long least)
{
	unsigned long power = 1;

	while (power < least)
		power *= 2;
	return power;
}

static inline size_t bench_pages(size_t bytes)
{
	return (bytes + 4095) / 4096 * 4096;
}

/* @bytes of zeros that children share, or NULL with errno. */
static inline void *bench_ring_map(size_t bytes)
{
	void *ring = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return ring == MAP_FAILED ? NULL : ring;
}

#endif
