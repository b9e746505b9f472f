// SPDX-License-Identifier: MIT
/* Trying for a little while, before it comes to sleeping. */
#include <sched.h>

#include "deadline.h"
#include "relax.h"
#include "slip.h"
#include "spin.h"

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

/* Now and then (by the clock: one time in eight) it is tried as long as it may be. */
#define NOW_AND_THEN 7
#define NOW_AND_THEN_SHIFT 10

/* Where the shortest has been in vain it is left out once, then three times, up to so often. */
#ifndef SPIN_LEFT_OUT
#define SPIN_LEFT_OUT 15
#endif

/* Pauses between two looks, at most. */
#ifndef PAUSE_MAX
#define PAUSE_MAX 8
#endif

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
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
	pyqi_relax(*rounds);
	if (*rounds < PAUSE_MAX)
		*rounds *= 2;
}

/* Not this time, as it has been in vain so often? */
static bool is_left_out(struct pyqi_spinning *spinning)
{
	const uint32_t left_out = __atomic_load_n(&spinning->left_out, __ATOMIC_RELAXED);

	if (left_out)
		__atomic_store_n(&spinning->left_out, left_out - 1, __ATOMIC_RELAXED);
	return left_out;
}

/* What has not been of use for a short while might be for a longer one. */
static bool is_for_longest(const struct pyqi_spinning *spinning, uint64_t now)
{
	return __atomic_load_n(&spinning->in_vain, __ATOMIC_RELAXED) ||
	       !(now >> NOW_AND_THEN_SHIFT & NOW_AND_THEN);
}

static void try_longer(struct pyqi_spinning *spinning, uint32_t ns)
{
	__atomic_store_n(&spinning->in_vain, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&spinning->left_out, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&spinning->ns, 2 * ns, __ATOMIC_RELAXED);
}

static void try_less(struct pyqi_spinning *spinning, uint32_t ns, uint32_t shortest)
{
	uint32_t times = __atomic_load_n(&spinning->in_vain, __ATOMIC_RELAXED);

	__atomic_store_n(&spinning->ns, ns / 2, __ATOMIC_RELAXED);
	if (ns > shortest)
		return;
	if (times < SPIN_LEFT_OUT)
		times = 2 * times + 1;
	__atomic_store_n(&spinning->in_vain, times, __ATOMIC_RELAXED);
	__atomic_store_n(&spinning->left_out, times, __ATOMIC_RELAXED);
}

bool pyqi_spin_until(struct pyqi_spinning *spinning, uint64_t deadline, bool (*attempt)(void *arg),
		     void *arg)
{
	const uint32_t max = __atomic_load_n(&spinning->max, __ATOMIC_RELAXED);
	const uint32_t shortest = smaller(SPIN_MIN, max);
	uint32_t ns = __atomic_load_n(&spinning->ns, __ATOMIC_RELAXED);
	unsigned int rounds = 1;
	uint64_t begin, length, left;
	bool done;

	if (!max)
		return false;
	/* Whatever another thread has wished meanwhile. */
	ns = smaller(ns < shortest ? shortest : ns, max);
	begin = pyqi_now();
	length = is_for_longest(spinning, begin) ? max : ns;
	left = deadline > begin ? deadline - begin : 0;
	if (length > left)
		length = left;
	/* Who sleeps for less than the shortest is late. */
	if (length >= shortest && is_left_out(spinning))
		return false;
	do {
		pause_for(&rounds);
		done = attempt(arg);
	} while (!done && pyqi_now() < begin + length);

	if (done)
		try_longer(spinning, ns);
	else if (length >= shortest)
		try_less(spinning, ns, shortest);
	return done;
}

/* Of so many looks one is a thorough one. */
#define THOROUGH 8

/* A wait on one queue. */
struct spinner {
	pyq_queue *q;
	const struct pyqi_wait *wait;
	uint64_t deadline;
	unsigned int looks;
	ssize_t ret;
};

static bool try_wait(void *arg)
{
	struct spinner *s = arg;

	/*
	 * What he waits for needs a line or two; the others only tell what is seldom, and who
	 * looks at them takes them from him who is about to write there.
	 */
	if (s->wait->glance && !s->wait->glance(s->q) && ++s->looks % THOROUGH)
		return false;
	if (s->wait->ready(s->q)) {
		pyqi_slip(s->q, s->wait, s->deadline);
		s->ret = s->wait->attempt(s->q, s->wait->arg);
	}
	return s->ret != -EAGAIN;
}

ssize_t pyqi_spin(pyq_queue *q, const struct pyqi_wait *wait, uint64_t deadline)
{
	struct spinner s = { .q = q, .wait = wait, .deadline = deadline, .ret = -EAGAIN };

	pyqi_spin_until(&q->map.spinning, deadline, try_wait, &s);
	return s.ret;
}

/* Half at first: what it is worth will show. */
void pyqi_spin_begin(struct pyqi_spinning *spinning, int64_t ns)
{
	uint32_t max;

	if (ns < 0)
		ns = one_processor() ? 0 : SPIN_DEFAULT;
	max = ns < SPIN_LIMIT ? (uint32_t)ns : SPIN_LIMIT;
	__atomic_store_n(&spinning->max, max, __ATOMIC_RELAXED);
	__atomic_store_n(&spinning->in_vain, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&spinning->left_out, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&spinning->ns, max / 2, __ATOMIC_RELAXED);
}

void pyq_set_spin(pyq_queue *q, int64_t ns)
{
	pyqi_spin_begin(&q->map.spinning, ns);
}
