// SPDX-License-Identifier: GPL-2.0
/* What the ring says to a claim, and what it means for the queue. */
#include <linux/jiffies.h>
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
	if (!patience->all++)
		patience->until = jiffies + msecs_to_jiffies(PYQUEUE_BUSY_MS);
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
	/* What stands still is known to be broken soon. */
	return patience->rounds > 1 || (patience->all < PYQUEUE_BUSY_MOST &&
					time_before(jiffies, patience->until));
}

/**
 * pyqueue_again() - is an attempt that does not wait to be made again
 * @ret: what it has said; out: -ERESTARTSYS if it is not because of a signal, -EAGAIN
 *	others have been quicker so often that nothing can be had
 * @times: how often it has been made again; 0 at first
 *
 * Not left to others: who spoils a ring can be quicker for ever.
 *
 * Context: May sleep.
 * Return: whether it is: others were quicker.
 */
bool pyqueue_again(long *ret, unsigned int *times)
{
	if (*ret != -EBUSY)
		return false;
	if (++*times == PYQUEUE_AGAIN_MOST) {
		*ret = -EAGAIN;
		return false;
	}
	if (signal_pending(current)) {
		*ret = -ERESTARTSYS;
		return false;
	}
	cond_resched();
	return true;
}
