// SPDX-License-Identifier: GPL-2.0
/* Deadlines are points of the caller's clock, whose zero a time namespace moves. */
#include "sleepers.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

FIXTURE(timens) {
	int dev;
	int q;
	const struct side *side;
};

FIXTURE_VARIANT(timens) {
	struct side side;
	long long offset;	/* seconds */
};

/*
 * Into a time namespace of its own, for the children; false if the kernel has
 * none. The offset shall not take the clock before 0.
 */
static bool move_clock(long long seconds)
{
	int fd, len;
	char text[64];

	if (unshare(CLONE_NEWTIME))
		return false;
	fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = snprintf(text, sizeof(text), "monotonic %lld 0\n", seconds);
	if (write(fd, text, len) != len)
		len = 0;
	close(fd);
	return len;
}

static int wait_in_join(int q, uint64_t deadline)
{
	return pq_join(q, deadline);
}

#define GETS { .gets = true, .wait = wait_in_get }
#define PUTS { .wait = wait_in_put }
#define JOINS { .wait = wait_in_join }
#define DAY 86400

FIXTURE_VARIANT_ADD(timens, get_later) { .side = GETS, .offset = 10 * DAY };
FIXTURE_VARIANT_ADD(timens, get_earlier) { .side = GETS, .offset = -1 };
FIXTURE_VARIANT_ADD(timens, put_later) { .side = PUTS, .offset = 10 * DAY };
FIXTURE_VARIANT_ADD(timens, put_earlier) { .side = PUTS, .offset = -1 };
FIXTURE_VARIANT_ADD(timens, join_later) { .side = JOINS, .offset = 10 * DAY };
FIXTURE_VARIANT_ADD(timens, join_earlier) { .side = JOINS, .offset = -1 };

FIXTURE_SETUP(timens)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->side = &variant->side;
	self->q = side_queue(self->dev, self->side);
	ASSERT_LE(0, self->q);
	if (!move_clock(variant->offset))
		SKIP(return, "no time namespaces, or no right to make one");
}

FIXTURE_TEARDOWN(timens)
{
	close(self->q);
	close(self->dev);
}

/* What the deadline is measured with must have moved at all. */
TEST_F(timens, clock_has_moved)
{
	uint64_t host = now_ns();
	pid_t pid = child(({
		int64_t moved = now_ns() - host - variant->offset * (int64_t)SEC;

		0 <= moved && moved < (int64_t)(10 * SEC) ? 0 : -ERANGE;
	}));

	EXPECT_EQ(0, reap(pid));
}

/* proves: promise deadline-clock */
TEST_F(timens, deadline)
{
	pid_t pid = child(({
		uint64_t deadline = in_ns(100 * MSEC);
		int ret = self->side->wait(self->q, deadline);

		if (ret == -ETIMEDOUT && now_ns() < deadline)
			ret = -ERANGE;
		ret;
	}));
	uint64_t start = now_ns();

	EXPECT_EQ(-ETIMEDOUT, reap(pid));
	EXPECT_GT(start + 10 * SEC, now_ns());
}

/* Over there it is long past, or still to come; here it is a second from now. */
TEST_F(timens, past)
{
	pid_t pid = child(self->side->wait(self->q, now_ns() - 1));

	EXPECT_EQ(-ETIMEDOUT, reap(pid));
	pid = child(self->side->wait(self->q, 1));
	EXPECT_EQ(-ETIMEDOUT, reap(pid));
}

/* What is not a point in time stays what it is. */
TEST_F(timens, nowait_and_forever)
{
	const uint64_t never[] = { PYQUEUE_FOREVER, PYQUEUE_FOREVER - 1, INT64_MAX,
				   INT64_MAX - 1ULL, INT64_MAX - 20ULL * DAY * SEC };
	bool joins = self->side->wait == wait_in_join;
	pid_t pid = child(self->side->wait(self->q, PYQUEUE_NOWAIT));

	EXPECT_EQ(-EAGAIN, reap(pid));
	for (size_t i = 0; i < ARRAY_SIZE(never); i++) {
		pid = child(self->side->wait(self->q, never[i]));
		if (joins) {
			ASSERT_TRUE(wait_sleepers(self->q, joiners, 1));
			ASSERT_EQ(0, pq_task_done(self->q, 1));
		} else {
			ASSERT_TRUE(until_asleep(self->q, self->side, 1));
			ASSERT_EQ(0, let_one_go(self->q, self->side));
		}
		ASSERT_EQ(0, reap(pid));
		if (joins) {
			ASSERT_EQ(0, let_one_go(self->q, self->side));
			ASSERT_EQ(0, pq_put(self->q, "x", 1, PYQUEUE_NOWAIT));
		}
	}
}

/* One who waits in there is woken by one outside, before his time. */
TEST_F(timens, woken_across)
{
	pid_t pid = child(self->side->wait(self->q, SOON));

	if (self->side->wait == wait_in_join) {
		ASSERT_TRUE(wait_sleepers(self->q, joiners, 1));
		ASSERT_EQ(0, pq_task_done(self->q, 1));
	} else {
		ASSERT_TRUE(until_asleep(self->q, self->side, 1));
		ASSERT_EQ(0, let_one_go(self->q, self->side));
	}
	EXPECT_EQ(0, reap(pid));
}

TEST_HARNESS_MAIN
