// SPDX-License-Identifier: MIT
/*
 * How the cost of a message grows: with queues that are there and idle, with queues that
 * are used in turn, with the room of a queue of which little is used. One thread puts and
 * gets, nobody waits.
 */
#include <signal.h>
#include <unistd.h>

#include "alloc.h"
#include "calls.h"
#include "workloads.h"

static bool suits(const struct bench_peer *peer)
{
	return peer->rounds;
}

/* Also those that are to be idle. */
static int enter_all(const struct bench_peer *peer, const struct bench_queue *queues,
		     unsigned int n)
{
	int err = 0;

	for (unsigned int i = 0; !err && peer->enter && i < (n ? n : 1); i++)
		err = peer->enter(queues[i].state, BENCH_PUTS | BENCH_GETS);
	return err;
}

/* What hangs is ended by the signal, with the shell's word for it. */
static int measure(const struct bench_workload *workload, const struct bench_peer *peer,
		   const struct bench_queue *queue, unsigned long n, struct bench_outcome *outcome)
{
	const unsigned int busy = workload->busy ? workload->busy : 1;
	const unsigned int depth = workload->depth ? workload->depth : 1;
	void **states = bench_alloc(busy, sizeof(*states));
	uint64_t cpu, wall, calls, unused = 0;
	int err;

	for (unsigned int i = 0; i < busy; i++)
		states[i] = queue[i].state;
	err = enter_all(peer, queue, workload->queues);
	alarm(BENCH_LIMIT_SECONDS);
	/* Each of them once: what the first message of a queue costs is another matter. */
	if (!err)
		err = peer->rounds(states, busy, 1, busy, queue->size, &unused);
	outcome->sum = 0;
	calls = bench_calls();
	cpu = bench_cpu_ns();
	wall = bench_wall_ns();
	if (!err)
		err = peer->rounds(states, busy, depth, n, queue->size, &outcome->sum);
	outcome->ns[BENCH_WALL] = bench_wall_ns() - wall;
	outcome->ns[BENCH_CPU] = bench_cpu_ns() - cpu;
	outcome->calls = bench_calls() - calls;
	alarm(0);
	free(states);
	return err;
}

#define SWEEP(group, label, words, ...)                                                        \
	{                                                                                      \
		.name = (label), .what = (words), .family = (group), .size = 48, .slices = 11, \
		.slice_ns = 5000000, .suits = suits, .measure = measure, __VA_ARGS__           \
	}

#define IDLE(n, words) \
	SWEEP("idle", "idle-" #n, "one thread, one queue" words, .queues = (n), .capacity = 16)
const struct bench_workload workload_idle_1 = IDLE(1, "");
const struct bench_workload workload_idle_16 = IDLE(16, " of 16, the others are idle");
const struct bench_workload workload_idle_256 = IDLE(256, " of 256, the others are idle");
const struct bench_workload workload_idle_4096 = IDLE(4096, " of 4096, the others are idle");

#define ROBIN(n, words)                                                               \
	SWEEP("robin", "robin-" #n, "one thread, " words, .queues = (n), .busy = (n), \
	      .capacity = 16)
const struct bench_workload workload_robin_1 = ROBIN(1, "one queue");
const struct bench_workload workload_robin_16 = ROBIN(16, "16 queues in turn");
const struct bench_workload workload_robin_256 = ROBIN(256, "256 queues in turn");
const struct bench_workload workload_robin_4096 = ROBIN(4096, "4096 queues in turn");

#define SLOTS(n)                                                                        \
	SWEEP("slots", "slots-" #n, "one thread, eight in and eight out, room for " #n, \
	      .capacity = (n), .depth = 8)
const struct bench_workload workload_slots_64 = SLOTS(64);
const struct bench_workload workload_slots_1024 = SLOTS(1024);
const struct bench_workload workload_slots_8192 = SLOTS(8192);
const struct bench_workload workload_slots_65536 = SLOTS(65536);
