// SPDX-License-Identifier: GPL-2.0
/*
 * More tombstones than one call takes away: every -EBUSY has got on, counts are
 * exact, and nothing is called broken. And a length is that message's whose
 * position it comes with, however fast the slot is used again.
 */
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "stepped.h"
#include "ring_test.h"

#define load(p) __atomic_load_n(p, __ATOMIC_SEQ_CST)

/* --- tombstones in a row */

FIXTURE(tombstones) {
	struct pyq_ring r;
	__u64 p;		/* the first position */
	__u64 n;		/* so many, then there is room for one more */
};

FIXTURE_VARIANT(tombstones) {
	__u64 n;
	__u64 start;
};

FIXTURE_VARIANT_ADD(tombstones, as_many_as_tries) { .n = PYQ_RING_TRIES, .start = 0 };
FIXTURE_VARIANT_ADD(tombstones, one_too_many) { .n = PYQ_RING_TRIES + 1, .start = 77 };
FIXTURE_VARIANT_ADD(tombstones, five_thousand) { .n = 5000, .start = (1ULL << 32) - 100 };
FIXTURE_VARIANT_ADD(tombstones, all_of_a_mapping) { .n = 70000, .start = 0 };
FIXTURE_VARIANT_ADD(tombstones, last_lap) { .n = 5000, .start = (1ULL << (32 + 13)) - 3000 };

/* What one has claimed who then died. */
FIXTURE_SETUP(tombstones)
{
	struct pyq_ring dead;
	__u64 i;

	self->n = variant->n;
	self->p = variant->start;
	self->r = ring_new(self->n + 1, self->p);
	dead = ring_as(&self->r, OTHER);
	for (i = 0; i < self->n; i++)
		ring_claim_put(&dead);
	ASSERT_EQ(self->n, ring_recover(&self->r, OTHER));
	ASSERT_EQ(self->p, self->r.hdr->head);
}

FIXTURE_TEARDOWN(tombstones)
{
	EXPECT_SOUND(&self->r);
	ring_free(&self->r);
}

/* Claim as often as it says -EBUSY, which it may while it gets on. */
static int claim_at_last(struct pyq_ring *r, struct pyq_op *op)
{
	__u64 head = load(&r->hdr->head), before;
	int ret;

	do {
		before = head;
		ret = pyq_ring_claim_get(r, op, SLOT_SIZE);
		head = load(&r->hdr->head);
	} while (ret == -EBUSY && head != before);
	return ret;
}

TEST_F(tombstones, a_message_behind)
{
	struct pyq_op op = { .freed = false };

	ASSERT_EQ(0, ring_put(&self->r, 5));
	ASSERT_EQ(0, claim_at_last(&self->r, &op));
	EXPECT_TRUE(op.freed);
	EXPECT_EQ(self->p + self->n, op.pos);
	EXPECT_EQ(5, message_read(&self->r, &op));
	EXPECT_EQ(0, pyq_ring_release(&self->r, &op));
	EXPECT_EQ(-EAGAIN, ring_get(&self->r));
	EXPECT_EQ(self->n, ring_tombstones(&self->r));
}

TEST_F(tombstones, nothing_behind)
{
	struct pyq_op op = { .freed = false };

	EXPECT_EQ(-EAGAIN, claim_at_last(&self->r, &op));
	EXPECT_TRUE(op.freed);
	EXPECT_EQ(self->p + self->n, self->r.hdr->head);
	EXPECT_EQ(self->n, ring_tombstones(&self->r));
}

TEST_F(tombstones, shut_down)
{
	struct pyq_op op = { .freed = false };

	pyq_ring_close(&self->r);
	EXPECT_EQ(-ESHUTDOWN, claim_at_last(&self->r, &op));
	/* For the judgement at the end. */
	self->r.hdr->tail &= ~PYQUEUE_CLOSED;
}

/* A putter finds no room, and makes some. */
TEST_F(tombstones, full)
{
	struct pyq_op op = { .freed = false };
	int i;

	ASSERT_EQ(0, ring_put(&self->r, 1));
	for (i = 2; i < 100; i++) {
		ASSERT_EQ(0, ring_put(&self->r, i));
	}
	ASSERT_EQ(0, claim_at_last(&self->r, &op));
	EXPECT_EQ(1, message_read(&self->r, &op));
	EXPECT_EQ(0, pyq_ring_release(&self->r, &op));
}

/* One call each: it says what is, however many there are. */
TEST_F(tombstones, unfinished)
{
	EXPECT_EQ(0, ring_unfinished(&self->r));
	ASSERT_EQ(0, ring_put(&self->r, 1));
	EXPECT_EQ(1, ring_unfinished(&self->r));
}

TEST_F(tombstones, unfinished_with_a_message_behind)
{
	ASSERT_EQ(0, ring_put(&self->r, 1));
	EXPECT_EQ(1, ring_unfinished(&self->r));
	EXPECT_EQ(1, ring_qsize(&self->r));
}

TEST_F(tombstones, qsize)
{
	EXPECT_EQ(0, ring_qsize(&self->r));
	ASSERT_EQ(0, ring_put(&self->r, 1));
	EXPECT_EQ(1, ring_qsize(&self->r));
}

/* Nobody can be done with a tombstone. */
TEST_F(tombstones, task_done_without_a_message)
{
	EXPECT_EQ(-EINVAL, ring_task_done(&self->r, 1));
	EXPECT_EQ(0, ring_unfinished(&self->r));
}

TEST_F(tombstones, task_done)
{
	ASSERT_EQ(0, ring_put(&self->r, 1));
	EXPECT_EQ(-EINVAL, ring_task_done(&self->r, 2));
	EXPECT_EQ(1, ring_task_done(&self->r, 1));
	EXPECT_EQ(0, ring_unfinished(&self->r));
}

/* Several clear them away at the same time, and one finds the message. */
struct clearer {
	struct pyq_ring r;
	int ret;
	__s64 value;
	pthread_t thread;
};

static void *clear(void *arg)
{
	struct clearer *c = arg;
	struct pyq_op op = { .freed = false };

	c->ret = claim_at_last(&c->r, &op);
	if (!c->ret) {
		c->value = message_read(&c->r, &op);
		c->ret = pyq_ring_release(&c->r, &op);
	}
	return NULL;
}

TEST_F(tombstones, several_clear_them)
{
	struct clearer clearers[3];
	int i, got = 0;

	ASSERT_EQ(0, ring_put(&self->r, 5));
	for (i = 0; i < 3; i++) {
		clearers[i].r = ring_as(&self->r, ME + i);
		ASSERT_EQ(0, pthread_create(&clearers[i].thread, NULL, clear, &clearers[i]));
	}
	for (i = 0; i < 3; i++) {
		pthread_join(clearers[i].thread, NULL);
		if (!clearers[i].ret) {
			EXPECT_EQ(5, clearers[i].value);
			got++;
		} else {
			EXPECT_EQ(-EAGAIN, clearers[i].ret);
		}
	}
	EXPECT_EQ(1, got);
	EXPECT_EQ(self->n, ring_tombstones(&self->r));
	EXPECT_EQ(1, ring_unfinished(&self->r));
}

/* --- lengths */

/* Each message is its position: it tells its length, too. */
static int put_position(struct pyq_ring *r)
{
	struct pyq_op op = { .freed = false };
	int ret = pyq_ring_claim_put(r, &op);

	if (ret)
		return ret;
	message_write(r, &op, op.pos);
	return pyq_ring_publish(r, &op, message_len(op.pos), 0);
}

/*
 * Look at the next message with so much room. NULL, or what is wrong with what
 * was seen; -EMSGSIZE comes with a length alone, which can be judged if head has
 * stood still.
 */
static const char *look(struct pyq_ring *r, struct pyq_op *op, __u64 room, int *ret)
{
	__u64 head = load(&r->hdr->head);

	*ret = pyq_ring_peek(r, op, room);
	switch (*ret) {
	case 0:
		if (op->len != message_len(op->pos))
			return "another message's length";
		if (op->len > room)
			return "longer than the room";
		return NULL;
	case -EMSGSIZE:
		if (op->len <= room)
			return "-EMSGSIZE, and it would fit";
		if (load(&r->hdr->head) == head && op->len != message_len(head))
			return "-EMSGSIZE, and another message's length";
		return NULL;
	case -EAGAIN:
	case -EBUSY:
		return NULL;
	default:
		return "an error that cannot be";
	}
}

FIXTURE(lengths) {
	struct pyq_ring r;
};

FIXTURE_VARIANT(lengths) {
	__u64 maxsize;
	__u64 start;
};

FIXTURE_VARIANT_ADD(lengths, one_slot) { .maxsize = 1, .start = 0 };
FIXTURE_VARIANT_ADD(lengths, one_slot_last_lap) { .maxsize = 1, .start = (1ULL << 32) - 3 };
FIXTURE_VARIANT_ADD(lengths, two_slots) { .maxsize = 2, .start = 0 };
FIXTURE_VARIANT_ADD(lengths, bound_of_three) { .maxsize = 3, .start = (1ULL << 32) - 3 };

FIXTURE_SETUP(lengths)
{
	self->r = ring_new(variant->maxsize, variant->start);
}

FIXTURE_TEARDOWN(lengths)
{
	ring_free(&self->r);
}

/* Before each step of a look: laps go by, the last one perhaps not to its end. */
static struct {
	struct pyq_ring other;
	unsigned int step, interrupted_at, laps;
	bool interrupted, unpublished;
	struct pyq_op claim;
} scene;

static void before_step(const char *kind, const void *at)
{
	unsigned int i;

	(void)kind, (void)at;
	if (scene.step++ != scene.interrupted_at)
		return;
	scene.interrupted = true;
	stepped.before = NULL;
	for (i = 0; i < scene.laps; i++) {
		if (ring_get(&scene.other) < 0 || put_position(&scene.other))
			abort();
	}
	if (scene.unpublished) {
		while (ring_get(&scene.other) >= 0)
			;
		/* As far as before the last step of a publish. */
		scene.claim = ring_claim_put(&scene.other);
		pyq_ring_slot(&scene.other, scene.claim.pos)->len = message_len(scene.claim.pos);
	}
}

/* A look at a ring with one message, interrupted there. NULL, or what is wrong. */
static const char *interrupted_look(__u64 maxsize, __u64 start, __u64 room)
{
	struct pyq_ring r = ring_new(maxsize, start);
	struct pyq_op op = { .freed = false };
	const char *wrong;
	bool claimed;
	int ret;

	if (put_position(&r))
		abort();
	scene.other = ring_as(&r, OTHER);
	stepped.before = before_step;
	wrong = look(&r, &op, room, &ret);
	stepped.before = NULL;
	if (!wrong && !ret) {
		claimed = pyq_ring_claim_peeked(&r, &op);
		if (claimed && message_read(&r, &op) != (__s64)op.pos)
			wrong = "another message";
		if (claimed && scene.interrupted && scene.unpublished)
			wrong = "claimed what is not there";
		if (!claimed && !scene.interrupted)
			wrong = "not claimed, and nobody was quicker";
	}
	ring_free(&r);
	return wrong ?: "";
}

TEST_F(lengths, next_lap_before_each_step)
{
	static const __u64 rooms[] = { SLOT_SIZE, 0, 20 };
	unsigned int kind, at;

	/* Three rooms, up to three laps, the last one to its end or not. */
	for (kind = 0; kind < 3 * 4 * 2; kind++) {
		for (at = 0; at < 100; at++) {
			memset(&scene, 0, sizeof(scene));
			scene.interrupted_at = at;
			scene.laps = kind / 3 % 4;
			scene.unpublished = kind / 12;
			EXPECT_STREQ("", interrupted_look(variant->maxsize, variant->start + at,
							  rooms[kind % 3]));
			if (!scene.interrupted)
				break;
		}
		EXPECT_LT(3, at);
		EXPECT_GT(100, at);
	}
}

/*
 * The same with threads, for a while: one who puts and takes, one who looks and
 * sometimes takes.
 */
#define MESSAGES 30000
#define WHILE 300000000ULL	/* nanoseconds */

struct writer {
	struct pyq_ring r;
	const char *wrong;
	__u64 put, taken;
	int over;
	pthread_t thread;
};

static __u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void *write_all(void *arg)
{
	struct writer *w = arg;
	__u64 end = now_ns() + WHILE;

	while (w->put < MESSAGES && now_ns() < end && !w->wrong) {
		int ret = put_position(&w->r);

		if (!ret) {
			w->put++;
			continue;
		}
		if (ret != -EAGAIN && ret != -EBUSY)
			w->wrong = "put failed";
		if (w->put % 8) {
			struct pyq_op op = { .freed = false };
			__s64 value = ring_get_op(&w->r, &op);

			w->taken += value >= 0;
			if (value >= 0 && (__u64)value != op.pos)
				w->wrong = "another message";
			if (value < 0 && value != -EAGAIN && value != -EBUSY)
				w->wrong = "get failed";
		} else {
			sched_yield();
		}
	}
	__atomic_store_n(&w->over, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

TEST_F(lengths, next_lap_meanwhile)
{
	struct writer w = { .r = ring_as(&self->r, OTHER) };
	const char *wrong = NULL;
	__u64 taken = 0, looks;

	ASSERT_EQ(0, pthread_create(&w.thread, NULL, write_all, &w));
	for (looks = 0; !wrong; looks++) {
		bool last = load(&w.over);
		struct pyq_op op = { .freed = false };
		int ret;

		wrong = look(&self->r, &op, looks % 4 ? SLOT_SIZE : looks % 40, &ret);
		if (wrong || (last && ret == -EAGAIN))
			break;
		/* Nothing but the length may be read before it is claimed. */
		if (ret || looks % 8 > 2)
			continue;
		if (!pyq_ring_claim_peeked(&self->r, &op))
			continue;
		if (message_read(&self->r, &op) != (__s64)op.pos)
			wrong = "another message";
		if (pyq_ring_release(&self->r, &op))
			wrong = "release failed";
		taken++;
	}
	pthread_join(w.thread, NULL);
	EXPECT_STREQ("", wrong ?: "");
	EXPECT_STREQ("", w.wrong ?: "");
	if (!wrong && !w.wrong)
		EXPECT_EQ(w.put, taken + w.taken);
}

TEST_HARNESS_MAIN
