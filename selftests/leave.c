// SPDX-License-Identifier: GPL-2.0
/*
 * The baton, when the one who was woken leaves by a signal, by his deadline or
 * by death: what he was woken for goes to the next.
 */
#include "mapped.h"
#include "sleepers.h"

FIXTURE(leaver) {
	int dev;
	int q;
	const struct side *side;
};

FIXTURE_VARIANT(leaver) {
	struct side side;
};

#define SIDE(name, ...) FIXTURE_VARIANT_ADD(leaver, name) { .side = { __VA_ARGS__ } }

SIDE(get, .gets = true, .wait = wait_in_get);
SIDE(put, .wait = wait_in_put);
SIDE(put_large, .wait = wait_in_put_large);
SIDE(read, .gets = true, .wait = wait_in_read);
SIDE(write, .wait = wait_in_write);

static void ignore_signal(int sig)
{
}

FIXTURE_SETUP(leaver)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->side = &variant->side;
	self->q = side_queue(self->dev, self->side);
	ASSERT_LE(0, self->q);
	on_signal(SIGUSR1, ignore_signal, 0);
}

FIXTURE_TEARDOWN(leaver)
{
	close(self->q);
	close(self->dev);
}

/* proves: promise kill-baton */
/*
 * Killed, but still in the list of those who wait, and first in it, when what he
 * waited for comes: the next gets it.
 */
TEST_F(leaver, killed_before_the_wake_up)
{
	for (int i = 0; i < 3; i++) {
		pid_t first = sleeper(self->q, self->side, SOON, 1);
		pid_t second = sleeper(self->q, self->side, SOON, 2);

		ASSERT_LT(0, first);
		ASSERT_LT(0, second);
		/* Neither can run until both things have happened. */
		sched_setaffinity(first, sizeof(cpu_set_t), &(cpu_set_t){ { 1 } });
		sched_setaffinity(second, sizeof(cpu_set_t), &(cpu_set_t){ { 1 } });
		if (!one_cpu() || !before_everybody(true))
			SKIP(return, "no real-time priority to be had");
		EXPECT_EQ(0, kill(first, SIGKILL));
		EXPECT_EQ(0, let_one_go(self->q, self->side));
		before_everybody(false);
		ASSERT_EQ(KILLED_BY(SIGKILL), reap(first));
		ASSERT_EQ(0, reap(second));
		ASSERT_FALSE(could_go(self->q, self->side));
		ASSERT_EQ(0, sleeping(self->q, self->side));
	}
}

/* The same for a message that is there again: it was in the hand of who maps the queue. */
TEST(killed_before_a_message_comes_again)
{
	const struct side side = { .gets = true, .wait = wait_in_get };
	int dev = dev_open(), q = pq_create(dev, .maxsize = 4);
	struct pyq_op op = { .freed = false };
	struct pyq_ring r = { .hdr = NULL };
	pid_t first, second;

	ASSERT_LE(0, q);
	ASSERT_LT(0, map_ring(q, &r));
	/* Not the first slot of all: that is the only one which every look begins with. */
	ASSERT_EQ(2, put_up_to(q, 2));
	ASSERT_EQ(1, get_up_to(q, 1));
	ASSERT_EQ(0, pyq_ring_claim_get(&r, &op, UINT64_MAX));
	first = sleeper(q, &side, SOON, 1);
	second = sleeper(q, &side, SOON, 2);
	ASSERT_LT(0, first);
	ASSERT_LT(0, second);
	sched_setaffinity(first, sizeof(cpu_set_t), &(cpu_set_t){ { 1 } });
	sched_setaffinity(second, sizeof(cpu_set_t), &(cpu_set_t){ { 1 } });
	if (!one_cpu() || !before_everybody(true))
		SKIP(return, "no real-time priority to be had");
	EXPECT_EQ(0, kill(first, SIGKILL));
	EXPECT_EQ(0, pyq_ring_give_back(&r, &op));
	EXPECT_EQ(0, pq_wake(q, PYQUEUE_WAKE_GETTERS, 1));
	before_everybody(false);
	EXPECT_EQ(KILLED_BY(SIGKILL), reap(first));
	EXPECT_EQ(0, reap(second));
	EXPECT_EQ(0, pq_qsize(q));
	unmap_ring(q, &r);
	close(q);
	close(dev);
}

/*
 * Where it cannot be known whether the one who was killed had it: let the second
 * go too, unless he goes anyhow. He may have his already in his hand and not be
 * out of the line yet, nor may what he holds be free yet.
 */
static bool let_the_second_go(int q, const struct side *side)
{
	return eventually(!sleeping(q, side) || !let_one_go(q, side));
}

/* He did go anyhow, and one more than necessary has been let go. */
static void take_back(int q, const struct side *side)
{
	if (could_go(q, side))
		side->wait(q, SOON);
}

/* Woken, and killed before he could run: either of them has it, not nobody. */
TEST_F(leaver, killed_after_the_wake_up)
{
	for (int i = 0; i < 3; i++) {
		pid_t first = sleeper(self->q, self->side, SOON, 1);
		pid_t second = sleeper(self->q, self->side, SOON, 2);

		ASSERT_LT(0, first);
		ASSERT_LT(0, second);
		sched_setaffinity(first, sizeof(cpu_set_t), &(cpu_set_t){ { 1 } });
		sched_setaffinity(second, sizeof(cpu_set_t), &(cpu_set_t){ { 1 } });
		if (!one_cpu() || !before_everybody(true))
			SKIP(return, "no real-time priority to be had");
		EXPECT_EQ(0, let_one_go(self->q, self->side));
		EXPECT_EQ(0, kill(first, SIGKILL));
		before_everybody(false);
		ASSERT_EQ(KILLED_BY(SIGKILL), reap(first));
		ASSERT_TRUE(eventually(!could_go(self->q, self->side)));
		ASSERT_TRUE(let_the_second_go(self->q, self->side));
		ASSERT_EQ(0, reap(second));
		ASSERT_EQ(0, sleeping(self->q, self->side));
		take_back(self->q, self->side);
	}
}

/* A signal that comes first does not swallow the wake-up. */
TEST_F(leaver, signal_before_the_wake_up)
{
	for (int i = 0; i < 3; i++) {
		pid_t first = sleeper(self->q, self->side, SOON, 1);
		pid_t second = sleeper(self->q, self->side, SOON, 2);
		int ret;

		ASSERT_LT(0, first);
		ASSERT_LT(0, second);
		sched_setaffinity(first, sizeof(cpu_set_t), &(cpu_set_t){ { 1 } });
		sched_setaffinity(second, sizeof(cpu_set_t), &(cpu_set_t){ { 1 } });
		if (!one_cpu() || !before_everybody(true))
			SKIP(return, "no real-time priority to be had");
		EXPECT_EQ(0, kill(first, SIGUSR1));
		EXPECT_EQ(0, let_one_go(self->q, self->side));
		before_everybody(false);
		ret = reap(first);
		if (ret == 0) {
			ASSERT_EQ(1, sleeping(self->q, self->side));
			ASSERT_FALSE(could_go(self->q, self->side));
			ASSERT_EQ(0, let_one_go(self->q, self->side));
		} else {
			ASSERT_EQ(-EINTR, ret);
		}
		ASSERT_EQ(0, reap(second));
		ASSERT_FALSE(could_go(self->q, self->side));
	}
}

/* A moment that depends on nothing, up to some tens of microseconds. */
static void dither(unsigned int *seed)
{
	for (int n = rand_r(seed) % 2000; n > 0; n--)
		__asm__ __volatile__("" ::: "memory");
}

/*
 * The same as races: two sleep; one message comes just as something happens to
 * the first. Whoever has it, the other must still be able to get his.
 */
enum { BY_SIGNAL, BY_KILL, BY_TIME };

static void race(struct __test_metadata *_metadata, int q, const struct side *side, int how)
{
	unsigned int seed = 1;
	uint64_t end = in_ns(SEC);

	for (int i = 0; i < 24 && now_ns() < end; i++) {
		uint64_t deadline = how == BY_TIME ? in_ns(8 * MSEC + i % 7 * MSEC / 4) : SOON;
		pid_t first = child(side->wait(q, deadline)), second;
		int ret;

		eventually(sleeping(q, side) == 1 || now_ns() > deadline);
		second = child(side->wait(q, SOON));
		eventually(sleeping(q, side) == 2 || now_ns() > deadline);
		if (how == BY_TIME) {
			while (now_ns() < deadline)
				;
		} else if (i % 2) {
			kill(first, how == BY_KILL ? SIGKILL : SIGUSR1);
		}
		dither(&seed);
		/* The second may not have been asleep yet: he then takes it at once. */
		ASSERT_EQ(0, let_one_go(q, side));
		dither(&seed);
		if (how != BY_TIME && i % 2 == 0)
			kill(first, how == BY_KILL ? SIGKILL : SIGUSR1);

		ret = reap(first);
		ASSERT_TRUE(ret == 0 || ret == -EINTR || ret == -ETIMEDOUT ||
			    ret == KILLED_BY(SIGKILL)) TH_LOG("%d", ret);
		/* Nobody may sleep beside what he waits for. */
		ASSERT_TRUE(eventually(!could_go(q, side)))
			TH_LOG("round %d, the first left with %d, and somebody still sleeps", i, ret);
		if (ret == 0) {
			ASSERT_EQ(0, let_one_go(q, side));
		} else if (ret == KILLED_BY(SIGKILL)) {
			ASSERT_TRUE(let_the_second_go(q, side));
		}
		ASSERT_EQ(0, reap(second));
		ASSERT_EQ(0, sleeping(q, side));
		if (how == BY_KILL)
			take_back(q, side);
		ASSERT_FALSE(could_go(q, side));
	}
}

/* proves: promise baton */
TEST_F(leaver, race_with_a_signal)
{
	race(_metadata, self->q, self->side, BY_SIGNAL);
}

TEST_F(leaver, race_with_a_kill)
{
	race(_metadata, self->q, self->side, BY_KILL);
}

/* --- the same for those calls that have a deadline -------------------------- */

FIXTURE(late) {
	int dev;
	int q;
};

FIXTURE_VARIANT(late) {
	struct side side;
};

FIXTURE_VARIANT_ADD(late, get) { .side = { .gets = true, .wait = wait_in_get } };
FIXTURE_VARIANT_ADD(late, put) { .side = { .wait = wait_in_put } };
FIXTURE_VARIANT_ADD(late, put_large) { .side = { .wait = wait_in_put_large } };

FIXTURE_SETUP(late)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = side_queue(self->dev, &variant->side);
	ASSERT_LE(0, self->q);
}

FIXTURE_TEARDOWN(late)
{
	close(self->q);
	close(self->dev);
}

/* proves: promise baton */
TEST_F(late, race_with_the_deadline)
{
	race(_metadata, self->q, &variant->side, BY_TIME);
}

TEST_HARNESS_MAIN
