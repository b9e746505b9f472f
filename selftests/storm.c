// SPDX-License-Identifier: GPL-2.0
/*
 * Signals and kills rain on those who wait, while messages go through. When it
 * stops, everything that was put has been taken once, and nobody sleeps beside
 * a message or beside room.
 */
#include "sleepers.h"

enum { WORKERS = 4, ROUNDS = 12, BURST = 40 };

/* What all processes see. */
struct account {
	int taken[ROUNDS * BURST];	/* how often each message was */
	int interrupted;
};

FIXTURE(storm) {
	int dev;
	int q;
	volatile struct account *account;
	pid_t getters[WORKERS];
};

FIXTURE_VARIANT(storm) {
	int maxsize;
	size_t pad;		/* bytes of a message behind its number */
};

FIXTURE_VARIANT_ADD(storm, bound_1) { .maxsize = 1 };
FIXTURE_VARIANT_ADD(storm, bound_3) { .maxsize = 3 };
FIXTURE_VARIANT_ADD(storm, bound_3_large) { .maxsize = 3, .pad = 3000 };

static void ignore_signal(int sig)
{
}

FIXTURE_SETUP(storm)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = variant->maxsize);
	ASSERT_LE(0, self->q);
	self->account = shared_memory(sizeof(*self->account));
	ASSERT_NE(NULL, self->account);
	on_signal(SIGUSR1, ignore_signal, 0);
}

FIXTURE_TEARDOWN(storm)
{
	close(self->q);
	close(self->dev);
}

/* Takes until shutdown, and keeps the account. */
static int get_all(FIXTURE_DATA(storm) *self)
{
	char buf[4096];
	uint32_t number;

	for (;;) {
		int ret = pq_get(self->q, buf, sizeof(buf), PYQUEUE_FOREVER);

		if (ret == -EINTR) {
			__atomic_add_fetch(&self->account->interrupted, 1, __ATOMIC_RELAXED);
			continue;
		}
		if (ret < 0)
			return ret;
		memcpy(&number, buf, sizeof(number));
		if (number >= ROUNDS * BURST)
			return -EILSEQ;
		__atomic_add_fetch(&self->account->taken[number], 1, __ATOMIC_SEQ_CST);
	}
}

/* Puts the numbers from @first on, however often it is interrupted. */
static int put_burst(FIXTURE_DATA(storm) *self, size_t len, uint32_t first)
{
	char buf[4096] = "";

	for (uint32_t number = first; number < first + BURST / 2;) {
		int ret;

		memcpy(buf, &number, sizeof(number));
		ret = pq_put(self->q, buf, len, PYQUEUE_FOREVER);
		if (ret == 0)
			number++;
		else if (ret != -EINTR)
			return ret;
	}
	return 0;
}

static int taken(FIXTURE_DATA(storm) *self)
{
	int n = 0;

	for (int i = 0; i < ROUNDS * BURST; i++)
		n += self->account->taken[i];
	return n;
}

TEST_F(storm, signals)
{
	size_t len = 4 + variant->pad;
	unsigned int seed = 1;
	pid_t putters[2];

	for (int i = 0; i < WORKERS; i++) {
		self->getters[i] = child(get_all(self));
		ASSERT_LT(0, self->getters[i]);
	}
	for (int round = 0; round < ROUNDS; round++) {
		int showers = rand_r(&seed) % 300;

		for (int i = 0; i < 2; i++) {
			putters[i] = child(put_burst(self, len, round * BURST + i * BURST / 2));
			ASSERT_LT(0, putters[i]);
		}
		while (showers--) {
			int i = rand_r(&seed) % (WORKERS + 2);

			kill(i < WORKERS ? self->getters[i] : putters[i - WORKERS], SIGUSR1);
			if (showers % 16 == 0)
				sched_yield();
		}
		/* It is over; nothing but the queue wakes anybody from here on. */
		ASSERT_EQ(0, reap(putters[0]));
		ASSERT_EQ(0, reap(putters[1]));
		ASSERT_TRUE(eventually(taken(self) == (round + 1) * BURST))
			TH_LOG("round %d: %d taken, %d in the queue, %u asleep", round,
			       taken(self), pq_qsize(self->q), pq_stat(self->q).getters);
	}
	ASSERT_EQ(0, pq_shutdown(self->q, 0));
	for (int i = 0; i < WORKERS; i++) {
		ASSERT_EQ(-ESHUTDOWN, reap(self->getters[i]));
	}
	for (int i = 0; i < ROUNDS * BURST; i++) {
		ASSERT_EQ(1, self->account->taken[i]) TH_LOG("message %d", i);
	}
	EXPECT_LT(0, self->account->interrupted);
	EXPECT_EQ(0, pq_stat(self->q).large_bytes);
}

/*
 * A getter that is killed may have taken one message that it could not account
 * for. No other may be missing, and none may come twice.
 */
TEST_F(storm, kills)
{
	size_t len = 4 + variant->pad;
	unsigned int seed = 2;
	int kills = 0, missing = 0;
	pid_t putters[2];

	for (int i = 0; i < WORKERS; i++) {
		self->getters[i] = child(get_all(self));
		ASSERT_LT(0, self->getters[i]);
	}
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < 2; i++) {
			putters[i] = child(put_burst(self, len, round * BURST + i * BURST / 2));
			ASSERT_LT(0, putters[i]);
		}
		for (int n = rand_r(&seed) % 8; n > 0; n--) {
			int i = rand_r(&seed) % WORKERS;

			ASSERT_EQ(0, kill(self->getters[i], SIGKILL));
			ASSERT_EQ(KILLED_BY(SIGKILL), reap(self->getters[i]));
			kills++;
			self->getters[i] = child(get_all(self));
			ASSERT_LT(0, self->getters[i]);
		}
		ASSERT_EQ(0, reap(putters[0]));
		ASSERT_EQ(0, reap(putters[1]));
		ASSERT_TRUE(eventually(pq_qsize(self->q) == 0))
			TH_LOG("round %d: %d in the queue, %u asleep", round,
			       pq_qsize(self->q), pq_stat(self->q).getters);
	}
	ASSERT_EQ(0, pq_shutdown(self->q, 0));
	for (int i = 0; i < WORKERS; i++) {
		ASSERT_EQ(-ESHUTDOWN, reap(self->getters[i]));
	}
	for (int i = 0; i < ROUNDS * BURST; i++) {
		ASSERT_GE(1, self->account->taken[i]) TH_LOG("message %d", i);
		missing += !self->account->taken[i];
	}
	EXPECT_GE(kills, missing);
	EXPECT_EQ(0, pq_stat(self->q).large_bytes);
	EXPECT_EQ(0, pq_stat(self->q).getters);
}

/* Putters that are killed have put their message or have not; room is not lost. */
TEST_F(storm, kills_of_putters)
{
	size_t len = 4 + variant->pad;
	unsigned int seed = 3;
	struct pyqueue_get out;
	char buf[4096];

	for (int round = 0; round < ROUNDS; round++) {
		uint32_t next[2] = { round * BURST, round * BURST + BURST / 2 }, number;
		pid_t putters[2];
		int n = 0, who;

		for (int i = 0; i < 2; i++) {
			putters[i] = child(put_burst(self, len, next[i]));
			ASSERT_LT(0, putters[i]);
		}
		for (int stop = rand_r(&seed) % (BURST / 2); n < stop; n++) {
			ASSERT_EQ((int)len, pq_get(self->q, buf, sizeof(buf), SOON));
			memcpy(&number, buf, sizeof(number));
			who = number < next[1] ? 0 : 1;
			/* In order, without a gap. */
			ASSERT_EQ(next[who], number);
			next[who]++;
		}
		ASSERT_EQ(0, kill(putters[0], SIGKILL));
		reap(putters[0]);
		/* The other one goes on to his end, into the same room. */
		for (;;) {
			int ret = pq_get_full(self->q, buf, sizeof(buf), in_ns(MSEC), &out);

			if (ret == -ETIMEDOUT) {
				if (next[1] == (round + 1) * BURST)
					break;
				continue;
			}
			ASSERT_EQ((int)len, ret);
			memcpy(&number, buf, sizeof(number));
			who = number < (uint32_t)(round * BURST + BURST / 2) ? 0 : 1;
			ASSERT_EQ(next[who], number);
			next[who]++;
			ASSERT_EQ(1, out.deliveries);
		}
		ASSERT_EQ(0, reap(putters[1]));
		ASSERT_EQ(0, pq_qsize(self->q));
		ASSERT_EQ(0, pq_stat(self->q).putters);
	}
	EXPECT_EQ(0, pq_stat(self->q).large_bytes);
	/* All of the bound is still there. */
	for (int i = 0; i < variant->maxsize; i++) {
		ASSERT_EQ(0, pq_put(self->q, buf, len, PYQUEUE_NOWAIT));
	}
	EXPECT_EQ(-EAGAIN, pq_put(self->q, buf, len, PYQUEUE_NOWAIT));
}

TEST_HARNESS_MAIN
