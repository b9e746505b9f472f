// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that put and get without pause and are killed at any moment, on
 * whatever backend there is. All messages are accounted for.
 *
 *	PYQUEUE_STORM=SECONDS	how long (default 2)
 */
#include "pyqueue_test.h"

#include <pyqueue.h>
#include <sys/prctl.h>

#define PUTTERS 4
#define GETTERS 4
#define SLOTS 4

/* Numbers a putter may put: more than it can in the time. */
#define NUMBERS (1u << 23)

/*
 * What is known of a number, one byte in memory that survives them all. A putter
 * says that it begins, and that it has put; a getter counts what it has. So a
 * number that was put has been taken once; or never, and then a getter that was
 * killed had it; or more often, with a delivery count above 1. One that was begun
 * and not put, by a putter that was killed, may have been taken.
 */
enum { BEGUN = 1, PUT = 2, TAKEN = 4, AGAIN = 8 };

struct account {
	uint32_t next[PUTTERS];		/* the number that a putter goes on with */
	uint64_t taken_by[GETTERS];	/* how many each getter has taken */
	int stop;
	unsigned char known[PUTTERS][NUMBERS];
};

struct message {
	uint32_t putter;
	uint32_t number;
	uint32_t check[10];
};

static size_t length_of(uint32_t number, bool large)
{
	return large && number % 16 == 0 ? 9000 : sizeof(struct message);
}

static void putter(pyq_queue *q, struct account *a, uint32_t me, bool large)
{
	static struct {
		struct message head;
		char rest[9000];
	} room;
	struct message *m = &room.head;

	for (uint32_t i = load(&a->next[me]); i < NUMBERS && !load(&a->stop); i++) {
		store(&a->next[me], i + 1);
		m->putter = me;
		m->number = i;
		for (int k = 0; k < 10; k++)
			m->check[k] = i * 31 + k;
		a->known[me][i] |= BEGUN;
		if (pyq_put(q, m, length_of(i, large), PYQ_FOREVER))
			_exit(2);
		__atomic_fetch_or(&a->known[me][i], PUT, __ATOMIC_SEQ_CST);
	}
	_exit(0);
}

static void getter(pyq_queue *q, struct account *a, uint32_t me, bool large)
{
	static char room[9000];
	struct message *m = (struct message *)room;

	for (;;) {
		struct pyq_msg msg = { .data = room, .size = sizeof(room) };
		ssize_t ret = pyq_get_msg(q, &msg, PYQ_FOREVER);
		unsigned char before;

		if (ret == -ESHUTDOWN)
			_exit(0);
		if (ret < 0 || m->putter >= PUTTERS || m->number >= NUMBERS ||
		    ret != (ssize_t)length_of(m->number, large))
			_exit(3);
		for (int k = 0; k < 10; k++)
			if (m->check[k] != m->number * 31 + k)
				_exit(4);
		before = __atomic_fetch_or(&a->known[m->putter][m->number], TAKEN, __ATOMIC_SEQ_CST);
		if (before & TAKEN && msg.deliveries < 2)
			_exit(5);
		a->taken_by[me]++;
	}
}

static void storm(struct __test_metadata *_metadata, bool large)
{
	struct account *a = mmap(NULL, sizeof(*a), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	const char *seconds = getenv("PYQUEUE_STORM");
	uint64_t end = in_ns((seconds ? atoi(seconds) : 2) * (uint64_t)SEC);
	unsigned int seed = 1, kills = 0, lost = 0, unborn = 0;
	pid_t pids[PUTTERS + GETTERS];
	uint64_t put = 0;
	pyq_queue *q;
	struct pyq_stat st;

	ASSERT_NE(MAP_FAILED, a);
	ASSERT_EQ(0, pyq_create(&q, &(struct pyq_attr){ .maxsize = SLOTS, .payload = 48 }));
	for (int i = 0; i < PUTTERS + GETTERS; i++)
		pids[i] = 0;
	while (now_ns() < end) {
		int i = rand_r(&seed) % (PUTTERS + GETTERS);

		for (int k = 0; k < PUTTERS + GETTERS; k++) {
			if (pids[k])
				continue;
			pids[k] = spawn();
			if (!pids[k] && k < PUTTERS)
				putter(q, a, k, large);
			if (!pids[k])
				getter(q, a, k - PUTTERS, large);
		}
		for (int n = rand_r(&seed) % 200000; n > 0; n--)
			__asm__ __volatile__("" ::: "memory");
		kill(pids[i], SIGKILL);
		ASSERT_EQ(KILLED_BY(SIGKILL), reap(pids[i])) TH_LOG("process %d", i);
		pids[i] = 0;
		kills++;
	}

	/* Those that are left end by themselves: nobody hangs. */
	store(&a->stop, 1);
	for (int k = 0; k < PUTTERS; k++) {
		if (pids[k])
			ASSERT_EQ(0, reap(pids[k]));
	}
	if (!pids[PUTTERS]) {
		pids[PUTTERS] = spawn();
		if (!pids[PUTTERS])
			getter(q, a, 0, large);
	}
	ASSERT_EQ(0, pyq_shutdown(q, false));
	for (int k = PUTTERS; k < PUTTERS + GETTERS; k++) {
		if (pids[k])
			ASSERT_EQ(0, reap(pids[k]));
	}
	ASSERT_EQ(0, pyq_stat(q, &st));
	EXPECT_EQ(0, st.qsize);
	EXPECT_EQ(0, st.large_bytes);

	for (int p = 0; p < PUTTERS; p++) {
		for (uint32_t i = 0; i < a->next[p]; i++) {
			unsigned char known = a->known[p][i];

			put += !!(known & PUT);
			/* In the hand of a getter that was killed after its get. */
			lost += known & PUT && !(known & TAKEN);
			unborn += !(known & PUT) && !(known & TAKEN);
		}
	}
	TH_LOG("%llu put, %u kills, %u taken by the dead, %u not put", (unsigned long long)put,
	       kills, lost, unborn);
	EXPECT_LT(0, put);
	/* Each kill can account for one. */
	EXPECT_GE(kills, lost + unborn);
	pyq_close(q);
	munmap(a, sizeof(*a));
}

/* proves: promise kill-storm */
TEST(small)
{
	storm(_metadata, false);
}

TEST(large)
{
	storm(_metadata, true);
}

TEST_HARNESS_MAIN
