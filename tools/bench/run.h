/* SPDX-License-Identifier: MIT */
/*
 * A run: one workload with messages of one size, all peers side by side. Runs that are to be
 * compared take turns round by round.
 */
#ifndef PYQUEUE_BENCH_RUN_H
#define PYQUEUE_BENCH_RUN_H

#include "ratios.h"
#include "sample.h"

/**
 * struct bench_entry - a peer in a run
 * @peer: who
 * @queues: his queues; what they were like when the run is over
 * @queue_count: how many are open
 * @messages: in a measurement
 * @expected: the sum of their hashes
 * @slices: nanoseconds a message, of each slice of a round; for each clock
 * @cost: the same of each round
 * @calls: system calls a message, of the last slice; NAN: they are not seen
 */
struct bench_entry {
	const struct bench_peer *peer;
	struct bench_queue *queues;
	unsigned int queue_count;
	unsigned long messages;
	uint64_t expected;
	struct bench_sample *slices;
	struct bench_sample *cost;
	double calls;
};

/**
 * struct bench_comparison - a ratio in a run
 * @ratio: which
 * @over: who is above the line
 * @seen: its value, of each round; for each clock
 */
struct bench_comparison {
	const struct bench_ratio *ratio;
	const struct bench_peer *over;
	struct bench_sample *seen;
};

/**
 * struct bench_run - a run
 * @workload: what is done
 * @size: bytes of a message
 * @capacity: messages that each queue is to hold
 * @rounds: rounds
 * @messages: of each peer in a round; 0: as many as take the workload's time
 * @named: the peers were asked for by name: who cannot do it is told of
 * @entries: the peers that take part
 * @entry_count: how many
 * @comparisons: the ratios of those
 * @comparison_count: how many
 */
struct bench_run {
	const struct bench_workload *workload;
	size_t size;
	unsigned long capacity;
	unsigned int rounds;
	unsigned long messages;
	bool named;
	struct bench_entry *entries;
	size_t entry_count;
	struct bench_comparison *comparisons;
	size_t comparison_count;
};

int bench_runs(struct bench_run *runs, size_t n, const struct bench_peer *const *peers,
	       size_t peer_count);
void bench_run_free(struct bench_run *run);

#endif
