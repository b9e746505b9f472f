/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * Several messages with one step of tail or head. A batch claims in order of
 * position and is atomic for each message only: who dies in it leaves as many
 * claims as he has made, each by itself.
 */
#ifndef PYQ_RING_BATCH_H
#define PYQ_RING_BATCH_H

#include "put.h"

/*
 * Move @at (tail or head) from @from to @end; the slots between are the
 * caller's claims, past which others may move it as well.
 *
 * Return: @end, or where between the two @at is closed.
 */
static inline __u64 pyq_ring_move(__u64 *at, __u64 from, __u64 end)
{
	__u64 seen = from, tries;

	/* Each failure is a step of another's; there are no more than these. */
	for (tries = from; tries != end; tries++) {
		if (pyq_cas(at, seen, end)) /* E */
			return end;
		seen = pyq_load_acquire(at);
		/* It is past the end; or spoilt: whoever did that has what comes of it. */
		if ((seen & ~PYQUEUE_CLOSED) - from >= end - from)
			return end;
		if (seen & PYQUEUE_CLOSED)
			return seen & ~PYQUEUE_CLOSED;
	}
	return end;
}

/* Claim the slot behind the last claim of a batch. Return: whether it is the caller's. */
static inline bool pyq_ring_claim_slot_at(struct pyq_ring *r, struct pyq_op *op, __u64 pos)
{
	__u64 *slot = &pyq_ring_slot(r, pos)->word;
	__u64 word = pyq_load_acquire(slot);

	op->pos = pos;
	op->word = pyq_word_turn(word, r->owner, PYQUEUE_WRITING);
	op->freed = false;
	return pyq_word_is(r, word, pos, PYQUEUE_FREE) && pyq_cas(slot, word, op->word); /* D */
}

/**
 * pyq_ring_claim_puts() - claim slots for several messages
 * @r: the ring
 * @ops: out: the claims; @freed of the first
 * @n: at most so many, 1 or more
 *
 * Each is ended with pyq_ring_publish() or pyq_ring_abort(), in order.
 *
 * Return: how many, at least 1; otherwise as pyq_ring_claim_put().
 */
static inline int pyq_ring_claim_puts(struct pyq_ring *r, struct pyq_op *ops, unsigned int n)
{
	int ret = pyq_ring_claim_slot(r, ops);
	__u64 from, head, end, closed;

	if (ret)
		return ret;
	from = ops[0].pos;
	/* Behind an unpublished claim head cannot be. */
	head = pyq_load_acquire(&r->hdr->head);
	end = from + 1;
	while (end - from < n && end - head < r->maxsize &&
	       pyq_ring_claim_slot_at(r, &ops[end - from], end))
		end++;

	closed = pyq_ring_move(&r->hdr->tail, from, end);
	while (end != closed)
		pyq_ring_void(r, &ops[--end - from]);
	return end == from ? -ESHUTDOWN : (int)(end - from);
}

/* Claim the message behind the last claim of a batch, if it fits a slot and @op->len. */
static inline bool pyq_ring_claim_message_at(struct pyq_ring *r, struct pyq_op *op, __u64 pos)
{
	struct pyqueue_slot *slot = pyq_ring_slot(r, pos);
	__u64 word = pyq_load_acquire(&slot->word);
	__u32 len = pyq_load_acquire(&slot->len); /* O */

	if (!pyq_word_is(r, word, pos, PYQUEUE_READY) || len > op->len ||
	    len > pyq_ring_payload(r) || (pyq_word_flags(word) & PYQUEUE_SLOT_INDIRECT))
		return false;
	op->pos = pos;
	op->word = pyq_word_turn(word, r->owner, PYQUEUE_READING);
	op->freed = false;
	if (!pyq_cas(&slot->word, word, op->word)) /* B, and still the same message: O */
		return false;
	op->len = len;
	return true;
}

/**
 * pyq_ring_claim_gets() - claim several messages
 * @r: the ring
 * @ops: in: @len, bytes of room for each; out: the claims; @freed of the first
 * @n: at most so many, 1 or more
 *
 * One that is not in its slot (PYQUEUE_SLOT_INDIRECT) or that comes again is
 * claimed alone. Each is ended with pyq_ring_release() or pyq_ring_give_back(),
 * in order. Only the first's @len may have changed if it is not claimed.
 *
 * Return: how many, at least 1; otherwise as pyq_ring_claim_get() for the first.
 */
static inline int pyq_ring_claim_gets(struct pyq_ring *r, struct pyq_op *ops, unsigned int n)
{
	__u32 room = ops[0].len;
	unsigned int tries;

	for (tries = 0; tries < PYQ_RING_TRIES; tries++) {
		int ret = pyq_ring_peek(r, ops, room);
		__u64 from, end, mine;

		if (ret)
			return ret;
		if (n == 1 || pyq_word_state(ops[0].word) != PYQUEUE_READY ||
		    (pyq_word_flags(ops[0].word) & PYQUEUE_SLOT_INDIRECT)) {
			if (pyq_ring_claim_peeked(r, ops))
				return 1;
			continue;
		}
		mine = pyq_word_turn(ops[0].word, r->owner, PYQUEUE_READING);
		from = ops[0].pos;
		if (!pyq_cas(&pyq_ring_slot(r, from)->word, ops[0].word, mine)) /* B */
			continue;
		ops[0].word = mine;
		end = from + 1;
		while (end - from < n && end - from < pyq_ring_slots(r) &&
		       pyq_ring_claim_message_at(r, &ops[end - from], end))
			end++;
		pyq_ring_move(&r->hdr->head, from, end);
		return (int)(end - from);
	}
	return -EBUSY;
}

#endif
