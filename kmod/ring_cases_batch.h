/* SPDX-License-Identifier: GPL-2.0 */
/* Several messages at once: how many it is, in which order, and what ends a batch. */
#ifndef PYQUEUE_RING_CASES_BATCH_H
#define PYQUEUE_RING_CASES_BATCH_H

#include "ring_cases.h"

/* A bound of 5 in 8 slots; the array, or the lap, wraps in the batch. */
FIXTURE(batch) {
	struct pyq_ring r;
	struct pyq_ring other;
	__u64 p;		/* the first position */
	struct pyq_op ops[8];
};

FIXTURE_VARIANT(batch) {
	__u64 start;
};

FIXTURE_VARIANT_ADD(batch, from_zero) { .start = 0 };
FIXTURE_VARIANT_ADD(batch, array_wraps) { .start = 6 };
FIXTURE_VARIANT_ADD(batch, lap_wraps) { .start = (8ULL << 32) - 3 };
FIXTURE_VARIANT_ADD(batch, last_positions) { .start = PYQUEUE_CLOSED - 600 };

FIXTURE_SETUP(batch)
{
	int i;

	self->r = ring_new(5, variant->start);
	self->other = ring_as(&self->r, OTHER);
	self->p = variant->start;
	for (i = 0; i < 8; i++)
		self->ops[i] = (struct pyq_op){ .len = SLOT_SIZE };
}

FIXTURE_TEARDOWN(batch)
{
	ring_free(&self->r);
}

static void batch_fill(struct pyq_ring *r, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (ring_put(r, i))
			case_stop();
}

/* Publish @n claims from the @first on, as messages of that number. */
static int batch_publish(struct pyq_ring *r, const struct pyq_op *ops, int first, int n)
{
	int i, ret = 0;

	for (i = first; i < first + n && !ret; i++) {
		message_write(r, &ops[i], i);
		ret = pyq_ring_publish(r, &ops[i], message_len(i), 0);
	}
	return ret;
}

/* --- putting */

TEST_F(batch, puts_as_many_as_there_is_room_for)
{
	int i;

	EXPECT_EQ(5, pyq_ring_claim_puts(&self->r, self->ops, 8));
	EXPECT_EQ(self->p + 5, self->r.hdr->tail);
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(self->p + i, self->ops[i].pos);
		EXPECT_STATE(&self->r, self->p + i, PYQUEUE_WRITING);
	}
	EXPECT_EQ(-EAGAIN, ring_put(&self->r, 9));
	EXPECT_EQ(0, batch_publish(&self->r, self->ops, 0, 5));
	for (i = 0; i < 5; i++)
		EXPECT_EQ(i, ring_get(&self->r));
	EXPECT_GOES_ON(&self->r);
}

TEST_F(batch, puts_no_more_than_asked_for)
{
	EXPECT_EQ(2, pyq_ring_claim_puts(&self->r, self->ops, 2));
	EXPECT_EQ(self->p + 2, self->r.hdr->tail);
	EXPECT_STATE(&self->r, self->p + 2, PYQUEUE_FREE);
	EXPECT_EQ(1, pyq_ring_claim_puts(&self->r, self->ops + 2, 1));
	EXPECT_EQ(0, batch_publish(&self->r, self->ops, 0, 3));
	EXPECT_EQ(3, ring_qsize(&self->r));
}

TEST_F(batch, puts_behind_what_is_there)
{
	batch_fill(&self->r, 3);
	EXPECT_EQ(2, pyq_ring_claim_puts(&self->r, self->ops, 8));
	EXPECT_EQ(-EAGAIN, pyq_ring_claim_puts(&self->r, self->ops + 2, 8));
	EXPECT_EQ(0, batch_publish(&self->r, self->ops, 0, 2));
	EXPECT_SOUND(&self->r);
}

/* Somebody still has the slot that is next but two. */
TEST_F(batch, puts_up_to_a_slot_that_is_held)
{
	struct pyq_op held;
	int i;

	batch_fill(&self->r, 2);
	EXPECT_EQ(0, ring_get(&self->r));
	held = ring_claim_get(&self->other);
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(0, ring_put(&self->r, i));
		EXPECT_EQ(i, ring_get(&self->r));
	}
	EXPECT_EQ(3, pyq_ring_claim_puts(&self->r, self->ops, 8));
	EXPECT_EQ(-EAGAIN, pyq_ring_claim_puts(&self->r, self->ops + 3, 8));
	EXPECT_EQ(0, batch_publish(&self->r, self->ops, 0, 3));
	EXPECT_EQ(0, pyq_ring_release(&self->other, &held));
	EXPECT_EQ(2, pyq_ring_claim_puts(&self->r, self->ops + 3, 8));
}

TEST_F(batch, puts_one_of_which_is_aborted)
{
	EXPECT_EQ(3, pyq_ring_claim_puts(&self->r, self->ops, 3));
	EXPECT_EQ(0, batch_publish(&self->r, self->ops, 0, 1));
	EXPECT_EQ(0, pyq_ring_abort(&self->r, &self->ops[1]));
	EXPECT_EQ(0, batch_publish(&self->r, self->ops, 2, 1));
	EXPECT_EQ(2, ring_qsize(&self->r));
	EXPECT_EQ(0, ring_get(&self->r));
	EXPECT_EQ(2, ring_get(&self->r));
	EXPECT_EQ(1, ring_tombstones(&self->r));
	EXPECT_GOES_ON(&self->r);
}

TEST_F(batch, puts_after_shutdown)
{
	pyq_ring_close(&self->r);
	EXPECT_EQ(-ESHUTDOWN, pyq_ring_claim_puts(&self->r, self->ops, 8));
	EXPECT_SOUND(&self->r);
}

/* A helper has moved tail by some of the batch: by one, by all, and beyond. */
TEST_F(batch, puts_that_others_help)
{
	int by;

	for (by = 1; by <= 4; by++) {
		__u64 from = self->r.hdr->tail;

		ring_set(&self->r, from, ME, PYQUEUE_WRITING);
		ring_set(&self->r, from + 1, ME, PYQUEUE_WRITING);
		ring_set(&self->r, from + 2, ME, PYQUEUE_WRITING);
		self->r.hdr->tail = from + by;
		if (by == 4)
			ring_set(&self->r, from + 3, OTHER, PYQUEUE_WRITING);
		EXPECT_EQ(from + 3, pyq_ring_move(&self->r.hdr->tail, from, from + 3));
		EXPECT_EQ(from + (by == 4 ? 4 : 3), self->r.hdr->tail);
		EXPECT_EQ(3, ring_recover(&self->r, ME));
		EXPECT_EQ(by == 4, ring_recover(&self->r, OTHER));
		EXPECT_EQ(0, ring_qsize(&self->r));
	}
	EXPECT_GOES_ON(&self->r);
}

/* Shut down in the middle of the batch: what tail has not passed is void. */
TEST_F(batch, puts_closed_at_each_step)
{
	__u64 from = self->p;
	int by, i;

	for (by = 0; by <= 3; by++) {
		memset(self->r.hdr, 0, ring_bytes(&self->r));
		ring_start_at(&self->r, from);
		for (i = 0; i < 3; i++)
			ring_set(&self->r, from + i, ME, PYQUEUE_WRITING);
		self->r.hdr->tail = (from + by) | PYQUEUE_CLOSED;
		EXPECT_EQ(from + by, pyq_ring_move(&self->r.hdr->tail, from, from + 3));
		EXPECT_EQ((from + by) | PYQUEUE_CLOSED, self->r.hdr->tail);
	}
}

/* --- getting */

TEST_F(batch, gets_all_in_order)
{
	int i;

	batch_fill(&self->r, 5);
	EXPECT_EQ(5, pyq_ring_claim_gets(&self->r, self->ops, 8));
	EXPECT_EQ(self->p + 5, self->r.hdr->head);
	EXPECT_EQ(-EAGAIN, ring_get(&self->r));
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(self->p + i, self->ops[i].pos);
		EXPECT_EQ(i, message_read(&self->r, &self->ops[i]));
		EXPECT_EQ(0, pyq_ring_release(&self->r, &self->ops[i]));
	}
	EXPECT_GOES_ON(&self->r);
}

TEST_F(batch, gets_no_more_than_asked_for)
{
	batch_fill(&self->r, 5);
	EXPECT_EQ(2, pyq_ring_claim_gets(&self->r, self->ops, 2));
	EXPECT_EQ(1, pyq_ring_claim_gets(&self->r, self->ops + 2, 1));
	EXPECT_EQ(2, message_read(&self->r, &self->ops[2]));
	EXPECT_EQ(3, ring_get(&self->r));
}

TEST_F(batch, gets_nothing)
{
	EXPECT_EQ(-EAGAIN, pyq_ring_claim_gets(&self->r, self->ops, 8));
	pyq_ring_close(&self->r);
	EXPECT_EQ(-ESHUTDOWN, pyq_ring_claim_gets(&self->r, self->ops, 8));
}

/* Each has room of its own; one that does not fit ends the batch before it. */
TEST_F(batch, gets_up_to_one_that_is_too_long)
{
	batch_fill(&self->r, 5);
	self->ops[2].len = message_len(2) - 1;
	EXPECT_EQ(2, pyq_ring_claim_gets(&self->r, self->ops, 8));
	EXPECT_STATE(&self->r, self->p + 2, PYQUEUE_READY);
	EXPECT_EQ(-EMSGSIZE, pyq_ring_claim_gets(&self->r, self->ops + 2, 6));
	EXPECT_EQ(message_len(2), self->ops[2].len);
	EXPECT_EQ(self->p + 2, self->r.hdr->head);
	EXPECT_EQ(3, pyq_ring_claim_gets(&self->r, self->ops + 2, 6));
	EXPECT_EQ(2, message_read(&self->r, &self->ops[2]));
}

TEST_F(batch, gets_up_to_a_tombstone)
{
	batch_fill(&self->r, 2);
	EXPECT_EQ(0, ring_bury(&self->r));
	EXPECT_EQ(0, ring_put(&self->r, 3));
	EXPECT_EQ(2, pyq_ring_claim_gets(&self->r, self->ops, 8));
	EXPECT_EQ(1, pyq_ring_claim_gets(&self->r, self->ops + 2, 6));
	EXPECT_TRUE(self->ops[2].freed);
	EXPECT_EQ(3, message_read(&self->r, &self->ops[2]));
	EXPECT_EQ(1, ring_tombstones(&self->r));
}

TEST_F(batch, gets_up_to_one_that_is_not_published)
{
	struct pyq_op unpublished;

	batch_fill(&self->r, 2);
	unpublished = ring_claim_put(&self->other);
	EXPECT_EQ(0, ring_put(&self->r, 3));
	EXPECT_EQ(2, pyq_ring_claim_gets(&self->r, self->ops, 8));
	EXPECT_EQ(-EAGAIN, pyq_ring_claim_gets(&self->r, self->ops + 2, 6));
	message_write(&self->r, &unpublished, 2);
	EXPECT_EQ(0, pyq_ring_publish(&self->other, &unpublished, message_len(2), 0));
	EXPECT_EQ(2, pyq_ring_claim_gets(&self->r, self->ops + 2, 6));
}

/* What is not in its slot, and what comes again, comes alone. */
TEST_F(batch, gets_alone_what_is_elsewhere)
{
	struct pyq_op op;

	batch_fill(&self->r, 1);
	op = ring_claim_put(&self->r);
	EXPECT_EQ(0, pyq_ring_publish(&self->r, &op, 20, PYQUEUE_SLOT_INDIRECT));
	EXPECT_EQ(0, ring_put(&self->r, 2));
	EXPECT_EQ(1, pyq_ring_claim_gets(&self->r, self->ops, 8));
	EXPECT_EQ(1, pyq_ring_claim_gets(&self->r, self->ops + 1, 7));
	EXPECT_EQ(PYQUEUE_SLOT_INDIRECT, pyq_word_flags(self->ops[1].word));
	EXPECT_EQ(1, pyq_ring_claim_gets(&self->r, self->ops + 2, 6));
	EXPECT_EQ(2, message_read(&self->r, &self->ops[2]));
}

TEST_F(batch, gets_alone_what_comes_again)
{
	int i;

	batch_fill(&self->r, 5);
	EXPECT_EQ(3, pyq_ring_claim_gets(&self->other, self->ops, 3));
	EXPECT_EQ(3, ring_recover(&self->r, OTHER));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(1, pyq_ring_claim_gets(&self->r, self->ops + i, 8 - i));
		EXPECT_EQ(i, message_read(&self->r, &self->ops[i]));
		EXPECT_EQ(1, pyq_word_deliveries(self->ops[i].word));
	}
	EXPECT_EQ(2, pyq_ring_claim_gets(&self->r, self->ops + 3, 5));
	EXPECT_EQ(3, message_read(&self->r, &self->ops[3]));
}

/* A length that no slot can hold ends the batch: the first's is the caller's to judge. */
TEST_F(batch, gets_up_to_a_length_that_cannot_be)
{
	batch_fill(&self->r, 3);
	pyq_ring_slot(&self->r, self->p + 1)->len = SLOT_SIZE;
	self->ops[1].len = ~0U;
	EXPECT_EQ(1, pyq_ring_claim_gets(&self->r, self->ops, 8));
	EXPECT_STATE(&self->r, self->p + 1, PYQUEUE_READY);
}

TEST_F(batch, gets_given_back)
{
	int i;

	batch_fill(&self->r, 4);
	EXPECT_EQ(3, pyq_ring_claim_gets(&self->r, self->ops, 3));
	EXPECT_EQ(0, pyq_ring_release(&self->r, &self->ops[0]));
	EXPECT_EQ(0, pyq_ring_give_back(&self->r, &self->ops[1]));
	EXPECT_EQ(0, pyq_ring_give_back(&self->r, &self->ops[2]));
	for (i = 1; i < 4; i++)
		EXPECT_EQ(i, ring_get(&self->r));
	EXPECT_GOES_ON(&self->r);
}

#endif
