// SPDX-License-Identifier: GPL-2.0
/* The bound is exact, whatever it is, and the order is first in, first out. */
#include "pyqueue_test.h"

FIXTURE(bounds) {
	int dev;
	int q;
	uint64_t last;		/* position of the last message taken */
};

FIXTURE_VARIANT(bounds) {
	int maxsize;
};

FIXTURE_VARIANT_ADD(bounds, 1) { .maxsize = 1 };
FIXTURE_VARIANT_ADD(bounds, 2) { .maxsize = 2 };
FIXTURE_VARIANT_ADD(bounds, 3) { .maxsize = 3 };
FIXTURE_VARIANT_ADD(bounds, 4) { .maxsize = 4 };
FIXTURE_VARIANT_ADD(bounds, 5) { .maxsize = 5 };
FIXTURE_VARIANT_ADD(bounds, 64) { .maxsize = 64 };
FIXTURE_VARIANT_ADD(bounds, 100) { .maxsize = 100 };

FIXTURE_SETUP(bounds)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = variant->maxsize);
	ASSERT_LE(0, self->q);
	ASSERT_EQ(variant->maxsize, pq_stat(self->q).maxsize);
}

FIXTURE_TEARDOWN(bounds)
{
	close(self->q);
	close(self->dev);
}

static int put_number(int q, uint32_t number, uint64_t deadline)
{
	return pq_put(q, &number, sizeof(number), deadline);
}

/* The number that was put, or -errno; positions only go up, deliveries are 1. */
static int64_t get_number(FIXTURE_DATA(bounds) *self)
{
	struct pyqueue_get out;
	uint32_t number;
	int ret = pq_get_full(self->q, &number, sizeof(number), PYQUEUE_NOWAIT, &out);

	if (ret < 0)
		return ret;
	if (ret != sizeof(number) || out.deliveries != 1)
		return -EIO;
	if (self->last && out.position <= self->last)
		return -ERANGE;
	self->last = out.position;
	return number;
}

static bool holds(int q, uint32_t n)
{
	struct pyqueue_stat st = pq_stat(q);

	return pq_qsize(q) == (int)n && st.qsize == n;
}

/* proves: PUT -EAGAIN, GET -EAGAIN, PYQUEUE_NOWAIT -EAGAIN, promise put-get-nowait */
/* proves: promise qsize-empty-full, promise bound-exact, PUT_MANY -EAGAIN, GET_MANY -EAGAIN */
TEST_F(bounds, fills_exactly)
{
	int n = variant->maxsize;
	uint32_t in = 0, out = 0;
	struct pyqueue_msg msg = { .buf = (uintptr_t)&in, .len = sizeof(in) };

	for (int lap = 0; lap < 20; lap++) {
		for (int i = 0; i < n; i++) {
			ASSERT_TRUE(holds(self->q, i));
			ASSERT_EQ(0, put_number(self->q, in++, PYQUEUE_NOWAIT));
		}
		ASSERT_TRUE(holds(self->q, n));
		ASSERT_EQ(-EAGAIN, put_number(self->q, 12345, PYQUEUE_NOWAIT));
		ASSERT_EQ(-EAGAIN, pq_put_many(self->q, &msg, 1, PYQUEUE_NOWAIT));
		ASSERT_TRUE(holds(self->q, n));
		for (int i = 0; i < n; i++) {
			ASSERT_EQ(out++, get_number(self));
			ASSERT_TRUE(holds(self->q, n - 1 - i));
		}
		ASSERT_EQ(-EAGAIN, get_number(self));
		ASSERT_EQ(-EAGAIN, pq_get_many(self->q, &msg, 1, PYQUEUE_NOWAIT));
		ASSERT_TRUE(holds(self->q, 0));
	}
	EXPECT_EQ(20 * n, pq_stat(self->q).unfinished);
}

/* proves: promise fifo, promise bound-exact */
/* Every number of messages at every place of the ring. */
TEST_F(bounds, order_over_laps)
{
	int n = variant->maxsize;
	uint32_t in = 0, out = 0;

	for (int fill = 1; fill <= n; fill += fill > 5 && fill < n - 2 ? n / 3 - 1 : 1) {
		while (in - out < (uint32_t)fill) {
			ASSERT_EQ(0, put_number(self->q, in++, PYQUEUE_NOWAIT));
		}
		for (int i = 0; i < 2 * n + 3; i++) {
			ASSERT_TRUE(holds(self->q, fill));
			if (fill == n)
				ASSERT_EQ(-EAGAIN, put_number(self->q, 0, PYQUEUE_NOWAIT));
			ASSERT_EQ(out++, get_number(self));
			ASSERT_TRUE(holds(self->q, fill - 1));
			ASSERT_EQ(0, put_number(self->q, in++, PYQUEUE_NOWAIT));
		}
	}
}

/* proves: PUT -ETIMEDOUT, GET -ETIMEDOUT */
TEST_F(bounds, times_out_at_its_end)
{
	for (int i = 0; i < variant->maxsize; i++) {
		ASSERT_EQ(0, put_number(self->q, i, PYQUEUE_FOREVER));
	}
	EXPECT_EQ(-ETIMEDOUT, put_number(self->q, 0, in_ns(30 * MSEC)));
	EXPECT_TRUE(holds(self->q, variant->maxsize));
	for (int i = 0; i < variant->maxsize; i++) {
		ASSERT_EQ(i, get_number(self));
	}
	EXPECT_EQ(-ETIMEDOUT, pq_get(self->q, &self->last, 8, in_ns(30 * MSEC)));
	EXPECT_TRUE(holds(self->q, 0));
}

/* One more put than fits waits, and goes on as soon as one is taken. */
TEST_F(bounds, one_more_waits)
{
	int n = variant->maxsize;
	pid_t putter;

	for (int i = 0; i < n; i++) {
		ASSERT_EQ(0, put_number(self->q, i, PYQUEUE_FOREVER));
	}
	for (int i = 0; i < 4; i++) {
		putter = child(put_number(self->q, n + i, SOON));
		ASSERT_TRUE(wait_sleepers(self->q, putters, 1));
		ASSERT_TRUE(holds(self->q, n));
		ASSERT_EQ(i, get_number(self));
		ASSERT_EQ(0, reap(putter));
		ASSERT_TRUE(holds(self->q, n));
		ASSERT_EQ(0, pq_stat(self->q).putters);
	}
	for (int i = 0; i < n; i++) {
		ASSERT_EQ(4 + i, get_number(self));
	}
}

/* The same on the other side: a get of an empty queue. */
TEST_F(bounds, get_waits)
{
	pid_t getter;

	for (int i = 0; i < 4; i++) {
		uint32_t number;

		getter = child(({
			int ret = pq_get(self->q, &number, 4, SOON);

			ret == 4 && number == (uint32_t)i ? 0 : -EILSEQ;
		}));
		ASSERT_TRUE(wait_sleepers(self->q, getters, 1));
		ASSERT_EQ(0, put_number(self->q, i, PYQUEUE_NOWAIT));
		ASSERT_EQ(0, reap(getter));
		ASSERT_TRUE(holds(self->q, 0));
		ASSERT_EQ(0, pq_stat(self->q).getters);
	}
}

/*
 * Somebody else fills and empties at the same time: the bound holds at every
 * instant at which one can look.
 */
TEST_F(bounds, never_more)
{
	uint64_t end = in_ns(80 * MSEC);
	pid_t putter, getter;
	char byte;

	putter = child(({
		while (pq_put(self->q, "x", 1, SOON) == 0)
			;
		0;
	}));
	getter = child(({
		char mine;

		while (pq_get(self->q, &mine, 1, SOON) == 1)
			;
		0;
	}));
	while (now_ns() < end) {
		int size = pq_qsize(self->q);

		ASSERT_LE(0, size);
		ASSERT_GE(variant->maxsize, size);
	}
	ASSERT_EQ(0, pq_shutdown(self->q, 0));
	ASSERT_EQ(0, reap(putter));
	ASSERT_EQ(0, reap(getter));
	ASSERT_EQ(-ESHUTDOWN, pq_get(self->q, &byte, 1, PYQUEUE_NOWAIT));
}

TEST_HARNESS_MAIN
