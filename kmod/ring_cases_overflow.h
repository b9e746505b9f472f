/* SPDX-License-Identifier: GPL-2.0 */
/* What waits outside of the ring: the order of its flags, and what is counted. */
#ifndef PYQUEUE_RING_CASES_OVERFLOW_H
#define PYQUEUE_RING_CASES_OVERFLOW_H

#include <ring/overflow.h>

#include "ring_cases.h"

FIXTURE(overflow) {
	struct pyq_ring r;	/* the keeper's */
	struct pyq_ring other;	/* somebody's who sees shared memory only */
	struct pyq_overflow o;
};

FIXTURE_SETUP(overflow)
{
	self->r = ring_new(2, (2ULL << 32) - 1);
	self->other = ring_as(&self->r, OTHER);
	self->o = (struct pyq_overflow){ .count = 0 };
	self->r.overflow = &self->o.count;
}

FIXTURE_TEARDOWN(overflow)
{
	ring_free(&self->r);
}

/* As the keeper does when there is room: one that waits goes into the ring. */
static int overflow_move(struct pyq_ring *r, struct pyq_overflow *o, __u64 value)
{
	struct pyq_op op = { .freed = false };
	int ret = pyq_ring_claim_put(r, &op);

	if (ret)
		return ret;
	message_write(r, &op, value);
	pyq_overflow_moving(r, o);
	ret = pyq_ring_publish(r, &op, message_len(value), 0);
	pyq_overflow_moved(r, o);
	return ret;
}

TEST_F(overflow, one_puts_behind_what_waits)
{
	EXPECT_FALSE(pyq_overflows(&self->other));
	pyq_overflow_add(&self->r, &self->o);
	pyq_overflow_add(&self->r, &self->o);
	EXPECT_TRUE(pyq_overflows(&self->other));
	EXPECT_EQ(0, overflow_move(&self->r, &self->o, 1));
	EXPECT_TRUE(pyq_overflows(&self->other));
	EXPECT_EQ(0, overflow_move(&self->r, &self->o, 2));
	EXPECT_FALSE(pyq_overflows(&self->other));
	EXPECT_EQ(1, ring_get(&self->other));
	EXPECT_EQ(2, ring_get(&self->other));
}

TEST_F(overflow, what_waits_is_counted)
{
	EXPECT_EQ(0, ring_put(&self->r, 1));
	pyq_overflow_add(&self->r, &self->o);
	EXPECT_EQ(2, ring_qsize(&self->r));
	EXPECT_EQ(2, ring_qsize(&self->other));
	EXPECT_EQ(2, ring_unfinished(&self->other));
	EXPECT_EQ(0, overflow_move(&self->r, &self->o, 2));
	EXPECT_EQ(2, ring_qsize(&self->other));
	EXPECT_EQ(2, ring_unfinished(&self->r));
	EXPECT_EQ(0, ring_task_done(&self->r, 1));
	EXPECT_EQ(1, ring_task_done(&self->other, 1));
}

/* At no time between does join see fewer than there are. */
TEST_F(overflow, is_counted_while_it_moves)
{
	struct pyq_op op;

	pyq_overflow_add(&self->r, &self->o);
	op = ring_claim_put(&self->r);
	EXPECT_LE(1, ring_unfinished(&self->other));
	pyq_overflow_moving(&self->r, &self->o);
	EXPECT_EQ(1, ring_unfinished(&self->other));
	EXPECT_TRUE(pyq_overflows(&self->other));
	EXPECT_EQ(0, pyq_ring_publish(&self->r, &op, 0, 0));
	pyq_overflow_moved(&self->r, &self->o);
	EXPECT_EQ(1, ring_unfinished(&self->other));
	EXPECT_FALSE(pyq_overflows(&self->other));
}

TEST_F(overflow, shut_down_while_none_waits)
{
	pyq_overflow_close(&self->r, &self->o);
	EXPECT_TRUE(self->o.closed);
	EXPECT_EQ(0, self->r.hdr->detour);
	EXPECT_EQ(-ESHUTDOWN, ring_put(&self->other, 1));
}

/* Those that wait are delivered first, and tail is closed behind the last. */
TEST_F(overflow, shut_down_while_some_wait)
{
	EXPECT_EQ(0, ring_put(&self->r, 1));
	pyq_overflow_add(&self->r, &self->o);
	pyq_overflow_add(&self->r, &self->o);
	pyq_overflow_close(&self->r, &self->o);
	EXPECT_FALSE(pyq_ring_is_closed(&self->other));
	EXPECT_TRUE(self->r.hdr->detour & PYQUEUE_DETOUR_CLOSED);
	EXPECT_EQ(0, overflow_move(&self->r, &self->o, 2));
	EXPECT_FALSE(pyq_ring_is_closed(&self->other));
	EXPECT_EQ(1, ring_get(&self->other));
	EXPECT_EQ(0, overflow_move(&self->r, &self->o, 3));
	EXPECT_TRUE(pyq_ring_is_closed(&self->other));
	EXPECT_EQ(2, ring_get(&self->other));
	EXPECT_EQ(3, ring_get(&self->other));
	EXPECT_EQ(-ESHUTDOWN, ring_get(&self->other));
}

TEST_F(overflow, shut_down_at_once)
{
	EXPECT_EQ(0, ring_put(&self->r, 1));
	pyq_overflow_add(&self->r, &self->o);
	pyq_overflow_drop(&self->r, &self->o);
	EXPECT_EQ(0, self->o.count);
	EXPECT_EQ(PYQUEUE_DETOUR_DROP, self->r.hdr->detour);
	EXPECT_TRUE(pyq_ring_is_closed(&self->other));
	EXPECT_EQ(1, ring_qsize(&self->other));
}

/* What is in shared memory is for the others to read; the keeper has his own. */
TEST_F(overflow, a_count_that_is_spoilt)
{
	pyq_overflow_add(&self->r, &self->o);
	self->r.hdr->overflow = ~0ULL;
	EXPECT_EQ(1, ring_qsize(&self->r));
	EXPECT_EQ(1, ring_unfinished(&self->r));
	EXPECT_EQ(0, overflow_move(&self->r, &self->o, 1));
	EXPECT_EQ(0, self->r.hdr->overflow);
}

#endif
