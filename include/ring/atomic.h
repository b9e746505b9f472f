/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * The only place of the ring that spells atomic operations: the kernel's or
 * C's, or those of a test (PYQ_RING_ATOMICS names its header), by one name.
 * Between C's a test may come in (pyq_step()).
 *
 * A successful pyq_cas() and pyq_or() are seq_cst, in the kernel full barriers;
 * a failed pyq_cas() orders nothing; the same of 32 bits. There are no fences: in
 * C it takes a seq_cst load, not only a seq_cst CAS before it, for G and H to hold
 * on every machine, so all acquiring loads are (which costs nothing on x86).
 */
#ifndef PYQ_RING_ATOMIC_H
#define PYQ_RING_ATOMIC_H

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/types.h>
#else
#include <errno.h>
#include <stdbool.h>
#include <linux/types.h>
#endif

#ifdef PYQ_RING_ATOMICS

#include PYQ_RING_ATOMICS

#elif defined(__KERNEL__)

#include <linux/atomic.h>
#include <linux/sched/signal.h>

#define pyq_load(p)		READ_ONCE(*(p))
/* What each of these orders: see the letters of ring.h. */
#define pyq_load_acquire(p)	smp_load_acquire(p)
/* As above. */
#define pyq_store_release(p, v)	smp_store_release(p, v)
#define pyq_store(p, v)		WRITE_ONCE(*(p), v)

/*
 * For loops over all slots of a queue, which may be millions. Return: whether the
 * caller is to go on; he who is being killed need not.
 */
static inline bool pyq_breathe(void)
{
	cond_resched();
	return !fatal_signal_pending(current);
}

static inline bool pyq_cas(__u64 *p, __u64 old, __u64 new)
{
	return cmpxchg(p, old, new) == old;
}

static inline bool pyq_cas32(__u32 *p, __u32 old, __u32 new)
{
	return cmpxchg(p, old, new) == old;
}

/* Not by CAS: whoever spoils the word all the time must not hold this up. */
static inline void pyq_or(__u64 *p, __u64 bits)
{
	smp_mb__before_atomic(); /* a full barrier, as pyq_cas() is */
	atomic64_or(bits, (atomic64_t *)p);
	smp_mb__after_atomic(); /* the same */
}

static inline void pyq_or32(__u32 *p, __u32 bits)
{
	smp_mb__before_atomic(); /* a full barrier, as pyq_cas() is */
	atomic_or(bits, (atomic_t *)p);
	smp_mb__after_atomic(); /* the same */
}

static inline void pyq_and32(__u32 *p, __u32 bits)
{
	smp_mb__before_atomic(); /* a full barrier, as pyq_cas() is */
	atomic_and(bits, (atomic_t *)p);
	smp_mb__after_atomic(); /* the same */
}

#else

/*
 * For a test, which defines both before it includes this: here a step of a kind ("load",
 * "store", "cas", "or", "and") is taken on the word at p; here a pyq_cas() has changed it, or not.
 */
#ifndef pyq_step
#define pyq_step(kind, p)	(p)
#define pyq_changed(done, p, from, to) (done)
#endif

#define pyq_load(p)		__atomic_load_n(pyq_step("load", p), __ATOMIC_RELAXED)
#define pyq_load_acquire(p)	__atomic_load_n(pyq_step("load", p), __ATOMIC_SEQ_CST)
#define pyq_store(p, v)		__atomic_store_n(pyq_step("store", p), v, __ATOMIC_RELAXED)
#define pyq_store_release(p, v)	__atomic_store_n(pyq_step("store", p), v, __ATOMIC_RELEASE)

static inline bool pyq_breathe(void)
{
	return true;
}

static inline bool pyq_cas(__u64 *p, __u64 old, __u64 desired)
{
	/* Only a failure writes to old. */
	return pyq_changed(__atomic_compare_exchange_n(pyq_step("cas", p), &old, desired, false,
						       __ATOMIC_SEQ_CST, __ATOMIC_RELAXED),
			   p, old, desired);
}

static inline bool pyq_cas32(__u32 *p, __u32 old, __u32 desired)
{
	/* As above. */
	return __atomic_compare_exchange_n(pyq_step("cas", p), &old, desired, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static inline void pyq_or(__u64 *p, __u64 bits)
{
	__atomic_fetch_or(pyq_step("or", p), bits, __ATOMIC_SEQ_CST);
}

static inline void pyq_or32(__u32 *p, __u32 bits)
{
	__atomic_fetch_or(pyq_step("or", p), bits, __ATOMIC_SEQ_CST);
}

static inline void pyq_and32(__u32 *p, __u32 bits)
{
	__atomic_fetch_and(pyq_step("and", p), bits, __ATOMIC_SEQ_CST);
}

#endif

#endif
