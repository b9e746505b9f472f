// SPDX-License-Identifier: GPL-2.0
/* What the ring says to a claim, and what it means for the queue. */
#include <linux/sched/signal.h>

#include "pyqueue.h"

/**
 * pyqueue_settle() - wake whom a claim owes, and call a broken ring broken
 * @q: the queue
 * @op: the claim
 * @ret: what the ring has said
 *
 * Return: @ret.
 */
int pyqueue_settle(struct pyqueue *q, const struct pyq_op *op, int ret)
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
 * @ret: out: if not, what to return instead: -EINTR, -EUCLEAN
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
	if (head != patience->head || tail != patience->tail)
		*patience = (struct pyqueue_patience){ .head = head, .tail = tail };
	if (++patience->rounds == PYQUEUE_BUSY_ROUNDS) {
		pyqueue_break(q);
		*ret = -EUCLEAN;
		return false;
	}
	cond_resched();
	return true;
}
