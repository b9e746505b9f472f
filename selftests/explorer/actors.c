// SPDX-License-Identifier: GPL-2.0
/*
 * What the actors do. The scheduler comes in at each step of the ring's code, and
 * nowhere else. A planted fault is in a copy of this file and of what it includes.
 */
#include "world.h"
#include "roles.h"

#define PYQ_RING_ATOMICS "shim.h"
#include "attempts.h"

void ring_views_init(void)
{
	unsigned int i;

	for (i = 0; i <= ACTORS_MAX; i++) {
		views[i].hdr = &ring_header;
		views[i].slots = ring_slots;
		views[i].maxsize = cast.maxsize;
		views[i].slot_size = SLOT_SIZE;
		views[i].order = cast.order;
		views[i].owner = cast.parts[i].owner;
	}
}

/* --- what is tried, perhaps again and again */

struct errand {
	struct actor *actor;
	unsigned int message;
	unsigned int n;
};

static int errand_put(void *arg)
{
	struct errand *e = arg;

	return e->n > 1 ? try_put_batch(e->actor, e->message, e->n) :
			  try_put(e->actor, e->message);
}

static int errand_get(void *arg)
{
	struct errand *e = arg;

	if (actor_part(e->actor)->peeks)
		return try_get_peeking(e->actor);
	return e->n > 1 ? try_get_batch(e->actor, e->n) : try_get(e->actor);
}

static int errand_abort(void *arg)
{
	return try_abort(((struct errand *)arg)->actor);
}

static int errand_give_back(void *arg)
{
	return try_give_back(((struct errand *)arg)->actor);
}

static int errand_join(void *arg)
{
	return try_join(((struct errand *)arg)->actor);
}

/*
 * AWAIT: an attempt in which nothing has changed that the actor may read would
 * only be repeated with the same result, and has changed nothing itself (that
 * counts as a change too): so until there is a change it is not repeated, and
 * no state is missed.
 */
static NOINLINE int patiently(struct actor *a, enum side side, int (*attempt)(void *), void *arg)
{
	int ret = attempt(arg);

	while (ret == -EAGAIN) {
		switch (actor_part(a)->patience) {
		case AWAIT:
			if (!a->changed)
				take_step(STEP_AWAIT, NULL, side, 0);
			ret = attempt(arg);
			break;
		case SLEEP_TIMED:
		case SLEEP:
			return wait_on(ring_of(a), side, attempt, arg);
		default:
			return ret;
		}
	}
	return ret;
}

static void come_to_life(struct actor *a)
{
	if (actor_part(a)->heir_of)
		take_step(STEP_HEIR, NULL, actor_part(a)->heir_of - 1u, true);
}

static __u8 first_message(const struct actor *a)
{
	unsigned int i, n = 1u + cast.prefill;

	for (i = 0; i < actor_index(a); i++)
		if (cast.parts[i].script == script_put)
			n += cast.parts[i].n;
	return (__u8)n;
}

void script_put(struct actor *a)
{
	unsigned int at = first_message(a), end = at + actor_part(a)->n;

	come_to_life(a);
	while (at < end) {
		unsigned int most = actor_part(a)->batch;
		struct errand e = { a, at, most < end - at ? most : end - at };
		int ret = patiently(a, PUTTERS, errand_put, &e);

		at += ret > 0 ? (unsigned int)ret : 1;
	}
}

void script_get(struct actor *a)
{
	unsigned int n = actor_part(a)->n;

	come_to_life(a);
	while (n) {
		unsigned int most = actor_part(a)->batch;
		struct errand e = { a, 0, most < n ? most : n };
		int ret = patiently(a, GETTERS, errand_get, &e);

		if (ret == -ESHUTDOWN)
			return;
		n -= ret > 0 ? (unsigned int)ret : 1;
	}
}

void script_abort(struct actor *a)
{
	struct errand e = { a, 0, 1 };

	come_to_life(a);
	patiently(a, PUTTERS, errand_abort, &e);
}

void script_give_back(struct actor *a)
{
	struct errand e = { a, 0, 1 };

	come_to_life(a);
	patiently(a, GETTERS, errand_give_back, &e);
}

void script_join(struct actor *a)
{
	struct errand e = { a, 0, 1 };

	patiently(a, JOINERS, errand_join, &e);
}

void script_count(struct actor *a)
{
	struct pyq_op op = { .freed = false };

	if (pyq_ring_qsize(ring_of(a), &op) > cast.slots)
		fail("qsize is more than there are slots", 0, 0);
	tombstone_gone(a, &op);
}

void script_shut_down(struct actor *a)
{
	struct pyq_ring *r = ring_of(a);

	if (actor_part(a)->immediate) {
		pyq_ring_close_and_drop(r);
		drop_all(a);
	} else {
		pyq_ring_close(r);
	}
	if (cast.sleeps)
		wake_everybody(r);
}

void script_recover(struct actor *a)
{
	for (;;) {
		struct pyq_op op = { .freed = false };
		unsigned int dead = (unsigned int)take_step(STEP_DEATH, NULL, 0, 0);

		if (pyq_ring_recover(ring_of(a), &op, cast.parts[dead].owner) < 0)
			fail("recovery calls a sound ring broken", 0, 0);
		if (cast.drops && pyq_load_acquire(&ring_header.detour) & PYQUEUE_DETOUR_DROP)
			drop_all(a);
		if (cast.sleeps)
			wake_everybody(ring_of(a));
		world.ghost.recovered |= (__u8)(1u << dead);
		a->recovers = 0;
	}
}

/* --- before and after */

static int direct_put(struct actor *a, unsigned int message)
{
	struct pyq_ring *r = ring_of(a);
	struct pyq_op op = { .freed = false };
	int ret = pyq_ring_claim_put(r, &op);

	if (ret)
		return ret;
	payload_write(r, &op, message);
	return pyq_ring_publish(r, &op, message, 0);
}

/* The message, or -errno. */
static int direct_get(struct actor *a)
{
	struct pyq_ring *r = ring_of(a);
	struct pyq_op op = { .freed = false };
	__u64 copy[2];
	int ret = pyq_ring_claim_get(r, &op, 16);

	if (ret)
		return ret;
	payload_read(r, &op, copy);
	ret = pyq_ring_release(r, &op);
	if (ret)
		return ret;
	if (copy[1] != ~copy[0] || op.len != (copy[0] & 0xff))
		return -EILSEQ;
	return (int)op.len;
}

void script_prefill(struct actor *a)
{
	unsigned int i;

	for (i = 1; i <= cast.prefill; i++)
		direct_put(a, i);
}

/* At the end of an execution: is what is left a queue? */
void script_audit(struct actor *a)
{
	bool stopped = false, closed = pyq_ring_is_closed(ring_of(a));
	struct pyq_op op = { .freed = false };
	unsigned int left, round, i, unfinished = ghost_outstanding();
	const struct actor *other;
	int ret;

	for_each_actor(other)
		stopped |= other->life == STOPPED;
	left = (unsigned int)__builtin_popcount(world.ghost.published & ~world.ghost.released);
	if (!stopped && pyq_ring_qsize(ring_of(a), &op) != left)
		fail("qsize is %lld, and there are %lld", pyq_ring_qsize(ring_of(a), &op), left);

	for (;;) {
		unsigned int next = ghost_next_message();

		ret = direct_get(a);
		if (ret < 0)
			break;
		if ((unsigned int)ret != next)
			fail("left in the ring: message %lld, and %lld should be first",
			     (__u64)ret, next);
		left--;
	}
	if (stopped)
		return;
	if (left)
		fail("%lld messages are left that nobody gets (error %lld)", left,
		     (__u64)(__s64)ret);
	if (ret != (closed ? -ESHUTDOWN : -EAGAIN))
		fail("error %lld of an empty queue", (__u64)(__s64)ret, 0);
	/* Tombstones are counted when head comes to them. */
	if (pyq_ring_unfinished(ring_of(a), &op) != unfinished)
		fail("unfinished is %lld, and should be %lld",
		     pyq_ring_unfinished(ring_of(a), &op), unfinished);
	if (closed)
		return;
	for (round = 0; round < 2; round++) {
		for (i = 1; i <= cast.maxsize; i++) {
			ret = direct_put(a, i);
			if (ret)
				fail("a fresh participant cannot put message %lld: %lld", i,
				     (__u64)(__s64)ret);
		}
		ret = direct_put(a, i);
		if (ret != -EAGAIN)
			fail("one more than maxsize can be put: %lld", (__u64)(__s64)ret, 0);
		for (i = 1; i <= cast.maxsize; i++) {
			ret = direct_get(a);
			if (ret != (int)i)
				fail("a fresh participant gets %lld for message %lld",
				     (__u64)(__s64)ret, i);
		}
	}
}
