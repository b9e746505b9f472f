// SPDX-License-Identifier: MIT
/* What all operations on a mapped ring share. */
#include <sched.h>

#include "attempt.h"
#include "deadline.h"

/* Rounds of -EBUSY in which neither head nor tail has moved. */
#define BUSY_ROUNDS 64

/* Calls without a timeout that find nothing, before one of them looks around. */
#define IN_VAIN 32

int pyqi_broken(pyq_queue *q)
{
	pyq_or32(&pyqi_header(q)->detour, PYQUEUE_DETOUR_BROKEN);
	pyqi_ops(q)->call_everybody(q);
	return -EUCLEAN;
}

void pyqi_tombstone_gone(pyq_queue *q)
{
	pyqi_wake(q, &pyqi_header(q)->putters, 1);
	pyqi_wake(q, &pyqi_header(q)->joiners, UINT32_MAX);
}

bool pyqi_settle(pyq_queue *q, struct pyq_op *op, int *ret, struct pyqi_patience *patience)
{
	uint64_t head, tail;

	if (op->freed)
		pyqi_tombstone_gone(q);
	op->freed = false;
	if (*ret != -EBUSY) {
		if (*ret == -EUCLEAN)
			pyqi_broken(q);
		return false;
	}
	head = pyq_load_acquire(&pyqi_header(q)->head);
	tail = pyq_load_acquire(&pyqi_header(q)->tail);
	if (head != patience->head || tail != patience->tail)
		*patience = (struct pyqi_patience){ .head = head, .tail = tail };
	if (++patience->rounds == BUSY_ROUNDS) {
		*ret = pyqi_broken(q);
		return false;
	}
	sched_yield();
	return true;
}

/* Has the ring? As pyq_ring_can_put(). */
static int has_room(pyq_queue *q)
{
	struct pyq_op op = { .freed = false };
	struct pyqi_patience patience = { 0 };
	int ret;

	do {
		ret = pyq_ring_can_put(&q->map.ring, &op);
	} while (pyqi_settle(q, &op, &ret, &patience));
	return ret;
}

bool pyqi_put_ready(pyq_queue *q)
{
	const int detour = pyqi_detour(q); /* H */

	return (detour ? detour : has_room(q)) != -EAGAIN;
}

bool pyqi_get_ready(pyq_queue *q)
{
	struct pyq_op op = { .freed = false };
	struct pyqi_patience patience = { 0 };
	int ret;

	do {
		ret = pyqi_is_broken_now(q) ? -EUCLEAN : pyq_ring_can_get(&q->map.ring, &op);
	} while (pyqi_settle(q, &op, &ret, &patience));
	if (ret != -EAGAIN || !pyqi_ops(q)->refill)
		return ret != -EAGAIN;
	return pyq_overflows(&q->map.ring) && has_room(q) != -EAGAIN;
}

/*
 * Who does not wait does not watch over the queue: so he looks around each time
 * that he has come in vain this often. Return: whether to try again.
 */
bool pyqi_in_vain(pyq_queue *q)
{
	if (__atomic_add_fetch(&q->map.in_vain, 1, __ATOMIC_RELAXED) % IN_VAIN)
		return false;
	pyqi_ops(q)->look_around(q);
	return true;
}

void pyqi_call_after_publishing(pyq_queue *q, unsigned int n)
{
	pyqi_wake(q, &pyqi_header(q)->getters, n);
	pyqi_pass_on(q, &pyqi_header(q)->putters, pyqi_put_ready);
	if (pyq_load_acquire(&pyqi_header(q)->detour) & PYQUEUE_DETOUR_DROP) /* M */
		pyqi_ops(q)->drop(q);
	pyqi_polls_look(q);
}

void pyqi_call_after_releasing(pyq_queue *q, unsigned int n)
{
	pyqi_wake(q, &pyqi_header(q)->putters, n);
	pyqi_pass_on(q, &pyqi_header(q)->getters, pyqi_get_ready);
	pyqi_polls_look(q);
}

/* Try it; if there is something outside first, have that moved, and try again. */
static ssize_t attempt_or_refill(pyq_queue *q, const struct pyqi_wait *what)
{
	ssize_t ret = -EAGAIN;

	/* Others may be quicker, again and again. */
	for (int rounds = 0; ret == -EAGAIN && rounds < BUSY_ROUNDS; rounds++) {
		const bool before = pyq_overflows(&q->map.ring);
		int err;

		ret = what->attempt(q, what->arg);
		if (ret != -EAGAIN || !pyqi_ops(q)->refill)
			break;
		/* It may have been moved since. */
		if (!before && !pyq_overflows(&q->map.ring))
			break;
		err = pyqi_ops(q)->refill(q, what->side);
		if (err)
			return err == -EUCLEAN ? pyqi_broken(q) : ret;
	}
	return ret;
}

static bool glance_put(const pyq_queue *q)
{
	struct pyq_op op;

	return pyq_ring_glance_put(&q->map.ring, &op);
}

static bool glance_get(const pyq_queue *q)
{
	struct pyq_op op;

	return pyq_ring_glance_get(&q->map.ring, &op);
}

ssize_t pyqi_put_when_ready(pyq_queue *q, ssize_t (*attempt)(pyq_queue *q, void *arg),
			    ssize_t (*asleep)(pyq_queue *q, void *arg, uint64_t deadline),
			    void *arg, uint64_t deadline)
{
	const struct pyqi_wait wait = {
		.side = &pyqi_header(q)->putters,
		.attempt = attempt,
		.glance = glance_put,
		.ready = pyqi_put_ready,
		.asleep = asleep,
		.arg = arg,
	};
	ssize_t ret = attempt_or_refill(q, &wait);

	if (ret != -EAGAIN)
		return ret;
	pyqi_polls_look(q);
	if (deadline != PYQI_NOWAIT)
		return pyqi_ops(q)->wait(q, &wait, deadline);
	return pyqi_in_vain(q) ? attempt(q, arg) : ret;
}

ssize_t pyqi_get_when_ready(pyq_queue *q, ssize_t (*attempt)(pyq_queue *q, void *arg),
			    ssize_t (*asleep)(pyq_queue *q, void *arg, uint64_t deadline),
			    void *arg, uint64_t deadline)
{
	const struct pyqi_wait wait = {
		.side = &pyqi_header(q)->getters,
		.attempt = attempt,
		.glance = glance_get,
		.ready = pyqi_get_ready,
		.asleep = asleep,
		.arg = arg,
	};
	ssize_t ret = attempt_or_refill(q, &wait);

	if (ret == -EAGAIN)
		pyqi_polls_look(q);
	if (ret == -EAGAIN && deadline != PYQI_NOWAIT)
		ret = pyqi_ops(q)->wait(q, &wait, deadline);
	else if (ret == -EAGAIN && pyqi_in_vain(q))
		ret = attempt(q, arg);
	/* The last word: what a dead getter had comes again, if that is known already. */
	if (ret == -ESHUTDOWN && !pyqi_ops(q)->look_around(q))
		ret = attempt(q, arg);
	return ret;
}

int pyqi_release(pyq_queue *q, const struct pyq_op *op, uint32_t first)
{
	if (first != PYQI_NOT_LARGE)
		return pyqi_ops(q)->large_release(q, op, first);
	return pyq_ring_release(&q->map.ring, op);
}

int pyqi_give_back(pyq_queue *q, const struct pyq_op *op)
{
	int err = pyq_ring_give_back(&q->map.ring, op);

	if (err)
		return err;
	/* A putter as well: head has passed the message, it does not count any more. */
	pyqi_wake(q, &pyqi_header(q)->getters, 1);
	pyqi_pass_on(q, &pyqi_header(q)->putters, pyqi_put_ready);
	if (pyq_load_acquire(&pyqi_header(q)->detour) & PYQUEUE_DETOUR_DROP) /* M */
		pyqi_ops(q)->drop(q);
	return 0;
}
