/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of the ring share: a ring in plain memory, whole operations on it, states
 * made by hand, and the judgement whether a ring is sound.
 *
 * The cases in ring_cases_*.h are run twice: by KUnit (ring_kunit.c) as the kernel's
 * compiler and atomics have them, and in user space under sanitizers (selftests/native).
 * They are in the words of kselftest_harness.h; who includes them has said what these
 * mean, and besides
 *
 *	case_alloc(bytes), case_free(p)	memory of zeros, exactly so much
 *	case_stop()			end the case: it has gone wrong
 *	case_load(p)			load-acquire, and no step of an operation
 *
 * The functions are not inlined: frames with many of them would be larger than a kernel's.
 */
#ifndef PYQUEUE_RING_CASES_H
#define PYQUEUE_RING_CASES_H

#include <ring/account.h>
#include <ring/batch.h>
#include <ring/recover.h>

#define SLOT_SIZE 64

/* Owner numbers: who tests, and whom the test makes dead, slow or dear. */
enum { ME = 1, OTHER = 2, THIRD = 3 };

static noinline __maybe_unused size_t ring_bytes(const struct pyq_ring *r)
{
	return PYQUEUE_HEADER_SIZE + pyq_ring_slots(r) * r->slot_size;
}

/* Another participant's view of the same ring. */
static noinline __maybe_unused struct pyq_ring ring_as(const struct pyq_ring *r, __u16 owner)
{
	struct pyq_ring view = *r;

	view.owner = owner;
	return view;
}

static noinline __maybe_unused __u64 *ring_word(const struct pyq_ring *r, __u64 pos)
{
	return &pyq_ring_slot(r, pos)->word;
}

static noinline __maybe_unused __u64 ring_load_word(const struct pyq_ring *r, __u64 pos)
{
	return case_load(ring_word(r, pos));
}

static noinline __maybe_unused __u64 ring_word_of(const struct pyq_ring *r, __u64 pos,
						  __u16 owner, enum pyqueue_state state)
{
	return pyq_word(pyq_ring_lap(r, pos), owner, 0, 0, state);
}

/* Make the slot of @pos what it would be after somebody's step. */
static noinline __maybe_unused void ring_set(struct pyq_ring *r, __u64 pos, __u16 owner,
					     enum pyqueue_state state)
{
	*ring_word(r, pos) = ring_word_of(r, pos, owner, state);
}

/* An empty ring as it is after @pos messages have come and gone. */
static noinline __maybe_unused void ring_start_at(struct pyq_ring *r, __u64 pos)
{
	__u64 p;

	r->hdr->tail = pos;
	r->hdr->head = pos;
	r->hdr->head_cache = pos;
	r->hdr->done = pos;
	/* As if the last one had been a tombstone, and 2^32 before it. */
	r->hdr->skipped = (__u32)pos;
	for (p = pos; p < pos + pyq_ring_slots(r); p++)
		ring_set(r, p, 0, PYQUEUE_FREE);
}

/* On the heap, exactly as large as it must be: KASAN and ASan see who leaves it. */
static noinline __maybe_unused struct pyq_ring ring_new(__u64 maxsize, __u64 start)
{
	size_t bytes = PYQUEUE_HEADER_SIZE + (SLOT_SIZE << pyq_ring_order(maxsize));
	void *memory = case_alloc(bytes);
	struct pyq_ring r;

	if (!memory)
		case_stop();
	pyq_ring_init(&r, memory, maxsize, SLOT_SIZE, ME);
	ring_start_at(&r, start);
	return r;
}

static noinline __maybe_unused void ring_free(struct pyq_ring *r)
{
	case_free(r->hdr);
}

/*
 * Messages: a number, repeated one to six times, so that one which is
 * delivered in part or mixed with another is seen.
 */
static noinline __maybe_unused __u32 message_len(__u64 value)
{
	return (1 + value % 6) * sizeof(__u64);
}

static noinline __maybe_unused void message_write(struct pyq_ring *r, const struct pyq_op *op,
						  __u64 value)
{
	unsigned char *at = pyq_ring_slot(r, op->pos)->payload;
	__u32 i;

	for (i = 0; i < message_len(value); i += sizeof(value))
		memcpy(at + i, &value, sizeof(value));
}

/* The number, or -EILSEQ. */
static noinline __maybe_unused __s64 message_read(struct pyq_ring *r, const struct pyq_op *op)
{
	const unsigned char *at = pyq_ring_slot(r, op->pos)->payload;
	__u64 value;
	__u32 i;

	memcpy(&value, at, sizeof(value));
	if (op->len != message_len(value))
		return -EILSEQ;
	for (i = 0; i < op->len; i += sizeof(value))
		if (memcmp(at + i, &value, sizeof(value)))
			return -EILSEQ;
	return value;
}

/* Whole operations. */
static noinline __maybe_unused int ring_put(struct pyq_ring *r, __u64 value)
{
	struct pyq_op op = { .freed = false };
	int ret = pyq_ring_claim_put(r, &op);

	if (ret)
		return ret;
	message_write(r, &op, value);
	return pyq_ring_publish(r, &op, message_len(value), 0);
}

/* The message, or -errno; @op says the rest of what is known of it. */
static noinline __maybe_unused __s64 ring_get_op(struct pyq_ring *r, struct pyq_op *op)
{
	__s64 value;
	int ret = pyq_ring_claim_get(r, op, SLOT_SIZE);

	if (ret)
		return ret;
	value = message_read(r, op);
	ret = pyq_ring_release(r, op);
	return ret ? ret : value;
}

static noinline __maybe_unused __s64 ring_get(struct pyq_ring *r)
{
	struct pyq_op op = { .freed = false };

	return ring_get_op(r, &op);
}

/* How often the next message has been delivered with this one; 0 or less is no message. */
static noinline __maybe_unused int ring_get_delivery(struct pyq_ring *r)
{
	struct pyq_op op = { .freed = false };
	__s64 value = ring_get_op(r, &op);

	return value < 0 ? (int)value : pyq_word_deliveries(op.word) + 1;
}

static noinline __maybe_unused struct pyq_op ring_claim_put(struct pyq_ring *r)
{
	struct pyq_op op = { .freed = false };

	if (pyq_ring_claim_put(r, &op))
		case_stop();
	return op;
}

static noinline __maybe_unused struct pyq_op ring_claim_get(struct pyq_ring *r)
{
	struct pyq_op op = { .freed = false };

	if (pyq_ring_claim_get(r, &op, SLOT_SIZE))
		case_stop();
	return op;
}

/* Claim and abort: leaves a tombstone. */
static noinline __maybe_unused int ring_bury(struct pyq_ring *r)
{
	struct pyq_op op = { .freed = false };
	int ret = pyq_ring_claim_put(r, &op);

	return ret ? ret : pyq_ring_abort(r, &op);
}

static noinline __maybe_unused __u64 ring_qsize(struct pyq_ring *r)
{
	struct pyq_op op = { .freed = false };

	return pyq_ring_qsize(r, &op);
}

static noinline __maybe_unused __u32 ring_unfinished(struct pyq_ring *r)
{
	struct pyq_op op = { .freed = false };

	return pyq_ring_unfinished(r, &op);
}

static noinline __maybe_unused int ring_task_done(struct pyq_ring *r, __u32 n)
{
	struct pyq_op op = { .freed = false };

	return pyq_ring_task_done(r, &op, n);
}

static noinline __maybe_unused __s64 ring_recover(struct pyq_ring *r, __u16 dead)
{
	struct pyq_op op = { .freed = false };

	return pyq_ring_recover(r, &op, dead);
}

static noinline __maybe_unused __u32 ring_tombstones(const struct pyq_ring *r)
{
	return case_load(&r->hdr->skipped) >> 32;
}

/*
 * Does each slot of a ring at which nobody is at work say what it may?
 * "" or what is wrong.
 */
static noinline __maybe_unused const char *ring_wrong(const struct pyq_ring *r)
{
	__u64 tail = r->hdr->tail & ~PYQUEUE_CLOSED;
	__u64 head = r->hdr->head;
	__u64 slots = pyq_ring_slots(r);
	__u64 pos;

	if (head > tail)
		return "head is beyond tail";
	if (tail - head > r->maxsize)
		return "more than maxsize positions between head and tail";

	for (pos = head; pos < tail; pos++) {
		__u64 word = ring_load_word(r, pos);

		if (pyq_word_lap(word) != pyq_ring_lap(r, pos))
			return "a slot between head and tail has another lap";
		if (pyq_word_owner(word))
			return "a slot between head and tail has an owner";
		if (pyq_word_state(word) != PYQUEUE_READY &&
		    pyq_word_state(word) != PYQUEUE_ABORTED)
			return "a slot between head and tail is neither READY nor ABORTED";
	}
	for (; pos < head + slots; pos++) {
		__u64 word = ring_load_word(r, pos);

		if (word == ring_word_of(r, pos, 0, PYQUEUE_FREE))
			continue;
		if (!pyq_word_is(r, word, pos - slots, PYQUEUE_ORPHAN) || pyq_word_owner(word))
			return "a slot not between head and tail is neither FREE nor ORPHAN";
	}
	return "";
}

/*
 * Does an empty ring still hold exactly maxsize messages, for some laps, and
 * give them back in order? "" or what is wrong.
 */
static noinline __maybe_unused const char *ring_wrong_over_laps(struct pyq_ring *r)
{
	__u64 rounds = 3 * pyq_ring_slots(r) / r->maxsize + 2;
	__u64 value = 1000, i;

	for (; rounds; rounds--) {
		if (ring_qsize(r))
			return "empty, but qsize is not 0";
		for (i = 0; i < r->maxsize; i++)
			if (ring_put(r, value + i))
				return "full before maxsize messages were in it";
		if (ring_put(r, 0) != -EAGAIN)
			return "not full with maxsize messages";
		if (ring_qsize(r) != r->maxsize)
			return "full, but qsize is not maxsize";
		for (i = 0; i < r->maxsize; i++)
			if (ring_get(r) != (__s64)(value + i))
				return "another message than the oldest";
		if (ring_get(r) != -EAGAIN)
			return "not empty after maxsize messages";
		value += r->maxsize;
	}
	return ring_wrong(r);
}

#define EXPECT_SOUND(r) EXPECT_STREQ("", ring_wrong(r))
#define EXPECT_GOES_ON(r) EXPECT_STREQ("", ring_wrong_over_laps(r))
#define EXPECT_STATE(r, pos, state) EXPECT_EQ(state, pyq_word_state(ring_load_word(r, pos)))

#endif
