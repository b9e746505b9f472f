/* SPDX-License-Identifier: GPL-2.0 */
/* Who sleeps, who polls, and who of them has been claimed by whom. */
#ifndef PYQUEUE_RING_CASES_SLEEPERS_H
#define PYQUEUE_RING_CASES_SLEEPERS_H

#include <ring/sleepers.h>

#include "ring_cases.h"

FIXTURE(sleepers) {
	struct pyqueue_waiters side;
	__u32 first;		/* the sequence to begin with */
};

FIXTURE_VARIANT(sleepers) {
	__u32 sequence;
};

FIXTURE_VARIANT_ADD(sleepers, from_zero) { .sequence = 0 };
FIXTURE_VARIANT_ADD(sleepers, sequence_wraps) { .sequence = ~0U };

FIXTURE_SETUP(sleepers)
{
	self->first = variant->sequence;
	self->side = (struct pyqueue_waiters){
		.sleepers = (__u64)variant->sequence << PYQUEUE_SEQUENCE_SHIFT,
		.pollers = variant->sequence & ~PYQUEUE_POLLED,
	};
}

FIXTURE_TEARDOWN(sleepers)
{
}

TEST_F(sleepers, each_is_claimed_once)
{
	__u64 *word = &self->side.sleepers;
	__u32 a, b;

	EXPECT_EQ(0, pyq_sleepers_claim(word, 1));
	EXPECT_EQ(self->first, pyq_sleepers_sequence(*word));
	EXPECT_TRUE(pyq_sleepers_announce(word, &a));
	EXPECT_TRUE(pyq_sleepers_announce(word, &b));
	EXPECT_EQ(self->first, a);
	EXPECT_EQ(self->first, b);
	EXPECT_EQ(1, pyq_sleepers_claim(word, 1));
	EXPECT_EQ(self->first + 1, pyq_sleepers_sequence(*word));
	EXPECT_EQ(1, *word & PYQUEUE_ANNOUNCED);
	EXPECT_EQ(1, pyq_sleepers_claim(word, 5));
	EXPECT_EQ(0, pyq_sleepers_claim(word, 5));
	EXPECT_EQ(self->first + 2, pyq_sleepers_sequence(*word));
}

TEST_F(sleepers, takes_back_what_nobody_has_claimed)
{
	__u64 *word = &self->side.sleepers, before = *word;
	__u32 sequence;

	EXPECT_TRUE(pyq_sleepers_announce(word, &sequence));
	EXPECT_TRUE(pyq_sleepers_withdraw(word, sequence));
	EXPECT_EQ(before, *word);
	EXPECT_FALSE(pyq_sleepers_withdraw(word, sequence));
	EXPECT_EQ(before, *word);
}

/* Who has been claimed, or another, does not take a third one's announcement back. */
TEST_F(sleepers, does_not_take_back_anothers)
{
	__u64 *word = &self->side.sleepers;
	__u32 sequence, others;

	EXPECT_TRUE(pyq_sleepers_announce(word, &sequence));
	EXPECT_EQ(1, pyq_sleepers_claim(word, 1));
	EXPECT_TRUE(pyq_sleepers_announce(word, &others));
	EXPECT_FALSE(pyq_sleepers_withdraw(word, sequence));
	EXPECT_EQ(1, *word & PYQUEUE_ANNOUNCED);
	EXPECT_TRUE(pyq_sleepers_withdraw(word, others));
}

/* One more would be carried into the sequence. */
TEST_F(sleepers, too_many)
{
	__u64 *word = &self->side.sleepers, full = *word | PYQUEUE_ANNOUNCED;
	__u32 sequence;

	*word = full;
	EXPECT_FALSE(pyq_sleepers_announce(word, &sequence));
	EXPECT_EQ(full, *word);
	EXPECT_EQ(self->first, sequence);
	EXPECT_EQ(7, pyq_sleepers_claim(word, 7));
	EXPECT_TRUE(pyq_sleepers_announce(word, &sequence));
}

/* Those who have been claimed and not called; not those who are still announced. */
TEST_F(sleepers, announced_anew)
{
	__u64 *word = &self->side.sleepers;
	__u32 sequence;

	EXPECT_TRUE(pyq_sleepers_announce(word, &sequence));
	EXPECT_TRUE(pyq_sleepers_announce(word, &sequence));
	EXPECT_TRUE(pyq_sleepers_announce(word, &sequence));
	EXPECT_EQ(2, pyq_sleepers_claim(word, 2));
	pyq_sleepers_announce_anew(word, 3);
	EXPECT_EQ(3, *word & PYQUEUE_ANNOUNCED);
	/* There may be more: one who is about to sleep, or has died. */
	pyq_sleepers_announce_anew(word, 2);
	EXPECT_EQ(3, *word & PYQUEUE_ANNOUNCED);
	/* That is no claim. */
	EXPECT_EQ(self->first + 1, pyq_sleepers_sequence(*word));
}

TEST_F(sleepers, pollers_are_claimed_together)
{
	__u32 before = self->side.pollers;

	EXPECT_FALSE(pyq_pollers_any(&self->side));
	EXPECT_FALSE(pyq_pollers_claim(&self->side));
	EXPECT_EQ(before, self->side.pollers);
	pyq_pollers_announce(&self->side);
	pyq_pollers_announce(&self->side);
	EXPECT_TRUE(pyq_pollers_any(&self->side));
	EXPECT_TRUE(pyq_pollers_claim(&self->side));
	EXPECT_FALSE(pyq_pollers_any(&self->side));
	EXPECT_EQ(before + PYQUEUE_POLLED_STEP, self->side.pollers);
	EXPECT_FALSE(pyq_pollers_claim(&self->side));
}

#endif
