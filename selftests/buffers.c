// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers that cannot be accessed, or only in part: a message is put as a whole
 * or not at all, and one that could not be handed over is still the next.
 */
#include "pyqueue_test.h"

#define KERNEL_ADDRESS ((void *)0xffff888000100000UL)

/* Messages that fit a slot, and messages that the kernel keeps elsewhere. */
FIXTURE(buffers) {
	int dev;
	int q;
	char *first;		/* the messages, of variant->len bytes */
	char *second;
	char *room;
	char *edge;		/* variant->len / 2 bytes before it can be accessed */
	char *read_only;
};

FIXTURE_VARIANT(buffers) {
	size_t len;
	__u32 payload;
};

FIXTURE_VARIANT_ADD(buffers, inline) { .len = 200, .payload = 240 };
FIXTURE_VARIANT_ADD(buffers, inline_pages) { .len = 20000, .payload = 40000 };
FIXTURE_VARIANT_ADD(buffers, large) { .len = 20000, .payload = 48 };

FIXTURE_SETUP(buffers)
{
	size_t len = variant->len;

	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = 3, .payload = variant->payload,
			    .flags = PYQUEUE_NONBLOCK);
	ASSERT_LE(0, self->q);
	self->first = fill_pattern(malloc(len), len, 1);
	self->second = fill_pattern(malloc(len), len, 2);
	self->room = malloc(len);
	self->edge = memory_edge(len / 2);
	self->read_only = memory_edge(len);
	ASSERT_EQ(0, mprotect((void *)((uintptr_t)(self->read_only - len) & -4096UL),
			      (len + 4095) & -4096UL, PROT_READ));
}

FIXTURE_TEARDOWN(buffers)
{
	free(self->first);
	free(self->second);
	free(self->room);
	close(self->q);
	close(self->dev);
}

/* Takes the next message and finds the pattern of @seed in it, intact. */
static bool takes(FIXTURE_DATA(buffers) *self, size_t len, uint32_t seed)
{
	struct pyqueue_get out;

	memset(self->room, 0, len);
	return pq_get_full(self->q, self->room, len, PYQUEUE_NOWAIT, &out) == (int)len &&
	       has_pattern(self->room, len, seed) && out.deliveries == 1 && out.len == len;
}

/* proves: PUT -EFAULT */
TEST_F(buffers, put)
{
	size_t len = variant->len;
	void *bad[] = { NULL, self->edge, self->edge - len / 2, self->edge - 1,
			(void *)-1L, KERNEL_ADDRESS };
	struct pyqueue_msg msg = { .len = len };

	ASSERT_EQ(0, pq_put(self->q, self->first, len, PYQUEUE_NOWAIT));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EFAULT, pq_put(self->q, bad[i], len, PYQUEUE_NOWAIT));
		msg.buf = (uintptr_t)bad[i];
		EXPECT_EQ(-EFAULT, pq_put_many(self->q, &msg, 1, PYQUEUE_NOWAIT));
		EXPECT_EQ(-1, write(self->q, bad[i], len));
		EXPECT_EQ(EFAULT, errno);
		EXPECT_EQ(1, pq_qsize(self->q));
		EXPECT_EQ(1, pq_stat(self->q).unfinished);
	}
	EXPECT_EQ(variant->len > variant->payload ? 1 : 0,
		  pq_stat(self->q).large_bytes >= len);
	ASSERT_EQ(0, pq_put(self->q, self->second, len, PYQUEUE_NOWAIT));
	EXPECT_TRUE(takes(self, len, 1));
	EXPECT_TRUE(takes(self, len, 2));
	EXPECT_EQ(-EAGAIN, pq_get(self->q, self->room, len, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_stat(self->q).large_bytes);
}

/* proves: GET -EFAULT */
TEST_F(buffers, get)
{
	size_t len = variant->len;
	void *bad[] = { NULL, self->edge, self->edge - len / 2, self->edge - 1,
			self->read_only - len, (void *)-1L, KERNEL_ADDRESS };
	struct pyqueue_msg msg;
	int extra;

	ASSERT_EQ(0, pq_put(self->q, self->first, len, PYQUEUE_NOWAIT));
	ASSERT_EQ(0, pq_put(self->q, self->second, len, PYQUEUE_NOWAIT));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EFAULT, pq_get(self->q, bad[i], len, PYQUEUE_NOWAIT));
		EXPECT_EQ(2, pq_qsize(self->q));
		msg = (struct pyqueue_msg){ .buf = (uintptr_t)bad[i], .len = len };
		EXPECT_EQ(-EFAULT, pq_get_many(self->q, &msg, 1, PYQUEUE_NOWAIT));
		EXPECT_EQ(-1, read(self->q, bad[i], len));
		EXPECT_EQ(EFAULT, errno);
		EXPECT_EQ(2, pq_qsize(self->q));
		EXPECT_EQ(2, pq_stat(self->q).unfinished);
	}
	/* If it was in hand, it does not count against maxsize; all others do. */
	ASSERT_EQ(0, pq_put(self->q, self->room, 0, PYQUEUE_NOWAIT));
	extra = pq_put(self->q, self->room, 0, PYQUEUE_NOWAIT) == 0;
	EXPECT_EQ(-EAGAIN, pq_put(self->q, self->room, 0, PYQUEUE_NOWAIT));
	EXPECT_EQ(3 + extra, pq_qsize(self->q));
	/* It is served before newer ones. */
	EXPECT_TRUE(takes(self, len, 1));
	EXPECT_TRUE(takes(self, len, 2));
	for (int i = 0; i <= extra; i++) {
		EXPECT_TRUE(takes(self, 0, 0));
	}
	EXPECT_EQ(-EAGAIN, pq_get(self->q, self->room, len, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_stat(self->q).large_bytes);
	EXPECT_EQ(3 + extra, pq_stat(self->q).unfinished);
}

/* Only what the message needs has to be accessible. */
TEST_F(buffers, room_that_is_not_needed)
{
	struct pyqueue_get out;

	ASSERT_EQ(0, pq_put(self->q, self->first, variant->len, PYQUEUE_NOWAIT));
	ASSERT_EQ(0, pq_put(self->q, "abc", 3, PYQUEUE_NOWAIT));
	EXPECT_TRUE(takes(self, variant->len, 1));
	EXPECT_EQ(3, pq_get_full(self->q, self->edge - 3, variant->len, PYQUEUE_NOWAIT, &out));
	EXPECT_EQ(0, memcmp(self->edge - 3, "abc", 3));
	EXPECT_EQ(3, out.len);
}

/* The same again and again, over several laps of the ring. */
TEST_F(buffers, get_many_times)
{
	size_t len = variant->len;

	for (uint32_t i = 0; i < 40; i++) {
		fill_pattern(self->first, len, i);
		ASSERT_EQ(0, pq_put(self->q, self->first, len, PYQUEUE_NOWAIT));
		ASSERT_EQ(-EFAULT, pq_get(self->q, self->edge - len / 2, len, PYQUEUE_NOWAIT));
		ASSERT_EQ(-EFAULT, pq_put(self->q, self->edge - len / 2, len, PYQUEUE_NOWAIT));
		if (i == 0)
			continue;
		ASSERT_EQ(2, pq_qsize(self->q));
		ASSERT_TRUE(takes(self, len, i - 1));
		ASSERT_EQ(1, pq_qsize(self->q));
	}
}

/* writev() makes one message of its pieces, readv() takes one apart. */
TEST_F(buffers, pieces)
{
	size_t len = variant->len, a = len / 3, b = len / 2;
	struct iovec out[] = { { self->first, a }, { NULL, 0 }, { self->first + a, b - a },
			       { self->first + b, len - b } };
	struct iovec in[] = { { self->room, b }, { self->room + b, len - b } };
	struct iovec bad[] = { { self->room, b }, { self->edge, len - b } };

	EXPECT_EQ((ssize_t)len, writev(self->q, out, 4));
	EXPECT_EQ(1, pq_qsize(self->q));
	EXPECT_EQ(-1, readv(self->q, bad, 2));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, readv(self->q, in, 1));
	EXPECT_EQ(EMSGSIZE, errno);
	EXPECT_EQ(1, pq_qsize(self->q));
	EXPECT_EQ((ssize_t)len, readv(self->q, in, 2));
	EXPECT_TRUE(has_pattern(self->room, len, 1));
	bad[0].iov_base = self->first;
	EXPECT_EQ(-1, writev(self->q, bad, 2));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, pq_qsize(self->q));
}

TEST_HARNESS_MAIN
