// SPDX-License-Identifier: GPL-2.0
/*
 * Four producers and four consumers on one ring, each with a view and an owner
 * number of its own: every message is delivered exactly once, whole, and in
 * order, whatever some of them do to the others.
 */
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <time.h>

#include "ring_test.h"

/*
 * Of each producer, at most: a turn on a busy machine takes milliseconds, and a ring
 * of one slot takes one for each message. TSan is ten times slower, and needs no luck to see a race. */
#ifdef __SANITIZE_THREAD__
#define MESSAGES 6000
#else
#define MESSAGES 20000
#endif

/* When it is over nobody begins another message; nanoseconds. */
#define TIME 5000000000ULL

enum {
	PRODUCERS = 4,
	CONSUMERS = 4,
	THREADS = PRODUCERS + CONSUMERS,
	ONE_IN = 16,		/* how often a troubled participant makes trouble */
};

/* What a message says. The words after the first two are made of them. */
struct message {
	__u64 producer;
	__u64 number;
	__u64 filler[4];
};

struct arena {
	struct pyq_ring r;
	bool troubled;		/* they abort, give back, die */
	__u64 published;	/* by all */
	__u64 finished;		/* delivered and task_done */
	__u64 close_at;		/* shut down when so many have been published, or 0 */
	__u64 until;		/* when the time is over */
	unsigned int producing;	/* producers at work */
	/* [producer][number] */
	__u8 delivered[PRODUCERS][MESSAGES];
	__u8 returned[PRODUCERS][MESSAGES]; /* has been claimed in vain before */
	int last_task_done;	/* how often task_done said that none is unfinished */
};

struct participant {
	struct arena *arena;
	struct pyq_ring r;
	unsigned int index;
	__u64 random;
	__u64 published;
	const char *wrong;	/* what it has seen, or NULL */
	pthread_t thread;
};

static unsigned int one_of(struct participant *p, unsigned int n)
{
	/* xorshift */
	p->random ^= p->random << 13;
	p->random ^= p->random >> 7;
	p->random ^= p->random << 17;
	return p->random % n;
}

static bool trouble(struct participant *p)
{
	return p->arena->troubled && !one_of(p, ONE_IN);
}

/*
 * Die with a claim in hand: it is left as it is, and recovered, as the kernel
 * would, under another number. (Death inside an operation: ring_kill.c.)
 */
static void die(struct participant *p)
{
	__u16 dead = p->r.owner;

	/* Two numbers a thread, used by turns: each is free again by then. */
	p->r.owner = dead <= THREADS ? dead + THREADS : dead - THREADS;
	if (ring_recover(&p->r, dead) < 0)
		p->wrong = "recovery says that the ring is broken";
}

/* -EAGAIN and -EBUSY: not now. */
static bool not_now(int ret)
{
	if (ret != -EAGAIN && ret != -EBUSY)
		return false;
	sched_yield();
	return true;
}

/* What join and qsize do, in the middle of it all. */
static void look_around(struct participant *p)
{
	struct pyq_op op = { .freed = false };
	int ret;

	if (pyq_ring_qsize(&p->r, &op) > 2 * pyq_ring_slots(&p->r))
		p->wrong = "qsize is more than the slots can hold";
	if (pyq_ring_unfinished(&p->r, &op) > PRODUCERS * (MESSAGES + pyq_ring_slots(&p->r)))
		p->wrong = "more unfinished than put";
	ret = pyq_ring_can_put(&p->r, &op);
	if (ret && ret != -EAGAIN && ret != -EBUSY && ret != -ESHUTDOWN)
		p->wrong = "can_put failed";
	ret = pyq_ring_can_get(&p->r, &op);
	if (ret && ret != -EAGAIN && ret != -EBUSY && ret != -ESHUTDOWN)
		p->wrong = "can_get failed";
}

/*
 * Plain loads and stores, so that TSan sees whether the ring orders them; word
 * by word, for it does not see into a memcpy() that the compiler has expanded.
 */
static void copy_words(__u64 *to, const __u64 *from, __u32 len)
{
	__u32 i;

	for (i = 0; i < len / sizeof(*to); i++)
		to[i] = from[i];
}

static __u64 *payload_of(struct participant *p, const struct pyq_op *op)
{
	return (__u64 *)pyq_ring_slot(&p->r, op->pos)->payload;
}

static __u32 length_of(__u64 number)
{
	return (2 + number % 5) * sizeof(__u64);
}

/* Returns 0, 1 to try again, or -ESHUTDOWN. */
static int produce_one(struct participant *p, __u64 number)
{
	struct message m = { .producer = p->index, .number = number };
	struct pyq_op op = { .freed = false };
	int ret = pyq_ring_claim_put(&p->r, &op);
	unsigned int i;

	if (not_now(ret))
		return 1;
	if (ret == -ESHUTDOWN)
		return ret;
	if (ret) {
		p->wrong = "claim_put failed";
		return -ESHUTDOWN;
	}
	/* Head only grows, so this can only become more true. */
	if ((__s64)(op.pos - __atomic_load_n(&p->r.hdr->head, __ATOMIC_ACQUIRE)) >=
	    (__s64)p->r.maxsize)
		p->wrong = "claimed beyond the bound";

	if (trouble(p)) {
		if (one_of(p, 2))
			die(p);
		else if (pyq_ring_abort(&p->r, &op))
			p->wrong = "abort failed";
		return 1;
	}

	for (i = 0; i < ARRAY_SIZE(m.filler); i++)
		m.filler[i] = (m.producer << 32 | m.number) * (i + 3);
	copy_words(payload_of(p, &op), (__u64 *)&m, length_of(number));
	if (pyq_ring_publish(&p->r, &op, length_of(number), 0)) {
		p->wrong = "publish failed";
		return -ESHUTDOWN;
	}
	p->published++;
	if (__atomic_add_fetch(&p->arena->published, 1, __ATOMIC_RELAXED) == p->arena->close_at)
		pyq_ring_close(&p->r);
	return 0;
}

static __u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static void *produce(void *arg)
{
	struct participant *p = arg;
	struct arena *a = p->arena;
	__u64 number = 0;

	while (number < MESSAGES && now_ns() < a->until && !p->wrong) {
		int ret = produce_one(p, number);

		if (ret < 0)
			break;
		if (!ret)
			number++;
		if (trouble(p))
			look_around(p);
	}
	if (a->close_at && now_ns() >= a->until)
		pyq_ring_close(&p->r);
	__atomic_sub_fetch(&a->producing, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static const char *check_message(const struct message *m, __u32 len)
{
	unsigned int i;

	if (m->producer >= PRODUCERS || m->number >= MESSAGES)
		return "a message that nobody has put";
	if (len != length_of(m->number))
		return "a message of another length";
	for (i = 0; i < len / sizeof(__u64) - 2; i++)
		if (m->filler[i] != (m->producer << 32 | m->number) * (i + 3))
			return "a message in parts";
	return NULL;
}

/* Returns 0, 1 to try again, or -ESHUTDOWN. */
static int consume_one(struct participant *p, __s64 last[PRODUCERS])
{
	struct arena *a = p->arena;
	struct pyq_op op = { .freed = false };
	struct message m;
	int ret = pyq_ring_claim_get(&p->r, &op, trouble(p) ? 16 : sizeof(m));

	if (ret == -EMSGSIZE || not_now(ret))
		return 1;
	if (ret == -ESHUTDOWN)
		return ret;
	if (ret) {
		p->wrong = "claim_get failed";
		return -ESHUTDOWN;
	}
	if (op.len > sizeof(m)) {
		p->wrong = "a message longer than the room";
		return -ESHUTDOWN;
	}
	copy_words((__u64 *)&m, payload_of(p, &op), op.len);
	p->wrong = check_message(&m, op.len);
	if (p->wrong)
		return -ESHUTDOWN;

	/* Order holds for what nobody has had in hand before. */
	if (!__atomic_load_n(&a->returned[m.producer][m.number], __ATOMIC_RELAXED)) {
		if ((__s64)m.number <= last[m.producer])
			p->wrong = "an older message after a newer one";
		last[m.producer] = m.number;
		if (pyq_word_deliveries(op.word))
			p->wrong = "delivered before, and nobody had it";
	}

	if (trouble(p)) {
		__atomic_store_n(&a->returned[m.producer][m.number], 1, __ATOMIC_RELAXED);
		if (one_of(p, 2))
			die(p);
		else if (pyq_ring_give_back(&p->r, &op))
			p->wrong = "give_back failed";
		return 1;
	}
	if (pyq_ring_release(&p->r, &op)) {
		p->wrong = "release failed";
		return -ESHUTDOWN;
	}
	if (__atomic_add_fetch(&a->delivered[m.producer][m.number], 1, __ATOMIC_RELAXED) != 1)
		p->wrong = "delivered twice";

	do
		ret = ring_task_done(&p->r, 1);
	while (not_now(ret));
	if (ret < 0)
		p->wrong = "task_done failed";
	if (ret == 1)
		__atomic_add_fetch(&a->last_task_done, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&a->finished, 1, __ATOMIC_RELAXED);
	return 0;
}

/* Is all that was put done with, and nobody puts any more? */
static bool all_done(struct arena *a)
{
	return !__atomic_load_n(&a->producing, __ATOMIC_SEQ_CST) &&
	       __atomic_load_n(&a->finished, __ATOMIC_RELAXED) ==
		       __atomic_load_n(&a->published, __ATOMIC_RELAXED);
}

static void *consume(void *arg)
{
	struct participant *p = arg;
	__s64 last[PRODUCERS] = { -1, -1, -1, -1 };

	while (!p->wrong) {
		if (consume_one(p, last) < 0)
			break;
		/* Without a shutdown it ends with the last message. */
		if (!p->arena->close_at && all_done(p->arena))
			break;
		if (trouble(p))
			look_around(p);
	}
	return NULL;
}

FIXTURE(threads) {
	struct arena *arena;
	struct participant all[THREADS];
};

FIXTURE_VARIANT(threads) {
	__u64 maxsize;
	bool troubled;
	__u64 close_at;
};

#define ARENAS(size)                                                                         \
	FIXTURE_VARIANT_ADD(threads, size##_smooth) { .maxsize = size };                     \
	FIXTURE_VARIANT_ADD(threads, size##_troubled) { .maxsize = size, .troubled = true }; \
	FIXTURE_VARIANT_ADD(threads, size##_shut_down) {                                     \
		.maxsize = size, .troubled = true, .close_at = PRODUCERS * MESSAGES / 3 }

ARENAS(1);
ARENAS(3);
ARENAS(8);
ARENAS(100);

FIXTURE_SETUP(threads)
{
	self->arena = calloc(1, sizeof(*self->arena));
	ASSERT_NE(NULL, self->arena);
	/* Positions and laps wrap on the way. */
	self->arena->r = ring_new(variant->maxsize,
				  (1ULL << 32 << pyq_ring_order(variant->maxsize)) - MESSAGES);
	self->arena->troubled = variant->troubled;
	self->arena->close_at = variant->close_at;
}

FIXTURE_TEARDOWN(threads)
{
	ring_free(&self->arena->r);
	free(self->arena);
}

TEST_F(threads, all_accounted_for)
{
	struct arena *a = self->arena;
	__u64 total = 0, number;
	unsigned int i;
	bool late;

	a->until = now_ns() + TIME;
	a->producing = PRODUCERS;
	for (i = 0; i < THREADS; i++) {
		struct participant *p = &self->all[i];

		p->arena = a;
		p->r = ring_as(&a->r, 1 + i);
		p->index = i;
		p->random = 88172645463325252ULL * (2 * i + 1);
		ASSERT_EQ(0, pthread_create(&p->thread, NULL, i < PRODUCERS ? produce : consume,
					    p));
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(self->all[i].thread, NULL);
	late = now_ns() >= a->until;
	for (i = 0; i < THREADS; i++)
		EXPECT_STREQ("", self->all[i].wrong ?: "");

	/* Exactly what each producer has put, from its first on. */
	for (i = 0; i < PRODUCERS; i++) {
		__u64 n = self->all[i].published;

		total += n;
		EXPECT_TRUE(n == MESSAGES || variant->close_at || late);
		for (number = 0; number < MESSAGES; number++)
			if (a->delivered[i][number] != (number < n))
				break;
		EXPECT_EQ(MESSAGES, number);
	}
	EXPECT_EQ(total, a->finished);
	EXPECT_LE(late ? 1 : variant->close_at, total);
	EXPECT_LE(1, a->last_task_done);
	EXPECT_EQ(0, ring_unfinished(&a->r));
	EXPECT_EQ(0, ring_qsize(&a->r));
	EXPECT_EQ(-EINVAL, ring_task_done(&a->r, 1));
	EXPECT_EQ(variant->close_at ? -ESHUTDOWN : -EAGAIN, ring_get(&a->r));
	EXPECT_SOUND(&a->r);
	EXPECT_EQ(variant->troubled, ring_tombstones(&a->r) > 0);
	if (!variant->close_at)
		EXPECT_GOES_ON(&a->r);
}

TEST_HARNESS_MAIN
