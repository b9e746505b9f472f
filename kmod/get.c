// SPDX-License-Identifier: GPL-2.0
/*
 * One message out. The kernel never sleeps or faults while it holds a slot: it
 * hands the message over before it claims it, and tries again with the next if
 * another getter has been quicker. Then it claims first, so that getters of long
 * messages do not go on copying the same one.
 *
 * It copies with page faults disabled. What was not there is brought in when
 * nothing is held and nobody is kept from coming first.
 */
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "pyqueue.h"

/* How often a getter's memory is brought in and then not there. */
#define PYQUEUE_FAULTS		64

/* Messages that others may take first before a getter looks whether he is to end. */
#define PYQUEUE_GET_TRIES	16

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

	int ret;

	if (READ_ONCE(q->broken))
		return -EUCLEAN;
	ret = pyqueue_settle(q, &op, pyq_ring_can_get(&q->ring, &op));
	/* What waits outside can be had if it can be moved. */
	if (ret == -EAGAIN && pyqueue_overflows(q) && pyqueue_has_room(q) != -EAGAIN)
		return 0;
	return ret;
}

bool pyqueue_get_ready(struct pyqueue *q)
{
	return pyqueue_can_get(q) != -EAGAIN;
}

/* A message is there again that had been claimed. */
static void pyqueue_given_back(struct pyqueue *q)
{
	pyqueue_wake_getters(q);
	if (READ_ONCE(q->drop)) /* M */
		pyqueue_drop(q);
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

/* A message of any length, to anywhere; a large one is @m. */
static noinline bool pyqueue_hand_over_long(struct pyqueue *q, struct pyqueue_getter *g,
					    const struct pyq_op *op,
					    const struct pyqueue_large *m)
{
	u64 offset = PYQUEUE_HEADER_SIZE + offsetof(struct pyqueue_slot, payload) +
		     (u64)pyq_ring_index(&q->ring, op->pos) * q->ring.slot_size;
	struct iov_iter to = *g->to;

	if (m ? pyqueue_large_to_iter(m, &to) :
		!pyqueue_memory_to_iter(&q->mem, offset, op->len, &to))
		return false;
	return pyqueue_tell(g, op->len, op->pos, pyq_word_deliveries(op->word));
}

/*
 * Copy a message out, and tell. Whether it still is that message shows later.
 */
static __always_inline bool pyqueue_hand_over(struct pyqueue *q, struct pyqueue_getter *g,
					      const struct pyq_op *op,
					      const struct pyqueue_large *m)
{
	bool done;

	pagefault_disable();
	if (!m && iter_is_ubuf(g->to) && op->len && op->len <= PYQUEUE_SMALL)
		done = pyqueue_hand_over_short(g, pyq_ring_slot(&q->ring, op->pos)->payload, op);
	else
		done = pyqueue_hand_over_long(q, g, op, m);
	pagefault_enable();
	if (!done) {
		g->cold = true;
		g->cold_len = op->len;
	}
	return done;
}

/* A slot is free again, which the caller has made it. */
static void pyqueue_freed(struct pyqueue *q)
{
	if (likely(!pyqueue_is_awaited(q)))
		return;
	pyqueue_wake_putters(q);
	pyqueue_drained(q);
}

/* The slot's message has been delivered. */
static long pyqueue_delivered(struct pyqueue *q, const struct pyq_op *op)
{
	/* The kernel does not die: who says so has spoilt the ring. */
	if (pyq_ring_release(&q->ring, op)) {
		pyqueue_break(q);
		return -EUCLEAN;
	}
	pyqueue_freed(q);
	return op->len;
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

/* What has been found to the getter; a large message is @m. */
static __always_inline long pyqueue_deliver(struct pyqueue *q, struct pyqueue_getter *g,
					    struct pyq_op *op, const struct pyqueue_large *m,
					    bool claim_first)
{
	if (claim_first && !pyq_ring_claim_peeked(&q->ring, op))
		return -EBUSY;
	if (!pyqueue_hand_over(q, g, op, m))
		return claim_first ? pyqueue_undo_claim(q, op) : -EFAULT;
	if (!claim_first && !pyq_ring_claim_peeked(&q->ring, op))
		return -EBUSY;
	if (m)
		pyqueue_large_remove(q, op->pos);
	return pyqueue_delivered(q, op);
}

/* The same for one that is not in its slot, whatever the slot says of its length. */
static noinline long pyqueue_deliver_large(struct pyqueue *q, struct pyqueue_getter *g,
					   struct pyq_op *op, bool claim_first)
{
	struct pyqueue_large *m = pyqueue_large_find(q, op->pos);
	long ret = -EMSGSIZE;

	if (!m) {
		/* Somebody has taken it, or else the flag has been forged. */
		if (pyq_load_acquire(&pyq_ring_slot(&q->ring, op->pos)->word) != op->word)
			return -EBUSY;
		pyqueue_break(q);
		return -EUCLEAN;
	}
	op->len = pyqueue_large_len(m);
	if (op->len <= iov_iter_count(g->to))
		ret = pyqueue_deliver(q, g, op, m, claim_first);
	else
		g->needed = op->len;
	pyqueue_large_put(q, m);
	return ret;
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
	if (pyq_word_flags(op.word) & PYQUEUE_SLOT_INDIRECT)
		return pyqueue_deliver_large(q, g, &op, claim_first);
	if (op.len > pyq_ring_payload(&q->ring)) {
		pyqueue_break(q);
		return -EUCLEAN;
	}
	return pyqueue_deliver(q, g, &op, NULL, claim_first);
}

/* Nothing there: have what waits outside. -EBUSY: something may be there now. */
static long pyqueue_get_outside(struct pyqueue *q)
{
	long moved = q->unbounded ? pyqueue_refill(q) : 0;

	if (moved > 0)
		return -EBUSY;
	return moved ?: -EAGAIN;
}

/*
 * -EBUSY: others were quicker again and again, or it has taken long; somebody who keeps to
 * no rule can be quicker for ever.
 */
static __always_inline long pyqueue_try_get(struct pyqueue *q, void *arg)
{
	const unsigned long until = jiffies + msecs_to_jiffies(PYQUEUE_BUSY_MS);
	unsigned int tries = PYQUEUE_GET_TRIES;
	struct pyqueue_getter *g = arg;
	bool claim_first = false;
	long ret;

	do {
		if (READ_ONCE(q->broken))
			return -EUCLEAN;
		ret = pyqueue_get_once(q, g, claim_first);
		if (ret == -EAGAIN) {
			g->faults = 0;
			ret = pyqueue_get_outside(q);
		}
		if (ret != -EBUSY)
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		claim_first = !claim_first;
	} while (--tries && (claim_first || time_before(jiffies, until)));
	return -EBUSY;
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
 * pyqueue_get_message() - get one message
 * @q: the queue
 * @g: who, where to, and what came of it
 * @deadline_ns: as in the kernel contract
 *
 * Context: May sleep and fault. Killed asleep: nothing has been taken.
 * Return: the message's bytes or an error of &struct pyqueue_get.
 */
long pyqueue_get_message(struct pyqueue *q, struct pyqueue_getter *g, u64 deadline_ns)
{
	const struct pyqueue_wait wait = {
		.waitq = &q->getters,
		.attempt = pyqueue_try_get,
		.fault_in = pyqueue_fault_in,
		.arg = g,
	};
	unsigned int times = 0;
	long ret;

	do {
		ret = pyqueue_try_get(q, g);
		/* Perhaps called, as a command of io_uring. */
		if (ret == -EFAULT)
			pyqueue_pass_on(q, &q->getters);
	} while ((ret == -EFAULT && pyqueue_fault_in(g)) ||
		 (deadline_ns == PYQUEUE_NOWAIT && pyqueue_again(&ret, &times)));
	if ((ret != -EAGAIN && ret != -EBUSY) || deadline_ns == PYQUEUE_NOWAIT)
		return ret;
	return pyqueue_wait(q, &wait, deadline_ns);
}

/* Take what has been found, and drop it. Return: how many that is. */
static unsigned int pyqueue_drop_found(struct pyqueue *q, struct pyq_op *op)
{
	if (!pyq_ring_claim_peeked(&q->ring, op))
		return 0;
	pyqueue_large_remove(q, op->pos);
	if (pyq_ring_release(&q->ring, op)) {
		pyqueue_break(q);
		return 0;
	}
	return 1;
}

/* What has been given back; who gives something back later drops it himself (M). */
static u32 pyqueue_drop_orphans(struct pyqueue *q)
{
	u64 end = pyq_load_acquire(&q->ring.hdr->head), slots = pyq_ring_slots(&q->ring);
	struct pyq_op op = { .pos = end > slots ? end - slots : 0 };
	u32 dropped = 0;

	for (; op.pos < end; op.pos++) {
		op.word = pyq_load_acquire(&pyq_ring_slot(&q->ring, op.pos)->word);
		if (pyq_word_is(&q->ring, op.word, op.pos, PYQUEUE_ORPHAN))
			dropped += pyqueue_drop_found(q, &op);
		if (!(op.pos & 0xfff))
			cond_resched();
	}
	return dropped;
}

/* What is at head, and behind it. */
static u32 pyqueue_drop_ready(struct pyqueue *q)
{
	/* Each step moves head, or somebody else has; a tombstone takes two. */
	u64 left = 3 * pyq_ring_slots(&q->ring) + PYQ_RING_TRIES;
	struct pyq_op op = { .freed = false };
	u32 dropped = 0;
	int ret;

	do {
		ret = pyq_ring_look_get(&q->ring, &op);
		if (!ret)
			dropped += pyqueue_drop_found(q, &op);
		if (!(left & 0xfff))
			cond_resched();
	} while ((!ret || ret == PYQ_RING_AGAIN) && --left);
	/* Somebody who keeps to no rule goes on for ever. */
	if (!left || ret == -EUCLEAN)
		pyqueue_break(q);
	return dropped;
}

/**
 * pyqueue_drop() - take and drop all messages; they count as done
 * @q: the queue, shut down
 *
 * Comes to an end by itself, whatever is done to the ring meanwhile: who is dying
 * comes here too, whom no signal reaches any more.
 *
 * Context: May sleep.
 */
void pyqueue_drop(struct pyqueue *q)
{
	pyqueue_dropped(q, pyqueue_drop_orphans(q) + pyqueue_drop_ready(q));
	pyqueue_wake_everybody(q);
}

static long pyqueue_fetch_message(struct pyqueue *q, const struct pyqueue_fetch *fetch,
				  const struct pyqueue_large *m)
{
	const struct pyq_op op = { .pos = fetch->position, .word = fetch->word };
	u32 len = pyqueue_large_len(m);
	struct iov_iter to;

	if (fetch->flags & PYQUEUE_FETCH_COPY) {
		if (len > fetch->len)
			return -EMSGSIZE;
		iov_iter_ubuf(&to, ITER_DEST, u64_to_user_ptr(fetch->buf), len);
		if (pyqueue_large_to_iter(m, &to))
			return -EFAULT;
	}
	if (fetch->flags & PYQUEUE_FETCH_RELEASE) {
		if (pyq_ring_release(&q->ring, &op))
			return -EOWNERDEAD;
		pyqueue_large_remove(q, op.pos);
		pyqueue_freed(q);
	}
	return len;
}

/**
 * pyqueue_fetch() - a message that its getter has claimed in user space
 * @q: the queue
 * @fetch: what, and where to
 *
 * Context: May sleep and fault. Killed in it: the message has been delivered, or
 * comes again with the end of the mapping that has claimed it.
 * Return: the message's bytes or an error of &struct pyqueue_fetch.
 */
long pyqueue_fetch(struct pyqueue *q, const struct pyqueue_fetch *fetch)
{
	struct pyqueue_large *m;
	long ret;

	if (!pyq_word_is(&q->ring, fetch->word, fetch->position, PYQUEUE_READING) ||
	    !(pyq_word_flags(fetch->word) & PYQUEUE_SLOT_INDIRECT) ||
	    !pyq_word_owner(fetch->word))
		return -EINVAL;
	if (READ_ONCE(q->broken))
		return -EUCLEAN;
	m = pyqueue_large_find(q, fetch->position);
	if (pyq_load_acquire(&pyq_ring_slot(&q->ring, fetch->position)->word) != fetch->word) {
		ret = -EOWNERDEAD;
	} else if (!m) {
		pyqueue_break(q);
		ret = -EUCLEAN;
	} else {
		ret = pyqueue_fetch_message(q, fetch, m);
	}
	pyqueue_large_put(q, m);
	return ret;
}
