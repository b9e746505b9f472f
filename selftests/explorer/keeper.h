/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel does for a queue without a bound: kmod/overflow.c and the calls that lead
 * there, step for step, around the ring's own code. Nobody dies in a system call.
 */
#ifndef EXPLORER_KEEPER_H
#define EXPLORER_KEEPER_H

#include "messages.h"

#define keeper (&world.ghost.keeper)

static struct pyq_overflow *seen_of_keeper(void)
{
	_Static_assert(sizeof(struct pyq_overflow) == sizeof(keeper->seen), "it is kept there");
	return (struct pyq_overflow *)keeper->seen;
}

static void enter_kernel(bool with_lock)
{
	actor_running()->kernel = true;
	if (with_lock)
		take_step(STEP_LOCK, NULL, 0, 0);
}

static void leave_kernel(bool with_lock)
{
	if (with_lock)
		take_step(STEP_UNLOCK, NULL, 0, 0);
	actor_running()->kernel = false;
}

static struct pyq_ring kernels_ring(const pyq_queue *q)
{
	struct pyq_ring r = q->map.ring;

	r.owner = 0;
	return r;
}

/* Claim, write, publish; @moves: the first of those outside, otherwise @message. */
static NOINLINE int kernel_put_one(pyq_queue *q, unsigned int message, bool moves)
{
	struct pyq_ring r = kernels_ring(q);
	struct pyq_op op = { .freed = false };
	int ret = pyq_ring_claim_put(&r, &op);

	if (op.freed)
		pyqi_tombstone_gone(q);
	if (ret)
		return ret;
	if (moves) {
		message = keeper->list[0];
		keeper->n--;
		memmove(keeper->list, keeper->list + 1, keeper->n);
		keeper->list[keeper->n] = 0;
		keeper->moving = (__u8)(pyq_ring_index(&r, op.pos) + 1);
		pyq_overflow_moving(&r, seen_of_keeper());
	}
	payload_write(pyq_ring_slot(&r, op.pos)->payload, payload_of(message));
	if (pyq_ring_publish(&r, &op, message, 0))
		fail("the kernel is declared dead", 0, 0);
	if (moves) {
		keeper->moving = 0;
		pyq_overflow_moved(&r, seen_of_keeper());
	}
	pyqi_wake(q, &ring_header.getters, 1);
	if (!moves && pyq_load_acquire(&ring_header.detour) & PYQUEUE_DETOUR_DROP)
		pyqi_mapped_drop(q);
	return 0;
}

static NOINLINE void refill_locked(pyq_queue *q)
{
	bool moved = false;
	int ret = 0;

	while (keeper->n && !(ret = kernel_put_one(q, 0, true)))
		moved = true;
	if (ret && ret != -EAGAIN)
		fail("the ring is closed before what waits outside: %lld", (__u64)(__s64)ret, 0);
	if (!moved || keeper->n)
		return;
	pyqi_futex_call_everybody(q);
}

static NOINLINE int kernel_refill(pyq_queue *q, const struct pyqueue_waiters *side)
{
	bool ready;

	enter_kernel(true);
	refill_locked(q);
	leave_kernel(true);
	/* Nothing is owed any more: so whether it dies here is the same. */
	ready = side == &ring_header.getters ? pyqi_get_ready(q) : pyqi_put_ready(q);
	return ready ? 0 : -EAGAIN;
}

static NOINLINE int put_outside(pyq_queue *q, unsigned int message)
{
	struct pyq_ring r = kernels_ring(q);

	if (seen_of_keeper()->closed)
		return -ESHUTDOWN;
	keeper->list[keeper->n++] = (__u8)message;
	pyq_overflow_add(&r, seen_of_keeper());
	/* Others see it from here on. */
	ghost_outside(actor_running(), message);
	refill_locked(q);
	return 0;
}

static NOINLINE int kernel_put(pyq_queue *q, unsigned int message)
{
	int ret = -EAGAIN;

	enter_kernel(false);
	/* Where the kernel looks at what it keeps, at what that is the flag of. */
	if (!pyq_overflows(&q->map.ring))
		ret = kernel_put_one(q, message, false);
	if (ret == -EAGAIN) {
		take_step(STEP_LOCK, NULL, 0, 0);
		ret = put_outside(q, message);
		take_step(STEP_UNLOCK, NULL, 0, 0);
	}
	leave_kernel(false);
	return ret;
}

/* As pyqi_kernel_put_many(): what stops a later one shows in the next call. */
static NOINLINE ssize_t kernel_put_many(pyq_queue *q, const struct pyq_msg *msgs, size_t n,
					uint64_t deadline)
{
	size_t done;

	(void)deadline;
	for (done = 0; done < n; done++) {
		int ret = kernel_put(q, (unsigned int)msgs[done].len);

		if (ret)
			return done ? (ssize_t)done : ret;
	}
	return (ssize_t)done;
}

static NOINLINE void kernel_shutdown(pyq_queue *q, bool immediate)
{
	struct pyq_ring r = kernels_ring(q);

	enter_kernel(true);
	if (immediate) {
		while (keeper->n) {
			ghost_dropped(keeper->list[--keeper->n]);
			keeper->list[keeper->n] = 0;
		}
		pyq_overflow_drop(&r, seen_of_keeper());
	} else {
		pyq_overflow_close(&r, seen_of_keeper());
	}
	take_step(STEP_UNLOCK, NULL, 0, 0);
	if (immediate)
		pyqi_mapped_drop(q);
	pyqi_futex_call_everybody(q);
	leave_kernel(false);
}

/* GET: who sleeps in the kernel has what waits outside moved before he looks again. */
static ssize_t attempt_asleep(pyq_queue *q, void *arg)
{
	const struct pyqi_wait *wait = arg;

	return attempt_or_refill(q, wait);
}

static ssize_t kernel_wait(pyq_queue *q, const struct pyqi_wait *what, uint64_t deadline)
{
	struct pyqi_wait wait = *what;

	wait.attempt = attempt_asleep;
	wait.arg = (void *)(uintptr_t)what;
	return pyqi_futex_wait(q, &wait, deadline);
}

static const struct pyqi_ring_ops unbounded_ops = {
	.wait = kernel_wait,
	.call = pyqi_futex_call,
	.call_pollers = pyqi_futex_call_pollers,
	.call_everybody = pyqi_futex_call_everybody,
	.refill = kernel_refill,
	.look_around = pyqi_owner_check,
	.drop = pyqi_mapped_drop,
	.put_asleep = kernel_put_many,
	.put_large = put_large_nowhere,
	.large_copy = copy_large_nowhere,
	.large_release = release_large_nowhere,
};

const struct pyqi_backend unbounded_backend = { .name = "unbounded", .ring = &unbounded_ops };

#undef keeper

#endif
