/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the native ring tests share: kselftest's harness, and what ring_cases.h wants of
 * whoever runs its cases.
 */
#ifndef RING_TEST_H
#define RING_TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

#define noinline __attribute__((noinline))
#define __maybe_unused __attribute__((unused))
#define case_load(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define case_stop() abort()

/* The header's lines are aligned. */
static inline void *case_alloc(size_t bytes)
{
	void *memory = aligned_alloc(128, (bytes + 127) & ~127UL);

	return memory ? memset(memory, 0, bytes) : NULL;
}

static inline void case_free(void *memory)
{
	free(memory);
}

#include "../../kmod/ring_cases.h"

/* Shared with the children of this process. */
static inline struct pyq_ring ring_new_shared(__u64 maxsize, __u64 start)
{
	size_t bytes = PYQUEUE_HEADER_SIZE + (SLOT_SIZE << pyq_ring_order(maxsize));
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct pyq_ring r;

	if (memory == MAP_FAILED)
		abort();
	pyq_ring_init(&r, memory, maxsize, SLOT_SIZE, ME);
	ring_start_at(&r, start);
	return r;
}

#endif
