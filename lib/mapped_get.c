// SPDX-License-Identifier: MIT
/* Messages out of a mapped ring. */
#include "attempt.h"
#include "copy.h"
#include "prefetch.h"

/* What a call is to move. */
struct gets {
	struct pyq_msg *msgs;
	size_t n;
};

static int claim(pyq_queue *q, const struct gets *g, struct pyq_op *ops, unsigned int n)
{
	struct pyqi_patience patience = { 0 };
	int ret;

	do {
		for (unsigned int i = 0; i < n; i++)
			ops[i].len = g->msgs[i].size < UINT32_MAX ? (uint32_t)g->msgs[i].size :
								    UINT32_MAX;
		ops[0].freed = false;
		ret = pyqi_is_broken(q) ? -EUCLEAN : pyq_ring_claim_gets(&q->map.ring, ops, n);
	} while (pyqi_settle(q, ops, &ret, &patience));
	return ret;
}

/* A claimed message, copied out and released. */
static int take(pyq_queue *q, struct pyq_msg *msg, const struct pyq_op *op)
{
	uint32_t first = PYQI_NOT_LARGE;

	if (pyq_word_flags(op->word) & PYQUEUE_SLOT_INDIRECT) {
		int err = op->len > q->max_msg ? -EUCLEAN :
						 pyqi_ops(q)->large_copy(q, op, msg->data, &first);

		if (err == -EUCLEAN)
			return pyqi_broken(q);
		if (err && err != -EOWNERDEAD)
			return pyqi_give_back(q, op) ? -EOWNERDEAD : err;
		if (err)
			return err;
	} else if (op->len > q->payload) {
		return pyqi_broken(q);
	} else {
		pyqi_copy(msg->data, pyq_ring_slot(&q->map.ring, op->pos)->payload, op->len);
	}
	msg->len = op->len;
	msg->id = op->pos;
	msg->deliveries = pyq_word_deliveries(op->word) + 1u;
	return pyqi_release(q, op, first);
}

/* As many as can be claimed in one step, at least one. */
static ssize_t try_get(pyq_queue *q, void *arg)
{
	const struct gets *g = arg;
	struct pyq_op ops[PYQI_BATCH];
	int n = claim(q, g, ops, g->n < PYQI_BATCH ? (unsigned int)g->n : PYQI_BATCH);

	if (n == -EMSGSIZE && ops[0].len > q->max_msg)
		return pyqi_broken(q);
	if (n == -EMSGSIZE)
		g->msgs[0].len = ops[0].len;
	for (int i = 0; i < n; i++) {
		int err = take(q, &g->msgs[i], &ops[i]);

		if (err)
			n = i ? i : err;
	}
	if (n > 0)
		pyqi_released(q, (unsigned int)n);
	return n;
}

static ssize_t get_asleep(pyq_queue *q, void *arg, uint64_t deadline)
{
	const struct gets *g = arg;

	return pyqi_ops(q)->get_asleep(q, g->msgs, g->n, deadline);
}

ssize_t pyqi_mapped_get_many(pyq_queue *q, struct pyq_msg *msgs, size_t n, uint64_t deadline)
{
	ssize_t (*asleep)(pyq_queue *, void *, uint64_t) = NULL;
	struct gets left = { .msgs = msgs };
	int err = pyqi_begin(q);
	size_t done = 0;
	ssize_t ret;

	if (err)
		return err;
	if (!(q->access & PYQ_READ))
		return -EBADF;
	while (left.n < n && (msgs[left.n].data || !msgs[left.n].size))
		left.n++;
	if (!left.n)
		return -EFAULT;

	if (pyqi_ops(q)->get_asleep)
		asleep = get_asleep;
	ret = pyqi_get_when_ready(q, try_get, asleep, &left, deadline);
	while (ret > 0) {
		done += (size_t)ret;
		left.msgs += ret;
		left.n -= (size_t)ret;
		ret = left.n ? try_get(q, &left) : 0;
	}
	return done ? (ssize_t)done : ret;
}

/* As put_at_once(). After a length @op is what it was. */
static inline __attribute__((always_inline)) ssize_t get_at_once(pyq_queue *q, void *buf,
								 size_t size, struct pyq_op *op)
{
	struct pyq_ring ring = q->map.ring;
	struct pyqueue_slot *slot;

	if (!pyqi_claim_get_at_once(q, &ring, size, op))
		return -EAGAIN;
	slot = pyq_ring_slot(&ring, op->pos);
	pyqi_copy(buf, slot->payload, op->len);
	if (pyq_ring_release(&ring, op))
		return -EOWNERDEAD;
	/* After the CASes, which would wait for it. */
	pyqi_prefetch(&ring, slot);
	pyqi_released(q, 1);
	return (ssize_t)op->len;
}

static inline bool can_get_at_once(const pyq_queue *q, const void *buf)
{
	return pyqi_is_ours(q) && q->access & PYQ_READ && buf;
}

static __attribute__((noinline)) ssize_t get_slowly(pyq_queue *q, void *buf, size_t size,
						    uint64_t deadline)
{
	struct pyq_msg msg = { .data = buf, .size = size };
	ssize_t ret = pyqi_mapped_get_many(q, &msg, 1, deadline);

	return ret < 0 ? ret : (ssize_t)msg.len;
}

ssize_t pyqi_mapped_get(pyq_queue *q, void *buf, size_t size, uint64_t deadline)
{
	ssize_t ret = -EAGAIN;
	struct pyq_op op;

	if (can_get_at_once(q, buf))
		ret = get_at_once(q, buf, size, &op);
	return ret == -EAGAIN ? get_slowly(q, buf, size, deadline) : ret;
}

ssize_t pyqi_mapped_get_msg(pyq_queue *q, struct pyq_msg *msg, uint64_t deadline)
{
	ssize_t ret = -EAGAIN;
	struct pyq_op op;

	if (can_get_at_once(q, msg->data))
		ret = get_at_once(q, msg->data, msg->size, &op);
	if (ret >= 0) {
		msg->len = op.len;
		msg->id = op.pos;
		msg->deliveries = pyq_word_deliveries(op.word) + 1u;
		return ret;
	}
	if (ret == -EAGAIN)
		ret = pyqi_mapped_get_many(q, msg, 1, deadline);
	return ret < 0 ? ret : (ssize_t)msg->len;
}
