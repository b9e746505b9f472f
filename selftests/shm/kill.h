/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ring's atomics for a library that can be killed before each of them, and
 * after the last.
 */
#ifndef SHM_KILL_H
#define SHM_KILL_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct kill - in memory that survives who is killed
 * @at: at which step; 0 for never
 * @steps: how many have been made
 * @published: a slot became READY by a CAS
 * @released: a slot became FREE for its next lap by a CAS
 */
struct kill {
	uint64_t at;
	uint64_t steps;
	uint64_t published;
	uint64_t released;
};

/* NULL: nobody is to be killed. */
extern struct kill *kill_me;

void kill_step(void);
void kill_changed(const void *at, uint64_t from, uint64_t to);

#define pyq_load(p)		(kill_step(), __atomic_load_n(p, __ATOMIC_RELAXED))
#define pyq_load_acquire(p)	(kill_step(), __atomic_load_n(p, __ATOMIC_SEQ_CST))
#define pyq_store(p, v)		(kill_step(), __atomic_store_n(p, v, __ATOMIC_RELAXED))
#define pyq_store_release(p, v)	(kill_step(), __atomic_store_n(p, v, __ATOMIC_RELEASE))
#define pyq_breathe()		((void)0)

static inline bool pyq_cas(__u64 *p, __u64 old, __u64 desired)
{
	__u64 seen = old;

	kill_step();
	if (!__atomic_compare_exchange_n(p, &seen, desired, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_RELAXED))
		return false;
	kill_changed(p, old, desired);
	return true;
}

static inline void pyq_or(__u64 *p, __u64 bits)
{
	kill_step();
	__atomic_fetch_or(p, bits, __ATOMIC_SEQ_CST);
}

static inline void pyq_or32(__u32 *p, __u32 bits)
{
	kill_step();
	__atomic_fetch_or(p, bits, __ATOMIC_SEQ_CST);
}

#endif
