/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Recovery: each debt that a dead participant can leave, made by hand, and
 * what the ring is after it has been settled.
 */
#ifndef PYQUEUE_RING_CASES_RECOVER_H
#define PYQUEUE_RING_CASES_RECOVER_H

#include "ring_cases.h"

/* Four messages in four slots; the array, or the lap, wraps at different places. */
FIXTURE(recover) {
	struct pyq_ring r;
	struct pyq_ring dead;
	struct pyq_ring live;
	__u64 p;		/* the first position */
};

FIXTURE_VARIANT(recover) {
	__u64 start;
};

FIXTURE_VARIANT_ADD(recover, from_zero) { .start = 0 };
FIXTURE_VARIANT_ADD(recover, last_slots) { .start = 2 };
FIXTURE_VARIANT_ADD(recover, last_slot) { .start = 3 };
FIXTURE_VARIANT_ADD(recover, last_lap) { .start = (4ULL << 32) - 1 };

FIXTURE_SETUP(recover)
{
	self->r = ring_new(4, variant->start);
	self->dead = ring_as(&self->r, OTHER);
	self->live = ring_as(&self->r, THIRD);
	self->p = variant->start;
}

FIXTURE_TEARDOWN(recover)
{
	ring_free(&self->r);
}

/* @n positions from the next on are claimed by @owner, who has not moved tail. */
static void recover_batch_put(struct pyq_ring *r, __u16 owner, int n)
{
	__u64 t = r->hdr->tail & ~PYQUEUE_CLOSED;

	while (n--)
		ring_set(r, t + n, owner, PYQUEUE_WRITING);
}

/* @n messages are claimed by @owner, who has not moved head. */
static void recover_batch_get(struct pyq_ring *r, __u16 owner, int n)
{
	while (n--)
		ring_set(r, r->hdr->head + n, owner, PYQUEUE_READING);
}

static void put_numbers(struct pyq_ring *r, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (ring_put(r, i))
			case_stop();
}

/* --- a putter */

TEST_F(recover, putter_before_tail)
{
	recover_batch_put(&self->r, OTHER, 1);
	EXPECT_EQ(1, ring_recover(&self->r, OTHER));
	EXPECT_EQ(self->p + 1, self->r.hdr->tail);
	EXPECT_STATE(&self->r, self->p, PYQUEUE_ABORTED);
	EXPECT_TRUE(self->r.hdr->marks & PYQUEUE_MARK_ABORTED);
	EXPECT_SOUND(&self->r);
	EXPECT_EQ(0, ring_unfinished(&self->r));
	EXPECT_EQ(1, ring_tombstones(&self->r));
	EXPECT_GOES_ON(&self->r);
}

TEST_F(recover, putter_after_tail)
{
	struct pyq_op op = ring_claim_put(&self->dead);

	EXPECT_EQ(0, ring_put(&self->r, 1));
	EXPECT_EQ(1, ring_recover(&self->r, OTHER));
	EXPECT_EQ(self->p + 2, self->r.hdr->tail);
	EXPECT_STATE(&self->r, op.pos, PYQUEUE_ABORTED);
	EXPECT_EQ(1, ring_qsize(&self->r));
	EXPECT_EQ(1, ring_get(&self->r));
	EXPECT_GOES_ON(&self->r);
}

/* In order of index the later position comes first where the array wraps. */
TEST_F(recover, putter_of_a_batch)
{
	int n;

	for (n = 1; n <= 4; n++) {
		recover_batch_put(&self->r, OTHER, n);
		EXPECT_EQ(n, ring_recover(&self->r, OTHER));
		EXPECT_SOUND(&self->r);
		EXPECT_EQ(0, ring_qsize(&self->r));
		EXPECT_EQ(0, ring_unfinished(&self->r));
		EXPECT_GOES_ON(&self->r);
		self->r.hdr->done = self->r.hdr->tail - ring_tombstones(&self->r);
	}
}

/* A helper has moved tail by one: the batch's own step past its end would fail. */
TEST_F(recover, putter_of_a_batch_that_was_helped)
{
	recover_batch_put(&self->r, OTHER, 3);
	EXPECT_EQ(0, ring_put(&self->r, 1)); /* helps over all three */
	EXPECT_EQ(self->p + 4, self->r.hdr->tail);
	EXPECT_EQ(3, ring_recover(&self->r, OTHER));
	EXPECT_EQ(1, ring_get(&self->r));
	EXPECT_GOES_ON(&self->r);

	recover_batch_put(&self->r, OTHER, 3);
	self->r.hdr->tail++;
	EXPECT_EQ(3, ring_recover(&self->r, OTHER));
	EXPECT_EQ(0, ring_qsize(&self->r));
	EXPECT_GOES_ON(&self->r);
}

/* Published in part: what was published is delivered. */
TEST_F(recover, putter_of_half_a_batch)
{
	struct pyq_op op = ring_claim_put(&self->dead);

	recover_batch_put(&self->r, OTHER, 2);
	message_write(&self->r, &op, 7);
	EXPECT_EQ(0, pyq_ring_publish(&self->dead, &op, message_len(7), 0));
	EXPECT_EQ(2, ring_recover(&self->r, OTHER));
	EXPECT_EQ(1, ring_qsize(&self->r));
	EXPECT_EQ(7, ring_get(&self->r));
	EXPECT_EQ(-EAGAIN, ring_get(&self->r));
	EXPECT_GOES_ON(&self->r);
}

/* A living putter stands before and behind the dead one's slot. */
TEST_F(recover, putter_among_the_living)
{
	struct pyq_op first = ring_claim_put(&self->live);
	struct pyq_op last;

	ring_claim_put(&self->dead);
	last = ring_claim_put(&self->live);
	EXPECT_EQ(1, ring_recover(&self->r, OTHER));
	EXPECT_EQ(first.word, ring_load_word(&self->r, first.pos));
	EXPECT_EQ(last.word, ring_load_word(&self->r, last.pos));
	message_write(&self->r, &last, 2);
	EXPECT_EQ(0, pyq_ring_publish(&self->live, &last, message_len(2), 0));
	EXPECT_EQ(-EAGAIN, ring_get(&self->r));
	EXPECT_EQ(0, pyq_ring_abort(&self->live, &first));
	EXPECT_EQ(2, ring_get(&self->r));
	EXPECT_GOES_ON(&self->r);
}

/* Shut down before the claim was past tail: it has never been. */
TEST_F(recover, putter_with_a_void_claim)
{
	recover_batch_put(&self->r, OTHER, 1);
	pyq_ring_close(&self->r);
	EXPECT_EQ(1, ring_recover(&self->r, OTHER));
	EXPECT_EQ(ring_word_of(&self->r, self->p, 0, PYQUEUE_FREE),
		  ring_load_word(&self->r, self->p));
	EXPECT_EQ(self->p | PYQUEUE_CLOSED, self->r.hdr->tail);
	EXPECT_EQ(-ESHUTDOWN, ring_get(&self->r));
	EXPECT_EQ(0, ring_unfinished(&self->r));
	EXPECT_SOUND(&self->r);
}

/* Shut down in the middle of a batch: one is past tail and one is not. */
TEST_F(recover, putter_with_a_batch_half_void)
{
	recover_batch_put(&self->r, OTHER, 2);
	self->r.hdr->tail++;
	pyq_ring_close(&self->r);
	EXPECT_EQ(2, ring_recover(&self->r, OTHER));
	EXPECT_STATE(&self->r, self->p, PYQUEUE_ABORTED);
	EXPECT_STATE(&self->r, self->p + 1, PYQUEUE_FREE);
	EXPECT_SOUND(&self->r);
	EXPECT_EQ(-ESHUTDOWN, ring_get(&self->r));
	EXPECT_EQ(0, ring_unfinished(&self->r));
}

TEST_F(recover, putter_of_the_last_message)
{
	EXPECT_EQ(0, ring_put(&self->r, 1));
	ring_claim_put(&self->dead);
	pyq_ring_close(&self->r);
	EXPECT_EQ(1, ring_get(&self->r));
	EXPECT_EQ(-EAGAIN, ring_get(&self->r));
	EXPECT_EQ(1, ring_recover(&self->r, OTHER));
	EXPECT_EQ(-ESHUTDOWN, ring_get(&self->r));
}

/* --- a getter */

TEST_F(recover, getter_before_head)
{
	put_numbers(&self->r, 2);
	recover_batch_get(&self->r, OTHER, 1);
	EXPECT_EQ(1, ring_recover(&self->r, OTHER));
	EXPECT_EQ(self->p + 1, self->r.hdr->head);
	EXPECT_STATE(&self->r, self->p, PYQUEUE_ORPHAN);
	EXPECT_TRUE(self->r.hdr->marks & PYQUEUE_MARK_ORPHAN);
	EXPECT_SOUND(&self->r);
	EXPECT_EQ(2, ring_qsize(&self->r));
	EXPECT_EQ(2, ring_get_delivery(&self->r));
	EXPECT_EQ(1, ring_get(&self->r));
	EXPECT_GOES_ON(&self->r);
}

TEST_F(recover, getter_after_head)
{
	put_numbers(&self->r, 3);
	ring_claim_get(&self->dead);
	EXPECT_EQ(1, ring_get(&self->r));
	EXPECT_EQ(1, ring_recover(&self->r, OTHER));
	EXPECT_EQ(0, ring_get(&self->r));
	EXPECT_EQ(2, ring_get(&self->r));
	EXPECT_EQ(3, ring_unfinished(&self->r));
	EXPECT_GOES_ON(&self->r);
}

TEST_F(recover, getter_of_a_batch)
{
	int n, i;

	for (n = 1; n <= 4; n++) {
		put_numbers(&self->r, 4);
		recover_batch_get(&self->r, OTHER, n);
		EXPECT_EQ(n, ring_recover(&self->r, OTHER));
		EXPECT_SOUND(&self->r);
		EXPECT_EQ(4, ring_qsize(&self->r));
		for (i = 0; i < 4; i++)
			EXPECT_EQ(i, ring_get(&self->r));
		EXPECT_GOES_ON(&self->r);
	}
}

/* Tombstones that a batch of gets has met are settled with it. */
TEST_F(recover, getter_behind_tombstones)
{
	put_numbers(&self->r, 1);
	EXPECT_EQ(0, ring_bury(&self->r));
	EXPECT_EQ(0, ring_bury(&self->r));
	EXPECT_EQ(0, ring_put(&self->r, 1));
	recover_batch_get(&self->r, OTHER, 1);
	ring_set(&self->r, self->p + 1, OTHER, PYQUEUE_SKIPPING);
	ring_set(&self->r, self->p + 3, OTHER, PYQUEUE_READING);
	EXPECT_EQ(3, ring_recover(&self->r, OTHER));
	EXPECT_EQ(2, ring_tombstones(&self->r));
	EXPECT_SOUND(&self->r);
	EXPECT_EQ(0, ring_get(&self->r));
	EXPECT_EQ(1, ring_get(&self->r));
	EXPECT_EQ(1, ring_task_done(&self->r, 2));
	EXPECT_GOES_ON(&self->r);
}

TEST_F(recover, getter_one_lap_back)
{
	int i;

	put_numbers(&self->r, 1);
	ring_claim_get(&self->dead);
	for (i = 1; i < 4; i++) {
		EXPECT_EQ(0, ring_put(&self->r, i));
		EXPECT_EQ(i, ring_get(&self->r));
	}
	EXPECT_EQ(-EAGAIN, ring_put(&self->r, 4));
	EXPECT_EQ(1, ring_recover(&self->r, OTHER));
	EXPECT_EQ(self->p + 4, self->r.hdr->head);
	EXPECT_EQ(1, ring_qsize(&self->r));
	EXPECT_EQ(0, ring_get(&self->r));
	EXPECT_GOES_ON(&self->r);
}

TEST_F(recover, getter_after_shutdown)
{
	put_numbers(&self->r, 2);
	pyq_ring_close(&self->r);
	ring_claim_get(&self->dead);
	recover_batch_get(&self->r, OTHER, 1);
	EXPECT_EQ(-ESHUTDOWN, ring_get(&self->r));
	EXPECT_EQ(2, ring_recover(&self->r, OTHER));
	EXPECT_EQ(0, ring_get(&self->r));
	EXPECT_EQ(1, ring_get(&self->r));
	EXPECT_EQ(-ESHUTDOWN, ring_get(&self->r));
}

TEST_F(recover, deliveries_end_at_255)
{
	static const int before[] = { 0, 1, 253, 254, 255 };
	static const int after[] = { 1, 2, 254, 255, 255 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(before); i++) {
		struct pyq_op op = { .freed = false };
		__u64 pos = self->r.hdr->head;

		put_numbers(&self->r, 1);
		*ring_word(&self->r, pos) = pyq_word(pyq_ring_lap(&self->r, pos), OTHER,
						     before[i], 0, PYQUEUE_READING);
		EXPECT_EQ(1, ring_recover(&self->r, OTHER));
		EXPECT_EQ(0, ring_get_op(&self->r, &op));
		EXPECT_EQ(after[i], pyq_word_deliveries(op.word));
	}
}

/* --- who takes a tombstone away */

/* He dies before it is counted, when it is counted, and when head is past it. */
TEST_F(recover, skipper)
{
	int step, helped;

	for (step = 0; step < 3; step++) {
		for (helped = 0; helped < 2; helped++) {
			__u32 count = ring_tombstones(&self->r) + 1;
			__u64 pos = self->r.hdr->head;

			EXPECT_EQ(0, ring_bury(&self->r));
			EXPECT_EQ(0, ring_put(&self->r, 1));
			ring_set(&self->r, pos, OTHER, PYQUEUE_SKIPPING);
			if (step == 1)
				pyq_ring_count_tombstone(&self->dead, pos);
			if (step == 2)
				pyq_ring_pass_tombstone(&self->dead, pos);
			if (helped)
				EXPECT_EQ(1, ring_get(&self->r));
			EXPECT_EQ(1, ring_recover(&self->r, OTHER));
			EXPECT_EQ(0, ring_recover(&self->r, OTHER));
			EXPECT_EQ(count, ring_tombstones(&self->r));
			EXPECT_LT(pos, self->r.hdr->head);
			EXPECT_SOUND(&self->r);
			if (!helped)
				EXPECT_EQ(1, ring_get(&self->r));
			EXPECT_EQ(1, ring_task_done(&self->r, 1));
		}
	}
	EXPECT_GOES_ON(&self->r);
}

/* --- who was declared dead, and is not */

TEST_F(recover, publish_of_the_dead)
{
	struct pyq_op op = ring_claim_put(&self->dead);
	__u64 word;

	EXPECT_EQ(1, ring_recover(&self->r, OTHER));
	word = ring_load_word(&self->r, op.pos);
	EXPECT_EQ(-EOWNERDEAD, pyq_ring_publish(&self->dead, &op, 8, 0));
	EXPECT_EQ(-EOWNERDEAD, pyq_ring_abort(&self->dead, &op));
	EXPECT_EQ(word, ring_load_word(&self->r, op.pos));
	EXPECT_EQ(0, ring_qsize(&self->r));
}

TEST_F(recover, release_of_the_dead)
{
	struct pyq_op op;
	__u64 word;

	put_numbers(&self->r, 1);
	op = ring_claim_get(&self->dead);
	EXPECT_EQ(1, ring_recover(&self->r, OTHER));
	word = ring_load_word(&self->r, op.pos);
	EXPECT_EQ(-EOWNERDEAD, pyq_ring_release(&self->dead, &op));
	EXPECT_EQ(-EOWNERDEAD, pyq_ring_give_back(&self->dead, &op));
	EXPECT_EQ(word, ring_load_word(&self->r, op.pos));
	EXPECT_EQ(2, ring_get_delivery(&self->r));
	EXPECT_EQ(-EOWNERDEAD, pyq_ring_release(&self->dead, &op));
	EXPECT_GOES_ON(&self->r);
}

/* --- recovery itself */

TEST_F(recover, nothing_to_do)
{
	put_numbers(&self->r, 1);
	ring_claim_get(&self->live);
	EXPECT_EQ(0, ring_bury(&self->r));
	put_numbers(&self->r, 1);
	ring_claim_put(&self->live);
	EXPECT_EQ(0, ring_recover(&self->r, OTHER));
	EXPECT_EQ(2, ring_recover(&self->r, THIRD));
}

/* One debt of each kind. A second walk changes nothing but the generation. */
TEST_F(recover, may_be_repeated)
{
	unsigned char *before = case_alloc(ring_bytes(&self->r));
	unsigned char *after = case_alloc(ring_bytes(&self->r));

	put_numbers(&self->r, 1);
	ring_claim_get(&self->dead);
	EXPECT_EQ(0, ring_bury(&self->r));
	ring_set(&self->r, self->p + 1, OTHER, PYQUEUE_SKIPPING);
	put_numbers(&self->r, 1);
	recover_batch_put(&self->r, OTHER, 1);
	EXPECT_EQ(3, ring_recover(&self->r, OTHER));
	memcpy(before, self->r.hdr, ring_bytes(&self->r));
	EXPECT_EQ(0, ring_recover(&self->r, OTHER));
	memcpy(after, self->r.hdr, ring_bytes(&self->r));
	((struct pyqueue_header *)before)->marks = 0;
	((struct pyqueue_header *)after)->marks = 0;
	EXPECT_EQ(0, memcmp(before, after, ring_bytes(&self->r)));
	case_free(before);
	case_free(after);
}

/*
 * Dead in give_back, or in a recovery, between the step that makes the orphan
 * and the one that says so: nobody's name is on the slot any more.
 */
TEST_F(recover, orphan_that_was_not_said)
{
	put_numbers(&self->r, 2);
	ring_set(&self->r, self->p, 0, PYQUEUE_ORPHAN);
	self->r.hdr->head++;
	EXPECT_EQ(0, self->r.hdr->marks);
	ring_recover(&self->r, OTHER);
	EXPECT_EQ(2, ring_qsize(&self->r));
	EXPECT_EQ(0, ring_get(&self->r));
	EXPECT_EQ(1, ring_get(&self->r));
	EXPECT_GOES_ON(&self->r);
}

/* The same of a tombstone: qsize would count it as a message. */
TEST_F(recover, tombstone_that_was_not_said)
{
	put_numbers(&self->r, 3);
	ring_set(&self->r, self->p + 1, 0, PYQUEUE_ABORTED);
	EXPECT_EQ(0, self->r.hdr->marks);
	ring_recover(&self->r, OTHER);
	EXPECT_EQ(2, ring_qsize(&self->r));
}

/* The number may be given away again when the walk has ended. */
TEST_F(recover, number_is_used_again)
{
	int i;

	for (i = 0; i < 12; i++) {
		EXPECT_EQ(0, ring_put(&self->dead, i));
		ring_claim_get(&self->dead);
		EXPECT_EQ(1, ring_recover(&self->r, OTHER));
		EXPECT_EQ(i, ring_get(&self->dead));
	}
	EXPECT_GOES_ON(&self->dead);
}

/* One slot: index 0 always, and the lap alone tells the position. */
TEST(recover_one_slot)
{
	static const __u64 starts[] = { 0, (1ULL << 31) - 1, (1ULL << 32) - 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		struct pyq_ring r = ring_new(1, starts[i]);
		struct pyq_ring dead = ring_as(&r, OTHER);
		int lap;

		for (lap = 0; lap < 3; lap++) {
			ring_set(&r, r.hdr->tail, OTHER, PYQUEUE_WRITING);
			EXPECT_EQ(1, ring_recover(&r, OTHER));
			ring_claim_put(&dead); /* takes the tombstone away */
			EXPECT_EQ(1, ring_recover(&r, OTHER));
			EXPECT_EQ(0, ring_put(&r, 1));
			ring_set(&r, r.hdr->head, OTHER, PYQUEUE_READING);
			EXPECT_EQ(1, ring_recover(&r, OTHER));
			ring_claim_get(&dead);
			EXPECT_EQ(1, ring_recover(&r, OTHER));
			EXPECT_EQ(-EAGAIN, ring_put(&r, 2));
			EXPECT_EQ(3, ring_get_delivery(&r));
			EXPECT_SOUND(&r);
		}
		EXPECT_GOES_ON(&r);
		ring_free(&r);
	}
}

/*
 * Somebody has given all slots to the one who dies, far ahead of where they can be. The
 * walk ends after steps as many as there are slots, not as their square.
 */
/* proves: promise hostile-memory */
TEST(spoilt_everywhere)
{
	const enum pyqueue_state states[] = { PYQUEUE_WRITING, PYQUEUE_READING, PYQUEUE_SKIPPING };
	const __u64 slots = 1 << 18;

	for (int i = 0; i < 3; i++) {
		struct pyq_ring r = ring_new(slots, 0);
		struct pyq_op op = { .freed = false };

		for (__u64 pos = 0; pos < slots; pos++)
			ring_set(&r, pos + (slots << 10), OTHER, states[i]);
		EXPECT_EQ(-EUCLEAN, pyq_ring_recover(&r, &op, OTHER));
		ring_free(&r);
	}
}

#endif
