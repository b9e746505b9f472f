// SPDX-License-Identifier: GPL-2.0
/*
 * Who is being killed does not go on with his walk over the slots, which may be millions;
 * and nobody else is to believe what he has not seen.
 */
#include <stdbool.h>

#include <ring/atomic.h>

static bool killed;

/* Whether he goes on. */
static inline bool breathe(void)
{
	return !killed;
}

/* From here on, in place of the ring's own. */
#define pyq_breathe() breathe()

#include "ring_test.h"

/* Where a walk looks, before it has seen what is behind it. */
#define START 0x1000

FIXTURE(killed) {
	struct pyq_ring r;
};

FIXTURE_SETUP(killed)
{
	self->r = ring_new(4, START);
}

FIXTURE_TEARDOWN(killed)
{
	ring_free(&self->r);
}

TEST_F(killed, counting)
{
	EXPECT_EQ(0, ring_put(&self->r, 1));
	EXPECT_EQ(0, ring_bury(&self->r));
	killed = true;
	ring_qsize(&self->r);
	killed = false;
	EXPECT_TRUE(self->r.hdr->marks & PYQUEUE_MARK_ABORTED);
	EXPECT_EQ(1, ring_qsize(&self->r));
	/* A whole walk that finds none does take the mark away. */
	EXPECT_EQ(1, ring_get(&self->r));
	EXPECT_EQ(0, ring_qsize(&self->r));
	EXPECT_EQ(0, ring_qsize(&self->r));
	EXPECT_FALSE(self->r.hdr->marks & PYQUEUE_MARK_ABORTED);
}

TEST_F(killed, looking_for_an_orphan)
{
	struct pyq_op first, second, op = { .freed = false };

	EXPECT_EQ(0, ring_put(&self->r, 1));
	EXPECT_EQ(0, ring_put(&self->r, 2));
	first = ring_claim_get(&self->r);
	second = ring_claim_get(&self->r);
	EXPECT_EQ(0, pyq_ring_give_back(&self->r, &second));
	/* From START on, one lap behind head. */
	EXPECT_EQ(0, ring_put(&self->r, 3));
	EXPECT_EQ(0, ring_put(&self->r, 4));
	killed = true;
	EXPECT_EQ(-EBUSY, pyq_ring_can_get(&self->r, &op));
	EXPECT_EQ(-EBUSY, pyq_ring_peek(&self->r, &op, SLOT_SIZE));
	killed = false;
	EXPECT_TRUE(self->r.hdr->marks & PYQUEUE_MARK_ORPHAN);
	EXPECT_EQ(2, ring_get(&self->r));
	EXPECT_EQ(0, pyq_ring_release(&self->r, &first));
	EXPECT_EQ(3, ring_get(&self->r));
	EXPECT_EQ(4, ring_get(&self->r));
}

TEST_HARNESS_MAIN
