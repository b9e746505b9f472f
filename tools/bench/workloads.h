/* SPDX-License-Identifier: MIT */
/* Workloads: what is done with a peer's queue, each in a file of its own. */
#ifndef PYQUEUE_BENCH_WORKLOADS_H
#define PYQUEUE_BENCH_WORKLOADS_H

#include "clock.h"
#include "peers.h"

/* What takes longer hangs: then the run fails, and does not wait for ever. */
#define BENCH_LIMIT_SECONDS 60

/**
 * struct bench_outcome - what a measurement has seen
 * @ns: how long it took, by each clock
 * @sum: of the hashes of all messages received
 * @calls: system calls that messages were the reason of
 */
struct bench_outcome {
	uint64_t ns[BENCH_CLOCKS];
	uint64_t sum;
	uint64_t calls;
};

/**
 * struct bench_workload - what is measured
 * @name: how results name it, and --workload
 * @what: it in words
 * @slices: measurements of each peer in a round, which is worth their median
 * @slice_ns: how long one should take
 * @producers: processes that put, where there are such
 * @consumers: processes that get
 * @suits: whether a peer can do it
 * @measure: move @n messages through @queue of @peer once; 0 or -errno: -ECHILD one of
 *	several processes died, -ETIME it hangs
 */
struct bench_workload {
	const char *name;
	const char *what;
	unsigned int slices;
	uint64_t slice_ns;
	unsigned int producers;
	unsigned int consumers;
	bool (*suits)(const struct bench_peer *peer);
	int (*measure)(const struct bench_workload *workload, const struct bench_peer *peer,
		       const struct bench_queue *queue, unsigned long n,
		       struct bench_outcome *outcome);
};

extern const struct bench_workload *const bench_workloads[];
extern const size_t bench_workload_count;

extern const struct bench_workload workload_one;
extern const struct bench_workload workload_1p1c;
extern const struct bench_workload workload_2p2c;
extern const struct bench_workload workload_4p4c;
extern const struct bench_workload workload_8p8c;
extern const struct bench_workload workload_pingpong;
extern const struct bench_workload workload_loop64;
extern const struct bench_workload workload_echo64;

#endif
