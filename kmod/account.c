// SPDX-License-Identifier: GPL-2.0
/* What a queue holds: count, stat, task_done and join. */
#include <linux/sched/signal.h>
#include <linux/user_namespace.h>

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

/**
 * pyqueue_join_ready() - would a join find something to do
 * @q: the queue
 */
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
 * Return: 0; -EINVAL: there are not that many; -EINTR; -EUCLEAN.
 */
long pyqueue_task_done(struct pyqueue *q, u32 count)
{
	struct pyq_op op = { .freed = false };
	unsigned int rounds = 0;
	int ret;

	if (READ_ONCE(q->broken))
		return -EUCLEAN;
	while ((ret = pyq_ring_task_done(&q->ring, &op, count)) == -EBUSY) {
		if (fatal_signal_pending(current))
			return -EINTR;
		/* Others cannot have been quicker as often as that. */
		if (++rounds == PYQUEUE_BUSY_ROUNDS) {
			pyqueue_break(q);
			return -EUCLEAN;
		}
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
 * pyqueue_dropped() - count messages that have been dropped as done
 * @q: the queue
 * @count: how many; some may be done already
 *
 * No signal ends it: nobody would come and count the rest. The caller wakes everybody.
 *
 * Context: May sleep.
 */
void pyqueue_dropped(struct pyqueue *q, u32 count)
{
	unsigned int rounds = 0;

	while (pyq_ring_dropped(&q->ring, count)) {
		/* Others cannot have been quicker as often as that. */
		if (++rounds == PYQUEUE_BUSY_ROUNDS) {
			pyqueue_break(q);
			return;
		}
		cond_resched();
	}
}

/**
 * pyqueue_count() - messages in a queue
 * @q: the queue
 *
 * Return: how many.
 */
u64 pyqueue_count(struct pyqueue *q)
{
	struct pyq_op op = { .freed = false };
	u64 n = pyq_ring_qsize(&q->ring, &op);

	if (op.freed)
		pyqueue_tombstone_gone(q);
	return n;
}

/**
 * pyqueue_glance() - about how many messages are in a queue
 * @q: the queue
 *
 * For who has not chosen this queue: however large its owner has made it, and whatever is
 * done to its ring, it takes no time. What has been given back does not count, and what a
 * putter who died has left does, until it is the next.
 *
 * Return: how many.
 */
u64 pyqueue_glance(const struct pyqueue *q)
{
	u64 head = pyq_load_acquire(&q->ring.hdr->head);
	u64 tail = pyq_load_acquire(&q->ring.hdr->tail) & ~PYQUEUE_CLOSED;

	/* Head may have moved on since, never tail. */
	return min_t(u64, tail - head, q->ring.maxsize) + READ_ONCE(q->overflow.seen.count);
}

/**
 * pyqueue_fill_stat() - describe a queue
 * @q: the queue
 * @st: filled in, but for its size
 * @exact: count what is in it; otherwise as pyqueue_glance()
 */
void pyqueue_fill_stat(struct pyqueue *q, struct pyqueue_stat *st, bool exact)
{
	const u64 done = pyq_load_acquire(&q->ring.hdr->done); /* L */

	st->flags = q->flags;
	/* The ring is closed later if something waits outside of it. */
	if (READ_ONCE(q->closed) || pyq_ring_is_closed(&q->ring))
		st->flags |= PYQUEUE_STAT_SHUTDOWN;
	if (READ_ONCE(q->named))
		st->flags |= PYQUEUE_STAT_NAMED;
	if (READ_ONCE(q->broken))
		st->flags |= PYQUEUE_STAT_BROKEN;
	st->id = q->id;
	st->maxsize = pyqueue_maxsize(q);
	st->qsize = exact ? pyqueue_count(q) : pyqueue_glance(q);
	st->max_msg = q->max_msg;
	st->max_bytes = q->max_bytes;
	st->large_bytes = atomic64_read(&q->large_bytes);
	st->ring_bytes = q->ring_bytes;
	st->payload = pyq_ring_payload(&q->ring);
	st->unfinished = exact ? pyqueue_unfinished(q) : pyq_ring_unfinished_at(&q->ring, done);
	st->getters = READ_ONCE(q->getters.sleepers);
	st->putters = READ_ONCE(q->putters.sleepers);
	st->joiners = READ_ONCE(q->joiners.sleepers);
	st->mode = q->mode;
	st->uid = from_kuid_munged(current_user_ns(), q->uid);
	st->gid = from_kgid_munged(current_user_ns(), q->gid);
	st->owners = atomic_read(&q->nr_owners);
	st->slots = q->unbounded ? pyq_ring_slots(&q->ring) : 0;
	st->map_bytes = q->flags & PYQUEUE_SEALED ? 0 : (u64)q->mem.nr_pages << PAGE_SHIFT;
}
