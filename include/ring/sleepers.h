/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * Those who sleep on one side of a queue, as those see them who wake them: how
 * many have announced themselves and not been claimed, and a sequence that each
 * claim raises and on which they sleep.
 *
 * There are never fewer announced than sleep uncalled; there may be more, which
 * costs a call that finds nobody. Who dies announced leaves one more.
 */
#ifndef PYQ_RING_SLEEPERS_H
#define PYQ_RING_SLEEPERS_H

#include "ring.h"

static inline __u32 pyq_sleepers_sequence(__u64 word)
{
	return (__u32)(word >> PYQUEUE_SEQUENCE_SHIFT);
}

/**
 * pyq_sleepers_announce() - say that the caller is going to sleep
 * @word: the side's sleepers
 * @sequence: out: what to sleep on, as long as it is still that
 *
 * The caller looks at the ring afterwards, and only then sleeps (H).
 *
 * Return: whether it has been said; if not, somebody spoils the word or too many
 * are at it: do not sleep long.
 */
static inline bool pyq_sleepers_announce(__u64 *word, __u32 *sequence)
{
	unsigned int tries;

	for (tries = 0; tries < PYQ_RING_TRIES; tries++) {
		__u64 seen = pyq_load(word);

		*sequence = pyq_sleepers_sequence(seen);
		if ((seen & PYQUEUE_ANNOUNCED) == PYQUEUE_ANNOUNCED)
			return false;
		if (pyq_cas(word, seen, seen + 1)) /* H */
			return true;
	}
	return false;
}

/**
 * pyq_sleepers_announce_anew() - somebody has claimed some and not called them
 * @word: the side's sleepers
 * @n: how many sleep; at least so many are announced then
 *
 * The caller looks at the ring afterwards, and calls one if there is something for him
 * (H). Nothing is said if somebody spoils the word.
 */
static inline void pyq_sleepers_announce_anew(__u64 *word, __u32 n)
{
	unsigned int tries;

	for (tries = 0; tries < PYQ_RING_TRIES; tries++) {
		__u64 seen = pyq_load(word);
		__u32 announced = (__u32)(seen & PYQUEUE_ANNOUNCED);

		if (announced >= n || pyq_cas(word, seen, seen + (n - announced))) /* H */
			return;
	}
}

/**
 * pyq_sleepers_withdraw() - take an announcement back
 * @word: the side's sleepers
 * @sequence: what pyq_sleepers_announce() has said
 *
 * Only while nobody has been claimed since: otherwise the caller may be the one,
 * and what is left another's.
 *
 * Return: whether it is taken back. If not, the caller may have been called: if
 * it does not take what it was called for, it has to call the next.
 */
static inline bool pyq_sleepers_withdraw(__u64 *word, __u32 sequence)
{
	unsigned int tries;

	for (tries = 0; tries < PYQ_RING_TRIES; tries++) {
		__u64 seen = pyq_load_acquire(word); /* T */

		if (pyq_sleepers_sequence(seen) != sequence || !(seen & PYQUEUE_ANNOUNCED))
			return false;
		if (pyq_cas(word, seen, seen - 1))
			return true;
	}
	return false;
}

/**
 * pyq_sleepers_claim() - claim some who are to be called
 * @word: the side's sleepers
 * @n: at most so many
 *
 * After what they wait for (A, C, S: the CAS before this is seq_cst), and followed
 * by one call for as many as this returns.
 *
 * Return: how many.
 */
static inline __u32 pyq_sleepers_claim(__u64 *word, __u32 n)
{
	unsigned int tries;

	for (tries = 0; tries < PYQ_RING_TRIES; tries++) {
		__u64 seen = pyq_load_acquire(word); /* G */
		__u32 announced = (__u32)(seen & PYQUEUE_ANNOUNCED);
		__u32 claimed = announced < n ? announced : n;
		__u64 sequence = pyq_sleepers_sequence(seen) + 1;

		if (!claimed)
			return 0;
		if (pyq_cas(word, seen,
			    sequence << PYQUEUE_SEQUENCE_SHIFT | (announced - claimed)))
			return claimed;
	}
	/* Somebody spoils the word; a call too many does no harm. */
	return n;
}

/**
 * pyq_pollers_announce() - say that somebody polls a side
 * @side: the side
 *
 * He looks at the ring afterwards (H), and sleeps while the word is what it was then.
 */
static inline void pyq_pollers_announce(struct pyqueue_waiters *side)
{
	pyq_or32(&side->pollers, PYQUEUE_POLLED); /* H */
}

/* Does somebody poll a side? */
static inline bool pyq_pollers_any(const struct pyqueue_waiters *side)
{
	return pyq_load_acquire(&side->pollers) & PYQUEUE_POLLED; /* G */
}

/**
 * pyq_pollers_claim() - claim all who poll a side
 * @side: the side
 *
 * As pyq_sleepers_claim(), but that it does not try again: if the word has moved
 * another has claimed them since, and calls; who says again that he polls looks
 * after that, and so after what we have done. The sequence is for him who is about
 * to sleep while another says again that he polls: he would not see that he has been
 * claimed. It never goes back, or he might sleep after a claim all the same.
 *
 * Return: whether there are any to be called.
 */
static inline bool pyq_pollers_claim(struct pyqueue_waiters *side)
{
	__u32 seen = pyq_load_acquire(&side->pollers); /* G */

	return seen & PYQUEUE_POLLED &&
	       pyq_cas32(&side->pollers, seen, (seen & ~PYQUEUE_POLLED) + PYQUEUE_POLLED_STEP);
}

#endif
