/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sleeping and waking as the library does it (DESIGN.md sections 4 and 8), with
 * steps for the system calls. To be replaced by the library's own code: what is
 * below knows nothing of the explorer but take_step().
 */
#ifndef EXPLORER_SLEEP_H
#define EXPLORER_SLEEP_H

#include <ring/account.h>
#include <ring/sleepers.h>

#define EVERYBODY	0xffffffffu

static __u64 *sleepers_of(const struct pyq_ring *r, enum side side)
{
	return side == GETTERS ? &r->hdr->getters.sleepers :
	       side == PUTTERS ? &r->hdr->putters.sleepers : &r->hdr->joiners.sleepers;
}

/* Whether a timeout has ended it. The system call compares and falls asleep in one. */
static bool futex_wait(enum side side, __u32 sequence)
{
	return take_step(STEP_SLEEP, NULL, side, sequence);
}

static void futex_wake(enum side side, __u32 n)
{
	take_step(STEP_WAKE, NULL, side, n);
}

static __attribute__((__noinline__)) void wake(const struct pyq_ring *r, enum side side, __u32 n)
{
	__u32 claimed = pyq_sleepers_claim(sleepers_of(r, side), n);

	if (claimed)
		futex_wake(side, claimed);
}

/* Whoever recovers: some may have been claimed by the dead one and not called. */
static void wake_everybody(const struct pyq_ring *r)
{
	enum side side;

	for (side = GETTERS; side < SIDES; side++) {
		pyq_sleepers_claim(sleepers_of(r, side), EVERYBODY);
		futex_wake(side, EVERYBODY);
	}
}

static __attribute__((__noinline__)) bool side_is_ready(struct pyq_ring *r, enum side side)
{
	struct pyq_op op = { .freed = false };
	int ret = side == GETTERS ? pyq_ring_can_get(r, &op) :
		  side == PUTTERS ? pyq_ring_can_put(r, &op) :
		  pyq_ring_unfinished(r, &op) ? -EAGAIN : 0;

	if (op.freed) {
		wake(r, PUTTERS, 1);
		wake(r, JOINERS, EVERYBODY);
	}
	return ret != -EAGAIN;
}

/* Call the next if there is something for him. */
static void pass_on(struct pyq_ring *r, enum side side)
{
	if ((pyq_load_acquire(sleepers_of(r, side)) & PYQUEUE_ANNOUNCED) && side_is_ready(r, side))
		wake(r, side, 1);
}

/*
 * Sleep until @attempt says something else than -EAGAIN, or a timeout ends it.
 * @attempt has woken whom it owes.
 */
static int wait_on(struct pyq_ring *r, enum side side, int (*attempt)(void *), void *arg)
{
	bool over = false;
	__u32 sequence;
	int ret;

	while (!over) {
		pyq_sleepers_announce(sleepers_of(r, side), &sequence);
		ret = attempt(arg);
		if (ret != -EAGAIN) {
			if (!pyq_sleepers_withdraw(sleepers_of(r, side), sequence))
				pass_on(r, side);
			return ret;
		}
		over = futex_wait(side, sequence);
	}
	if (pyq_sleepers_withdraw(sleepers_of(r, side), sequence))
		return attempt(arg);
	/* Perhaps called: what it was called for is its own now, or the next one's. */
	ret = attempt(arg);
	pass_on(r, side);
	return ret;
}

#endif
