/* SPDX-License-Identifier: MIT */
/*
 * A mapped queue for poll(), without the module: an eventfd for each side that is
 * asked for, and a thread that sleeps until there is something, and tells.
 *
 *	thread					whoever gets (the same for who puts)
 *	announces that it polls (H)		publishes
 *	looks, and finds nothing		sees it announced (G), calls
 *	sleeps, is called, looks: there is
 *	something: makes the fd ready, and
 *	sleeps until that is over		gets; nothing is left: makes the fd
 *						unready, wakes the thread
 *	begins again
 *
 * Who asks for a side while another gets says so, and looks afterwards (H); the other gets,
 * and looks afterwards whether anybody has (G): one of the two sees that nothing is left.
 */
#ifndef PYQI_POLLS_H
#define PYQI_POLLS_H

#include "priv.h"

void pyqi_polls_update(pyq_queue *q);

/* Has one of this handle's sides been asked for? */
static inline bool pyqi_is_polled(const pyq_queue *q)
{
	return __atomic_load_n(&q->map.polled, __ATOMIC_SEQ_CST); /* G */
}

/* After each thing that may have left nothing to get, or no room. */
static inline void pyqi_polls_look(pyq_queue *q)
{
	if (pyqi_is_polled(q))
		pyqi_polls_update(q);
}

/* In a forked child, at once: the threads, and what they make ready, are the parent's. */
void pyqi_polls_let_go(pyq_queue *q);

/*
 * In a child, in whatever way it was made, when it has time: what is left of them. One
 * that was made by clone() keeps the fds: what the numbers are by now cannot be told.
 */
void pyqi_polls_forget(const struct pyqi_mapping *parents);

/* The handle is closed. */
void pyqi_polls_end(pyq_queue *q);

#endif
