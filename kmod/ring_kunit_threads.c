// SPDX-License-Identifier: GPL-2.0
/*
 * Several kernel threads at work on one ring, each with a view and an owner number of its
 * own: every message is delivered exactly once, whole and in order, whatever some of them
 * do to the others.
 */
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

#include "ring_kunit.h"
#include "ring_cases.h"

enum {
	PRODUCERS = 2,
	CONSUMERS = 2,
	THREADS = PRODUCERS + CONSUMERS,
	MESSAGES = 3000,	/* of each producer, at most */
	ONE_IN = 16,		/* how often a troubled one makes trouble */
	BATCH = 4,
};

/* When it is over nobody begins another message: a turn on a busy machine takes long. */
#define TIME (HZ / 2)

struct threads_variant {
	const char *name;
	__u64 maxsize;
	bool batches;
	bool troubled;		/* they abort, give back, die */
	bool closed;		/* shut down while they are at it */
};

static const struct threads_variant threads_variants[] = {
	{ .name = "one_slot", .maxsize = 1 },
	{ .name = "three_in_four", .maxsize = 3 },
	{ .name = "64", .maxsize = 64 },
	{ .name = "64_in_batches", .maxsize = 64, .batches = true },
	{ .name = "one_slot_troubled", .maxsize = 1, .troubled = true },
	{ .name = "three_in_four_troubled", .maxsize = 3, .troubled = true },
	{ .name = "64_in_batches_troubled", .maxsize = 64, .batches = true, .troubled = true },
	{ .name = "three_in_four_closed", .maxsize = 3, .troubled = true, .closed = true },
	{ .name = "64_in_batches_closed", .maxsize = 64, .batches = true, .closed = true },
};

static void threads_variant_name(const struct threads_variant *variant, char *name)
{
	strscpy(name, variant->name, KUNIT_PARAM_DESC_SIZE);
}

struct arena;

struct participant {
	struct arena *arena;
	struct pyq_ring r;
	struct task_struct *task;
	struct completion over;
	unsigned int index;
	__u64 random;
	__u64 published;
	__s64 last[PRODUCERS];	/* the newest message of each that nobody else had in hand */
	const char *wrong;	/* what it has seen, or NULL */
};

struct arena {
	const struct threads_variant *variant;
	struct pyq_ring r;
	unsigned long until;	/* when the time is over, in jiffies */
	atomic_t producing;	/* producers at work */
	atomic_t published;
	atomic_t finished;	/* delivered and task_done */
	atomic_t last;		/* how often task_done said that none is unfinished */
	atomic_t delivered[PRODUCERS][MESSAGES];
	bool returned[PRODUCERS][MESSAGES];	/* has been claimed in vain before */
	struct participant all[THREADS];
};

static unsigned int one_of(struct participant *p, unsigned int n)
{
	/* xorshift */
	p->random ^= p->random << 13;
	p->random ^= p->random >> 7;
	p->random ^= p->random << 17;
	return p->random % n;
}

static bool is_in_trouble(struct participant *p)
{
	return p->arena->variant->troubled && !one_of(p, ONE_IN);
}

static void see(struct participant *p, const char *wrong)
{
	if (!p->wrong)
		WRITE_ONCE(p->wrong, wrong);
}

/* One that has gone wrong must not let the others wait. */
static bool is_over(const struct arena *a)
{
	unsigned int i;

	for (i = 0; i < THREADS; i++)
		if (READ_ONCE(a->all[i].wrong))
			return true;
	return false;
}

static bool is_late(const struct arena *a)
{
	return time_after_eq(jiffies, a->until);
}

/* -EAGAIN and -EBUSY: not now; it is another's turn. */
static bool not_now(int ret)
{
	if (ret != -EAGAIN && ret != -EBUSY)
		return false;
	schedule();
	return true;
}

/*
 * Die with claims in hand: they are left as they are, and recovered under another number.
 * Two numbers a thread, used by turns: each is free again by then.
 */
static void die(struct participant *p)
{
	__u16 dead = p->r.owner;

	p->r.owner = dead <= THREADS ? dead + THREADS : dead - THREADS;
	if (ring_recover(&p->r, dead) < 0)
		see(p, "recovery says that the ring is broken");
}

/* What join, qsize and poll do, in the middle of it all. */
static void look_around(struct participant *p)
{
	struct pyq_op op = { .freed = false };
	int ret;

	if (pyq_ring_qsize(&p->r, &op) > 2 * pyq_ring_slots(&p->r))
		see(p, "qsize is more than the slots can hold");
	ret = pyq_ring_can_put(&p->r, &op);
	if (ret && ret != -EAGAIN && ret != -EBUSY && ret != -ESHUTDOWN)
		see(p, "can_put failed");
	ret = pyq_ring_can_get(&p->r, &op);
	if (ret && ret != -EAGAIN && ret != -EBUSY && ret != -ESHUTDOWN)
		see(p, "can_get failed");
}

/* The producer and the number in one. */
static __u64 message_of(const struct participant *p, __u64 number)
{
	return number * PRODUCERS + p->index;
}

/* Return: how many have been put, or -ESHUTDOWN. */
static int produce_some(struct participant *p, __u64 number)
{
	unsigned int n = min_t(__u64, p->arena->variant->batches ? BATCH : 1, MESSAGES - number);
	struct pyq_op ops[BATCH] = {};
	int claimed, i;

	claimed = pyq_ring_claim_puts(&p->r, ops, n);
	if (not_now(claimed))
		return 0;
	if (claimed < 0) {
		if (claimed != -ESHUTDOWN)
			see(p, "claim_puts failed");
		return -ESHUTDOWN;
	}
	/* Head only grows, so this can only become more true. */
	if ((__s64)(ops[claimed - 1].pos - case_load(&p->r.hdr->head)) >= (__s64)p->r.maxsize)
		see(p, "claimed beyond the bound");
	if (is_in_trouble(p)) {
		if (one_of(p, 2)) {
			die(p);
			return 0;
		}
		for (i = 0; i < claimed; i++)
			if (pyq_ring_abort(&p->r, &ops[i]))
				see(p, "abort failed");
		return 0;
	}
	for (i = 0; i < claimed; i++) {
		__u64 value = message_of(p, number + i);

		message_write(&p->r, &ops[i], value);
		if (pyq_ring_publish(&p->r, &ops[i], message_len(value), 0))
			see(p, "publish failed");
		p->published++;
		if (atomic_inc_return(&p->arena->published) == MESSAGES / 2 &&
		    p->arena->variant->closed)
			pyq_ring_close(&p->r);
	}
	return claimed;
}

static int produce(void *data)
{
	struct participant *p = data;
	__u64 number = 0;

	while (number < MESSAGES && !(number && is_late(p->arena)) && !is_over(p->arena)) {
		int ret = produce_some(p, number);

		if (ret < 0)
			break;
		number += ret;
		if (is_in_trouble(p))
			look_around(p);
		cond_resched();
	}
	/* Late, and not so many have been put yet. */
	if (p->arena->variant->closed && is_late(p->arena))
		pyq_ring_close(&p->r);
	atomic_dec(&p->arena->producing);
	/* Not by returning: the module may be gone before this has. */
	kthread_complete_and_exit(&p->over, 0);
}

static void consume_one(struct participant *p, struct pyq_op *op)
{
	struct arena *a = p->arena;
	__s64 value = message_read(&p->r, op);
	__u64 from, number;
	int ret;

	if (value < 0 || value >= PRODUCERS * MESSAGES) {
		see(p, "a message in parts, or one that nobody has put");
		return;
	}
	from = value % PRODUCERS;
	number = value / PRODUCERS;

	/* Order holds for what nobody has had in hand before. */
	if (!READ_ONCE(a->returned[from][number])) {
		if ((__s64)number <= p->last[from])
			see(p, "an older message after a newer one");
		p->last[from] = number;
		if (pyq_word_deliveries(op->word))
			see(p, "delivered before, and nobody had it");
	}
	if (is_in_trouble(p)) {
		WRITE_ONCE(a->returned[from][number], true);
		if (pyq_ring_give_back(&p->r, op))
			see(p, "give_back failed");
		return;
	}
	if (pyq_ring_release(&p->r, op)) {
		see(p, "release failed");
		return;
	}
	if (atomic_inc_return(&a->delivered[from][number]) != 1)
		see(p, "delivered twice");
	do
		ret = ring_task_done(&p->r, 1);
	while (not_now(ret));
	if (ret < 0)
		see(p, "task_done failed");
	if (ret == 1)
		atomic_inc(&a->last);
	atomic_inc(&a->finished);
}

/* Return: 0, or -ESHUTDOWN: there will be no more. */
static int consume_some(struct participant *p)
{
	struct arena *a = p->arena;
	struct pyq_op ops[BATCH] = {};
	int claimed, i;

	for (i = 0; i < BATCH; i++)
		ops[i].len = SLOT_SIZE;
	claimed = pyq_ring_claim_gets(&p->r, ops, a->variant->batches ? BATCH : 1);
	if (not_now(claimed))
		return 0;
	if (claimed < 0) {
		if (claimed != -ESHUTDOWN)
			see(p, "claim_gets failed");
		return -ESHUTDOWN;
	}
	if (is_in_trouble(p)) {
		for (i = 0; i < claimed; i++) {
			__s64 value = message_read(&p->r, &ops[i]);

			if (value < 0 || value >= PRODUCERS * MESSAGES)
				see(p, "a message in parts, or one that nobody has put");
			else
				WRITE_ONCE(a->returned[value % PRODUCERS][value / PRODUCERS], true);
		}
		die(p);
		return 0;
	}
	for (i = 0; i < claimed; i++)
		consume_one(p, &ops[i]);
	return 0;
}

/* Is all that was put done with, and nobody puts any more? */
static bool is_all_done(struct arena *a)
{
	if (atomic_read(&a->producing))
		return false;
	smp_rmb(); /* who is not producing any more has counted what he put before */
	return atomic_read(&a->finished) == atomic_read(&a->published);
}

static int consume(void *data)
{
	struct participant *p = data;
	struct arena *a = p->arena;

	while (!is_over(a)) {
		/* Shut down, and another may still give back what he has in hand. */
		if (consume_some(p) < 0 && is_all_done(a))
			break;
		if (!a->variant->closed && is_all_done(a))
			break;
		if (is_in_trouble(p))
			look_around(p);
		cond_resched();
	}
	/* Not by returning: the module may be gone before this has. */
	kthread_complete_and_exit(&p->over, 0);
}

/* Positions and laps wrap on the way. */
static int threads_init(struct kunit *test)
{
	const struct threads_variant *variant = test->param_value;
	struct arena *a = kvzalloc(sizeof(*a), GFP_KERNEL);

	if (!a)
		return -ENOMEM;
	test->priv = a;
	a->variant = variant;
	a->r = ring_new(variant->maxsize,
			(1ULL << 32 << pyq_ring_order(variant->maxsize)) - MESSAGES);
	return 0;
}

static void threads_exit(struct kunit *test)
{
	struct arena *a = test->priv;

	if (!a)
		return;
	ring_free(&a->r);
	kvfree(a);
}

static void start(struct kunit *test, struct participant *p, unsigned int index)
{
	struct arena *a = test->priv;

	p->arena = a;
	p->r = ring_as(&a->r, 1 + index);
	p->index = index;
	p->random = 88172645463325252ULL * (2 * index + 1);
	memset(p->last, 0xff, sizeof(p->last)); /* -1 each */
	init_completion(&p->over);
	p->task = kthread_run(index < PRODUCERS ? produce : consume, p, "pyqueue-kunit/%u", index);
	if (IS_ERR(p->task)) {
		see(p, "no thread");
		complete(&p->over);
	}
}

static void threads_all_accounted_for(struct kunit *test)
{
	const struct threads_variant *variant = test->param_value;
	struct arena *a = test->priv;
	unsigned int i, number, total = 0;
	bool late;

	a->until = jiffies + TIME;
	atomic_set(&a->producing, PRODUCERS);
	for (i = 0; i < THREADS; i++)
		start(test, &a->all[i], i);
	for (i = 0; i < THREADS; i++)
		wait_for_completion(&a->all[i].over);
	late = is_late(a);
	for (i = 0; i < THREADS; i++)
		KUNIT_EXPECT_STREQ(test, "", a->all[i].wrong ?: "");

	/* Exactly what each producer has put, from its first on. */
	for (i = 0; i < PRODUCERS; i++) {
		unsigned int n = a->all[i].published;

		total += n;
		KUNIT_EXPECT_TRUE(test, n == MESSAGES || variant->closed || late);
		for (number = 0; number < MESSAGES; number++)
			if (atomic_read(&a->delivered[i][number]) != (number < n ? 1 : 0))
				break;
		KUNIT_EXPECT_EQ(test, MESSAGES, number);
	}
	KUNIT_EXPECT_EQ(test, total, atomic_read(&a->finished));
	KUNIT_EXPECT_LE(test, late ? 1 : MESSAGES / 2, total);
	KUNIT_EXPECT_LE(test, 1, atomic_read(&a->last));
	KUNIT_EXPECT_EQ(test, 0, ring_unfinished(&a->r));
	KUNIT_EXPECT_EQ(test, 0, ring_qsize(&a->r));
	KUNIT_EXPECT_EQ(test, -EINVAL, ring_task_done(&a->r, 1));
	KUNIT_EXPECT_EQ(test, variant->closed ? -ESHUTDOWN : -EAGAIN, ring_get(&a->r));
	KUNIT_EXPECT_STREQ(test, "", ring_wrong(&a->r));
	KUNIT_EXPECT_TRUE(test, variant->troubled || !ring_tombstones(&a->r));
	if (!variant->closed)
		KUNIT_EXPECT_STREQ(test, "", ring_wrong_over_laps(&a->r));
}

KUNIT_ARRAY_PARAM(threads, threads_variants, threads_variant_name);

static struct kunit_case threads_cases[] = {
	KUNIT_CASE_PARAM(threads_all_accounted_for, threads_gen_params),
	{}
};

static struct kunit_suite threads_suite = {
	.name = "pyqueue_ring_threads",
	.init = threads_init,
	.exit = threads_exit,
	.test_cases = threads_cases,
};

kunit_test_suite(threads_suite);
