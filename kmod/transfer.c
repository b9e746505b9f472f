// SPDX-License-Identifier: GPL-2.0
/*
 * One message in, one message out. The kernel never sleeps or faults while it
 * holds a slot: a put has copied its message in before it claims one, and a
 * get hands the message over before it claims it, and tries again with the next
 * if another getter has been quicker. Then it claims first, so that getters of
 * long messages do not go on copying the same one.
 *
 * A get copies with page faults disabled. What was not there is brought in when
 * nothing is held and nobody is kept from coming first.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "pyqueue.h"

/* Rounds in which neither head nor tail has moved. */
#define PYQUEUE_BUSY_ROUNDS	64

/* How often a getter's memory is brought in and then not there. */
#define PYQUEUE_FAULTS		64

/* Messages up to this go through the stack. */
#define PYQUEUE_SMALL		PYQUEUE_PAYLOAD_DEFAULT

struct pyqueue_putter {
	const void *data;
	struct pyqueue_large *large;
	u32 len;
};

/* What a claim said: wake whom it owes, and call a broken ring broken. */
static int pyqueue_settle(struct pyqueue *q, const struct pyq_op *op, int ret)
{
	if (op->freed)
		pyqueue_tombstone_gone(q);
	if (ret == -EUCLEAN)
		pyqueue_break(q);
	return ret;
}

/**
 * struct pyqueue_patience - how long -EBUSY is put up with
 * @rounds: how often in which nothing has moved
 * @head: where head was
 * @tail: where tail was
 */
struct pyqueue_patience {
	unsigned int rounds;
	u64 head;
	u64 tail;
};

/* Whether to go on after -EBUSY; if not, what to return instead is in @ret. */
static bool pyqueue_busy(struct pyqueue *q, struct pyqueue_patience *patience, int *ret)
{
	u64 head = pyq_load_acquire(&q->ring.hdr->head);
	u64 tail = pyq_load_acquire(&q->ring.hdr->tail);

	if (fatal_signal_pending(current)) {
		*ret = -EINTR;
		return false;
	}
	if (head != patience->head || tail != patience->tail)
		*patience = (struct pyqueue_patience){ .head = head, .tail = tail };
	if (++patience->rounds == PYQUEUE_BUSY_ROUNDS) {
		pyqueue_break(q);
		*ret = -EUCLEAN;
		return false;
	}
	cond_resched();
	return true;
}

static int pyqueue_claim_put(struct pyqueue *q, struct pyq_op *op)
{
	struct pyqueue_patience patience = { .rounds = 0 };
	int ret;

	do {
		op->freed = false;
		ret = pyqueue_settle(q, op, pyq_ring_claim_put(&q->ring, op));
	} while (ret == -EBUSY && pyqueue_busy(q, &patience, &ret));
	return ret;
}

static int pyqueue_peek(struct pyqueue *q, struct pyq_op *op, u64 room)
{
	struct pyqueue_patience patience = { .rounds = 0 };
	int ret;

	do {
		op->freed = false;
		ret = pyqueue_settle(q, op, pyq_ring_peek(&q->ring, op, room));
	} while (ret == -EBUSY && pyqueue_busy(q, &patience, &ret));
	return ret;
}

/**
 * pyqueue_can_get() - would a get find something to do
 * @q: the queue
 *
 * Context: Does not sleep but where it may.
 * Return: 0, or as pyq_ring_can_get().
 */
int pyqueue_can_get(struct pyqueue *q)
{
	struct pyq_op op = { .freed = false };

	if (READ_ONCE(q->broken))
		return -EUCLEAN;
	if (READ_ONCE(q->nr_returned))
		return 0;
	return pyqueue_settle(q, &op, pyq_ring_can_get(&q->ring, &op));
}

/**
 * pyqueue_can_put() - would a put find something to do
 * @q: the queue
 *
 * Return: 0, or as pyq_ring_can_put().
 */
int pyqueue_can_put(struct pyqueue *q)
{
	struct pyq_op op = { .freed = false };

	if (READ_ONCE(q->broken))
		return -EUCLEAN;
	return pyqueue_settle(q, &op, pyq_ring_can_put(&q->ring, &op));
}

bool pyqueue_get_ready(struct pyqueue *q)
{
	return pyqueue_can_get(q) != -EAGAIN;
}

bool pyqueue_put_ready(struct pyqueue *q)
{
	return pyqueue_can_put(q) != -EAGAIN;
}

static long pyqueue_try_put(struct pyqueue *q, void *arg)
{
	struct pyqueue_putter *p = arg;
	unsigned int flags = 0;
	struct pyq_op op;
	int ret;

	if (READ_ONCE(q->broken))
		return -EUCLEAN;
	ret = pyqueue_claim_put(q, &op);
	if (ret)
		return ret;

	if (p->large) {
		pyqueue_large_attach(q, &op, p->large);
		p->large = NULL;
		flags = PYQUEUE_SLOT_INDIRECT;
	} else {
		memcpy(pyq_ring_slot(&q->ring, op.pos)->payload, p->data, p->len);
	}

	/* The kernel does not die: who says so has spoilt the ring. */
	if (pyq_ring_publish(&q->ring, &op, p->len, flags)) {
		pyqueue_break(q);
		return -EUCLEAN;
	}
	pyqueue_wake_getters(q);
	if (READ_ONCE(q->drop)) /* M */
		pyqueue_transfer_drop(q);
	return 0;
}

static long pyqueue_put_prepared(struct pyqueue *q, struct pyqueue_putter *p, u64 deadline_ns)
{
	const struct pyqueue_wait wait = {
		.waitq = &q->putters,
		.attempt = pyqueue_try_put,
		.ready = pyqueue_put_ready,
		.arg = p,
	};
	long ret = pyqueue_try_put(q, p);

	if (ret != -EAGAIN || deadline_ns == PYQUEUE_NOWAIT)
		return ret;
	return pyqueue_wait(q, &wait, deadline_ns);
}

/* A short message in one go; it may fault. */
static bool pyqueue_copy_in_short(void *to, size_t len, const void __user *from)
{
	const u64 __user *word = from;
	u64 *to_word = to;
	const u8 __user *byte;
	u8 *to_byte;

	if (!user_read_access_begin(from, len))
		return false;
	for (; len >= sizeof(*word); len -= sizeof(*word))
		unsafe_get_user(*to_word++, word++, fault);
	byte = (const u8 __user *)word;
	to_byte = (u8 *)to_word;
	while (len--)
		unsafe_get_user(*to_byte++, byte++, fault);
	user_read_access_end();
	return true;

fault:
	user_read_access_end();
	return false;
}

/* A message into the kernel, of any length and from anywhere; it may fault. */
static bool pyqueue_copy_in(void *to, size_t len, struct iov_iter *from)
{
	/* Elsewhere a word at an odd address is a fault, or slow. */
	if (IS_ENABLED(CONFIG_HAVE_EFFICIENT_UNALIGNED_ACCESS) && iter_is_ubuf(from) && len &&
	    len <= PYQUEUE_SMALL)
		return pyqueue_copy_in_short(to, len, from->ubuf + from->iov_offset);
	return copy_from_iter_full(to, len, from);
}

/**
 * pyqueue_transfer_put() - put one message
 * @q: the queue
 * @from: the message, all of it
 * @deadline_ns: as in the kernel contract
 *
 * Context: May sleep and fault. Killed asleep: nothing has been put.
 * Return: 0 or an error of &struct pyqueue_put.
 */
long pyqueue_transfer_put(struct pyqueue *q, struct iov_iter *from, u64 deadline_ns)
{
	size_t len = iov_iter_count(from);
	struct pyqueue_putter p = { .len = len };
	u64 small[PYQUEUE_SMALL / sizeof(u64)] __uninitialized;
	void *data = small;
	long ret;

	if (len > q->max_msg)
		return -E2BIG;

	if (len > pyq_ring_payload(&q->ring)) {
		/* Costly: do not begin what cannot be. */
		ret = pyqueue_can_put(q);
		if (ret && ret != -EBUSY && (ret != -EAGAIN || deadline_ns == PYQUEUE_NOWAIT))
			return ret;
		p.large = pyqueue_large_from_iter(q, from);
		if (IS_ERR(p.large))
			return PTR_ERR(p.large);
		ret = pyqueue_put_prepared(q, &p, deadline_ns);
		pyqueue_large_free(q, p.large);
		return ret;
	}

	if (len > sizeof(small)) {
		data = kvmalloc(len, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
		if (!data)
			return -ENOMEM;
	}
	p.data = data;
	if (pyqueue_copy_in(data, len, from))
		ret = pyqueue_put_prepared(q, &p, deadline_ns);
	else
		ret = -EFAULT;
	if (data != small)
		kvfree(data);
	return ret;
}

/* A message is there again that had been claimed. */
static void pyqueue_given_back(struct pyqueue *q)
{
	pyqueue_wake_getters(q);
	if (READ_ONCE(q->drop)) /* M */
		pyqueue_transfer_drop(q);
}

/* What else there is to tell; where user memory may be written. */
static __always_inline bool pyqueue_unsafe_tell(struct pyqueue_getter *g, u32 len, u64 position,
						u32 deliveries)
{
	struct pyqueue_result __user *result = g->result;

	g->told = true;
	unsafe_put_user(len, &result->len, fault);
	unsafe_put_user(position, &result->position, fault);
	unsafe_put_user(deliveries + 1, &result->deliveries, fault);
	return true;

fault:
	return false;
}

static bool pyqueue_tell(struct pyqueue_getter *g, u32 len, u64 position, u32 deliveries)
{
	bool told;

	if (!g->result)
		return true;
	if (!user_write_access_begin(g->result, sizeof(*g->result)))
		return false;
	told = pyqueue_unsafe_tell(g, len, position, deliveries);
	user_write_access_end();
	return told;
}

/* Copy a message out that is the kernel's own by now; it may fault. */
static long pyqueue_get_large(struct pyqueue *q, struct pyqueue_getter *g,
			      struct pyqueue_large *m)
{
	u32 len = pyqueue_large_len(m);
	long ret = len;

	if (len > iov_iter_count(g->to)) {
		/* A length forged in the slot let it get as far as this. */
		g->needed = len;
		ret = -EMSGSIZE;
	} else if (pyqueue_large_to_iter(m, g->to) ||
		   !pyqueue_tell(g, len, pyqueue_large_position(m),
				 pyqueue_large_deliveries(m))) {
		ret = -EFAULT;
	}

	if (ret < 0) {
		pyqueue_large_give_back(q, m);
		pyqueue_given_back(q);
	} else {
		pyqueue_large_free(q, m);
		smp_mb(); /* G: nr_returned */
		pyqueue_drained(q);
	}
	return ret;
}

/* A short message, and what else there is to tell, in one go. */
static bool pyqueue_hand_over_short(struct pyqueue_getter *g, const void *message,
				    const struct pyq_op *op)
{
	const u32 deliveries = pyq_word_deliveries(op->word);
	void __user *buf = g->to->ubuf + g->to->iov_offset;
	bool done;

	if (g->result && !access_ok(g->result, sizeof(*g->result)))
		return false;
	if (!user_write_access_begin(buf, op->len))
		return false;
	unsafe_copy_to_user(buf, message, op->len, fault);
	done = !g->result || pyqueue_unsafe_tell(g, op->len, op->pos, deliveries);
	user_write_access_end();
	return done;

fault:
	user_write_access_end();
	return false;
}

/* A message of any length, to anywhere. */
static bool pyqueue_hand_over_long(struct pyqueue *q, struct pyqueue_getter *g,
				   const struct pyq_op *op)
{
	u64 offset = PYQUEUE_HEADER_SIZE + offsetof(struct pyqueue_slot, payload) +
		     (u64)pyq_ring_index(&q->ring, op->pos) * q->ring.slot_size;
	struct iov_iter to = *g->to;

	return pyqueue_memory_to_iter(&q->mem, offset, op->len, &to) &&
	       pyqueue_tell(g, op->len, op->pos, pyq_word_deliveries(op->word));
}

/*
 * Copy a message out of its slot, and tell. Whether it still is that message
 * shows later.
 */
static bool pyqueue_hand_over(struct pyqueue *q, struct pyqueue_getter *g,
			      const struct pyq_op *op)
{
	bool done;

	pagefault_disable();
	if (iter_is_ubuf(g->to) && op->len && op->len <= PYQUEUE_SMALL)
		done = pyqueue_hand_over_short(g, pyq_ring_slot(&q->ring, op->pos)->payload, op);
	else
		done = pyqueue_hand_over_long(q, g, op);
	pagefault_enable();
	if (!done) {
		g->cold = true;
		g->cold_len = op->len;
	}
	return done;
}

/* The slot's message has been delivered. */
static long pyqueue_delivered(struct pyqueue *q, const struct pyq_op *op)
{
	/* The kernel does not die: who says so has spoilt the ring. */
	if (pyq_ring_release(&q->ring, op)) {
		pyqueue_break(q);
		return -EUCLEAN;
	}
	pyqueue_wake_putters(q);
	pyqueue_drained(q);
	return op->len;
}

static long pyqueue_get_indirect(struct pyqueue *q, struct pyqueue_getter *g,
				 const struct pyq_op *op)
{
	struct pyqueue_large *m = pyqueue_large_detach(q, op);
	long ret = pyqueue_delivered(q, op);

	if (m && ret >= 0)
		return pyqueue_get_large(q, g, m);
	pyqueue_large_free(q, m);
	pyqueue_break(q);
	return -EUCLEAN;
}

/* A claimed message that cannot be handed over. */
static long pyqueue_undo_claim(struct pyqueue *q, const struct pyq_op *op)
{
	if (pyq_ring_give_back(&q->ring, op)) {
		pyqueue_break(q);
		return -EUCLEAN;
	}
	pyqueue_wake_putters(q);
	pyqueue_given_back(q);
	return -EFAULT;
}

/* One message, or -EBUSY: somebody was quicker. */
static long pyqueue_get_once(struct pyqueue *q, struct pyqueue_getter *g, bool claim_first)
{
	struct pyq_op op = { .len = 0 };
	int ret;

	ret = pyqueue_peek(q, &op, iov_iter_count(g->to));
	if (ret) {
		g->needed = op.len;
		return ret;
	}
	if (!op.len && g->empty_is_error)
		return -EBADMSG;

	if (pyq_word_flags(op.word) & PYQUEUE_SLOT_INDIRECT) {
		if (!pyq_ring_claim_peeked(&q->ring, &op))
			return -EBUSY;
		return pyqueue_get_indirect(q, g, &op);
	}

	if (op.len > pyq_ring_payload(&q->ring)) {
		pyqueue_break(q);
		return -EUCLEAN;
	}
	if (!claim_first && !pyqueue_hand_over(q, g, &op))
		return -EFAULT;
	if (!pyq_ring_claim_peeked(&q->ring, &op))
		return -EBUSY;
	if (claim_first && !pyqueue_hand_over(q, g, &op))
		return pyqueue_undo_claim(q, &op);
	return pyqueue_delivered(q, &op);
}

static long pyqueue_try_get(struct pyqueue *q, void *arg)
{
	struct pyqueue_getter *g = arg;
	struct pyqueue_large *m;
	bool claim_first = false;
	long ret;
	u32 len;

	do {
		if (READ_ONCE(q->broken))
			return -EUCLEAN;
		if (fatal_signal_pending(current))
			return -EINTR;
		m = pyqueue_large_take_back(q, iov_iter_count(g->to), &len);
		if (IS_ERR(m)) {
			g->needed = len;
			return PTR_ERR(m);
		}
		if (m)
			return pyqueue_get_large(q, g, m);
		ret = pyqueue_get_once(q, g, claim_first);
		claim_first = !claim_first;
	} while (ret == -EBUSY);
	if (ret == -EAGAIN)
		g->faults = 0;
	return ret;
}

/* Bring in what a copy did not find. Return: whether to try again. */
static bool pyqueue_fault_in(void *arg)
{
	struct pyqueue_getter *g = arg;

	if (!g->cold || ++g->faults > PYQUEUE_FAULTS || fatal_signal_pending(current))
		return false;
	g->cold = false;
	cond_resched();
	/* A read is a fault like any other, and makes a stack grow. */
	fault_in_iov_iter_readable(g->to, g->cold_len);
	return !fault_in_iov_iter_writeable(g->to, g->cold_len) &&
	       (!g->result ||
		!fault_in_safe_writeable((char __user *)g->result, sizeof(*g->result)));
}

/**
 * pyqueue_transfer_get() - get one message
 * @q: the queue
 * @g: who, where to, and what came of it
 * @deadline_ns: as in the kernel contract
 *
 * Context: May sleep and fault. Killed asleep: nothing has been taken.
 * Return: the message's bytes or an error of &struct pyqueue_get.
 */
long pyqueue_transfer_get(struct pyqueue *q, struct pyqueue_getter *g, u64 deadline_ns)
{
	const struct pyqueue_wait wait = {
		.waitq = &q->getters,
		.attempt = pyqueue_try_get,
		.ready = pyqueue_get_ready,
		.fault_in = pyqueue_fault_in,
		.arg = g,
	};
	long ret;

	do {
		ret = pyqueue_try_get(q, g);
	} while (ret == -EFAULT && pyqueue_fault_in(g));
	if (ret != -EAGAIN || deadline_ns == PYQUEUE_NOWAIT)
		return ret;
	return pyqueue_wait(q, &wait, deadline_ns);
}

/**
 * pyqueue_transfer_drop() - take and drop all messages; they count as done
 * @q: the queue, shut down
 *
 * Context: May sleep.
 */
void pyqueue_transfer_drop(struct pyqueue *q)
{
	struct pyqueue_large *m;
	struct pyq_op op;
	u32 len;

	while ((m = pyqueue_large_take_back(q, SIZE_MAX, &len))) {
		pyqueue_large_free(q, m);
		pyqueue_task_done(q, 1);
	}
	while (!pyqueue_peek(q, &op, U64_MAX)) {
		if (!pyq_ring_claim_peeked(&q->ring, &op))
			continue;
		if (pyq_word_flags(op.word) & PYQUEUE_SLOT_INDIRECT)
			pyqueue_large_free(q, pyqueue_large_detach(q, &op));
		if (pyq_ring_release(&q->ring, &op)) {
			pyqueue_break(q);
			return;
		}
		pyqueue_task_done(q, 1);
		cond_resched();
	}
	pyqueue_wake_everybody(q);
}
