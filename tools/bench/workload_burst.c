// SPDX-License-Identifier: MIT
/*
 * Messages that come in bursts, or faster than they are wanted: what waiting costs.
 */
#include <time.h>

#include "alloc.h"
#include "cast.h"
#include "message.h"

/* Everybody has room for one: a message queue of POSIX has 10 places. */
#define BURST 8
#define PAUSE_NS 500000
/* What a slow consumer takes for each message, at least, by the clock. */
#define SLOW_NS 1000

/* Until @ns have passed since the last time; the sleeper is the workload, not the peer. */
static void pause_until(uint64_t ns)
{
	const struct timespec at = {
		.tv_sec = (time_t)(ns / 1000000000),
		.tv_nsec = (long)(ns % 1000000000),
	};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

/* @put_at: when each message was put, for the other process. */
static int put_bursts(const struct bench_cast *cast, uint64_t *put_at)
{
	const size_t size = cast->queue->size;
	uint64_t message[BENCH_SIZE_WORDS] BENCH_PAGES, next = bench_wall_ns();
	int err = 0;

	for (unsigned long i = 0; !err && i < cast->n; i++) {
		if (!(i % BURST))
			pause_until(next += PAUSE_NS);
		bench_fill(message, size, i, 1);
		__atomic_store_n(&put_at[i], bench_wall_ns(), __ATOMIC_RELAXED);
		err = cast->peer->put(cast->queue->state, message, size);
	}
	return err;
}

static int get_bursts(const struct bench_cast *cast, const uint64_t *put_at,
		      struct bench_part *part)
{
	const size_t size = cast->queue->size;
	uint64_t message[BENCH_SIZE_WORDS] BENCH_PAGES;
	int err = 0;

	part->seen = bench_alloc(cast->n + 1, sizeof(*part->seen));
	part->seen_count = cast->n;
	for (unsigned long i = 0; !err && i < cast->n; i++) {
		err = cast->peer->get(cast->queue->state, message, size);
		part->seen[i] =
			(int64_t)(bench_wall_ns() - __atomic_load_n(&put_at[i], __ATOMIC_RELAXED));
		part->sum += bench_sum(message, size, 1);
	}
	return err;
}

static int play_burst(const struct bench_cast *cast, unsigned int i, struct bench_part *part)
{
	return i ? get_bursts(cast, cast->shared, part) : put_bursts(cast, cast->shared);
}

static int play_full(const struct bench_cast *cast, unsigned int i, struct bench_part *part)
{
	const size_t size = cast->queue->size;
	uint64_t message[BENCH_SIZE_WORDS] BENCH_PAGES;
	int err = 0;

	if (!i)
		return cast->peer->produce(cast->queue->state, 0, cast->n, size);
	for (unsigned long k = 0; !err && k < cast->n; k++) {
		uint64_t end;

		err = cast->peer->get(cast->queue->state, message, size);
		end = bench_wall_ns() + SLOW_NS;
		part->sum += bench_sum(message, size, 1);
		while (bench_wall_ns() < end)
			;
	}
	return err;
}

static bool suits(const struct bench_peer *peer)
{
	return peer->put && peer->get && peer->produce;
}

static int measure(const struct bench_workload *workload, const struct bench_peer *peer,
		   const struct bench_queue *queue, unsigned long n, struct bench_outcome *outcome)
{
	const size_t bytes = (n + 1) * sizeof(uint64_t);
	const struct bench_cast cast = {
		.workload = workload,
		.peer = peer,
		.queue = queue,
		.n = n,
		.play = workload == &workload_burst ? play_burst : play_full,
		.shared = bench_share_memory(bytes),
	};
	int err = bench_cast_run(&cast, outcome);

	bench_unshare_memory(cast.shared, bytes);
	return err;
}

const struct bench_workload workload_burst = {
	.name = "burst",
	.what = "8 messages each half millisecond: from before the put to behind the get",
	.unit = "ns from put to get",
	.latency = true,
	.messages = 4800,
	.slices = 3,
	.producers = 1,
	.consumers = 1,
	.suits = suits,
	.measure = measure,
};

const struct bench_workload workload_full = {
	.name = "full",
	.what = "a queue of 16 that is always full: its consumer takes a microsecond each",
	.slices = 3,
	.slice_ns = 100000000,
	.producers = 1,
	.consumers = 1,
	.capacity = 16,
	.suits = suits,
	.measure = measure,
};
