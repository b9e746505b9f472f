// SPDX-License-Identifier: GPL-2.0
/*
 * SIGKILL. In his sleep or in the middle of a transfer, somebody who is killed
 * takes nothing with him but what he had already been given.
 */
#include "actors.h"

#include <pthread.h>
#include <sys/epoll.h>

FIXTURE(death) {
	int dev;
	int q;
};

FIXTURE_SETUP(death)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = 1);
	ASSERT_LE(0, self->q);
}

FIXTURE_TEARDOWN(death)
{
	close(self->q);
	close(self->dev);
}

/* --- killed asleep -------------------------------------------------------------- */

/* proves: promise kill-asleep */
TEST_F(death, asleep_in_get)
{
	pid_t pids[3];
	char c;

	for (int round = 0; round < 3; round++) {
		/* Three sleep in a row; the dead one is first, in the middle, last. */
		for (int i = 0; i < 3; i++) {
			pids[i] = child(pq_get(self->q, &c, 1, PYQUEUE_FOREVER));
			EXPECT_TRUE(wait_asleep(self->q, getters, i + 1, pids[i]));
		}
		EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(pids[round]));
		EXPECT_EQ(2, pq_stat(self->q).getters);
		for (int i = 0; i < 3; i++) {
			if (i == round)
				continue;
			EXPECT_EQ(0, pq_put(self->q, "1", 1, SOON));
			EXPECT_EQ(0, reap(pids[i]));
		}
		EXPECT_EQ(0, pq_qsize(self->q));
		EXPECT_EQ(0, pq_stat(self->q).getters);
	}
	/* It has not taken anything: what is put now is there for anybody. */
	EXPECT_EQ(0, pq_put(self->q, "2", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(1, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT));
}

/* proves: promise kill-asleep */
TEST_F(death, asleep_in_put)
{
	static const char *const text[] = { "0", "1", "2" };
	pid_t pids[3];
	char c;

	for (int round = 0; round < 3; round++) {
		EXPECT_EQ(0, pq_put(self->q, "x", 1, PYQUEUE_NOWAIT));
		for (int i = 0; i < 3; i++) {
			pids[i] = child(pq_put(self->q, text[i], 1, PYQUEUE_FOREVER));
			EXPECT_TRUE(wait_asleep(self->q, putters, i + 1, pids[i]));
		}
		EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(pids[round]));
		EXPECT_EQ(2, pq_stat(self->q).putters);
		EXPECT_EQ(1, pq_get(self->q, &c, 1, SOON));
		EXPECT_EQ('x', c);
		/* The others' messages come, in their order, and his does not. */
		for (int i = 0; i < 3; i++) {
			if (i == round)
				continue;
			EXPECT_EQ(1, pq_get(self->q, &c, 1, SOON));
			EXPECT_EQ('0' + i, c);
			EXPECT_EQ(0, reap(pids[i]));
		}
		EXPECT_EQ(0, pq_qsize(self->q));
		EXPECT_EQ(0, pq_stat(self->q).putters);
	}
}

TEST_F(death, asleep_with_a_large_message)
{
	uint64_t bytes;
	char big[5000] = "", c;
	pid_t pid;

	EXPECT_EQ(0, pq_put(self->q, "x", 1, PYQUEUE_NOWAIT));
	bytes = pq_info(self->dev).user_bytes;
	pid = child(pq_put(self->q, big, sizeof(big), PYQUEUE_FOREVER));
	EXPECT_TRUE(wait_sleepers(self->q, putters, 1));
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(pid));
	EXPECT_EQ(1, pq_get(self->q, &c, 1, SOON));
	EXPECT_EQ(-EAGAIN, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_stat(self->q).large_bytes);
	EXPECT_EQ(bytes, pq_info(self->dev).user_bytes);
}

TEST_F(death, asleep_in_read_and_write)
{
	pid_t pid;
	char c;

	pid = child(read(self->q, &c, 1));
	EXPECT_TRUE(wait_sleepers(self->q, getters, 1));
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(pid));
	EXPECT_EQ(0, pq_stat(self->q).getters);
	EXPECT_EQ(1, write(self->q, "1", 1));
	pid = child(write(self->q, "2", 1));
	EXPECT_TRUE(wait_sleepers(self->q, putters, 1));
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(pid));
	EXPECT_EQ(0, pq_stat(self->q).putters);
	EXPECT_EQ(1, read(self->q, &c, 1));
	EXPECT_EQ('1', c);
	EXPECT_EQ(-EAGAIN, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT));
}

TEST_F(death, asleep_in_join)
{
	pid_t dead, other;
	char c;

	EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
	dead = child(pq_join(self->q, PYQUEUE_FOREVER));
	other = child(pq_join(self->q, PYQUEUE_FOREVER));
	EXPECT_TRUE(wait_sleepers(self->q, joiners, 2));
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(dead));
	EXPECT_EQ(1, pq_stat(self->q).joiners);
	EXPECT_EQ(1, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_task_done(self->q, 1));
	EXPECT_EQ(0, reap(other));
	EXPECT_EQ(0, pq_stat(self->q).joiners);
}

/* Asleep in poll() and in two kinds of epoll: the next put finds the living. */
TEST_F(death, asleep_in_poll)
{
	pid_t pids[6];
	char c;

	for (int i = 0; i < 6; i++) {
		struct epoll_event event = { .events = EPOLLIN | (i % 3 == 2 ? EPOLLEXCLUSIVE : 0) };
		struct pollfd p = { .fd = self->q, .events = POLLIN };
		int ep;

		pids[i] = spawn();
		if (!pids[i]) {
			if (i % 3 == 0) {
				EXPECT_EQ(1, ppoll(&p, 1, NULL, NULL));
			} else {
				ep = epoll_create1(0);
				EXPECT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->q, &event));
				EXPECT_EQ(1, epoll_wait(ep, &event, 1, -1));
			}
			child_done();
		}
		EXPECT_TRUE(eventually(asleep_in(pids[i], i % 3 ? SYS_epoll_wait : SYS_ppoll)));
	}
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(pids[i]));
	EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
	for (int i = 3; i < 6; i++)
		EXPECT_EQ(0, reap(pids[i]));
	EXPECT_EQ(1, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT));
}

static void *sleep_in_get(void *arg)
{
	char c;

	pq_get(*(int *)arg, &c, 1, PYQUEUE_FOREVER);
	return NULL;
}

/* Many threads of one process: all of them leave the queue. */
TEST_F(death, threads_asleep)
{
	pid_t pid = spawn();
	char c;

	if (!pid) {
		for (int i = 0; i < 20; i++) {
			pthread_t thread;

			if (pthread_create(&thread, NULL, sleep_in_get, &self->q))
				_exit(1);
		}
		for (;;)
			pause();
	}
	EXPECT_TRUE(wait_sleepers(self->q, getters, 20));
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(pid));
	EXPECT_EQ(0, pq_stat(self->q).getters);
	EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(1, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT));
}

/* exec ends the other threads of a process as a kill would. */
TEST_F(death, threads_asleep_at_exec)
{
	pid_t pid = spawn();

	if (!pid) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, sleep_in_get, &self->q))
			_exit(1);
		wait_sleepers(self->q, getters, 1);
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(0, pq_stat(self->q).getters);
	EXPECT_EQ(0, pq_qsize(self->q));
}

/*
 * Killed in the very moment of being woken. The first in line has taken the
 * message, or it is for the second: it never stays while somebody waits.
 */
/* proves: promise kill-baton */
TEST_F(death, killed_while_woken)
{
	char *got = shared_memory(4096);
	int gone = 0;

	for (int i = 0; i < 200; i++) {
		pid_t first, second;
		char c;

		first = child(pq_get(self->q, &c, 1, PYQUEUE_FOREVER));
		ASSERT_TRUE(wait_sleepers(self->q, getters, 1));
		second = child(pq_get(self->q, got, 1, PYQUEUE_FOREVER));
		ASSERT_TRUE(wait_sleepers(self->q, getters, 2));

		/* Every other time the kill comes first: then he has done nothing. */
		if (i % 2)
			kill(first, SIGKILL);
		ASSERT_EQ(0, pq_put(self->q, "1", 1, SOON));
		kill(first, SIGKILL);
		reap(first);
		ASSERT_TRUE(eventually(pq_qsize(self->q) == 0));

		/* If it is gone, the second one still waits, and this is his. */
		ASSERT_EQ(0, pq_put(self->q, "2", 1, SOON));
		ASSERT_EQ(0, reap(second));
		gone += *got == '2';
		EXPECT_TRUE(i % 2 == 0 || *got == '1');
		ASSERT_EQ(*got == '1', pq_get(self->q, &c, 1, PYQUEUE_NOWAIT) == 1);
	}
	TH_LOG("%d of 200 messages went to a process that was killed", gone);
}

/* The dead had the last fds: everything he left goes with him. */
TEST_F(death, the_last_one)
{
	struct pyqueue_info before = pq_info(self->dev);
	int *ready = shared_memory(4096);
	pid_t pid;

	for (int i = 0; i < 20; i++) {
		__atomic_store_n(ready, 0, __ATOMIC_SEQ_CST);
		pid = spawn();
		if (!pid) {
			char big[5000] = "";
			int q = pq_create(self->dev, .maxsize = 2);

			pq_put(q, big, sizeof(big), PYQUEUE_NOWAIT);
			pq_put(q, big, 1, PYQUEUE_NOWAIT);
			__atomic_store_n(ready, 1, __ATOMIC_SEQ_CST);
			pq_put(q, big, sizeof(big), PYQUEUE_FOREVER);
			_exit(1);
		}
		ASSERT_TRUE(eventually(__atomic_load_n(ready, __ATOMIC_SEQ_CST)));
		EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(pid));
	}
	EXPECT_TRUE(eventually(pq_info(self->dev).user_queues == before.user_queues));
	EXPECT_TRUE(eventually(pq_info(self->dev).user_bytes == before.user_bytes));
}

/* --- killed at work ------------------------------------------------------------------- */

/*
 * Producers and consumers without pause, and one of them killed again and again. The
 * account is kept in memory that survives them all:
 *
 *   a producer says which number it is about to put, and then that it has put
 *   it; a consumer lets the kernel write into shared memory, and then says what
 *   it has taken.
 *
 * So a number that was put is taken once; or never, and then it is the one that
 * a killed consumer had in its hand. A number that a killed producer was about
 * to put may have been put or not.
 */
#define PRODUCERS 3
#define CONSUMERS 3
#define WORKERS (PRODUCERS + CONSUMERS)
#define NUMBERS 1000000
#define BATCH 8			/* messages of PUT_MANY and GET_MANY */
#define ROOM 2048		/* words of the longest message */

struct account {
	int stop;
	uint32_t next;			/* number to give to a producer */
	uint32_t hand[WORKERS][BATCH][ROOM];	/* where a consumer has the kernel write */
	uint8_t begun[NUMBERS];
	uint8_t put[NUMBERS];
	uint8_t taken[NUMBERS];
	uint8_t in_dead_hand[NUMBERS];
};

FIXTURE(work) {
	int dev;
	int q;
	struct account *account;
	pid_t pids[WORKERS];
};

FIXTURE_VARIANT(work) {
	int maxsize;
	unsigned int len;	/* of a message, which begins with its number */
	bool many;		/* PUT_MANY and GET_MANY */
	int kills;
};

FIXTURE_VARIANT_ADD(work, one_slot) { .maxsize = 1, .len = 48, .kills = 100 };
FIXTURE_VARIANT_ADD(work, some_slots) { .maxsize = 5, .len = 240, .kills = 200 };
FIXTURE_VARIANT_ADD(work, large_messages) { .maxsize = 5, .len = 5000, .kills = 100 };
FIXTURE_VARIANT_ADD(work, many) { .maxsize = 50, .len = 48, .many = true, .kills = 100 };

FIXTURE_SETUP(work)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = variant->maxsize);
	ASSERT_LE(0, self->q);
	self->account = shared_memory(sizeof(*self->account));
	ASSERT_NE(NULL, self->account);
}

FIXTURE_TEARDOWN(work)
{
	close(self->q);
	close(self->dev);
}

/* Put the next numbers, again and again; when there are no more, wait for the end. */
static void produce(const FIXTURE_VARIANT(work) *variant, int q, struct account *a)
{
	uint32_t room[BATCH][ROOM] = { };
	struct pyqueue_msg msgs[BATCH];
	int batch = variant->many ? BATCH : 1;

	while (!__atomic_load_n(&a->stop, __ATOMIC_SEQ_CST)) {
		uint32_t first = __atomic_load_n(&a->next, __ATOMIC_SEQ_CST);
		int n = 0;

		if (first + batch > NUMBERS ||
		    !__atomic_compare_exchange_n(&a->next, &first, first + batch, false,
						 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
			sched_yield();
			continue;
		}
		for (int i = 0; i < batch; i++) {
			room[i][0] = first + i;
			room[i][variant->len / 4 - 1] = first + i;
			msgs[i] = (struct pyqueue_msg){ .buf = (uintptr_t)room[i],
				.len = variant->len };
			__atomic_store_n(&a->begun[first + i], 1, __ATOMIC_SEQ_CST);
		}
		while (n < batch) {
			int done = variant->many ?
				pq_put_many(q, msgs + n, batch - n, PYQUEUE_FOREVER) :
				pq_put(q, room, variant->len, PYQUEUE_FOREVER) ?: 1;

			if (done < 1)
				_exit(1);
			while (done--)
				__atomic_store_n(&a->put[first + n++], 1, __ATOMIC_SEQ_CST);
		}
	}
	_exit(0);
}

/* No number is so high: nothing in this hand. */
#define EMPTY_HAND (~0U)

static void consume(const FIXTURE_VARIANT(work) *variant, int q, struct account *a,
		    uint32_t (*hand)[ROOM])
{
	struct pyqueue_msg msgs[BATCH];

	for (;;) {
		int n = 1;

		for (int i = 0; i < BATCH; i++) {
			__atomic_store_n(&hand[i][0], EMPTY_HAND, __ATOMIC_SEQ_CST);
			msgs[i] = (struct pyqueue_msg){ .buf = (uintptr_t)hand[i],
				.len = sizeof(hand[i]) };
		}
		if (variant->many)
			n = pq_get_many(q, msgs, BATCH, PYQUEUE_FOREVER);
		else
			msgs[0].len = pq_get(q, hand[0], sizeof(hand[0]), PYQUEUE_FOREVER);
		if (n == -ESHUTDOWN || (int)msgs[0].len == -ESHUTDOWN)
			_exit(0);
		if (n < 1)
			_exit(1);
		for (int i = 0; i < n; i++) {
			if (msgs[i].len != variant->len || hand[i][0] >= NUMBERS ||
			    hand[i][variant->len / 4 - 1] != hand[i][0])
				_exit(1);
			__atomic_add_fetch(&a->taken[hand[i][0]], 1, __ATOMIC_SEQ_CST);
		}
	}
}

/* What a dead consumer had been given and not counted yet. */
static void look_into_dead_hand(struct account *a, uint32_t (*hand)[ROOM])
{
	for (int i = 0; i < BATCH; i++)
		if (hand[i][0] < NUMBERS && !a->taken[hand[i][0]])
			a->in_dead_hand[hand[i][0]] = 1;
}

static pid_t hire(const FIXTURE_VARIANT(work) *variant, int q, struct account *a, int who)
{
	pid_t pid = spawn();

	if (!pid) {
		if (who < PRODUCERS)
			produce(variant, q, a);
		else
			consume(variant, q, a, a->hand[who]);
	}
	return pid;
}

static uint64_t random_below(uint64_t *state, uint64_t n)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state % n;
}

/* proves: promise kill-at-work */
TEST_F(work, killed_at_any_time)
{
	uint64_t seed = now_ns() | 1, bytes = pq_info(self->dev).user_bytes;
	struct account *a = self->account;
	unsigned int sent = 0, unknown = 0, in_hand = 0, twice = 0, lost = 0, invented = 0;

	TH_LOG("seed %llu", (unsigned long long)seed);
	memset(a->hand, 0xff, sizeof(a->hand));
	for (int i = 0; i < WORKERS; i++)
		self->pids[i] = hire(variant, self->q, a, i);

	for (int kills = 0; kills < variant->kills; kills++) {
		int who = random_below(&seed, WORKERS);
		uint64_t at = in_ns(random_below(&seed, 5 * MSEC));

		while (now_ns() < at)
			sched_yield();
		ASSERT_EQ(KILLED_BY(SIGKILL), reap_killed(self->pids[who]));
		if (who >= PRODUCERS)
			look_into_dead_hand(a, a->hand[who]);
		self->pids[who] = hire(variant, self->q, a, who);
	}

	/* Nothing is stuck: those who are left come to an end by themselves. */
	__atomic_store_n(&a->stop, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; i < PRODUCERS; i++)
		EXPECT_EQ(0, reap(self->pids[i]));
	EXPECT_EQ(0, pq_shutdown(self->q, 0));
	for (int i = PRODUCERS; i < WORKERS; i++)
		EXPECT_EQ(0, reap(self->pids[i]));

	for (int i = 0; i < NUMBERS; i++) {
		sent += a->put[i];
		unknown += a->begun[i] && !a->put[i] && a->taken[i];
		invented += !a->begun[i] && a->taken[i];
		twice += a->taken[i] > 1;
		if (a->put[i] && !a->taken[i]) {
			in_hand += a->in_dead_hand[i];
			lost += !a->in_dead_hand[i];
		}
	}
	TH_LOG("%u put; %u taken by a dead consumer, %u put by a dead producer",
	       sent, in_hand, unknown);
	EXPECT_EQ(0, lost);
	EXPECT_EQ(0, twice);
	EXPECT_EQ(0, invented);
	EXPECT_LT(100, sent);

	EXPECT_EQ(0, pq_qsize(self->q));
	EXPECT_EQ(0, pq_stat(self->q).getters);
	EXPECT_EQ(0, pq_stat(self->q).putters);
	EXPECT_EQ(0, pq_stat(self->q).large_bytes);
	EXPECT_EQ(bytes, pq_info(self->dev).user_bytes);
}

TEST_HARNESS_MAIN
