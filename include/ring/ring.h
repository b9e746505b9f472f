/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * The ring: one participant's view of it, and what all operations share.
 *
 * The protocol, its rules and the reasons are in docs/ring.md. The memory
 * orderings are lettered here, and each use names its letter.
 *
 * A  publish: CAS to READY. The payload is written before it.
 *    Pairs with B; without it a getter reads a message half written.
 * B  claim of a message: CAS from READY. The payload is read after it.
 * C  release: CAS to FREE of the next lap. The payload is read before it.
 *    Pairs with D; without it a putter overwrites a message being read.
 * D  claim of a slot: CAS from FREE. The payload is written after it.
 * E  position first: tail (head) is past p before p's slot becomes READY or
 *    ABORTED (ORPHAN, or FREE of the next lap). Both are CASes, or a load of
 *    what another's CAS did followed by a CAS; that in a CAS which has failed is
 *    enough, for nobody who comes after it reads an older position.
 *    Pairs with F; without it whoever finds a slot ahead of the position that
 *    he read cannot tell a stale position from a broken ring.
 * F  load-acquire of a slot's word before tail or head is read again.
 * G  wake check: the CAS of A or C is a full barrier before sleepers and
 *    pollers are looked at.
 *    Pairs with H; without it a message is published, its waker sees no
 *    sleeper, and the sleeper saw no message.
 * H  announcement: who is going to sleep or polls says so (CAS), then a full
 *    barrier, then the ring is looked at. (The kernel's own is in kmod/wait.c.)
 * I  marks: an ORPHAN or ABORTED slot is stored before the generation is
 *    raised (CAS). Pairs with J; without it the hint is cleared although the
 *    scan went past the slot too early.
 * J  the generation is loaded (acquire), then head, then the slots; it is
 *    cleared by CAS of what was loaded.
 * K  a tombstone is counted (CAS of skipped) before head passes it (CAS).
 *    Pairs with L; without it join waits for a message that never was.
 * L  done, then skipped, then overflow, then tail are loaded (acquire): what is
 *    counted as finished is never ahead of what was begun. Who has to know exactly
 *    loads head before, and skips what is there.
 * M  shutdown: CLOSED is set and DROP is set (both full barriers) before the
 *    queue is drained; a putter publishes (A, full barrier) and then looks at
 *    DROP. One of the two sees that the other was there.
 * N  length: stored (release) after D.
 *    Pairs with O; without it the length of a slot's next message is taken for
 *    that of the one before.
 * O  the length is loaded (acquire), then the word again: still the same word,
 *    then it was the message's length.
 * P  detour: PUT is set (full barrier) before the put returns whose message waits
 *    outside of the ring, and taken away after the last of them is published.
 *    Pairs with Q; without it a putter's next message goes before his last, and
 *    who gets without waiting finds nothing while one is on its way.
 * Q  detour is loaded before tail, which is claimed later: in the order of the
 *    program, and of whatever has made one put come after another.
 * R  a message from outside is not counted as waiting there any more after tail has
 *    passed its position (E), and before it is published (A). Pairs with L, which
 *    loads that count before tail; without it join does not see the message, or the
 *    last task_done sees one too many and calls nobody.
 * S  call: what a sleeper is called for is there (A, C) before he is claimed, which
 *    moves the sequence (CAS).
 *    Pairs with T; without it he looks, finds nothing, and does not call the next.
 * T  whether the sequence has moved is loaded (acquire), then the ring.
 */
#ifndef PYQ_RING_RING_H
#define PYQ_RING_RING_H

#include "atomic.h"
#include "word.h"

/*
 * Between participants who keep to the protocol a retry means that somebody
 * has moved the ring on. After this many it is left to the caller (-EBUSY), who
 * can see a signal, and calls the ring broken if head and tail stand still.
 */
#ifndef PYQ_RING_TRIES
#define PYQ_RING_TRIES	1024
#endif

/* What a step says when somebody, perhaps itself, has moved the ring on. */
#define PYQ_RING_AGAIN	1

/**
 * struct pyq_ring - a participant's own view of a ring
 * @hdr: the shared header
 * @slots: the shared slots
 * @overflow: how many messages wait outside; who keeps them believes himself only
 * @maxsize: bound on the number of messages
 * @slot_size: bytes from one slot to the next
 * @order: there are 2^order slots
 * @owner: the participant's owner number
 *
 * Not in shared memory: nobody else can change it.
 */
struct pyq_ring {
	struct pyqueue_header *hdr;
	unsigned char *slots;
	const __u64 *overflow;
	__u64 maxsize;
	__u32 slot_size;
	__u32 order;
	__u16 owner;
};

/**
 * struct pyq_op - one operation on a ring
 * @pos: the position it has claimed
 * @word: the slot's word as claimed
 * @len: get: bytes of the message
 * @freed: out: a tombstone was taken away: wake putters and those who join
 */
struct pyq_op {
	__u64 pos;
	__u64 word;
	__u32 len;
	bool freed;
};

static inline __u64 pyq_ring_slots(const struct pyq_ring *r)
{
	return 1ULL << r->order;
}

static inline __u32 pyq_ring_index(const struct pyq_ring *r, __u64 pos)
{
	return (__u32)(pos & (pyq_ring_slots(r) - 1));
}

/* The low bits of the lap, as the slot word keeps them. */
static inline __u32 pyq_ring_lap(const struct pyq_ring *r, __u64 pos)
{
	return (__u32)(pos >> r->order);
}

static inline struct pyqueue_slot *pyq_ring_slot(const struct pyq_ring *r, __u64 pos)
{
	return (struct pyqueue_slot *)(r->slots + (__u64)pyq_ring_index(r, pos) * r->slot_size);
}

/* Bytes of a message that fit a slot. */
static inline __u32 pyq_ring_payload(const struct pyq_ring *r)
{
	return r->slot_size - (__u32)sizeof(struct pyqueue_slot);
}

/* The smallest order whose slots hold @maxsize messages. */
static inline __u32 pyq_ring_order(__u64 maxsize)
{
	__u32 order = 0;

	while ((1ULL << order) < maxsize)
		order++;
	return order;
}

static inline bool pyq_word_is(const struct pyq_ring *r, __u64 word, __u64 pos, unsigned int state)
{
	return pyq_word_lap(word) == pyq_ring_lap(r, pos) && pyq_word_state(word) == state;
}

/* Raise a hint and the generation (I). */
static inline void pyq_ring_mark(struct pyq_ring *r, __u64 bit)
{
	unsigned int tries;

	for (tries = 0; tries < PYQ_RING_TRIES; tries++) {
		__u64 marks = pyq_load(&r->hdr->marks);

		if (pyq_cas(&r->hdr->marks, marks, (marks + PYQUEUE_MARK_GENERATION) | bit))
			return;
	}
	pyq_or(&r->hdr->marks, bit); /* somebody spoils the ring: do not wait for him */
}

/* What no interleaving can produce is broken: unless @at has moved on (F). */
static inline int pyq_ring_stale(const __u64 *at, __u64 seen)
{
	return pyq_load_acquire(at) == seen ? -EUCLEAN : PYQ_RING_AGAIN;
}

/*
 * Format a ring in zeroed memory. The constants of the header are the
 * caller's: user space reads them, no operation here does.
 */
static inline void pyq_ring_init(struct pyq_ring *r, void *memory, __u64 maxsize, __u32 slot_size,
				 __u16 owner)
{
	r->hdr = (struct pyqueue_header *)memory;
	r->slots = (unsigned char *)memory + PYQUEUE_HEADER_SIZE;
	r->overflow = &r->hdr->overflow;
	r->maxsize = maxsize;
	r->slot_size = slot_size;
	r->order = pyq_ring_order(maxsize);
	r->owner = owner;
}

/* Shut down: no position is claimed from now on. */
static inline void pyq_ring_close(struct pyq_ring *r)
{
	pyq_or(&r->hdr->tail, PYQUEUE_CLOSED); /* M */
}

/* Shut down at once: who publishes from now on drops what is in the ring. */
static inline void pyq_ring_close_and_drop(struct pyq_ring *r)
{
	pyq_ring_close(r);
	pyq_or32(&r->hdr->detour, PYQUEUE_DETOUR_DROP); /* M */
}

static inline bool pyq_ring_is_closed(const struct pyq_ring *r)
{
	return pyq_load_acquire(&r->hdr->tail) & PYQUEUE_CLOSED;
}

#endif
