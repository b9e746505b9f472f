// SPDX-License-Identifier: GPL-2.0
/*
 * The cases that KUnit has too, and those that come between an operation's steps: each
 * ends after a number of steps that does not depend on luck, whoever spoils the ring
 * meanwhile.
 */
#include "stepped.h"
#include "ring_test.h"
#include "../../kmod/ring_cases_broken.h"

/* More than PYQ_RING_TRIES rounds over all slots can take. */
#define STEPS_MAX (PYQ_RING_TRIES * 100)

static struct {
	struct pyq_ring *r;
	bool hostile; /* somebody spoils the ring all the time */
	__u64 *restless; /* a word that changes before each CAS of it */
} spoiler;

static void chaos_count(void)
{
	if (++chaos.steps <= STEPS_MAX)
		return;
	fprintf(stderr, "# operation %u does not end\n", chaos.operation);
	abort();
}

static void chaos_step(const char *kind, const void *at)
{
	chaos_count();
	if (!spoiler.hostile)
		return;
	/* Now and then the very word that is going to be changed: the CAS fails. */
	if (!(chaos_random() & 3) && !strcmp(kind, "cas"))
		*(__u64 *)at += PYQUEUE_MARK_GENERATION;
	else if (!(chaos_random() & 3))
		chaos_spoil(spoiler.r, chaos_random() % 12);
}

static void chaos_in_steps(struct __test_metadata *_metadata, struct pyq_ring *r, bool hostile)
{
	spoiler.r = r;
	spoiler.hostile = hostile;
	stepped.before = chaos_step;
	chaos_rounds(_metadata, r);
	stepped.before = NULL;
}

TEST_F(broken, rubbish_takes_so_many_steps)
{
	chaos_in_steps(_metadata, &self->r, false);
}

/* The same with somebody who goes on spoiling it, and makes CASes fail. */
TEST_F(broken, rubbish_that_changes)
{
	chaos_in_steps(_metadata, &self->r, true);
}

static void spoil_one_word(const char *kind, const void *at)
{
	chaos_count();
	if (at == spoiler.restless && !strcmp(kind, "cas"))
		*spoiler.restless += PYQUEUE_MARK_GENERATION;
}

/* With each word of the header: every CAS of it fails, whatever is tried. */
TEST_F(broken, word_that_never_holds_still)
{
	struct pyqueue_header *hdr = self->r.hdr;
	__u64 *words[] = { &hdr->tail, &hdr->head, &hdr->marks, &hdr->done, &hdr->skipped };
	unsigned int i, which;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		for (which = 0; which < 10; which++) {
			memset(hdr, 0, ring_bytes(&self->r));
			ring_start_at(&self->r, 8);
			ring_put(&self->r, 1);
			ring_bury(&self->r);
			ring_claim_get(&self->r);
			spoiler.restless = words[i];
			chaos.random = 88172645463325252ULL;
			stepped.before = spoil_one_word;
			EXPECT_TRUE(chaos_operation(&self->r, which));
			stepped.before = NULL;
		}
	}
}

TEST_HARNESS_MAIN
