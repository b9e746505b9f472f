/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an operation does with what it finds: every state that another's
 * unfinished operation can leave, made by hand. (Recovery: ring_recover.c;
 * what nobody can leave: ring_broken.c.)
 */
#ifndef PYQUEUE_RING_CASES_UNITS_H
#define PYQUEUE_RING_CASES_UNITS_H

#include "ring_cases.h"

/* A bound of 3 in 4 slots; the array, or the lap, wraps at different places. */
FIXTURE(units) {
	struct pyq_ring r;
	struct pyq_ring other;
	__u64 p;		/* the first position */
};

FIXTURE_VARIANT(units) {
	__u64 start;
};

FIXTURE_VARIANT_ADD(units, from_zero) { .start = 0 };
FIXTURE_VARIANT_ADD(units, last_slot) { .start = 3 };
FIXTURE_VARIANT_ADD(units, last_lap) { .start = (4ULL << 32) - 2 };

FIXTURE_SETUP(units)
{
	self->r = ring_new(3, variant->start);
	self->other = ring_as(&self->r, OTHER);
	self->p = variant->start;
}

FIXTURE_TEARDOWN(units)
{
	ring_free(&self->r);
}

/* Other has claimed the next position and got no further: tail has not moved. */
static struct pyq_op begin_put(struct pyq_ring *r)
{
	__u64 pos = r->hdr->tail & ~PYQUEUE_CLOSED;
	struct pyq_op op = { .pos = pos };

	op.word = ring_word_of(r, pos, OTHER, PYQUEUE_WRITING);
	*ring_word(r, pos) = op.word;
	return op;
}

/* The same of a getter and head. */
static struct pyq_op begin_get(struct pyq_ring *r)
{
	__u64 pos = r->hdr->head;
	struct pyq_op op = { .pos = pos, .len = pyq_ring_slot(r, pos)->len };

	op.word = ring_word_of(r, pos, OTHER, PYQUEUE_READING);
	*ring_word(r, pos) = op.word;
	return op;
}

static int end_put(struct pyq_ring *r, const struct pyq_op *op, __u64 value)
{
	struct pyq_ring other = ring_as(r, OTHER);

	message_write(r, op, value);
	return pyq_ring_publish(&other, op, message_len(value), 0);
}

/* --- helping */

TEST_F(units, putter_helps_tail)
{
	struct pyq_op op = begin_put(&self->r);

	EXPECT_EQ(0, ring_put(&self->r, 20));
	EXPECT_EQ(self->p + 2, self->r.hdr->tail);
	EXPECT_EQ(0, pyq_ring_advance_tail(&self->other, &op));
	EXPECT_EQ(self->p + 2, self->r.hdr->tail);
	EXPECT_EQ(0, end_put(&self->r, &op, 10));
	EXPECT_EQ(10, ring_get(&self->r));
	EXPECT_EQ(20, ring_get(&self->r));
	EXPECT_GOES_ON(&self->r);
}

/* Room is what is left after helping. */
TEST_F(units, full_after_helping)
{
	struct pyq_op op;

	EXPECT_EQ(0, ring_put(&self->r, 1));
	EXPECT_EQ(0, ring_put(&self->r, 2));
	op = begin_put(&self->r);
	EXPECT_EQ(-EAGAIN, ring_put(&self->r, 4));
	EXPECT_EQ(self->p + 3, self->r.hdr->tail);
	EXPECT_EQ(0, end_put(&self->r, &op, 3));
	EXPECT_SOUND(&self->r);
}

/* A getter has no use for a position that is not published; it leaves it. */
TEST_F(units, getter_waits_for_putter)
{
	struct pyq_op op = begin_put(&self->r);

	EXPECT_EQ(-EAGAIN, ring_get(&self->r));
	EXPECT_EQ(0, pyq_ring_advance_tail(&self->other, &op));
	EXPECT_EQ(-EAGAIN, ring_get(&self->r));
	EXPECT_EQ(0, end_put(&self->r, &op, 1));
	EXPECT_EQ(1, ring_get(&self->r));
}

TEST_F(units, getter_helps_head)
{
	struct pyq_op op;

	EXPECT_EQ(0, ring_put(&self->r, 1));
	EXPECT_EQ(0, ring_put(&self->r, 2));
	op = begin_get(&self->r);
	EXPECT_EQ(2, ring_get(&self->r));
	EXPECT_EQ(self->p + 2, self->r.hdr->head);
	EXPECT_EQ(1, message_read(&self->r, &op));
	EXPECT_EQ(0, pyq_ring_release(&self->other, &op));
	EXPECT_GOES_ON(&self->r);
}

TEST_F(units, putter_helps_head_when_full)
{
	struct pyq_op op;

	EXPECT_EQ(0, ring_put(&self->r, 1));
	EXPECT_EQ(0, ring_put(&self->r, 2));
	EXPECT_EQ(0, ring_put(&self->r, 3));
	op = begin_get(&self->r);
	EXPECT_EQ(0, ring_put(&self->r, 4)); /* the fourth slot, while one is being read */
	EXPECT_EQ(-EAGAIN, ring_put(&self->r, 5));
	EXPECT_EQ(0, pyq_ring_release(&self->other, &op));
	EXPECT_EQ(-EAGAIN, ring_put(&self->r, 5)); /* the bound, not the slots */
	EXPECT_EQ(2, ring_get(&self->r));
	EXPECT_EQ(0, ring_put(&self->r, 5));
}

/* A slot that is still held one lap back makes put say full, and nothing worse. */
TEST_F(units, held_slot_one_lap_back)
{
	struct pyq_op op;
	int i;

	EXPECT_EQ(0, ring_put(&self->r, 0));
	op = ring_claim_get(&self->other);
	for (i = 1; i < 4; i++) {
		EXPECT_EQ(0, ring_put(&self->r, i));
		EXPECT_EQ(i, ring_get(&self->r));
	}
	EXPECT_EQ(0, ring_qsize(&self->r));
	EXPECT_EQ(-EAGAIN, ring_put(&self->r, 4));
	EXPECT_EQ(-EAGAIN, ring_get(&self->r));
	EXPECT_EQ(0, pyq_ring_release(&self->other, &op));
	EXPECT_GOES_ON(&self->r);
}

TEST_F(units, predicates_help_too)
{
	struct pyq_op op = begin_put(&self->r);
	struct pyq_op mine = { .freed = false };

	EXPECT_EQ(0, pyq_ring_can_put(&self->r, &mine));
	EXPECT_EQ(self->p + 1, self->r.hdr->tail);
	EXPECT_EQ(-EAGAIN, pyq_ring_can_get(&self->r, &mine));
	EXPECT_EQ(0, end_put(&self->r, &op, 1));
	EXPECT_EQ(0, ring_put(&self->r, 2));
	op = begin_get(&self->r);
	EXPECT_EQ(0, pyq_ring_can_get(&self->r, &mine));
	EXPECT_EQ(self->p + 1, self->r.hdr->head);
	EXPECT_EQ(self->p + 1, mine.pos);
	EXPECT_EQ(0, pyq_ring_release(&self->other, &op));
	EXPECT_EQ(2, ring_get(&self->r));
}

/* --- messages */

TEST_F(units, too_long_is_not_claimed)
{
	struct pyq_op op = { .freed = false };
	__u64 word;

	EXPECT_EQ(0, ring_put(&self->r, 5)); /* 48 bytes */
	word = ring_load_word(&self->r, self->p);
	EXPECT_EQ(-EMSGSIZE, pyq_ring_claim_get(&self->r, &op, 47));
	EXPECT_EQ(48, op.len);
	EXPECT_EQ(word, ring_load_word(&self->r, self->p));
	EXPECT_EQ(self->p, self->r.hdr->head);
	EXPECT_EQ(0, pyq_ring_claim_get(&self->r, &op, 48));
	EXPECT_EQ(48, op.len);
	EXPECT_EQ(0, pyq_ring_give_back(&self->r, &op));

	/* An orphan likewise. */
	EXPECT_EQ(0, ring_put(&self->r, 0));
	EXPECT_EQ(-EMSGSIZE, pyq_ring_claim_get(&self->r, &op, 0));
	EXPECT_EQ(48, op.len);
	EXPECT_STATE(&self->r, self->p, PYQUEUE_ORPHAN);
	EXPECT_EQ(5, ring_get(&self->r));
	EXPECT_EQ(0, ring_get(&self->r));
}

TEST_F(units, empty_message)
{
	struct pyq_op op = ring_claim_put(&self->r);

	EXPECT_EQ(0, pyq_ring_publish(&self->r, &op, 0, 0));
	op.len = 1;
	EXPECT_EQ(0, pyq_ring_claim_get(&self->r, &op, 0));
	EXPECT_EQ(0, op.len);
	EXPECT_EQ(0, pyq_ring_release(&self->r, &op));
}

/* The flag goes with the message, through another's hands, and ends with it. */
TEST_F(units, indirect_goes_with_the_message)
{
	struct pyq_op op = ring_claim_put(&self->r);

	EXPECT_EQ(0, pyq_ring_publish(&self->r, &op, 1000000, PYQUEUE_SLOT_INDIRECT));
	EXPECT_EQ(0, pyq_ring_claim_get(&self->other, &op, 1000000));
	EXPECT_EQ(PYQUEUE_SLOT_INDIRECT, pyq_word_flags(op.word));
	EXPECT_EQ(0, pyq_ring_give_back(&self->other, &op));
	EXPECT_EQ(0, pyq_ring_claim_get(&self->other, &op, 1000000));
	EXPECT_EQ(PYQUEUE_SLOT_INDIRECT, pyq_word_flags(op.word));
	EXPECT_EQ(1, ring_recover(&self->r, OTHER));
	EXPECT_EQ(0, pyq_ring_claim_get(&self->r, &op, 1000000));
	EXPECT_EQ(PYQUEUE_SLOT_INDIRECT, pyq_word_flags(op.word));
	EXPECT_EQ(1000000, op.len);
	EXPECT_EQ(0, pyq_ring_release(&self->r, &op));
	EXPECT_GOES_ON(&self->r);
}

/* --- tombstones */

TEST_F(units, getter_takes_tombstones_away)
{
	struct pyq_op op = { .freed = false };

	EXPECT_EQ(0, ring_bury(&self->r));
	EXPECT_EQ(0, ring_bury(&self->r));
	EXPECT_EQ(0, ring_put(&self->r, 1));
	EXPECT_EQ(0, pyq_ring_claim_get(&self->r, &op, SLOT_SIZE));
	EXPECT_EQ(self->p + 2, op.pos);
	EXPECT_EQ(2, ring_tombstones(&self->r));
	EXPECT_EQ(0, pyq_ring_release(&self->r, &op));
	EXPECT_GOES_ON(&self->r);
}

TEST_F(units, putter_who_finds_it_full_takes_tombstones_away)
{
	EXPECT_EQ(0, ring_bury(&self->r));
	EXPECT_EQ(0, ring_bury(&self->r));
	EXPECT_EQ(0, ring_put(&self->r, 1));
	EXPECT_EQ(0, ring_put(&self->r, 2));
	EXPECT_EQ(0, ring_put(&self->r, 3));
	EXPECT_EQ(-EAGAIN, ring_put(&self->r, 4));
	EXPECT_EQ(2, ring_tombstones(&self->r));
	EXPECT_EQ(3, ring_qsize(&self->r));
	EXPECT_SOUND(&self->r);
}

/* Who frees a slot has to wake a putter, so it has to be told. */
TEST_F(units, freed_is_told)
{
	struct pyq_op op = { .freed = false };

	EXPECT_EQ(0, ring_bury(&self->r));
	EXPECT_EQ(-EAGAIN, pyq_ring_can_get(&self->r, &op));
	EXPECT_TRUE(op.freed);

	op.freed = false;
	EXPECT_EQ(0, ring_bury(&self->r));
	EXPECT_EQ(0, pyq_ring_qsize(&self->r, &op));
	EXPECT_TRUE(op.freed);

	op.freed = false;
	EXPECT_EQ(0, ring_bury(&self->r));
	EXPECT_EQ(0, pyq_ring_unfinished(&self->r, &op));
	EXPECT_TRUE(op.freed);

	op.freed = false;
	EXPECT_EQ(0, ring_bury(&self->r));
	EXPECT_EQ(0, ring_put(&self->r, 1));
	EXPECT_EQ(0, ring_put(&self->r, 2));
	EXPECT_EQ(0, pyq_ring_can_put(&self->r, &op));
	EXPECT_TRUE(op.freed);

	op.freed = false;
	EXPECT_EQ(1, ring_get(&self->r));
	EXPECT_EQ(2, ring_get(&self->r));
	EXPECT_EQ(0, ring_bury(&self->r));
	EXPECT_EQ(0, ring_put(&self->r, 3));
	EXPECT_EQ(0, pyq_ring_claim_get(&self->r, &op, SLOT_SIZE));
	EXPECT_TRUE(op.freed);
}

TEST_F(units, tombstones_in_the_middle)
{
	EXPECT_EQ(0, ring_put(&self->r, 1));
	EXPECT_EQ(0, ring_bury(&self->r));
	EXPECT_EQ(0, ring_put(&self->r, 2));
	EXPECT_EQ(2, ring_qsize(&self->r));
	EXPECT_EQ(-EAGAIN, ring_put(&self->r, 3));
	EXPECT_EQ(0, ring_tombstones(&self->r));
	EXPECT_EQ(1, ring_get(&self->r));
	EXPECT_EQ(1, ring_qsize(&self->r));
	EXPECT_EQ(1, ring_tombstones(&self->r));
	EXPECT_EQ(2, ring_get(&self->r));
}

/* Its word is not touched by who comes second: helpers only pass it. */
TEST_F(units, tombstone_is_counted_once)
{
	__u64 word;

	EXPECT_EQ(0, ring_bury(&self->r));
	ring_set(&self->r, self->p, OTHER, PYQUEUE_SKIPPING);
	word = ring_load_word(&self->r, self->p);
	pyq_ring_count_tombstone(&self->other, self->p);
	pyq_ring_count_tombstone(&self->r, self->p);
	EXPECT_EQ(1, ring_tombstones(&self->r));
	EXPECT_EQ(-EAGAIN, ring_get(&self->r));
	EXPECT_EQ(self->p + 1, self->r.hdr->head);
	pyq_ring_pass_tombstone(&self->other, self->p); /* late */
	EXPECT_EQ(1, ring_tombstones(&self->r));
	EXPECT_EQ((__u32)(self->p + 1), (__u32)self->r.hdr->skipped);
	EXPECT_EQ(self->p + 1, self->r.hdr->head);
	EXPECT_EQ(word, ring_load_word(&self->r, self->p));
}

/* The mark is a hint for qsize: it goes when a scan has found none. */
TEST_F(units, aborted_mark)
{
	EXPECT_EQ(0, ring_put(&self->r, 1));
	EXPECT_EQ(0, ring_bury(&self->r));
	EXPECT_TRUE(self->r.hdr->marks & PYQUEUE_MARK_ABORTED);
	EXPECT_EQ(1, ring_qsize(&self->r));
	EXPECT_TRUE(self->r.hdr->marks & PYQUEUE_MARK_ABORTED);
	EXPECT_EQ(1, ring_get(&self->r));
	EXPECT_EQ(0, ring_qsize(&self->r));
	EXPECT_FALSE(self->r.hdr->marks & PYQUEUE_MARK_ABORTED);
	EXPECT_EQ(PYQUEUE_MARK_GENERATION, self->r.hdr->marks);
}

/* --- orphans */

TEST_F(units, orphans_come_first)
{
	struct pyq_op op[3];
	int i;

	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, ring_put(&self->r, i));
	for (i = 0; i < 3; i++)
		op[i] = ring_claim_get(&self->other);
	EXPECT_EQ(0, ring_put(&self->r, 3));
	EXPECT_EQ(0, pyq_ring_give_back(&self->other, &op[2]));
	EXPECT_EQ(2, ring_qsize(&self->r));
	EXPECT_EQ(0, pyq_ring_give_back(&self->other, &op[0]));
	EXPECT_EQ(0, ring_get(&self->r));
	EXPECT_EQ(0, pyq_ring_give_back(&self->other, &op[1]));
	EXPECT_EQ(1, ring_get(&self->r));
	EXPECT_EQ(2, ring_get(&self->r));
	EXPECT_EQ(3, ring_get(&self->r));
	EXPECT_EQ(-EAGAIN, ring_get(&self->r));
	EXPECT_GOES_ON(&self->r);
}

/* Deliveries are counted by death only. */
TEST_F(units, give_back_keeps_deliveries)
{
	struct pyq_op op;
	int i;

	EXPECT_EQ(0, ring_put(&self->r, 1));
	op = ring_claim_get(&self->other);
	EXPECT_EQ(1, ring_recover(&self->r, OTHER));
	for (i = 0; i < 3; i++) {
		op = ring_claim_get(&self->r);
		EXPECT_EQ(1, pyq_word_deliveries(op.word));
		EXPECT_EQ(0, pyq_ring_give_back(&self->r, &op));
	}
	EXPECT_EQ(2, ring_get_delivery(&self->r));
	EXPECT_EQ(0, ring_put(&self->r, 2));
	EXPECT_EQ(1, ring_get_delivery(&self->r));
}

/* Orphans may push qsize over maxsize; puts never do. */
TEST_F(units, orphans_above_the_bound)
{
	int i;

	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, ring_put(&self->r, i));
	for (i = 0; i < 3; i++)
		ring_claim_get(&self->other);
	EXPECT_EQ(0, ring_put(&self->r, 3));
	EXPECT_EQ(3, ring_recover(&self->r, OTHER));
	EXPECT_EQ(4, ring_qsize(&self->r));
	EXPECT_EQ(-EAGAIN, ring_put(&self->r, 4));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(i, ring_get(&self->r));
	EXPECT_GOES_ON(&self->r);
}

TEST_F(units, orphans_and_tombstones)
{
	struct pyq_op op;

	EXPECT_EQ(0, ring_put(&self->r, 1));
	op = ring_claim_get(&self->r);
	EXPECT_EQ(0, ring_bury(&self->r));
	EXPECT_EQ(0, ring_put(&self->r, 2));
	EXPECT_EQ(0, ring_bury(&self->r));
	EXPECT_EQ(1, ring_qsize(&self->r));
	EXPECT_EQ(0, pyq_ring_give_back(&self->r, &op));
	EXPECT_EQ(2, ring_qsize(&self->r));
	EXPECT_EQ(1, ring_get(&self->r));
	EXPECT_EQ(1, ring_qsize(&self->r));
	EXPECT_EQ(2, ring_get(&self->r));
	EXPECT_EQ(0, ring_qsize(&self->r));
	EXPECT_EQ(2, ring_unfinished(&self->r));
	EXPECT_EQ(1, ring_task_done(&self->r, 2));
}

/* A full scan that finds none clears the mark, and only the mark. */
TEST_F(units, orphan_mark)
{
	struct pyq_op op;

	EXPECT_EQ(0, ring_put(&self->r, 1));
	EXPECT_EQ(0, ring_put(&self->r, 2));
	op = ring_claim_get(&self->r);
	EXPECT_EQ(0, self->r.hdr->marks);
	EXPECT_EQ(0, pyq_ring_give_back(&self->r, &op));
	EXPECT_EQ(PYQUEUE_MARK_GENERATION | PYQUEUE_MARK_ORPHAN, self->r.hdr->marks);
	EXPECT_EQ(1, ring_get(&self->r));
	EXPECT_EQ(PYQUEUE_MARK_GENERATION | PYQUEUE_MARK_ORPHAN, self->r.hdr->marks);
	EXPECT_EQ(2, ring_get(&self->r));
	EXPECT_EQ(PYQUEUE_MARK_GENERATION, self->r.hdr->marks);
}

/* --- shutdown */

/* Shut down between another's claim and his step past tail: void. */
TEST_F(units, void_claim)
{
	struct pyq_op op;

	EXPECT_EQ(0, ring_put(&self->r, 1));
	op = begin_put(&self->r);
	pyq_ring_close(&self->r);
	EXPECT_EQ(-ESHUTDOWN, ring_put(&self->r, 2));
	EXPECT_EQ(-ESHUTDOWN, pyq_ring_advance_tail(&self->other, &op));
	EXPECT_EQ(ring_word_of(&self->r, op.pos, 0, PYQUEUE_FREE),
		  ring_load_word(&self->r, op.pos));
	EXPECT_EQ(-EOWNERDEAD, end_put(&self->r, &op, 3));
	EXPECT_EQ(1, ring_get(&self->r));
	EXPECT_EQ(-ESHUTDOWN, ring_get(&self->r));
	EXPECT_EQ(1, ring_unfinished(&self->r));
}

/* Shut down after somebody helped the claim past tail: it counts. */
TEST_F(units, helped_claim_is_not_void)
{
	struct pyq_op op = begin_put(&self->r);

	EXPECT_EQ(0, ring_put(&self->r, 2));
	pyq_ring_close(&self->r);
	EXPECT_EQ(0, pyq_ring_advance_tail(&self->other, &op));
	EXPECT_EQ(-EAGAIN, ring_get(&self->r)); /* not -ESHUTDOWN: it may still come */
	EXPECT_EQ(0, end_put(&self->r, &op, 1));
	EXPECT_EQ(1, ring_get(&self->r));
	EXPECT_EQ(2, ring_get(&self->r));
	EXPECT_EQ(-ESHUTDOWN, ring_get(&self->r));
}

/* A void claim that nobody has taken back yet hides nothing. */
TEST_F(units, void_claim_at_head)
{
	struct pyq_op op = begin_put(&self->r);

	pyq_ring_close(&self->r);
	EXPECT_EQ(-ESHUTDOWN, ring_get(&self->r));
	EXPECT_EQ(0, ring_qsize(&self->r));
	EXPECT_EQ(0, ring_unfinished(&self->r));
	EXPECT_EQ(-ESHUTDOWN, pyq_ring_advance_tail(&self->other, &op));
	EXPECT_SOUND(&self->r);
}

TEST_F(units, shutdown_waits_for_head)
{
	struct pyq_op op;

	EXPECT_EQ(0, ring_put(&self->r, 1));
	EXPECT_EQ(0, ring_bury(&self->r));
	pyq_ring_close(&self->r);
	op = begin_get(&self->r); /* another's get, head not moved */
	EXPECT_EQ(-ESHUTDOWN, ring_get(&self->r));
	EXPECT_EQ(self->p + 2, self->r.hdr->head);
	EXPECT_EQ(1, ring_tombstones(&self->r));

	/* What he gives back is delivered all the same. */
	EXPECT_EQ(0, pyq_ring_give_back(&self->other, &op));
	EXPECT_EQ(1, ring_get(&self->r));
	EXPECT_EQ(-ESHUTDOWN, ring_get(&self->r));
}

TEST_F(units, drop_is_said)
{
	EXPECT_EQ(0, ring_put(&self->r, 1));
	pyq_ring_close(&self->r);
	EXPECT_EQ(0, self->r.hdr->detour);
	pyq_ring_close_and_drop(&self->r);
	EXPECT_EQ(PYQUEUE_DETOUR_DROP, self->r.hdr->detour);
	EXPECT_EQ(1, ring_get(&self->r));
	EXPECT_EQ(-ESHUTDOWN, ring_get(&self->r));
}

/* --- task_done */

TEST_F(units, one_task_done_too_many)
{
	EXPECT_EQ(-EINVAL, ring_task_done(&self->r, 1));
	EXPECT_EQ(0, ring_put(&self->r, 1));
	EXPECT_EQ(0, ring_put(&self->r, 2));
	EXPECT_EQ(-EINVAL, ring_task_done(&self->r, 3));
	EXPECT_EQ(-EINVAL, ring_task_done(&self->r, 1U << 31));
	EXPECT_EQ(-EINVAL, ring_task_done(&self->r, ~0U));
	EXPECT_EQ(self->p, self->r.hdr->done);
	EXPECT_EQ(0, ring_task_done(&self->r, 1));
	EXPECT_EQ(1, ring_task_done(&self->r, 1));
	EXPECT_EQ(-EINVAL, ring_task_done(&self->r, 1));
	EXPECT_EQ(0, ring_unfinished(&self->r));
}

/* Nobody can be done with a tombstone. */
TEST_F(units, no_task_done_for_a_tombstone)
{
	EXPECT_EQ(0, ring_bury(&self->r));
	EXPECT_EQ(-EINVAL, ring_task_done(&self->r, 1));
	EXPECT_EQ(0, ring_put(&self->r, 1));
	EXPECT_EQ(1, ring_unfinished(&self->r));
}

/* Of what is dropped as much is done as is unfinished: the rest has been before. */
TEST_F(units, dropped_counts_what_is_unfinished)
{
	EXPECT_EQ(0, pyq_ring_dropped(&self->r, 1));
	EXPECT_EQ(self->p, self->r.hdr->done);
	EXPECT_EQ(0, ring_put(&self->r, 1));
	EXPECT_EQ(0, ring_put(&self->r, 2));
	EXPECT_EQ(0, ring_put(&self->r, 3));
	EXPECT_EQ(0, pyq_ring_dropped(&self->r, 1));
	EXPECT_EQ(2, ring_unfinished(&self->r));
	EXPECT_EQ(0, ring_task_done(&self->r, 1));
	EXPECT_EQ(0, pyq_ring_dropped(&self->r, 2));
	EXPECT_EQ(self->p + 3, self->r.hdr->done);
	EXPECT_EQ(-EINVAL, ring_task_done(&self->r, 1));
}

/* Also the first tombstone of a queue, where the low bits of skipped begin. */
TEST(tombstone_at_each_end_of_32_bits)
{
	static const __u64 positions[] = { 0, 1, (1ULL << 32) - 2, (1ULL << 32) - 1, 1ULL << 32 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(positions); i++) {
		struct pyq_ring r = ring_new(3, positions[i]);

		r.hdr->skipped = 0;
		EXPECT_EQ(0, ring_bury(&r));
		EXPECT_EQ(0, ring_unfinished(&r))
			TH_LOG("the first tombstone is at position %#llx", positions[i]);
		EXPECT_EQ(0, ring_bury(&r));
		EXPECT_EQ(0, ring_unfinished(&r));
		EXPECT_EQ(2, ring_tombstones(&r));
		ring_free(&r);
	}
}

TEST_F(units, tombstones_are_finished_when_passed)
{
	EXPECT_EQ(0, ring_put(&self->r, 1));
	EXPECT_EQ(0, ring_bury(&self->r));
	EXPECT_EQ(0, ring_bury(&self->r));
	EXPECT_EQ(1, ring_get(&self->r));
	EXPECT_EQ(1, ring_task_done(&self->r, 1));
	EXPECT_EQ(0, ring_unfinished(&self->r));
	EXPECT_EQ(2, ring_tombstones(&self->r));
}

#endif
