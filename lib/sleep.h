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
 * the slices give back: nobody sleeps longer than one of them without looking at the ring.
 */
#ifndef PYQI_SLEEP_H
#define PYQI_SLEEP_H

#include "ring_ops.h"

/* What these are: struct pyqi_ring_ops. */
ssize_t pyqi_futex_wait(pyq_queue *q, const struct pyqi_wait *wait, uint64_t deadline);
void pyqi_futex_call(pyq_queue *q, struct pyqueue_waiters *side, uint32_t n);
void pyqi_futex_call_pollers(pyq_queue *q, struct pyqueue_waiters *side);
void pyqi_futex_call_everybody(pyq_queue *q);

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

#endif
