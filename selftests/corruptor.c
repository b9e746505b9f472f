// SPDX-License-Identifier: GPL-2.0
/*
 * Somebody scribbles over a queue that he has mapped, at random and where it hurts,
 * and dies in the middle of it, while others put, get, wait and poll by the kernel.
 * All their calls end, with something that is documented; the module goes on, other
 * queues know nothing of it, and nothing is left behind.
 */
#include "actors.h"
#include "mapped.h"

enum { SCRIBBLERS = 2, CALLERS = 4, MAXSIZE = 5 };

/* How long one queue is tormented, and how many are. */
#define ROUND (60 * MSEC)
#define ROUNDS 40

/* No call is to wait longer than this, whatever has been done to the queue... */
#define WAIT (5 * MSEC)
/* ... by more than a machine with other things to do needs. */
#define LATE (5 * SEC * PYQUEUE_SLOW)

/* What all of them see. */
struct account {
	int stop;
	unsigned long calls;
	unsigned long broken;
};

/* --- what is done to the ring ----------------------------------------------- */

static uint64_t random64(unsigned int *seed)
{
	return (uint64_t)rand_r(seed) << 42 ^ (uint64_t)rand_r(seed) << 21 ^ rand_r(seed);
}

/* One step on, or back, or far away. */
static uint64_t displaced(uint64_t value, unsigned int *seed)
{
	switch (rand_r(seed) % 6) {
	case 0: return value + 1;
	case 1: return value - 1;
	case 2: return value + 8;
	case 3: return value ^ PYQUEUE_CLOSED;
	case 4: return 0;
	default: return random64(seed);
	}
}

/* A word that might be one: of about this lap, of somebody, in some state. */
static uint64_t forged(uint64_t word, unsigned int *seed)
{
	return pyq_word(pyq_word_lap(word) + rand_r(seed) % 3 - 1, rand_r(seed) % 8,
			rand_r(seed), rand_r(seed) % 3 ? 0 : PYQUEUE_SLOT_INDIRECT,
			rand_r(seed) % 8);
}

static void scribble(struct pyq_ring *r, unsigned int *seed)
{
	struct pyqueue_header *hdr = r->hdr;
	struct pyqueue_slot *slot = pyq_ring_slot(r, rand_r(seed));
	__u64 *words = (__u64 *)hdr;

	switch (rand_r(seed) % 14) {
	case 0: store(&hdr->tail, displaced(hdr->tail, seed)); break;
	case 1: store(&hdr->head, displaced(hdr->head, seed)); break;
	case 2: store(&hdr->head_cache, displaced(hdr->head_cache, seed)); break;
	case 3: store(&hdr->getters.sleepers, displaced(hdr->getters.sleepers, seed)); break;
	case 4: store(&hdr->putters.sleepers, displaced(hdr->putters.sleepers, seed)); break;
	case 5: store(&hdr->marks, random64(seed)); break;
	case 6: store(&hdr->done, displaced(hdr->done, seed)); break;
	case 7: store(&hdr->skipped, random64(seed)); break;
	case 8: store(&slot->len, rand_r(seed) % 3 ? rand_r(seed) % 100 : rand_r(seed)); break;
	case 9: store(&hdr->getters.pollers, rand_r(seed) % 2); break;
	case 10: store(&words[rand_r(seed) % (PYQUEUE_HEADER_SIZE / 8)], random64(seed)); break;
	case 11: store(&hdr->overflow, displaced(hdr->overflow, seed)); break;
	case 12: store(&hdr->detour, rand_r(seed) % 4); break;
	default: store(&slot->word, forged(slot->word, seed)); break;
	}
}

/* Between two strokes it behaves for a while, or else the queue would be broken at once. */
static void scribbler(int q, struct account *a, unsigned int seed, unsigned int period)
{
	struct pyq_op op;
	struct pyq_ring r;

	if (map_ring(q, &r) < 0)
		_exit(1);
	for (unsigned int turn = 1; !load(&a->stop); turn++) {
		if (!pyq_ring_claim_put(&r, &op) && turn % 5)
			pyq_ring_publish(&r, &op, rand_r(&seed) % 49, 0);
		op.freed = false;
		if (!pyq_ring_claim_get(&r, &op, UINT64_MAX) && turn % 7)
			pyq_ring_release(&r, &op);
		if (turn % period == 0)
			scribble(&r, &seed);
		if (turn % 64 == 0)
			pq_wake(q, rand_r(&seed) % 32 ?: 1, rand_r(&seed) % 4);
	}
	_exit(0);
}

/* --- those who keep to the calls --------------------------------------------------- */

static bool is_documented(long ret)
{
	switch (ret) {
	case -EAGAIN: case -ETIMEDOUT: case -ESHUTDOWN: case -EUCLEAN: case -EMSGSIZE:
	case -EINVAL: /* task_done, fetch */
	case -EOWNERDEAD: /* fetch */
	case -ENOBUFS:
		return true;
	default:
		return ret >= 0;
	}
}

static long any_call(int q, unsigned int *seed)
{
	static char message[3000], room[3000];
	struct pollfd pfd = { .fd = q, .events = rand_r(seed) % 2 ? POLLIN : POLLOUT };
	struct pyq_op op = { .pos = random64(seed), .word = random64(seed) };

	switch (rand_r(seed) % 12) {
	case 0: return pq_put(q, message, rand_r(seed) % 49, in_ns(WAIT));
	case 1: return pq_put(q, message, 49 + rand_r(seed) % 2900, in_ns(WAIT));
	case 2: return pq_get(q, room, sizeof(room), in_ns(WAIT));
	case 3: return pq_get(q, room, rand_r(seed) % 50, PYQUEUE_NOWAIT);
	case 4: return put_up_to(q, 5);
	case 5: return get_up_to(q, 5);
	case 6: return pq_join(q, in_ns(WAIT));
	case 7: return pq_task_done(q, 1);
	case 8: return pq_await(q, rand_r(seed) % 2 ? PYQUEUE_READ : PYQUEUE_WRITE, in_ns(WAIT));
	case 9: return poll(&pfd, 1, 1);
	case 10: return pq_qsize(q) < 0 ? -EUCLEAN : (long)pq_stat(q).unfinished;
	default: return pq_fetch(q, PYQUEUE_FETCH_COPY, &op, room, sizeof(room));
	}
}

static int caller(int q, struct account *a, unsigned int seed)
{
	while (!load(&a->stop)) {
		const uint64_t begun = now_ns();
		long ret = any_call(q, &seed);

		if (!is_documented(ret)) {
			fprintf(stderr, "# a call has returned %ld\n", ret);
			return 2;
		}
		if (now_ns() - begun > WAIT + LATE)
			return 3;
		count(&a->calls);
		if (ret == -EUCLEAN)
			count(&a->broken);
	}
	return 0;
}

FIXTURE(corruptor) {
	int dev;
	int good;
	struct account *a;
};

FIXTURE_SETUP(corruptor)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->good = pq_create(self->dev, .maxsize = MAXSIZE, .payload = 48);
	ASSERT_LE(0, self->good);
	self->a = shared_memory(sizeof(*self->a));
	ASSERT_NE(NULL, self->a);
}

FIXTURE_TEARDOWN(corruptor)
{
	close(self->good);
	close(self->dev);
}

/* A queue that nobody spoils, meanwhile. */
static int good_traffic(int q, struct account *a)
{
	uint32_t put = 0, got;

	while (!load(&a->stop)) {
		for (int i = 0; i < MAXSIZE; i++, put++)
			if (pq_put(q, &put, sizeof(put), PYQUEUE_NOWAIT))
				return 2;
		for (int i = MAXSIZE; i > 0; i--)
			if (pq_get(q, &got, sizeof(got), PYQUEUE_NOWAIT) != 4 || got != put - i)
				return 3;
	}
	return 0;
}

/* proves: promise corruptor */
TEST_F(corruptor, torment)
{
	pid_t good = child(good_traffic(self->good, self->a));
	unsigned int broken[2] = { 0 };

	for (unsigned int round = 0; round < ROUNDS; round++) {
		pid_t pids[SCRIBBLERS + CALLERS];
		struct account *a = shared_memory(sizeof(*a));
		uint64_t end = in_ns(ROUND);
		/* Every other one without a bound, and with few slots, so that messages wait outside. */
		bool bounded = round % 2;
		int q = pq_create(self->dev, .maxsize = bounded ? MAXSIZE : 0,
				  .payload = bounded ? 48 : PYQUEUE_PAYLOAD_MAX,
				  .max_bytes = 1 << 20);

		ASSERT_LE(0, q);
		for (int i = 0; i < SCRIBBLERS; i++)
			pids[i] = child((scribbler(q, a, round * 100 + i, 16 << round / 2 % 8), 0));
		for (int i = SCRIBBLERS; i < SCRIBBLERS + CALLERS; i++)
			pids[i] = child(caller(q, a, round * 100 + i));
		/* They die at any moment, and others go on. */
		for (unsigned int i = 0; now_ns() < end; i++) {
			int which = i % SCRIBBLERS;

			let_others_run();
			reap_killed(pids[which]);
			pids[which] = child((scribbler(q, a, round * 100 + i, 16 << round / 2 % 8), 0));
		}
		store(&a->stop, 1);
		for (int i = 0; i < SCRIBBLERS + CALLERS; i++) {
			int how = reap(pids[i]);

			EXPECT_EQ(0, how) TH_LOG("%s of round %u",
						 i < SCRIBBLERS ? "scribbler" : "caller", round);
		}
		broken[bounded] += !!(pq_stat(q).flags & PYQUEUE_STAT_BROKEN);
		/* Also what is in it goes. */
		EXPECT_EQ(0, pq_shutdown(q, PYQUEUE_IMMEDIATE));
		EXPECT_EQ(0, pq_stat(q).owners);
		count(&self->a->calls);
		close(q);
		munmap(a, sizeof(*a));
	}
	store(&self->a->stop, 1);
	EXPECT_EQ(0, reap(good));
	TH_LOG("found broken: %u of %u with a bound, %u of %u without", broken[1], ROUNDS / 2,
	       broken[0], ROUNDS / 2);
	EXPECT_LT(ROUNDS / 8, broken[1]);
	EXPECT_LT(0, broken[0]);
}

/* Forged claims of large messages, exactly: nothing is copied that is not there. */
TEST_F(corruptor, forged_large)
{
	static char message[1000], room[1000];
	struct pyq_ring r = { .hdr = NULL };
	struct pyqueue_slot *slot;

	for (int i = 0; i < 4; i++) {
		int q = pq_create(self->dev, .maxsize = 4, .payload = 48,
				  .max_msg = i < 2 ? 48 : 0); /* of these none can be large */

		ASSERT_EQ(1, map_ring(q, &r));
		slot = pyq_ring_slot(&r, 0);
		if (i == 3) {
			/* A real one, and a length in shared memory that is not its own. */
			ASSERT_EQ(0, pq_put(q, message, sizeof(message), PYQUEUE_NOWAIT));
			store(&slot->len, 10);
			EXPECT_EQ(-EMSGSIZE, pq_get(q, room, 999, PYQUEUE_NOWAIT));
			EXPECT_EQ(1000, pq_get(q, room, sizeof(room), PYQUEUE_NOWAIT));
			EXPECT_EQ(0, pq_stat(q).large_bytes);
		} else {
			ASSERT_EQ(0, pq_put(q, "x", 1, PYQUEUE_NOWAIT));
			store(&slot->word, slot->word | PYQUEUE_SLOT_INDIRECT << PYQUEUE_WORD_FLAGS_SHIFT);
			if (i == 1) {
				EXPECT_EQ(0, pq_shutdown(q, PYQUEUE_IMMEDIATE));
				EXPECT_EQ(0, pq_qsize(q));
			} else {
				EXPECT_EQ(-EUCLEAN, pq_get(q, room, sizeof(room), PYQUEUE_NOWAIT));
			}
		}
		EXPECT_EQ(0, munmap(r.hdr, pq_stat(q).map_bytes));
		close(q);
	}
}

/* --- nobody is held up beyond his death ------------------------------------------- */

/* A slot for each, and a claim of nobody's in it that is always one to be helped past. */
#define MANY (1 << 18)

static void forge_all(struct pyq_ring *r)
{
	for (uint64_t pos = 0; pos < MANY; pos++)
		store(&pyq_ring_slot(r, pos)->word, pyq_word(1, 0, 0, 0, PYQUEUE_READING));
	store(&r->hdr->head, MANY);
}

/* Keeps head and tail moving, and says that there are orphans. */
static void keep_busy(int q)
{
	struct pyq_ring r;

	if (map_ring(q, &r) < 0)
		return;
	for (uint64_t tail = 0;;) {
		store(&r.hdr->head, MANY);
		store(&r.hdr->tail, PYQUEUE_CLOSED | ++tail);
		store(&r.hdr->marks, r.hdr->marks | PYQUEUE_MARK_ORPHAN);
	}
}

/* A mapping and no more: what is settled when it goes. */
static int have_mapped(int q, int *ready)
{
	struct pyq_ring r;

	if (map_ring(q, &r) < 0)
		return 1;
	store(ready, 1);
	return pause();
}

static int keep_looking(int q, int *ready)
{
	while (pq_stat(q).maxsize)
		store(ready, 1);
	return 1;
}

FIXTURE(held_up) {
	int dev;
	int q;
	int *ready;
	struct pyq_ring r;
};

FIXTURE_VARIANT(held_up) {
	int (*victim)(int q, int *ready);
	bool shut_down;
};

FIXTURE_VARIANT_ADD(held_up, exit) { have_mapped };
FIXTURE_VARIANT_ADD(held_up, exit_shut_down) { have_mapped, true };
FIXTURE_VARIANT_ADD(held_up, stat) { keep_looking };
FIXTURE_VARIANT_ADD(held_up, stat_shut_down) { keep_looking, true };

FIXTURE_SETUP(held_up)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = MANY, .payload = 48, .max_msg = 48);
	ASSERT_LE(0, self->q);
	self->ready = shared_memory(sizeof(*self->ready));
	ASSERT_NE(NULL, self->ready);
	ASSERT_EQ(1, map_ring(self->q, &self->r));
}

FIXTURE_TEARDOWN(held_up)
{
	unmap_ring(self->q, &self->r);
	close(self->q);
	close(self->dev);
}

/* Who is killed is gone, whatever somebody does to the queue that he uses. */
/* proves: promise killed-is-gone */
TEST_F(held_up, beyond_death)
{
	pid_t hostile, victim;

	if (variant->shut_down) {
		ASSERT_EQ(0, pq_shutdown(self->q, PYQUEUE_IMMEDIATE));
	}
	forge_all(&self->r);
	hostile = child((keep_busy(self->q), 1));
	victim = child(variant->victim(self->q, self->ready));
	EXPECT_TRUE(eventually(load(self->ready)));
	ASSERT_EQ(0, kill(victim, SIGKILL));
	/* Its parent's patience is long, but not for ever. */
	EXPECT_TRUE(eventually(waitpid(victim, NULL, WNOHANG) == victim));
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(hostile));
}

TEST_HARNESS_MAIN
