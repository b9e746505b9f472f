/* SPDX-License-Identifier: GPL-2.0 */
/* Before and after an execution, on the ring itself: what is there first, and what is left. */
#ifndef EXPLORER_AUDIT_H
#define EXPLORER_AUDIT_H

#include "errands.h"

static int direct_put(struct actor *a, unsigned int message)
{
	struct pyq_ring *r = ring_of(a);
	struct pyq_op op = { .freed = false };
	int ret = pyq_ring_claim_put(r, &op);

	if (ret)
		return ret;
	payload_write(pyq_ring_slot(r, op.pos)->payload, payload_of(message));
	return pyq_ring_publish(r, &op, message, 0);
}

/* The message, or -errno. */
static int direct_get(struct actor *a)
{
	struct pyq_ring *r = ring_of(a);
	struct pyq_op op = { .freed = false };
	__u64 copy[2];
	int ret = pyq_ring_claim_get(r, &op, 16);

	if (ret)
		return ret;
	payload_look(r, &op, copy);
	ret = pyq_ring_release(r, &op);
	if (ret)
		return ret;
	if (copy[1] != ~copy[0] || op.len != (copy[0] & 0xff))
		return -EILSEQ;
	return (int)op.len;
}

void script_prefill(struct actor *a)
{
	unsigned int i;

	for (i = 1; i <= cast.prefill; i++)
		direct_put(a, i);
}

/* The ghost does not see what the auditor does. */
static void note_moved(void)
{
	unsigned int i;

	for (i = 0; i < cast.slots; i++)
		if (pyq_word_state(memory_read(WORD + i)) == PYQUEUE_READY)
			world.ghost.slot_message[i] = (__u8)memory_read(PAYLOAD + 2 * i);
	world.ghost.keeper.outside = 0;
}

/* At the end of an execution: is what is left a queue? */
void script_audit(struct actor *a)
{
	bool stopped = false, closed;
	struct pyq_op op = { .freed = false };
	unsigned int left, round, i, unfinished = ghost_outstanding();
	const struct actor *other;
	int ret;

	for_each_actor(other)
		stopped |= actor_is_stuck(other);
	left = (unsigned int)__builtin_popcount(world.ghost.published & ~world.ghost.released);
	if (!stopped && pyq_ring_qsize(ring_of(a), &op) != left)
		fail("qsize is %lld, and there are %lld", pyq_ring_qsize(ring_of(a), &op), left);

	for (;;) {
		unsigned int next = ghost_next_message();

		ret = direct_get(a);
		if (ret == -EAGAIN && cast.unbounded && !kernel_refill(handle_of(a), &ring_header.getters)) {
			note_moved();
			continue;
		}
		if (ret < 0)
			break;
		if ((unsigned int)ret != next)
			fail("left in the ring: message %lld, and %lld should be first",
			     (__u64)ret, next);
		left--;
	}
	if (stopped)
		return;
	if (left)
		fail("%lld messages are left that nobody gets (error %lld)", left,
		     (__u64)(__s64)ret);
	closed = pyq_ring_is_closed(ring_of(a));
	if (ret != (closed ? -ESHUTDOWN : -EAGAIN))
		fail("error %lld of an empty queue", (__u64)(__s64)ret, 0);
	/* Tombstones are counted when head comes to them. */
	if (pyq_ring_unfinished(ring_of(a), &op) != unfinished)
		fail("unfinished is %lld, and should be %lld",
		     pyq_ring_unfinished(ring_of(a), &op), unfinished);
	if (closed)
		return;
	for (round = 0; round < 2; round++) {
		for (i = 1; i <= cast.maxsize; i++) {
			ret = direct_put(a, i);
			if (ret)
				fail("a fresh participant cannot put message %lld: %lld", i,
				     (__u64)(__s64)ret);
		}
		ret = direct_put(a, i);
		if (ret != -EAGAIN)
			fail("one more than maxsize can be put: %lld", (__u64)(__s64)ret, 0);
		for (i = 1; i <= cast.maxsize; i++) {
			ret = direct_get(a);
			if (ret != (int)i)
				fail("a fresh participant gets %lld for message %lld",
				     (__u64)(__s64)ret, i);
		}
	}
}

#endif
