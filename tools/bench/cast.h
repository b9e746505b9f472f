/* SPDX-License-Identifier: MIT */
/*
 * Several processes, started together: all wait at a line, and the time is from the
 * signal to the end of the last of those who get.
 */
#ifndef PYQUEUE_BENCH_CAST_H
#define PYQUEUE_BENCH_CAST_H

#include "workloads.h"

/**
 * struct bench_part - what a process has done, in memory that it shares with its parent
 * @err: 0 or -errno
 * @end_ns: when it was through
 * @cpu_ns: its processor time
 * @calls: its system calls
 * @sum: of the hashes of what it has got
 * @seen: NULL, or how long each of its messages took; from malloc(), in its own memory
 * @seen_count: how many
 * @latency: out: their median and percentiles, by clock; or zeros
 */
struct bench_part {
	int err;
	uint64_t end_ns;
	uint64_t cpu_ns;
	uint64_t calls;
	uint64_t sum;
	int64_t *seen;
	unsigned long seen_count;
	uint64_t latency[BENCH_CLOCKS];
};

/**
 * struct bench_cast - who plays what
 * @workload: of which
 * @peer: with whose queue
 * @queue: from those who put to those who get
 * @back: NULL, or one from those who get to those who put
 * @n: messages, of all together
 * @play: what process @i does between the signal and its end; those who put come first. 0
 *	or -errno
 * @shared: NULL, or memory that all share, of the workload's own
 */
struct bench_cast {
	const struct bench_workload *workload;
	const struct bench_peer *peer;
	const struct bench_queue *queue;
	const struct bench_queue *back;
	unsigned long n;
	int (*play)(const struct bench_cast *cast, unsigned int i, struct bench_part *part);
	void *shared;
};

/* The first message of share @i, if @n are shared by @shares. */
static inline unsigned long bench_share(unsigned long n, unsigned int shares, unsigned int i)
{
	return (unsigned long)((uint64_t)n * i / shares);
}

/* Have all play. Return: 0 or -errno; -ECHILD one has died, -ETIME it hangs. */
int bench_cast_run(const struct bench_cast *cast, struct bench_outcome *outcome);

/* @bytes of zeros that children share, for bench_unshare(); never NULL. */
void *bench_share_memory(size_t bytes);
void bench_unshare_memory(void *memory, size_t bytes);

#endif
