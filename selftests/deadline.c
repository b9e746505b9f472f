// SPDX-License-Identifier: GPL-2.0
/* Absolute deadlines, on both sides and in every call that has one. */
#include "sleepers.h"

FIXTURE(deadline) {
	int dev;
	int q;
	const struct side *side;
	volatile int *signals;	/* handlers that have run */
};

FIXTURE_VARIANT(deadline) {
	struct side side;
};

#define SIDE(name, ...) FIXTURE_VARIANT_ADD(deadline, name) { .side = { __VA_ARGS__ } }

SIDE(get, .gets = true, .wait = wait_in_get);
SIDE(put, .wait = wait_in_put);
SIDE(get_many, .gets = true, .wait = wait_in_get_many);
SIDE(put_many, .wait = wait_in_put_many);
SIDE(put_large, .wait = wait_in_put_large);

static volatile int *signals_seen;

static void count_signal(int sig)
{
	__atomic_add_fetch(signals_seen, 1, __ATOMIC_SEQ_CST);
}

FIXTURE_SETUP(deadline)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->side = &variant->side;
	self->q = side_queue(self->dev, self->side);
	ASSERT_LE(0, self->q);
	signals_seen = self->signals = shared_memory(sizeof(int));
	ASSERT_NE(NULL, signals_seen);
}

FIXTURE_TEARDOWN(deadline)
{
	close(self->q);
	close(self->dev);
}

/* proves: promise put-get-timeout, PUT_MANY -ETIMEDOUT, GET_MANY -ETIMEDOUT */
TEST_F(deadline, is_kept)
{
	const uint64_t times[] = { 1, MSEC / 10, 5 * MSEC, 50 * MSEC };
	struct pyqueue_stat before = pq_stat(self->q), after;

	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		uint64_t deadline = in_ns(times[i]);

		ASSERT_EQ(-ETIMEDOUT, self->side->wait(self->q, deadline));
		ASSERT_LE(deadline, now_ns());
	}
	after = pq_stat(self->q);
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(after)));
}

TEST_F(deadline, in_the_past)
{
	EXPECT_EQ(-ETIMEDOUT, self->side->wait(self->q, 1));
	EXPECT_EQ(-ETIMEDOUT, self->side->wait(self->q, now_ns() - 1));
	EXPECT_EQ(-ETIMEDOUT, self->side->wait(self->q, now_ns()));
	EXPECT_EQ(-EAGAIN, self->side->wait(self->q, PYQUEUE_NOWAIT));
	/* It matters to those only who have to wait. */
	ASSERT_EQ(0, let_one_go(self->q, self->side));
	EXPECT_EQ(0, self->side->wait(self->q, 1));
}

/* Deadlines that no clock reaches, and that none must take for the past. */
TEST_F(deadline, far_away)
{
	const uint64_t deadlines[] = {
		PYQUEUE_FOREVER, PYQUEUE_FOREVER - 1, INT64_MAX, INT64_MAX - 1ULL,
		INT64_MAX + 1ULL, 1ULL << 62, in_ns(86400 * 365 * SEC),
	};

	for (size_t i = 0; i < ARRAY_SIZE(deadlines); i++) {
		pid_t pid = sleeper(self->q, self->side, deadlines[i], 1);

		ASSERT_LT(0, pid) TH_LOG("deadline %llu", (unsigned long long)deadlines[i]);
		ASSERT_EQ(0, let_one_go(self->q, self->side));
		ASSERT_EQ(0, reap(pid));
	}
}

/* proves: promise signal-restarts-wait */
/* However often it is interrupted, the deadline stays where it was. */
TEST_F(deadline, survives_restarts)
{
	uint64_t deadline = in_ns(200 * MSEC);
	pid_t pid;
	int status;

	on_signal(SIGUSR1, count_signal, SA_RESTART);
	pid = child(self->side->wait(self->q, deadline));
	while (waitpid(pid, &status, WNOHANG) == 0) {
		ASSERT_EQ(0, kill(pid, SIGUSR1));
		ASSERT_GT(deadline + 10 * SEC, now_ns());
		sched_yield();
	}
	EXPECT_EQ(ETIMEDOUT, WEXITSTATUS(status));
	EXPECT_LE(deadline, now_ns());
	EXPECT_LT(0, *self->signals);
	EXPECT_EQ(0, sleeping(self->q, self->side));
	EXPECT_FALSE(could_go(self->q, self->side));
}

/* proves: promise success-beats-timeout */
TEST_F(deadline, beaten_by_success)
{
	uint64_t deadline;
	pid_t pid;

	deadline = in_ns(500 * MSEC);
	pid = child(one_cpu() ? self->side->wait(self->q, deadline) : -EPERM);
	ASSERT_TRUE(until_asleep(self->q, self->side, 1));
	if (!one_cpu() || !before_everybody(true))
		SKIP(return, "no real-time priority to be had");
	while (now_ns() < deadline + 5 * MSEC)
		;
	/* Its time is over, but it has not been able to run. */
	EXPECT_EQ(0, let_one_go(self->q, self->side));
	before_everybody(false);
	EXPECT_EQ(0, reap(pid));
	EXPECT_FALSE(could_go(self->q, self->side));
}

TEST_HARNESS_MAIN
