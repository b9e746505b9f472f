// SPDX-License-Identifier: MIT
/*
 * pyq_event: one word that is also the futex.
 *
 *	bit 0		it is set
 *	bit 1		somebody sleeps, or is about to
 *	the others	how often it has been set
 *
 * No wake-up is lost. All happens to one word, by CAS: who waits says so before he
 * sleeps, and sleeps only while the word is what he has made of it. He who sets comes
 * before that, and the other's CAS or the kernel's comparison fails; or after it, and
 * sees bit 1. Who was asleep when it was set goes on although it was cleared since, for
 * the count has changed. Set and wait are release and acquire: who has waited sees what
 * was written before it was set.
 */
#include "word.h"

#define SET 1u
#define ASLEEP 2u
#define COUNT_ONE 4u

struct event {
	uint32_t kind;
	uint32_t word;
} __attribute__((may_alias));

_Static_assert(sizeof(struct event) <= sizeof(pyq_event), "room for what is in it");

int pyq_event_init(pyq_event *event, unsigned int flags)
{
	if (flags & ~PYQ_SHARED)
		return -EINVAL;
	*event = (pyq_event){ 0 };
	((struct event *)event)->kind = PYQI_EVENT | flags;
	return 0;
}

int pyq_event_destroy(pyq_event *public)
{
	struct event *event = (struct event *)public;

	if (!pyqi_is_a(event->kind, PYQI_EVENT))
		return -EINVAL;
	event->kind = 0;
	return 0;
}

static bool change(struct event *event, uint32_t *word, uint32_t wanted)
{
	return __atomic_compare_exchange_n(&event->word, word, wanted, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE);
}

int pyq_event_set(pyq_event *public)
{
	struct event *event = (struct event *)public;
	bool shared = pyqi_is_shared(event->kind);
	uint32_t word;

	if (!pyqi_is_a(event->kind, PYQI_EVENT))
		return -EINVAL;
	word = __atomic_load_n(&event->word, __ATOMIC_RELAXED);
	/* Also if it is set: what the caller has written is to be seen by who waits. */
	while (!change(event, &word, word & SET ? word : ((word + COUNT_ONE) | SET) & ~ASLEEP))
		;
	/* From now on who has waited may end it: its memory is not looked at any more. */
	if (word & ASLEEP)
		pyqi_word_wake(&event->word, PYQI_ALL, shared);
	return 0;
}

int pyq_event_clear(pyq_event *public)
{
	struct event *event = (struct event *)public;

	if (!pyqi_is_a(event->kind, PYQI_EVENT))
		return -EINVAL;
	__atomic_fetch_and(&event->word, ~SET, __ATOMIC_ACQ_REL);
	return 0;
}

bool pyq_event_is_set(const pyq_event *event)
{
	return __atomic_load_n(&((const struct event *)event)->word, __ATOMIC_ACQUIRE) & SET;
}

/* Is it set, or has it been since it was @before? */
static bool was_set(uint32_t word, uint32_t before)
{
	return word & SET || (word ^ before) & ~(SET | ASLEEP);
}

int pyq_event_wait(pyq_event *public, int64_t timeout)
{
	struct event *event = (struct event *)public;
	uint32_t word, before;
	uint64_t deadline;
	int err = pyqi_deadline(timeout, &deadline);

	if (err)
		return err;
	if (!pyqi_is_a(event->kind, PYQI_EVENT))
		return -EINVAL;

	word = before = __atomic_load_n(&event->word, __ATOMIC_ACQUIRE);
	while (!was_set(word, before)) {
		err = pyqi_time_is_over(deadline);
		if (err)
			return err;
		if (word & ASLEEP || change(event, &word, word | ASLEEP))
			pyqi_word_sleep(&event->word, word | ASLEEP, deadline,
					pyqi_is_shared(event->kind));
		word = __atomic_load_n(&event->word, __ATOMIC_ACQUIRE);
	}
	return 0;
}
