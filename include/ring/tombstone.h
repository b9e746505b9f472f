/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * Tombstones: positions whose putter died or changed its mind. Whoever meets
 * one at head takes it away; each is counted once, whoever dies.
 */
#ifndef PYQ_RING_TOMBSTONE_H
#define PYQ_RING_TOMBSTONE_H

#include "ring.h"

/*
 * Count the tombstone at @pos unless that has been done. While head is at @pos
 * no later one has been counted, hence the low bits tell.
 */
static inline void pyq_ring_count_tombstone(struct pyq_ring *r, __u64 pos)
{
	unsigned int tries;

	for (tries = 0; tries < PYQ_RING_TRIES; tries++) {
		__u64 skipped = pyq_load_acquire(&r->hdr->skipped);
		__u64 count = (skipped >> 32) + 1;

		/* 0 is where it starts, and counts none. */
		if (skipped && (__u32)skipped == (__u32)(pos + 1))
			return;
		if (pyq_load_acquire(&r->hdr->head) != pos)
			return;
		if (pyq_cas(&r->hdr->skipped, skipped, count << 32 | (__u32)(pos + 1))) /* K */
			return;
	}
}

/* Move head past a slot that is SKIPPING. */
static inline void pyq_ring_pass_tombstone(struct pyq_ring *r, __u64 pos)
{
	pyq_ring_count_tombstone(r, pos);
	pyq_cas(&r->hdr->head, pos, pos + 1); /* K, E */
}

/* Take away the tombstone at head; @word is what the slot was seen to be. */
static inline void pyq_ring_skip(struct pyq_ring *r, struct pyq_op *op, __u64 pos, __u64 word)
{
	__u64 *slot = &pyq_ring_slot(r, pos)->word;
	__u64 mine = pyq_word_turn(word, r->owner, PYQUEUE_SKIPPING);

	if (!pyq_cas(slot, word, mine))
		return;
	pyq_ring_pass_tombstone(r, pos);
	if (pyq_cas(slot, mine, pyq_word_freed(mine))) /* E */
		op->freed = true;
}

#endif
