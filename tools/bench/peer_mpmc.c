// SPDX-License-Identifier: MIT
/*
 * What a queue for any number of processes can be if no kill has to be survived: a ring
 * whose places say whose turn they are, and one compare-and-swap a call. Who is killed
 * between that and the end of his copy stops all others a round later.
 */
#include <stdbool.h>
#include <string.h>

#include "peers.h"
#include "ring.h"

/* They spin: with many more than there are processors, it is those who run for nothing. */
#define MOST 16

/**
 * struct place - of a message
 * @turn: number of the message that may be put here; that and one: it is there, for the one
 *	who gets that number
 * @data: it
 */
struct place {
	unsigned long turn;
	char data[];
};

struct ring {
	BENCH_OWN_LINES unsigned long puts;
	BENCH_OWN_LINES unsigned long gets;
	BENCH_OWN_LINES size_t bytes;
	size_t stride;
	unsigned long mask;
	BENCH_OWN_LINES char places[];
};

static BENCH_INLINE struct place *place_of(struct ring *ring, unsigned long number)
{
	return (struct place *)(void *)(ring->places + (number & ring->mask) * ring->stride);
}

/* Take the next number of @next, as soon as its place has come to @turns behind that. */
static BENCH_INLINE struct place *take(struct ring *ring, unsigned long *next, unsigned long turns,
				       unsigned long *number)
{
	unsigned int tries = 0;

	*number = __atomic_load_n(next, __ATOMIC_RELAXED);
	for (;;) {
		struct place *place = place_of(ring, *number);
		const unsigned long turn = __atomic_load_n(&place->turn, __ATOMIC_ACQUIRE);
		const long ahead = (long)(turn - (*number + turns));

		if (!ahead) {
			if (__atomic_compare_exchange_n(next, number, *number + 1, true,
							__ATOMIC_RELAXED, __ATOMIC_RELAXED))
				return place;
			continue;
		}
		/* Full, or empty; otherwise another has been quicker. */
		if (ahead < 0)
			bench_try_again(&tries);
		*number = __atomic_load_n(next, __ATOMIC_RELAXED);
	}
}

static BENCH_INLINE int put(void *state, const void *data, size_t size)
{
	struct ring *ring = state;
	unsigned long number;
	struct place *place = take(ring, &ring->puts, 0, &number);

	memcpy(place->data, data, size);
	__atomic_store_n(&place->turn, number + 1, __ATOMIC_RELEASE);
	return 0;
}

static BENCH_INLINE int get(void *state, void *data, size_t size)
{
	struct ring *ring = state;
	unsigned long number;
	struct place *place = take(ring, &ring->gets, 1, &number);

	memcpy(data, place->data, size);
	__atomic_store_n(&place->turn, number + ring->mask + 1, __ATOMIC_RELEASE);
	return 0;
}

#include "loops.h"

/* Two who are at work at neighbouring places have lines of their own. */
static size_t stride_of(size_t size)
{
	return (sizeof(struct place) + size + 63) / 64 * 64;
}

static int open_ring(struct bench_queue *queue)
{
	const unsigned long places = bench_power_of_two(queue->capacity < 2 ? 2 : queue->capacity);
	const size_t stride = stride_of(queue->size);
	const size_t bytes = sizeof(struct ring) + places * stride;
	struct ring *ring = bench_ring_map(bytes);

	if (!ring)
		return -errno;
	ring->bytes = bytes;
	ring->stride = stride;
	ring->mask = places - 1;
	for (unsigned long i = 0; i < places; i++)
		place_of(ring, i)->turn = i;
	queue->capacity = places;
	queue->state = ring;
	return 0;
}

static void close_ring(void *state)
{
	struct ring *ring = state;

	munmap(ring, ring->bytes);
}

const struct bench_peer peer_mpmc = {
	.name = "mpmc (unsafe)",
	.what = "a ring for many processes that spin; survives no kill",
	.limit = true,
	.producers = MOST,
	.consumers = MOST,
	.open = open_ring,
	.close = close_ring,
	BENCH_LOOPS,
};
