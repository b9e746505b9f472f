// SPDX-License-Identifier: MIT
/*
 * One thread puts a message and gets it, and nobody waits: the price of the calls. A
 * slice is short, and there are many, so that the few in which somebody else had the
 * processor do not count.
 */
#include <signal.h>
#include <unistd.h>

#include "calls.h"
#include "workloads.h"

/* A peer that loses a message waits for it, and there is nobody else to notice. */
static void hangs(int signal)
{
	static const char text[] = "pyqueue-bench: one: a peer hangs: it has lost a message\n";

	(void)signal;
	_exit(write(STDERR_FILENO, text, sizeof(text) - 1) > 0 ? 1 : 2);
}

static bool suits(const struct bench_peer *peer)
{
	return peer->exchange;
}

static int measure(const struct bench_workload *workload, const struct bench_peer *peer,
		   const struct bench_queue *queue, unsigned long n, struct bench_outcome *outcome)
{
	const uint64_t calls = bench_calls();
	uint64_t cpu, wall;
	int err;

	outcome->sum = 0;
	signal(SIGALRM, hangs);
	alarm(BENCH_LIMIT_SECONDS);
	err = peer->enter ? peer->enter(queue->state, BENCH_PUTS | BENCH_GETS) : 0;
	if (err)
		return err;
	cpu = bench_cpu_ns();
	wall = bench_wall_ns();
	if (workload == &workload_loop64)
		err = peer->loop(queue->state, queue->state, true, n, queue->size, &outcome->sum);
	else
		err = peer->exchange(queue->state, n, queue->size, &outcome->sum);
	outcome->ns[BENCH_WALL] = bench_wall_ns() - wall;
	outcome->ns[BENCH_CPU] = bench_cpu_ns() - cpu;
	outcome->calls = bench_calls() - calls;
	alarm(0);
	signal(SIGALRM, SIG_DFL);
	return err;
}

const struct bench_workload workload_one = {
	.name = "one",
	.what = "one thread, put and get",
	.slices = 51,
	.slice_ns = 2000000,
	.suits = suits,
	.measure = measure,
};

static bool suits_loop(const struct bench_peer *peer)
{
	return peer->loop;
}

const struct bench_workload workload_loop64 = {
	.name = "loop64",
	.what = "one thread, 64 queues, a message in each: every get waits for its put",
	.slices = 11,
	.slice_ns = 20000000,
	.suits = suits_loop,
	.measure = measure,
};
