// SPDX-License-Identifier: MIT
/*
 * How late it is told that something has not come within a millisecond; or that a worker
 * has died. The median, and what one in a hundred exceeds. Too early is an error.
 */
#include <errno.h>
#include <stdlib.h>

#include "alloc.h"
#include "percentiles.h"
#include "workloads.h"

static bool suits(const struct bench_peer *peer)
{
	return peer->late;
}

static bool suits_death(const struct bench_peer *peer)
{
	return peer->death;
}

static int measure(const struct bench_workload *workload, const struct bench_peer *peer,
		   const struct bench_queue *queue, unsigned long n, struct bench_outcome *outcome)
{
	int64_t *seen = bench_alloc(n, sizeof(*seen));
	int err;

	(void)queue;
	if (workload == &workload_late_death)
		err = peer->death(workload, n, seen, outcome);
	else
		err = peer->late(workload, n, seen, outcome);
	bench_percentiles(seen, n, outcome->ns);
	if (!err && seen[0] < 0)
		err = -EPROTO;
	free(seen);
	return err;
}

#define LATE(of, words)                                                                       \
	{                                                                                     \
		.name = "late-" of, .late = (of), .what = (words), .unit = "ns late",         \
		.latency = true, .no_queue = true, .size = sizeof(uint64_t), .messages = 100, \
		.slices = 3, .suits = suits, .measure = measure,                              \
	}

const struct bench_workload workload_late_get =
	LATE("get", "get from an empty queue, with a timeout of 1 ms");
const struct bench_workload workload_late_join =
	LATE("join", "join of a process that goes on, with a timeout of 1 ms");
const struct bench_workload workload_late_result =
	LATE("result", "wait for a pool's result, with a timeout of 1 ms");
const struct bench_workload workload_late_condition =
	LATE("condition", "wait for a condition, with a timeout of 1 ms");
const struct bench_workload workload_late_event =
	LATE("event", "wait for an event, with a timeout of 1 ms");

const struct bench_workload workload_late_death = {
	.name = "late-death",
	.late = "death",
	.what = "a pool's worker is killed: until its result says so",
	.unit = "ns late",
	.latency = true,
	.no_queue = true,
	.size = sizeof(uint64_t),
	.messages = 100,
	.slices = 3,
	.consumers = 1,
	.suits = suits_death,
	.measure = measure,
};
