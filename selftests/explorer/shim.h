/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ring's atomics for the explorer: each is a step that the scheduler takes
 * when it chooses to (steps.c), on memory that is seen through store buffers.
 */
#ifndef EXPLORER_SHIM_H
#define EXPLORER_SHIM_H

#include "world.h"

#define pyq_load(p)		take_step(STEP_LOAD, p, 0, 0)
#define pyq_load_acquire(p)	take_step(STEP_LOAD, p, 0, 0)
#define pyq_store(p, v)		do { \
					if (is_of_keeper(p)) \
						*(p) = (v); \
					else \
						take_step(STEP_STORE, p, v, 0); \
				} while (0)
#define pyq_store_release(p, v)	pyq_store(p, v)

/* What he keeps for himself: seen by others under his lock only. */
static inline bool is_of_keeper(const void *at)
{
	const unsigned char *keeper = (const unsigned char *)&world.ghost.keeper;

	return (const unsigned char *)at >= keeper &&
	       (const unsigned char *)at < keeper + sizeof(world.ghost.keeper);
}

static inline bool pyq_breathe(void)
{
	return true;
}

static inline bool pyq_cas(__u64 *p, __u64 old, __u64 desired)
{
	return take_step(STEP_CAS, p, old, desired);
}

static inline bool pyq_cas32(__u32 *p, __u32 old, __u32 desired)
{
	return take_step(STEP_CAS, p, old, desired);
}

static inline void pyq_or(__u64 *p, __u64 bits)
{
	take_step(STEP_OR, p, bits, 0);
}

static inline void pyq_or32(__u32 *p, __u32 bits)
{
	take_step(STEP_OR, p, bits, 0);
}

static inline void pyq_and32(__u32 *p, __u32 bits)
{
	take_step(STEP_AND, p, bits, 0);
}

/*
 * Retry for ever. The ring counts its tries in a local variable of this name;
 * here it never gets beyond 1, so that a retry is no new state, and one that
 * leads nowhere is a cycle or an actor that does not finish alone. That is
 * every execution with less than 1024 failures in a row; what comes after them
 * (-EBUSY, a mark by OR) is not explored.
 */
static unsigned int tries;

static inline unsigned int endless(unsigned int *count)
{
	*count = 0;
	return 2;
}

#define PYQ_RING_TRIES	endless(&tries)

#endif
