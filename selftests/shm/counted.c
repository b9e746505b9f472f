// SPDX-License-Identifier: GPL-2.0
/*
 * There are never more wake calls than sleeps. In this build of the library all
 * that is done to the sleepers' words is counted, and all futex calls.
 *
 * A sleep begins with an announcement. Who then finds something after all takes
 * his back, unless somebody has been claimed meanwhile: it may be he, and then the
 * call that is on its way to him finds nobody asleep (called_too_early below: that
 * nobody can know before he makes the call). So what is promised, and counted, is
 *
 *	wake calls = claims <= those claimed <= announced - taken back
 *
 * Shutdown and recovery call everybody, asleep or not: there is none of that here.
 *
 * Nor do the threads behind pyq_pollfd() make calls without sleeping.
 */
#include "../lib_test.h"

#include <linux/futex.h>
#include <linux/pyqueue.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "counted.h"

/**
 * struct counts - what one process has done
 * @announced: said that it is going to sleep
 * @withdrawn: took that back
 * @claims: claimed one or more
 * @claimed: so many
 * @wakes: wake calls
 * @waits: calls to sleep
 * @slept: of them, those that somebody's call has ended
 * @odd: changes of a sleepers' word that are none of the above
 */
struct counts {
	uint64_t announced;
	uint64_t withdrawn;
	uint64_t claims;
	uint64_t claimed;
	uint64_t wakes;
	uint64_t waits;
	uint64_t slept;
	uint64_t odd;
};

/* This process's; NULL: it does not count. */
static struct counts *counts;

/* Called after each announcement. */
static void (*announced)(void);

static bool is_sleepers(const void *at)
{
	const struct pyqueue_header *page = (const void *)((uintptr_t)at & ~4095UL);

	return page->magic == PYQUEUE_MAGIC &&
	       (at == &page->getters.sleepers || at == &page->putters.sleepers ||
		at == &page->joiners.sleepers);
}

void count_change(const void *at, uint64_t from, uint64_t to)
{
	const uint64_t called = UINT64_C(1) << PYQUEUE_SEQUENCE_SHIFT;

	if (!counts || !is_sleepers(at))
		return;
	if (to == from + 1) {
		counts->announced++;
		if (announced)
			announced();
	} else if (to == from - 1) {
		counts->withdrawn++;
	} else if (from + called - to <= (from & PYQUEUE_ANNOUNCED) && from + called != to) {
		counts->claims++;
		counts->claimed += from + called - to;
	} else {
		counts->odd++;
	}
}

/**
 * struct rounds - what the threads behind pyq_pollfd() have done on one side
 * @slept: sleeps
 * @in_vain: calls to sleep that have returned at once
 */
struct rounds {
	uint64_t slept;
	uint64_t in_vain;
};

/* This process's, for getting and for putting. */
static struct rounds rounds[2];

static struct rounds *rounds_of(const void *at)
{
	const struct pyqueue_header *page = (const void *)((uintptr_t)at & ~4095UL);

	if (page->magic != PYQUEUE_MAGIC)
		return NULL;
	return at == &page->getters.pollers ? &rounds[0] :
	       at == &page->putters.pollers ? &rounds[1] : NULL;
}

static void count_round(struct rounds *r, long ret)
{
	__atomic_fetch_add(ret && errno == EAGAIN ? &r->in_vain : &r->slept, 1, __ATOMIC_SEQ_CST);
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

/* Instead of syscall(): the library makes its futex calls by it. */
long __wrap_syscall(long number, ...)
{
	va_list list;
	struct rounds *polls = NULL;
	bool waits = false;
	long a[6], ret;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	/* The sequence is one half of the word; whoever polls sleeps on another one. */
	if (counts && number == SYS_futex && is_sleepers((void *)(a[0] & ~7L))) {
		switch (a[1] & FUTEX_CMD_MASK) {
		case FUTEX_WAKE:
			counts->wakes++;
			break;
		case FUTEX_WAIT_BITSET:
			counts->waits++;
			waits = true;
			break;
		default:
			counts->odd++;
		}
	}
	if (number == SYS_futex && (a[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET)
		polls = rounds_of((void *)a[0]);
	ret = __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (waits)
		counts->slept += !ret;
	if (polls)
		count_round(polls, ret);
	return ret;
}

static struct counts *new_counts(unsigned int n)
{
	struct counts *all = mmap(NULL, n * sizeof(*all), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return all == MAP_FAILED ? NULL : all;
}

static struct counts sum(const struct counts *all, unsigned int n)
{
	struct counts total = { };

	for (unsigned int i = 0; i < n; i++) {
		total.announced += all[i].announced;
		total.withdrawn += all[i].withdrawn;
		total.claims += all[i].claims;
		total.claimed += all[i].claimed;
		total.wakes += all[i].wakes;
		total.waits += all[i].waits;
		total.slept += all[i].slept;
		total.odd += all[i].odd;
	}
	return total;
}

/* What is promised. Nobody is at work who could add to it. */
static void check(struct __test_metadata *_metadata, pyq_queue *q, const struct counts *c)
{
	struct pyq_stat st;

	TH_LOG("%llu wake calls, %llu claimed, %llu announced, %llu taken back, %llu waits, %llu woken",
	       (unsigned long long)c->wakes, (unsigned long long)c->claimed,
	       (unsigned long long)c->announced, (unsigned long long)c->withdrawn,
	       (unsigned long long)c->waits, (unsigned long long)c->slept);
	EXPECT_EQ(0, c->odd);
	EXPECT_EQ(c->claims, c->wakes);
	EXPECT_LE(c->claims, c->claimed);
	EXPECT_LE(c->wakes, c->announced - c->withdrawn);
	/* None has been missed: the rest stands in the words. */
	ASSERT_EQ(0, pyq_stat(q, &st));
	EXPECT_EQ(c->announced - c->withdrawn - c->claimed, st.getters + st.putters + st.joiners);
}

FIXTURE(stream) {
	pyq_queue *q;
};

FIXTURE_VARIANT(stream) {
	int pairs;
	int maxsize;
	int messages; /* each putter's */
	bool one_cpu;
};

/* On one processor nobody spins, and a full ring is slept at; on all, calls race with sleeps. */
FIXTURE_VARIANT_ADD(stream, one_pair_one_cpu) { 1, 1, 20000, true };
FIXTURE_VARIANT_ADD(stream, two_pairs_one_cpu) { 2, 2, 10000, true };
FIXTURE_VARIANT_ADD(stream, four_pairs_one_cpu) { 4, 3, 5000, true };
FIXTURE_VARIANT_ADD(stream, one_pair) { 1, 2, 50000, false };
FIXTURE_VARIANT_ADD(stream, two_pairs) { 2, 2, 25000, false };
FIXTURE_VARIANT_ADD(stream, four_pairs) { 4, 4, 12500, false };

FIXTURE_SETUP(stream)
{
	if (variant->one_cpu) {
		cpu_set_t one;

		CPU_ZERO(&one);
		CPU_SET(sched_getcpu(), &one);
		ASSERT_EQ(0, sched_setaffinity(0, sizeof(one), &one));
	}
	self->q = new_queue(.maxsize = variant->maxsize, .payload = 48, .backend = "shm");
}

FIXTURE_TEARDOWN(stream)
{
	pyq_close(self->q);
}

static int putter(pyq_queue *q, int n)
{
	for (int i = 0; i < n; i++)
		if (pyq_put(q, &i, sizeof(i), PYQ_FOREVER))
			return 1;
	pyq_close(q);
	return 0;
}

static int getter(pyq_queue *q, int n)
{
	for (int number, i = 0; i < n; i++)
		if (pyq_get(q, &number, sizeof(number), PYQ_FOREVER) != sizeof(number) ||
		    pyq_task_done(q, 1))
			return 1;
	pyq_close(q);
	return 0;
}

static int joiner(pyq_queue *q)
{
	int err = pyq_join(q, PYQ_FOREVER);

	pyq_close(q);
	return err ? 1 : 0;
}

/* They leave in an orderly way: nobody's death is noticed. */
/* proves: promise wakes-not-more-than-sleeps */
TEST_F(stream, wake_calls)
{
	const int n = 2 * variant->pairs;
	struct counts *all = new_counts(n + 1), total;
	pid_t pids[2 * 4 + 1];

	ASSERT_NE(NULL, all);
	for (int i = 0; i < n; i++) {
		pids[i] = in_child(({
			counts = &all[i];
			i % 2 ? getter(self->q, variant->messages) :
				putter(self->q, variant->messages);
		}));
	}
	pids[n] = in_child(({
		counts = &all[n];
		joiner(self->q);
	}));
	for (int i = 0; i <= n; i++) {
		ASSERT_EQ(0, exit_status(pids[i])) TH_LOG("process %d", i);
	}
	total = sum(all, n + 1);
	check(_metadata, self->q, &total);
	/* There has been something to count: the ring was full again and again. */
	EXPECT_LT(variant->one_cpu ? variant->messages / 100 : -1, (long)total.slept);
}

/* Who dies asleep stays announced, until a call that finds nobody has all counted anew. */
/* proves: promise wakes-not-more-than-sleeps */
TEST(dead_sleepers)
{
	enum { DEAD = 3 };
	pyq_queue *q = new_queue(.maxsize = 8, .payload = 48, .backend = "shm");
	struct counts *all = new_counts(DEAD + 1), total;
	pid_t pids[DEAD];
	char byte;

	ASSERT_NE(NULL, all);
	for (int i = 0; i < DEAD; i++) {
		pids[i] = in_child(({
			counts = &all[i];
			pyq_get(q, &byte, 1, PYQ_FOREVER);
		}));
	}
	ASSERT_TRUE(lib_wait_sleepers(q, getters, DEAD));
	/* Stopped: none is to see that another has died. */
	for (int i = 0; i < DEAD; i++) {
		ASSERT_EQ(0, kill(pids[i], SIGSTOP));
		ASSERT_EQ(pids[i], waitpid(pids[i], NULL, WUNTRACED));
	}
	for (int i = 0; i < DEAD; i++) {
		ASSERT_EQ(0, kill(pids[i], SIGKILL));
		ASSERT_EQ(128 + SIGKILL, exit_status(pids[i]));
	}
	counts = &all[DEAD];
	for (int i = 0; i < 8; i++) {
		ASSERT_EQ(0, pyq_put(q, "x", 1, PYQ_FOREVER));
	}
	counts = NULL;
	EXPECT_EQ(2, all[DEAD].wakes);
	EXPECT_EQ(DEAD, all[DEAD].claimed);
	total = sum(all, DEAD + 1);
	EXPECT_EQ(DEAD, total.announced);
	/* Last, for it looks for the dead, and so calls everybody. */
	check(_metadata, q, &total);
	pyq_close(q);
}

/* Seen by both processes. */
static int *has_announced, *may_go_on;

static void wait_in_between(void)
{
	__atomic_store_n(has_announced, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(may_go_on, __ATOMIC_SEQ_CST))
		sched_yield();
}

/* The one call for nothing: he was claimed, and does not sleep. It is the only one. */
/* proves: promise wakes-not-more-than-sleeps */
TEST(called_too_early)
{
	pyq_queue *q = new_queue(.maxsize = 8, .payload = 48, .backend = "shm");
	struct counts *all = new_counts(3), total;
	pid_t getter;
	char byte;

	ASSERT_NE(NULL, all);
	has_announced = (int *)&all[2];
	may_go_on = has_announced + 1;
	getter = in_child(({
		counts = &all[0];
		announced = wait_in_between;
		pyq_get(q, &byte, 1, PYQ_FOREVER) != 1;
	}));
	while (!__atomic_load_n(has_announced, __ATOMIC_SEQ_CST))
		sched_yield();
	counts = &all[1];
	for (int i = 0; i < 8; i++) {
		ASSERT_EQ(0, pyq_put(q, "x", 1, PYQ_FOREVER));
	}
	counts = NULL;
	__atomic_store_n(may_go_on, 1, __ATOMIC_SEQ_CST);
	ASSERT_EQ(0, exit_status(getter));
	total = sum(all, 2);
	EXPECT_EQ(1, total.announced);
	EXPECT_EQ(1, total.wakes);
	EXPECT_EQ(0, total.waits);
	check(_metadata, q, &total);
	pyq_close(q);
}

static uint64_t load(const uint64_t *at)
{
	return __atomic_load_n(at, __ATOMIC_SEQ_CST);
}

/*
 * Whatever somebody writes into the words that pollers sleep on: each time that is done
 * one of them may find that its word has just changed, and no more often.
 */
/* proves: promise hostile-memory */
TEST(spoilt_pollers)
{
	static const uint32_t values[] = { 2, 3, 0, 0x100, 1u << 31, UINT32_MAX - 1, UINT32_MAX };
	static const off_t words[] = { offsetof(struct pyqueue_header, getters.pollers),
				       offsetof(struct pyqueue_header, putters.pollers) };
	enum { VALUES = sizeof(values) / sizeof(values[0]) };
	pyq_queue *q = new_queue(.maxsize = 1, .payload = 48, .backend = "shm");
	const int64_t until = lib_now_ns() + LONG;
	struct pollfd in, out;
	struct pyq_loan loan;

	/* Nothing to get, and no room. */
	ASSERT_EQ(0, pyq_reserve(q, &loan, PYQ_NOWAIT));
	ASSERT_EQ(0, pyq_pollfd(q, PYQ_READ, &in));
	ASSERT_EQ(0, pyq_pollfd(q, PYQ_WRITE, &out));
	for (int i = 0; i < VALUES; i++) {
		for (int side = 0; side < 2; side++) {
			const struct rounds *r = &rounds[side];
			const uint64_t before = load(&r->slept);

			ASSERT_EQ(4, pwrite(pyq_fd(q), &values[i], 4, words[side]));
			/* The first of these sleeps may have begun before, the third ends after one. */
			while (load(&r->slept) < before + 3 && load(&r->in_vain) <= VALUES &&
			       lib_now_ns() < until)
				sched_yield();
			EXPECT_LE(before + 3, load(&r->slept)) TH_LOG("%#x", values[i]);
			ASSERT_GE(VALUES, load(&r->in_vain)) TH_LOG("%#x", values[i]);
		}
	}
	/* They can still be told. */
	ASSERT_EQ(0, pyq_commit(q, &loan, 1));
	EXPECT_EQ(1, poll(&in, 1, 20000));
	EXPECT_EQ(0, poll(&out, 1, 0));
	ASSERT_EQ(1, pyq_get(q, &(char){ 0 }, 1, PYQ_NOWAIT));
	EXPECT_EQ(1, poll(&out, 1, 20000));
	EXPECT_EQ(0, poll(&in, 1, 0));
	pyq_close(q);
}

TEST_HARNESS_MAIN
