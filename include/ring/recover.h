/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/* Settling a dead participant's debts. The living go on meanwhile. */
#ifndef PYQ_RING_RECOVER_H
#define PYQ_RING_RECOVER_H

#include "put.h"

/*
 * Is a slot's position behind @end (tail or head)? A claimed slot is at most
 * one lap away from both, so lap and index tell; the 64-bit position is never
 * rebuilt from them.
 */
static inline bool pyq_ring_is_behind(const struct pyq_ring *r, __u64 index, __u64 word, __u64 end)
{
	__s32 laps = (__s32)(pyq_ring_lap(r, end) - pyq_word_lap(word));

	return laps > 0 || (!laps && pyq_ring_index(r, end) > index);
}

/*
 * Move tail past a slot that the dead one was WRITING. All positions before
 * it have been claimed, since a batch claims in order. Each step moves tail, or
 * somebody else has; what takes more than @left of them has been spoilt.
 *
 * Return: 0 it is past; -ESHUTDOWN it is closed before; -EUCLEAN.
 */
static inline int pyq_ring_tail_past(struct pyq_ring *r, __u64 index, __u64 word, __u64 *left)
{
	for (;;) {
		__u64 t = pyq_load_acquire(&r->hdr->tail);

		if (pyq_ring_is_behind(r, index, word, t & ~PYQUEUE_CLOSED))
			return 0;
		if (t & PYQUEUE_CLOSED)
			return -ESHUTDOWN;
		if (!*left)
			return -EUCLEAN;
		if (!(--*left & 0xfff))
			pyq_breathe();
		pyq_cas(&r->hdr->tail, t, t + 1); /* E */
	}
}

/* The same for head and a slot that the dead one was READING or SKIPPING. */
static inline int pyq_ring_head_past(struct pyq_ring *r, struct pyq_op *op, __u64 index, __u64 word,
				     __u64 *left)
{
	for (;;) {
		struct pyq_op head = { .freed = false };

		if (pyq_ring_is_behind(r, index, word, pyq_load_acquire(&r->hdr->head)))
			return 0;
		if (!*left)
			return -EUCLEAN;
		if (!(--*left & 0xfff))
			pyq_breathe();
		pyq_ring_look_get(r, &head); /* E, K */
		op->freed |= head.freed;
	}
}

/*
 * Settle one slot that names the dead owner: first the position, then the mark.
 *
 * Return: 1 settled; 0 there was nothing to settle; -EUCLEAN.
 */
static inline int pyq_ring_recover_slot(struct pyq_ring *r, struct pyq_op *op, __u64 index,
					__u64 word, __u64 *left)
{
	__u64 *slot = &pyq_ring_slot(r, index)->word;
	__u8 deliveries = pyq_word_deliveries(word);
	int err;

	switch (pyq_word_state(word)) {
	case PYQUEUE_WRITING:
		err = pyq_ring_tail_past(r, index, word, left);
		if (err == -EUCLEAN)
			return err;
		if (err) /* never a position of the queue */
			return pyq_cas(slot, word, pyq_word_turn(word, 0, PYQUEUE_FREE));
		if (!pyq_cas(slot, word, pyq_word_turn(word, 0, PYQUEUE_ABORTED))) /* E, I */
			return 0;
		pyq_ring_mark(r, PYQUEUE_MARK_ABORTED); /* I */
		return 1;
	case PYQUEUE_READING:
		if (pyq_ring_head_past(r, op, index, word, left))
			return -EUCLEAN;
		if (deliveries < 0xff)
			deliveries++;
		if (!pyq_cas(slot, word, pyq_word(pyq_word_lap(word), 0, deliveries,
						  pyq_word_flags(word), PYQUEUE_ORPHAN))) /* E, I */
			return 0;
		pyq_ring_mark(r, PYQUEUE_MARK_ORPHAN); /* I */
		return 1;
	case PYQUEUE_SKIPPING:
		if (pyq_ring_head_past(r, op, index, word, left))
			return -EUCLEAN;
		return pyq_cas(slot, word, pyq_word_freed(word)); /* E */
	default:
		return 0;
	}
}

/**
 * pyq_ring_recover() - settle what a participant left behind that has died
 * @r: the ring, with the caller's own owner number
 * @op: @freed is an output
 * @dead: the owner number; not used again before this has returned
 *
 * May be repeated by another if the caller dies in it; who repeats it wakes
 * everybody, since the first one may have died before he did. Otherwise
 * everybody has to be woken if it returns anything but 0.
 *
 * Return: how many slots it has settled; -EUCLEAN some could not be: the ring
 * is broken.
 */
static inline __s64 pyq_ring_recover(struct pyq_ring *r, struct pyq_op *op, __u16 dead)
{
	/*
	 * All that the dead one had is at most one lap ahead of tail and head, and
	 * a tombstone takes two steps. So the whole walk has no more than these.
	 */
	__u64 left = 4 * pyq_ring_slots(r) + 4;
	__u64 index;
	__s64 n = 0;
	bool broken = false;

	for (index = 0; index < pyq_ring_slots(r); index++) {
		__u64 word = pyq_load_acquire(&pyq_ring_slot(r, index)->word); /* F */
		int ret;

		if (!(index & 0xfff))
			pyq_breathe();
		if (pyq_word_owner(word) != dead)
			continue;
		ret = pyq_ring_recover_slot(r, op, index, word, &left);
		if (ret < 0)
			broken = true;
		else
			n += ret;
	}
	/* The dead one may have stored a state and died before he marked it. */
	pyq_ring_mark(r, PYQUEUE_MARK_ORPHAN | PYQUEUE_MARK_ABORTED); /* I */
	return broken ? -EUCLEAN : n;
}

#endif
