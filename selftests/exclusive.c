// SPDX-License-Identifier: GPL-2.0
/* EPOLLEXCLUSIVE: one message wakes one, who can use it. */
#include "actors.h"
#include "watching.h"

/*
 * Waiters with an EPOLLEXCLUSIVE epoll each. A waiter counts itself in @woken,
 * stands still until @go, and then takes what it finds.
 */
#define WAITERS 4

FIXTURE(exclusive) {
	int dev;
	int q;
	pid_t pids[WAITERS];
	struct {
		int woken;
		int taken;
		int go;
	} *shared;
};

static int sleeping(pid_t *pids)
{
	int n = 0;

	for (int i = 0; i < WAITERS; i++)
		n += asleep_in(pids[i], SYS_epoll_wait);
	return n;
}

FIXTURE_SETUP(exclusive)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = 100);
	ASSERT_LE(0, self->q);
	self->shared = shared_memory(4096);
	ASSERT_NE(NULL, self->shared);
	for (int i = 0; i < WAITERS; i++) {
		self->pids[i] = spawn();
		if (!self->pids[i]) {
			int ep = watching(self->q, EPOLLIN | EPOLLEXCLUSIVE);
			char c;

			while (reported(ep, -1) & EPOLLIN) {
				count(&self->shared->woken);
				while (!load(&self->shared->go))
					sched_yield();
				if (pq_get(self->q, &c, 1, PYQUEUE_NOWAIT) == 1)
					count(&self->shared->taken);
			}
			_exit(1);
		}
	}
	EXPECT_TRUE(eventually(sleeping(self->pids) == WAITERS));
}

FIXTURE_TEARDOWN(exclusive)
{
	for (int i = 0; i < WAITERS; i++)
		EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(self->pids[i]));
	close(self->q);
	close(self->dev);
}

/* proves: promise poll-exclusive */
TEST_F(exclusive, one_put_wakes_one)
{
	for (int i = 1; i <= 20; i++) {
		store(&self->shared->go, 0);
		EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
		EXPECT_TRUE(eventually(load(&self->shared->woken) == i));
		/* Had the put woken others, they would be awake or have counted. */
		EXPECT_TRUE(eventually(sleeping(self->pids) == WAITERS - 1));
		EXPECT_EQ(i, self->shared->woken);
		store(&self->shared->go, 1);
		EXPECT_TRUE(eventually(load(&self->shared->taken) == i));
		EXPECT_TRUE(eventually(sleeping(self->pids) == WAITERS));
		EXPECT_EQ(i, self->shared->woken);
	}
}

/* proves: promise poll-exclusive */
TEST_F(exclusive, several_puts_wake_several)
{
	for (int i = 0; i < WAITERS; i++)
		EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_TRUE(eventually(load(&self->shared->woken) == WAITERS));
	store(&self->shared->go, 1);
	EXPECT_TRUE(eventually(load(&self->shared->taken) == WAITERS));
	EXPECT_TRUE(eventually(sleeping(self->pids) == WAITERS));
	EXPECT_EQ(0, pq_qsize(self->q));
}

/* PUT_MANY is several puts: somebody comes for each. */
TEST_F(exclusive, put_many)
{
	struct pyqueue_msg msgs[50];

	for (unsigned int i = 0; i < ARRAY_SIZE(msgs); i++)
		msgs[i] = (struct pyqueue_msg){ .buf = (uintptr_t)"1", .len = 1 };
	store(&self->shared->go, 1);
	EXPECT_EQ(50, pq_put_many(self->q, msgs, 50, PYQUEUE_NOWAIT));
	EXPECT_TRUE(eventually(load(&self->shared->taken) == 50));
	EXPECT_TRUE(eventually(sleeping(self->pids) == WAITERS));
	EXPECT_EQ(0, pq_qsize(self->q));
}

/* One that was killed does not swallow the event of the others. */
TEST_F(exclusive, a_dead_waiter_is_not_woken)
{
	store(&self->shared->go, 1);
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(self->pids[0]));
	for (int i = 1; i <= 2 * WAITERS; i++) {
		EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
		EXPECT_TRUE(eventually(load(&self->shared->taken) == i));
	}
	self->pids[0] = spawn();
	if (!self->pids[0])
		pause();
}

/* --- others on the same queue ---------------------------------------------- */

FIXTURE(beside) {
	int dev;
	int q;
	int ep;
	int bystander;
	pid_t pid;
};

/* A bystander who was there first, and what the other waits for. */
FIXTURE_VARIANT(beside) {
	uint32_t bystander;
	uint32_t waits_for;
};

FIXTURE_VARIANT_ADD(beside, in_beside_out) {
	.bystander = EPOLLOUT | EPOLLET, .waits_for = EPOLLIN };
FIXTURE_VARIANT_ADD(beside, in_beside_hup) {
	.bystander = EPOLLHUP, .waits_for = EPOLLIN };
FIXTURE_VARIANT_ADD(beside, out_beside_in) {
	.bystander = EPOLLIN | EPOLLET, .waits_for = EPOLLOUT };
FIXTURE_VARIANT_ADD(beside, out_beside_hup) {
	.bystander = EPOLLHUP, .waits_for = EPOLLOUT };

FIXTURE_SETUP(beside)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = 2);
	ASSERT_LE(0, self->q);
	if (variant->waits_for == EPOLLOUT)
		ASSERT_EQ(2, put_up_to(self->q, 2));
	self->bystander = watching(self->q, variant->bystander | EPOLLEXCLUSIVE);
	ASSERT_LE(0, self->bystander);
	self->ep = watching(self->q, variant->waits_for | EPOLLEXCLUSIVE);
	ASSERT_LE(0, self->ep);
	self->pid = spawn();
	if (!self->pid)
		for (;;)
			reported(self->bystander, -1);
	ASSERT_TRUE(eventually(asleep_in(self->pid, SYS_epoll_wait)));
}

FIXTURE_TEARDOWN(beside)
{
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(self->pid));
	close(self->ep);
	close(self->bystander);
	close(self->q);
	close(self->dev);
}

/* proves: promise poll-exclusive */
TEST_F(beside, beside_one_who_waits_for_something_else)
{
	const bool for_in = variant->waits_for == EPOLLIN;

	for (int i = 0; i < 10; i++) {
		EXPECT_EQ(0, reported(self->ep, 0));
		EXPECT_EQ(1, for_in ? put_up_to(self->q, 1) : get_up_to(self->q, 1));
		ASSERT_EQ(variant->waits_for, reported(self->ep, PATIENCE / MSEC));
		ASSERT_TRUE(eventually(asleep_in(self->pid, SYS_epoll_wait)));
		EXPECT_EQ(1, for_in ? get_up_to(self->q, 1) : put_up_to(self->q, 1));
	}
}

/* Exclusive is who gets a message. A shutdown is for all. */
/* proves: promise shutdown */
TEST_F(beside, shutdown_wakes_all)
{
	pid_t pids[4];

	for (unsigned int i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = spawn();
		if (!pids[i]) {
			int ep = watching(self->q, variant->waits_for | EPOLLEXCLUSIVE);

			leave(reported(ep, -1) & variant->waits_for ? 0 : -EILSEQ);
		}
		ASSERT_TRUE(eventually(asleep_in(pids[i], SYS_epoll_wait)));
	}
	EXPECT_EQ(0, pq_shutdown(self->q, 0));
	EXPECT_EQ(variant->waits_for, reported(self->ep, PATIENCE / MSEC) & variant->waits_for);
	for (unsigned int i = 0; i < ARRAY_SIZE(pids); i++) {
		EXPECT_TRUE(eventually(!asleep_in(pids[i], SYS_epoll_wait)));
		EXPECT_EQ(0, kill(pids[i], 0));
		if (asleep_in(pids[i], SYS_epoll_wait))
			kill(pids[i], SIGKILL);
		EXPECT_EQ(0, reap(pids[i]));
	}
}

TEST_HARNESS_MAIN
