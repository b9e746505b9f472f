// SPDX-License-Identifier: GPL-2.0
/* What the ring says to a claim, and what it means for the queue. */
#include <linux/sched/signal.h>

#include "pyqueue.h"

/**
 * pyqueue_settle_slowly() - wake whom a claim owes, and call a broken ring broken
 * @q: the queue
 * @op: the claim
 * @ret: what the ring has said
 *
 * Return: @ret.
 */
int pyqueue_settle_slowly(struct pyqueue *q, const struct pyq_op *op, int ret)
{
	if (op->freed)
		pyqueue_tombstone_gone(q);
	if (ret == -EUCLEAN)
		pyqueue_break(q);
	return ret;
}

/**
 * pyqueue_busy() - the ring has said -EBUSY: is it worth another try
 * @q: the queue
 * @patience: the caller's; zeros at first
 * @ret: out: if not, what to return instead: -EINTR, -EUCLEAN; -EBUSY others have been
 *	quicker so often that it is time to look whether the call is to end
 *
 * Context: May sleep.
 * Return: whether it is.
 */
bool pyqueue_busy(struct pyqueue *q, struct pyqueue_patience *patience, int *ret)
{
	u64 head = pyq_load_acquire(&q->ring.hdr->head);
	u64 tail = pyq_load_acquire(&q->ring.hdr->tail);

	if (fatal_signal_pending(current)) {
		*ret = -EINTR;
		return false;
	}
	if (head != patience->head || tail != patience->tail) {
		patience->rounds = 0;
		patience->head = head;
		patience->tail = tail;
	}
	if (++patience->rounds == PYQUEUE_BUSY_ROUNDS) {
		pyqueue_break(q);
		*ret = -EUCLEAN;
		return false;
	}
	cond_resched();
	*ret = -EBUSY;
	return ++patience->all < PYQUEUE_BUSY_MOST;
}

/**
 * pyqueue_again() - is an attempt that does not wait to be made again
 * @ret: what it has said; out: -ERESTARTSYS if it is not because of a signal
 *
 * Not left to others: who spoils a ring can be quicker for ever.
 *
 * Context: May sleep.
 * Return: whether it is: others were quicker.
 */
bool pyqueue_again(long *ret)
{
	if (*ret != -EBUSY)
		return false;
	if (signal_pending(current)) {
		*ret = -ERESTARTSYS;
		return false;
	}
	cond_resched();
	return true;
}
