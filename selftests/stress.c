// SPDX-License-Identifier: GPL-2.0
/*
 * Four who put and four who get, in every way there is, with messages of all
 * sizes: each message arrives once, as it was, and those of one producer reach
 * any one consumer in order.
 */
#include "sleepers.h"

#include <pthread.h>

enum { PRODUCERS = 4, CONSUMERS = 4, MOST = 4000, LONGEST = 6000, BATCH = 5 };
#define DURATION (800 * MSEC)

struct header {
	uint32_t producer;
	uint32_t number;
	uint32_t len;
};

/* Seen by all, processes or threads. */
struct ledger {
	uint32_t sent[PRODUCERS];
	uint8_t seen[PRODUCERS][MOST];
	uint32_t interrupted;
};

struct worker {
	int q;
	struct ledger *ledger;
	uint32_t number;
	bool consumes;
	pid_t pid;
	pthread_t thread;
};

FIXTURE(stress) {
	int dev;
	int q;
	struct ledger *ledger;
	struct worker workers[PRODUCERS + CONSUMERS];
};

FIXTURE_VARIANT(stress) {
	int maxsize;
	__u32 payload;
	bool threads;
	bool signals;
};

FIXTURE_VARIANT_ADD(stress, processes_1) { 1, 48 };
FIXTURE_VARIANT_ADD(stress, processes_3) { 3, 240 };
FIXTURE_VARIANT_ADD(stress, processes_100) { 100, 240 };
FIXTURE_VARIANT_ADD(stress, processes_3_signals) { 3, 48, .signals = true };
FIXTURE_VARIANT_ADD(stress, processes_100_signals) { 100, 1000, .signals = true };
FIXTURE_VARIANT_ADD(stress, threads_3) { 3, 240, .threads = true };
FIXTURE_VARIANT_ADD(stress, threads_100_signals) { 100, 240, .threads = true, .signals = true };

FIXTURE_SETUP(stress)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = variant->maxsize,
			    .payload = variant->payload, .max_msg = LONGEST);
	ASSERT_LE(0, self->q);
	self->ledger = shared_memory(sizeof(*self->ledger));
	ASSERT_NE(NULL, self->ledger);
}

FIXTURE_TEARDOWN(stress)
{
	close(self->q);
	close(self->dev);
}

static void compose(unsigned char *buf, const struct header *h)
{
	memcpy(buf, h, sizeof(*h));
	fill_pattern(buf + sizeof(*h), h->len - sizeof(*h), h->producer * 1000 + h->number);
}

/* Most are small, one in eight does not fit a slot of any of these queues. */
static uint32_t some_length(unsigned int *seed)
{
	uint32_t most = rand_r(seed) % 8 ? 200 : LONGEST;

	return sizeof(struct header) + rand_r(seed) % (most - sizeof(struct header));
}

static int put_some(const struct worker *w, unsigned char (*bufs)[LONGEST],
		    const struct pyqueue_msg *msgs, int n, unsigned int *seed)
{
	ssize_t ret;

	if (n > 1)
		return pq_put_many(w->q, (struct pyqueue_msg *)msgs, n, PYQUEUE_FOREVER);
	if (rand_r(seed) % 2) {
		ret = pq_put(w->q, bufs[0], msgs[0].len, SOON);
		return ret ?: 1;
	}
	ret = write(w->q, bufs[0], msgs[0].len);
	return ret < 0 ? -errno : ret == (ssize_t)msgs[0].len ? 1 : -EIO;
}

/* Puts for a while, and says how many. */
static int produce(const struct worker *w)
{
	uint64_t end = in_ns(DURATION);
	unsigned int seed = w->number + 1;
	unsigned char (*bufs)[LONGEST] = malloc(BATCH * LONGEST);
	struct pyqueue_msg msgs[BATCH];
	uint32_t next = 0;

	while (next + BATCH <= MOST && now_ns() < end) {
		int n = rand_r(&seed) % 3 ? 1 : 2 + rand_r(&seed) % (BATCH - 1);
		int done = 0;

		for (int i = 0; i < n; i++) {
			struct header h = { w->number, next + i, some_length(&seed) };

			compose(bufs[i], &h);
			msgs[i] = (struct pyqueue_msg){ .buf = (uintptr_t)bufs[i], .len = h.len };
		}
		while (done < n) {
			int ret = put_some(w, bufs + done, msgs + done, n - done, &seed);

			if (ret == -EINTR)
				__atomic_add_fetch(&w->ledger->interrupted, 1, __ATOMIC_RELAXED);
			else if (ret < 0)
				return ret;
			else
				done += ret;
		}
		next += n;
	}
	w->ledger->sent[w->number] = next;
	free(bufs);
	return 0;
}

/* Enters one message; @last holds the numbers this consumer has last seen, + 1. */
static int enter(const struct worker *w, const unsigned char *buf, size_t len, uint32_t *last)
{
	struct header h;

	if (len < sizeof(h))
		return -EBADMSG;
	memcpy(&h, buf, sizeof(h));
	if (h.len != len || h.producer >= PRODUCERS || h.number >= MOST ||
	    !has_pattern(buf + sizeof(h), len - sizeof(h), h.producer * 1000 + h.number))
		return -EILSEQ;
	if (h.number < last[h.producer])
		return -ERANGE;
	last[h.producer] = h.number + 1;
	if (__atomic_add_fetch(&w->ledger->seen[h.producer][h.number], 1, __ATOMIC_SEQ_CST) != 1)
		return -EEXIST;
	return 0;
}

/* Gets until shutdown. */
static int consume(const struct worker *w)
{
	unsigned int seed = w->number + 100;
	unsigned char (*bufs)[LONGEST] = malloc(BATCH * LONGEST);
	uint32_t last[PRODUCERS] = { 0 };

	/* A get that faults gives its message back, which then has no place in the bound. */
	memset(bufs, 0, BATCH * LONGEST);
	for (;;) {
		struct pyqueue_msg msgs[BATCH];
		struct pyqueue_get out;
		int n = 1, ret, way = rand_r(&seed) % 3;

		if (way == 0) {
			ret = pq_get_full(w->q, bufs[0], LONGEST, PYQUEUE_FOREVER, &out);
			if (ret >= 0 && out.deliveries != 1)
				return -EPROTO;
			msgs[0].len = ret;
		} else if (way == 1) {
			ret = read(w->q, bufs[0], LONGEST);
			if (ret < 0)
				ret = -errno;
			if (ret == 0)
				ret = -ESHUTDOWN;
			msgs[0].len = ret;
		} else {
			for (int i = 0; i < BATCH; i++)
				msgs[i] = (struct pyqueue_msg){ .buf = (uintptr_t)bufs[i],
								.len = LONGEST };
			n = ret = pq_get_many(w->q, msgs, BATCH, SOON);
		}
		if (ret == -EINTR) {
			__atomic_add_fetch(&w->ledger->interrupted, 1, __ATOMIC_RELAXED);
			continue;
		}
		if (ret < 0) {
			free(bufs);
			return ret;
		}
		for (int i = 0; i < n; i++) {
			ret = enter(w, bufs[i], msgs[i].len, last);
			if (ret)
				return ret;
		}
	}
}

static int work(const struct worker *w)
{
	return w->consumes ? consume(w) : produce(w);
}

static void *work_in_thread(void *arg)
{
	return (void *)(long)work(arg);
}

static bool start(struct worker *w, bool thread)
{
	if (thread)
		return !pthread_create(&w->thread, NULL, work_in_thread, w);
	w->pid = child(work(w));
	return w->pid > 0;
}

/* What a worker returned, once it has. */
static int end_of(struct worker *w, bool thread)
{
	void *ret;

	if (!thread)
		return reap(w->pid);
	return pthread_join(w->thread, &ret) ? -EIO : (int)(long)ret;
}

static void disturb(struct worker *w, bool thread)
{
	if (thread)
		pthread_kill(w->thread, SIGUSR1);
	else
		kill(w->pid, SIGUSR1);
}

static void ignore_signal(int sig)
{
}

/* proves: promise many-producers-many-consumers */
TEST_F(stress, everything_arrives_once)
{
	uint64_t end = in_ns(DURATION / 2);
	uint32_t sent = 0;
	unsigned int seed = 7;

	on_signal(SIGUSR1, ignore_signal, 0);
	for (int i = 0; i < PRODUCERS + CONSUMERS; i++) {
		struct worker *w = &self->workers[i];

		*w = (struct worker){ .q = self->q, .ledger = self->ledger,
				      .number = i % PRODUCERS, .consumes = i >= PRODUCERS };
		ASSERT_TRUE(start(w, variant->threads));
	}
	while (now_ns() < end) {
		int size = pq_qsize(self->q);

		ASSERT_LE(0, size);
		ASSERT_GE(variant->maxsize, size);
		if (variant->signals)
			disturb(&self->workers[rand_r(&seed) % (PRODUCERS + CONSUMERS)],
				variant->threads);
		sched_yield();
	}
	for (int i = 0; i < PRODUCERS; i++) {
		ASSERT_EQ(0, end_of(&self->workers[i], variant->threads));
		sent += self->ledger->sent[i];
	}
	ASSERT_TRUE(eventually(pq_qsize(self->q) == 0));
	/* Who has never been found asleep among the others sleeps now. */
	while (variant->signals && !load(&self->ledger->interrupted)) {
		ASSERT_GT(end + PATIENCE, now_ns());
		disturb(&self->workers[PRODUCERS], variant->threads);
		sched_yield();
	}
	ASSERT_EQ(0, pq_shutdown(self->q, 0));
	for (int i = PRODUCERS; i < PRODUCERS + CONSUMERS; i++) {
		ASSERT_EQ(-ESHUTDOWN, end_of(&self->workers[i], variant->threads));
	}

	for (int p = 0; p < PRODUCERS; p++) {
		ASSERT_LT(0, self->ledger->sent[p]);
		for (uint32_t i = 0; i < MOST; i++) {
			ASSERT_EQ(i < self->ledger->sent[p], self->ledger->seen[p][i])
				TH_LOG("number %u of producer %d", i, p);
		}
	}
	EXPECT_EQ(sent, pq_stat(self->q).unfinished);
	EXPECT_EQ(0, pq_stat(self->q).large_bytes);
	EXPECT_EQ(0, pq_stat(self->q).getters);
	EXPECT_EQ(0, pq_stat(self->q).putters);
	EXPECT_EQ(variant->signals, !!self->ledger->interrupted);
	TH_LOG("%u messages, %u interruptions", sent, self->ledger->interrupted);
}

TEST_HARNESS_MAIN
