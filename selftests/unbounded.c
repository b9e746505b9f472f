// SPDX-License-Identifier: GPL-2.0
/* Queues without a bound: what the ring has no room for waits outside, and comes in order. */
#include "actors.h"
#include "mapped.h"

#include <poll.h>

#include <ring/account.h>
#include <ring/overflow.h>

/* A ring of few slots: 16, whatever their size. */
#define PAYLOAD PYQUEUE_PAYLOAD_MAX
#define SLOTS 16
/* More than twice the ring. */
#define MANY 40

FIXTURE(unbounded) {
	int dev;
	int q;
};

FIXTURE_SETUP(unbounded)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = 0, .payload = PAYLOAD);
	ASSERT_LE(0, self->q);
	ASSERT_EQ(SLOTS, pq_stat(self->q).slots);
}

FIXTURE_TEARDOWN(unbounded)
{
	close(self->q);
	close(self->dev);
}

static int put_number(int q, unsigned int number)
{
	return pq_put(q, &number, sizeof(number), PYQUEUE_NOWAIT);
}

/* Numbers from @first up to @end, or the first -errno. */
static int put_numbers(int q, unsigned int first, unsigned int end)
{
	int ret = 0;

	for (; first < end && !ret; first++)
		ret = put_number(q, first);
	return ret;
}

/* The next message is this number. */
#define EXPECT_NEXT(q, number)                                               \
	({                                                                   \
		unsigned int got_ = ~0u;                                     \
		EXPECT_EQ(4, pq_get(q, &got_, sizeof(got_), PYQUEUE_NOWAIT)) \
			TH_LOG("instead of message %u", (unsigned int)(number)); \
		EXPECT_EQ((unsigned int)(number), got_);                     \
	})

TEST_F(unbounded, in_order)
{
	struct pyqueue_get got;
	unsigned int number;
	struct pyqueue_stat st;

	ASSERT_EQ(0, put_numbers(self->q, 0, MANY));
	st = pq_stat(self->q);
	EXPECT_EQ(0, st.maxsize);
	EXPECT_EQ(MANY, st.qsize);
	EXPECT_EQ(MANY, pq_qsize(self->q));
	EXPECT_EQ(MANY, st.unfinished);
	EXPECT_EQ((MANY - SLOTS) * 4, st.large_bytes);
	EXPECT_EQ(0, st.putters);
	for (unsigned int i = 0; i < MANY; i++) {
		EXPECT_EQ(4, pq_get_full(self->q, &number, 4, PYQUEUE_NOWAIT, &got));
		EXPECT_EQ(i, number);
		EXPECT_EQ(i, got.position);
		EXPECT_EQ(1, got.deliveries);
	}
	EXPECT_EQ(-EAGAIN, pq_get(self->q, &number, 4, PYQUEUE_NOWAIT));
	st = pq_stat(self->q);
	EXPECT_EQ(0, st.qsize);
	EXPECT_EQ(0, st.large_bytes);
	EXPECT_EQ(MANY, st.unfinished);
	/* And so on, in the ring alone and beside it. */
	for (unsigned int round = 0; round < 3; round++) {
		ASSERT_EQ(0, put_numbers(self->q, 0, MANY / 2));
		for (unsigned int i = 0; i < MANY / 4; i++)
			EXPECT_NEXT(self->q, i);
		ASSERT_EQ(0, put_numbers(self->q, MANY / 2, MANY));
		for (unsigned int i = MANY / 4; i < MANY; i++)
			EXPECT_NEXT(self->q, i);
	}
}

/* Empty ones, those that fit a slot, those that do not. */
TEST_F(unbounded, all_lengths)
{
	static const unsigned int lengths[] = { 0, 1, 48, 4000, 5000, PAYLOAD, PAYLOAD + 1, 200000 };
	static char buf[200000];

	for (unsigned int i = 0; i < MANY; i++) {
		size_t len = lengths[i % ARRAY_SIZE(lengths)];

		ASSERT_EQ(0, pq_put(self->q, fill_pattern(buf, len, i), len, PYQUEUE_NOWAIT));
	}
	for (unsigned int i = 0; i < MANY; i++) {
		int len = lengths[i % ARRAY_SIZE(lengths)];

		if (len)
			EXPECT_EQ(-EMSGSIZE, pq_get(self->q, buf, len - 1, PYQUEUE_NOWAIT));
		EXPECT_EQ(len, pq_get(self->q, buf, sizeof(buf), PYQUEUE_NOWAIT));
		EXPECT_TRUE(has_pattern(buf, len, i)) TH_LOG("message %u", i);
	}
	EXPECT_EQ(0, pq_stat(self->q).large_bytes);
}

/* In one call, out in one call; write() and read() as well. */
TEST_F(unbounded, several_at_once)
{
	struct pyqueue_msg msgs[MANY];
	unsigned int numbers[MANY];

	for (unsigned int i = 0; i < MANY; i++) {
		numbers[i] = i;
		msgs[i] = (struct pyqueue_msg){ .buf = (uintptr_t)&numbers[i], .len = 4 };
	}
	EXPECT_EQ(MANY, pq_put_many(self->q, msgs, MANY, PYQUEUE_NOWAIT));
	EXPECT_EQ(4, write(self->q, "abcd", 4));
	memset(numbers, 0xff, sizeof(numbers));
	EXPECT_EQ(MANY, pq_get_many(self->q, msgs, MANY, PYQUEUE_NOWAIT));
	for (unsigned int i = 0; i < MANY; i++)
		EXPECT_EQ(i, numbers[i]);
	EXPECT_EQ(4, read(self->q, numbers, 4));
	EXPECT_EQ(0, memcmp(numbers, "abcd", 4));
}

TEST_F(unbounded, polled)
{
	struct pollfd pfd = { .fd = self->q, .events = POLLIN | POLLOUT };

	EXPECT_EQ(1, poll(&pfd, 1, 0));
	EXPECT_EQ(POLLOUT, pfd.revents);
	ASSERT_EQ(0, put_numbers(self->q, 0, MANY));
	for (unsigned int i = 0; i < MANY; i++) {
		EXPECT_EQ(1, poll(&pfd, 1, 0));
		EXPECT_EQ(POLLIN | POLLOUT, pfd.revents) TH_LOG("before message %u", i);
		EXPECT_NEXT(self->q, i);
	}
	EXPECT_EQ(1, poll(&pfd, 1, 0));
	EXPECT_EQ(POLLOUT, pfd.revents);
}

/* What waits is there before the end. */
TEST_F(unbounded, shut_down)
{
	struct pollfd pfd = { .fd = self->q, .events = POLLIN };
	struct pyq_ring r;

	ASSERT_EQ(1, map_ring(self->q, &r));
	ASSERT_EQ(0, put_numbers(self->q, 0, MANY));
	EXPECT_EQ(0, pq_shutdown(self->q, 0));
	EXPECT_EQ(-ESHUTDOWN, put_number(self->q, MANY));
	/* Not closed yet, and it is said that it is shut down. */
	EXPECT_FALSE(pyq_ring_is_closed(&r));
	EXPECT_EQ(PYQUEUE_DETOUR_PUT | PYQUEUE_DETOUR_CLOSED, load(&r.hdr->detour));
	EXPECT_EQ(-ESHUTDOWN, pq_await(self->q, PYQUEUE_WRITE, PYQUEUE_NOWAIT));
	for (unsigned int i = 0; i < MANY; i++) {
		EXPECT_EQ(1, poll(&pfd, 1, 0));
		EXPECT_EQ(POLLIN, pfd.revents);
		EXPECT_NEXT(self->q, i);
		EXPECT_EQ(-ESHUTDOWN, put_number(self->q, MANY));
	}
	EXPECT_TRUE(pyq_ring_is_closed(&r));
	EXPECT_EQ(1, poll(&pfd, 1, 0));
	EXPECT_EQ(POLLIN | POLLHUP, pfd.revents);
	EXPECT_EQ(-ESHUTDOWN, pq_get(self->q, &pfd, 4, PYQUEUE_FOREVER));
	EXPECT_TRUE(pq_stat(self->q).flags & PYQUEUE_STAT_SHUTDOWN);
}

TEST_F(unbounded, shut_down_says_so)
{
	ASSERT_EQ(0, put_numbers(self->q, 0, MANY));
	EXPECT_EQ(0, pq_shutdown(self->q, 0));
	EXPECT_TRUE(pq_stat(self->q).flags & PYQUEUE_STAT_SHUTDOWN);
}

TEST_F(unbounded, shut_down_at_once)
{
	char byte;

	ASSERT_EQ(0, put_numbers(self->q, 0, MANY));
	EXPECT_EQ(0, pq_shutdown(self->q, PYQUEUE_IMMEDIATE));
	EXPECT_EQ(0, pq_qsize(self->q));
	EXPECT_EQ(0, pq_stat(self->q).unfinished);
	EXPECT_EQ(0, pq_stat(self->q).large_bytes);
	EXPECT_EQ(0, pq_join(self->q, PYQUEUE_NOWAIT));
	EXPECT_EQ(-ESHUTDOWN, put_number(self->q, 0));
	EXPECT_EQ(-ESHUTDOWN, pq_get(self->q, &byte, 1, PYQUEUE_NOWAIT));
}

/* Nothing is unfinished when all have been done, however they came. */
TEST_F(unbounded, joined)
{
	pid_t joiner;

	ASSERT_EQ(0, put_numbers(self->q, 0, MANY));
	EXPECT_EQ(-EINVAL, pq_task_done(self->q, MANY + 1));
	joiner = child(pq_join(self->q, PYQUEUE_FOREVER));
	ASSERT_TRUE(wait_asleep(self->q, joiners, 1, joiner));
	for (unsigned int i = 0; i < MANY; i++) {
		EXPECT_EQ(-EAGAIN, pq_join(self->q, PYQUEUE_NOWAIT));
		EXPECT_NEXT(self->q, i);
		EXPECT_EQ(0, pq_task_done(self->q, 1));
	}
	EXPECT_EQ(0, reap(joiner));
	EXPECT_EQ(-EINVAL, pq_task_done(self->q, 1));
}

/* Memory is a bound; what the ring has room for costs none of it. */
TEST_F(unbounded, max_bytes)
{
	int q = pq_create(self->dev, .maxsize = 0, .payload = PAYLOAD, .max_bytes = 40);

	ASSERT_LE(0, q);
	ASSERT_EQ(0, put_numbers(q, 0, SLOTS + 10));
	EXPECT_EQ(-ENOBUFS, put_number(q, SLOTS + 10));
	EXPECT_EQ(SLOTS + 10, pq_qsize(q));
	EXPECT_NEXT(q, 0);
	EXPECT_EQ(0, put_number(q, SLOTS + 10));
	EXPECT_EQ(-ENOBUFS, put_number(q, SLOTS + 11));
	for (unsigned int i = 1; i < SLOTS + 11; i++)
		EXPECT_NEXT(q, i);
	close(q);
}

/* What has a place by now costs nothing any more, whatever is put next. */
TEST_F(unbounded, max_bytes_given_back)
{
	int q = pq_create(self->dev, .maxsize = 0, .payload = PAYLOAD, .max_bytes = 70000);
	static char buf[PAYLOAD + 10];

	ASSERT_LE(0, q);
	for (unsigned int i = 0; i <= SLOTS; i++)
		ASSERT_EQ(0, pq_put(q, buf, 60000, PYQUEUE_NOWAIT));
	EXPECT_EQ(-ENOBUFS, pq_put(q, buf, sizeof(buf), PYQUEUE_NOWAIT));
	EXPECT_EQ(60000, pq_get(q, buf, sizeof(buf), PYQUEUE_NOWAIT));
	EXPECT_EQ(60000, pq_get(q, buf, sizeof(buf), PYQUEUE_NOWAIT));
	/* One that fits no slot. */
	EXPECT_EQ(0, pq_put(q, buf, sizeof(buf), PYQUEUE_NOWAIT));
	close(q);

	/* One that there is no memory for outside, and that has not to be there. */
	q = pq_create(self->dev, .maxsize = 0, .payload = PAYLOAD, .max_bytes = 10);
	ASSERT_EQ(0, put_numbers(q, 0, SLOTS + 1));
	EXPECT_EQ(-ENOBUFS, pq_put(q, buf, 100, PYQUEUE_NOWAIT));
	EXPECT_NEXT(q, 0);
	EXPECT_EQ(-ENOBUFS, pq_put(q, buf, 100, PYQUEUE_NOWAIT));
	EXPECT_NEXT(q, 1);
	EXPECT_EQ(0, pq_put(q, buf, 100, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_stat(q).large_bytes);
	/* Shut down is shut down, also when memory is short. */
	ASSERT_EQ(0, put_numbers(q, 0, 2));
	EXPECT_EQ(0, pq_shutdown(q, 0));
	EXPECT_EQ(-ESHUTDOWN, pq_put(q, buf, 100, PYQUEUE_NOWAIT));
	close(q);
}

/* What somebody writes into shared memory is not what the kernel counts. */
TEST_F(unbounded, count_forged)
{
	struct pyq_ring r = { .hdr = NULL };

	ASSERT_EQ(1, map_ring(self->q, &r));
	ASSERT_EQ(0, put_numbers(self->q, 0, MANY));
	store(&r.hdr->overflow, (uint64_t)-EINTR);
	EXPECT_EQ(MANY, pq_qsize(self->q));
	EXPECT_EQ(MANY, pq_stat(self->q).qsize);
	EXPECT_EQ(MANY, pq_stat(self->q).unfinished);
	EXPECT_EQ(-EINVAL, pq_task_done(self->q, MANY + 1));
}

/* What waits goes with the queue. (in-guest looks what is left.) */
TEST_F(unbounded, closed)
{
	uint64_t before = pq_info(self->dev).user_bytes;
	int q = pq_create(self->dev, .maxsize = 0, .payload = PAYLOAD);

	ASSERT_EQ(0, put_numbers(q, 0, MANY));
	EXPECT_LT(before, pq_info(self->dev).user_bytes);
	close(q);
	EXPECT_TRUE(eventually(pq_info(self->dev).user_bytes == before));
}

/* Who sleeps is woken by each message, also one that waits for a moment. */
TEST_F(unbounded, sleepers)
{
	pid_t getters[3];

	for (unsigned int i = 0; i < 3; i++) {
		getters[i] = child(({
			unsigned int sum = 0, number;

			for (unsigned int n = 0; n < MANY; n++)
				sum += pq_get(self->q, &number, 4, PYQUEUE_FOREVER) == 4;
			-(sum != MANY);
		}));
		ASSERT_TRUE(wait_sleepers(self->q, getters, i + 1));
	}
	EXPECT_EQ(0, put_numbers(self->q, 0, 3 * MANY));
	for (unsigned int i = 0; i < 3; i++)
		EXPECT_EQ(0, reap(getters[i]));
	EXPECT_EQ(0, pq_qsize(self->q));
}

/* One who maps it: takes what is in the ring, and has it refilled. */
static int take_mapped(struct pyq_ring *r, unsigned int *number)
{
	struct pyq_op op = { .len = 0 };
	int err = pyq_ring_claim_get(r, &op, 4);

	if (err)
		return err;
	memcpy(number, pyq_ring_slot(r, op.pos)->payload, 4);
	return pyq_ring_release(r, &op);
}

TEST_F(unbounded, mapped)
{
	struct pyq_op op = { .len = 0 };
	unsigned int next = 0, moved = SLOTS, number;
	struct pyq_ring r;

	ASSERT_EQ(1, map_ring(self->q, &r));
	EXPECT_EQ(0, load(&r.hdr->detour));
	ASSERT_EQ(0, put_numbers(self->q, 0, SLOTS));
	EXPECT_EQ(0, load(&r.hdr->detour));
	ASSERT_EQ(0, put_numbers(self->q, SLOTS, MANY));
	EXPECT_EQ(PYQUEUE_DETOUR_PUT, load(&r.hdr->detour));
	while (next < MANY) {
		int err = take_mapped(&r, &number);

		if (err) {
			/* All that was in the ring has been taken. */
			ASSERT_EQ(-EAGAIN, err);
			EXPECT_EQ(moved, next);
			ASSERT_EQ(0, pq_await(self->q, PYQUEUE_READ, PYQUEUE_NOWAIT));
			moved = moved + SLOTS < MANY ? moved + SLOTS : MANY;
		} else {
			EXPECT_EQ(next, number);
			next++;
		}
		EXPECT_EQ(MANY - next, pyq_ring_qsize(&r, &op));
		EXPECT_EQ(MANY, pyq_ring_unfinished(&r, &op));
		EXPECT_EQ(moved < MANY ? PYQUEUE_DETOUR_PUT : 0, load(&r.hdr->detour));
	}
	EXPECT_EQ(-EAGAIN, pq_await(self->q, PYQUEUE_READ, PYQUEUE_NOWAIT));
	EXPECT_EQ(-EAGAIN, take_mapped(&r, &number));
}

/*
 * A message in hand stops the ring where it comes round: then nobody gets what waits. Who
 * sleeps is woken as soon as its slot is free, by whatever path.
 */
FIXTURE(held) {
	int dev;
	int q;
	struct pyq_ring r;
	struct pyq_op op;
	pid_t getter;
};

FIXTURE_SETUP(held)
{
	unsigned int number;

	self->dev = dev_open();
	self->q = pq_create(self->dev, .maxsize = 0, .payload = PAYLOAD);
	ASSERT_LE(0, self->q);
	ASSERT_EQ(1, map_ring(self->q, &self->r));
	ASSERT_EQ(0, put_numbers(self->q, 0, SLOTS));
	ASSERT_EQ(0, pyq_ring_claim_get(&self->r, &self->op, 4));
	ASSERT_EQ(0, put_number(self->q, SLOTS));
	for (unsigned int i = 1; i < SLOTS; i++)
		EXPECT_NEXT(self->q, i);
	EXPECT_EQ(-EAGAIN, pq_get(self->q, &number, 4, PYQUEUE_NOWAIT));
	EXPECT_EQ(-EAGAIN, pq_await(self->q, PYQUEUE_READ, PYQUEUE_NOWAIT));
	self->getter = child(({
		unsigned int got = 0;

		pq_get(self->q, &got, 4, PYQUEUE_FOREVER) != 4 || got != SLOTS ? -1 : 0;
	}));
	ASSERT_TRUE(wait_asleep(self->q, getters, 1, self->getter));
}

FIXTURE_TEARDOWN(held)
{
	close(self->q);
	close(self->dev);
}

/* By one who keeps to the rules: he looks whom to call, and calls. */
TEST_F(held, released)
{
	EXPECT_EQ(0, pyq_ring_release(&self->r, &self->op));
	EXPECT_EQ(1, pyq_sleepers_claim(&self->r.hdr->getters.sleepers, 1));
	EXPECT_EQ(0, pq_wake(self->q, PYQUEUE_WAKE_GETTERS, 1));
	EXPECT_EQ(0, reap(self->getter));
}

/* By his end: the message comes again, and is first. */
TEST_F(held, died)
{
	EXPECT_EQ(0, munmap(self->r.hdr, pq_stat(self->q).map_bytes));
	/* What was in hand went to him who slept; what waited is next. */
	EXPECT_EQ(-1, reap(self->getter));
	EXPECT_NEXT(self->q, SLOTS);
}

/* Polled meanwhile: not ready, and told. */
TEST_F(held, polled)
{
	struct pollfd pfd = { .fd = self->q, .events = POLLIN };

	EXPECT_EQ(0, poll(&pfd, 1, 0));
	EXPECT_EQ(0, pyq_ring_release(&self->r, &self->op));
	EXPECT_EQ(1, poll(&pfd, 1, 0));
	EXPECT_EQ(1, pyq_sleepers_claim(&self->r.hdr->getters.sleepers, 1));
	EXPECT_EQ(0, pq_wake(self->q, PYQUEUE_WAKE_GETTERS, 1));
	EXPECT_EQ(0, reap(self->getter));
}

/* Room in the ring, for who claims it himself: when all who wait outside have theirs. */
TEST_F(unbounded, room)
{
	pid_t waiters[3];

	ASSERT_EQ(0, put_numbers(self->q, 0, SLOTS + 1));
	EXPECT_EQ(-EAGAIN, pq_await(self->q, PYQUEUE_WRITE, PYQUEUE_NOWAIT));
	for (unsigned int i = 0; i < 3; i++) {
		waiters[i] = child(pq_await(self->q, PYQUEUE_WRITE, PYQUEUE_FOREVER));
		ASSERT_TRUE(wait_asleep(self->q, putters, i + 1, waiters[i]));
	}
	for (unsigned int i = 0; i <= SLOTS; i++)
		EXPECT_NEXT(self->q, i);
	/* Called for a slot that another had first, and now called all the same. */
	for (unsigned int i = 0; i < 3; i++)
		EXPECT_EQ(0, reap(waiters[i]));
	/* And who asks has what waits moved first. */
	ASSERT_EQ(0, put_numbers(self->q, 0, SLOTS + 1));
	for (unsigned int i = 0; i < SLOTS; i++)
		EXPECT_NEXT(self->q, i);
	EXPECT_EQ(4, pq_stat(self->q).large_bytes);
	EXPECT_EQ(0, pq_await(self->q, PYQUEUE_WRITE, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_stat(self->q).large_bytes);
}

/* Shut down: who waits for room is told, though the ring is not closed yet. */
/* proves: AWAIT -ESHUTDOWN */
TEST_F(unbounded, room_at_the_end)
{
	pid_t waiter;

	ASSERT_EQ(0, put_numbers(self->q, 0, MANY));
	waiter = child(pq_await(self->q, PYQUEUE_WRITE, PYQUEUE_FOREVER));
	ASSERT_TRUE(wait_asleep(self->q, putters, 1, waiter));
	EXPECT_EQ(0, pq_shutdown(self->q, 0));
	EXPECT_EQ(-ESHUTDOWN, reap(waiter));
	EXPECT_EQ(-ESHUTDOWN, pq_await(self->q, PYQUEUE_WRITE, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_await(self->q, PYQUEUE_READ, PYQUEUE_NOWAIT));
}

/* Broken: he is told. */
/* proves: AWAIT -EUCLEAN */
TEST_F(unbounded, room_when_broken)
{
	pid_t waiter;

	ASSERT_EQ(0, put_numbers(self->q, 0, MANY));
	waiter = child(pq_await(self->q, PYQUEUE_WRITE, PYQUEUE_FOREVER));
	ASSERT_TRUE(wait_asleep(self->q, putters, 1, waiter));
	EXPECT_EQ(0, pq_wake(self->q, PYQUEUE_WAKE_BROKEN, 0));
	EXPECT_EQ(-EUCLEAN, reap(waiter));
	EXPECT_EQ(-EUCLEAN, pq_await(self->q, PYQUEUE_WRITE, in_ns(MSEC)));
	EXPECT_EQ(-EUCLEAN, pq_await(self->q, PYQUEUE_READ, PYQUEUE_NOWAIT));
	EXPECT_EQ(-EUCLEAN, put_number(self->q, 0));
}

/* Of those who sleep on behind a message in hand one gets what waits, the other the end. */
TEST_F(held, shut_down)
{
	pid_t second = child(pq_get(self->q, &(char[4]){ 0 }, 4, PYQUEUE_FOREVER));
	bool first_had_it;

	ASSERT_TRUE(wait_asleep(self->q, getters, 2, second));
	EXPECT_EQ(0, pq_shutdown(self->q, 0));
	EXPECT_EQ(0, pyq_ring_release(&self->r, &self->op));
	pyq_sleepers_claim(&self->r.hdr->getters.sleepers, 1);
	EXPECT_EQ(0, pq_wake(self->q, PYQUEUE_WAKE_GETTERS, 1));
	/* Both may be awake to look at the end, and then either is the quicker one. */
	first_had_it = reap(self->getter) == 0;
	EXPECT_EQ(first_had_it ? -ESHUTDOWN : 0, reap(second));
}

/* Somebody who keeps to no rule: it harms this queue only, and nobody hangs. */
TEST_F(unbounded, closed_by_hand)
{
	struct pyq_ring r = { .hdr = NULL };
	unsigned int number;
	int ret = 0;

	ASSERT_EQ(1, map_ring(self->q, &r));
	ASSERT_EQ(0, put_numbers(self->q, 0, MANY));
	pyq_ring_close(&r);
	for (unsigned int i = 0; i < MANY && ret >= 0; i++)
		ret = pq_get(self->q, &number, 4, PYQUEUE_NOWAIT);
	EXPECT_TRUE(ret == -EUCLEAN || ret == -ESHUTDOWN) TH_LOG("%d", ret);
	/* Who puts finds out, at the latest with the second one. */
	put_number(self->q, 0);
	EXPECT_EQ(-EUCLEAN, put_number(self->q, 0));
}

/* Producers and consumers in numbers: each producer's messages are in order. */
#define PRODUCERS 3
#define EACH 3000

struct numbered {
	unsigned int producer;
	unsigned int number;
};

TEST_F(unbounded, many)
{
	pid_t pids[PRODUCERS];

	for (unsigned int p = 0; p < PRODUCERS; p++)
		pids[p] = child(({
			int err = 0;

			for (unsigned int i = 1; i <= EACH && !err; i++) {
				struct numbered m = { p, i };

				err = pq_put(self->q, &m, sizeof(m), PYQUEUE_NOWAIT);
			}
			err;
		}));
	{
		unsigned int seen[PRODUCERS] = { 0 };

		for (unsigned int i = 0; i < PRODUCERS * EACH; i++) {
			struct numbered m;

			ASSERT_EQ(sizeof(m), pq_get(self->q, &m, sizeof(m), in_ns(20 * SEC)));
			ASSERT_EQ(seen[m.producer] + 1, m.number) TH_LOG("of %u", m.producer);
			seen[m.producer]++;
		}
	}
	for (unsigned int p = 0; p < PRODUCERS; p++)
		EXPECT_EQ(0, reap(pids[p]));
	EXPECT_EQ(0, pq_qsize(self->q));
	EXPECT_EQ(0, pq_stat(self->q).large_bytes);
}

TEST_HARNESS_MAIN
