// SPDX-License-Identifier: GPL-2.0
/*
 * There are never more wake calls than sleeps, on the module's queues, mapped. In this build
 * of the library what is claimed of the sleepers' words is counted, and all ioctls.
 *
 * It is the kernel that announces those who sleep: one each time that a call goes to sleep.
 * A call that finds something at its last look has been announced and does not sleep, so
 *
 *	wake calls = claims <= those claimed <= calls that may wait, and sleeps in them
 *
 * Each sleep is a voluntary context switch of a process that does nothing else.
 */
#include "../lib_test.h"

#include <linux/pyqueue.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "counted.h"

/**
 * struct calls - what one process has done
 * @claims: claimed one or more who sleep
 * @claimed: so many
 * @wakes: calls of WAKE for them
 * @woken: so many, by what they say
 * @waits: calls that may wait
 * @slept: its sleeps
 */
struct calls {
	uint64_t claims;
	uint64_t claimed;
	uint64_t wakes;
	uint64_t woken;
	uint64_t waits;
	uint64_t slept;
};

/* This process's; NULL: it does not count. */
static struct calls *calls;

static bool is_sleepers(const void *at)
{
	const struct pyqueue_header *page = (const void *)((uintptr_t)at & ~4095UL);

	return page->magic == PYQUEUE_MAGIC &&
	       (at == &page->getters.sleepers || at == &page->putters.sleepers);
}

void count_change(const void *at, uint64_t from, uint64_t to)
{
	if (!calls || !is_sleepers(at))
		return;
	calls->claims++;
	calls->claimed += (from & PYQUEUE_ANNOUNCED) - (to & PYQUEUE_ANNOUNCED);
}

long __real_pyqi_ioctl(int fd, unsigned long cmd, void *arg);
long __wrap_pyqi_ioctl(int fd, unsigned long cmd, void *arg);

long __wrap_pyqi_ioctl(int fd, unsigned long cmd, void *arg)
{
	const struct pyqueue_wake *wake = arg;

	if (calls && cmd == PYQUEUE_IOC_WAKE &&
	    wake->flags & (PYQUEUE_WAKE_GETTERS | PYQUEUE_WAKE_PUTTERS)) {
		calls->wakes++;
		calls->woken += wake->count;
	} else if (calls && (cmd == PYQUEUE_IOC_PUT || cmd == PYQUEUE_IOC_GET ||
			     cmd == PYQUEUE_IOC_AWAIT)) {
		calls->waits++;
	}
	return __real_pyqi_ioctl(fd, cmd, arg);
}

static uint64_t sleeps(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)usage.ru_nvcsw;
}

static int putter(pyq_queue *q, int n)
{
	for (int i = 0; i < n; i++)
		if (pyq_put(q, &i, sizeof(i), PYQ_FOREVER))
			return 1;
	return 0;
}

static int getter(pyq_queue *q, int n)
{
	for (int number, i = 0; i < n; i++)
		if (pyq_get(q, &number, sizeof(number), PYQ_FOREVER) != sizeof(number))
			return 1;
	return 0;
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
FIXTURE_VARIANT_ADD(stream, one_pair_one_cpu) { 1, 1, 5000, true };
FIXTURE_VARIANT_ADD(stream, four_pairs_one_cpu) { 4, 3, 2000, true };
FIXTURE_VARIANT_ADD(stream, one_pair) { 1, 2, 10000, false };
FIXTURE_VARIANT_ADD(stream, four_pairs) { 4, 4, 3000, false };

FIXTURE_SETUP(stream)
{
	if (variant->one_cpu) {
		cpu_set_t one;

		CPU_ZERO(&one);
		CPU_SET(sched_getcpu(), &one);
		ASSERT_EQ(0, sched_setaffinity(0, sizeof(one), &one));
	}
	self->q = new_queue(.maxsize = variant->maxsize, .payload = 48, .backend = "kernel");
}

FIXTURE_TEARDOWN(stream)
{
	pyq_close(self->q);
}

TEST_F(stream, calls_and_sleeps)
{
	const int n = 2 * variant->pairs;
	struct calls *all, total = { 0 };
	pid_t pids[8];

	all = mmap(NULL, sizeof(*all) * (size_t)n, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, all);
	for (int i = 0; i < n; i++)
		pids[i] = in_child(({
			int (*part)(pyq_queue *, int) = i % 2 ? getter : putter;
			uint64_t before;
			int ret;

			/* The first call maps the queue. */
			ret = pyq_qsize(self->q) < 0;
			calls = &all[i];
			before = sleeps();
			ret += part(self->q, variant->messages);
			calls->slept = sleeps() - before;
			ret;
		}));
	for (int i = 0; i < n; i++)
		EXPECT_EQ(0, exit_status(pids[i]));
	for (int i = 0; i < n; i++) {
		total.claims += all[i].claims;
		total.claimed += all[i].claimed;
		total.wakes += all[i].wakes;
		total.woken += all[i].woken;
		total.waits += all[i].waits;
		total.slept += all[i].slept;
	}
	TH_LOG("%llu wake calls for %llu claimed, %llu calls that may wait, %llu sleeps",
	       (unsigned long long)total.wakes, (unsigned long long)total.claimed,
	       (unsigned long long)total.waits, (unsigned long long)total.slept);
	EXPECT_EQ(total.claims, total.wakes);
	EXPECT_EQ(total.claimed, total.woken);
	EXPECT_LE(total.wakes, total.claimed);
	EXPECT_LE(total.claimed, total.waits + total.slept);
	if (variant->one_cpu)
		EXPECT_LT(0, total.wakes);
}

/* Nobody sleeps: nobody is called. */
TEST_F(stream, alone)
{
	int number;

	calls = mmap(NULL, sizeof(*calls), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, calls);
	for (int i = 0; i < 1000; i++) {
		EXPECT_EQ(0, pyq_put(self->q, &i, sizeof(i), PYQ_FOREVER));
		EXPECT_EQ(sizeof(i), pyq_get(self->q, &number, sizeof(number), PYQ_FOREVER));
	}
	EXPECT_EQ(0, calls->wakes + calls->waits + calls->claims);
	calls = NULL;
}

TEST_HARNESS_MAIN
