/* SPDX-License-Identifier: GPL-2.0 */
/* What an actor calls, with which messages, and how it waits: as the ghost is to see it. */
#ifndef EXPLORER_ERRANDS_H
#define EXPLORER_ERRANDS_H

#include "keeper.h"

/* --- messages */

static struct pyq_msg message_to_put(unsigned int message)
{
	return (struct pyq_msg){ .data = (void *)(uintptr_t)payload_of(message), .len = message };
}

/* Nothing is ever written there: see payload_read(). */
static unsigned char nowhere[2 * sizeof(__u64)];

/* Look at a message as the kernel does, which may not be there any more. */
static void payload_look(struct pyq_ring *r, const struct pyq_op *op, __u64 copy[2])
{
	const __u64 *at = (const __u64 *)pyq_ring_slot(r, op->pos)->payload;

	copy[0] = pyq_load(&at[0]);
	copy[1] = pyq_load(&at[1]);
}

/* --- calls of the library */

/**
 * struct errand - what an actor calls
 * @call: how: a count, -EAGAIN, -ETIMEDOUT, or an error
 * @attempt: for the ghost
 * @message: the first of those to put
 * @n: at most so many
 * @loan: out: what is lent
 */
struct errand {
	ssize_t (*call)(struct actor *a, struct errand *e, __u64 deadline);
	enum attempt attempt;
	unsigned int message;
	unsigned int n;
	struct pyq_loan *loan;
};

static ssize_t call_put(struct actor *a, struct errand *e, __u64 deadline)
{
	int err = pyqi_mapped_put(handle_of(a), payload_of(e->message), e->message, deadline);

	return err ? err : 1;
}

static NOINLINE ssize_t call_put_many(struct actor *a, struct errand *e, __u64 deadline)
{
	struct pyq_msg msgs[SLOTS_MAX] = { { .data = NULL } };
	unsigned int i;

	for (i = 0; i < e->n; i++)
		msgs[i] = message_to_put(e->message + i);
	return pyqi_mapped_put_many(handle_of(a), msgs, e->n, deadline);
}

static NOINLINE ssize_t call_get(struct actor *a, struct errand *e, __u64 deadline)
{
	ssize_t len = pyqi_mapped_get(handle_of(a), nowhere, actor_part(a)->room, deadline);

	(void)e;
	return len < 0 ? len : 1;
}

static NOINLINE ssize_t call_get_many(struct actor *a, struct errand *e, __u64 deadline)
{
	struct pyq_msg msgs[SLOTS_MAX] = { { .data = NULL } };
	unsigned int i;

	for (i = 0; i < e->n; i++)
		msgs[i] = (struct pyq_msg){ .data = nowhere, .size = actor_part(a)->room };
	return pyqi_mapped_get_many(handle_of(a), msgs, e->n, deadline);
}

/* As the kernel (kmod/): copies before it claims, and does not wait. */
static NOINLINE ssize_t call_get_peeking(struct actor *a, struct errand *e, __u64 deadline)
{
	pyq_queue *q = handle_of(a);
	struct pyq_op op = { .freed = false };
	__u64 copy[2];
	int ret;

	(void)e;
	(void)deadline;
	do {
		ret = pyq_ring_peek(&q->map.ring, &op, actor_part(a)->room);
		if (ret)
			break;
		payload_look(&q->map.ring, &op, copy);
	} while (!pyq_ring_claim_peeked(&q->map.ring, &op));
	if (!ret) {
		ghost_copied(pyq_ring_index(&q->map.ring, op.pos), op.len, copy[0], copy[1]);
		ret = pyq_ring_release(&q->map.ring, &op);
	}
	return ret ? ret : 1;
}

static NOINLINE ssize_t call_reserve(struct actor *a, struct errand *e, __u64 deadline)
{
	int err = pyqi_mapped_loans.reserve(handle_of(a), e->loan, deadline);

	return err ? err : 1;
}

static NOINLINE ssize_t call_borrow(struct actor *a, struct errand *e, __u64 deadline)
{
	int err = pyqi_mapped_loans.borrow(handle_of(a), e->loan, deadline);

	return err ? err : 1;
}

static NOINLINE ssize_t call_join(struct actor *a, struct errand *e, __u64 deadline)
{
	int err = pyqi_mapped_join(handle_of(a), deadline);

	(void)e;
	return err ? err : 1;
}

/*
 * AWAIT: a call in which nothing has changed that the actor may read would only be
 * repeated with the same result, and has changed nothing itself (that counts as a
 * change too): so until there is a change it is not repeated, and no state is missed.
 */
static NOINLINE ssize_t patiently(struct actor *a, struct errand *e)
{
	static const __u64 deadlines[] = {
		[GIVE_UP] = PYQI_NOWAIT,       [AWAIT] = PYQI_NOWAIT,
		[SLEEP] = PYQI_FOREVER,	       [SLEEP_TIMED] = DEADLINE,
		[SLEEP_SLICED] = PYQI_FOREVER,
	};
	enum patience patience = (enum patience)actor_part(a)->patience;

	for (;;) {
		ssize_t ret;

		ghost_begin(a, e->attempt);
		ret = e->call(a, e, deadlines[patience]);
		ghost_end(a, (int)ret);
		/* It would make equal states differ; what it is for is not explored. */
		handle_of(a)->map.in_vain = 0;
		if (ret != -EAGAIN || patience != AWAIT)
			return ret;
		if (!a->changed)
			take_step(STEP_AWAIT, NULL, e->attempt - ATTEMPT_GET, 0);
	}
}

#endif
