/* SPDX-License-Identifier: MIT */
/*
 * What all operations on a mapped ring share: beginning, trying again, waiting,
 * and calling those whom the ring's new state concerns.
 */
#ifndef PYQI_ATTEMPT_H
#define PYQI_ATTEMPT_H

#include <ring/overflow.h>

#include "generation.h"
#include "mapped.h"
#include "polls.h"
#include "ring_ops.h"

/* Messages claimed in one step. */
#define PYQI_BATCH 32

static inline struct pyqueue_header *pyqi_header(const pyq_queue *q)
{
	return q->map.ring.hdr;
}

/* Is the mapping this process's? */
static inline bool pyqi_is_ours(const pyq_queue *q)
{
	return pyqi_generation_is(__atomic_load_n(&q->map.generation, __ATOMIC_ACQUIRE));
}

/* To be done before each operation: a child has to become a participant of its own. */
static inline int pyqi_begin(pyq_queue *q)
{
	return __builtin_expect(pyqi_is_ours(q), 1) ? 0 : q->backend->reattach(q);
}

static inline bool pyqi_is_broken(const pyq_queue *q)
{
	return __builtin_expect(pyq_load(&pyqi_header(q)->detour) & PYQUEUE_DETOUR_BROKEN, 0);
}

/*
 * What is in the way of a put into the ring, other than the ring: messages that wait
 * outside of it, or what is said of all of it. Return: 0, or an error of a claim.
 */
static inline int pyqi_detour(const pyq_queue *q)
{
	const uint32_t detour = pyq_load_acquire(&pyqi_header(q)->detour); /* Q */

	if (__builtin_expect(!detour, 1))
		return 0;
	if (detour & PYQUEUE_DETOUR_BROKEN)
		return -EUCLEAN;
	if (detour & PYQUEUE_DETOUR_CLOSED)
		return -ESHUTDOWN;
	return detour & PYQUEUE_DETOUR_PUT ? -EAGAIN : 0;
}

/* The same where it is the look after an announcement (H). */
static inline bool pyqi_is_broken_now(const pyq_queue *q)
{
	return pyq_load_acquire(&pyqi_header(q)->detour) & PYQUEUE_DETOUR_BROKEN;
}

/* Say so to everybody. Return: -EUCLEAN. */
int pyqi_broken(pyq_queue *q);

/* A tombstone less: there is room, and perhaps nothing unfinished. */
void pyqi_tombstone_gone(pyq_queue *q);

/**
 * struct pyqi_patience - how long -EBUSY has been put up with
 * @rounds: how often in which nothing has moved
 * @head: where head was
 * @tail: where tail was
 */
struct pyqi_patience {
	unsigned int rounds;
	uint64_t head;
	uint64_t tail;
};

/*
 * What a claim said: call whom it owes, and call a broken ring broken.
 * Return: whether to try again.
 */
bool pyqi_settle(pyq_queue *q, struct pyq_op *op, int *ret, struct pyqi_patience *patience);

/*
 * Would a put into the ring, a get find something to do? They help head and tail along.
 * What waits outside can be had if there is room for it.
 */
bool pyqi_put_ready(pyq_queue *q);
bool pyqi_get_ready(pyq_queue *q);

/*
 * After publishing @n: call a getter for each; and a putter if there still is
 * room, for more of it than there were calls may have come free behind a slow
 * getter. Then do what a shutdown that came meanwhile has missed.
 */
void pyqi_call_after_publishing(pyq_queue *q, unsigned int n);

/* The same after releasing. */
void pyqi_call_after_releasing(pyq_queue *q, unsigned int n);

/*
 * The usual case: there is room, a message fits, and nothing is in the way. @ring is a copy
 * of the handle's. False does not mean anything. Return: whether it is the caller's.
 */

#define PYQI_INLINE static inline __attribute__((always_inline))

PYQI_INLINE bool pyqi_claim_put_at_once(struct pyq_ring *ring, struct pyq_op *op)
{
	return !pyq_load(&ring->hdr->detour) /* Q */ && pyq_ring_glance_put(ring, op) &&
	       pyq_ring_claim_looked(ring, op) && !pyq_ring_advance_tail(ring, op);
}

PYQI_INLINE bool pyqi_claim_get_at_once(const pyq_queue *q, struct pyq_ring *ring, size_t size,
					struct pyq_op *op)
{
	if (pyq_load(&ring->hdr->marks) & PYQUEUE_MARK_ORPHAN ||
	    pyq_load(&ring->hdr->detour) & PYQUEUE_DETOUR_BROKEN || !pyq_ring_glance_get(ring, op))
		return false;
	op->len = pyq_load_acquire(&pyq_ring_slot(ring, op->pos)->len); /* O */
	if (op->len > size || op->len > q->payload ||
	    pyq_word_flags(op->word) & PYQUEUE_SLOT_INDIRECT)
		return false;
	/* A CAS from the word that was seen before the length: O. */
	return pyq_ring_claim_peeked(ring, op);
}

/* Does somebody wait, on either side, or watch this handle? (G) */
static inline bool pyqi_somebody_waits(const pyq_queue *q)
{
	const struct pyqueue_header *hdr = pyqi_header(q);

	return (__u32)pyq_load_acquire(&hdr->getters.sleepers) | pyq_pollers_any(&hdr->getters) |
	       (__u32)pyq_load_acquire(&hdr->putters.sleepers) | pyq_pollers_any(&hdr->putters) |
	       pyqi_is_polled(q);
}

/* Usually nobody does, and that is all there is to it. */
static inline void pyqi_published(pyq_queue *q, unsigned int n)
{
	const bool drop = pyq_load_acquire(&pyqi_header(q)->detour) & PYQUEUE_DETOUR_DROP; /* M */

	if (__builtin_expect(pyqi_somebody_waits(q) | drop, 0))
		pyqi_call_after_publishing(q, n);
}

static inline void pyqi_released(pyq_queue *q, unsigned int n)
{
	if (__builtin_expect(pyqi_somebody_waits(q), 0))
		pyqi_call_after_releasing(q, n);
}

/**
 * pyqi_put_when_ready() - do one of those things that put
 * @q: the queue
 * @attempt: try it: more than 0 done, -EAGAIN full, or an error
 * @asleep: as in struct pyqi_wait
 * @arg: for both
 * @deadline: until when to wait for room
 *
 * Return: what @attempt returns, or -ETIMEDOUT.
 */
ssize_t pyqi_put_when_ready(pyq_queue *q, ssize_t (*attempt)(pyq_queue *q, void *arg),
			    ssize_t (*asleep)(pyq_queue *q, void *arg, uint64_t deadline),
			    void *arg, uint64_t deadline);

/* The same for one of those that get: more than 0 done, -EAGAIN empty, or an error. */
ssize_t pyqi_get_when_ready(pyq_queue *q, ssize_t (*attempt)(pyq_queue *q, void *arg),
			    ssize_t (*asleep)(pyq_queue *q, void *arg, uint64_t deadline),
			    void *arg, uint64_t deadline);

/* Look who is alive, before it is said of a queue that nothing can be had. */
bool pyqi_in_vain(pyq_queue *q);

/* What is of a message that does not fit a slot, where there is none. */
#define PYQI_NOT_LARGE UINT32_MAX

/* End a claim; @first is what large_copy has said, or PYQI_NOT_LARGE. */
int pyqi_release(pyq_queue *q, const struct pyq_op *op, uint32_t first);

/* Undo a claim of a message, and call who can have it now. As pyq_ring_give_back(). */
int pyqi_give_back(pyq_queue *q, const struct pyq_op *op);

#endif
