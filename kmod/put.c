// SPDX-License-Identifier: GPL-2.0
/*
 * One message in. The kernel never sleeps or faults while it holds a slot: the
 * message has been copied in before one is claimed.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "pyqueue.h"

/* A message in the kernel: in one piece, or large and the caller's. */
struct pyqueue_putter {
	const void *data;
	struct pyqueue_large *large;
	u32 len;
};

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

/**
 * pyqueue_has_room() - has the ring room, whatever waits outside of it
 * @q: the queue
 *
 * Return: 0, or as pyq_ring_can_put().
 */
int pyqueue_has_room(struct pyqueue *q)
{
	struct pyq_op op = { .freed = false };

	return pyqueue_settle(q, &op, pyq_ring_can_put(&q->ring, &op));
}

/**
 * pyqueue_can_put() - would a put find something to do
 * @q: the queue
 *
 * Return: 0, or as pyq_ring_can_put().
 */
int pyqueue_can_put(struct pyqueue *q)
{
	if (READ_ONCE(q->broken))
		return -EUCLEAN;
	if (!q->unbounded)
		return pyqueue_has_room(q);
	return READ_ONCE(q->closed) ? -ESHUTDOWN : 0;
}

/**
 * pyqueue_put_ready() - would who waits for room in the ring find something to do
 * @q: the queue
 */
bool pyqueue_put_ready(struct pyqueue *q)
{
	if (READ_ONCE(q->broken) || READ_ONCE(q->closed))
		return true;
	return pyqueue_has_room(q) != -EAGAIN;
}

/* In line where it is short: a call for a few words takes as long as they do. */
static __always_inline void pyqueue_copy(void *to, const void *from, u32 len)
{
	const u64 *from_word = from;
	u64 *to_word = to;

	if (len > PYQUEUE_SMALL || len % sizeof(u64)) {
		memcpy(to, from, len);
		return;
	}
	for (; len; len -= sizeof(u64))
		*to_word++ = *from_word++;
}

static __always_inline long pyqueue_try_put(struct pyqueue *q, void *arg)
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
		/* What was there goes with the putter. */
		p->large = pyqueue_large_attach(q, &op, p->large);
		flags = PYQUEUE_SLOT_INDIRECT;
	} else {
		pyqueue_copy(pyq_ring_slot(&q->ring, op.pos)->payload, p->data, p->len);
	}

	/* The kernel does not die: who says so has spoilt the ring. */
	if (pyq_ring_publish(&q->ring, &op, p->len, flags)) {
		pyqueue_break(q);
		return -EUCLEAN;
	}
	if (unlikely(pyqueue_is_awaited(q)))
		pyqueue_wake_getters(q);
	if (READ_ONCE(q->drop)) /* M */
		pyqueue_drop(q);
	return 0;
}

/* A message that is to wait outside of the ring; at whose cost that is, is full, perhaps. */
static int pyqueue_make_large(struct pyqueue *q, struct pyqueue_putter *p)
{
	struct kvec vec = { .iov_base = (void *)p->data, .iov_len = p->len };
	struct pyqueue_large *m;
	struct iov_iter from;

	iov_iter_kvec(&from, ITER_SOURCE, &vec, 1, p->len);
	m = pyqueue_large_from_iter(q, &from);
	if (IS_ERR(m))
		return PTR_ERR(m);
	p->large = m;
	return 0;
}

/* The ring of an unbounded queue is full, or others wait before this one already. */
static long pyqueue_put_behind(struct pyqueue *q, struct pyqueue_putter *p)
{
	long ret = pyqueue_can_put(q);

	if (ret)
		return ret;
	if (!p->large)
		ret = pyqueue_make_large(q, p);
	/* No memory for one more outside; some of those may have a place by now, or all. */
	if (ret && pyqueue_refill(q) > 0) {
		ret = pyqueue_overflows(q) ? -EAGAIN : pyqueue_try_put(q, p);
		if (ret != -EAGAIN && ret != -EBUSY)
			return ret;
		ret = pyqueue_make_large(q, p);
	}
	if (ret)
		return ret;
	ret = pyqueue_put_outside(q, p->large);
	if (!ret)
		p->large = NULL;
	return ret;
}

static long pyqueue_put_prepared(struct pyqueue *q, struct pyqueue_putter *p, u64 deadline_ns)
{
	const struct pyqueue_wait wait = {
		.waitq = &q->putters,
		.attempt = pyqueue_try_put,
		.arg = p,
	};
	unsigned int times = 0;
	long ret = -EAGAIN;

	/* Not ordered otherwise: a claim that comes later is behind all that have been. */
	if (!pyqueue_overflows(q)) /* Q */
		ret = pyqueue_try_put(q, p);
	if (ret != -EAGAIN && ret != -EBUSY)
		return ret;
	if (q->unbounded)
		return pyqueue_put_behind(q, p);
	if (deadline_ns != PYQUEUE_NOWAIT)
		return pyqueue_wait(q, &wait, deadline_ns);
	while (pyqueue_again(&ret, &times))
		ret = pyqueue_try_put(q, p);
	return ret;
}

/* A short message in one go; it may fault. */
static __always_inline bool pyqueue_copy_in_short(void *to, size_t len, const void __user *from)
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

/* Elsewhere a word at an odd address is a fault, or slow. */
static __always_inline bool pyqueue_is_copied_short(size_t len)
{
	return IS_ENABLED(CONFIG_HAVE_EFFICIENT_UNALIGNED_ACCESS) && len && len <= PYQUEUE_SMALL;
}

/* A message into the kernel, of any length and from anywhere; it may fault. */
static bool pyqueue_copy_in(void *to, size_t len, struct iov_iter *from)
{
	if (iter_is_ubuf(from) && pyqueue_is_copied_short(len))
		return pyqueue_copy_in_short(to, len, from->ubuf + from->iov_offset);
	return copy_from_iter_full(to, len, from);
}

/* A putter who has been called, as a command of io_uring, does not keep that while he faults. */
static bool pyqueue_copy_in_or_pass_on(struct pyqueue *q, void *to, size_t len,
				       struct iov_iter *from)
{
	bool copied;

	pagefault_disable();
	copied = pyqueue_copy_in(to, len, from);
	pagefault_enable();
	if (copied)
		return true;
	pyqueue_pass_on(q, &q->putters);
	return pyqueue_copy_in(to, len, from);
}

/**
 * pyqueue_put_short() - put one short message
 * @q: the queue
 * @message: the message
 * @len: bytes of it; pyqueue_is_short()
 * @deadline_ns: as in the kernel contract
 *
 * What pyqueue_put_message() does, for the most usual case; not for commands of io_uring.
 *
 * Context: May sleep and fault. Killed asleep: nothing has been put.
 * Return: 0 or an error of &struct pyqueue_put.
 */
long pyqueue_put_short(struct pyqueue *q, const void __user *message, u32 len, u64 deadline_ns)
{
	u64 small[PYQUEUE_SMALL / sizeof(u64)] __uninitialized;
	struct pyqueue_putter p = { .data = small, .len = len };
	long ret;

	if (len > q->max_msg)
		return -E2BIG;
	if (pyqueue_is_copied_short(len) ? !pyqueue_copy_in_short(small, len, message) :
					   copy_from_user(small, message, len))
		return -EFAULT;
	ret = pyqueue_put_prepared(q, &p, deadline_ns);
	/* Of an unbounded queue. */
	if (unlikely(p.large))
		pyqueue_large_put(q, p.large);
	return ret;
}

/**
 * pyqueue_put_message() - put one message
 * @q: the queue
 * @from: the message, all of it
 * @deadline_ns: as in the kernel contract
 *
 * Context: May sleep and fault. Killed asleep: nothing has been put.
 * Return: 0 or an error of &struct pyqueue_put.
 */
long pyqueue_put_message(struct pyqueue *q, struct iov_iter *from, u64 deadline_ns)
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
		/* What waits outside may have a place by now, and give back what it costs. */
		if (IS_ERR(p.large) && pyqueue_overflows(q) && pyqueue_refill(q) > 0) {
			iov_iter_revert(from, len - iov_iter_count(from));
			p.large = pyqueue_large_from_iter(q, from);
		}
		if (IS_ERR(p.large))
			return PTR_ERR(p.large);
		ret = pyqueue_put_prepared(q, &p, deadline_ns);
		pyqueue_large_put(q, p.large);
		return ret;
	}

	if (len > sizeof(small)) {
		data = kvmalloc(len, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
		if (!data)
			return -ENOMEM;
	}
	p.data = data;
	if (pyqueue_copy_in_or_pass_on(q, data, len, from))
		ret = pyqueue_put_prepared(q, &p, deadline_ns);
	else
		ret = -EFAULT;
	pyqueue_large_put(q, p.large);
	if (data != small)
		kvfree(data);
	return ret;
}
