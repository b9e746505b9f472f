// SPDX-License-Identifier: GPL-2.0
/* shutdown: it wakes everybody, puts fail at once and gets when all is taken. */
#include "actors.h"
#include "sleepers.h"

FIXTURE(shutdown) {
	int dev;
	int q;
};

FIXTURE_VARIANT(shutdown) {
	unsigned int flags;
};

FIXTURE_VARIANT_ADD(shutdown, ordinary) { .flags = 0 };
FIXTURE_VARIANT_ADD(shutdown, immediate) { .flags = PYQUEUE_IMMEDIATE };

FIXTURE_SETUP(shutdown)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = 3, .payload = 48);
	ASSERT_LE(0, self->q);
}

FIXTURE_TEARDOWN(shutdown)
{
	close(self->q);
	close(self->dev);
}

static short ready(int q)
{
	struct pollfd p = { .fd = q, .events = POLLIN | POLLOUT };

	return poll(&p, 1, 0) < 0 ? POLLNVAL : p.revents;
}

/* Every way to put fails, whatever deadline it has; nothing gets in. */
static bool puts_fail(int q)
{
	struct pyqueue_msg msg = { .buf = (uintptr_t)"x", .len = 1 };
	char large[1000] = "";
	int size = pq_qsize(q);

	return pq_put(q, "x", 1, PYQUEUE_NOWAIT) == -ESHUTDOWN &&
	       pq_put(q, "x", 1, PYQUEUE_FOREVER) == -ESHUTDOWN &&
	       pq_put(q, "x", 1, 1) == -ESHUTDOWN &&
	       pq_put(q, large, sizeof(large), PYQUEUE_FOREVER) == -ESHUTDOWN &&
	       pq_put(q, NULL, 0, PYQUEUE_FOREVER) == -ESHUTDOWN &&
	       pq_put_many(q, &msg, 1, PYQUEUE_FOREVER) == -ESHUTDOWN &&
	       write(q, "x", 1) == -1 && errno == ESHUTDOWN && pq_qsize(q) == size;
}

static bool gets_fail(int q)
{
	char buf[8];
	struct pyqueue_msg msg = { .buf = (uintptr_t)buf, .len = 8 };

	return pq_get(q, buf, 8, PYQUEUE_NOWAIT) == -ESHUTDOWN &&
	       pq_get(q, buf, 8, PYQUEUE_FOREVER) == -ESHUTDOWN &&
	       pq_get(q, buf, 8, 1) == -ESHUTDOWN &&
	       pq_get(q, NULL, 0, PYQUEUE_NOWAIT) == -ESHUTDOWN &&
	       pq_get_many(q, &msg, 1, PYQUEUE_FOREVER) == -ESHUTDOWN &&
	       read(q, buf, 8) == 0;
}

/* proves: SHUTDOWN -ESHUTDOWN, PUT -ESHUTDOWN, GET -ESHUTDOWN, promise shutdown */
TEST_F(shutdown, empty)
{
	EXPECT_EQ(0, pq_stat(self->q).flags & PYQUEUE_STAT_SHUTDOWN);
	ASSERT_EQ(0, pq_shutdown(self->q, variant->flags));
	EXPECT_EQ(PYQUEUE_STAT_SHUTDOWN, pq_stat(self->q).flags & PYQUEUE_STAT_SHUTDOWN);
	EXPECT_TRUE(puts_fail(self->q));
	EXPECT_TRUE(gets_fail(self->q));
	EXPECT_EQ(0, pq_qsize(self->q));
}

/* proves: promise shutdown-immediate */
TEST_F(shutdown, not_empty)
{
	char large[1000], room[1000];

	fill_pattern(large, sizeof(large), 3);
	ASSERT_EQ(0, pq_put(self->q, "one", 3, PYQUEUE_NOWAIT));
	ASSERT_EQ(0, pq_put(self->q, large, sizeof(large), PYQUEUE_NOWAIT));
	ASSERT_EQ(0, pq_put(self->q, NULL, 0, PYQUEUE_NOWAIT));
	ASSERT_EQ(0, pq_shutdown(self->q, variant->flags));
	EXPECT_TRUE(puts_fail(self->q));
	if (variant->flags & PYQUEUE_IMMEDIATE) {
		EXPECT_EQ(0, pq_stat(self->q).unfinished);
	} else {
		EXPECT_EQ(3, pq_qsize(self->q));
		EXPECT_EQ(3, pq_get(self->q, room, sizeof(room), PYQUEUE_FOREVER));
		EXPECT_EQ(0, memcmp(room, "one", 3));
		EXPECT_EQ(-EMSGSIZE, pq_get(self->q, room, 10, PYQUEUE_NOWAIT));
		EXPECT_TRUE(puts_fail(self->q));
		EXPECT_EQ(1000, pq_get(self->q, room, sizeof(room), 1));
		EXPECT_TRUE(has_pattern(room, 1000, 3));
		EXPECT_EQ(0, pq_get(self->q, room, sizeof(room), PYQUEUE_NOWAIT));
		EXPECT_EQ(3, pq_stat(self->q).unfinished);
	}
	EXPECT_EQ(0, pq_qsize(self->q));
	EXPECT_EQ(0, pq_stat(self->q).large_bytes);
	EXPECT_TRUE(gets_fail(self->q));
	EXPECT_TRUE(puts_fail(self->q));
}

/* proves: promise shutdown */
/* Asleep on the one side, in every call that can be. */
TEST_F(shutdown, wakes_getters)
{
	int (*const waits[])(int q, uint64_t deadline) = { wait_in_get, wait_in_get_many,
							   wait_in_get };
	pid_t pids[4];

	for (int i = 0; i < 3; i++) {
		pids[i] = child(waits[i](self->q, i == 2 ? SOON : PYQUEUE_FOREVER));
		ASSERT_TRUE(wait_sleepers(self->q, getters, i + 1));
	}
	pids[3] = child(({
		char byte;

		/* The end of the file. */
		read(self->q, &byte, 1) == 0 ? 0 : -EIO;
	}));
	ASSERT_TRUE(wait_sleepers(self->q, getters, 4));
	ASSERT_EQ(0, pq_shutdown(self->q, variant->flags));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(-ESHUTDOWN, reap(pids[i]));
	}
	EXPECT_EQ(0, reap(pids[3]));
	EXPECT_EQ(0, pq_stat(self->q).getters);
}

/* proves: promise shutdown */
TEST_F(shutdown, wakes_putters)
{
	int (*const waits[])(int q, uint64_t deadline) = {
		wait_in_put, wait_in_put_many, wait_in_put_large, wait_in_write, wait_in_put,
	};
	pid_t pids[ARRAY_SIZE(waits)];

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, pq_put(self->q, "x", 1, PYQUEUE_NOWAIT));
	}
	for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
		pids[i] = child(waits[i](self->q, i == 4 ? SOON : PYQUEUE_FOREVER));
		ASSERT_TRUE(wait_sleepers(self->q, putters, i + 1));
	}
	ASSERT_EQ(0, pq_shutdown(self->q, variant->flags));
	for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
		EXPECT_EQ(-ESHUTDOWN, reap(pids[i])) TH_LOG("number %zu", i);
	}
	/* None of them has got in, although room was made for them at the end. */
	EXPECT_EQ(variant->flags & PYQUEUE_IMMEDIATE ? 0 : 3, pq_qsize(self->q));
	EXPECT_EQ(variant->flags & PYQUEUE_IMMEDIATE ? 0 : 3, pq_stat(self->q).unfinished);
	EXPECT_EQ(0, pq_stat(self->q).putters);
	EXPECT_EQ(0, pq_stat(self->q).large_bytes);
}

/* Again, and after the other kind. */
TEST_F(shutdown, again)
{
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, pq_put(self->q, "x", 1, PYQUEUE_NOWAIT));
	}
	ASSERT_EQ(0, pq_shutdown(self->q, variant->flags));
	ASSERT_EQ(0, pq_shutdown(self->q, variant->flags));
	EXPECT_EQ(variant->flags & PYQUEUE_IMMEDIATE ? 0 : 2, pq_qsize(self->q));
	ASSERT_EQ(0, pq_shutdown(self->q, 0));
	EXPECT_EQ(variant->flags & PYQUEUE_IMMEDIATE ? 0 : 2, pq_qsize(self->q));
	/* Immediate ends what an ordinary one has left. */
	ASSERT_EQ(0, pq_shutdown(self->q, PYQUEUE_IMMEDIATE));
	EXPECT_EQ(0, pq_qsize(self->q));
	EXPECT_EQ(0, pq_stat(self->q).unfinished);
	ASSERT_EQ(0, pq_shutdown(self->q, PYQUEUE_IMMEDIATE));
	ASSERT_EQ(0, pq_shutdown(self->q, 0));
	EXPECT_TRUE(gets_fail(self->q));
	EXPECT_TRUE(puts_fail(self->q));
}

/* proves: SHUTDOWN -EBADF, PUT -EBADF, GET -EBADF, READ-WRITE -EBADF */
/* proves: PUT_MANY -EBADF, GET_MANY -EBADF */
TEST_F(shutdown, file_modes)
{
	char name[32], byte;
	struct pyqueue_msg msg = { .buf = (uintptr_t)&byte, .len = 1 };
	int q, writer, reader;

	snprintf(name, sizeof(name), "shutdown-%d", getpid());
	q = pq_create_named(self->dev, name, .maxsize = 2);
	ASSERT_LE(0, q);
	writer = pq_open(self->dev, name, PYQUEUE_WRITE);
	reader = pq_open(self->dev, name, PYQUEUE_READ);
	ASSERT_EQ(0, pq_unlink(self->dev, name));
	ASSERT_LE(0, writer);
	ASSERT_LE(0, reader);

	EXPECT_EQ(0, pq_put(writer, "x", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(-EBADF, pq_put(reader, "x", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(-EBADF, pq_put_many(reader, &msg, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(-1, write(reader, "x", 1));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(-EBADF, pq_get(writer, &byte, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(-EBADF, pq_get_many(writer, &msg, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(-1, read(writer, &byte, 1));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(1, pq_qsize(reader));
	EXPECT_EQ(1, pq_qsize(writer));

	EXPECT_EQ(-EBADF, pq_shutdown(reader, variant->flags));
	EXPECT_EQ(-EBADF, pq_shutdown(writer, PYQUEUE_IMMEDIATE));
	EXPECT_EQ(0, pq_stat(q).flags & PYQUEUE_STAT_SHUTDOWN);
	EXPECT_EQ(1, pq_get(reader, &byte, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_put(q, "x", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_shutdown(variant->flags ? q : writer, variant->flags));
	EXPECT_TRUE(puts_fail(q));
	close(writer);
	close(reader);
	close(q);
}

/* Neither side would wait any more, so both are ready. */
TEST_F(shutdown, poll)
{
	char byte;

	EXPECT_EQ(POLLOUT, ready(self->q));
	ASSERT_EQ(0, pq_put(self->q, "x", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(POLLIN | POLLOUT, ready(self->q));
	ASSERT_EQ(0, pq_shutdown(self->q, variant->flags));
	EXPECT_EQ(POLLIN | POLLOUT, ready(self->q) & (POLLIN | POLLOUT));
	if (!variant->flags)
		EXPECT_EQ(1, pq_get(self->q, &byte, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(POLLIN | POLLOUT, ready(self->q) & (POLLIN | POLLOUT));
}

/* Whoever polls for either side wakes. */
TEST_F(shutdown, wakes_pollers)
{
	pid_t in, out;

	in = child(({
		struct pollfd p = { .fd = self->q, .events = POLLIN };

		poll(&p, 1, -1) == 1 && (p.revents & POLLIN) ? 0 : -ETIME;
	}));
	ASSERT_TRUE(eventually(asleep_in(in, SYS_poll)));
	ASSERT_EQ(0, pq_shutdown(self->q, variant->flags));
	EXPECT_EQ(0, reap(in));
	close(self->q);

	self->q = pq_create(self->dev, .maxsize = 1);
	ASSERT_LE(0, self->q);
	ASSERT_EQ(0, pq_put(self->q, "x", 1, PYQUEUE_NOWAIT));
	out = child(({
		struct pollfd p = { .fd = self->q, .events = POLLOUT };

		poll(&p, 1, -1) == 1 && (p.revents & POLLOUT) ? 0 : -ETIME;
	}));
	ASSERT_TRUE(eventually(asleep_in(out, SYS_poll)));
	ASSERT_EQ(0, pq_shutdown(self->q, variant->flags));
	EXPECT_EQ(0, reap(out));
}

/*
 * Whose put succeeded has his message delivered or dropped; whose failed has
 * not. Nothing is in between, when the end comes in the middle of it all.
 */
TEST_F(shutdown, in_the_middle)
{
	enum { PUTTERS = 3, GETTERS = 2 };
	volatile unsigned int *put = shared_memory(4096), *got = put + 1;

	for (int lap = 0; lap < 15; lap++) {
		int q = pq_create(self->dev, .maxsize = 3, .payload = 48);
		pid_t pids[PUTTERS + GETTERS];

		ASSERT_LE(0, q);
		*put = *got = 0;
		for (int i = 0; i < PUTTERS + GETTERS; i++) {
			pids[i] = child(({
				char buf[200] = "";
				int ret;

				while ((ret = i < PUTTERS ? pq_put(q, buf, i * 99, SOON) :
						pq_get(q, buf, sizeof(buf), SOON)) >= 0)
					__atomic_add_fetch(i < PUTTERS ? put : got, 1,
							   __ATOMIC_SEQ_CST);
				ret;
			}));
		}
		ASSERT_TRUE(eventually(*got > 50));
		ASSERT_EQ(0, pq_shutdown(q, variant->flags));
		for (int i = 0; i < PUTTERS + GETTERS; i++) {
			ASSERT_EQ(-ESHUTDOWN, reap(pids[i]));
		}
		ASSERT_EQ(0, pq_qsize(q));
		ASSERT_EQ(0, pq_stat(q).large_bytes);
		ASSERT_LE(*got, *put);
		ASSERT_TRUE(variant->flags || *got == *put);
		/* What was dropped has been counted as done, what was got has not. */
		ASSERT_EQ(*got, pq_stat(q).unfinished);
		ASSERT_TRUE(gets_fail(q));
		close(q);
	}
}

TEST_HARNESS_MAIN
