/* SPDX-License-Identifier: MIT */
/*
 * Sleeping and calling on a mapped queue, by futexes on its sleepers' words.
 *
 * No call is lost:
 *
 *	sleeper					caller
 *	announces itself (CAS, H)		publishes or releases (CAS, G)
 *	tries, and finds nothing		sees it announced, claims it, calls
 *	sleeps while nobody is claimed
 *
 * A claim is anonymous: it raises the sequence, so whoever is about to sleep does
 * not, and the futex wakes the one that has slept longest. Who then announces
 * himself again may be counted twice; a call that finds nobody puts that right.
 * Who may have been called and leaves without taking, and who takes and leaves
 * more, calls the next: the baton. What somebody took along who died on the way,
 * the slices give back: nobody sleeps longer than one of them without looking.
 */
#ifndef PYQI_SLEEP_H
#define PYQI_SLEEP_H

#include "priv.h"

/**
 * struct pyqi_wait - what somebody waits for on a mapped queue
 * @side: where he announces himself
 * @attempt: try it: 0 or more done, -EAGAIN not now, or an error
 * @ready: would @attempt say anything but -EAGAIN
 * @arg: for @attempt
 */
struct pyqi_wait {
	struct pyqueue_waiters *side;
	ssize_t (*attempt)(pyq_queue *q, void *arg);
	bool (*ready)(pyq_queue *q);
	void *arg;
};

/**
 * pyqi_wait() - do something as soon as it can be done; it cannot be now
 * @q: the queue
 * @wait: what
 * @deadline: until when; not PYQI_NOWAIT
 *
 * Spins for a little while if that has been of use, then sleeps.
 *
 * Return: what the attempt returns, or -ETIMEDOUT.
 */
ssize_t pyqi_wait(pyq_queue *q, const struct pyqi_wait *wait, uint64_t deadline);

/* Call up to @n of those who sleep on a side; claimed already. */
void pyqi_call(struct pyqueue_waiters *side, uint32_t n);

/**
 * pyqi_wake() - there is something for @n of those who sleep on a side
 * @side: the side
 * @n: how many
 */
static inline void pyqi_wake(struct pyqueue_waiters *side, uint32_t n)
{
	uint32_t claimed = pyq_sleepers_claim(&side->sleepers, n);

	if (claimed)
		pyqi_call(side, claimed);
}

/* The baton: call the next of those who sleep on a side if there is something for him. */
static inline void pyqi_pass_on(pyq_queue *q, struct pyqueue_waiters *side,
				bool (*ready)(pyq_queue *q))
{
	if (pyq_load_acquire(&side->sleepers) & PYQUEUE_ANNOUNCED && ready(q)) /* G */
		pyqi_wake(side, 1);
}

/* Tries before a sleep that a new handle begins with: none on one processor. */
unsigned int pyqi_spin_default(void);

/* The queue is not what it was: wake all on all sides. */
void pyqi_wake_everybody(pyq_queue *q);

#endif
