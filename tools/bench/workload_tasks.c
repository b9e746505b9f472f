// SPDX-License-Identifier: MIT
/* A pool of workers that return what they get: what a task costs, and its result. */
#include "workloads.h"

/* An argument as tasks have it: a pointer's worth or two. */
#define ARGUMENT 16
#define WORKERS 2

static bool suits(const struct bench_peer *peer)
{
	return peer->tasks;
}

static int measure(const struct bench_workload *workload, const struct bench_peer *peer,
		   const struct bench_queue *queue, unsigned long n, struct bench_outcome *outcome)
{
	return peer->tasks(workload, n, queue->size, outcome);
}

#define OF_A_POOL(label, words, at_once)                                                    \
	{                                                                                   \
		.name = (label), .what = (words), .unit = "ns a task", .no_queue = true,    \
		.size = ARGUMENT, .slices = 3, .slice_ns = 200000000, .consumers = WORKERS, \
		.window = (at_once), .suits = suits, .measure = measure,                    \
	}

const struct bench_workload workload_apply1 =
	OF_A_POOL("apply1", "two workers, a task at a time by apply_async, and its result", 1);
const struct bench_workload workload_apply1000 =
	OF_A_POOL("apply1000", "two workers, a thousand tasks under way by apply_async", 1000);
const struct bench_workload workload_map1 =
	OF_A_POOL("map1", "two workers, all tasks by map, each a chunk of its own", 0);
