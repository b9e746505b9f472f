/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/* Taking messages: claim, then release or give back. */
#ifndef PYQ_RING_GET_H
#define PYQ_RING_GET_H

#include "tombstone.h"

/*
 * Is there a message at head, plainly? Neither helps nor looks twice: if not, it
 * does not mean anything.
 */
static inline bool pyq_ring_glance_get(const struct pyq_ring *r, struct pyq_op *op)
{
	__u64 h = pyq_load_acquire(&r->hdr->head);
	__u64 w = pyq_load_acquire(&pyq_ring_slot(r, h)->word);

	op->pos = h;
	op->word = w;
	return pyq_word_is(r, w, h, PYQUEUE_READY);
}

/*
 * Look at head once, and help it on.
 *
 * Return: 0 and @op->pos, @op->word: a message is there; -EAGAIN empty;
 * -ESHUTDOWN closed and empty; PYQ_RING_AGAIN; -EUCLEAN.
 */
static inline int pyq_ring_look_get(struct pyq_ring *r, struct pyq_op *op)
{
	__u64 h = pyq_load_acquire(&r->hdr->head);
	__u64 *slot = &pyq_ring_slot(r, h)->word;
	__u64 w = pyq_load_acquire(slot); /* F */
	__s32 ahead = (__s32)(pyq_word_lap(w) - pyq_ring_lap(r, h));

	if (ahead > 0 || ahead < -1)
		return pyq_ring_stale(&r->hdr->head, h);

	switch (ahead ? PYQUEUE_FREE : pyq_word_state(w)) {
	case PYQUEUE_READY:
		op->pos = h;
		op->word = w;
		return 0;
	case PYQUEUE_READING:
	case PYQUEUE_ORPHAN:
		pyq_cas(&r->hdr->head, h, h + 1);
		return PYQ_RING_AGAIN;
	case PYQUEUE_SKIPPING:
		pyq_ring_pass_tombstone(r, h);
		return PYQ_RING_AGAIN;
	case PYQUEUE_ABORTED:
		pyq_ring_skip(r, op, h, w);
		return PYQ_RING_AGAIN;
	case PYQUEUE_FREE:
	case PYQUEUE_WRITING:
		if (pyq_load_acquire(&r->hdr->tail) == (h | PYQUEUE_CLOSED))
			return -ESHUTDOWN;
		return -EAGAIN;
	default:
		return pyq_ring_stale(slot, w);
	}
}

/*
 * Find the oldest message whose getter died.
 *
 * Return: 0 and @op->pos, @op->word; -EAGAIN there is none; -EINTR the caller is being
 * killed, and there may be one: nobody else must be made to believe that there is not.
 */
static inline int pyq_ring_find_orphan(struct pyq_ring *r, struct pyq_op *op)
{
	__u64 marks = pyq_load_acquire(&r->hdr->marks); /* J */
	__u64 end, pos;

	if (!(marks & PYQUEUE_MARK_ORPHAN))
		return -EAGAIN;
	end = pyq_load_acquire(&r->hdr->head);
	pos = end > pyq_ring_slots(r) ? end - pyq_ring_slots(r) : 0;
	for (; pos < end; pos++) {
		__u64 w = pyq_load_acquire(&pyq_ring_slot(r, pos)->word);

		if (pyq_word_is(r, w, pos, PYQUEUE_ORPHAN)) {
			op->pos = pos;
			op->word = w;
			return 0;
		}
		if (!(pos & 0xfff) && !pyq_breathe())
			return -EINTR;
	}
	pyq_cas(&r->hdr->marks, marks, marks & ~PYQUEUE_MARK_ORPHAN); /* J */
	return -EAGAIN;
}

/**
 * pyq_ring_can_get() - would a get find something to do
 * @r: the ring
 * @op: @freed is an output
 *
 * Helps head along as pyq_ring_claim_get() does.
 *
 * Return: 0 there is a message; -EBUSY perhaps; otherwise as pyq_ring_claim_get().
 */
static inline int pyq_ring_can_get(struct pyq_ring *r, struct pyq_op *op)
{
	unsigned int tries;

	/* Once: who makes one later looks whom to call for it. */
	switch (pyq_ring_find_orphan(r, op)) {
	case 0:
		return 0;
	case -EINTR:
		return -EBUSY;
	}
	for (tries = 0; tries < PYQ_RING_TRIES; tries++) {
		int ret = pyq_ring_look_get(r, op);

		if (ret != PYQ_RING_AGAIN)
			return ret;
	}
	return -EBUSY;
}

/*
 * Take all tombstones at head away, however many there are; each takes two steps.
 *
 * Return: whether there are none now; otherwise the caller is being killed, or the ring
 * is being spoilt.
 */
static inline bool pyq_ring_skip_all(struct pyq_ring *r, struct pyq_op *op)
{
	__u64 left = 2 * pyq_ring_slots(r) + PYQ_RING_TRIES;

	while (pyq_ring_look_get(r, op) == PYQ_RING_AGAIN)
		if (!left-- || (!(left & 0xfff) && !pyq_breathe()))
			return false;
	return true;
}

/**
 * pyq_ring_peek() - find the next message, without claiming it
 * @r: the ring
 * @op: out: what was found; with -EMSGSIZE only @len; @freed
 * @room: bytes that the caller has room for
 *
 * What is read of the message before pyq_ring_claim_peeked() has said that it
 * is still the same may be another one's, or half of each.
 *
 * Return: 0; -EAGAIN empty; -ESHUTDOWN closed and empty; -EMSGSIZE longer than
 * @room; -EBUSY too much going on; -EUCLEAN.
 */
static inline int pyq_ring_peek(struct pyq_ring *r, struct pyq_op *op, __u64 room)
{
	bool orphans = true; /* first, in order of position, while there are any */
	unsigned int tries;

	for (tries = 0; tries < PYQ_RING_TRIES; tries++) {
		struct pyqueue_slot *slot;
		int ret;

		ret = orphans ? pyq_ring_find_orphan(r, op) : -EAGAIN;
		if (ret == -EINTR)
			return -EBUSY;
		orphans = !ret;
		ret = orphans ? 0 : pyq_ring_look_get(r, op);
		if (ret == PYQ_RING_AGAIN)
			continue;
		if (ret)
			return ret;
		slot = pyq_ring_slot(r, op->pos);
		op->len = pyq_load_acquire(&slot->len); /* O */
		/* Still the same message: then this was its length. */
		if (pyq_load_acquire(&slot->word) == op->word)
			return op->len > room ? -EMSGSIZE : 0;
	}
	return -EBUSY;
}

/**
 * pyq_ring_claim_peeked() - claim the message that pyq_ring_peek() has found
 * @r: the ring
 * @op: in: what was found; out: the claim
 *
 * Return: whether it is the caller's; if not, somebody was quicker.
 */
static inline bool pyq_ring_claim_peeked(struct pyq_ring *r, struct pyq_op *op)
{
	__u64 *slot = &pyq_ring_slot(r, op->pos)->word;
	__u64 mine = pyq_word_turn(op->word, r->owner, PYQUEUE_READING);

	if (!pyq_cas(slot, op->word, mine)) /* B */
		return false;
	/* An orphan's position has been passed before it became one. */
	if (pyq_word_state(op->word) == PYQUEUE_READY)
		pyq_cas(&r->hdr->head, op->pos, op->pos + 1); /* E */
	op->word = mine;
	return true;
}

/**
 * pyq_ring_claim_get() - claim the next message
 * @r: the ring
 * @op: out: the claim; with -EMSGSIZE only @len; @freed
 * @room: bytes that the caller has room for
 *
 * After 0 the message is the caller's, who ends it with pyq_ring_release() or
 * pyq_ring_give_back(), and dies with it if he must.
 *
 * Return: 0, otherwise as pyq_ring_peek(); -EMSGSIZE has claimed nothing.
 */
static inline int pyq_ring_claim_get(struct pyq_ring *r, struct pyq_op *op, __u64 room)
{
	unsigned int tries;

	for (tries = 0; tries < PYQ_RING_TRIES; tries++) {
		int ret = pyq_ring_peek(r, op, room);

		if (ret || pyq_ring_claim_peeked(r, op))
			return ret;
	}
	return -EBUSY;
}

/**
 * pyq_ring_release() - end a get: the message is delivered, the slot is free
 * @r: the ring
 * @op: the claim
 *
 * This is the step at which a get takes effect. The caller wakes a putter.
 *
 * Return: 0; -EOWNERDEAD somebody has declared this participant dead, and the
 * message will be delivered again.
 */
static inline int pyq_ring_release(struct pyq_ring *r, const struct pyq_op *op)
{
	__u64 *slot = &pyq_ring_slot(r, op->pos)->word;

	return pyq_cas(slot, op->word, pyq_word_freed(op->word)) ? 0 : -EOWNERDEAD; /* C, E, G */
}

/**
 * pyq_ring_give_back() - undo a claim: the message is the next to be delivered
 * @r: the ring
 * @op: the claim
 *
 * The caller wakes a getter; and a putter, for head has passed the message.
 *
 * Return: 0; -EOWNERDEAD as pyq_ring_release().
 */
static inline int pyq_ring_give_back(struct pyq_ring *r, const struct pyq_op *op)
{
	__u64 *slot = &pyq_ring_slot(r, op->pos)->word;

	if (!pyq_cas(slot, op->word, pyq_word_turn(op->word, 0, PYQUEUE_ORPHAN))) /* E */
		return -EOWNERDEAD;
	pyq_ring_mark(r, PYQUEUE_MARK_ORPHAN); /* I, G */
	return 0;
}

#endif
