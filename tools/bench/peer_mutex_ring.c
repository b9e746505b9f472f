// SPDX-License-Identifier: MIT
/*
 * What most people write themselves: a ring in shared memory, behind a mutex and two
 * condition variables, and well done: nobody is woken where nobody waits. Who is killed
 * with the mutex takes it with him.
 */
#include <pthread.h>
#include <string.h>

#include "peers.h"
#include "ring.h"

/**
 * struct ring - the shared memory
 * @bytes: of all of it
 * @size: of a message
 * @capacity: places
 * @count: messages
 * @first: place of the oldest one
 * @getters: who wait for @not_empty
 * @putters: who wait for @not_full
 */
struct ring {
	size_t bytes;
	size_t size;
	unsigned long capacity;
	pthread_mutex_t lock;
	pthread_cond_t not_empty;
	pthread_cond_t not_full;
	unsigned long count;
	unsigned long first;
	unsigned int getters;
	unsigned int putters;
	BENCH_OWN_LINES char places[];
};

static BENCH_INLINE int wait_for(struct ring *ring, pthread_cond_t *changed, unsigned int *waiters)
{
	int err;

	++*waiters;
	err = pthread_cond_wait(changed, &ring->lock);
	--*waiters;
	return err;
}

/* Behind the lock, so that who wakes does not wait for it. */
static BENCH_INLINE int unlock(struct ring *ring, bool wake, pthread_cond_t *changed)
{
	int err = pthread_mutex_unlock(&ring->lock);

	if (!err && wake)
		err = pthread_cond_signal(changed);
	return -err;
}

static BENCH_INLINE int put(void *state, const void *data, size_t size)
{
	struct ring *ring = state;
	unsigned long place;
	int err = pthread_mutex_lock(&ring->lock);

	if (err)
		return -err;
	while (ring->count == ring->capacity && !err)
		err = wait_for(ring, &ring->not_full, &ring->putters);
	if (err) {
		pthread_mutex_unlock(&ring->lock);
		return -err;
	}
	place = ring->first + ring->count++;
	if (place >= ring->capacity)
		place -= ring->capacity;
	memcpy(ring->places + place * size, data, size);
	return unlock(ring, ring->getters, &ring->not_empty);
}

static BENCH_INLINE int get(void *state, void *data, size_t size)
{
	struct ring *ring = state;
	int err = pthread_mutex_lock(&ring->lock);

	if (err)
		return -err;
	while (!ring->count && !err)
		err = wait_for(ring, &ring->not_empty, &ring->getters);
	if (err) {
		pthread_mutex_unlock(&ring->lock);
		return -err;
	}
	memcpy(data, ring->places + ring->first * size, size);
	ring->count--;
	if (++ring->first == ring->capacity)
		ring->first = 0;
	return unlock(ring, ring->putters, &ring->not_full);
}

#include "loops.h"

static int share(struct ring *ring)
{
	pthread_mutexattr_t mutex;
	pthread_condattr_t cond;
	int err;

	pthread_mutexattr_init(&mutex);
	pthread_condattr_init(&cond);
	err = pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
	/* Tries for a while before it sleeps. */
	if (!err)
		err = pthread_mutexattr_settype(&mutex, PTHREAD_MUTEX_ADAPTIVE_NP);
	if (!err)
		err = pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED);
	if (!err)
		err = pthread_mutex_init(&ring->lock, &mutex);
	if (!err)
		err = pthread_cond_init(&ring->not_empty, &cond);
	if (!err)
		err = pthread_cond_init(&ring->not_full, &cond);
	pthread_condattr_destroy(&cond);
	pthread_mutexattr_destroy(&mutex);
	return -err;
}

static void close_ring(void *state)
{
	struct ring *ring = state;

	munmap(ring, ring->bytes);
}

static int open_ring(struct bench_queue *queue)
{
	const size_t bytes = sizeof(struct ring) + queue->capacity * queue->size;
	struct ring *ring = bench_ring_map(bytes);
	int err;

	if (!ring)
		return -errno;
	ring->bytes = bytes;
	ring->size = queue->size;
	ring->capacity = queue->capacity;
	err = share(ring);
	if (err)
		close_ring(ring);
	queue->state = ring;
	return err;
}

const struct bench_peer peer_mutex_ring = {
	.name = "mutex ring",
	.what = "pthread mutex and condition variables in shared memory; survives no kill",
	.calls_unseen = true,
	.open = open_ring,
	.close = close_ring,
	BENCH_LOOPS,
};
