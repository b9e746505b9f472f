// SPDX-License-Identifier: GPL-2.0
/*
 * PUT_MANY and GET_MANY: they wait for the first only, then move what can be
 * moved; an error that meets a later one ends the call there and loses nothing.
 */
#include "pyqueue_test.h"

#define N 8
#define LEN 100

FIXTURE(many) {
	int dev;
	int q;
	unsigned char bufs[N][LEN + 20];
	struct pyqueue_msg msgs[N];
	char *edge;
};

FIXTURE_VARIANT(many) {
	__u32 payload;		/* LEN bytes fit a slot, or do not */
};

FIXTURE_VARIANT_ADD(many, inline) { .payload = 112 };
FIXTURE_VARIANT_ADD(many, large) { .payload = 48 };

/* N messages to put, with a pattern each that begins at @seed. */
static struct pyqueue_msg *to_put(FIXTURE_DATA(many) *self, uint32_t seed)
{
	for (int i = 0; i < N; i++)
		self->msgs[i] = (struct pyqueue_msg){
			.buf = (uintptr_t)fill_pattern(self->bufs[i], LEN, seed + i),
			.len = LEN,
		};
	return self->msgs;
}

/* Room for N; what the kernel has to fill in is full of rubbish. */
static struct pyqueue_msg *to_get(FIXTURE_DATA(many) *self)
{
	memset(self->bufs, 0xcc, sizeof(self->bufs));
	for (int i = 0; i < N; i++)
		self->msgs[i] = (struct pyqueue_msg){
			.buf = (uintptr_t)self->bufs[i], .len = LEN + 20,
			.position = ~0ULL, .deliveries = 0xcccccccc,
		};
	return self->msgs;
}

/* The first @n came with the patterns from @seed on. */
static bool got(FIXTURE_DATA(many) *self, int n, uint32_t seed)
{
	for (int i = 0; i < n; i++) {
		const struct pyqueue_msg *m = &self->msgs[i];

		if (m->len != LEN || !has_pattern(self->bufs[i], LEN, seed + i) ||
		    self->bufs[i][LEN] != 0xcc || m->deliveries != 1 || m->pad)
			return false;
		if (i > 0 && m->position <= m[-1].position)
			return false;
	}
	return true;
}

FIXTURE_SETUP(many)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = N, .payload = variant->payload,
			    .max_msg = LEN + 10);
	ASSERT_LE(0, self->q);
	self->edge = memory_edge(LEN);
}

FIXTURE_TEARDOWN(many)
{
	close(self->q);
	close(self->dev);
}

/* proves: promise put-many-get-many */
TEST_F(many, all_at_once)
{
	for (int lap = 0; lap < 10; lap++) {
		ASSERT_EQ(N - 1, pq_put_many(self->q, to_put(self, lap), N - 1, PYQUEUE_NOWAIT));
		ASSERT_EQ(N - 1, pq_qsize(self->q));
		ASSERT_EQ(N - 1, pq_get_many(self->q, to_get(self), N, PYQUEUE_NOWAIT));
		ASSERT_TRUE(got(self, N - 1, lap));
	}
	EXPECT_EQ(10 * (N - 1), pq_stat(self->q).unfinished);
	EXPECT_EQ(0, pq_stat(self->q).large_bytes);
}

TEST_F(many, one)
{
	ASSERT_EQ(1, pq_put_many(self->q, to_put(self, 5), 1, PYQUEUE_NOWAIT));
	ASSERT_EQ(1, pq_get_many(self->q, to_get(self), 1, PYQUEUE_NOWAIT));
	ASSERT_TRUE(got(self, 1, 5));
}

/* Some of them: what there is room for, what there is. */
TEST_F(many, part)
{
	for (int there = 0; there < N; there++) {
		ASSERT_EQ(there ?: -EAGAIN,
			  there ? pq_put_many(self->q, to_put(self, 0), there, PYQUEUE_NOWAIT) :
				  pq_get_many(self->q, to_get(self), N, PYQUEUE_NOWAIT));
		/* One fits for each place that is left. */
		ASSERT_EQ(N - there,
			  pq_put_many(self->q, to_put(self, there), N, PYQUEUE_NOWAIT));
		ASSERT_EQ(-EAGAIN, pq_put_many(self->q, to_put(self, 0), N, PYQUEUE_NOWAIT));
		ASSERT_EQ(3, pq_get_many(self->q, to_get(self), 3, PYQUEUE_NOWAIT));
		ASSERT_TRUE(got(self, 3, 0));
		ASSERT_EQ(N - 3, pq_get_many(self->q, to_get(self), N, PYQUEUE_NOWAIT));
		ASSERT_TRUE(got(self, N - 3, 3));
		ASSERT_EQ(-EAGAIN, pq_get_many(self->q, to_get(self), N, PYQUEUE_NOWAIT));
	}
}

/* A batch longer than the bound, moved by others who come for it. */
TEST_F(many, longer_than_the_bound)
{
	int q = pq_create(self->dev, .maxsize = 3), total = 0;

	ASSERT_LE(0, q);
	EXPECT_EQ(3, pq_put_many(q, to_put(self, 0), N, PYQUEUE_FOREVER));
	EXPECT_EQ(-ETIMEDOUT, pq_put_many(q, to_put(self, 0), N, in_ns(5 * MSEC)));
	EXPECT_EQ(3, pq_get_many(q, to_get(self), N, PYQUEUE_FOREVER));
	EXPECT_TRUE(got(self, 3, 0));
	EXPECT_EQ(-ETIMEDOUT, pq_get_many(q, to_get(self), N, in_ns(5 * MSEC)));

	to_put(self, 0);
	for (int i = 0; i < 20; i++) {
		pid_t pid = child(({
			int done = 0, ret = 0;

			while (done < N) {
				ret = pq_put_many(q, self->msgs + done, N - done, SOON);
				if (ret <= 0)
					break;
				done += ret;
			}
			done == N ? 0 : ret;
		}));

		for (total = 0; total < N;) {
			struct pyqueue_msg msgs[N];
			unsigned char bufs[N][LEN];
			int ret;

			for (int j = 0; j < N; j++) {
				msgs[j] = (struct pyqueue_msg){ .buf = (uintptr_t)bufs[j],
								.len = LEN };
			}
			ret = pq_get_many(q, msgs, N, SOON);
			ASSERT_LE(1, ret);
			for (int j = 0; j < ret; j++) {
				ASSERT_TRUE(has_pattern(bufs[j], LEN, total + j));
			}
			total += ret;
		}
		ASSERT_EQ(N, total);
		ASSERT_EQ(0, reap(pid));
	}
	close(q);
}

/* Waits for the first, and not for the second. */
TEST_F(many, waits_for_the_first_only)
{
	pid_t pid;

	pid = child(({
		int ret = pq_get_many(self->q, to_get(self), N, SOON);

		ret == 1 && got(self, 1, 7) ? 0 : -EILSEQ;
	}));
	ASSERT_TRUE(wait_sleepers(self->q, getters, 1));
	ASSERT_EQ(1, pq_put_many(self->q, to_put(self, 7), 1, PYQUEUE_NOWAIT));
	ASSERT_EQ(0, reap(pid));

	ASSERT_EQ(N, pq_put_many(self->q, to_put(self, 0), N, PYQUEUE_NOWAIT));
	pid = child(pq_put_many(self->q, to_put(self, N), N, SOON) == 1 ? 0 : -EILSEQ);
	ASSERT_TRUE(wait_sleepers(self->q, putters, 1));
	ASSERT_EQ(1, pq_get_many(self->q, to_get(self), 1, PYQUEUE_NOWAIT));
	ASSERT_TRUE(got(self, 1, 0));
	ASSERT_EQ(0, reap(pid));
	ASSERT_EQ(N, pq_get_many(self->q, to_get(self), N, PYQUEUE_NOWAIT));
	ASSERT_TRUE(got(self, N, 1));
}

/* A batch lets as many go as it has messages, or places, for. */
TEST_F(many, wakes_as_many_as_can_go)
{
	char buf[LEN];
	int status;

	for (int i = 0; i < 5; i++) {
		ASSERT_LT(0, child(pq_get(self->q, buf, LEN, SOON)));
		ASSERT_TRUE(wait_sleepers(self->q, getters, i + 1));
	}
	ASSERT_EQ(4, pq_put_many(self->q, to_put(self, 0), 4, PYQUEUE_NOWAIT));
	for (int i = 0; i < 4; i++) {
		ASSERT_LT(0, wait(&status));
		ASSERT_EQ(0, status);
	}
	ASSERT_EQ(1, pq_stat(self->q).getters);
	ASSERT_EQ(0, pq_put(self->q, buf, 1, PYQUEUE_NOWAIT));
	ASSERT_LT(0, wait(&status));
	ASSERT_EQ(0, status);

	ASSERT_EQ(N, pq_put_many(self->q, to_put(self, 0), N, PYQUEUE_NOWAIT));
	for (int i = 0; i < 5; i++) {
		ASSERT_LT(0, child(pq_put(self->q, buf, LEN, SOON)));
		ASSERT_TRUE(wait_sleepers(self->q, putters, i + 1));
	}
	ASSERT_EQ(4, pq_get_many(self->q, to_get(self), 4, PYQUEUE_NOWAIT));
	for (int i = 0; i < 4; i++) {
		ASSERT_LT(0, wait(&status));
		ASSERT_EQ(0, status);
	}
	ASSERT_EQ(1, pq_stat(self->q).putters);
	ASSERT_EQ(1, pq_get_many(self->q, to_get(self), 1, PYQUEUE_NOWAIT));
	ASSERT_LT(0, wait(&status));
	ASSERT_EQ(0, status);
}

/* proves: PUT_MANY -E2BIG */
TEST_F(many, error_in_a_put)
{
	for (int bad = 0; bad < N; bad++) {
		to_put(self, 0);
		self->msgs[bad].len = LEN + 11;
		ASSERT_EQ(bad ?: -E2BIG, pq_put_many(self->q, self->msgs, N, PYQUEUE_NOWAIT));
		ASSERT_EQ(bad, pq_qsize(self->q));
		/* It shows in the next. */
		ASSERT_EQ(-E2BIG, pq_put_many(self->q, self->msgs + bad, N - bad, PYQUEUE_NOWAIT));
		ASSERT_EQ(bad ?: -EAGAIN, pq_get_many(self->q, to_get(self), N, PYQUEUE_NOWAIT));
		ASSERT_TRUE(got(self, bad, 0));
	}
	EXPECT_EQ(0, pq_stat(self->q).large_bytes);
}

/* proves: PUT_MANY -EFAULT */
TEST_F(many, bad_buffer_in_a_put)
{
	char *const buffers[] = { NULL, self->edge - 1, self->edge };

	for (size_t i = 0; i < ARRAY_SIZE(buffers); i++) {
		for (int bad = 0; bad < N; bad++) {
			to_put(self, i);
			self->msgs[bad].buf = (uintptr_t)buffers[i];
			ASSERT_EQ(bad ?: -EFAULT,
				  pq_put_many(self->q, self->msgs, N, PYQUEUE_NOWAIT));
			ASSERT_EQ(bad, pq_qsize(self->q));
			ASSERT_EQ(bad ?: -EAGAIN,
				  pq_get_many(self->q, to_get(self), N, PYQUEUE_NOWAIT));
			ASSERT_TRUE(got(self, bad, i));
		}
	}
	EXPECT_EQ(0, pq_stat(self->q).large_bytes);
}

/* proves: GET_MANY -EMSGSIZE */
TEST_F(many, room_too_small)
{
	for (int bad = 0; bad < N; bad++) {
		ASSERT_EQ(N, pq_put_many(self->q, to_put(self, 0), N, PYQUEUE_NOWAIT));
		to_get(self);
		self->msgs[bad].len = LEN - 1;
		ASSERT_EQ(bad ?: -EMSGSIZE, pq_get_many(self->q, self->msgs, N, PYQUEUE_NOWAIT));
		if (bad == 0)
			ASSERT_EQ(LEN, self->msgs[0].len);
		for (int i = 0; i < bad; i++) {
			ASSERT_TRUE(has_pattern(self->bufs[i], LEN, i));
		}
		ASSERT_EQ(N - bad, pq_qsize(self->q));
		ASSERT_EQ(-EMSGSIZE, pq_get(self->q, self->bufs[bad], LEN - 1, PYQUEUE_NOWAIT));
		ASSERT_EQ(N - bad, pq_get_many(self->q, to_get(self), N, PYQUEUE_NOWAIT));
		ASSERT_TRUE(got(self, N - bad, bad));
	}
}

/* proves: GET_MANY -EFAULT */
TEST_F(many, bad_buffer_in_a_get)
{
	char *const buffers[] = { NULL, self->edge - 1, self->edge };

	for (size_t i = 0; i < ARRAY_SIZE(buffers); i++) {
		for (int bad = 0; bad < N; bad++) {
			ASSERT_EQ(N, pq_put_many(self->q, to_put(self, i), N, PYQUEUE_NOWAIT));
			to_get(self);
			self->msgs[bad].buf = (uintptr_t)buffers[i];
			ASSERT_EQ(bad ?: -EFAULT,
				  pq_get_many(self->q, self->msgs, N, PYQUEUE_NOWAIT));
			for (int j = 0; j < bad; j++) {
				ASSERT_TRUE(has_pattern(self->bufs[j], LEN, i + j));
				ASSERT_EQ(1, self->msgs[j].deliveries);
			}
			ASSERT_EQ(N - bad, pq_qsize(self->q));
			ASSERT_EQ(N - bad, pq_get_many(self->q, to_get(self), N, PYQUEUE_NOWAIT));
			ASSERT_TRUE(got(self, N - bad, i + bad));
		}
	}
	EXPECT_EQ(0, pq_stat(self->q).large_bytes);
}

/* The array itself: not there, and there in part only. */
TEST_F(many, bad_array)
{
	struct pyqueue_msg *edge = (struct pyqueue_msg *)self->edge;
	void *bad[] = { NULL, edge, (char *)edge - 8, (void *)-1L, (void *)~15UL };

	ASSERT_EQ(2, pq_put_many(self->q, to_put(self, 0), 2, PYQUEUE_NOWAIT));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EFAULT, pq_put_many(self->q, bad[i], 2, PYQUEUE_NOWAIT));
		EXPECT_EQ(-EFAULT, pq_get_many(self->q, bad[i], 2, PYQUEUE_NOWAIT));
		EXPECT_EQ(2, pq_qsize(self->q));
	}
	/* Two of its elements can be read. */
	memcpy(edge - 2, to_put(self, 2), 2 * sizeof(*edge));
	EXPECT_EQ(2, pq_put_many(self->q, edge - 2, 3, PYQUEUE_NOWAIT));
	EXPECT_EQ(4, pq_qsize(self->q));
	memcpy(edge - 2, to_get(self), 2 * sizeof(*edge));
	EXPECT_EQ(2, pq_get_many(self->q, edge - 2, 3, PYQUEUE_NOWAIT));
	EXPECT_EQ(2, pq_qsize(self->q));
	memcpy(self->msgs, edge - 2, 2 * sizeof(*edge));
	EXPECT_TRUE(got(self, 2, 0));
	EXPECT_EQ(2, pq_get_many(self->q, to_get(self), N, PYQUEUE_NOWAIT));
	EXPECT_TRUE(got(self, 2, 2));
}

/* An array that the kernel cannot write to: nothing is taken that it cannot tell. */
TEST_F(many, read_only_array)
{
	long page = sysconf(_SC_PAGESIZE);
	char *end = memory_edge(2 * page);
	struct pyqueue_msg *split = (struct pyqueue_msg *)(end - page);

	ASSERT_EQ(3, pq_put_many(self->q, to_put(self, 0), 3, PYQUEUE_NOWAIT));
	memcpy(split - 1, to_get(self), 3 * sizeof(*split));
	ASSERT_EQ(0, mprotect(end - page, page, PROT_READ));
	EXPECT_EQ(-EFAULT, pq_get_many(self->q, split, 2, PYQUEUE_NOWAIT));
	EXPECT_EQ(3, pq_qsize(self->q));
	EXPECT_EQ(1, pq_get_many(self->q, split - 1, 3, PYQUEUE_NOWAIT));
	EXPECT_EQ(2, pq_qsize(self->q));
	EXPECT_TRUE(has_pattern(self->bufs[0], LEN, 0));
	EXPECT_EQ(1, split[-1].deliveries);
	EXPECT_EQ(2, pq_get_many(self->q, to_get(self), N, PYQUEUE_NOWAIT));
	EXPECT_TRUE(got(self, 2, 1));
	/* A put only reads it. */
	memcpy(split - 2, to_put(self, 4), 2 * sizeof(*split));
	ASSERT_EQ(0, mprotect(end - 2 * page, page, PROT_READ));
	EXPECT_EQ(2, pq_put_many(self->q, split - 2, 2, PYQUEUE_NOWAIT));
	EXPECT_EQ(2, pq_get_many(self->q, to_get(self), N, PYQUEUE_NOWAIT));
	EXPECT_TRUE(got(self, 2, 4));
}

/* proves: PUT_MANY -ENOBUFS */
TEST_F(many, max_bytes)
{
	int q = pq_create(self->dev, .maxsize = N, .payload = 48, .max_bytes = 16384);
	static char big[10000];

	ASSERT_LE(0, q);
	to_put(self, 0);
	for (int i = 0; i < 3; i++) {
		self->msgs[i].buf = (uintptr_t)big;
		self->msgs[i].len = sizeof(big);
	}
	EXPECT_EQ(1, pq_put_many(q, self->msgs, 3, PYQUEUE_NOWAIT));
	EXPECT_EQ(-ENOBUFS, pq_put_many(q, self->msgs + 1, 2, PYQUEUE_NOWAIT));
	EXPECT_EQ(1, pq_qsize(q));
	close(q);
}

/* proves: PUT_MANY -ESHUTDOWN, GET_MANY -ESHUTDOWN */
TEST_F(many, shutdown)
{
	ASSERT_EQ(3, pq_put_many(self->q, to_put(self, 0), 3, PYQUEUE_NOWAIT));
	ASSERT_EQ(0, pq_shutdown(self->q, 0));
	EXPECT_EQ(-ESHUTDOWN, pq_put_many(self->q, to_put(self, 0), 3, PYQUEUE_FOREVER));
	EXPECT_EQ(3, pq_get_many(self->q, to_get(self), N, PYQUEUE_FOREVER));
	EXPECT_TRUE(got(self, 3, 0));
	EXPECT_EQ(-ESHUTDOWN, pq_get_many(self->q, to_get(self), N, PYQUEUE_FOREVER));
}

#define MSGS 4

/* Of an element that was not filled nothing changes; the next call goes on with it. */
/* proves: GET_MANY -EMSGSIZE, promise buffer-too-small */
TEST(len_of_elements_not_filled)
{
	static const __u32 payloads[] = { 240, 48 };	/* in slots, and large */
	int dev = dev_open();

	for (unsigned int p = 0; p < ARRAY_SIZE(payloads); p++) {
		for (int there = 1; there <= MSGS; there++) {
			int q = pq_create(dev, .maxsize = MSGS, .payload = payloads[p]);
			struct pyqueue_msg msgs[MSGS], before[MSGS];
			char data[200], bufs[MSGS][100];

			ASSERT_LE(0, q);
			/* The last one does not fit; behind it there is nothing. */
			for (int i = 0; i < there; i++) {
				ASSERT_EQ(0, pq_put(q, fill_pattern(data, 200, i),
						    i == there - 1 ? 200 : 50, PYQUEUE_NOWAIT));
			}
			for (int i = 0; i < MSGS; i++)
				before[i] = msgs[i] = (struct pyqueue_msg){
					.buf = (uintptr_t)bufs[i], .len = 100,
					.position = ~0ULL, .deliveries = 77 };

			for (int again = 0; again < 2; again++) {
				int filled = again ? 0 : there - 1;

				ASSERT_EQ(filled ?: -EMSGSIZE,
					  pq_get_many(q, msgs, MSGS, PYQUEUE_NOWAIT));
				for (int i = 0; i < filled; i++)
					EXPECT_EQ(50, msgs[i].len);
				/* The need of the first one is told. */
				if (!filled) {
					EXPECT_EQ(200, msgs[0].len);
					msgs[0].len = 100;
				}
				for (int i = filled; i < MSGS; i++) {
					EXPECT_EQ(100, msgs[i].len)
						TH_LOG("%d there, element %d", there, i);
				}
				EXPECT_EQ(0, memcmp(&msgs[filled], &before[filled],
						    (MSGS - filled) * sizeof(msgs[0])));
				memcpy(msgs, before, sizeof(msgs));
			}
			EXPECT_EQ(1, pq_qsize(q));
			close(q);
		}
	}
	close(dev);
}

TEST_HARNESS_MAIN
