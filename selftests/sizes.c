// SPDX-License-Identifier: GPL-2.0
/* Messages of every size, byte for byte, through every way in and out. */
#include "pyqueue_test.h"

#define MAX_MSG 100000

/* One way to put and one to get; both NOWAIT. */
static int put_by_ioctl(int q, void *buf, size_t len)
{
	return pq_put(q, buf, len, PYQUEUE_NOWAIT);
}

static int put_by_many(int q, void *buf, size_t len)
{
	struct pyqueue_msg msg = { .buf = (uintptr_t)buf, .len = len };
	int ret = pq_put_many(q, &msg, 1, PYQUEUE_NOWAIT);

	return ret == 1 ? 0 : ret;
}

static int put_by_write(int q, void *buf, size_t len)
{
	ssize_t ret = write(q, buf, len);

	if (ret < 0)
		return -errno;
	return ret == (ssize_t)len ? 0 : -EIO;
}

static int get_by_ioctl(int q, void *buf, size_t room)
{
	return pq_get(q, buf, room, PYQUEUE_NOWAIT);
}

static int get_by_many(int q, void *buf, size_t room)
{
	struct pyqueue_msg msg = { .buf = (uintptr_t)buf, .len = room };
	int ret = pq_get_many(q, &msg, 1, PYQUEUE_NOWAIT);

	return ret == 1 ? (int)msg.len : ret;
}

static int get_by_read(int q, void *buf, size_t room)
{
	ssize_t ret = read(q, buf, room);

	return ret < 0 ? -errno : ret;
}

FIXTURE(sizes) {
	int dev;
	int q;
	unsigned char *out;
	unsigned char *in;
};

FIXTURE_VARIANT(sizes) {
	__u32 payload;
	__u32 flags;
	bool file;		/* read() and write(): no messages of length 0 */
	int (*put)(int q, void *buf, size_t len);
	int (*get)(int q, void *buf, size_t room);
};

FIXTURE_VARIANT_ADD(sizes, ioctl) {
	.payload = 240, .put = put_by_ioctl, .get = get_by_ioctl };
FIXTURE_VARIANT_ADD(sizes, many) {
	.payload = 240, .put = put_by_many, .get = get_by_many };
FIXTURE_VARIANT_ADD(sizes, file) {
	.payload = 240, .put = put_by_write, .get = get_by_read, .file = true };
FIXTURE_VARIANT_ADD(sizes, write_to_get) {
	.payload = 240, .put = put_by_write, .get = get_by_ioctl, .file = true };
FIXTURE_VARIANT_ADD(sizes, put_to_read) {
	.payload = 240, .put = put_by_ioctl, .get = get_by_read, .file = true };
/* 64, 448 and 65536 bytes a slot: none, some and all slots cross pages. */
FIXTURE_VARIANT_ADD(sizes, smallest_slot) {
	.payload = 48, .put = put_by_ioctl, .get = get_by_ioctl };
FIXTURE_VARIANT_ADD(sizes, crossing_pages) {
	.payload = 432, .put = put_by_ioctl, .get = get_by_ioctl };
FIXTURE_VARIANT_ADD(sizes, crossing_pages_file) {
	.payload = 432, .put = put_by_write, .get = get_by_read, .file = true };
FIXTURE_VARIANT_ADD(sizes, page_and_more) {
	.payload = 4144, .put = put_by_ioctl, .get = get_by_ioctl };
FIXTURE_VARIANT_ADD(sizes, largest_slot) {
	.payload = PYQUEUE_PAYLOAD_MAX, .put = put_by_ioctl, .get = get_by_ioctl };
FIXTURE_VARIANT_ADD(sizes, largest_slot_file) {
	.payload = PYQUEUE_PAYLOAD_MAX, .put = put_by_write, .get = get_by_read,
	.file = true };
FIXTURE_VARIANT_ADD(sizes, sealed) {
	.payload = 240, .flags = PYQUEUE_SEALED, .put = put_by_ioctl, .get = get_by_ioctl };

FIXTURE_SETUP(sizes)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = 5, .payload = variant->payload,
			    .max_msg = MAX_MSG, .flags = variant->flags | PYQUEUE_NONBLOCK);
	ASSERT_LE(0, self->q);
	ASSERT_EQ(variant->payload, pq_stat(self->q).payload);
	self->out = malloc(MAX_MSG + 1);
	self->in = malloc(MAX_MSG + 1);
}

FIXTURE_TEARDOWN(sizes)
{
	free(self->in);
	free(self->out);
	close(self->q);
	close(self->dev);
}

/* Into the queue and out of it again, with not a byte more or less. */
static bool passes(FIXTURE_DATA(sizes) *self, const FIXTURE_VARIANT(sizes) *variant,
		   size_t len, uint32_t seed)
{
	memset(self->in, 0xcc, MAX_MSG + 1);
	if (variant->put(self->q, fill_pattern(self->out, len, seed), len))
		return false;
	if (len && variant->get(self->q, self->in, len - 1) != -EMSGSIZE)
		return false;
	if (pq_qsize(self->q) != 1)
		return false;
	if (variant->get(self->q, self->in, len) != (int)len || pq_qsize(self->q) != 0)
		return false;
	return has_pattern(self->in, len, seed) && self->in[len] == 0xcc;
}

/* proves: promise length-0-to-max */
/* A message of 0, 1, slot - 1, slot, slot + 1, ..., max_msg bytes, in every slot. */
TEST_F(sizes, each)
{
	size_t payload = variant->payload;
	const size_t lens[] = { 0, 1, 2, 7, 8, 9, payload - 1, payload, payload + 1, 63, 64, 65,
				112, 176, 239, 240, 241, 4095, 4096, 4097, 65520, 65536,
				MAX_MSG - 1, MAX_MSG };

	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		if (lens[i] == 0 && variant->file)
			continue;
		for (uint32_t slot = 0; slot < 9; slot++) {
			ASSERT_TRUE(passes(self, variant, lens[i], i * 16 + slot))
				TH_LOG("%zu bytes, number %u", lens[i], slot);
		}
	}
	EXPECT_EQ(0, pq_stat(self->q).large_bytes);
}

/* All at once, so that neighbours would show in each other. */
TEST_F(sizes, side_by_side)
{
	size_t payload = variant->payload;
	const size_t lens[] = { payload, 1, payload + 1, MAX_MSG, payload - 1 };

	for (int lap = 0; lap < 10; lap++) {
		for (int i = 0; i < 5; i++) {
			fill_pattern(self->out, lens[i], lap * 8 + i);
			ASSERT_EQ(0, variant->put(self->q, self->out, lens[i]));
		}
		ASSERT_EQ(-EAGAIN, variant->put(self->q, self->out, 1));
		for (int i = 0; i < 5; i++) {
			ASSERT_EQ((int)lens[i], variant->get(self->q, self->in, MAX_MSG));
			ASSERT_TRUE(has_pattern(self->in, lens[i], lap * 8 + i))
				TH_LOG("message %d of lap %d", i, lap);
		}
		/* The next lap starts at another slot. */
		ASSERT_EQ(0, variant->put(self->q, self->out, 3));
		ASSERT_EQ(3, variant->get(self->q, self->in, MAX_MSG));
	}
}

/* proves: PUT -E2BIG, promise over-max-msg */
TEST_F(sizes, over_max_msg)
{
	ASSERT_EQ(0, variant->put(self->q, fill_pattern(self->out, 3, 1), 3));
	EXPECT_EQ(-E2BIG, variant->put(self->q, self->out, MAX_MSG + 1));
	EXPECT_EQ(-E2BIG, pq_put(self->q, self->out, 1ULL << 32, PYQUEUE_NOWAIT));
	EXPECT_EQ(-E2BIG, pq_put(self->q, self->out, ~0ULL, PYQUEUE_NOWAIT));
	EXPECT_EQ(1, pq_qsize(self->q));
	EXPECT_EQ(1, pq_stat(self->q).unfinished);
	EXPECT_EQ(3, variant->get(self->q, self->in, MAX_MSG));
	EXPECT_TRUE(has_pattern(self->in, 3, 1));
}

/* proves: GET -EMSGSIZE, promise buffer-too-small */
TEST_F(sizes, room_too_small)
{
	const size_t lens[] = { 1, variant->payload, variant->payload + 1, MAX_MSG };
	struct pyqueue_get out;
	struct pyqueue_msg msg;

	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		size_t len = lens[i];

		ASSERT_EQ(0, variant->put(self->q, fill_pattern(self->out, len, i), len));
		ASSERT_EQ(0, variant->put(self->q, "next", 4));
		for (int again = 0; again < 3; again++) {
			EXPECT_EQ(-EMSGSIZE, pq_get_full(self->q, self->in, len - 1,
							 PYQUEUE_NOWAIT, &out));
			EXPECT_EQ(len, out.len);
			EXPECT_EQ(-EMSGSIZE, pq_get_full(self->q, NULL, 0, PYQUEUE_FOREVER, &out));
			EXPECT_EQ(len, out.len);
			msg = (struct pyqueue_msg){ .buf = (uintptr_t)self->in, .len = len - 1 };
			EXPECT_EQ(-EMSGSIZE, pq_get_many(self->q, &msg, 1, PYQUEUE_NOWAIT));
			EXPECT_EQ(len, msg.len);
			EXPECT_EQ(-EMSGSIZE, get_by_read(self->q, self->in, len - 1));
		}
		EXPECT_EQ(2, pq_qsize(self->q));
		EXPECT_EQ((int)len, pq_get_full(self->q, self->in, len, PYQUEUE_NOWAIT, &out));
		EXPECT_TRUE(has_pattern(self->in, len, i));
		EXPECT_EQ(1, out.deliveries);
		EXPECT_EQ(4, variant->get(self->q, self->in, 4));
	}
}

/* --- what is not a matter of the size of slots ----------------------------- */

FIXTURE(more) {
	int dev;
	char *buf;
};

FIXTURE_SETUP(more)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->buf = calloc(1, PYQUEUE_MAX_MSG_MAX + 1);
	ASSERT_NE(NULL, self->buf);
}

FIXTURE_TEARDOWN(more)
{
	free(self->buf);
	close(self->dev);
}

/* @payload is rounded up to what a slot of 64 * n bytes has room for. */
TEST_F(more, payload)
{
	const struct {
		__u32 asked, got;
	} cases[] = {
		{ 0, PYQUEUE_PAYLOAD_DEFAULT }, { 1, 48 }, { 47, 48 }, { 48, 48 }, { 49, 112 },
		{ 112, 112 }, { 113, 176 }, { 240, 240 }, { 241, 304 }, { 4096, 4144 },
		{ 65456, 65456 }, { 65457, 65520 }, { PYQUEUE_PAYLOAD_MAX, PYQUEUE_PAYLOAD_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int q = pq_create(self->dev, .maxsize = 3, .payload = cases[i].asked);

		ASSERT_LE(0, q);
		EXPECT_EQ(cases[i].got, pq_stat(q).payload);
		EXPECT_LE(3 * (cases[i].got + 16), pq_stat(q).ring_bytes);
		/* What fits is not charged as large. */
		EXPECT_EQ(0, pq_put(q, self->buf, cases[i].got, PYQUEUE_NOWAIT));
		EXPECT_EQ(0, pq_stat(q).large_bytes);
		EXPECT_EQ(0, pq_put(q, self->buf, cases[i].got + 1, PYQUEUE_NOWAIT));
		EXPECT_LE(cases[i].got + 1, pq_stat(q).large_bytes);
		close(q);
	}
}

/* max_msg may be smaller than a slot, 1 MiB when not given, and 64 MiB at most. */
TEST_F(more, max_msg)
{
	const struct {
		__u64 asked, got;
	} cases[] = { { 1, 1 }, { 100, 100 }, { 0, PYQUEUE_MAX_MSG_DEFAULT },
		      { PYQUEUE_MAX_MSG_MAX, PYQUEUE_MAX_MSG_MAX } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t max = cases[i].got;
		int q = pq_create(self->dev, .maxsize = 2, .max_msg = cases[i].asked);

		ASSERT_LE(0, q);
		EXPECT_EQ(max, pq_stat(q).max_msg);
		EXPECT_EQ(-E2BIG, pq_put(q, self->buf, max + 1, PYQUEUE_NOWAIT));
		EXPECT_EQ(0, pq_qsize(q));
		self->buf[0] = 'a';
		self->buf[max - 1] = 'z';
		ASSERT_EQ(0, pq_put(q, self->buf, max, PYQUEUE_NOWAIT));
		self->buf[0] = self->buf[max - 1] = 0;
		EXPECT_EQ((int)max, pq_get(q, self->buf, max, PYQUEUE_NOWAIT));
		EXPECT_EQ(max == 1 ? 'z' : 'a', self->buf[0]);
		EXPECT_EQ('z', self->buf[max - 1]);
		close(q);
	}
}

/* proves: PUT -ENOBUFS */
TEST_F(more, max_bytes)
{
	char *buf = self->buf;
	int q = pq_create(self->dev, .maxsize = 10, .payload = 48, .max_bytes = 16384,
			  .flags = PYQUEUE_NONBLOCK);
	struct pyqueue_msg msgs[] = { { .buf = (uintptr_t)buf, .len = 48 },
				      { .buf = (uintptr_t)buf, .len = 20000 } };
	uint64_t bytes;

	ASSERT_LE(0, q);
	EXPECT_EQ(-ENOBUFS, pq_put(q, buf, 20000, PYQUEUE_NOWAIT));
	/* Waiting would not help. */
	EXPECT_EQ(-ENOBUFS, pq_put(q, buf, 20000, PYQUEUE_FOREVER));
	EXPECT_EQ(-ENOBUFS, put_by_write(q, buf, 20000));
	EXPECT_EQ(0, pq_qsize(q));
	for (int lap = 0; lap < 20; lap++) {
		ASSERT_EQ(0, pq_put(q, buf, 10000, PYQUEUE_NOWAIT));
		bytes = pq_stat(q).large_bytes;
		ASSERT_LE(10000, bytes);
		ASSERT_GE(16384, bytes);
		ASSERT_EQ(-ENOBUFS, pq_put(q, buf, 10000, PYQUEUE_NOWAIT));
		ASSERT_EQ(bytes, pq_stat(q).large_bytes);
		/* What fits a slot is not part of it. */
		ASSERT_EQ(0, pq_put(q, buf, 48, PYQUEUE_NOWAIT));
		ASSERT_EQ(1, pq_put_many(q, msgs, 2, PYQUEUE_NOWAIT));
		ASSERT_EQ(3, pq_qsize(q));
		ASSERT_EQ(10000, pq_get(q, buf, 10000, PYQUEUE_NOWAIT));
		ASSERT_EQ(0, pq_stat(q).large_bytes);
		ASSERT_EQ(48, pq_get(q, buf, 48, PYQUEUE_NOWAIT));
		ASSERT_EQ(48, pq_get(q, buf, 48, PYQUEUE_NOWAIT));
	}
	/* A put that fails for another reason has taken nothing of it. */
	for (int i = 0; i < 10; i++) {
		ASSERT_EQ(0, pq_put(q, buf, 1, PYQUEUE_NOWAIT));
	}
	for (int i = 0; i < 10; i++) {
		ASSERT_EQ(-EAGAIN, pq_put(q, buf, 10000, PYQUEUE_NOWAIT));
		ASSERT_EQ(-ETIMEDOUT, pq_put(q, buf, 10000, 1));
	}
	EXPECT_EQ(0, pq_stat(q).large_bytes);
	EXPECT_EQ(0, pq_shutdown(q, 0));
	EXPECT_EQ(-ESHUTDOWN, pq_put(q, buf, 10000, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_stat(q).large_bytes);
	close(q);
}

/* Large messages count as the user's bytes while they are there. */
TEST_F(more, user_bytes)
{
	uint64_t before = pq_info(self->dev).user_bytes, empty;
	int q = pq_create(self->dev, .maxsize = 2, .payload = 48);

	ASSERT_LE(0, q);
	empty = pq_info(self->dev).user_bytes;
	EXPECT_LE(before + pq_stat(q).ring_bytes, empty);
	ASSERT_EQ(0, pq_put(q, self->buf, 500000, PYQUEUE_NOWAIT));
	EXPECT_LE(empty + 500000, pq_info(self->dev).user_bytes);
	EXPECT_EQ(500000, pq_get(q, self->buf, 500000, PYQUEUE_NOWAIT));
	EXPECT_EQ(empty, pq_info(self->dev).user_bytes);
	ASSERT_EQ(0, pq_put(q, self->buf, 500000, PYQUEUE_NOWAIT));
	close(q);
	EXPECT_EQ(before, pq_info(self->dev).user_bytes);
}

/* proves: READ-WRITE -EBADMSG, READ-WRITE -EINVAL */
TEST_F(more, empty_messages)
{
	struct pyqueue_get out;
	int q = pq_create(self->dev, .maxsize = 3, .flags = PYQUEUE_NONBLOCK);

	ASSERT_LE(0, q);
	EXPECT_EQ(-EINVAL, put_by_write(q, self->buf, 0));
	EXPECT_EQ(0, pq_qsize(q));

	/* NULL is as good a buffer for nothing as any. */
	ASSERT_EQ(0, pq_put(q, NULL, 0, PYQUEUE_NOWAIT));
	ASSERT_EQ(0, pq_put(q, "after", 5, PYQUEUE_NOWAIT));
	EXPECT_EQ(-EBADMSG, get_by_read(q, self->buf, 100));
	EXPECT_EQ(-EBADMSG, get_by_read(q, self->buf, 1));
	EXPECT_EQ(2, pq_qsize(q));
	memset(self->buf, 0xcc, 8);
	EXPECT_EQ(0, pq_get_full(q, NULL, 0, PYQUEUE_NOWAIT, &out));
	EXPECT_EQ(0, out.len);
	EXPECT_EQ(1, out.deliveries);
	EXPECT_EQ(5, get_by_read(q, self->buf, 100));
	EXPECT_EQ(0, memcmp(self->buf, "after\xcc", 6));
	close(q);
}

/* 0 from read() is the end: shut down, and empty. */
TEST_F(more, end_of_file)
{
	int q = pq_create(self->dev, .maxsize = 3);

	ASSERT_LE(0, q);
	ASSERT_EQ(3, write(q, "one", 3));
	ASSERT_EQ(0, pq_put(q, NULL, 0, PYQUEUE_NOWAIT));
	ASSERT_EQ(5, write(q, "three", 5));
	ASSERT_EQ(0, pq_shutdown(q, 0));
	EXPECT_EQ(3, get_by_read(q, self->buf, 100));
	EXPECT_EQ(-EBADMSG, get_by_read(q, self->buf, 100));
	EXPECT_EQ(0, pq_get(q, self->buf, 100, PYQUEUE_NOWAIT));
	EXPECT_EQ(-EMSGSIZE, get_by_read(q, self->buf, 4));
	EXPECT_EQ(5, get_by_read(q, self->buf, 100));
	EXPECT_EQ(0, get_by_read(q, self->buf, 100));
	EXPECT_EQ(0, get_by_read(q, self->buf, 100));
	EXPECT_EQ(-ESHUTDOWN, put_by_write(q, "four", 4));
	close(q);
}

TEST_HARNESS_MAIN
