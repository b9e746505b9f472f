// SPDX-License-Identifier: MIT
/* What a mapped queue holds, and its end. */
#include <ring/account.h>

#include "attempt.h"
#include "deadline.h"

ssize_t pyqi_mapped_qsize(pyq_queue *q)
{
	struct pyq_op op = { .freed = false };
	int err = pyqi_begin(q);
	uint64_t n;

	if (err)
		return err;
	if (pyqi_is_broken(q))
		return -EUCLEAN;
	n = pyq_ring_qsize(&q->map.ring, &op);
	if (op.freed)
		pyqi_tombstone_gone(q);
	/* What waits outside is what shared memory says, and would be an error's number. */
	return n > INT64_MAX ? pyqi_broken(q) : (ssize_t)n;
}

uint32_t pyqi_mapped_unfinished(pyq_queue *q)
{
	struct pyq_op op = { .freed = false };
	uint32_t n = pyq_ring_unfinished(&q->map.ring, &op);

	if (op.freed)
		pyqi_tombstone_gone(q);
	return n;
}

/* Count, whoever asks. */
static int count_done(pyq_queue *q, unsigned int count)
{
	struct pyq_op op = { .freed = false };
	struct pyqi_patience patience = { 0 };
	int ret;

	do {
		ret = pyq_ring_task_done(&q->map.ring, &op, count);
	} while (pyqi_settle(q, &op, &ret, &patience));
	if (ret > 0) {
		pyqi_wake(q, &pyqi_header(q)->joiners, UINT32_MAX);
		ret = 0;
	}
	return ret;
}

int pyqi_mapped_task_done(pyq_queue *q, unsigned int count)
{
	int err = pyqi_begin(q);

	if (err)
		return err;
	if (!(q->access & PYQ_READ))
		return -EBADF;
	if (pyqi_is_broken(q))
		return -EUCLEAN;
	return count ? count_done(q, count) : -EINVAL;
}

static ssize_t try_join(pyq_queue *q, void *arg)
{
	(void)arg;
	if (pyqi_is_broken_now(q))
		return -EUCLEAN;
	return pyqi_mapped_unfinished(q) ? -EAGAIN : 0;
}

static bool join_ready(pyq_queue *q)
{
	return try_join(q, NULL) != -EAGAIN;
}

int pyqi_mapped_join(pyq_queue *q, uint64_t deadline)
{
	struct pyqi_wait wait = { .attempt = try_join, .ready = join_ready };
	int err = pyqi_begin(q);
	ssize_t ret;

	if (err)
		return err;
	wait.side = &pyqi_header(q)->joiners;
	ret = try_join(q, NULL);
	if (ret == -EAGAIN && deadline != PYQI_NOWAIT)
		ret = pyqi_ops(q)->wait(q, &wait, deadline);
	return (int)ret;
}

/* Can large messages be had? */
static int large_ready(pyq_queue *q)
{
	return pyqi_ops(q)->large_ready ? pyqi_ops(q)->large_ready(q) : 0;
}

/*
 * Take a message and drop it, one that cannot be made a tombstone. It is counted as
 * done first: who dies in between lets join end one too early, not never.
 */
static int drop_taken(pyq_queue *q, struct pyq_op *op)
{
	const bool is_large = pyq_word_flags(op->word) & PYQUEUE_SLOT_INDIRECT;
	uint32_t first = PYQI_NOT_LARGE;
	int err = is_large ? large_ready(q) : 0;

	/* Not claimed: who has put it, or shut down, can. */
	if (err)
		return err;
	if (!pyq_ring_claim_peeked(&q->map.ring, op))
		return 0;
	if (is_large && pyqi_ops(q)->large_copy(q, op, NULL, &first))
		return pyqi_broken(q);
	count_done(q, 1);
	return pyqi_release(q, op, first);
}

/* Whoever dies on the way: a tombstone is counted once, and taken away by the next. */
static int drop_next(pyq_queue *q, struct pyq_op *op)
{
	if (pyq_word_state(op->word) != PYQUEUE_READY ||
	    pyq_word_flags(op->word) & PYQUEUE_SLOT_INDIRECT)
		return drop_taken(q, op);
	pyq_ring_skip(&q->map.ring, op, op->pos, op->word);
	return 0;
}

void pyqi_mapped_drop(pyq_queue *q)
{
	struct pyqi_patience patience = { 0 };
	struct pyq_op op = { .freed = false };
	int ret = 0;

	/* No more can be there, unless somebody who keeps to no rule goes on putting. */
	for (uint64_t left = 2 * pyq_ring_slots(&q->map.ring); left && !ret; left--) {
		ret = pyq_ring_peek(&q->map.ring, &op, UINT64_MAX);
		if (pyqi_settle(q, &op, &ret, &patience)) {
			ret = 0; /* again */
			continue;
		}
		if (!ret)
			ret = drop_next(q, &op);
		if (op.freed)
			pyqi_tombstone_gone(q);
		op.freed = false;
	}
	pyqi_ops(q)->call_everybody(q);
}

int pyqi_mapped_shutdown(pyq_queue *q, bool immediate)
{
	const unsigned int needed = immediate ? PYQ_READ | PYQ_WRITE : PYQ_WRITE;
	int err = pyqi_begin(q);

	if (err)
		return err;
	if ((q->access & needed) != needed)
		return -EBADF;
	if (immediate) {
		err = large_ready(q);
		if (err)
			return err;
		pyq_ring_close_and_drop(&q->map.ring); /* M */
		pyqi_mapped_drop(q);
	} else {
		pyq_ring_close(&q->map.ring);
		pyqi_ops(q)->call_everybody(q);
	}
	return 0;
}
