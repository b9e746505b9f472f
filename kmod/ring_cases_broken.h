/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What no interleaving of participants can produce, but whoever may map the
 * ring can write. It is called -EUCLEAN where it can be told from what they
 * can produce; nothing is touched outside the ring (ASan, UBSan); and every
 * operation ends, after a number of steps that does not depend on luck.
 */
#ifndef PYQUEUE_RING_CASES_BROKEN_H
#define PYQUEUE_RING_CASES_BROKEN_H

#include "ring_cases.h"

/* A bound of 3 in 4 slots: the queue holds two messages, at 8 and 9. */
FIXTURE(broken) {
	struct pyq_ring r;
	struct pyq_op op;
};

FIXTURE_SETUP(broken)
{
	self->r = ring_new(3, 8);
	ASSERT_EQ(0, ring_put(&self->r, 1));
	ASSERT_EQ(0, ring_put(&self->r, 2));
	self->op.freed = false;
}

FIXTURE_TEARDOWN(broken)
{
	ring_free(&self->r);
}

/* Each operation says so that has to look at the slot at head. */
static void expect_no_get(struct __test_metadata *_metadata, struct pyq_ring *r)
{
	struct pyq_op op = { .freed = false };

	EXPECT_EQ(-EUCLEAN, pyq_ring_can_get(r, &op));
	EXPECT_EQ(-EUCLEAN, pyq_ring_claim_get(r, &op, SLOT_SIZE));
}

static void expect_no_put(struct __test_metadata *_metadata, struct pyq_ring *r)
{
	struct pyq_op op = { .freed = false };

	EXPECT_EQ(-EUCLEAN, pyq_ring_can_put(r, &op));
	EXPECT_EQ(-EUCLEAN, pyq_ring_claim_put(r, &op));
}

static void set_word(struct pyq_ring *r, __u64 pos, __u32 lap, unsigned int state)
{
	*ring_word(r, pos) = (__u64)lap << PYQUEUE_WORD_LAP_SHIFT | state;
}

TEST_F(broken, unknown_state)
{
	unsigned int state;

	for (state = PYQUEUE_ORPHAN + 1; state < 16; state++) {
		set_word(&self->r, 8, 2, state);
		expect_no_get(_metadata, &self->r);
		/* A putter meets it when the queue is full. */
		self->r.hdr->tail = 11;
		expect_no_put(_metadata, &self->r);
	}
}

TEST_F(broken, lap_at_head)
{
	static const __u32 laps[] = { 0, 3, 4, 0x7fffffff, 0x80000002, 0xffffffff };
	unsigned int i, state;

	for (i = 0; i < ARRAY_SIZE(laps); i++) {
		for (state = 0; state < 16; state++) {
			set_word(&self->r, 8, laps[i], state);
			expect_no_get(_metadata, &self->r);
		}
	}
}

/* The slot of tail, 10, may be of lap 2, or of lap 1 if somebody still holds it. */
TEST_F(broken, lap_at_tail)
{
	static const __u32 laps[] = { 0, 3, 4, 0x7fffffff, 0x80000002, 0xffffffff };
	unsigned int i, state;

	for (i = 0; i < ARRAY_SIZE(laps); i++) {
		for (state = 0; state < 16; state++) {
			set_word(&self->r, 10, laps[i], state);
			expect_no_put(_metadata, &self->r);
		}
	}
}

TEST_F(broken, head_beyond_tail)
{
	static const __u64 heads[] = { 11, 12, 1ULL << 32, PYQUEUE_CLOSED - 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(heads); i++) {
		self->r.hdr->head = heads[i];
		self->r.hdr->head_cache = heads[i];
		expect_no_put(_metadata, &self->r);
	}
}

TEST_F(broken, recover_of_a_claim_far_ahead)
{
	set_word(&self->r, 11, 40, PYQUEUE_WRITING);
	*ring_word(&self->r, 11) |= OTHER << PYQUEUE_WORD_OWNER_SHIFT;
	EXPECT_EQ(-EUCLEAN, ring_recover(&self->r, OTHER));
}

/* A message before it that nobody has taken: head cannot get past it. */
TEST_F(broken, recover_of_a_get_out_of_order)
{
	ring_set(&self->r, 9, OTHER, PYQUEUE_READING);
	EXPECT_EQ(-EUCLEAN, ring_recover(&self->r, OTHER));
	ring_set(&self->r, 9, OTHER, PYQUEUE_SKIPPING);
	EXPECT_EQ(-EUCLEAN, ring_recover(&self->r, OTHER));
}

/* What can be settled is settled although something else is broken. */
TEST_F(broken, recover_goes_on)
{
	ring_claim_get(&self->r);
	ring_set(&self->r, 8, OTHER, PYQUEUE_READING);
	ring_set(&self->r, 11, OTHER, PYQUEUE_READING);
	EXPECT_EQ(-EUCLEAN, ring_recover(&self->r, OTHER));
	EXPECT_STATE(&self->r, 8, PYQUEUE_ORPHAN);
	EXPECT_EQ(2, ring_get_delivery(&self->r));
}

/* The payload is the caller's to bound, by its own slot_size: len says anything. */
TEST_F(broken, len_is_told_as_it_is)
{
	pyq_ring_slot(&self->r, 8)->len = ~0U;
	EXPECT_EQ(-EMSGSIZE, pyq_ring_claim_get(&self->r, &self->op, SLOT_SIZE));
	EXPECT_EQ(~0U, self->op.len);
	EXPECT_EQ(0, pyq_ring_claim_get(&self->r, &self->op, ~0U));
	EXPECT_EQ(~0U, self->op.len);
}

/* --- any rubbish at all */

static struct {
	__u64 random;
	unsigned int operation;	/* the one that is going on */
	__u64 steps;		/* that it has taken, if somebody counts them */
} chaos;

static __u64 chaos_random(void)
{
	/* xorshift */
	chaos.random ^= chaos.random << 13;
	chaos.random ^= chaos.random >> 7;
	chaos.random ^= chaos.random << 17;
	return chaos.random;
}

/* Near enough to the truth that many checks are passed, or anything. */
static __u64 chaos_position(void)
{
	__u64 x = chaos_random();

	switch (x & 7) {
	case 0:
		return chaos_random();
	case 1:
		return (8 + (x >> 3) % 8) | PYQUEUE_CLOSED;
	default:
		return 8 + (x >> 3) % 8;
	}
}

static __u64 chaos_word(void)
{
	__u64 x = chaos_random();

	if (!(x & 7))
		return chaos_random();
	return pyq_word(1 + (x >> 3) % 4, (x >> 8) % 4, x >> 16, 0, (x >> 32) % 8);
}

static void chaos_spoil(struct pyq_ring *r, unsigned int what)
{
	switch (what) {
	case 0:
		r->hdr->tail = chaos_position();
		break;
	case 1:
		r->hdr->head = chaos_position();
		break;
	case 2:
		r->hdr->head_cache = chaos_position();
		break;
	case 3:
		r->hdr->marks = chaos_random();
		break;
	case 4:
		r->hdr->skipped = chaos_random() & 1 ? chaos_position() : chaos_random();
		break;
	case 5:
		r->hdr->done = chaos_random() & 1 ? chaos_position() : chaos_random();
		break;
	case 6:
		pyq_ring_slot(r, chaos_random())->len = chaos_random();
		break;
	default:
		*ring_word(r, chaos_random()) = chaos_word();
		break;
	}
}

/* Each operation once, in an order of its own. */
static bool chaos_operation(struct pyq_ring *r, unsigned int which)
{
	struct pyq_op op = { .freed = false };
	__s64 ret;

	chaos.steps = 0;
	chaos.operation = which;
	switch (which) {
	case 0:
		ret = pyq_ring_claim_put(r, &op);
		if (!ret)
			ret = pyq_ring_publish(r, &op, 8, 0);
		break;
	case 1:
		ret = pyq_ring_claim_put(r, &op);
		if (!ret)
			ret = pyq_ring_abort(r, &op);
		break;
	case 2:
		ret = pyq_ring_claim_get(r, &op, chaos_random());
		if (!ret)
			ret = pyq_ring_release(r, &op);
		break;
	case 3:
		ret = pyq_ring_claim_get(r, &op, ~0ULL);
		if (!ret)
			ret = pyq_ring_give_back(r, &op);
		break;
	case 4:
		/* Orphans may be in each slot beside what is between head and tail. */
		return pyq_ring_qsize(r, &op) <= 2 * pyq_ring_slots(r);
	case 5:
		pyq_ring_unfinished(r, &op);
		return true;
	case 6:
		ret = pyq_ring_task_done(r, &op, chaos_random() % 4);
		break;
	case 7:
		ret = pyq_ring_recover(r, &op, 1 + chaos_random() % 3);
		return ret == -EUCLEAN || (ret >= 0 && ret <= (__s64)pyq_ring_slots(r));
	case 8:
		ret = pyq_ring_can_put(r, &op);
		break;
	default:
		ret = pyq_ring_can_get(r, &op);
		break;
	}
	switch (ret) {
	case 0:
	case 1:
	case -EAGAIN:
	case -EBUSY:
	case -EINVAL:
	case -EMSGSIZE:
	case -EOWNERDEAD:
	case -ESHUTDOWN:
	case -EUCLEAN:
		return true;
	default:
		return false;
	}
}

static void chaos_rounds(struct __test_metadata *_metadata, struct pyq_ring *r)
{
	unsigned int round, i;

	chaos.random = 88172645463325252ULL;
	for (round = 0; round < 3000; round++) {
		for (i = 0; i < 40; i++)
			chaos_spoil(r, i % 20);
		for (i = 0; i < 10; i++) {
			unsigned int which = chaos_random() % 10;

			EXPECT_TRUE(chaos_operation(r, which))
				TH_LOG("operation %u in round %u", which, round);
		}
	}
}

TEST_F(broken, rubbish)
{
	chaos_rounds(_metadata, &self->r);
}

#endif
