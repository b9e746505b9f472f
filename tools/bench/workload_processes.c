// SPDX-License-Identifier: MIT
/* Several processes put, several get. */
#include "cast.h"

static int play(const struct bench_cast *cast, unsigned int i, struct bench_part *part)
{
	const struct bench_workload *workload = cast->workload;
	const struct bench_queue *queue = cast->queue;
	const bool puts = i < workload->producers;
	const unsigned int shares = puts ? workload->producers : workload->consumers;
	const unsigned int share = puts ? i : i - workload->producers;
	const unsigned long first = bench_share(cast->n, shares, share);
	const unsigned long n = bench_share(cast->n, shares, share + 1) - first;

	if (puts)
		return cast->peer->produce(queue->state, first, n, queue->size);
	return cast->peer->consume(queue->state, n, queue->size, &part->sum);
}

static bool has_loops(const struct bench_peer *peer)
{
	return peer->produce && peer->consume;
}

static bool suits(const struct bench_peer *peer)
{
	return has_loops(peer) || peer->processes;
}

static int measure(const struct bench_workload *workload, const struct bench_peer *peer,
		   const struct bench_queue *queue, unsigned long n, struct bench_outcome *outcome)
{
	const struct bench_cast cast = {
		.workload = workload,
		.peer = peer,
		.queue = queue,
		.n = n,
		.play = play,
	};

	if (peer->processes)
		return peer->processes(workload, n, queue->size, outcome);
	return bench_cast_run(&cast, outcome);
}

/* Long enough that starting does not count, short enough for several in a round. */
#define BETWEEN_PROCESSES(label, words, np, nc)                                           \
	{                                                                                 \
		.name = (label), .what = (words), .slices = 3, .slice_ns = 100000000,     \
		.producers = (np), .consumers = (nc), .suits = suits, .measure = measure, \
	}

const struct bench_workload workload_1p1c =
	BETWEEN_PROCESSES("1p1c", "one process puts, one gets", 1, 1);
const struct bench_workload workload_2p2c =
	BETWEEN_PROCESSES("2p2c", "two processes put, two get", 2, 2);
const struct bench_workload workload_4p4c =
	BETWEEN_PROCESSES("4p4c", "four processes put, four get", 4, 4);
const struct bench_workload workload_8p8c =
	BETWEEN_PROCESSES("8p8c", "eight processes put, eight get", 8, 8);
const struct bench_workload workload_1p2c =
	BETWEEN_PROCESSES("1p2c", "one process puts, two get", 1, 2);
const struct bench_workload workload_1p4c =
	BETWEEN_PROCESSES("1p4c", "one process puts, four get", 1, 4);
const struct bench_workload workload_1p8c =
	BETWEEN_PROCESSES("1p8c", "one process puts, eight get", 1, 8);
const struct bench_workload workload_2p1c =
	BETWEEN_PROCESSES("2p1c", "two processes put, one gets", 2, 1);
const struct bench_workload workload_4p1c =
	BETWEEN_PROCESSES("4p1c", "four processes put, one gets", 4, 1);
const struct bench_workload workload_8p1c =
	BETWEEN_PROCESSES("8p1c", "eight processes put, one gets", 8, 1);

/*
 * Many wait for one who puts: who is there in vain should cost nothing. Where there are very
 * many, each gets some messages, or it would be their beginning and end that is measured.
 */
#define WAITERS(n, each, words)                                                                  \
	{                                                                                        \
		.name = "waiters-" #n, .what = "one process puts, " words " to get", .size = 48, \
		.messages = (n) * (each), .slices = 1, .slice_ns = 200000000, .producers = 1,    \
		.consumers = (n), .suits = suits, .measure = measure,                            \
	}
const struct bench_workload workload_waiters_1 = WAITERS(1, 0, "one waits");
const struct bench_workload workload_waiters_10 = WAITERS(10, 0, "10 wait");
const struct bench_workload workload_waiters_100 = WAITERS(100, 500, "100 wait");
const struct bench_workload workload_waiters_1000 = WAITERS(1000, 50, "1000 wait");

/* How much room it takes: who is ahead of the other by a few messages need not wait. */
#define ROOM(n)                                                                                    \
	{                                                                                          \
		.name = "room-" #n, .what = "one process puts, one gets, room for " #n,            \
		.family = "room", .size = 48, .capacity = (n), .slices = 3, .slice_ns = 100000000, \
		.producers = 1, .consumers = 1, .suits = has_loops, .measure = measure             \
	}

const struct bench_workload workload_room_4 = ROOM(4);
const struct bench_workload workload_room_16 = ROOM(16);
const struct bench_workload workload_room_64 = ROOM(64);
const struct bench_workload workload_room_1024 = ROOM(1024);
const struct bench_workload workload_room_4096 = ROOM(4096);
