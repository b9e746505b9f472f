// SPDX-License-Identifier: GPL-2.0
/* task_done, join and shutdown. */
#include <linux/sched/signal.h>

#include "pyqueue.h"
#include "ring/account.h"

/**
 * pyqueue_unfinished() - messages that join waits for
 * @q: the queue
 *
 * Return: how many.
 */
u32 pyqueue_unfinished(struct pyqueue *q)
{
	struct pyq_op op = { .freed = false };
	u32 n = pyq_ring_unfinished(&q->ring, &op);

	if (op.freed)
		pyqueue_tombstone_gone(q);
	return n;
}

/* -EAGAIN as a wait wants it. */
static long pyqueue_try_join(struct pyqueue *q, void *arg)
{
	if (READ_ONCE(q->broken))
		return -EUCLEAN;
	return pyqueue_unfinished(q) ? -EAGAIN : 0;
}

bool pyqueue_join_ready(struct pyqueue *q)
{
	return pyqueue_try_join(q, NULL) != -EAGAIN;
}

/**
 * pyqueue_join() - wait until no message is unfinished
 * @q: the queue
 * @deadline_ns: as in the kernel contract
 *
 * Context: May sleep.
 * Return: 0 or an error of &struct pyqueue_join.
 */
long pyqueue_join(struct pyqueue *q, u64 deadline_ns)
{
	const struct pyqueue_wait wait = {
		.waitq = &q->joiners,
		.attempt = pyqueue_try_join,
		.ready = pyqueue_join_ready,
	};

	long ret = pyqueue_try_join(q, NULL);

	if (ret != -EAGAIN || deadline_ns == PYQUEUE_NOWAIT)
		return ret;
	return pyqueue_wait(q, &wait, deadline_ns);
}

/**
 * pyqueue_task_done() - count messages as done
 * @q: the queue
 * @count: how many
 *
 * Return: 0, or -EINVAL: there are not that many.
 */
long pyqueue_task_done(struct pyqueue *q, u32 count)
{
	struct pyq_op op = { .freed = false };
	int ret;

	while ((ret = pyq_ring_task_done(&q->ring, &op, count)) == -EBUSY) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	if (op.freed)
		pyqueue_tombstone_gone(q);
	if (ret <= 0)
		return ret;
	pyqueue_wake_joiners(q);
	return 0;
}

/**
 * pyqueue_shutdown() - end a queue
 * @q: the queue
 * @immediate: drop what is in it
 *
 * Context: May sleep.
 */
void pyqueue_shutdown(struct pyqueue *q, bool immediate)
{
	if (immediate) {
		pyq_ring_close_and_drop(&q->ring); /* M */
		WRITE_ONCE(q->drop, true);
		smp_mb(); /* M: a putter that is late looks at q->drop */
		pyqueue_transfer_drop(q);
	} else {
		pyq_ring_close(&q->ring);
	}
	pyqueue_wake_everybody(q);
}
