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

/**
 * struct pyqi_watch - how somebody who sleeps looks after the others
 * @patient: there is another who looks often
 * @watching: it is him; pyqi_watch_ends() ends it
 */
struct pyqi_watch {
	bool patient;
	bool watching;
};

/**
 * pyqi_doze() - sleep for one slice, and look around if nothing has come of it
 * @q: the queue
 * @futex: in shared memory, of @q
 * @value: while it is this
 * @deadline: until when at most
 * @watch: zeros at first: the first slice is short, who sleeps on has time to look
 *
 * Return: whether a call has ended it.
 */
bool pyqi_doze(pyq_queue *q, uint32_t *futex, uint32_t value, uint64_t deadline,
	       struct pyqi_watch *watch);
void pyqi_watch_ends(pyq_queue *q, struct pyqi_watch *watch);

/* Call up to @n of those who sleep on a side; claimed already. The same for who polls. */
void pyqi_call(struct pyqueue_waiters *side, uint32_t n);
void pyqi_call_pollers(struct pyqueue_waiters *side);

/**
 * pyqi_wake() - there is something for @n of those who sleep on a side
 * @side: the side
 * @n: how many
 *
 * And for all who poll it: a poller never stands in for a sleeper.
 */
static inline void pyqi_wake(struct pyqueue_waiters *side, uint32_t n)
{
	uint32_t claimed = pyq_sleepers_claim(&side->sleepers, n);

	if (claimed)
		pyqi_call(side, claimed);
	if (__builtin_expect(pyq_pollers_claim(side), 0))
		pyqi_call_pollers(side);
}

/* The baton: call the next of those who wait on a side if there is something for him. */
static inline void pyqi_pass_on(pyq_queue *q, struct pyqueue_waiters *side,
				bool (*ready)(pyq_queue *q))
{
	bool waits = pyq_load_acquire(&side->sleepers) & PYQUEUE_ANNOUNCED; /* G */

	if ((waits || pyq_load_acquire(&side->pollers)) && ready(q)) /* G */
		pyqi_wake(side, 1);
}

/* The queue is not what it was: wake all on all sides. */
void pyqi_wake_everybody(pyq_queue *q);

#endif
