// SPDX-License-Identifier: MIT
/* There and back between two processes: with one message, or with one in each of many queues. */
#include <sched.h>

#include "alloc.h"
#include "cast.h"

/* The one who serves times each trip: two looks at the clock are in it. */
static int serve(const struct bench_cast *cast, struct bench_part *part)
{
	part->seen = bench_alloc(cast->n + 1, sizeof(*part->seen));
	part->seen_count = cast->n;
	return cast->peer->bounce(cast->queue->state, cast->back->state, true, cast->n,
				  cast->queue->size, &part->sum, part->seen);
}

static int play_bounce(const struct bench_cast *cast, unsigned int i, struct bench_part *part)
{
	if (!i)
		return serve(cast, part);
	return cast->peer->bounce(cast->back->state, cast->queue->state, false, cast->n,
				  cast->queue->size, &part->sum, NULL);
}

static int play_loop(const struct bench_cast *cast, unsigned int i, struct bench_part *part)
{
	void *there = cast->queue->state, *back = cast->back->state;

	return cast->peer->loop(i ? back : there, i ? there : back, !i, cast->n, cast->queue->size,
				&part->sum);
}

static int measure(const struct bench_workload *workload, const struct bench_peer *peer,
		   const struct bench_queue *queue, unsigned long n, struct bench_outcome *outcome)
{
	struct bench_queue back = { .size = queue->size, .capacity = queue->capacity };
	const struct bench_cast cast = {
		.workload = workload,
		.peer = peer,
		.queue = queue,
		.back = &back,
		.n = n,
		.play = workload == &workload_echo64 ? play_loop : play_bounce,
	};
	int err;

	if (peer->processes)
		return peer->processes(workload, n, queue->size, outcome);
	err = peer->open(&back);
	if (err)
		return err;
	err = bench_cast_run(&cast, outcome);
	peer->close(back.state);
	return err;
}

static bool can_bounce(const struct bench_peer *peer)
{
	return peer->bounce || peer->processes;
}

/* Those who sleep; where the system happens to have both makes a factor of eight for them. */
static bool can_be_placed(const struct bench_peer *peer)
{
	return peer->bounce && !peer->limit;
}

static bool can_be_apart(const struct bench_peer *peer)
{
	cpu_set_t cpus;

	return can_be_placed(peer) && !sched_getaffinity(0, sizeof(cpus), &cpus) &&
	       CPU_COUNT(&cpus) > 1;
}

#define PINGPONG(label, words, ...)                                                           \
	{                                                                                     \
		.name = (label), .what = (words), .unit = "ns a round trip", .latency = true, \
		.slices = 3, .slice_ns = 100000000, .producers = 1, .consumers = 1,           \
		.measure = measure, __VA_ARGS__                                               \
	}

const struct bench_workload workload_pingpong = PINGPONG(
	"pingpong", "two processes, there and back: each waits for the other", .suits = can_bounce);
const struct bench_workload workload_pingpong_together =
	PINGPONG("pingpong-together", "two processes on one processor, there and back",
		 .placement = BENCH_TOGETHER, .suits = can_be_placed);
const struct bench_workload workload_pingpong_apart =
	PINGPONG("pingpong-apart", "two processes, each on a processor of its own, there and back",
		 .placement = BENCH_APART, .suits = can_be_apart);

static bool can_loop(const struct bench_peer *peer)
{
	return peer->loop;
}

const struct bench_workload workload_echo64 = {
	.name = "echo64",
	.what = "two processes, 64 queues there and 64 back, a message in each pair",
	.slices = 3,
	.slice_ns = 100000000,
	.producers = 1,
	.consumers = 1,
	.suits = can_loop,
	.measure = measure,
};
