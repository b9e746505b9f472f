// SPDX-License-Identifier: GPL-2.0
/* poll and epoll: what is reported, who is woken, and how often. */
#include "actors.h"
#include "watching.h"

/* What poll() says of the queue at this moment. */
static short ready(int q)
{
	struct pollfd p = { .fd = q, .events = POLLIN | POLLOUT | POLLRDHUP };

	return poll(&p, 1, 0) < 0 ? POLLNVAL : p.revents;
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

/* --- the end of a queue that was shut down with messages in it -------------------- */

FIXTURE(drained) {
	int dev;
	int q;
	char *large;
};

FIXTURE_VARIANT(drained) {
	size_t len;
	bool by_read;
	bool given_back;	/* it has been in somebody's hand before */
};

FIXTURE_VARIANT_ADD(drained, by_get) { .len = 1 };
FIXTURE_VARIANT_ADD(drained, by_read) { .len = 1, .by_read = true };
FIXTURE_VARIANT_ADD(drained, of_large) { .len = 5000 };
FIXTURE_VARIANT_ADD(drained, of_large_given_back) { .len = 5000, .given_back = true };

FIXTURE_SETUP(drained)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = 2);
	ASSERT_LE(0, self->q);
	self->large = calloc(1, 5000);
	ASSERT_EQ(0, pq_put(self->q, self->large, variant->len, PYQUEUE_NOWAIT));
	if (variant->given_back)
		ASSERT_EQ(-EFAULT, pq_get(self->q, NULL, 5000, PYQUEUE_NOWAIT));
	ASSERT_EQ(0, pq_shutdown(self->q, 0));
}

FIXTURE_TEARDOWN(drained)
{
	free(self->large);
	close(self->q);
	close(self->dev);
}

/* Who waits for nothing but the end sees it when the last message has gone. */
/* proves: promise poll */
TEST_F(drained, wakes_who_waits_for_that)
{
	struct pollfd p = { .fd = self->q };
	int level = watching(self->q, EPOLLHUP), edge = watching(self->q, EPOLLHUP | EPOLLET);
	pid_t by_poll = child(poll(&p, 1, -1) == 1 && p.revents == POLLHUP ? 0 : -EILSEQ);
	pid_t by_epoll = child(reported(level, -1) == EPOLLHUP ? 0 : -EILSEQ);
	pid_t by_edge = child(reported(edge, -1) == EPOLLHUP ? 0 : -EILSEQ);

	ASSERT_TRUE(eventually(asleep_in(by_poll, SYS_poll)));
	ASSERT_TRUE(eventually(asleep_in(by_epoll, SYS_epoll_wait)));
	ASSERT_TRUE(eventually(asleep_in(by_edge, SYS_epoll_wait)));
	ASSERT_EQ(variant->len, variant->by_read ?
		  read(self->q, self->large, 5000) :
		  pq_get(self->q, self->large, 5000, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, reap(by_poll));
	EXPECT_EQ(0, reap(by_epoll));
	EXPECT_EQ(0, reap(by_edge));
	close(level);
	close(edge);
}

TEST_HARNESS_MAIN
