// SPDX-License-Identifier: GPL-2.0
/*
 * Messages that are not in the ring: kept in kernel memory, and charged to the
 * queue's creator. The ring in shared memory knows nothing but a flag of those that
 * do not fit a slot: they are found by the index of the slot, tagged with the
 * position.
 *
 * A message is a chain of segments of at most a page, as in ipc/msgutil.c: no
 * allocation is larger, and none touches a lock of all vmalloc areas.
 */
#include <linux/refcount.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "pyqueue.h"

/**
 * struct pyqueue_segment - a part of a large message
 * @next: the next part, or NULL
 * @data: its bytes
 */
struct pyqueue_segment {
	struct pyqueue_segment *next;
	u8 data[];
};

/**
 * struct pyqueue_large - a large message, or one that waits outside of the ring
 * @ref: one for its slot, one for each who copies it: what is in shared memory may
 *	say of two that they have claimed it
 * @next: overflow.c's
 * @len: its bytes
 * @position: its number
 * @first: its bytes' first part
 */
struct pyqueue_large {
	refcount_t ref;
	u32 len;
	struct pyqueue_large *next;
	u64 position;
	struct pyqueue_segment *first;
};

#define PYQUEUE_SEGMENT_MAX (PAGE_SIZE - sizeof(struct pyqueue_segment))
#define PYQUEUE_LARGE_GFP (GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

u32 pyqueue_large_len(const struct pyqueue_large *m)
{
	return m->len;
}

/* Bytes of memory that a message of @len bytes takes, as kmalloc() gives it. */
static u64 pyqueue_large_cost(u32 len)
{
	u64 cost = kmalloc_size_roundup(sizeof(struct pyqueue_large));
	u32 rest = len % PYQUEUE_SEGMENT_MAX;

	cost += (u64)(len / PYQUEUE_SEGMENT_MAX) * PAGE_SIZE;
	if (rest)
		cost += kmalloc_size_roundup(sizeof(struct pyqueue_segment) + rest);
	return cost;
}

static int pyqueue_large_charge(struct pyqueue *q, u32 len)
{
	s64 held = atomic64_read(&q->large_bytes);
	int err;

	do {
		if (q->max_bytes && (u64)held + len > q->max_bytes)
			return -ENOBUFS;
	} while (!atomic64_try_cmpxchg(&q->large_bytes, &held, held + len));

	err = pyqueue_user_charge_bytes(q->user, pyqueue_large_cost(len));
	if (err)
		atomic64_sub(len, &q->large_bytes);
	return err;
}

static void pyqueue_large_uncharge(struct pyqueue *q, u32 len)
{
	pyqueue_user_uncharge_bytes(q->user, pyqueue_large_cost(len));
	atomic64_sub(len, &q->large_bytes);
}

static void pyqueue_segments_free(struct pyqueue_segment *s)
{
	while (s) {
		struct pyqueue_segment *next = s->next;

		kfree(s);
		s = next;
		cond_resched();
	}
}

/*
 * Allocate at the cost of the queue's creator. Only that: what else happens in
 * a put, a fault on the putter's buffer above all, is the putter's.
 */
static void *pyqueue_large_alloc(const struct pyqueue *q, size_t bytes)
{
	struct mem_cgroup *callers = set_active_memcg(q->memcg);
	void *p = kmalloc(bytes, PYQUEUE_LARGE_GFP);

	set_active_memcg(callers);
	return p;
}

/* Allocate and fill the segments of @m. */
static int pyqueue_large_fill(const struct pyqueue *q, struct pyqueue_large *m,
			      struct iov_iter *from)
{
	struct pyqueue_segment **link = &m->first;
	u32 left = m->len;

	while (left) {
		u32 n = min_t(u32, left, PYQUEUE_SEGMENT_MAX);
		struct pyqueue_segment *s = pyqueue_large_alloc(q, struct_size(s, data, n));

		if (!s)
			return -ENOMEM;
		s->next = NULL;
		*link = s;
		link = &s->next;
		if (!copy_from_iter_full(s->data, n, from))
			return -EFAULT;
		if (fatal_signal_pending(current))
			return -EINTR;
		left -= n;
		cond_resched();
	}
	return 0;
}

/**
 * pyqueue_large_from_iter() - copy a message in
 * @q: the queue it is for; its creator pays
 * @from: the message
 *
 * Context: May sleep and fault.
 * Return: the message, with a reference for the caller, or an ERR_PTR: -ENOBUFS,
 * -EDQUOT, -ENOMEM, -EFAULT, -EINTR.
 */
struct pyqueue_large *pyqueue_large_from_iter(struct pyqueue *q, struct iov_iter *from)
{
	u32 len = iov_iter_count(from);
	struct pyqueue_large *m;
	int err;

	err = pyqueue_large_charge(q, len);
	if (err)
		return ERR_PTR(err);

	m = pyqueue_large_alloc(q, sizeof(*m));
	if (!m) {
		pyqueue_large_uncharge(q, len);
		return ERR_PTR(-ENOMEM);
	}
	*m = (struct pyqueue_large){ .ref = REFCOUNT_INIT(1), .len = len };
	err = pyqueue_large_fill(q, m, from);
	if (err) {
		pyqueue_large_put(q, m);
		return ERR_PTR(err);
	}
	return m;
}

/**
 * pyqueue_large_to_iter() - copy a message out
 * @m: the message
 * @to: where to; not moved on
 *
 * Context: May sleep, and fault where that is not disabled.
 * Return: 0 or -EFAULT.
 */
int pyqueue_large_to_iter(const struct pyqueue_large *m, const struct iov_iter *to)
{
	const struct pyqueue_segment *s;
	struct iov_iter at = *to;
	u32 left = m->len;

	for (s = m->first; s; s = s->next) {
		u32 n = min_t(u32, left, PYQUEUE_SEGMENT_MAX);

		if (copy_to_iter(s->data, n, &at) != n)
			return -EFAULT;
		left -= n;
		cond_resched();
	}
	return 0;
}

/**
 * pyqueue_large_copy() - copy a message into a slot that it fits
 * @m: the message
 * @to: where to
 */
void pyqueue_large_copy(const struct pyqueue_large *m, u8 *to)
{
	const struct pyqueue_segment *s;
	u32 left = m->len;

	for (s = m->first; s; s = s->next) {
		u32 n = min_t(u32, left, PYQUEUE_SEGMENT_MAX);

		memcpy(to, s->data, n);
		to += n;
		left -= n;
	}
}

/**
 * pyqueue_large_next() - where a list of messages goes on
 * @m: one of them
 */
struct pyqueue_large **pyqueue_large_next(struct pyqueue_large *m)
{
	return &m->next;
}

/**
 * pyqueue_large_put() - a reference less
 * @q: the queue it was for
 * @m: the message, or NULL; gone with the last one
 *
 * Context: May sleep.
 */
void pyqueue_large_put(struct pyqueue *q, struct pyqueue_large *m)
{
	if (!m || !refcount_dec_and_test(&m->ref))
		return;
	pyqueue_large_uncharge(q, m->len);
	pyqueue_segments_free(m->first);
	kfree(m);
}

static struct pyqueue_large **pyqueue_large_at(struct pyqueue *q, u64 pos)
{
	return &q->large[pyq_ring_index(&q->ring, pos)];
}

/**
 * pyqueue_large_attach() - put a message behind a slot
 * @q: the queue
 * @op: the caller's claim of the slot
 * @m: the message; the caller's reference is the slot's from now on
 *
 * Return: what somebody who keeps to no rule has left there, the caller's, who frees
 * it when he does not hold the slot any more; or NULL.
 */
struct pyqueue_large *pyqueue_large_attach(struct pyqueue *q, const struct pyq_op *op,
					   struct pyqueue_large *m)
{
	struct pyqueue_large *old;

	m->position = op->pos;
	spin_lock(&q->large_lock);
	old = *pyqueue_large_at(q, op->pos);
	*pyqueue_large_at(q, op->pos) = m;
	spin_unlock(&q->large_lock);
	return old;
}

/**
 * pyqueue_large_find() - the message behind a slot
 * @q: the queue
 * @pos: its position
 *
 * Return: the message, with a reference for the caller; NULL if there is none.
 */
struct pyqueue_large *pyqueue_large_find(struct pyqueue *q, u64 pos)
{
	struct pyqueue_large *m;

	if (!q->large)
		return NULL;
	spin_lock(&q->large_lock);
	m = *pyqueue_large_at(q, pos);
	if (m && m->position == pos)
		refcount_inc(&m->ref);
	else
		m = NULL;
	spin_unlock(&q->large_lock);
	return m;
}

/**
 * pyqueue_large_remove() - nobody is to find a message any more
 * @q: the queue
 * @pos: its position
 *
 * Context: May sleep.
 */
void pyqueue_large_remove(struct pyqueue *q, u64 pos)
{
	struct pyqueue_large *m;

	if (!q->large)
		return;
	spin_lock(&q->large_lock);
	m = *pyqueue_large_at(q, pos);
	if (m && m->position == pos)
		*pyqueue_large_at(q, pos) = NULL;
	else
		m = NULL;
	spin_unlock(&q->large_lock);
	pyqueue_large_put(q, m);
}

/**
 * pyqueue_large_free_all() - nobody has the queue open any more
 * @q: the queue
 *
 * Context: May sleep.
 */
void pyqueue_large_free_all(struct pyqueue *q)
{
	u64 i;

	if (!q->large)
		return;
	for (i = 0; i < pyq_ring_slots(&q->ring); i++) {
		pyqueue_large_put(q, q->large[i]);
		if (!(i & 0xfff))
			cond_resched();
	}
	kvfree(q->large);
}
