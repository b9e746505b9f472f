// SPDX-License-Identifier: GPL-2.0
/*
 * The baton: whoever was woken and leaves without taking wakes the next. A
 * message in the queue beside somebody who sleeps for one is the failure that
 * all of this looks for; the same for room and those who sleep in put.
 */
#include "sleepers.h"

/* --- getters that cannot take what they were woken for --------------------- */

FIXTURE(refuser) {
	int dev;
	int q;
};

FIXTURE_VARIANT(refuser) {
	int (*refuse)(int q);
	int err;
	size_t len;		/* of the message that it refuses */
};

static int small_get(int q)
{
	char byte;

	return pq_get(q, &byte, 1, SOON);
}

static int small_get_many(int q)
{
	char bytes[11];
	struct pyqueue_msg msgs[] = { { .buf = (uintptr_t)bytes, .len = 1 },
				      { .buf = (uintptr_t)(bytes + 1), .len = 10 } };

	return pq_get_many(q, msgs, 2, SOON);
}

static int small_read(int q)
{
	char byte;

	return read(q, &byte, 1) < 0 ? -errno : 0;
}

static int bad_get(int q)
{
	return pq_get(q, NULL, 100, SOON);
}

static int half_bad_get(int q)
{
	return pq_get(q, memory_edge(1) - 5, 100, SOON);
}

static int bad_get_many(int q)
{
	struct pyqueue_msg msg = { .buf = 1, .len = 100 };

	return pq_get_many(q, &msg, 1, SOON);
}

static int bad_read(int q)
{
	return read(q, memory_edge(1), 100) < 0 ? -errno : 0;
}

static int read_empty_message(int q)
{
	char buf[8];

	return read(q, buf, sizeof(buf)) < 0 ? -errno : 0;
}

FIXTURE_VARIANT_ADD(refuser, small_get) { small_get, -EMSGSIZE, 10 };
FIXTURE_VARIANT_ADD(refuser, small_get_many) { small_get_many, -EMSGSIZE, 10 };
FIXTURE_VARIANT_ADD(refuser, small_read) { small_read, -EMSGSIZE, 10 };
FIXTURE_VARIANT_ADD(refuser, small_get_large) { small_get, -EMSGSIZE, 5000 };
FIXTURE_VARIANT_ADD(refuser, bad_get) { bad_get, -EFAULT, 10 };
FIXTURE_VARIANT_ADD(refuser, half_bad_get) { half_bad_get, -EFAULT, 10 };
FIXTURE_VARIANT_ADD(refuser, half_bad_get_large) { half_bad_get, -EFAULT, 100 };
FIXTURE_VARIANT_ADD(refuser, bad_get_many) { bad_get_many, -EFAULT, 10 };
FIXTURE_VARIANT_ADD(refuser, bad_read) { bad_read, -EFAULT, 10 };
FIXTURE_VARIANT_ADD(refuser, read_of_empty) { read_empty_message, -EBADMSG, 0 };

FIXTURE_SETUP(refuser)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = 4, .payload = 48);
	ASSERT_LE(0, self->q);
}

FIXTURE_TEARDOWN(refuser)
{
	close(self->q);
	close(self->dev);
}

static int good_get(int q)
{
	char buf[5000];
	int ret = pq_get(q, buf, sizeof(buf), SOON);

	return ret >= 0 && !has_pattern(buf, ret, 7) ? -EILSEQ : ret;
}

/*
 * Three in a row that refuse, then one that takes: one put, no other help. Who
 * comes after him stays asleep.
 */
TEST_F(refuser, hands_on)
{
	char buf[5000];
	pid_t refusers[3], taker, other;

	fill_pattern(buf, variant->len, 7);
	for (int lap = 0; lap < 5; lap++) {
		for (int i = 0; i < 3; i++) {
			refusers[i] = child(variant->refuse(self->q));
			ASSERT_TRUE(wait_sleepers(self->q, getters, i + 1));
		}
		taker = child(good_get(self->q));
		ASSERT_TRUE(wait_sleepers(self->q, getters, 4));
		other = child(good_get(self->q));
		ASSERT_TRUE(wait_sleepers(self->q, getters, 5));

		ASSERT_EQ(0, pq_put(self->q, buf, variant->len, PYQUEUE_NOWAIT));
		for (int i = 0; i < 3; i++) {
			ASSERT_EQ(variant->err, reap(refusers[i]));
		}
		ASSERT_EQ(0, reap(taker));
		ASSERT_EQ(1, pq_stat(self->q).getters);
		ASSERT_EQ(0, pq_qsize(self->q));
		ASSERT_EQ(0, pq_put(self->q, buf, variant->len, PYQUEUE_NOWAIT));
		ASSERT_EQ(0, reap(other));
	}
}

/* One message more than there are takers behind the one who refuses. */
TEST_F(refuser, hands_on_all)
{
	char buf[5000];
	pid_t refuser, takers[3];
	struct pyqueue_msg msgs[4];

	fill_pattern(buf, variant->len, 7);
	for (int i = 0; i < 4; i++) {
		msgs[i] = (struct pyqueue_msg){ .buf = (uintptr_t)buf, .len = variant->len };
	}
	refuser = child(variant->refuse(self->q));
	ASSERT_TRUE(wait_sleepers(self->q, getters, 1));
	for (int i = 0; i < 3; i++) {
		takers[i] = child(good_get(self->q));
		ASSERT_TRUE(wait_sleepers(self->q, getters, i + 2));
	}
	ASSERT_EQ(4, pq_put_many(self->q, msgs, 4, PYQUEUE_NOWAIT));
	ASSERT_EQ(variant->err, reap(refuser));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, reap(takers[i]));
	}
	EXPECT_EQ(1, pq_qsize(self->q));
	EXPECT_EQ(0, pq_stat(self->q).getters);
}

/* --- leaving by signal, time and death ------------------------------------- */

FIXTURE(leaver) {
	int dev;
	int q;
	const struct side *side;
};

FIXTURE_VARIANT(leaver) {
	struct side side;
};

#define SIDE(name, ...) FIXTURE_VARIANT_ADD(leaver, name) { .side = { __VA_ARGS__ } }

SIDE(get, .gets = true, .timed = true, .wait = wait_in_get);
SIDE(put, .timed = true, .wait = wait_in_put);
SIDE(put_large, .timed = true, .wait = wait_in_put_large);
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

/*
 * Killed, but still in the list of those who wait, and first in it, when what he
 * waited for comes: the next gets it.
 */
TEST_F(leaver, killed_before_the_wake_up)
{
	for (int i = 0; i < 5; i++) {
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

/*
 * Where it cannot be known whether the one who was killed had it, one more than
 * necessary may have been let go.
 */
static void take_back(FIXTURE_DATA(leaver) *self)
{
	if (could_go(self->q, self->side))
		self->side->wait(self->q, SOON);
}

/* Woken, and killed before he could run: either of them has it, not nobody. */
TEST_F(leaver, killed_after_the_wake_up)
{
	for (int i = 0; i < 5; i++) {
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
		if (sleeping(self->q, self->side) == 1)
			ASSERT_EQ(0, let_one_go(self->q, self->side));
		ASSERT_EQ(0, reap(second));
		ASSERT_EQ(0, sleeping(self->q, self->side));
		take_back(self);
	}
}

/* A signal that comes first does not swallow the wake-up. */
TEST_F(leaver, signal_before_the_wake_up)
{
	for (int i = 0; i < 5; i++) {
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

static void race(struct __test_metadata *_metadata, FIXTURE_DATA(leaver) *self, int how, int rounds)
{
	unsigned int seed = 1;
	uint64_t end = in_ns(4 * SEC);

	for (int i = 0; i < rounds && now_ns() < end; i++) {
		uint64_t deadline = how == BY_TIME ? in_ns(8 * MSEC + i % 7 * MSEC / 4) : SOON;
		pid_t first = child(self->side->wait(self->q, deadline)), second;
		int ret;

		eventually(sleeping(self->q, self->side) == 1 || now_ns() > deadline);
		second = child(self->side->wait(self->q, SOON));
		eventually(sleeping(self->q, self->side) == 2 || now_ns() > deadline);
		if (how == BY_TIME) {
			while (now_ns() < deadline)
				;
		} else if (i % 2) {
			kill(first, how == BY_KILL ? SIGKILL : SIGUSR1);
		}
		dither(&seed);
		/* The second may not have been asleep yet: he then takes it at once. */
		ASSERT_EQ(0, let_one_go(self->q, self->side));
		dither(&seed);
		if (how != BY_TIME && i % 2 == 0)
			kill(first, how == BY_KILL ? SIGKILL : SIGUSR1);

		ret = reap(first);
		ASSERT_TRUE(ret == 0 || ret == -EINTR || ret == -ETIMEDOUT ||
			    ret == KILLED_BY(SIGKILL)) TH_LOG("%d", ret);
		/* Nobody may sleep beside what he waits for. */
		ASSERT_TRUE(eventually(!could_go(self->q, self->side)))
			TH_LOG("round %d, the first left with %d, and somebody still sleeps", i, ret);
		if (ret == 0 || (ret == KILLED_BY(SIGKILL) && sleeping(self->q, self->side)))
			ASSERT_EQ(0, let_one_go(self->q, self->side));
		ASSERT_EQ(0, reap(second));
		ASSERT_EQ(0, sleeping(self->q, self->side));
		if (how == BY_KILL)
			take_back(self);
		ASSERT_FALSE(could_go(self->q, self->side));
	}
}

TEST_F(leaver, race_with_a_signal)
{
	race(_metadata, self, BY_SIGNAL, 60);
}

TEST_F(leaver, race_with_a_kill)
{
	race(_metadata, self, BY_KILL, 60);
}

TEST_F(leaver, race_with_the_deadline)
{
	if (!self->side->timed)
		SKIP(return, "read() and write() have no deadline");
	race(_metadata, self, BY_TIME, 60);
}

TEST_HARNESS_MAIN
