/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/* Counting: qsize, and the unfinished messages of task_done and join. */
#ifndef PYQ_RING_ACCOUNT_H
#define PYQ_RING_ACCOUNT_H

#include "get.h"

/*
 * Slots in @state among the positions from @pos to @end, into @n.
 *
 * Return: whether it has got to the end; otherwise the caller is being killed, and there
 * may be more.
 */
static inline bool pyq_ring_count(const struct pyq_ring *r, __u64 pos, __u64 end,
				  enum pyqueue_state state, __u64 *n)
{
	for (*n = 0; pos < end; pos++) {
		*n += pyq_word_is(r, pyq_load_acquire(&pyq_ring_slot(r, pos)->word), pos, state);
		if (!(pos & 0xfff) && !pyq_breathe())
			return false;
	}
	return true;
}

/**
 * pyq_ring_qsize() - how many messages there are
 * @r: the ring
 * @op: @freed is an output
 *
 * Exact if nobody is at work; takes tombstones at head away.
 *
 * Return: the number, not more than maxsize, and the orphans, and what waits outside.
 */
static inline __u64 pyq_ring_qsize(struct pyq_ring *r, struct pyq_op *op)
{
	__u64 slots = pyq_ring_slots(r);
	__u64 overflow, marks, h, t, n, dead, orphans;

	pyq_ring_skip_all(r, op);
	overflow = pyq_load_acquire(r->overflow); /* L */
	marks = pyq_load_acquire(&r->hdr->marks); /* J */
	h = pyq_load_acquire(&r->hdr->head);
	t = pyq_load_acquire(&r->hdr->tail) & ~PYQUEUE_CLOSED;
	/* There never are more; but head may have moved on before tail was read. */
	n = t - h > r->maxsize ? r->maxsize : t - h;

	if (marks & PYQUEUE_MARK_ABORTED) {
		/* Nobody else is to be made to believe what has not been seen. */
		if (pyq_ring_count(r, h, h + n, PYQUEUE_ABORTED, &dead) && !dead)
			pyq_cas(&r->hdr->marks, marks, marks & ~PYQUEUE_MARK_ABORTED); /* J */
		n -= dead;
	}
	if (marks & PYQUEUE_MARK_ORPHAN) {
		pyq_ring_count(r, h > slots ? h - slots : 0, h, PYQUEUE_ORPHAN, &orphans);
		n += orphans;
	}
	return n + overflow;
}

/*
 * Messages put and not done, from one value of done; not below 0, which a
 * task_done too many can bring about together with a putter's death.
 */
static inline __u32 pyq_ring_unfinished_at(const struct pyq_ring *r, __u64 done)
{
	__u64 skipped = pyq_load_acquire(&r->hdr->skipped); /* L */
	__u64 overflow = pyq_load_acquire(r->overflow); /* L */
	__u64 tail = pyq_load_acquire(&r->hdr->tail);
	__s32 n = (__s32)((__u32)overflow + (__u32)tail - (__u32)done - (__u32)(skipped >> 32));

	return n < 0 ? 0 : (__u32)n;
}

/**
 * pyq_ring_unfinished() - messages put and not done
 * @r: the ring
 * @op: @freed is an output
 *
 * Takes tombstones at head away, since nobody will be done with them. A
 * result of 0 was true at some moment of the call.
 */
static inline __u32 pyq_ring_unfinished(struct pyq_ring *r, struct pyq_op *op)
{
	pyq_ring_skip_all(r, op);
	return pyq_ring_unfinished_at(r, pyq_load_acquire(&r->hdr->done)); /* L */
}

/**
 * pyq_ring_task_done() - count messages as done
 * @r: the ring
 * @op: @freed is an output
 * @n: how many
 *
 * Return: 0; 1 none is unfinished now, or perhaps: the caller wakes those who join;
 * -EINVAL there are not that many, nothing is counted; -EBUSY.
 */
static inline int pyq_ring_task_done(struct pyq_ring *r, struct pyq_op *op, __u32 n)
{
	unsigned int tries;

	pyq_ring_skip_all(r, op); /* nobody is done with a tombstone */
	for (tries = 0; tries < PYQ_RING_TRIES; tries++) {
		__u64 done = pyq_load_acquire(&r->hdr->done); /* L */

		if (pyq_ring_unfinished_at(r, done) < n)
			return -EINVAL;
		if (pyq_cas(&r->hdr->done, done, done + n)) /* G */
			return !pyq_ring_skip_all(r, op) ||
			       !pyq_ring_unfinished_at(r, pyq_load_acquire(&r->hdr->done)); /* L */
	}
	return -EBUSY;
}

/**
 * pyq_ring_dropped() - count messages that have been dropped as done
 * @r: the ring
 * @n: how many
 *
 * No more of them than are unfinished: of some it may have been said before they were
 * taken. The caller wakes those who join, after a full barrier of his own: this is none
 * if there was nothing to count.
 *
 * Return: 0 or -EBUSY.
 */
static inline int pyq_ring_dropped(struct pyq_ring *r, __u32 n)
{
	unsigned int tries;

	for (tries = 0; tries < PYQ_RING_TRIES; tries++) {
		__u64 done = pyq_load_acquire(&r->hdr->done); /* L */
		__u32 unfinished = pyq_ring_unfinished_at(r, done);
		__u32 counted = unfinished < n ? unfinished : n;

		if (!counted || pyq_cas(&r->hdr->done, done, done + counted)) /* G */
			return 0;
	}
	return -EBUSY;
}

#endif
