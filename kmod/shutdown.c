// SPDX-License-Identifier: GPL-2.0
/* The end of a queue. */
#include "pyqueue.h"

static void pyqueue_close(struct pyqueue *q, bool immediate)
{
	if (q->unbounded) {
		pyqueue_overflow_shutdown(q, immediate);
		return;
	}
	WRITE_ONCE(q->closed, true); /* before the barrier of closing (G) */
	if (immediate)
		pyq_ring_close_and_drop(&q->ring); /* M */
	else
		pyq_ring_close(&q->ring);
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
	pyqueue_close(q, immediate);
	if (immediate) {
		WRITE_ONCE(q->drop, true);
		smp_mb(); /* M: a putter that is late looks at q->drop */
		pyqueue_drop(q);
	}
	pyqueue_wake_everybody(q);
}
