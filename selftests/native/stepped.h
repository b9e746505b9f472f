/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ring's atomics for tests that come between any two of them: to stop a
 * participant there, to let another do something there, or to end it there.
 *
 *	#define PYQ_RING_ATOMICS "stepped.h"	before the ring's headers
 *
 * Steps are taken by the thread that the test runs in.
 */
#ifndef STEPPED_H
#define STEPPED_H

static struct {
	/* Before each step: its kind, and the word that it is about to touch. */
	void (*before)(const char *kind, const void *at);
	/* After a CAS that has changed the word at @at. */
	void (*changed)(const void *at, __u64 from, __u64 to);
} stepped;

static inline void stepped_before(const char *kind, const void *at)
{
	if (stepped.before)
		stepped.before(kind, at);
}

#define pyq_load(p)		(stepped_before("load", p), __atomic_load_n(p, __ATOMIC_RELAXED))
#define pyq_load_acquire(p)	(stepped_before("load", p), __atomic_load_n(p, __ATOMIC_ACQUIRE))
#define pyq_store(p, v) \
	(stepped_before("store", p), __atomic_store_n(p, v, __ATOMIC_RELAXED))
#define pyq_store_release(p, v) \
	(stepped_before("store", p), __atomic_store_n(p, v, __ATOMIC_RELEASE))
#define pyq_breathe()		((void)0)

static inline bool pyq_cas(__u64 *p, __u64 old, __u64 desired)
{
	__u64 seen = old;

	stepped_before("cas", p);
	if (!__atomic_compare_exchange_n(p, &seen, desired, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_RELAXED))
		return false;
	if (stepped.changed)
		stepped.changed(p, old, desired);
	return true;
}

static inline void pyq_or(__u64 *p, __u64 bits)
{
	stepped_before("or", p);
	__atomic_fetch_or(p, bits, __ATOMIC_SEQ_CST);
}

static inline void pyq_or32(__u32 *p, __u32 bits)
{
	stepped_before("or", p);
	__atomic_fetch_or(p, bits, __ATOMIC_SEQ_CST);
}

#endif
