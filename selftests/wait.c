// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting, on both sides and in every call that can: in which order, how many
 * are woken, and what signals and kills do to it.
 */
#include "sleepers.h"

#include <pthread.h>

FIXTURE(wait) {
	int dev;
	int q;
	const struct side *side;
	volatile int *signals;	/* handlers that have run, of all children */
};

FIXTURE_VARIANT(wait) {
	struct side side;
};

#define SIDE(name, ...) FIXTURE_VARIANT_ADD(wait, name) { .side = { __VA_ARGS__ } }

SIDE(get, .gets = true, .timed = true, .wait = wait_in_get);
SIDE(put, .timed = true, .wait = wait_in_put);
SIDE(get_many, .gets = true, .timed = true, .wait = wait_in_get_many);
SIDE(put_many, .timed = true, .wait = wait_in_put_many);
SIDE(put_large, .timed = true, .wait = wait_in_put_large);
SIDE(read, .gets = true, .wait = wait_in_read);
SIDE(write, .wait = wait_in_write);

static volatile int *signals_seen;

static void count_signal(int sig)
{
	__atomic_add_fetch(signals_seen, 1, __ATOMIC_SEQ_CST);
}

FIXTURE_SETUP(wait)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->side = &variant->side;
	self->q = side_queue(self->dev, self->side);
	ASSERT_LE(0, self->q);
	signals_seen = self->signals = shared_memory(sizeof(int));
	ASSERT_NE(NULL, signals_seen);
}

FIXTURE_TEARDOWN(wait)
{
	close(self->q);
	close(self->dev);
}

/* O_NONBLOCK is for read() and write(); the ioctls look at their deadline. */
TEST_F(wait, nonblock)
{
	ASSERT_EQ(0, fcntl(self->q, F_SETFL, O_NONBLOCK));
	if (self->side->timed) {
		EXPECT_EQ(-ETIMEDOUT, self->side->wait(self->q, in_ns(5 * MSEC)));
	} else {
		EXPECT_EQ(-EAGAIN, self->side->wait(self->q, 0));
		ASSERT_EQ(0, let_one_go(self->q, self->side));
		EXPECT_EQ(0, self->side->wait(self->q, 0));
		EXPECT_EQ(-EAGAIN, self->side->wait(self->q, 0));
	}
}

/* proves: promise first-come-first-served */
/* Who was first to wait is first to be woken. */
TEST_F(wait, first_come_first_served)
{
	pid_t pids[4];
	int n = ARRAY_SIZE(pids), status;

	for (int i = 0; i < n; i++) {
		pids[i] = sleeper(self->q, self->side, PYQUEUE_FOREVER, i + 1);
		ASSERT_LT(0, pids[i]);
	}
	for (int i = 0; i < n; i++) {
		ASSERT_EQ(0, let_one_go(self->q, self->side));
		ASSERT_EQ(pids[i], reap_any(&status)) TH_LOG("number %d", i);
		ASSERT_EQ(0, status);
		ASSERT_EQ(n - 1 - i, (int)sleeping(self->q, self->side));
	}
	EXPECT_FALSE(could_go(self->q, self->side));
}

/* Somebody who leaves from the middle does not disturb the order. */
TEST_F(wait, one_leaves_the_middle)
{
	pid_t pids[3];
	int status;

	for (int i = 0; i < 3; i++) {
		pids[i] = sleeper(self->q, self->side, PYQUEUE_FOREVER, i + 1);
		ASSERT_LT(0, pids[i]);
	}
	ASSERT_EQ(0, kill(pids[1], SIGKILL));
	ASSERT_EQ(KILLED_BY(SIGKILL), reap(pids[1]));
	ASSERT_EQ(2, sleeping(self->q, self->side));
	for (int i = 0; i < 3; i += 2) {
		ASSERT_EQ(0, let_one_go(self->q, self->side));
		ASSERT_EQ(pids[i], reap_any(&status));
		ASSERT_EQ(0, status);
	}
}

/* How often it has gone to sleep. */
static long naps(pid_t pid)
{
	char path[64], line[128];
	long n = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "voluntary_ctxt_switches: %ld", &n) == 1)
			break;
	if (f)
		fclose(f);
	return n;
}

/* proves: promise one-wakes-one */
/* One message, or one place, wakes one of many, and not the herd. */
TEST_F(wait, one_wakes_one)
{
	enum { N = 5 };
	pid_t pids[N], first;
	long before[N];
	int status;

	for (int i = 0; i < N; i++) {
		pids[i] = sleeper(self->q, self->side, PYQUEUE_FOREVER, i + 1);
		ASSERT_LT(0, pids[i]);
	}
	for (int i = 0; i < N; i++) {
		before[i] = naps(pids[i]);
		ASSERT_LT(0, before[i]);
	}
	ASSERT_EQ(0, let_one_go(self->q, self->side));
	first = reap_any(&status);
	ASSERT_EQ(0, status);
	EXPECT_EQ(N - 1, sleeping(self->q, self->side));
	for (int i = 0; i < N; i++) {
		if (pids[i] != first)
			EXPECT_EQ(before[i], naps(pids[i]));
	}
	for (int i = 1; i < N; i++) {
		ASSERT_EQ(0, let_one_go(self->q, self->side));
		ASSERT_LT(0, reap_any(&status));
		ASSERT_EQ(0, status);
	}
}

/* proves: PUT -EINTR, GET -EINTR, PUT_MANY -EINTR, GET_MANY -EINTR, READ-WRITE -EINTR */
TEST_F(wait, signal)
{
	for (int i = 0; i < 4; i++) {
		pid_t pid = child(({
			on_signal(SIGUSR1, count_signal, 0);
			self->side->wait(self->q, PYQUEUE_FOREVER);
		}));

		ASSERT_TRUE(until_asleep(self->q, self->side, 1));
		ASSERT_EQ(0, kill(pid, SIGUSR1));
		ASSERT_EQ(-EINTR, reap(pid));
		ASSERT_EQ(i + 1, *self->signals);
		/* Nothing has happened. */
		ASSERT_EQ(0, sleeping(self->q, self->side));
		ASSERT_FALSE(could_go(self->q, self->side));
	}
	ASSERT_EQ(0, let_one_go(self->q, self->side));
	EXPECT_EQ(0, self->side->wait(self->q, PYQUEUE_FOREVER));
}

/* proves: READ-WRITE -ERESTARTSYS, promise signal-restarts-wait */
TEST_F(wait, signal_and_restart)
{
	pid_t pid = child(({
		on_signal(SIGUSR1, count_signal, SA_RESTART);
		self->side->wait(self->q, SOON);
	}));

	ASSERT_TRUE(until_asleep(self->q, self->side, 1));
	for (int i = 1; i <= 5; i++) {
		ASSERT_EQ(0, kill(pid, SIGUSR1));
		ASSERT_TRUE(eventually(*self->signals == i));
		ASSERT_TRUE(until_asleep(self->q, self->side, 1));
	}
	ASSERT_FALSE(could_go(self->q, self->side));
	ASSERT_EQ(0, let_one_go(self->q, self->side));
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(0, sleeping(self->q, self->side));
}

/* Stopped and continued, without a handler: the wait goes on. */
TEST_F(wait, stop_and_continue)
{
	pid_t pid = sleeper(self->q, self->side, SOON, 1);
	int status;

	ASSERT_LT(0, pid);
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, kill(pid, SIGSTOP));
		ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
		ASSERT_TRUE(WIFSTOPPED(status));
		ASSERT_EQ(0, kill(pid, SIGCONT));
		ASSERT_TRUE(until_asleep(self->q, self->side, 1));
	}
	/* What comes while it is stopped is there when it goes on. */
	ASSERT_EQ(0, kill(pid, SIGSTOP));
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	ASSERT_EQ(0, let_one_go(self->q, self->side));
	ASSERT_TRUE(could_go(self->q, self->side));
	ASSERT_EQ(0, kill(pid, SIGCONT));
	EXPECT_EQ(0, reap(pid));
}

/* Somebody killed in his sleep has done nothing and holds nothing. */
TEST_F(wait, killed_asleep)
{
	struct pyqueue_stat before = pq_stat(self->q), after;

	for (int i = 0; i < 6; i++) {
		pid_t pid = sleeper(self->q, self->side, PYQUEUE_FOREVER, 1);

		ASSERT_LT(0, pid);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(KILLED_BY(SIGKILL), reap(pid));
		after = pq_stat(self->q);
		ASSERT_EQ(0, memcmp(&before, &after, sizeof(after)));
		ASSERT_FALSE(could_go(self->q, self->side));
	}
	ASSERT_EQ(0, let_one_go(self->q, self->side));
	EXPECT_EQ(0, self->side->wait(self->q, SOON));
	EXPECT_FALSE(could_go(self->q, self->side));
}

/* --- a thread that waits --------------------------------------------------- */

static void *wait_in_thread(void *arg)
{
	FIXTURE_DATA(wait) *self = arg;

	return (void *)(long)self->side->wait(self->q, SOON);
}

/* exit_group() in another thread is a kill, too. */
TEST_F(wait, process_exits_around_a_thread)
{
	struct pyqueue_stat before = pq_stat(self->q), after;
	pid_t pid = child(({
		pthread_t thread;

		if (pthread_create(&thread, NULL, wait_in_thread, self))
			abort();
		until_asleep(self->q, self->side, 1) ? 0 : -ETIME;
	}));

	ASSERT_EQ(0, reap(pid));
	after = pq_stat(self->q);
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(after)));
}

/* The call keeps the queue while it waits, although the fd has gone. */
TEST_F(wait, fd_closed_by_a_thread)
{
	volatile int *closed = shared_memory(sizeof(*closed));
	pid_t pid = child(({
		pthread_t thread;
		void *ret;

		if (pthread_create(&thread, NULL, wait_in_thread, self) ||
		    !until_asleep(self->q, self->side, 1) || close(self->q))
			abort();
		*closed = 1;
		pthread_join(thread, &ret) ? -EIO : (long)ret;
	}));

	ASSERT_TRUE(eventually(*closed));
	ASSERT_EQ(1, sleeping(self->q, self->side));
	ASSERT_EQ(0, let_one_go(self->q, self->side));
	EXPECT_EQ(0, reap(pid));
}

/* --- success beats ... ----------------------------------------------------- */

/* proves: promise success-beats-signal */
TEST_F(wait, success_beats_signal)
{
	pid_t pid = child(({
		on_signal(SIGUSR1, count_signal, 0);
		one_cpu() ? self->side->wait(self->q, SOON) : -EPERM;
	}));

	ASSERT_TRUE(until_asleep(self->q, self->side, 1));
	if (!one_cpu() || !before_everybody(true))
		SKIP(return, "no real-time priority to be had");
	EXPECT_EQ(0, let_one_go(self->q, self->side));
	EXPECT_EQ(0, kill(pid, SIGUSR1));
	before_everybody(false);
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(1, *self->signals);
	EXPECT_FALSE(could_go(self->q, self->side));
}

TEST_HARNESS_MAIN
