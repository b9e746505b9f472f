/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/* Putting messages: claim, then publish or abort. */
#ifndef PYQ_RING_PUT_H
#define PYQ_RING_PUT_H

#include "get.h"

/*
 * The position @t has no room. Help head on, in case that makes some.
 *
 * Return: -EAGAIN full; PYQ_RING_AGAIN; -EUCLEAN.
 */
static inline int pyq_ring_look_full(struct pyq_ring *r, struct pyq_op *op, __u64 t)
{
	struct pyq_op head = { .freed = false };
	int ret = pyq_ring_look_get(r, &head);

	op->freed |= head.freed;
	if (ret == PYQ_RING_AGAIN || ret == -EUCLEAN)
		return ret;
	return pyq_load_acquire(&r->hdr->tail) == t ? -EAGAIN : PYQ_RING_AGAIN;
}

/*
 * Is there room at tail, plainly? Neither helps nor looks twice: if not, it does not
 * mean anything.
 */
static inline bool pyq_ring_glance_put(const struct pyq_ring *r, struct pyq_op *op)
{
	__u64 t = pyq_load_acquire(&r->hdr->tail);
	__u64 w = pyq_load_acquire(&pyq_ring_slot(r, t)->word);

	op->pos = t;
	op->word = w;
	return pyq_word_is(r, w, t, PYQUEUE_FREE) && !(t & PYQUEUE_CLOSED) &&
	       t - pyq_load(&r->hdr->head_cache) < r->maxsize;
}

/*
 * Look at tail once, and help it on.
 *
 * Return: 0 and @op->pos, @op->word: there is room; -EAGAIN full; -ESHUTDOWN;
 * PYQ_RING_AGAIN; -EUCLEAN.
 */
static inline int pyq_ring_look_put(struct pyq_ring *r, struct pyq_op *op)
{
	__u64 t = pyq_load_acquire(&r->hdr->tail);
	__u64 *slot = &pyq_ring_slot(r, t)->word;
	__u64 w, h;
	__s32 ahead;

	if (t & PYQUEUE_CLOSED)
		return -ESHUTDOWN;
	w = pyq_load_acquire(slot); /* F */
	ahead = (__s32)(pyq_word_lap(w) - pyq_ring_lap(r, t));
	if (ahead == -1)
		return pyq_ring_look_full(r, op, t);
	if (ahead)
		return pyq_ring_stale(&r->hdr->tail, t);
	if (pyq_word_state(w) != PYQUEUE_FREE) {
		if (pyq_cas(&r->hdr->tail, t, t + 1))
			return PYQ_RING_AGAIN;
		return pyq_ring_stale(&r->hdr->tail, t);
	}

	if (t - pyq_load(&r->hdr->head_cache) >= r->maxsize) {
		h = pyq_load_acquire(&r->hdr->head);
		if ((__s64)(t - h) < 0)
			return pyq_ring_stale(&r->hdr->tail, t);
		pyq_store(&r->hdr->head_cache, h);
		if (t - h >= r->maxsize)
			return pyq_ring_look_full(r, op, t);
	}
	op->pos = t;
	op->word = w;
	return 0;
}

/**
 * pyq_ring_can_put() - would a put find something to do
 * @r: the ring
 * @op: @freed is an output
 *
 * Helps head and tail along as pyq_ring_claim_put() does.
 *
 * Return: 0 there is room; otherwise as pyq_ring_claim_put().
 */
static inline int pyq_ring_can_put(struct pyq_ring *r, struct pyq_op *op)
{
	unsigned int tries;

	for (tries = 0; tries < PYQ_RING_TRIES; tries++) {
		int ret = pyq_ring_look_put(r, op);

		if (ret != PYQ_RING_AGAIN)
			return ret;
	}
	return -EBUSY;
}

/* Claim what pyq_ring_look_put() has found. Return: whether it is the caller's. */
static inline bool pyq_ring_claim_looked(struct pyq_ring *r, struct pyq_op *op)
{
	__u64 mine = pyq_word_turn(op->word, r->owner, PYQUEUE_WRITING);

	if (!pyq_cas(&pyq_ring_slot(r, op->pos)->word, op->word, mine)) /* D */
		return false;
	op->word = mine;
	return true;
}

/*
 * Claim the slot at tail, and leave tail where it is.
 *
 * Return: as pyq_ring_claim_put().
 */
static inline int pyq_ring_claim_slot(struct pyq_ring *r, struct pyq_op *op)
{
	unsigned int tries;

	for (tries = 0; tries < PYQ_RING_TRIES; tries++) {
		int ret = pyq_ring_look_put(r, op);

		if (ret == PYQ_RING_AGAIN)
			continue;
		if (ret || pyq_ring_claim_looked(r, op))
			return ret;
	}
	return -EBUSY;
}

/* A claim of a position that tail, being closed, will never pass. */
static inline void pyq_ring_void(struct pyq_ring *r, const struct pyq_op *op)
{
	pyq_cas(&pyq_ring_slot(r, op->pos)->word, op->word,
		pyq_word_turn(op->word, 0, PYQUEUE_FREE));
}

/*
 * Move tail past the claim of @op. A helper may have done it; the queue may have
 * been shut down just before, then the claim is void.
 */
static inline int pyq_ring_advance_tail(struct pyq_ring *r, const struct pyq_op *op)
{
	if (pyq_cas(&r->hdr->tail, op->pos, op->pos + 1)) /* E */
		return 0;
	if (pyq_load_acquire(&r->hdr->tail) != (op->pos | PYQUEUE_CLOSED))
		return 0;
	pyq_ring_void(r, op);
	return -ESHUTDOWN;
}

/**
 * pyq_ring_claim_put() - claim a slot for a message
 * @r: the ring
 * @op: out: the claim
 *
 * After 0 the slot is the caller's, who ends it with pyq_ring_publish() or
 * pyq_ring_abort().
 *
 * Return: 0; -EAGAIN full; -ESHUTDOWN; -EBUSY too much going on; -EUCLEAN.
 */
static inline int pyq_ring_claim_put(struct pyq_ring *r, struct pyq_op *op)
{
	int ret = pyq_ring_claim_slot(r, op);

	return ret ? ret : pyq_ring_advance_tail(r, op);
}

/**
 * pyq_ring_publish() - end a put: the message is in the queue
 * @r: the ring
 * @op: the claim
 * @len: bytes of the message
 * @flags: PYQUEUE_SLOT_INDIRECT or 0
 *
 * This is the step at which a put takes effect. The caller wakes a getter.
 *
 * Return: 0; -EOWNERDEAD somebody has declared this participant dead, and the
 * message is not in the queue.
 */
static inline int pyq_ring_publish(struct pyq_ring *r, const struct pyq_op *op, __u32 len,
				   unsigned int flags)
{
	struct pyqueue_slot *slot = pyq_ring_slot(r, op->pos);
	__u64 ready = pyq_word(pyq_word_lap(op->word), 0, 0, flags, PYQUEUE_READY);

	pyq_store_release(&slot->len, len); /* N */
	return pyq_cas(&slot->word, op->word, ready) ? 0 : -EOWNERDEAD; /* A, E, G */
}

/**
 * pyq_ring_abort() - undo a claim: the position becomes a tombstone
 * @r: the ring
 * @op: the claim
 *
 * The caller wakes a getter, as the message behind it may now be the next, and
 * those who join.
 *
 * Return: 0; -EOWNERDEAD as pyq_ring_publish().
 */
static inline int pyq_ring_abort(struct pyq_ring *r, const struct pyq_op *op)
{
	__u64 *slot = &pyq_ring_slot(r, op->pos)->word;

	if (!pyq_cas(slot, op->word, pyq_word_turn(op->word, 0, PYQUEUE_ABORTED))) /* E */
		return -EOWNERDEAD;
	pyq_ring_mark(r, PYQUEUE_MARK_ABORTED); /* I, G */
	return 0;
}

#endif
