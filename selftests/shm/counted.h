/* SPDX-License-Identifier: GPL-2.0 */
/* The ring's atomics for a library in which those who sleep and are called are counted. */
#ifndef SHM_COUNTED_H
#define SHM_COUNTED_H

#include <stddef.h>
#include <stdint.h>

/* A change of a word, if it is one that sleepers announce themselves in. */
void count_change(const void *at, uint64_t from, uint64_t to);

#define pyq_load(p)		__atomic_load_n(p, __ATOMIC_RELAXED)
#define pyq_load_acquire(p)	__atomic_load_n(p, __ATOMIC_SEQ_CST)
#define pyq_store(p, v)		__atomic_store_n(p, v, __ATOMIC_RELAXED)
#define pyq_store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)
#define pyq_breathe()		((void)0)

static inline bool pyq_cas(__u64 *p, __u64 old, __u64 desired)
{
	__u64 seen = old;

	if (!__atomic_compare_exchange_n(p, &seen, desired, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_RELAXED))
		return false;
	count_change(p, old, desired);
	return true;
}

static inline void pyq_or(__u64 *p, __u64 bits)
{
	__atomic_fetch_or(p, bits, __ATOMIC_SEQ_CST);
}

static inline void pyq_or32(__u32 *p, __u32 bits)
{
	__atomic_fetch_or(p, bits, __ATOMIC_SEQ_CST);
}

#endif
