// SPDX-License-Identifier: MIT
/* Messages into and out of a mapped ring. */
#include <sched.h>
#include <string.h>

#include <ring/account.h>

#include "blocks.h"
#include "deadline.h"
#include "generation.h"
#include "mapped.h"
#include "owner.h"
#include "sleep.h"

/* Rounds of -EBUSY in which neither head nor tail has moved. */
#define BUSY_ROUNDS 64

/* Calls without a timeout that find nothing, before one of them looks around. */
#define IN_VAIN 32

/* Messages claimed in one step. */
#define BATCH 32

static struct pyqueue_header *header(const pyq_queue *q)
{
	return q->map.ring.hdr;
}

/* Is the mapping this process's? */
static bool is_ours(const pyq_queue *q)
{
	return __atomic_load_n(&q->map.generation, __ATOMIC_ACQUIRE) == pyqi_generation();
}

/* To be done before each operation: a child has to become a participant of its own. */
static int begin(pyq_queue *q)
{
	if (__builtin_expect(!is_ours(q), 0)) {
		int err = q->backend->reattach(q);

		if (err)
			return err;
	}
	return 0;
}

static bool is_broken(const pyq_queue *q)
{
	return __builtin_expect(pyq_load(&header(q)->detour) & PYQUEUE_DETOUR_BROKEN, 0);
}

static int broken(pyq_queue *q)
{
	pyq_or32(&header(q)->detour, PYQUEUE_DETOUR_BROKEN);
	pyqi_wake_everybody(q);
	return -EUCLEAN;
}

/* A tombstone less: there is room, and perhaps nothing unfinished. */
static void tombstone_gone(pyq_queue *q)
{
	pyqi_wake(&header(q)->putters, 1);
	pyqi_wake(&header(q)->joiners, UINT32_MAX);
}

/* How long -EBUSY has been put up with. */
struct patience {
	unsigned int rounds;
	uint64_t head;
	uint64_t tail;
};

/* What a claim said: call whom it owes. Return: whether to try again. */
static bool settle(pyq_queue *q, struct pyq_op *op, int *ret, struct patience *patience)
{
	uint64_t head, tail;

	if (op->freed)
		tombstone_gone(q);
	op->freed = false;
	if (*ret != -EBUSY) {
		if (*ret == -EUCLEAN)
			broken(q);
		return false;
	}
	head = pyq_load_acquire(&header(q)->head);
	tail = pyq_load_acquire(&header(q)->tail);
	if (head != patience->head || tail != patience->tail)
		*patience = (struct patience){ .head = head, .tail = tail };
	if (++patience->rounds == BUSY_ROUNDS) {
		*ret = broken(q);
		return false;
	}
	sched_yield();
	return true;
}

/*
 * Who does not wait does not watch over the queue: so he looks around each time
 * that he has come in vain this often. Return: whether to try again.
 */
static bool in_vain(pyq_queue *q)
{
	if (__atomic_add_fetch(&q->map.in_vain, 1, __ATOMIC_RELAXED) % IN_VAIN)
		return false;
	pyqi_owner_check(q);
	return true;
}

/* --- put ------------------------------------------------------------------- */

static bool put_ready(pyq_queue *q)
{
	struct pyq_op op = { .freed = false };
	struct patience patience = { 0 };
	int ret;

	do {
		ret = is_broken(q) ? -EUCLEAN : pyq_ring_can_put(&q->map.ring, &op);
	} while (settle(q, &op, &ret, &patience));
	return ret != -EAGAIN;
}

/*
 * After publishing: call a getter for each; and a putter if there still is room,
 * for more of it than there were calls may have come free behind a slow getter.
 * Then do what a shutdown that came meanwhile has missed.
 */
static void published(pyq_queue *q, unsigned int n)
{
	pyqi_wake(&header(q)->getters, n);
	pyqi_pass_on(q, &header(q)->putters, put_ready);
	if (__builtin_expect(pyq_load_acquire(&header(q)->detour) & PYQUEUE_DETOUR_DROP, 0)) /* M */
		pyqi_mapped_drop(q);
}

/* What a call is to move. */
struct puts {
	const struct pyq_msg *msgs;
	size_t n;
};

struct gets {
	struct pyq_msg *msgs;
	size_t n;
};

static int claim_puts(pyq_queue *q, struct pyq_op *ops, unsigned int n)
{
	struct patience patience = { 0 };
	int ret;

	ops[0].freed = false;
	do {
		ret = is_broken(q) ? -EUCLEAN : pyq_ring_claim_puts(&q->map.ring, ops, n);
	} while (settle(q, ops, &ret, &patience));
	return ret;
}

/* As many as can be claimed in one step, at least one. */
static ssize_t try_put(pyq_queue *q, void *arg)
{
	const struct puts *p = arg;
	struct pyq_ring *r = &q->map.ring;
	struct pyq_op ops[BATCH];
	int n = claim_puts(q, ops, p->n < BATCH ? (unsigned int)p->n : BATCH);

	for (int i = 0; i < n; i++) {
		const struct pyq_msg *msg = &p->msgs[i];

		if (msg->len)
			memcpy(pyq_ring_slot(r, ops[i].pos)->payload, msg->data, msg->len);
		if (pyq_ring_publish(r, &ops[i], (uint32_t)msg->len, 0)) {
			n = i ? i : -EOWNERDEAD;
			break;
		}
	}
	if (n > 0)
		published(q, (unsigned int)n);
	return n;
}

/* How many of @msgs, from the first, are in order and fit their slots. */
static size_t fitting(const pyq_queue *q, const struct pyq_msg *msgs, size_t n)
{
	size_t i = 0;

	while (i < n && msgs[i].len <= q->payload && (msgs[i].data || !msgs[i].len))
		i++;
	return i;
}

static ssize_t put_fitting(pyq_queue *q, struct puts *left, uint64_t deadline)
{
	const struct pyqi_wait wait = {
		.side = &header(q)->putters,
		.attempt = try_put,
		.ready = put_ready,
		.arg = left,
	};
	ssize_t ret = try_put(q, left);

	if (ret != -EAGAIN)
		return ret;
	if (deadline != PYQI_NOWAIT)
		return pyqi_wait(q, &wait, deadline);
	return in_vain(q) ? try_put(q, left) : ret;
}

/* A message in blocks. */
struct large {
	uint32_t first;
	uint32_t len;
};

static ssize_t try_put_large(pyq_queue *q, void *arg)
{
	const struct large *large = arg;
	struct pyq_op op = { .freed = false };
	int ret = claim_puts(q, &op, 1);

	if (ret < 0)
		return ret;
	pyqi_blocks_attach(q, large->first, op.pos);
	memcpy(pyq_ring_slot(&q->map.ring, op.pos)->payload, &large->first, sizeof(large->first));
	if (pyq_ring_publish(&q->map.ring, &op, large->len, PYQUEUE_SLOT_INDIRECT))
		return -EOWNERDEAD;
	published(q, 1);
	return 1;
}

static ssize_t put_large(pyq_queue *q, const struct pyq_msg *msg, uint64_t deadline)
{
	struct large large = { .len = (uint32_t)msg->len };
	const struct pyqi_wait wait = {
		.side = &header(q)->putters,
		.attempt = try_put_large,
		.ready = put_ready,
		.arg = &large,
	};
	ssize_t ret;

	if (msg->len > q->max_msg)
		return -E2BIG;
	if (!msg->data)
		return -EFAULT;
	/* Costly: not begun if it cannot be. */
	if (deadline == PYQI_NOWAIT && !put_ready(q) && !in_vain(q))
		return -EAGAIN;
	ret = pyqi_blocks_put(q, msg->data, msg->len, &large.first);
	/* Some may be the dead's. */
	if (ret == -ENOBUFS && !pyqi_owner_check(q))
		ret = pyqi_blocks_put(q, msg->data, msg->len, &large.first);
	if (ret)
		return ret;
	ret = try_put_large(q, &large);
	if (ret == -EAGAIN && deadline != PYQI_NOWAIT)
		ret = pyqi_wait(q, &wait, deadline);
	if (ret < 0)
		pyqi_blocks_free(q, large.first);
	return ret;
}

ssize_t pyqi_mapped_put_many(pyq_queue *q, const struct pyq_msg *msgs, size_t n, uint64_t deadline)
{
	struct puts left;
	int err = begin(q);
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
 * -EAGAIN, and left to those who have the time.
 */
__attribute__((flatten)) static int put_at_once(pyq_queue *q, const void *data, size_t len)
{
	struct pyq_ring *r = &q->map.ring;
	struct pyq_op op = { .pos = 0 };

	if (pyq_load(&header(q)->detour))
		return -EAGAIN;
	if (pyq_ring_look_put(r, &op)) {
		if (op.freed)
			tombstone_gone(q);
		return -EAGAIN;
	}
	if (!pyq_ring_claim_looked(r, &op))
		return -EAGAIN;
	if (pyq_ring_advance_tail(r, &op))
		return -EAGAIN;
	memcpy(pyq_ring_slot(r, op.pos)->payload, data, len);
	if (pyq_ring_publish(r, &op, (uint32_t)len, 0))
		return -EOWNERDEAD;
	published(q, 1);
	return 0;
}

int pyqi_mapped_put(pyq_queue *q, const void *data, size_t len, uint64_t deadline)
{
	const struct pyq_msg msg = { .data = (void *)(uintptr_t)data, .len = len };
	ssize_t ret;

	if (is_ours(q) && q->access & PYQ_WRITE && data && len <= q->payload) {
		ret = put_at_once(q, data, len);
		if (ret != -EAGAIN)
			return (int)ret;
	}
	ret = pyqi_mapped_put_many(q, &msg, 1, deadline);
	return ret < 0 ? (int)ret : 0;
}

/* --- get ------------------------------------------------------------------- */

static bool get_ready(pyq_queue *q)
{
	struct pyq_op op = { .freed = false };
	struct patience patience = { 0 };
	int ret;

	do {
		ret = is_broken(q) ? -EUCLEAN : pyq_ring_can_get(&q->map.ring, &op);
	} while (settle(q, &op, &ret, &patience));
	return ret != -EAGAIN;
}

/* The same after releasing. */
static void released(pyq_queue *q, unsigned int n)
{
	pyqi_wake(&header(q)->putters, n);
	pyqi_pass_on(q, &header(q)->getters, get_ready);
}

static int claim_gets(pyq_queue *q, const struct gets *g, struct pyq_op *ops, unsigned int n)
{
	struct patience patience = { 0 };
	int ret;

	do {
		for (unsigned int i = 0; i < n; i++)
			ops[i].len = g->msgs[i].size < UINT32_MAX ? (uint32_t)g->msgs[i].size :
								    UINT32_MAX;
		ops[0].freed = false;
		ret = is_broken(q) ? -EUCLEAN : pyq_ring_claim_gets(&q->map.ring, ops, n);
	} while (settle(q, ops, &ret, &patience));
	return ret;
}

/* End a claim; a message in blocks gives them back once it is not in the ring. */
static int release(pyq_queue *q, const struct pyq_op *op, uint32_t first)
{
	int err = pyq_ring_release(&q->map.ring, op);

	if (first != PYQI_NO_BLOCK && !err)
		pyqi_blocks_free(q, first);
	return err;
}

/* A claimed message, copied out and released. */
static int take(pyq_queue *q, struct pyq_msg *msg, const struct pyq_op *op)
{
	uint32_t first = PYQI_NO_BLOCK;

	if (pyq_word_flags(op->word) & PYQUEUE_SLOT_INDIRECT) {
		if (op->len > q->max_msg || pyqi_blocks_get(q, op, msg->data, &first))
			return broken(q);
	} else if (op->len > q->payload) {
		return broken(q);
	} else if (op->len) {
		memcpy(msg->data, pyq_ring_slot(&q->map.ring, op->pos)->payload, op->len);
	}
	msg->len = op->len;
	msg->id = op->pos;
	msg->deliveries = pyq_word_deliveries(op->word) + 1u;
	return release(q, op, first);
}

/* As many as can be claimed in one step, at least one. */
static ssize_t try_get(pyq_queue *q, void *arg)
{
	const struct gets *g = arg;
	struct pyq_op ops[BATCH];
	int n = claim_gets(q, g, ops, g->n < BATCH ? (unsigned int)g->n : BATCH);

	if (n == -EMSGSIZE && ops[0].len > q->max_msg)
		return broken(q);
	if (n == -EMSGSIZE)
		g->msgs[0].len = ops[0].len;
	for (int i = 0; i < n; i++) {
		int err = take(q, &g->msgs[i], &ops[i]);

		if (err)
			n = i ? i : err;
	}
	if (n > 0)
		released(q, (unsigned int)n);
	return n;
}

ssize_t pyqi_mapped_get_many(pyq_queue *q, struct pyq_msg *msgs, size_t n, uint64_t deadline)
{
	struct gets left = { .msgs = msgs };
	struct pyqi_wait wait = { .attempt = try_get, .ready = get_ready, .arg = &left };
	int err = begin(q);
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

	wait.side = &header(q)->getters;
	ret = try_get(q, &left);
	if (ret == -EAGAIN && deadline != PYQI_NOWAIT)
		ret = pyqi_wait(q, &wait, deadline);
	else if (ret == -EAGAIN && in_vain(q))
		ret = try_get(q, &left);
	/* The last word, so it has to be right: what a dead getter had comes again. */
	if (ret == -ESHUTDOWN && !pyqi_owner_check(q))
		ret = try_get(q, &left);
	while (ret > 0) {
		done += (size_t)ret;
		left.msgs += ret;
		left.n -= (size_t)ret;
		ret = left.n ? try_get(q, &left) : 0;
	}
	return done ? (ssize_t)done : ret;
}

__attribute__((flatten)) static ssize_t get_at_once(pyq_queue *q, struct pyq_msg *msg)
{
	struct pyq_ring *r = &q->map.ring;
	struct pyq_op op = { .pos = 0 };

	if (pyq_load(&header(q)->marks) & (PYQUEUE_MARK_ORPHAN | PYQUEUE_MARK_ABORTED))
		return -EAGAIN;
	if (pyq_load(&header(q)->detour) & PYQUEUE_DETOUR_BROKEN)
		return -EAGAIN;
	if (pyq_ring_look_get(r, &op)) {
		if (op.freed)
			tombstone_gone(q);
		return -EAGAIN;
	}
	op.len = pyq_load_acquire(&pyq_ring_slot(r, op.pos)->len);
	if (op.len > msg->size || op.len > q->payload ||
	    pyq_word_flags(op.word) & PYQUEUE_SLOT_INDIRECT)
		return -EAGAIN;
	/* A CAS from the word that was seen before the length: O. */
	if (!pyq_ring_claim_peeked(r, &op))
		return -EAGAIN;
	memcpy(msg->data, pyq_ring_slot(r, op.pos)->payload, op.len);
	msg->len = op.len;
	msg->id = op.pos;
	msg->deliveries = pyq_word_deliveries(op.word) + 1u;
	if (pyq_ring_release(r, &op))
		return -EOWNERDEAD;
	released(q, 1);
	return (ssize_t)op.len;
}

ssize_t pyqi_mapped_get(pyq_queue *q, struct pyq_msg *msg, uint64_t deadline)
{
	ssize_t ret;

	if (is_ours(q) && q->access & PYQ_READ && msg->data) {
		ret = get_at_once(q, msg);
		if (ret != -EAGAIN)
			return ret;
	}
	ret = pyqi_mapped_get_many(q, msg, 1, deadline);
	return ret < 0 ? ret : (ssize_t)msg->len;
}

/* --- the rest ---------------------------------------------------------------- */

ssize_t pyqi_mapped_qsize(pyq_queue *q)
{
	struct pyq_op op = { .freed = false };
	int err = begin(q);
	ssize_t n;

	if (err)
		return err;
	if (is_broken(q))
		return -EUCLEAN;
	n = (ssize_t)pyq_ring_qsize(&q->map.ring, &op);
	if (op.freed)
		tombstone_gone(q);
	return n;
}

uint32_t pyqi_mapped_unfinished(pyq_queue *q)
{
	struct pyq_op op = { .freed = false };
	uint32_t n = pyq_ring_unfinished(&q->map.ring, &op);

	if (op.freed)
		tombstone_gone(q);
	return n;
}

/* Count, whoever asks. */
static int count_done(pyq_queue *q, unsigned int count)
{
	struct pyq_op op = { .freed = false };
	struct patience patience = { 0 };
	int ret;

	do {
		ret = pyq_ring_task_done(&q->map.ring, &op, count);
	} while (settle(q, &op, &ret, &patience));
	if (ret > 0) {
		pyqi_wake(&header(q)->joiners, UINT32_MAX);
		ret = 0;
	}
	return ret;
}

int pyqi_mapped_task_done(pyq_queue *q, unsigned int count)
{
	int err = begin(q);

	if (err)
		return err;
	if (!(q->access & PYQ_READ))
		return -EBADF;
	return count ? count_done(q, count) : -EINVAL;
}

static ssize_t try_join(pyq_queue *q, void *arg)
{
	(void)arg;
	if (is_broken(q))
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
	int err = begin(q);
	ssize_t ret;

	if (err)
		return err;
	wait.side = &header(q)->joiners;
	ret = try_join(q, NULL);
	if (ret == -EAGAIN && deadline != PYQI_NOWAIT)
		ret = pyqi_wait(q, &wait, deadline);
	return (int)ret;
}

void pyqi_mapped_drop(pyq_queue *q)
{
	struct pyq_op op = { .pos = 0 };
	struct patience patience = { 0 };
	uint32_t first;
	int ret;

	/* No more can be there, unless somebody who keeps to no rule goes on putting. */
	for (uint64_t left = 2 * pyq_ring_slots(&q->map.ring); left; left--) {
		op.freed = false;
		ret = pyq_ring_claim_get(&q->map.ring, &op, UINT64_MAX);
		if (settle(q, &op, &ret, &patience))
			continue;
		if (ret)
			break;
		first = PYQI_NO_BLOCK;
		if (pyq_word_flags(op.word) & PYQUEUE_SLOT_INDIRECT &&
		    pyqi_blocks_get(q, &op, NULL, &first)) {
			broken(q);
			break;
		}
		if (release(q, &op, first))
			break;
		count_done(q, 1);
	}
	pyqi_wake_everybody(q);
}

int pyqi_mapped_shutdown(pyq_queue *q, bool immediate)
{
	const unsigned int needed = immediate ? PYQ_READ | PYQ_WRITE : PYQ_WRITE;
	int err = begin(q);

	if (err)
		return err;
	if ((q->access & needed) != needed)
		return -EBADF;
	if (immediate) {
		pyq_ring_close_and_drop(&q->map.ring); /* M */
		pyqi_mapped_drop(q);
	} else {
		pyq_ring_close(&q->map.ring);
		pyqi_wake_everybody(q);
	}
	return 0;
}
