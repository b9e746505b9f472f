// SPDX-License-Identifier: MIT
/* Sleeping and calling on a mapped queue. */
#include <limits.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>
#include <linux/futex.h>
#include <sys/syscall.h>

#include "deadline.h"
#include "owner.h"
#include "sleep.h"

/* How long somebody sleeps without looking, in nanoseconds: who watches; others. */
#ifndef SLICE
#define SLICE_OF_WATCHMAN 20000000
#define SLICE 250000000
#endif

/*
 * How long somebody tries before he sleeps, in nanoseconds: by default at most; at
 * least, which is what it takes to call somebody, or he would always be asleep again
 * before his caller has come back to put more; and whoever wishes more, at most.
 */
#ifndef SPIN_DEFAULT
#define SPIN_DEFAULT 16000
#endif
#ifndef SPIN_MIN
#define SPIN_MIN 3000
#endif
#define SPIN_LIMIT 1000000000

/* Pauses between two looks, at most. */
#ifndef PAUSE_MAX
#define PAUSE_MAX 8
#endif

/* The sequence: the upper half of the word. */
static uint32_t *futex_of(struct pyqueue_waiters *side)
{
	uint32_t *halves = (uint32_t *)&side->sleepers;

	return &halves[__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__];
}

static int wake(uint32_t *futex, int n)
{
	return (int)syscall(SYS_futex, futex, FUTEX_WAKE, n, NULL, NULL, 0);
}

void pyqi_call(struct pyqueue_waiters *side, uint32_t n)
{
	PYQI_KEEP_ERRNO;

	if (wake(futex_of(side), n > INT_MAX ? INT_MAX : (int)n))
		return;
	/*
	 * Nobody sleeps. So all who are announced are about to (and will see that
	 * the sequence has moved), or have been counted twice, or are dead: have
	 * it counted anew.
	 */
	if (pyq_sleepers_claim(&side->sleepers, UINT32_MAX))
		wake(futex_of(side), INT_MAX);
}

void pyqi_call_pollers(struct pyqueue_waiters *side)
{
	PYQI_KEEP_ERRNO;

	wake(&side->pollers, INT_MAX);
}

/* Also those who were claimed by somebody who has died since. */
void pyqi_wake_everybody(pyq_queue *q)
{
	PYQI_KEEP_ERRNO;
	struct pyqueue_header *hdr = q->map.ring.hdr;
	struct pyqueue_waiters *sides[] = { &hdr->getters, &hdr->putters, &hdr->joiners };

	for (unsigned int i = 0; i < sizeof(sides) / sizeof(sides[0]); i++) {
		pyq_sleepers_claim(&sides[i]->sleepers, UINT32_MAX);
		wake(futex_of(sides[i]), INT_MAX);
		pyq_pollers_claim(sides[i]);
		wake(&sides[i]->pollers, INT_MAX);
	}
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Sleep while *@futex is @value, until @end. Return: whether a call has ended it. */
static bool futex_wait(uint32_t *futex, uint32_t value, uint64_t end)
{
	PYQI_KEEP_ERRNO;
	struct timespec until = {
		.tv_sec = (time_t)(end / 1000000000),
		.tv_nsec = (long)(end % 1000000000),
	};

	/* WAIT_BITSET takes an absolute time. */
	return !syscall(SYS_futex, futex, FUTEX_WAIT_BITSET, value, &until, NULL,
			FUTEX_BITSET_MATCH_ANY) ||
	       __atomic_load_n(futex, __ATOMIC_SEQ_CST) != value;
}

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

static bool one_processor(void)
{
	PYQI_KEEP_ERRNO;
	cpu_set_t cpus;

	return !sched_getaffinity(0, sizeof(cpus), &cpus) && CPU_COUNT(&cpus) < 2;
}

/* Look again, after a while that grows: who looks all the time keeps the others from it. */
static void pause_for(unsigned int *rounds)
{
	for (unsigned int i = 0; i < *rounds; i++)
		relax();
	if (*rounds < PAUSE_MAX)
		*rounds *= 2;
}

/*
 * Try for as long as it has been of use lately. What a handle's threads do to
 * each other's time does not matter.
 */
static ssize_t spin(pyq_queue *q, const struct pyqi_wait *wait, uint64_t deadline)
{
	uint32_t ns = __atomic_load_n(&q->map.spin, __ATOMIC_RELAXED);
	uint64_t end = ns ? now_ns() + ns : 0;
	unsigned int rounds = 1;
	ssize_t ret = -EAGAIN;

	if (!ns)
		return ret;
	if (end > deadline)
		end = deadline;
	do {
		pause_for(&rounds);
		if (wait->ready(q))
			ret = wait->attempt(q, wait->arg);
	} while (ret == -EAGAIN && now_ns() < end);

	ns = ret == -EAGAIN ? ns / 2 : ns * 2;
	if (ns < SPIN_MIN)
		ns = SPIN_MIN;
	if (ns > q->map.spin_max)
		ns = q->map.spin_max;
	__atomic_store_n(&q->map.spin, ns, __ATOMIC_RELAXED);
	return ret;
}

/* Half at first: what it is worth will show. */
void pyq_set_spin(pyq_queue *q, int64_t ns)
{
	if (ns < 0)
		ns = one_processor() ? 0 : SPIN_DEFAULT;
	q->map.spin_max = ns < SPIN_LIMIT ? (uint32_t)ns : SPIN_LIMIT;
	__atomic_store_n(&q->map.spin, q->map.spin_max - q->map.spin_max / 2, __ATOMIC_RELAXED);
}

/*
 * A slice has gone by in vain. Who watches does this often; the others as well, in
 * case he who watches has been stopped.
 */
static void look_around(pyq_queue *q, struct pyqi_watch *watch)
{
	__atomic_store_n(&q->map.checked, now_ns(), __ATOMIC_RELAXED);
	pyqi_owner_check(q);
	watch->watching = watch->watching || pyqi_owner_watch(q);
	watch->patient = !watch->watching;
}

/* Where so much is going on that nobody sleeps a whole slice. */
static void look_now_and_then(pyq_queue *q, uint64_t now)
{
	if (now - __atomic_load_n(&q->map.checked, __ATOMIC_RELAXED) < SLICE)
		return;
	__atomic_store_n(&q->map.checked, now, __ATOMIC_RELAXED);
	pyqi_owner_check(q);
}

bool pyqi_doze(pyq_queue *q, uint32_t *futex, uint32_t value, uint64_t deadline,
	       struct pyqi_watch *watch)
{
	const uint64_t now = now_ns();
	uint64_t end = now + (watch->patient ? SLICE : SLICE_OF_WATCHMAN);
	bool called = futex_wait(futex, value, end < deadline ? end : deadline);

	if (called)
		look_now_and_then(q, now);
	else
		look_around(q, watch);
	return called;
}

void pyqi_watch_ends(pyq_queue *q, struct pyqi_watch *watch)
{
	if (watch->watching)
		pyqi_owner_unwatch(q);
}

ssize_t pyqi_wait(pyq_queue *q, const struct pyqi_wait *wait, uint64_t deadline)
{
	struct pyqi_watch watch = { .patient = false };
	__u64 *word = &wait->side->sleepers;
	bool announced = false, called = false;
	ssize_t ret = spin(q, wait, deadline);
	uint32_t sequence = 0;

	while (ret == -EAGAIN) {
		if (!announced)
			announced = pyq_sleepers_announce(word, &sequence);
		if (!wait->ready(q)) {
			if (now_ns() >= deadline) {
				ret = -ETIMEDOUT;
				break;
			}
			/* A call that has come is used up, whoever was claimed for it. */
			called = pyqi_doze(q, futex_of(wait->side), sequence, deadline, &watch);
			if (!called)
				continue;
			announced = false;
		}
		/* Not announced while he takes: he would call himself. */
		if (announced)
			called = !pyq_sleepers_withdraw(word, sequence);
		announced = false;
		ret = wait->attempt(q, wait->arg);
		/* Others may be quicker, again and again. */
		if (ret == -EAGAIN && now_ns() >= deadline)
			ret = -ETIMEDOUT;
	}

	if (announced)
		called = !pyq_sleepers_withdraw(word, sequence);
	if (called)
		pyqi_pass_on(q, wait->side, wait->ready);
	pyqi_watch_ends(q, &watch);
	return ret;
}
