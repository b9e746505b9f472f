// SPDX-License-Identifier: MIT
/* Sleeping and calling on a mapped queue. */
#include <limits.h>
#include <time.h>
#include <unistd.h>
#include <linux/futex.h>
#include <sys/syscall.h>

#include "deadline.h"
#include "owner.h"
#include "sleep.h"
#include "spin.h"

/* How long somebody sleeps without looking, in nanoseconds: who watches; others. */
#ifndef SLICE
#define SLICE_OF_WATCHMAN 20000000
#define SLICE 250000000
#endif

/* The more owners there are the longer it takes to look at all: so many make it a slice more. */
#define OWNERS_A_SLICE 128

/* The sequence: the upper half of the word. */
static uint32_t *futex_of(struct pyqueue_waiters *side)
{
	uint32_t *halves = (uint32_t *)&side->sleepers;

	return &halves[__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__];
}

static int wake(uint32_t *futex, int n)
{
	return (int)syscall(SYS_futex, futex, FUTEX_WAKE, n, NULL, NULL, 0);
}

void pyqi_futex_call(pyq_queue *q, struct pyqueue_waiters *side, uint32_t n)
{
	PYQI_KEEP_ERRNO;

	(void)q;
	if (wake(futex_of(side), n > INT_MAX ? INT_MAX : (int)n))
		return;
	/*
	 * Nobody sleeps. So all who are announced are about to (and will see that
	 * the sequence has moved), or have been counted twice, or are dead: have
	 * it counted anew.
	 */
	if (pyq_sleepers_claim(&side->sleepers, UINT32_MAX))
		wake(futex_of(side), INT_MAX);
}

void pyqi_futex_call_pollers(pyq_queue *q, struct pyqueue_waiters *side)
{
	PYQI_KEEP_ERRNO;

	(void)q;
	wake(&side->pollers, INT_MAX);
}

/* Also those who were claimed by somebody who has died since. */
void pyqi_futex_call_everybody(pyq_queue *q)
{
	PYQI_KEEP_ERRNO;
	struct pyqueue_header *hdr = q->map.ring.hdr;
	struct pyqueue_waiters *sides[] = { &hdr->getters, &hdr->putters, &hdr->joiners };

	for (unsigned int i = 0; i < sizeof(sides) / sizeof(sides[0]); i++) {
		pyq_sleepers_claim(&sides[i]->sleepers, UINT32_MAX);
		wake(futex_of(sides[i]), INT_MAX);
		pyq_pollers_claim(sides[i]);
		wake(&sides[i]->pollers, INT_MAX);
	}
}

/* Sleep while *@futex is @value, until @end. Return: whether a call has ended it. */
static bool futex_wait(uint32_t *futex, uint32_t value, uint64_t end)
{
	PYQI_KEEP_ERRNO;
	struct timespec until = {
		.tv_sec = (time_t)(end / 1000000000),
		.tv_nsec = (long)(end % 1000000000),
	};

	/* WAIT_BITSET takes an absolute time. */
	return !syscall(SYS_futex, futex, FUTEX_WAIT_BITSET, value, &until, NULL,
			FUTEX_BITSET_MATCH_ANY) ||
	       __atomic_load_n(futex, __ATOMIC_SEQ_CST) != value;
}

static uint64_t slice_of_watchman(const pyq_queue *q)
{
	return SLICE_OF_WATCHMAN * (1 + pyqi_owners(q) / OWNERS_A_SLICE);
}

/*
 * A slice has gone by in vain. Who watches does this often; the others as well, in
 * case he who watches has been stopped.
 */
static void look_around(pyq_queue *q, struct pyqi_watch *watch)
{
	watch->watching = watch->watching || pyqi_owner_watch(q);
	if (watch->watching && !pyqi_owner_looks(q)) {
		pyqi_owner_unwatch(q);
		watch->watching = false;
	}
	watch->patient = !watch->watching;
	if (!watch->watching)
		pyqi_owner_look(q, 3 * slice_of_watchman(q));
}

bool pyqi_doze(pyq_queue *q, uint32_t *futex, uint32_t value, uint64_t deadline,
	       struct pyqi_watch *watch)
{
	const uint64_t end = pyqi_now() + (watch->patient ? SLICE : slice_of_watchman(q));
	bool called = futex_wait(futex, value, end < deadline ? end : deadline);

	/* Where so much is going on that nobody sleeps a whole slice. */
	if (called)
		pyqi_owner_look(q, SLICE);
	else
		look_around(q, watch);
	return called;
}

void pyqi_watch_ends(pyq_queue *q, struct pyqi_watch *watch)
{
	if (watch->watching)
		pyqi_owner_unwatch(q);
}

ssize_t pyqi_futex_wait(pyq_queue *q, const struct pyqi_wait *wait, uint64_t deadline)
{
	struct pyqi_watch watch = { .patient = false };
	__u64 *word = &wait->side->sleepers;
	bool announced = false, called = false, slept = false;
	ssize_t ret = pyqi_spin(q, wait, deadline);
	uint32_t sequence = 0;

	while (ret == -EAGAIN) {
		if (!announced)
			announced = pyq_sleepers_announce(word, &sequence);
		if (!wait->ready(q)) {
			if (pyqi_now() >= deadline) {
				ret = -ETIMEDOUT;
				break;
			}
			/* A call that has come is used up, whoever was claimed for it. */
			called = pyqi_doze(q, futex_of(wait->side), sequence, deadline, &watch);
			slept = true;
			if (!called)
				continue;
			announced = false;
		}
		/* Not announced while he takes: he would call himself. */
		if (announced)
			called = !pyq_sleepers_withdraw(word, sequence);
		announced = false;
		ret = wait->attempt(q, wait->arg);
		/* Others may be quicker, again and again. */
		if (ret == -EAGAIN && pyqi_now() >= deadline)
			ret = -ETIMEDOUT;
	}

	if (announced)
		called = !pyq_sleepers_withdraw(word, sequence);
	if (called)
		pyqi_pass_on(q, wait->side, wait->ready);
	pyqi_watch_ends(q, &watch);
	/* Who has only tried has not looked who is alive. */
	if (ret == -ETIMEDOUT && !slept)
		pyqi_owner_look(q, slice_of_watchman(q));
	return ret;
}
