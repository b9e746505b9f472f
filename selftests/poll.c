// SPDX-License-Identifier: GPL-2.0
/* poll and epoll: what is reported, who is woken, and how often. */
#include "actors.h"

#include <sys/epoll.h>

/* What poll() says of the queue at this moment. */
static short ready(int q)
{
	struct pollfd p = { .fd = q, .events = POLLIN | POLLOUT | POLLRDHUP };

	return poll(&p, 1, 0) < 0 ? POLLNVAL : p.revents;
}

/* An epoll that watches the queue alone. */
static int watching(int q, uint32_t events)
{
	struct epoll_event event = { .events = events };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	return ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, q, &event) ? -1 : ep;
}

/* The events of a watched queue; 0 if there are none within @ms. */
static int reported(int ep, int ms)
{
	struct epoll_event event = { };
	int n;

	do {
		n = epoll_wait(ep, &event, 1, ms);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : (int)event.events;
}

FIXTURE(poll) {
	int dev;
	int q;
};

FIXTURE_SETUP(poll)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = 2);
	ASSERT_LE(0, self->q);
}

FIXTURE_TEARDOWN(poll)
{
	close(self->q);
	close(self->dev);
}

/* proves: promise poll */
TEST_F(poll, states)
{
	char c;

	EXPECT_EQ(POLLOUT, ready(self->q));
	EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(POLLIN | POLLOUT, ready(self->q));
	EXPECT_EQ(0, pq_put(self->q, "2", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(POLLIN, ready(self->q));
	EXPECT_EQ(1, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(POLLIN | POLLOUT, ready(self->q));
	EXPECT_EQ(1, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(POLLOUT, ready(self->q));
}

/* A message of no bytes can be taken, and one that does not fit stays. */
TEST_F(poll, states_of_odd_messages)
{
	char c;

	EXPECT_EQ(0, pq_put(self->q, NULL, 0, PYQUEUE_NOWAIT));
	EXPECT_EQ(POLLIN | POLLOUT, ready(self->q));
	EXPECT_EQ(0, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(POLLOUT, ready(self->q));

	EXPECT_EQ(0, pq_put(self->q, "long", 4, PYQUEUE_NOWAIT));
	EXPECT_EQ(-EMSGSIZE, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(POLLIN | POLLOUT, ready(self->q));
}

TEST_F(poll, the_other_names_of_the_events)
{
	struct pollfd p = { .fd = self->q, .events = POLLRDNORM | POLLWRNORM };

	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_EQ(POLLWRNORM, p.revents);
	EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_EQ(POLLRDNORM | POLLWRNORM, p.revents);
}

TEST_F(poll, a_put_wakes_a_reader)
{
	pid_t pid = spawn();

	if (!pid) {
		struct pollfd p = { .fd = self->q, .events = POLLIN };
		char c;

		EXPECT_EQ(1, ppoll(&p, 1, NULL, NULL));
		EXPECT_EQ(POLLIN, p.revents);
		EXPECT_EQ(1, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT));
		child_done();
	}
	EXPECT_TRUE(eventually(asleep_in(pid, SYS_ppoll)));
	EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, reap(pid));
}

TEST_F(poll, a_get_wakes_a_writer)
{
	char c;
	pid_t pid;

	EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_put(self->q, "2", 1, PYQUEUE_NOWAIT));
	pid = spawn();
	if (!pid) {
		struct pollfd p = { .fd = self->q, .events = POLLOUT };

		EXPECT_EQ(1, ppoll(&p, 1, NULL, NULL));
		EXPECT_EQ(POLLOUT, p.revents);
		EXPECT_EQ(0, pq_put(self->q, "3", 1, PYQUEUE_NOWAIT));
		child_done();
	}
	EXPECT_TRUE(eventually(asleep_in(pid, SYS_ppoll)));
	EXPECT_EQ(1, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, reap(pid));
}

/* poll() that runs into its time: nothing, and nothing is left behind. */
TEST_F(poll, time_is_over)
{
	struct pollfd p = { .fd = self->q, .events = POLLIN };
	char c;

	EXPECT_EQ(0, poll(&p, 1, 20));
	EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_EQ(1, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT));
}

/* Each end of the queue can be polled by an fd that is open for it alone. */
TEST_F(poll, one_way_fds)
{
	int reader, writer, both;

	ASSERT_TRUE(own_names());
	both = pq_create_named(self->dev, "one-way", .maxsize = 1);
	ASSERT_LE(0, both);
	reader = pq_open(self->dev, "one-way", PYQUEUE_READ);
	writer = pq_open(self->dev, "one-way", PYQUEUE_WRITE);
	ASSERT_LE(0, reader);
	ASSERT_LE(0, writer);

	EXPECT_EQ(0, ready(reader) & POLLIN);
	EXPECT_EQ(POLLOUT, ready(writer) & POLLOUT);
	EXPECT_EQ(1, write(writer, "1", 1));
	EXPECT_EQ(POLLIN, ready(reader) & POLLIN);
	EXPECT_EQ(0, ready(writer) & POLLOUT);
	close(reader);
	close(writer);
	close(both);
}

/* proves: promise shutdown */
TEST_F(poll, shutdown_of_an_empty_queue)
{
	char c;

	EXPECT_EQ(0, pq_shutdown(self->q, 0));
	EXPECT_EQ(POLLIN | POLLHUP, ready(self->q) & (POLLIN | POLLHUP | POLLERR));
	EXPECT_EQ(0, read(self->q, &c, 1));
	EXPECT_EQ(-ESHUTDOWN, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT));
}

TEST_F(poll, shutdown_of_a_queue_with_messages)
{
	char c;

	EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_shutdown(self->q, 0));
	EXPECT_EQ(POLLIN, ready(self->q) & (POLLIN | POLLHUP | POLLERR));
	EXPECT_EQ(1, read(self->q, &c, 1));
	EXPECT_EQ(POLLIN | POLLHUP, ready(self->q) & (POLLIN | POLLHUP | POLLERR));
	EXPECT_EQ(0, read(self->q, &c, 1));
}

/* A writer must not wait for room that will never come: its put says why. */
TEST_F(poll, shutdown_of_a_full_queue)
{
	EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_put(self->q, "2", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, ready(self->q) & POLLOUT);
	EXPECT_EQ(0, pq_shutdown(self->q, 0));
	EXPECT_EQ(POLLOUT, ready(self->q) & POLLOUT);
	EXPECT_EQ(-ESHUTDOWN, pq_put(self->q, "3", 1, PYQUEUE_NOWAIT));
}

TEST_F(poll, shutdown_wakes_pollers)
{
	int events[] = { POLLIN, 0, EPOLLIN, EPOLLIN | EPOLLET };
	pid_t pids[ARRAY_SIZE(events)];

	for (unsigned int i = 0; i < ARRAY_SIZE(events); i++) {
		pids[i] = spawn();
		if (pids[i])
			continue;
		if (i < 2) {
			/* The second asks for nothing: HUP always counts. */
			struct pollfd p = { .fd = self->q, .events = events[i] };

			EXPECT_EQ(1, ppoll(&p, 1, NULL, NULL));
			EXPECT_EQ(POLLHUP, p.revents & POLLHUP);
		} else {
			EXPECT_EQ(EPOLLIN | EPOLLHUP,
				  reported(watching(self->q, events[i]), -1));
		}
		child_done();
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(events); i++)
		EXPECT_TRUE(eventually(asleep_in(pids[i], i < 2 ? SYS_ppoll : SYS_epoll_wait)));
	EXPECT_EQ(0, pq_shutdown(self->q, 0));
	for (unsigned int i = 0; i < ARRAY_SIZE(events); i++)
		EXPECT_EQ(0, reap(pids[i]));
}

/* proves: promise poll */
TEST_F(poll, level)
{
	int ep = watching(self->q, EPOLLIN);
	char c;

	ASSERT_LE(0, ep);
	EXPECT_EQ(0, reported(ep, 0));
	EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_put(self->q, "2", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(EPOLLIN, reported(ep, 0));
	EXPECT_EQ(EPOLLIN, reported(ep, 0));
	EXPECT_EQ(1, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(EPOLLIN, reported(ep, 0));
	EXPECT_EQ(1, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, reported(ep, 0));
	close(ep);
}

/* proves: promise poll */
TEST_F(poll, edge)
{
	int ep = watching(self->q, EPOLLIN | EPOLLET);
	char c;

	ASSERT_LE(0, ep);
	EXPECT_EQ(0, reported(ep, 0));
	EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(EPOLLIN, reported(ep, 0));
	EXPECT_EQ(0, reported(ep, 0));
	/* Every put is an edge, also where there was a message before. */
	EXPECT_EQ(0, pq_put(self->q, "2", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(EPOLLIN, reported(ep, 0));
	EXPECT_EQ(0, reported(ep, 0));
	EXPECT_EQ(1, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(1, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, reported(ep, 0));
	EXPECT_EQ(0, pq_put(self->q, "3", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(EPOLLIN, reported(ep, 0));
	close(ep);
}

TEST_F(poll, edge_of_room)
{
	int ep = watching(self->q, EPOLLOUT | EPOLLET);
	char c;

	ASSERT_LE(0, ep);
	EXPECT_EQ(EPOLLOUT, reported(ep, 0));
	EXPECT_EQ(0, reported(ep, 0));
	EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_put(self->q, "2", 1, PYQUEUE_NOWAIT));
	reported(ep, 0);
	EXPECT_EQ(0, reported(ep, 0));
	EXPECT_EQ(1, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(EPOLLOUT, reported(ep, 0));
	EXPECT_EQ(0, reported(ep, 0));
	close(ep);
}

TEST_F(poll, one_shot)
{
	struct epoll_event again = { .events = EPOLLIN | EPOLLONESHOT };
	int ep = watching(self->q, EPOLLIN | EPOLLONESHOT);

	ASSERT_LE(0, ep);
	EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(EPOLLIN, reported(ep, 0));
	EXPECT_EQ(0, pq_put(self->q, "2", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, reported(ep, 0));
	EXPECT_EQ(0, epoll_ctl(ep, EPOLL_CTL_MOD, self->q, &again));
	EXPECT_EQ(EPOLLIN, reported(ep, 0));
	close(ep);
}

/* Watched for one thing first and for another later. */
TEST_F(poll, change_of_interest)
{
	struct epoll_event readable = { .events = EPOLLIN };
	int ep = watching(self->q, EPOLLOUT);
	pid_t pid;

	ASSERT_LE(0, ep);
	EXPECT_EQ(EPOLLOUT, reported(ep, 0));
	EXPECT_EQ(0, epoll_ctl(ep, EPOLL_CTL_MOD, self->q, &readable));
	pid = spawn();
	if (!pid) {
		EXPECT_EQ(EPOLLIN, reported(ep, -1));
		child_done();
	}
	EXPECT_TRUE(eventually(asleep_in(pid, SYS_epoll_wait)));
	EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, reap(pid));
	close(ep);
}

/* An epoll may watch an epoll that watches the queue. */
TEST_F(poll, nested)
{
	int inner = watching(self->q, EPOLLIN);
	int outer = watching(inner, EPOLLIN);
	pid_t pid;

	ASSERT_LE(0, outer);
	pid = spawn();
	if (!pid) {
		EXPECT_EQ(EPOLLIN, reported(outer, -1));
		EXPECT_EQ(EPOLLIN, reported(inner, 0));
		child_done();
	}
	EXPECT_TRUE(eventually(asleep_in(pid, SYS_epoll_wait)));
	EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, reap(pid));
	close(outer);
	close(inner);
}

/* Without EPOLLEXCLUSIVE one put is everybody's event. */
TEST_F(poll, shared_by_all)
{
	pid_t pids[3];

	for (unsigned int i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = spawn();
		if (!pids[i]) {
			EXPECT_EQ(EPOLLIN, reported(watching(self->q, EPOLLIN), -1));
			child_done();
		}
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(pids); i++)
		EXPECT_TRUE(eventually(asleep_in(pids[i], SYS_epoll_wait)));
	EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
	for (unsigned int i = 0; i < ARRAY_SIZE(pids); i++)
		EXPECT_EQ(0, reap(pids[i]));
}

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
				__atomic_add_fetch(&self->shared->woken, 1, __ATOMIC_SEQ_CST);
				while (!__atomic_load_n(&self->shared->go, __ATOMIC_SEQ_CST))
					sched_yield();
				if (pq_get(self->q, &c, 1, PYQUEUE_NOWAIT) == 1)
					__atomic_add_fetch(&self->shared->taken, 1,
							   __ATOMIC_SEQ_CST);
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
		__atomic_store_n(&self->shared->go, 0, __ATOMIC_SEQ_CST);
		EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
		EXPECT_TRUE(eventually(__atomic_load_n(&self->shared->woken,
						       __ATOMIC_SEQ_CST) == i));
		/* Had the put woken others, they would be awake or have counted. */
		EXPECT_TRUE(eventually(sleeping(self->pids) == WAITERS - 1));
		EXPECT_EQ(i, self->shared->woken);
		__atomic_store_n(&self->shared->go, 1, __ATOMIC_SEQ_CST);
		EXPECT_TRUE(eventually(__atomic_load_n(&self->shared->taken,
						       __ATOMIC_SEQ_CST) == i));
		EXPECT_TRUE(eventually(sleeping(self->pids) == WAITERS));
		EXPECT_EQ(i, self->shared->woken);
	}
}

/* proves: promise poll-exclusive */
TEST_F(exclusive, several_puts_wake_several)
{
	for (int i = 0; i < WAITERS; i++)
		EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_TRUE(eventually(__atomic_load_n(&self->shared->woken, __ATOMIC_SEQ_CST) == WAITERS));
	__atomic_store_n(&self->shared->go, 1, __ATOMIC_SEQ_CST);
	EXPECT_TRUE(eventually(__atomic_load_n(&self->shared->taken, __ATOMIC_SEQ_CST) == WAITERS));
	EXPECT_TRUE(eventually(sleeping(self->pids) == WAITERS));
	EXPECT_EQ(0, pq_qsize(self->q));
}

/* PUT_MANY is several puts: somebody comes for each. */
TEST_F(exclusive, put_many)
{
	struct pyqueue_msg msgs[50];

	for (unsigned int i = 0; i < ARRAY_SIZE(msgs); i++)
		msgs[i] = (struct pyqueue_msg){ .buf = (uintptr_t)"1", .len = 1 };
	__atomic_store_n(&self->shared->go, 1, __ATOMIC_SEQ_CST);
	EXPECT_EQ(50, pq_put_many(self->q, msgs, 50, PYQUEUE_NOWAIT));
	EXPECT_TRUE(eventually(__atomic_load_n(&self->shared->taken, __ATOMIC_SEQ_CST) == 50));
	EXPECT_TRUE(eventually(sleeping(self->pids) == WAITERS));
	EXPECT_EQ(0, pq_qsize(self->q));
}

/* One that was killed does not swallow the event of the others. */
TEST_F(exclusive, a_dead_waiter_is_not_woken)
{
	__atomic_store_n(&self->shared->go, 1, __ATOMIC_SEQ_CST);
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(self->pids[0]));
	for (int i = 1; i <= 2 * WAITERS; i++) {
		EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
		EXPECT_TRUE(eventually(__atomic_load_n(&self->shared->taken,
						       __ATOMIC_SEQ_CST) == i));
	}
	self->pids[0] = spawn();
	if (!self->pids[0])
		pause();
}

/*
 * A poller does not stand in for a sleeper: with both there, one put is for the
 * blocked get. Whatever the poller is told, the getter has its message.
 */
/* proves: promise poller-no-sleeper */
TEST_F(poll, a_sleeper_beside_a_poller)
{
	int *got = shared_memory(4096);
	pid_t poller, getter;

	poller = spawn();
	if (!poller) {
		int ep = watching(self->q, EPOLLIN | EPOLLEXCLUSIVE);

		for (;;)
			reported(ep, -1);
	}
	getter = spawn();
	if (!getter) {
		int c;

		while (pq_get(self->q, &c, sizeof(c), PYQUEUE_FOREVER) == sizeof(c))
			__atomic_store_n(got, c, __ATOMIC_SEQ_CST);
		_exit(1);
	}
	for (int i = 1; i <= 100; i++) {
		EXPECT_TRUE(eventually(asleep_in(poller, SYS_epoll_wait)));
		EXPECT_TRUE(wait_sleepers(self->q, getters, 1));
		EXPECT_EQ(0, pq_put(self->q, &i, sizeof(i), PYQUEUE_NOWAIT));
		ASSERT_TRUE(eventually(__atomic_load_n(got, __ATOMIC_SEQ_CST) == i));
	}
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(poller));
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(getter));
}

/* proves: promise poller-no-sleeper */
TEST_F(poll, a_sleeper_beside_a_poller_for_room)
{
	int *done = shared_memory(4096);
	pid_t poller, putter;
	int c;

	EXPECT_EQ(0, pq_put(self->q, &c, sizeof(c), PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_put(self->q, &c, sizeof(c), PYQUEUE_NOWAIT));
	poller = spawn();
	if (!poller) {
		int ep = watching(self->q, EPOLLOUT);

		for (;;)
			reported(ep, -1);
	}
	putter = spawn();
	if (!putter) {
		while (!pq_put(self->q, &c, sizeof(c), PYQUEUE_FOREVER))
			__atomic_add_fetch(done, 1, __ATOMIC_SEQ_CST);
		_exit(1);
	}
	for (int i = 1; i <= 100; i++) {
		EXPECT_TRUE(eventually(asleep_in(poller, SYS_epoll_wait)));
		EXPECT_TRUE(wait_sleepers(self->q, putters, 1));
		EXPECT_EQ((int)sizeof(c), pq_get(self->q, &c, sizeof(c), PYQUEUE_NOWAIT));
		ASSERT_TRUE(eventually(__atomic_load_n(done, __ATOMIC_SEQ_CST) == i));
	}
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(poller));
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(putter));
}

/*
 * Event loops on edges at both ends of a short queue: one edge lost and they
 * hang. Every number arrives once, and in order.
 */
#define NUMBERS 2000

TEST_F(poll, edges_under_load)
{
	pid_t pid;
	int ep;

	EXPECT_EQ(0, fcntl(self->q, F_SETFL, O_RDWR | O_NONBLOCK));
	pid = spawn();
	if (!pid) {
		ep = watching(self->q, EPOLLOUT | EPOLLET);
		for (int i = 0; i < NUMBERS;) {
			if (write(self->q, &i, sizeof(i)) == sizeof(i)) {
				i++;
			} else {
				ASSERT_EQ(EAGAIN, errno);
				ASSERT_EQ(EPOLLOUT, reported(ep, 20000) & EPOLLOUT);
			}
		}
		child_done();
	}
	ep = watching(self->q, EPOLLIN | EPOLLET);
	ASSERT_LE(0, ep);
	for (int i = 0; i < NUMBERS;) {
		int seen;

		if (read(self->q, &seen, sizeof(seen)) == sizeof(seen)) {
			ASSERT_EQ(i, seen);
			i++;
		} else {
			ASSERT_EQ(EAGAIN, errno);
			ASSERT_EQ(EPOLLIN, reported(ep, 20000) & EPOLLIN);
		}
	}
	EXPECT_EQ(0, reap(pid));
	close(ep);
}

/* The queue goes while an epoll watches it: the kernel forgets it quietly. */
TEST_F(poll, the_watched_queue_is_closed)
{
	int q = pq_create(self->dev, .maxsize = 1);
	int ep = watching(q, EPOLLIN);
	uint64_t before;

	ASSERT_LE(0, ep);
	before = pq_info(self->dev).user_queues;
	EXPECT_EQ(0, pq_put(q, "1", 1, PYQUEUE_NOWAIT));
	close(q);
	EXPECT_EQ(0, reported(ep, 0));
	EXPECT_TRUE(eventually(pq_info(self->dev).user_queues == before - 1));
	close(ep);
}

TEST_HARNESS_MAIN
