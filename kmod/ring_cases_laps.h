/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What holds for any bound and at any position: order, the exact bound,
 * tombstones, orphans, shutdown and recovery, lap after lap, and where
 * positions and laps leave 32 bits.
 */
#ifndef PYQUEUE_RING_CASES_LAPS_H
#define PYQUEUE_RING_CASES_LAPS_H

#include "ring_cases.h"

FIXTURE(laps) {
	struct pyq_ring r;
	struct pyq_ring other;
	__u64 n;		/* maxsize */
	__u64 slots;
	struct pyq_op op[64];	/* what one has in hand */
};

FIXTURE_VARIANT(laps) {
	__u64 maxsize;
	/* The test begins so many slots before position 2^bits, or lap 2^bits. */
	int position_bits;
	int lap_bits;
};

FIXTURE_VARIANT_ADD(laps, 1_from_zero) { .maxsize = 1 };
FIXTURE_VARIANT_ADD(laps, 1_position_wraps) { .maxsize = 1, .position_bits = 32 };
FIXTURE_VARIANT_ADD(laps, 1_lap_changes_sign) { .maxsize = 1, .lap_bits = 31 };
FIXTURE_VARIANT_ADD(laps, 1_lap_wraps) { .maxsize = 1, .lap_bits = 32 };
FIXTURE_VARIANT_ADD(laps, 1_last_positions) { .maxsize = 1, .position_bits = 63 };

FIXTURE_VARIANT_ADD(laps, 2_from_zero) { .maxsize = 2 };
FIXTURE_VARIANT_ADD(laps, 2_position_wraps) { .maxsize = 2, .position_bits = 32 };
FIXTURE_VARIANT_ADD(laps, 2_lap_changes_sign) { .maxsize = 2, .lap_bits = 31 };
FIXTURE_VARIANT_ADD(laps, 2_lap_wraps) { .maxsize = 2, .lap_bits = 32 };
FIXTURE_VARIANT_ADD(laps, 2_last_positions) { .maxsize = 2, .position_bits = 63 };

FIXTURE_VARIANT_ADD(laps, 3_from_zero) { .maxsize = 3 };
FIXTURE_VARIANT_ADD(laps, 3_position_wraps) { .maxsize = 3, .position_bits = 32 };
FIXTURE_VARIANT_ADD(laps, 3_lap_changes_sign) { .maxsize = 3, .lap_bits = 31 };
FIXTURE_VARIANT_ADD(laps, 3_lap_wraps) { .maxsize = 3, .lap_bits = 32 };
FIXTURE_VARIANT_ADD(laps, 3_last_positions) { .maxsize = 3, .position_bits = 63 };

FIXTURE_VARIANT_ADD(laps, 5_from_zero) { .maxsize = 5 };
FIXTURE_VARIANT_ADD(laps, 5_position_wraps) { .maxsize = 5, .position_bits = 32 };
FIXTURE_VARIANT_ADD(laps, 5_lap_changes_sign) { .maxsize = 5, .lap_bits = 31 };
FIXTURE_VARIANT_ADD(laps, 5_lap_wraps) { .maxsize = 5, .lap_bits = 32 };
FIXTURE_VARIANT_ADD(laps, 5_last_positions) { .maxsize = 5, .position_bits = 63 };

FIXTURE_VARIANT_ADD(laps, 64_from_zero) { .maxsize = 64 };
FIXTURE_VARIANT_ADD(laps, 64_position_wraps) { .maxsize = 64, .position_bits = 32 };
FIXTURE_VARIANT_ADD(laps, 64_lap_changes_sign) { .maxsize = 64, .lap_bits = 31 };
FIXTURE_VARIANT_ADD(laps, 64_lap_wraps) { .maxsize = 64, .lap_bits = 32 };
FIXTURE_VARIANT_ADD(laps, 64_last_positions) { .maxsize = 64, .position_bits = 63 };

FIXTURE_SETUP(laps)
{
	__u32 order = pyq_ring_order(variant->maxsize);
	__u64 start = 0;

	if (variant->position_bits)
		start = (1ULL << variant->position_bits) - variant->maxsize - 1;
	/* Position 2^63 there is none: it is CLOSED. No case takes so many. */
	if (variant->position_bits == 63)
		start -= 64ULL << order;
	if (variant->lap_bits)
		start = (1ULL << variant->lap_bits << order) - variant->maxsize - 1;

	self->r = ring_new(variant->maxsize, start);
	self->other = ring_as(&self->r, OTHER);
	self->n = variant->maxsize;
	self->slots = pyq_ring_slots(&self->r);
}

FIXTURE_TEARDOWN(laps)
{
	ring_free(&self->r);
}

/* Each case does the same for some laps. */

TEST_F(laps, order_is_the_smallest)
{
	EXPECT_LE(self->n, self->slots);
	EXPECT_GT(2 * self->n, self->slots);
	EXPECT_EQ(SLOT_SIZE - 16, pyq_ring_payload(&self->r));
}

TEST_F(laps, one_by_one)
{
	struct pyq_op op = { .freed = false };
	__u64 start = self->r.hdr->head;
	__u64 i;

	for (i = 0; i < 4 * self->slots; i++) {
		EXPECT_EQ(-EAGAIN, ring_get(&self->r));
		EXPECT_EQ(0, ring_put(&self->r, i));
		EXPECT_EQ(1, ring_qsize(&self->r));
		EXPECT_EQ(i, ring_get_op(&self->r, &op));
		EXPECT_EQ(start + i, op.pos);
		EXPECT_EQ(0, pyq_word_deliveries(op.word));
		EXPECT_FALSE(op.freed);
		EXPECT_EQ(0, ring_qsize(&self->r));
	}
	EXPECT_SOUND(&self->r);
}

TEST_F(laps, bound_is_exact)
{
	EXPECT_GOES_ON(&self->r);
}

/* Full all the time: room for exactly one after each get. */
TEST_F(laps, bound_is_exact_while_full)
{
	__u64 i;

	for (i = 0; i < self->n; i++)
		EXPECT_EQ(0, ring_put(&self->r, i));
	for (i = 0; i < 4 * self->slots; i++) {
		EXPECT_EQ(-EAGAIN, ring_put(&self->r, 0));
		EXPECT_EQ(i, ring_get(&self->r));
		EXPECT_EQ(0, ring_put(&self->r, i + self->n));
	}
	EXPECT_SOUND(&self->r);
}

/* Claimed is not room, whether or not it is published; and it is no message. */
TEST_F(laps, claims_count)
{
	struct pyq_op *op = self->op;
	__u64 value, i;

	for (value = 0; value < 4 * self->slots; value += self->n) {
		for (i = 0; i < self->n; i++)
			op[i] = ring_claim_put(&self->other);
		EXPECT_EQ(-EAGAIN, ring_put(&self->r, 0));
		EXPECT_EQ(-EAGAIN, ring_get(&self->r));
		for (i = 0; i < self->n; i++) {
			message_write(&self->r, &op[i], value + i);
			EXPECT_EQ(0, pyq_ring_publish(&self->other, &op[i],
						      message_len(value + i), 0));
		}
		for (i = 0; i < self->n; i++)
			op[i] = ring_claim_get(&self->other);
		EXPECT_EQ(-EAGAIN, ring_get(&self->r));
		EXPECT_EQ(0, ring_qsize(&self->r));
		for (i = 0; i < self->n; i++) {
			EXPECT_EQ(value + i, message_read(&self->r, &op[i]));
			EXPECT_EQ(0, pyq_ring_release(&self->other, &op[i]));
		}
		EXPECT_SOUND(&self->r);
	}
}

/* One tombstone at each place of a full queue. */
TEST_F(laps, one_tombstone)
{
	__u64 count = 0, at, i;

	for (at = 0; at < self->n; at++) {
		for (i = 0; i < self->n; i++)
			EXPECT_EQ(0, i == at ? ring_bury(&self->r) : ring_put(&self->r, i));
		EXPECT_EQ(self->n - 1, ring_qsize(&self->r));
		for (i = 0; i < self->n; i++)
			if (i != at)
				EXPECT_EQ(i, ring_get(&self->r));
		EXPECT_EQ(-EAGAIN, ring_get(&self->r));
		EXPECT_EQ(++count, ring_tombstones(&self->r));
		EXPECT_SOUND(&self->r);
	}
}

/* Nothing but tombstones: a putter makes room by himself, and join is over. */
TEST_F(laps, only_tombstones)
{
	__u64 count = 0, value, i;

	for (value = 0; value < 4 * self->slots; value += self->n) {
		for (i = 0; i < self->n; i++)
			EXPECT_EQ(0, ring_bury(&self->r));
		EXPECT_EQ(0, ring_put(&self->r, value));
		count += self->n;
		EXPECT_EQ(1, ring_qsize(&self->r));
		EXPECT_EQ(value, ring_get(&self->r));
		EXPECT_EQ(0, ring_qsize(&self->r));
		EXPECT_EQ(1, ring_task_done(&self->r, 1));
		EXPECT_EQ(count, ring_tombstones(&self->r));
	}
	EXPECT_GOES_ON(&self->r);
}

/* Given back from the last to the first, and delivered from the first to the last. */
TEST_F(laps, orphans_in_order)
{
	struct pyq_op *op = self->op;
	__u64 value, i;

	for (value = 0; value < 4 * self->slots; value += self->n) {
		for (i = 0; i < self->n; i++)
			EXPECT_EQ(0, ring_put(&self->r, value + i));
		for (i = 0; i < self->n; i++)
			op[i] = ring_claim_get(&self->other);
		for (i = self->n; i-- > 0;)
			EXPECT_EQ(0, pyq_ring_give_back(&self->other, &op[i]));
		EXPECT_EQ(self->n, ring_qsize(&self->r));
		EXPECT_SOUND(&self->r);
		for (i = 0; i < self->n; i++) {
			struct pyq_op got = { .freed = false };

			EXPECT_EQ(value + i, ring_get_op(&self->r, &got));
			EXPECT_EQ(op[i].pos, got.pos);
			EXPECT_EQ(0, pyq_word_deliveries(got.word));
		}
		EXPECT_EQ(-EAGAIN, ring_get(&self->r));
		EXPECT_SOUND(&self->r);
	}
}

TEST_F(laps, shut_down_at_each_level)
{
	__u64 start = self->r.hdr->tail;
	__u64 level, i;

	for (level = 0; level <= self->n; level++) {
		memset(self->r.hdr, 0, sizeof(*self->r.hdr));
		ring_start_at(&self->r, start);
		for (i = 0; i < level; i++)
			EXPECT_EQ(0, ring_put(&self->r, i));
		EXPECT_FALSE(pyq_ring_is_closed(&self->r));
		pyq_ring_close(&self->r);
		pyq_ring_close(&self->r);
		EXPECT_TRUE(pyq_ring_is_closed(&self->r));
		EXPECT_EQ(-ESHUTDOWN, ring_put(&self->r, 0));
		EXPECT_EQ(level, ring_qsize(&self->r));
		for (i = 0; i < level; i++)
			EXPECT_EQ(i, ring_get(&self->r));
		EXPECT_EQ(-ESHUTDOWN, ring_get(&self->r));
		EXPECT_EQ(0, ring_qsize(&self->r));
		EXPECT_EQ(level, ring_unfinished(&self->r));
		EXPECT_EQ(start | PYQUEUE_CLOSED, self->r.hdr->tail - level);
		EXPECT_SOUND(&self->r);
	}
}

TEST_F(laps, putter_dies_with_all_slots)
{
	__u64 value, i;

	for (value = 0; value < 4 * self->slots; value += self->n) {
		for (i = 0; i < self->n; i++)
			ring_claim_put(&self->other);
		EXPECT_EQ(-EAGAIN, ring_put(&self->r, 0));
		EXPECT_EQ(self->n, ring_recover(&self->r, OTHER));
		EXPECT_EQ(0, ring_recover(&self->r, OTHER));
		EXPECT_SOUND(&self->r);
		EXPECT_EQ(0, ring_unfinished(&self->r));
		EXPECT_EQ(0, ring_put(&self->r, value));
		EXPECT_EQ(value, ring_get(&self->r));
		EXPECT_EQ(1, ring_task_done(&self->r, 1));
	}
	EXPECT_GOES_ON(&self->r);
}

TEST_F(laps, getter_dies_with_all_messages)
{
	__u64 value, i;

	for (value = 0; value < 4 * self->slots; value += self->n) {
		for (i = 0; i < self->n; i++)
			EXPECT_EQ(0, ring_put(&self->r, value + i));
		for (i = 0; i < self->n; i++)
			ring_claim_get(&self->other);
		EXPECT_EQ(-EAGAIN, ring_get(&self->r));
		EXPECT_EQ(self->n, ring_recover(&self->r, OTHER));
		EXPECT_EQ(0, ring_recover(&self->r, OTHER));
		EXPECT_EQ(self->n, ring_qsize(&self->r));
		EXPECT_SOUND(&self->r);
		for (i = 0; i < self->n; i++) {
			struct pyq_op op = { .freed = false };

			EXPECT_EQ(value + i, ring_get_op(&self->r, &op));
			EXPECT_EQ(1, pyq_word_deliveries(op.word));
		}
		EXPECT_EQ(-EAGAIN, ring_get(&self->r));
	}
	EXPECT_GOES_ON(&self->r);
}

TEST_F(laps, unfinished)
{
	__u64 value, i;

	for (value = 0; value < 4 * self->slots; value += self->n) {
		EXPECT_EQ(0, ring_unfinished(&self->r));
		EXPECT_EQ(-EINVAL, ring_task_done(&self->r, 1));
		for (i = 0; i < self->n; i++)
			EXPECT_EQ(0, ring_put(&self->r, i));
		EXPECT_EQ(-EINVAL, ring_task_done(&self->r, self->n + 1));
		EXPECT_EQ(self->n, ring_unfinished(&self->r));
		for (i = 0; i < self->n; i++)
			EXPECT_EQ(i, ring_get(&self->r));
		EXPECT_EQ(self->n, ring_unfinished(&self->r));
		for (i = 1; i < self->n; i++)
			EXPECT_EQ(0, ring_task_done(&self->r, 1));
		EXPECT_EQ(1, ring_task_done(&self->r, 1));
	}
	EXPECT_EQ(0, ring_unfinished(&self->r));
}

/* Nobody lives that long; but whoever did would see the queue shut down, and no other harm. */
TEST(after_the_last_position)
{
	struct pyq_ring r = ring_new(3, PYQUEUE_CLOSED - 2);

	EXPECT_EQ(0, ring_put(&r, 1));
	EXPECT_FALSE(pyq_ring_is_closed(&r));
	EXPECT_EQ(0, ring_put(&r, 2));
	EXPECT_TRUE(pyq_ring_is_closed(&r));
	EXPECT_EQ(-ESHUTDOWN, ring_put(&r, 3));
	EXPECT_EQ(1, ring_get(&r));
	EXPECT_EQ(2, ring_get(&r));
	EXPECT_EQ(-ESHUTDOWN, ring_get(&r));
	EXPECT_EQ(-ESHUTDOWN, ring_put(&r, 3));
	ring_free(&r);
}

#endif
