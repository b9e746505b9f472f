// SPDX-License-Identifier: MIT
/* Deadlines of operations: a binary heap (J. W. J. Williams, 1964), the first one on top. */
#include "aio.h"
#include "deadline.h"

static void place(pyq_aio *aio, uint32_t at, struct pyqi_aio_op *op)
{
	aio->timers[at] = op;
	op->timer = at;
}

static void up(pyq_aio *aio, uint32_t at, struct pyqi_aio_op *op)
{
	while (at && aio->timers[(at - 1) / 2]->deadline > op->deadline) {
		place(aio, at, aio->timers[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	place(aio, at, op);
}

static void down(pyq_aio *aio, uint32_t at, struct pyqi_aio_op *op)
{
	for (uint32_t child = 2 * at + 1; child < aio->nr_timers; child = 2 * at + 1) {
		if (child + 1 < aio->nr_timers &&
		    aio->timers[child + 1]->deadline < aio->timers[child]->deadline)
			child++;
		if (aio->timers[child]->deadline >= op->deadline)
			break;
		place(aio, at, aio->timers[child]);
		at = child;
	}
	place(aio, at, op);
}

void pyqi_aio_timer_add(pyq_aio *aio, struct pyqi_aio_op *op)
{
	up(aio, aio->nr_timers++, op);
}

void pyqi_aio_timer_remove(pyq_aio *aio, struct pyqi_aio_op *op)
{
	const uint32_t at = op->timer;
	struct pyqi_aio_op *last = aio->timers[--aio->nr_timers];

	op->timer = PYQI_AIO_NO_TIMER;
	if (last == op)
		return;
	/* It fills the gap, and belongs further up or further down. */
	place(aio, at, last);
	up(aio, at, last);
	down(aio, last->timer, last);
}

uint64_t pyqi_aio_timer_next(const pyq_aio *aio)
{
	return aio->nr_timers ? aio->timers[0]->deadline : PYQI_FOREVER;
}
