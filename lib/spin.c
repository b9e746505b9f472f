// SPDX-License-Identifier: MIT
/* Trying for a little while, before it comes to sleeping. */
#include <sched.h>

#include "deadline.h"
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

/* Pauses between two looks, at most. */
#ifndef PAUSE_MAX
#define PAUSE_MAX 8
#endif

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

ssize_t pyqi_spin(pyq_queue *q, const struct pyqi_wait *wait, uint64_t deadline)
{
	uint32_t ns = __atomic_load_n(&q->map.spin, __ATOMIC_RELAXED);
	uint64_t end = ns ? pyqi_now() + ns : 0;
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
	} while (ret == -EAGAIN && pyqi_now() < end);

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
