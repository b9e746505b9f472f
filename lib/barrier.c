// SPDX-License-Identifier: MIT
/*
 * pyq_barrier: all that changes is in one 64-bit word, by CAS: at no instant does
 * somebody who is killed leave it half done.
 *
 *	bit 0		it is broken
 *	bits 1 - 31	which generation is arriving; with bit 0 the futex
 *	bits 32 - 43	how many of it have come
 *	bits 44 - 59	how often a generation of which some had come was not completed
 *	bits 60 - 63	the last one that was not: the lower bits of its number
 *
 * A generation ends when all have come, or by a timeout, an abort or a reset; the
 * number changes, and with it the futex. Who waited in it finds another number, and
 * tells by the last two fields how it has ended: complete, if no generation was broken
 * since he came, or one and not his. If two were he cannot tell, and says broken. (If
 * exactly 65536 were before he came to look he says complete.)
 *
 * No wake-up is lost: who waits sleeps only while the lower half is that of his
 * generation. The CAS that ends it is a release, and acquire for who sees it: what each
 * has written before he came all see behind the barrier.
 */
#include "word.h"

#define BROKEN 1ULL
#define GENERATION_SHIFT 1
#define GENERATION_MASK 0x7fffffffULL
#define COUNT_SHIFT 32
#define COUNT_ONE (1ULL << COUNT_SHIFT)
#define COUNT_MASK PYQ_BARRIER_PARTIES_MAX
#define BREAKS_SHIFT 44
#define BREAKS_MASK 0xffffu
#define LAST_SHIFT 60
#define LAST_MASK 0xfu

struct barrier {
	uint32_t kind;
	uint32_t parties;
	uint64_t word;
} __attribute__((may_alias));

_Static_assert(sizeof(struct barrier) <= sizeof(pyq_barrier), "room for what is in it");

static uint64_t generation_of(uint64_t word)
{
	return word >> GENERATION_SHIFT & GENERATION_MASK;
}

static unsigned int count_of(uint64_t word)
{
	return word >> COUNT_SHIFT & COUNT_MASK;
}

/* How often have generations been broken between the two? */
static unsigned int breaks_between(uint64_t before, uint64_t word)
{
	return ((word >> BREAKS_SHIFT) - (before >> BREAKS_SHIFT)) & BREAKS_MASK;
}

/* The next generation, of which nobody has come. */
static uint64_t next(uint64_t word)
{
	const uint64_t generation = (generation_of(word) + 1) & GENERATION_MASK;

	return word >> BREAKS_SHIFT << BREAKS_SHIFT | generation << GENERATION_SHIFT;
}

/* The same, and this one was not complete. */
static uint64_t next_broken(uint64_t word)
{
	const uint64_t breaks = ((word >> BREAKS_SHIFT) + 1) & BREAKS_MASK;
	const uint64_t last = generation_of(word) & LAST_MASK;

	return (next(word) & ((1ULL << BREAKS_SHIFT) - 1)) | breaks << BREAKS_SHIFT |
	       last << LAST_SHIFT;
}

static uint64_t load(const struct barrier *barrier)
{
	return __atomic_load_n(&barrier->word, __ATOMIC_ACQUIRE);
}

static bool change(struct barrier *barrier, uint64_t *word, uint64_t wanted)
{
	return __atomic_compare_exchange_n(&barrier->word, word, wanted, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE);
}

int pyq_barrier_init(pyq_barrier *public, unsigned int parties, unsigned int flags)
{
	struct barrier *barrier = (struct barrier *)public;

	if (flags & ~PYQ_SHARED || !parties || parties > PYQ_BARRIER_PARTIES_MAX)
		return -EINVAL;
	*public = (pyq_barrier){ 0 };
	barrier->kind = PYQI_BARRIER | flags;
	barrier->parties = parties;
	return 0;
}

static bool is_one(const struct barrier *barrier)
{
	return pyqi_is_a(barrier->kind, PYQI_BARRIER);
}

int pyq_barrier_destroy(pyq_barrier *public)
{
	struct barrier *barrier = (struct barrier *)public;

	if (!is_one(barrier))
		return -EINVAL;
	barrier->kind = 0;
	return 0;
}

/* The barrier's memory is not looked at: who has gone on may have ended it. */
static void wake_all(struct barrier *barrier, bool shared)
{
	pyqi_word_wake(pyqi_lower(&barrier->word), PYQI_ALL, shared);
}

/* End the generation of @word in some way. Return: whether the caller has. */
static bool end(struct barrier *barrier, uint64_t word, uint64_t (*how)(uint64_t word),
		uint64_t flag)
{
	const uint64_t generation = generation_of(word);
	const bool shared = pyqi_is_shared(barrier->kind);

	while (generation_of(word) == generation && !(word & BROKEN)) {
		if (change(barrier, &word, how(word) | flag)) {
			wake_all(barrier, shared);
			return true;
		}
	}
	return false;
}

/* How has the generation ended in which @mine was how it looked? */
static int outcome(uint64_t word, uint64_t mine)
{
	const unsigned int breaks = breaks_between(mine, word);

	if (!breaks || (breaks == 1 && word >> LAST_SHIFT != (generation_of(mine) & LAST_MASK)))
		return (int)count_of(mine);
	return -EPIPE;
}

/* @mine: as it was when the caller came, with those before him. */
static int wait_for_others(struct barrier *barrier, uint64_t mine, uint64_t deadline)
{
	const bool shared = pyqi_is_shared(barrier->kind);
	uint64_t word = load(barrier);

	while (generation_of(word) == generation_of(mine)) {
		int over = pyqi_time_is_over(deadline);

		if (over && end(barrier, word, next_broken, BROKEN))
			return over;
		if (!over)
			pyqi_word_sleep(pyqi_lower(&barrier->word), (uint32_t)mine, deadline,
					shared);
		word = load(barrier);
	}
	return outcome(word, mine);
}

/* The last one has come, and is counted; the others wait. */
static int act(struct barrier *barrier, uint64_t mine, void (*action)(void *arg), void *arg)
{
	action(arg);
	/* It may have been broken meanwhile. */
	if (end(barrier, mine + COUNT_ONE, next, 0))
		return (int)count_of(mine);
	return outcome(load(barrier), mine);
}

/* Wait until he who acts for the generation of @word has ended it. */
static int wait_for_action(struct barrier *barrier, uint64_t word, uint64_t deadline)
{
	int over = pyqi_time_is_over(deadline);

	if (over)
		return end(barrier, word, next_broken, BROKEN) ? over : 0;
	pyqi_word_sleep(pyqi_lower(&barrier->word), (uint32_t)word, deadline,
			pyqi_is_shared(barrier->kind));
	return 0;
}

int pyq_barrier_wait_action(pyq_barrier *public, void (*action)(void *arg), void *arg,
			    int64_t timeout)
{
	struct barrier *barrier = (struct barrier *)public;
	const bool shared = pyqi_is_shared(barrier->kind);
	uint64_t word, deadline;
	int err = pyqi_deadline(timeout, &deadline);

	if (err)
		return err;
	if (!is_one(barrier))
		return -EINVAL;

	for (;;) {
		word = load(barrier);
		if (word & BROKEN)
			return -EPIPE;
		if (count_of(word) == barrier->parties) {
			err = wait_for_action(barrier, word, deadline);
			if (err)
				return err;
		} else if (count_of(word) + 1 < barrier->parties) {
			if (change(barrier, &word, word + COUNT_ONE))
				return wait_for_others(barrier, word, deadline);
		} else if (action) {
			if (change(barrier, &word, word + COUNT_ONE))
				return act(barrier, word, action, arg);
		} else if (change(barrier, &word, next(word))) {
			/* At once: between two steps the last one might be killed. */
			wake_all(barrier, shared);
			return (int)count_of(word);
		}
	}
}

int pyq_barrier_wait(pyq_barrier *barrier, int64_t timeout)
{
	return pyq_barrier_wait_action(barrier, NULL, NULL, timeout);
}

int pyq_barrier_reset(pyq_barrier *public)
{
	struct barrier *barrier = (struct barrier *)public;
	uint64_t word;

	if (!is_one(barrier))
		return -EINVAL;
	word = load(barrier);
	for (;;) {
		if (word & BROKEN) {
			if (change(barrier, &word, word & ~BROKEN))
				return 0;
		} else if (!count_of(word) || end(barrier, word, next_broken, 0)) {
			return 0;
		} else {
			word = load(barrier);
		}
	}
}

int pyq_barrier_abort(pyq_barrier *public)
{
	struct barrier *barrier = (struct barrier *)public;
	uint64_t word;

	if (!is_one(barrier))
		return -EINVAL;
	for (;;) {
		word = load(barrier);
		if (word & BROKEN)
			return 0;
		/* If nobody has come of this generation it is for those who will. */
		if (count_of(word) ? end(barrier, word, next_broken, BROKEN) :
				     change(barrier, &word, word | BROKEN))
			return 0;
	}
}

bool pyq_barrier_broken(const pyq_barrier *barrier)
{
	return load((const struct barrier *)barrier) & BROKEN;
}

unsigned int pyq_barrier_parties(const pyq_barrier *barrier)
{
	return ((const struct barrier *)barrier)->parties;
}

unsigned int pyq_barrier_n_waiting(const pyq_barrier *barrier)
{
	return count_of(load((const struct barrier *)barrier));
}
