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

/* On which processors a measurement's processes are: the system's choice, or made for it. */
enum bench_placement {
	BENCH_ANYWHERE,
	BENCH_TOGETHER, /* all on one */
	BENCH_APART,	/* each on one of its own, of two */
};

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
 * @family: those of one take turns round by round, as they are compared; NULL: none
 * @unit: of what is measured; NULL: "ns a message"
 * @latency: how long each takes: median and percentiles, not how much time all take
 * @late: NULL; or what is waited for in vain: there are no messages, and no sums
 * @no_queue: it is no queue that is measured
 * @size: bytes of a message; 0: as the user says
 * @messages: in a measurement; 0: as many as take @slice_ns
 * @slices: measurements of each peer in a round, which is worth their median
 * @slice_ns: how long one should take
 * @producers: processes that put, where there are such
 * @consumers: processes that get, or workers of a pool
 * @window: tasks that are under way at once; 0: all
 * @placement: where the processes are
 * @capacity: messages that a queue is to hold; 0: bench_capacity()
 * @queues: how many there are; 0: one
 * @busy: so many of them are used in turn; 0: one
 * @depth: messages in one before they are taken out again; 0: one
 * @suits: whether a peer can do it
 * @measure: move @n messages through @queue, the first of its queues, of @peer once; 0 or
 *	-errno: -ECHILD one of several processes died, -ETIME it hangs
 */
struct bench_workload {
	const char *name;
	const char *what;
	const char *family;
	const char *unit;
	bool latency;
	const char *late;
	bool no_queue;
	size_t size;
	unsigned long messages;
	unsigned int slices;
	uint64_t slice_ns;
	unsigned int producers;
	unsigned int consumers;
	unsigned int window;
	enum bench_placement placement;
	unsigned long capacity;
	unsigned int queues;
	unsigned int busy;
	unsigned int depth;
	bool (*suits)(const struct bench_peer *peer);
	int (*measure)(const struct bench_workload *workload, const struct bench_peer *peer,
		       const struct bench_queue *queue, unsigned long n,
		       struct bench_outcome *outcome);
};

/* Messages that a queue is to hold, where its peer can choose: not too many bytes. */
static inline unsigned long bench_capacity(size_t size)
{
	return size <= 4096 ? 256 : size < 262144 ? (1 << 20) / size : 4;
}

extern const struct bench_workload *const bench_workloads[];
extern const size_t bench_workload_count;

extern const struct bench_workload workload_one;
extern const struct bench_workload workload_1p1c;
extern const struct bench_workload workload_2p2c;
extern const struct bench_workload workload_4p4c;
extern const struct bench_workload workload_8p8c;
extern const struct bench_workload workload_1p2c;
extern const struct bench_workload workload_1p4c;
extern const struct bench_workload workload_1p8c;
extern const struct bench_workload workload_2p1c;
extern const struct bench_workload workload_4p1c;
extern const struct bench_workload workload_8p1c;
extern const struct bench_workload workload_pingpong;
extern const struct bench_workload workload_pingpong_together;
extern const struct bench_workload workload_pingpong_apart;
extern const struct bench_workload workload_burst;
extern const struct bench_workload workload_full;
extern const struct bench_workload workload_idle_1;
extern const struct bench_workload workload_idle_16;
extern const struct bench_workload workload_idle_256;
extern const struct bench_workload workload_idle_4096;
extern const struct bench_workload workload_robin_1;
extern const struct bench_workload workload_robin_16;
extern const struct bench_workload workload_robin_256;
extern const struct bench_workload workload_robin_4096;
extern const struct bench_workload workload_slots_64;
extern const struct bench_workload workload_slots_1024;
extern const struct bench_workload workload_slots_8192;
extern const struct bench_workload workload_slots_65536;
extern const struct bench_workload workload_waiters_1;
extern const struct bench_workload workload_waiters_10;
extern const struct bench_workload workload_waiters_100;
extern const struct bench_workload workload_waiters_1000;
extern const struct bench_workload workload_room_4;
extern const struct bench_workload workload_room_16;
extern const struct bench_workload workload_room_64;
extern const struct bench_workload workload_room_1024;
extern const struct bench_workload workload_room_4096;
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
