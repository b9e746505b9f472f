// SPDX-License-Identifier: GPL-2.0
/* task_done and join: every message that was put has to be dealt with, and counts once. */
#include "sleepers.h"

FIXTURE(join) {
	int dev;
	int q;
};

FIXTURE_SETUP(join)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = 4);
	ASSERT_LE(0, self->q);
}

FIXTURE_TEARDOWN(join)
{
	close(self->q);
	close(self->dev);
}

static int put(FIXTURE_DATA(join) *self)
{
	return pq_put(self->q, "x", 1, PYQUEUE_NOWAIT);
}

static int get(FIXTURE_DATA(join) *self)
{
	char byte;
	int ret = pq_get(self->q, &byte, 1, PYQUEUE_NOWAIT);

	return ret == 1 ? 0 : ret;
}

/* proves: promise task-done-join, JOIN -EAGAIN, JOIN -ETIMEDOUT */
TEST_F(join, counts)
{
	EXPECT_EQ(0, pq_join(self->q, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_join(self->q, PYQUEUE_FOREVER));
	for (int i = 1; i <= 3; i++) {
		ASSERT_EQ(0, put(self));
		ASSERT_EQ(i, pq_stat(self->q).unfinished);
		ASSERT_EQ(-EAGAIN, pq_join(self->q, PYQUEUE_NOWAIT));
	}
	/* Taking is not dealing with. */
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, get(self));
		ASSERT_EQ(3, pq_stat(self->q).unfinished);
	}
	for (int i = 2; i >= 0; i--) {
		uint64_t deadline = in_ns(5 * MSEC);

		ASSERT_EQ(-EAGAIN, pq_join(self->q, PYQUEUE_NOWAIT));
		ASSERT_EQ(-ETIMEDOUT, pq_join(self->q, deadline));
		ASSERT_LE(deadline, now_ns());
		ASSERT_EQ(-ETIMEDOUT, pq_join(self->q, 1));
		ASSERT_EQ(0, pq_task_done(self->q, 1));
		ASSERT_EQ(i, pq_stat(self->q).unfinished);
	}
	EXPECT_EQ(0, pq_join(self->q, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_join(self->q, 1));
}

/* proves: TASK_DONE -EINVAL, promise one-task-done-too-many */
TEST_F(join, one_too_many)
{
	EXPECT_EQ(-EINVAL, pq_task_done(self->q, 1));
	EXPECT_EQ(-EINVAL, pq_task_done(self->q, ~0U));
	EXPECT_EQ(-EINVAL, pq_task_done(self->q, 0));
	for (int lap = 0; lap < 3; lap++) {
		for (int i = 0; i < 3; i++) {
			ASSERT_EQ(0, put(self));
		}
		/* Nothing is counted, not even as many as there are. */
		EXPECT_EQ(-EINVAL, pq_task_done(self->q, 4));
		EXPECT_EQ(-EINVAL, pq_task_done(self->q, ~0U));
		EXPECT_EQ(-EINVAL, pq_task_done(self->q, 1U << 31));
		EXPECT_EQ(-EINVAL, pq_task_done(self->q, 0));
		EXPECT_EQ(3, pq_stat(self->q).unfinished);
		EXPECT_EQ(0, pq_task_done(self->q, 2));
		EXPECT_EQ(-EINVAL, pq_task_done(self->q, 2));
		EXPECT_EQ(1, pq_stat(self->q).unfinished);
		EXPECT_EQ(0, pq_task_done(self->q, 1));
		EXPECT_EQ(-EINVAL, pq_task_done(self->q, 1));
		for (int i = 0; i < 3; i++) {
			ASSERT_EQ(0, get(self));
		}
	}
}

/* As in Python, nobody checks that what is done has been taken. */
TEST_F(join, done_before_it_is_taken)
{
	ASSERT_EQ(0, put(self));
	EXPECT_EQ(0, pq_task_done(self->q, 1));
	EXPECT_EQ(0, pq_join(self->q, PYQUEUE_NOWAIT));
	EXPECT_EQ(1, pq_qsize(self->q));
	EXPECT_EQ(0, get(self));
	EXPECT_EQ(0, pq_stat(self->q).unfinished);
}

/* Failed puts do not count, nor do failed gets. */
TEST_F(join, failures_do_not_count)
{
	char byte;

	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(0, put(self));
	}
	EXPECT_EQ(-EAGAIN, put(self));
	EXPECT_EQ(-ETIMEDOUT, pq_put(self->q, "x", 1, in_ns(MSEC)));
	EXPECT_EQ(-EMSGSIZE, pq_get(self->q, &byte, 0, PYQUEUE_NOWAIT));
	EXPECT_EQ(-EFAULT, pq_get(self->q, NULL, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(4, pq_stat(self->q).unfinished);
	EXPECT_EQ(0, pq_task_done(self->q, 4));
	EXPECT_EQ(0, pq_join(self->q, PYQUEUE_NOWAIT));
}

/* All of them wake, when the last one is done and not before. */
TEST_F(join, wakes_all)
{
	pid_t pids[4];

	for (int lap = 0; lap < 5; lap++) {
		ASSERT_EQ(0, put(self));
		ASSERT_EQ(0, put(self));
		for (int i = 0; i < 4; i++) {
			pids[i] = child(pq_join(self->q, i % 2 ? SOON : PYQUEUE_FOREVER));
			ASSERT_TRUE(wait_sleepers(self->q, joiners, i + 1));
		}
		ASSERT_EQ(0, get(self));
		ASSERT_EQ(0, get(self));
		ASSERT_EQ(0, pq_task_done(self->q, 1));
		ASSERT_EQ(-ETIMEDOUT, pq_join(self->q, in_ns(5 * MSEC)));
		ASSERT_EQ(4, pq_stat(self->q).joiners);
		ASSERT_EQ(0, pq_task_done(self->q, 1));
		for (int i = 0; i < 4; i++) {
			ASSERT_EQ(0, reap(pids[i]));
		}
		ASSERT_EQ(0, pq_stat(self->q).joiners);
	}
}

static void ignore_signal(int sig)
{
}

/* proves: JOIN -EINTR */
TEST_F(join, signal)
{
	pid_t pid;

	ASSERT_EQ(0, put(self));
	pid = child(({
		on_signal(SIGUSR1, ignore_signal, 0);
		pq_join(self->q, PYQUEUE_FOREVER);
	}));
	ASSERT_TRUE(wait_sleepers(self->q, joiners, 1));
	ASSERT_EQ(0, kill(pid, SIGUSR1));
	EXPECT_EQ(-EINTR, reap(pid));
	EXPECT_EQ(0, pq_stat(self->q).joiners);

	pid = child(({
		on_signal(SIGUSR1, ignore_signal, SA_RESTART);
		pq_join(self->q, PYQUEUE_FOREVER);
	}));
	for (int i = 0; i < 5; i++) {
		ASSERT_TRUE(wait_sleepers(self->q, joiners, 1));
		ASSERT_EQ(0, kill(pid, SIGUSR1));
	}
	ASSERT_TRUE(wait_sleepers(self->q, joiners, 1));
	ASSERT_EQ(0, pq_task_done(self->q, 1));
	EXPECT_EQ(0, reap(pid));

	ASSERT_EQ(0, put(self));
	pid = child(pq_join(self->q, PYQUEUE_FOREVER));
	ASSERT_TRUE(wait_sleepers(self->q, joiners, 1));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(KILLED_BY(SIGKILL), reap(pid));
	EXPECT_EQ(0, pq_stat(self->q).joiners);
}

/* What an immediate shutdown drops counts as done, what was taken before does not. */
TEST_F(join, immediate_shutdown)
{
	pid_t pid;

	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(0, put(self));
	}
	ASSERT_EQ(0, get(self));
	pid = child(pq_join(self->q, SOON));
	ASSERT_TRUE(wait_sleepers(self->q, joiners, 1));
	ASSERT_EQ(0, pq_shutdown(self->q, PYQUEUE_IMMEDIATE));
	EXPECT_EQ(0, pq_qsize(self->q));
	EXPECT_EQ(1, pq_stat(self->q).unfinished);
	EXPECT_EQ(-EAGAIN, pq_join(self->q, PYQUEUE_NOWAIT));
	EXPECT_TRUE(wait_sleepers(self->q, joiners, 1));
	EXPECT_EQ(0, pq_task_done(self->q, 1));
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(-EINVAL, pq_task_done(self->q, 1));
}

/* Of what it drops some is done already, as it was said before it was taken. */
TEST_F(join, done_before_it_is_dropped)
{
	pid_t pid;

	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(0, put(self));
	}
	ASSERT_EQ(0, pq_task_done(self->q, 2));
	pid = child(pq_join(self->q, SOON));
	ASSERT_TRUE(wait_sleepers(self->q, joiners, 1));
	ASSERT_EQ(0, pq_shutdown(self->q, PYQUEUE_IMMEDIATE));
	ASSERT_EQ(0, pq_stat(self->q).unfinished);
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(-EINVAL, pq_task_done(self->q, 1));
}

/* The same where most of it waits outside of the ring. */
TEST_F(join, done_before_it_is_dropped_unbounded)
{
	enum { MANY = 40, DONE = 10 };
	int q = pq_create(self->dev, .maxsize = 0, .payload = PYQUEUE_PAYLOAD_MAX);
	pid_t pid;

	ASSERT_LE(0, q);
	/* Of what is in the ring some is left without what waits outside. */
	ASSERT_LT(DONE, pq_stat(q).slots);
	ASSERT_LT(pq_stat(q).slots, MANY);
	for (int i = 0; i < MANY; i++) {
		ASSERT_EQ(0, pq_put(q, "x", 1, PYQUEUE_NOWAIT));
	}
	ASSERT_EQ(0, pq_task_done(q, DONE));
	pid = child(pq_join(q, SOON));
	ASSERT_TRUE(wait_sleepers(q, joiners, 1));
	ASSERT_EQ(0, pq_shutdown(q, PYQUEUE_IMMEDIATE));
	ASSERT_EQ(0, pq_stat(q).unfinished);
	EXPECT_EQ(0, reap(pid));
	close(q);
}

/* A shutdown that drops the last unfinished ones lets the joiners go. */
TEST_F(join, woken_by_immediate_shutdown)
{
	pid_t pid;

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, put(self));
	}
	pid = child(pq_join(self->q, SOON));
	ASSERT_TRUE(wait_sleepers(self->q, joiners, 1));
	ASSERT_EQ(0, pq_shutdown(self->q, PYQUEUE_IMMEDIATE));
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(0, pq_stat(self->q).unfinished);
}

/* After an ordinary one the rest still has to be dealt with. */
TEST_F(join, ordinary_shutdown)
{
	pid_t pid;

	ASSERT_EQ(0, put(self));
	pid = child(pq_join(self->q, SOON));
	ASSERT_TRUE(wait_sleepers(self->q, joiners, 1));
	ASSERT_EQ(0, pq_shutdown(self->q, 0));
	EXPECT_EQ(-EAGAIN, pq_join(self->q, PYQUEUE_NOWAIT));
	EXPECT_TRUE(wait_sleepers(self->q, joiners, 1));
	EXPECT_EQ(0, get(self));
	EXPECT_EQ(0, pq_task_done(self->q, 1));
	EXPECT_EQ(0, reap(pid));
}

/* proves: TASK_DONE -EBADF */
TEST_F(join, file_modes)
{
	char name[32];
	int q, writer, reader;

	snprintf(name, sizeof(name), "join-%d", getpid());
	q = pq_create_named(self->dev, name, .maxsize = 2);
	ASSERT_LE(0, q);
	writer = pq_open(self->dev, name, PYQUEUE_WRITE);
	reader = pq_open(self->dev, name, PYQUEUE_READ);
	ASSERT_EQ(0, pq_unlink(self->dev, name));
	ASSERT_LE(0, writer);
	ASSERT_LE(0, reader);
	ASSERT_EQ(0, pq_put(writer, "x", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(-EBADF, pq_task_done(writer, 1));
	EXPECT_EQ(-EAGAIN, pq_join(writer, PYQUEUE_NOWAIT));
	EXPECT_EQ(-EAGAIN, pq_join(reader, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_task_done(reader, 1));
	EXPECT_EQ(0, pq_join(writer, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_join(reader, PYQUEUE_NOWAIT));
	close(writer);
	close(reader);
	close(q);
}

/* Workers that deal with what they take; join returns when all of it is done. */
TEST_F(join, workers)
{
	volatile int *dealt = shared_memory(sizeof(int));
	pid_t pids[3];

	for (int i = 0; i < 3; i++) {
		pids[i] = child(({
			char byte;
			int ret;

			while ((ret = pq_get(self->q, &byte, 1, SOON)) == 1) {
				__atomic_add_fetch(dealt, 1, __ATOMIC_SEQ_CST);
				ret = pq_task_done(self->q, 1);
				if (ret)
					break;
			}
			ret;
		}));
	}
	for (int lap = 1; lap <= 20; lap++) {
		for (int i = 0; i < 20; i++) {
			ASSERT_EQ(0, pq_put(self->q, "x", 1, SOON));
		}
		ASSERT_EQ(0, pq_join(self->q, SOON));
		ASSERT_EQ(20 * lap, *dealt);
		ASSERT_EQ(0, pq_stat(self->q).unfinished);
	}
	ASSERT_EQ(0, pq_shutdown(self->q, 0));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(-ESHUTDOWN, reap(pids[i]));
	}
}

TEST_HARNESS_MAIN
