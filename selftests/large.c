// SPDX-License-Identifier: GPL-2.0
/* Messages that do not fit a slot, and the largest slot. */
#include "actors.h"
#include "trap.h"

#define LARGE 8192

/*
 * The message has been copied, its description cannot be: it goes back. Should
 * the kernel then try again it has to begin at the beginning of the buffer, for
 * it may be another message by then.
 */
TEST(large_message_again)
{
	int dev = dev_open(), q = pq_create(dev, .maxsize = 4, .payload = 48);
	static char data[LARGE], other[LARGE];
	char *buf = fresh_pages(4);
	struct pyqueue_get *arg = (void *)fresh_pages(1), got;
	struct getter getter;
	struct trap trap;
	bool again;

	ASSERT_LE(0, q);
	buf[0] = buf[4096] = 0;
	SET_TRAP(&trap, buf + LARGE, 2, false);
	*arg = (struct pyqueue_get){ .size = sizeof(*arg), .buf = (uintptr_t)buf,
		.len = 4 * 4096 };
	ASSERT_EQ(0, mprotect(arg, 4096, PROT_READ));
	ASSERT_EQ(0, pq_put(q, fill_pattern(data, LARGE, 1), LARGE, PYQUEUE_NOWAIT));

	ASSERT_TRUE(start(&getter, q, arg));
	ASSERT_TRUE(eventually((again = trapped(&trap)) || load(&getter.over)));
	if (again) {
		/* Now it shall succeed, and with another message. */
		ASSERT_EQ(LARGE, pq_get(q, other, LARGE, PYQUEUE_NOWAIT));
		EXPECT_TRUE(has_pattern(other, LARGE, 1));
		ASSERT_EQ(0, pq_put(q, fill_pattern(data, LARGE, 2), LARGE, PYQUEUE_NOWAIT));
		ASSERT_EQ(0, mprotect(arg, 4096, PROT_READ | PROT_WRITE));
		open_trap(&trap);
	}
	if (result(&getter) == LARGE) {
		EXPECT_TRUE(has_pattern(buf, LARGE, 2));
		EXPECT_EQ(0, pq_qsize(q));
	} else {
		EXPECT_EQ(-EFAULT, getter.ret);
		EXPECT_EQ(LARGE, pq_get_full(q, other, LARGE, PYQUEUE_NOWAIT, &got));
		EXPECT_EQ(0, memcmp(other, data, LARGE));
		EXPECT_EQ(1, got.deliveries);
	}
	close(trap.uffd);
	close(q);
	close(dev);
}

struct flicker {
	char *page;
	int stop;
	pthread_t thread;
};

static void *flicker(void *arg)
{
	struct flicker *f = arg;

	while (!load(&f->stop)) {
		mprotect(f->page, 4096, PROT_NONE);
		mprotect(f->page, 4096, PROT_READ | PROT_WRITE);
	}
	return NULL;
}

/* A buffer whose second page comes and goes: what is got is right all the same. */
TEST(large_message_into_a_flickering_buffer)
{
	int dev = dev_open(), q = pq_create(dev, .maxsize = 4, .payload = 48);
	int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC), ret, got = 0, faults = 0;
	struct flicker f = { .page = NULL };
	static char data[6000], seen[6000];
	char *buf = fresh_pages(8);
	uint64_t end;

	ASSERT_LE(0, q);
	ASSERT_LE(0, memory);
	f.page = buf + 4096;
	ASSERT_EQ(0, pthread_create(&f.thread, NULL, flicker, &f));
	end = in_ns(700 * MSEC);
	for (int seed = 0; now_ns() < end; seed++) {
		fill_pattern(data, sizeof(data), seed);
		ASSERT_EQ(0, pq_put(q, data, sizeof(data), PYQUEUE_NOWAIT));
		for (;;) {
			ret = pq_get(q, buf, 8 * 4096, PYQUEUE_NOWAIT);
			if (ret != -EFAULT)
				break;
			faults++;
		}
		ASSERT_EQ(sizeof(data), ret);
		/* Reads what the page has whether it is accessible or not. */
		ASSERT_EQ(sizeof(seen), pread(memory, seen, sizeof(seen), (uintptr_t)buf));
		ASSERT_EQ(0, memcmp(seen, data, sizeof(data)))
			TH_LOG("message %d, after %d faults", seed, faults);
		got++;
	}
	store(&f.stop, 1);
	pthread_join(f.thread, NULL);
	EXPECT_LT(0, got);
	EXPECT_EQ(0, pq_qsize(q));
	EXPECT_EQ(0, pq_stat(q).large_bytes);
	close(memory);
	close(q);
	close(dev);
}

/*
 * The largest slot: more than the kernel finds in one piece when memory is in
 * many. Did not fail: here it is not.
 */
/* proves: promise length-0-to-max */
TEST(largest_payload)
{
	static char data[PYQUEUE_PAYLOAD_MAX], buf[PYQUEUE_PAYLOAD_MAX];
	int dev = dev_open(), q = pq_create(dev, .maxsize = 4, .payload = PYQUEUE_PAYLOAD_MAX);
	int pipes[2][2];

	ASSERT_LE(0, q);
	EXPECT_EQ(PYQUEUE_PAYLOAD_MAX, pq_stat(q).payload);
	/* Some memory in single pages, every other one of which is free again. */
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, pipe2(pipes[i], O_NONBLOCK | O_CLOEXEC));
		fcntl(pipes[i][1], F_SETPIPE_SZ, 1 << 20);
	}
	for (int i = 0; write(pipes[i % 2][1], data, 4096) == 4096; i++)
		;
	close(pipes[1][0]);
	close(pipes[1][1]);
	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(0, pq_put(q, fill_pattern(data, sizeof(data), i), sizeof(data),
				    PYQUEUE_NOWAIT));
		ASSERT_EQ(0, pq_put(q, data, sizeof(data), PYQUEUE_NOWAIT));
		ASSERT_EQ(sizeof(data), pq_get(q, buf, sizeof(buf), PYQUEUE_NOWAIT));
		ASSERT_EQ(0, memcmp(data, buf, sizeof(data)));
		ASSERT_EQ(sizeof(data), pq_get(q, buf, sizeof(buf), PYQUEUE_NOWAIT));
		ASSERT_EQ(0, memcmp(data, buf, sizeof(data)));
	}
	EXPECT_EQ(0, pq_stat(q).large_bytes);
	close(pipes[0][0]);
	close(pipes[0][1]);
	close(q);
	close(dev);
}

TEST_HARNESS_MAIN
