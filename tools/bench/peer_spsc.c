// SPDX-License-Identifier: MIT
/*
 * The least that a ring in shared memory can cost: for one process that puts and one that
 * gets, who spin while they wait. Whoever is killed leaves the other one waiting.
 */
#include <string.h>

#include "peers.h"
#include "ring.h"

/**
 * struct side - what one of the two processes writes
 * @next: the number of its next message, for both
 * @other: what it has last seen of the other one's @next: the line of that one is asked
 *	only when this does not do
 */
struct side {
	unsigned long next;
	unsigned long other;
} BENCH_OWN_LINES;

struct ring {
	struct side puts;
	struct side gets;
	size_t bytes;
	unsigned long mask;
	BENCH_OWN_LINES char places[];
};

static BENCH_INLINE int put(void *state, const void *data, size_t size)
{
	struct ring *ring = state;
	struct side *mine = &ring->puts;
	const unsigned long number = mine->next;
	unsigned int tries = 0;

	while (number - mine->other > ring->mask) {
		mine->other = __atomic_load_n(&ring->gets.next, __ATOMIC_ACQUIRE);
		if (number - mine->other > ring->mask)
			bench_try_again(&tries);
	}
	memcpy(ring->places + (number & ring->mask) * size, data, size);
	__atomic_store_n(&mine->next, number + 1, __ATOMIC_RELEASE);
	return 0;
}

static BENCH_INLINE int get(void *state, void *data, size_t size)
{
	struct ring *ring = state;
	struct side *mine = &ring->gets;
	const unsigned long number = mine->next;
	unsigned int tries = 0;

	while (number == mine->other) {
		mine->other = __atomic_load_n(&ring->puts.next, __ATOMIC_ACQUIRE);
		if (number == mine->other)
			bench_try_again(&tries);
	}
	memcpy(data, ring->places + (number & ring->mask) * size, size);
	__atomic_store_n(&mine->next, number + 1, __ATOMIC_RELEASE);
	return 0;
}

#include "loops.h"

static int open_ring(struct bench_queue *queue)
{
	const unsigned long places = bench_power_of_two(queue->capacity);
	const size_t bytes = sizeof(struct ring) + places * queue->size;
	struct ring *ring = bench_ring_map(bytes);

	if (!ring)
		return -errno;
	ring->bytes = bytes;
	ring->mask = places - 1;
	queue->capacity = places;
	queue->state = ring;
	return 0;
}

static void close_ring(void *state)
{
	struct ring *ring = state;

	munmap(ring, ring->bytes);
}

const struct bench_peer peer_spsc = {
	.name = "spsc (unsafe)",
	.what = "a ring for two processes that spin; survives no kill",
	.limit = true,
	.producers = 1,
	.consumers = 1,
	.open = open_ring,
	.close = close_ring,
	BENCH_LOOPS,
};
