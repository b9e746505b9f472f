/* SPDX-License-Identifier: MIT */
/*
 * What mapped rings differ in: how one sleeps and calls, who settles what the dead
 * have left, and where messages are that do not fit a slot.
 */
#ifndef PYQI_RING_OPS_H
#define PYQI_RING_OPS_H

#include "priv.h"

/**
 * struct pyqi_wait - what somebody waits for on a mapped queue
 * @side: where he announces himself
 * @attempt: try it: 0 or more done, -EAGAIN not now, or an error
 * @glance: the same at a glance, where it is plain; NULL: it never is
 * @ready: would @attempt say anything but -EAGAIN
 * @asleep: let the system do it as soon as it can be done, where it can: as
 *	@attempt, or -ETIMEDOUT. NULL: it cannot
 * @arg: for @attempt and @asleep
 */
struct pyqi_wait {
	struct pyqueue_waiters *side;
	ssize_t (*attempt)(pyq_queue *q, void *arg);
	bool (*glance)(const pyq_queue *q);
	bool (*ready)(pyq_queue *q);
	ssize_t (*asleep)(pyq_queue *q, void *arg, uint64_t deadline);
	void *arg;
};

/**
 * struct pyqi_ring_ops - what mapped rings differ in
 * @wait: do something as soon as it can be done; it cannot be now. Spins for a
 *	little while if that has been of use, then sleeps. The deadline is not
 *	PYQI_NOWAIT. Returns what the attempt returns, or -ETIMEDOUT.
 * @call: call up to @n of those who sleep on a side; claimed already
 * @call_pollers: all who poll it; claimed already
 * @call_everybody: the queue is not what it was
 * @refill: move into the ring what waits outside of it. Returns 0: it is worth another
 *	try on that side; or an error. NULL: nothing ever waits there
 * @look_around: settle what those have left who have died, if nobody else does.
 *	Returns 0, or -EUCLEAN.
 * @drop: take and drop all messages of a queue that is shut down; they count as done
 * @put_asleep: put several messages, as the backend's put_many; into an unbounded
 *	queue also those that the ring has no room for. NULL: it takes @wait
 * @get_asleep: the same for get_many
 * @put_large: put a message that does not fit a slot. Returns 1 or an error.
 * @large_ready: could @large_copy be done now? Returns 0, or an error; NULL: always
 * @large_copy: copy the message of a claimed slot that is not in it, @op->len bytes;
 *	what @large_release needs is in @first. Returns 0, -EUCLEAN, -EOWNERDEAD,
 *	-EFAULT where it is the system that copies, or as @large_ready.
 * @large_release: release that slot. As pyq_ring_release().
 */
struct pyqi_ring_ops {
	ssize_t (*wait)(pyq_queue *q, const struct pyqi_wait *wait, uint64_t deadline);
	void (*call)(pyq_queue *q, struct pyqueue_waiters *side, uint32_t n);
	void (*call_pollers)(pyq_queue *q, struct pyqueue_waiters *side);
	void (*call_everybody)(pyq_queue *q);
	int (*refill)(pyq_queue *q, const struct pyqueue_waiters *side);
	int (*look_around)(pyq_queue *q);
	void (*drop)(pyq_queue *q);

	ssize_t (*put_asleep)(pyq_queue *q, const struct pyq_msg *msgs, size_t n,
			      uint64_t deadline);
	ssize_t (*get_asleep)(pyq_queue *q, struct pyq_msg *msgs, size_t n, uint64_t deadline);

	ssize_t (*put_large)(pyq_queue *q, const struct pyq_msg *msg, uint64_t deadline);
	int (*large_ready)(pyq_queue *q);
	int (*large_copy)(pyq_queue *q, const struct pyq_op *op, void *data, uint32_t *first);
	int (*large_release)(pyq_queue *q, const struct pyq_op *op, uint32_t first);
};

static inline const struct pyqi_ring_ops *pyqi_ops(const pyq_queue *q)
{
	return q->backend->ring;
}

/**
 * pyqi_wake() - there is something for @n of those who sleep on a side
 * @q: the queue
 * @side: the side
 * @n: how many
 *
 * And for all who poll it: a poller never stands in for a sleeper.
 */
static inline void pyqi_wake(pyq_queue *q, struct pyqueue_waiters *side, uint32_t n)
{
	uint32_t claimed = pyq_sleepers_claim(&side->sleepers, n);

	if (claimed)
		pyqi_ops(q)->call(q, side, claimed);
	if (__builtin_expect(pyq_pollers_claim(side), 0))
		pyqi_ops(q)->call_pollers(q, side);
}

/* The baton: call the next of those who wait on a side if there is something for him. */
static inline void pyqi_pass_on(pyq_queue *q, struct pyqueue_waiters *side,
				bool (*ready)(pyq_queue *q))
{
	bool waits = pyq_load_acquire(&side->sleepers) & PYQUEUE_ANNOUNCED; /* G */

	if ((waits || pyq_pollers_any(side)) && ready(q))
		pyqi_wake(q, side, 1);
}

#endif
