/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whole operations, tried once: the ring's real code, between the ghost's begin and
 * end of each attempt, and afterwards whom the caller has to wake. Functions are
 * not inlined where that keeps a waiting actor's stack small.
 */
#ifndef EXPLORER_ATTEMPTS_H
#define EXPLORER_ATTEMPTS_H

#include <ring/account.h>
#include <ring/batch.h>
#include <ring/recover.h>

#include "sleep.h"

#define NOINLINE __attribute__((__noinline__))

static struct pyq_ring views[ACTORS_MAX + 1];

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

#endif
