// SPDX-License-Identifier: GPL-2.0
/*
 * An unbounded queue's messages that the ring has no room for: a list, in order, which
 * goes through the ring as it has room, so that whoever gets them gets them there. Who
 * finds the ring empty, or puts one more, moves them; who frees a slot calls somebody to
 * do so (pyqueue_wake_putters()).
 */
#include <linux/sched/signal.h>

#include "pyqueue.h"

/* The first of the list into a slot that has been claimed for it. */
static int pyqueue_move(struct pyqueue *q, struct pyq_op *op)
{
	struct pyqueue_overflow *o = &q->overflow;
	struct pyqueue_large *m = o->first, *old = NULL;
	u32 len = pyqueue_large_len(m);
	unsigned int flags = 0;
	int err;

	lockdep_assert_held(&o->lock);
	o->first = *pyqueue_large_next(m);
	if (!o->first)
		o->link = &o->first;
	pyq_overflow_moving(&q->ring, &o->seen);
	if (len <= pyq_ring_payload(&q->ring)) {
		pyqueue_large_copy(m, pyq_ring_slot(&q->ring, op->pos)->payload);
	} else {
		old = pyqueue_large_attach(q, op, m);
		m = NULL;
		flags = PYQUEUE_SLOT_INDIRECT;
	}
	err = pyq_ring_publish(&q->ring, op, len, flags);
	pyq_overflow_moved(&q->ring, &o->seen);
	pyqueue_large_put(q, old);
	pyqueue_large_put(q, m);
	return err;
}

/* Move what there is room for. Return: how many, or an error if none; -EBUSY: not now. */
static long pyqueue_refill_locked(struct pyqueue *q)
{
	u64 left = pyq_ring_slots(&q->ring), moved = 0;
	struct pyqueue_overflow *o = &q->overflow;
	struct pyq_op op;
	int ret = 0;

	lockdep_assert_held(&o->lock);
	/* Others empty the ring meanwhile: not for ever. */
	while (o->first && left--) {
		/* Once: who spoils the ring is not to keep others from the lock. */
		op.freed = false;
		ret = pyqueue_settle(q, &op, pyq_ring_claim_put(&q->ring, &op));
		if (ret)
			break;
		if (pyqueue_move(q, &op))
			ret = -EUCLEAN;
		moved++;
		pyqueue_wake_getters(q);
		if (ret || fatal_signal_pending(current))
			break;
		cond_resched();
	}
	/* Nobody closes the ring of such a queue before its last message is there. */
	if (ret == -ESHUTDOWN || ret == -EUCLEAN) {
		pyqueue_break(q);
		return -EUCLEAN;
	}
	/* All who wait for room: who was called for it before has found that others wait. */
	if (moved && !o->first)
		pyqueue_wake_everybody(q);
	if (moved || ret == -EAGAIN)
		return moved;
	return ret;
}

/**
 * pyqueue_refill() - move into the ring what waits outside, as far as there is room
 * @q: the queue, unbounded
 *
 * Context: Sleeps.
 * Return: 1 the ring is worth another look; 0 nothing can be had; -EINTR, -EUCLEAN.
 */
long pyqueue_refill(struct pyqueue *q)
{
	struct pyqueue_patience patience = { .rounds = 0 };
	int busy;
	long ret;

	/* Not without the lock: the last of them may be on its way, and not be there yet. */
	do {
		if (mutex_lock_killable(&q->overflow.lock))
			return -EINTR;
		ret = pyqueue_refill_locked(q);
		mutex_unlock(&q->overflow.lock);
		if (ret == -EBUSY && !pyqueue_busy(q, &patience, &busy))
			return busy;
	} while (ret == -EBUSY);
	/* Others may just have moved some, or the last. */
	return pyqueue_get_ready(q);
}

/**
 * pyqueue_put_outside() - put a message behind those that wait, if any
 * @q: the queue, unbounded
 * @m: the message; the caller's reference is the queue's if that succeeds
 *
 * Context: Sleeps.
 * Return: 0, -ESHUTDOWN, -EINTR, -EUCLEAN.
 */
int pyqueue_put_outside(struct pyqueue *q, struct pyqueue_large *m)
{
	struct pyqueue_overflow *o = &q->overflow;
	int err = 0;

	if (mutex_lock_killable(&o->lock))
		return -EINTR;
	if (READ_ONCE(q->broken)) {
		err = -EUCLEAN;
	} else if (o->seen.closed) {
		err = -ESHUTDOWN;
	} else {
		*o->link = m;
		o->link = pyqueue_large_next(m);
		pyq_overflow_add(&q->ring, &o->seen);
		/* There may be room by now. If it cannot be used the getters have to. */
		if (pyqueue_refill_locked(q) < 0)
			pyqueue_wake_getters(q);
	}
	mutex_unlock(&o->lock);
	return err;
}

/**
 * pyqueue_overflow_is_denied() - does the ring send putters here although nobody waits
 * @q: the queue
 *
 * Only who spoils it can have done that; who claims a slot himself would be sent here and
 * away again for ever.
 *
 * Context: Sleeps.
 */
bool pyqueue_overflow_is_denied(struct pyqueue *q)
{
	bool denied;

	if (!pyq_overflows(&q->ring))
		return false;
	if (!q->unbounded)
		return true;
	if (mutex_lock_killable(&q->overflow.lock))
		return false;
	denied = !q->overflow.first && pyq_overflows(&q->ring);
	mutex_unlock(&q->overflow.lock);
	return denied;
}

/* Take all there is. Return: a list. */
static struct pyqueue_large *pyqueue_overflow_take(struct pyqueue_overflow *o)
{
	struct pyqueue_large *first = o->first;

	o->first = NULL;
	o->link = &o->first;
	return first;
}

static void pyqueue_overflow_free(struct pyqueue *q, struct pyqueue_large *first)
{
	while (first) {
		struct pyqueue_large *m = first;

		first = *pyqueue_large_next(m);
		pyqueue_large_put(q, m);
		cond_resched();
	}
}

/**
 * pyqueue_overflow_shutdown() - end an unbounded queue
 * @q: the queue
 * @immediate: drop what waits; the ring's messages are left to pyqueue_drop()
 *
 * Context: Sleeps; nobody has the lock for long.
 */
void pyqueue_overflow_shutdown(struct pyqueue *q, bool immediate)
{
	struct pyqueue_overflow *o = &q->overflow;
	struct pyqueue_large *dropped = NULL;

	mutex_lock(&o->lock);
	WRITE_ONCE(q->closed, true);
	if (immediate) {
		dropped = pyqueue_overflow_take(o);
		pyq_overflow_drop(&q->ring, &o->seen); /* M */
	} else {
		pyq_overflow_close(&q->ring, &o->seen);
	}
	mutex_unlock(&o->lock);
	pyqueue_overflow_free(q, dropped);
}

/**
 * pyqueue_overflow_init() - nothing waits
 * @q: the queue
 */
void pyqueue_overflow_init(struct pyqueue *q)
{
	mutex_init(&q->overflow.lock);
	q->overflow.link = &q->overflow.first;
}

/**
 * pyqueue_overflow_end() - nobody has the queue open any more
 * @q: the queue
 *
 * Context: Sleeps.
 */
void pyqueue_overflow_end(struct pyqueue *q)
{
	pyqueue_overflow_free(q, pyqueue_overflow_take(&q->overflow));
	mutex_destroy(&q->overflow.lock);
}
