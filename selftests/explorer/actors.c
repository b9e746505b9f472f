// SPDX-License-Identifier: GPL-2.0
/*
 * What the actors do: the ring's real code, between the ghost's begin and end of
 * each attempt. The scheduler comes in at each step of the ring's, and nowhere
 * else. Functions are not inlined where that keeps a waiting actor's stack small.
 */
#include "world.h"
#include "roles.h"

#define PYQ_RING_ATOMICS "shim.h"
#include <ring/account.h>
#include <ring/batch.h>
#include <ring/recover.h>

#include "sleep.h"

#define NOINLINE __attribute__((__noinline__))

static struct pyq_ring views[ACTORS_MAX + 1];

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

static struct pyq_ring *ring_of(const struct actor *a)
{
	return &views[actor_index(a)];
}

/* --- the payload: two words, and the length, that all say which message it is */

static void payload_write(struct pyq_ring *r, const struct pyq_op *op, unsigned int message)
{
	__u64 *at = (__u64 *)pyq_ring_slot(r, op->pos)->payload;

	pyq_store(&at[0], message * 0x0101010101010101ULL);
	pyq_store(&at[1], ~(message * 0x0101010101010101ULL));
}

static void payload_read(struct pyq_ring *r, const struct pyq_op *op, __u64 copy[2])
{
	const __u64 *at = (const __u64 *)pyq_ring_slot(r, op->pos)->payload;

	copy[0] = pyq_load(&at[0]);
	copy[1] = pyq_load(&at[1]);
}

/* --- whom to wake */

static void tombstone_gone(struct actor *a, const struct pyq_op *op)
{
	if (!op->freed || !cast.sleeps)
		return;
	wake(ring_of(a), PUTTERS, 1);
	wake(ring_of(a), JOINERS, EVERYBODY);
}

static NOINLINE void done_with(struct actor *a, __u32 n)
{
	struct pyq_op op = { .freed = false };
	int ret = pyq_ring_task_done(ring_of(a), &op, n);

	ghost_done(ret);
	tombstone_gone(a, &op);
	if (ret == 1 && cast.sleeps)
		wake(ring_of(a), JOINERS, EVERYBODY);
}

/* Take out what is left: after a shutdown at once. */
static NOINLINE void drop_all(struct actor *a)
{
	struct pyq_ring *r = ring_of(a);
	int ret;

	do {
		struct pyq_op op = { .freed = false };

		ghost_begin(a, ATTEMPT_GET);
		ret = pyq_ring_claim_get(r, &op, 16);
		if (!ret) {
			__u64 copy[2];

			payload_read(r, &op, copy);
			ghost_copied(op.word, op.pos, op.len, copy[0], copy[1]);
			ret = pyq_ring_release(r, &op);
			ghost_end(a, ret);
			done_with(a, 1);
		} else {
			ghost_end(a, ret);
		}
		tombstone_gone(a, &op);
	} while (!ret);
}

/* After something has come into the queue. */
static void came(struct actor *a, __u32 n)
{
	struct pyq_ring *r = ring_of(a);

	if (cast.sleeps) {
		wake(r, GETTERS, n);
		pass_on(r, PUTTERS);
	}
	if (cast.drops && pyq_load_acquire(&r->hdr->detour) & PYQUEUE_DETOUR_DROP) /* M */
		drop_all(a);
}

/* After something has left it. */
static void left(struct actor *a, __u32 n)
{
	struct pyq_ring *r = ring_of(a);

	if (cast.sleeps) {
		wake(r, PUTTERS, n);
		pass_on(r, GETTERS);
	}
	if (actor_part(a)->task_done)
		done_with(a, n);
}

/* --- putting */

static NOINLINE int try_put(struct actor *a, unsigned int message)
{
	struct pyq_ring *r = ring_of(a);
	struct pyq_op op = { .freed = false };
	int ret;

	ghost_begin(a, ATTEMPT_PUT);
	ret = pyq_ring_claim_put(r, &op);
	if (!ret) {
		payload_write(r, &op, message);
		ret = pyq_ring_publish(r, &op, message, 0);
	}
	ghost_end(a, ret);
	tombstone_gone(a, &op);
	if (!ret)
		came(a, 1);
	return ret;
}

/* Up to @n messages from @message on. Return: how many. */
static NOINLINE int try_put_batch(struct actor *a, unsigned int message, unsigned int n)
{
	struct pyq_ring *r = ring_of(a);
	struct pyq_op ops[SLOTS_MAX] = { { .freed = false } };
	int ret, i;

	ghost_begin(a, ATTEMPT_PUT);
	ret = pyq_ring_claim_puts(r, ops, n);
	for (i = 0; i < ret; i++) {
		payload_write(r, &ops[i], message + (unsigned int)i);
		if (pyq_ring_publish(r, &ops[i], message + (unsigned int)i, 0))
			ghost_end(a, -EOWNERDEAD);
	}
	ghost_end(a, ret);
	tombstone_gone(a, &ops[0]);
	if (ret > 0)
		came(a, (__u32)ret);
	return ret;
}

static NOINLINE int try_abort(struct actor *a)
{
	struct pyq_ring *r = ring_of(a);
	struct pyq_op op = { .freed = false };
	int ret;

	ghost_begin(a, ATTEMPT_PUT);
	ret = pyq_ring_claim_put(r, &op);
	if (!ret)
		ret = pyq_ring_abort(r, &op);
	ghost_end(a, ret);
	tombstone_gone(a, &op);
	if (!ret && cast.sleeps) {
		wake(r, GETTERS, 1);
		wake(r, JOINERS, EVERYBODY);
	}
	return ret;
}

/* --- getting */

static NOINLINE int try_get(struct actor *a)
{
	struct pyq_ring *r = ring_of(a);
	struct pyq_op op = { .freed = false };
	__u64 copy[2];
	int ret;

	ghost_begin(a, ATTEMPT_GET);
	ret = pyq_ring_claim_get(r, &op, actor_part(a)->room);
	if (!ret) {
		payload_read(r, &op, copy);
		ghost_copied(op.word, op.pos, op.len, copy[0], copy[1]);
		ret = pyq_ring_release(r, &op);
	}
	ghost_end(a, ret);
	tombstone_gone(a, &op);
	if (!ret)
		left(a, 1);
	return ret;
}

/* As the kernel: copies before it claims. */
static NOINLINE int try_get_peeking(struct actor *a)
{
	struct pyq_ring *r = ring_of(a);
	struct pyq_op op = { .freed = false };
	__u64 copy[2];
	int ret;

	ghost_begin(a, ATTEMPT_GET);
	do {
		ret = pyq_ring_peek(r, &op, actor_part(a)->room);
		if (ret)
			break;
		payload_read(r, &op, copy);
	} while (!pyq_ring_claim_peeked(r, &op));
	if (!ret) {
		ghost_copied(op.word, op.pos, op.len, copy[0], copy[1]);
		ret = pyq_ring_release(r, &op);
	}
	ghost_end(a, ret);
	tombstone_gone(a, &op);
	if (!ret)
		left(a, 1);
	return ret;
}

/* Return: how many. */
static NOINLINE int try_get_batch(struct actor *a, unsigned int n)
{
	struct pyq_ring *r = ring_of(a);
	struct pyq_op ops[SLOTS_MAX] = { { .freed = false } };
	__u64 copy[2];
	int ret, i;

	for (i = 0; i < (int)n; i++)
		ops[i].len = actor_part(a)->room;
	ghost_begin(a, ATTEMPT_GET);
	ret = pyq_ring_claim_gets(r, ops, n);
	for (i = 0; i < ret; i++) {
		payload_read(r, &ops[i], copy);
		ghost_copied(ops[i].word, ops[i].pos, ops[i].len, copy[0], copy[1]);
		if (pyq_ring_release(r, &ops[i]))
			ghost_end(a, -EOWNERDEAD);
	}
	ghost_end(a, ret);
	tombstone_gone(a, &ops[0]);
	if (ret > 0)
		left(a, (__u32)ret);
	return ret;
}

static NOINLINE int try_give_back(struct actor *a)
{
	struct pyq_ring *r = ring_of(a);
	struct pyq_op op = { .freed = false };
	int ret;

	ghost_begin(a, ATTEMPT_GET);
	ret = pyq_ring_claim_get(r, &op, 16);
	if (!ret)
		ret = pyq_ring_give_back(r, &op);
	ghost_end(a, ret);
	tombstone_gone(a, &op);
	if (!ret && cast.sleeps) {
		wake(r, GETTERS, 1);
		wake(r, PUTTERS, 1);
	}
	return ret;
}

static NOINLINE int try_join(struct actor *a)
{
	struct pyq_op op = { .freed = false };
	int ret;

	ghost_begin(a, ATTEMPT_JOIN);
	ret = pyq_ring_unfinished(ring_of(a), &op) ? -EAGAIN : 0;
	ghost_end(a, ret);
	tombstone_gone(a, &op);
	return ret;
}

/* --- the parts. What is to be tried is in the actor: its stack stays the same. */

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
