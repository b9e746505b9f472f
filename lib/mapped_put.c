// SPDX-License-Identifier: MIT
/* Messages into a mapped ring. */
#include "attempt.h"
#include "copy.h"
#include "deadline.h"
#include "prefetch.h"

/* What a call is to move. */
struct puts {
	const struct pyq_msg *msgs;
	size_t n;
};

static int claim(pyq_queue *q, struct pyq_op *ops, unsigned int n)
{
	struct pyqi_patience patience = { 0 };
	int ret;

	ops[0].freed = false;
	do {
		ret = pyqi_detour(q);
		if (!ret)
			ret = pyq_ring_claim_puts(&q->map.ring, ops, n);
	} while (pyqi_settle(q, ops, &ret, &patience));
	return ret;
}

/* As many as can be claimed in one step, at least one. */
static ssize_t try_put(pyq_queue *q, void *arg)
{
	const struct puts *p = arg;
	struct pyq_ring ring = q->map.ring;
	struct pyq_op ops[PYQI_BATCH];
	int n = claim(q, ops, p->n < PYQI_BATCH ? (unsigned int)p->n : PYQI_BATCH);

	for (int i = 0; i < n; i++) {
		const struct pyq_msg *msg = &p->msgs[i];

		pyqi_copy(pyq_ring_slot(&ring, ops[i].pos)->payload, msg->data, msg->len);
		if (pyq_ring_publish(&ring, &ops[i], (uint32_t)msg->len, 0)) {
			n = i ? i : -EOWNERDEAD;
			break;
		}
	}
	if (n > 0)
		pyqi_published(q, (unsigned int)n);
	return n;
}

static ssize_t put_asleep(pyq_queue *q, void *arg, uint64_t deadline)
{
	const struct puts *p = arg;

	return pyqi_ops(q)->put_asleep(q, p->msgs, p->n, deadline);
}

/* What the ring of an unbounded queue has no room for waits outside. */
static ssize_t put_unbounded(pyq_queue *q, struct puts *p)
{
	ssize_t ret = try_put(q, p);

	return ret == -EAGAIN ? pyqi_ops(q)->put_asleep(q, p->msgs, p->n, PYQI_NOWAIT) : ret;
}

static ssize_t put_fitting(pyq_queue *q, struct puts *p, uint64_t deadline)
{
	const bool system_puts = pyqi_ops(q)->put_asleep;

	if (q->maxsize <= 0 && system_puts)
		return put_unbounded(q, p);
	return pyqi_put_when_ready(q, try_put, system_puts ? put_asleep : NULL, p, deadline);
}

/* How many of @msgs, from the first, are in order and fit their slots. */
static size_t fitting(const pyq_queue *q, const struct pyq_msg *msgs, size_t n)
{
	size_t i = 0;

	while (i < n && msgs[i].len <= q->payload && (msgs[i].data || !msgs[i].len))
		i++;
	return i;
}

static ssize_t put_large(pyq_queue *q, const struct pyq_msg *msg, uint64_t deadline)
{
	if (msg->len > q->max_msg)
		return -E2BIG;
	if (!msg->data)
		return -EFAULT;
	return pyqi_ops(q)->put_large(q, msg, deadline);
}

ssize_t pyqi_mapped_put_many(pyq_queue *q, const struct pyq_msg *msgs, size_t n, uint64_t deadline)
{
	struct puts left;
	int err = pyqi_begin(q);
	size_t done = 0;
	ssize_t ret;

	if (err)
		return err;
	if (!(q->access & PYQ_WRITE))
		return -EBADF;
	/* Only the first waits; what stops a later one shows in the next call. */
	do {
		left.msgs = msgs + done;
		left.n = fitting(q, left.msgs, n - done);
		ret = left.n ? put_fitting(q, &left, deadline) : put_large(q, left.msgs, deadline);
		if (ret < 0)
			return done ? (ssize_t)done : ret;
		done += (size_t)ret;
		deadline = PYQI_NOWAIT;
	} while (done < n);
	return (ssize_t)done;
}

/*
 * The usual case, in one piece: one message, and room for it. Anything else is
 * -EAGAIN, and left to those who have the time. The ring is a copy, so that no
 * atomic operation makes the compiler look again where the slot is.
 */
static inline int put_at_once(pyq_queue *q, const void *data, size_t len)
{
	struct pyq_ring ring = q->map.ring;
	struct pyqueue_slot *slot;
	struct pyq_op op;

	if (!pyqi_claim_put_at_once(&ring, &op))
		return -EAGAIN;
	slot = pyq_ring_slot(&ring, op.pos);
	pyqi_copy(slot->payload, data, len);
	if (pyq_ring_publish(&ring, &op, (uint32_t)len, 0))
		return -EOWNERDEAD;
	pyqi_published(q, 1);
	pyqi_prefetch_rest(&ring, slot, len);
	return 0;
}

static __attribute__((noinline)) int put_slowly(pyq_queue *q, const void *data, size_t len,
						uint64_t deadline)
{
	const struct pyq_msg msg = { .data = (void *)(uintptr_t)data, .len = len };
	ssize_t ret = pyqi_mapped_put_many(q, &msg, 1, deadline);

	return ret < 0 ? (int)ret : 0;
}

int pyqi_mapped_put(pyq_queue *q, const void *data, size_t len, uint64_t deadline)
{
	int ret = -EAGAIN;

	if (pyqi_is_ours(q) && q->access & PYQ_WRITE && data && len <= q->payload)
		ret = put_at_once(q, data, len);
	return ret == -EAGAIN ? put_slowly(q, data, len, deadline) : ret;
}
