// SPDX-License-Identifier: MIT
/*
 * What the machine itself needs from one processor to another and back: two processes, who
 * do nothing else, write a word in turn. No message can be there and back sooner.
 */
#include "clock.h"
#include "peers.h"
#include "ring.h"

/* Trips between two looks at the clock, which take about as long as one. */
#define AT_ONCE 64

/**
 * struct line - the word, and what each of the two has for himself
 * @word: how often it has been written
 * @trips: ended, of who serves and of the other
 */
struct line {
	unsigned long word BENCH_OWN_LINES;
	struct {
		unsigned long ended BENCH_OWN_LINES;
	} trips[2];
};

static BENCH_INLINE void wait_for(const struct line *line, unsigned long value)
{
	/* A pause between two looks would be part of the time. */
	for (unsigned long looks = 1; __atomic_load_n(&line->word, __ATOMIC_ACQUIRE) != value;
	     looks++) {
		if (!(looks % 10000))
			sched_yield();
	}
}

static void serve(struct line *line, unsigned long first, unsigned long n)
{
	for (unsigned long trip = first; trip < first + n; trip++) {
		__atomic_store_n(&line->word, 2 * trip + 1, __ATOMIC_RELEASE);
		wait_for(line, 2 * trip + 2);
	}
}

static void answer(struct line *line, unsigned long first, unsigned long n)
{
	for (unsigned long trip = first; trip < first + n; trip++) {
		wait_for(line, 2 * trip + 1);
		__atomic_store_n(&line->word, 2 * trip + 2, __ATOMIC_RELEASE);
	}
}

/* Of the two queues one is in use. */
static int bounce(void *out, void *in, bool serves, unsigned long n, size_t size, uint64_t *sum,
		  int64_t *took)
{
	struct line *line = serves ? out : in;
	unsigned long *ended = &line->trips[serves].ended;

	(void)size;
	(void)sum;
	if (!serves)
		answer(line, *ended, n);
	for (unsigned long done = 0, trips; serves && done < n; done += trips) {
		const uint64_t begun = bench_wall_ns();
		int64_t each;

		trips = n - done < AT_ONCE ? n - done : AT_ONCE;
		serve(line, *ended + done, trips);
		each = (int64_t)(bench_wall_ns() - begun) / (int64_t)trips;
		for (unsigned long i = 0; i < trips; i++)
			took[done + i] = each;
	}
	*ended += n;
	return 0;
}

static int open_line(struct bench_queue *queue)
{
	queue->capacity = 0;
	queue->state = bench_ring_map(sizeof(struct line));
	return queue->state ? 0 : -errno;
}

static void close_line(void *state)
{
	munmap(state, sizeof(struct line));
}

const struct bench_peer peer_line = {
	.name = "cache line",
	.what = "no message: a word that two who spin write in turn, mean of 64 trips each",
	.limit = true,
	.moves_nothing = true,
	.producers = 1,
	.consumers = 1,
	.open = open_line,
	.close = close_line,
	.bounce = bounce,
};
