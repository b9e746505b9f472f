/* SPDX-License-Identifier: MIT */
/* Workloads: what is done with a peer's queue, each in a file of its own. */
#ifndef PYQUEUE_BENCH_WORKLOADS_H
#define PYQUEUE_BENCH_WORKLOADS_H

#include "clock.h"
#include "peers.h"

/* What takes longer hangs: then the run fails, and does not wait for ever. */
#define BENCH_LIMIT_SECONDS 60

/* How long somebody waits in vain, where it is measured how late he is told. */
#define BENCH_TIMEOUT_NS 1000000

/* Of a peer whose system calls are not seen. */
#define BENCH_CALLS_UNKNOWN UINT64_MAX

/**
 * struct bench_outcome - what a measurement has seen
 * @ns: how long it took, by each clock
 * @sum: of the hashes of all messages received
 * @calls: system calls that messages were the reason of, or BENCH_CALLS_UNKNOWN
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
 * @unit: of what is measured; NULL: "ns a message", through queues of one capacity
 * @late: NULL; or what is waited for in vain: there are no messages, and no sums
 * @size: bytes of a message; 0: as the user says
 * @messages: in a measurement; 0: as many as take @slice_ns
 * @slices: measurements of each peer in a round, which is worth their median
 * @slice_ns: how long one should take
 * @producers: processes that put, where there are such
 * @consumers: processes that get, or workers of a pool
 * @window: tasks that are under way at once; 0: all
 * @suits: whether a peer can do it
 * @measure: move @n messages through @queue of @peer once; 0 or -errno: -ECHILD one of
 *	several processes died, -ETIME it hangs
 */
struct bench_workload {
	const char *name;
	const char *what;
	const char *unit;
	const char *late;
	size_t size;
	unsigned long messages;
	unsigned int slices;
	uint64_t slice_ns;
	unsigned int producers;
	unsigned int consumers;
	unsigned int window;
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
extern const struct bench_workload workload_apply1;
extern const struct bench_workload workload_apply1000;
extern const struct bench_workload workload_map1;
extern const struct bench_workload workload_late_get;
extern const struct bench_workload workload_late_join;
extern const struct bench_workload workload_late_result;
extern const struct bench_workload workload_late_condition;
extern const struct bench_workload workload_late_event;
extern const struct bench_workload workload_late_death;

#endif
