/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * An unbounded queue's messages that the ring has no room for wait outside, in order, and
 * go through the ring as it has. Who keeps them holds a lock of his own from here to here;
 * what the others see is their number and, while there are any, that one puts behind them.
 *
 * While some wait tail is not closed: the ring is, as soon as it has the last.
 */
#ifndef PYQ_RING_OVERFLOW_H
#define PYQ_RING_OVERFLOW_H

#include "put.h"

/**
 * struct pyq_overflow - what waits outside of a ring
 * @count: how many messages
 * @closed: shut down
 *
 * The keeper's own. @count may be read without the lock.
 */
struct pyq_overflow {
	__u64 count;
	bool closed;
};

static inline void pyq_overflow_count(struct pyq_ring *r, struct pyq_overflow *o, __u64 count)
{
	pyq_store_release(&o->count, count); /* R */
	pyq_store_release(&r->hdr->overflow, count); /* R */
}

/* One more waits. The put takes effect here, and has not returned yet. */
static inline void pyq_overflow_add(struct pyq_ring *r, struct pyq_overflow *o)
{
	pyq_overflow_count(r, o, o->count + 1);
	pyq_or32(&r->hdr->detour, PYQUEUE_DETOUR_PUT); /* P */
}

/* The first has a position, and is not published yet. */
static inline void pyq_overflow_moving(struct pyq_ring *r, struct pyq_overflow *o)
{
	if (o->closed && o->count == 1)
		pyq_ring_close(r);
	pyq_overflow_count(r, o, o->count - 1);
}

/* It is published: who finds no flag finds it in the ring. */
static inline void pyq_overflow_moved(struct pyq_ring *r, const struct pyq_overflow *o)
{
	if (!o->count)
		pyq_and32(&r->hdr->detour, ~PYQUEUE_DETOUR_PUT); /* P */
}

/* Shut down: what waits is delivered before the end. */
static inline void pyq_overflow_close(struct pyq_ring *r, struct pyq_overflow *o)
{
	o->closed = true;
	if (o->count)
		pyq_or32(&r->hdr->detour, PYQUEUE_DETOUR_CLOSED); /* P */
	else
		pyq_ring_close(r);
}

/* Shut down at once: the keeper has dropped what was waiting. */
static inline void pyq_overflow_drop(struct pyq_ring *r, struct pyq_overflow *o)
{
	o->closed = true;
	pyq_overflow_count(r, o, 0);
	pyq_ring_close_and_drop(r);
	pyq_and32(&r->hdr->detour, ~PYQUEUE_DETOUR_PUT); /* P */
}

/* Do messages wait, so that one puts behind them? */
static inline bool pyq_overflows(const struct pyq_ring *r)
{
	return pyq_load_acquire(&r->hdr->detour) & PYQUEUE_DETOUR_PUT; /* Q */
}

#endif
