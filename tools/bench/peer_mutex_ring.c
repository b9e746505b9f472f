// SPDX-License-Identifier: MIT
/*
 * What one writes oneself: a ring in shared memory, behind a mutex and two condition
 * variables, and well done: what is written under the lock is in the lock's line, who is
 * called has been counted off, nobody is called where nobody waits, and long messages are
 * copied outside of the lock. Who is killed with the mutex takes it with him.
 */
#include <pthread.h>
#include <string.h>

#include "peers.h"
#include "ring.h"

/* Longer messages are worth another turn of the lock. */
#define SHORT_MAX 1024

/* Looks before a process sleeps, of the peer that tries first: about as long as pyqueue's 16 us. */
#define TRIES 600

/* Of a place, where messages are long. */
enum place_state { FREE, WRITING, READY, READING };

/**
 * struct ring - the shared memory
 * @bytes: of all of it
 * @capacity: places
 * @tries: looks before a process sleeps
 * @states: of the places, where messages are long
 * @places: the messages
 * @lock: of what follows, in its line
 * @count: messages, where they are short
 * @first: place of the oldest one
 * @next: place of the next one
 * @getters: who wait for @not_empty, and have not been called
 * @putters: who wait for @not_full, likewise
 */
struct ring {
	size_t bytes;
	unsigned int capacity;
	unsigned int tries;
	unsigned char *states;
	char *places;
	BENCH_OWN_LINES pthread_mutex_t lock;
	unsigned int count;
	unsigned int first;
	unsigned int next;
	unsigned int getters;
	unsigned int putters;
	BENCH_OWN_LINES pthread_cond_t not_empty;
	BENCH_OWN_LINES pthread_cond_t not_full;
};

static BENCH_INLINE bool is_short(size_t size)
{
	return size <= SHORT_MAX;
}

/* For who has the lock, and for who looks whether it is worth having. */
#define SEEN(what) __atomic_load_n(&(what), __ATOMIC_RELAXED)

static BENCH_INLINE bool has_room(const struct ring *ring, size_t size)
{
	if (is_short(size))
		return SEEN(ring->count) < ring->capacity;
	return SEEN(ring->states[SEEN(ring->next)]) == FREE;
}

static BENCH_INLINE bool has_message(const struct ring *ring, size_t size)
{
	if (is_short(size))
		return SEEN(ring->count);
	return SEEN(ring->states[SEEN(ring->first)]) == READY;
}

static BENCH_INLINE unsigned int behind(const struct ring *ring, unsigned int place)
{
	return place + 1 < ring->capacity ? place + 1 : 0;
}

/* The lock, when there is what one wants. */
static BENCH_INLINE int lock_when(struct ring *ring,
				  bool (*there)(const struct ring *ring, size_t size), size_t size,
				  pthread_cond_t *changed, unsigned int *waiters)
{
	int err;

	for (unsigned int tries = 0; tries < ring->tries && !there(ring, size); tries++)
		bench_relax();
	err = pthread_mutex_lock(&ring->lock);
	if (err)
		return -err;
	while (!there(ring, size) && !err) {
		++*waiters;
		err = pthread_cond_wait(changed, &ring->lock);
	}
	if (err)
		pthread_mutex_unlock(&ring->lock);
	return -err;
}

/* Who is called is called behind the lock, so that he does not wait for it. */
static BENCH_INLINE int unlock(struct ring *ring, bool there, pthread_cond_t *changed,
			       unsigned int *waiters)
{
	const bool call = *waiters && there;
	int err;

	*waiters -= call;
	err = pthread_mutex_unlock(&ring->lock);
	if (!err && call)
		err = pthread_cond_signal(changed);
	return -err;
}

static BENCH_INLINE int lock_to_put(struct ring *ring, size_t size)
{
	return lock_when(ring, has_room, size, &ring->not_full, &ring->putters);
}

static BENCH_INLINE int unlock_for_putters(struct ring *ring, size_t size)
{
	return unlock(ring, has_room(ring, size), &ring->not_full, &ring->putters);
}

static BENCH_INLINE int lock_to_get(struct ring *ring, size_t size)
{
	return lock_when(ring, has_message, size, &ring->not_empty, &ring->getters);
}

static BENCH_INLINE int unlock_for_getters(struct ring *ring, size_t size)
{
	return unlock(ring, has_message(ring, size), &ring->not_empty, &ring->getters);
}

/* The place is one's own: others do not pass it. They may go on behind it. */
static BENCH_INLINE int copy_outside(struct ring *ring, unsigned int place, void *to,
				     const void *from, size_t size, enum place_state now,
				     int (*unlock_others)(struct ring *ring, size_t size))
{
	int err = unlock_others(ring, size);

	if (err)
		return err;
	memcpy(to, from, size);
	err = -pthread_mutex_lock(&ring->lock);
	if (!err)
		__atomic_store_n(&ring->states[place], now, __ATOMIC_RELAXED);
	return err;
}

static BENCH_INLINE int put(void *state, const void *data, size_t size)
{
	struct ring *ring = state;
	int err = lock_to_put(ring, size);
	unsigned int place;
	char *to;

	if (err)
		return err;
	place = ring->next;
	to = ring->places + (size_t)place * size;
	ring->next = behind(ring, place);
	if (is_short(size)) {
		memcpy(to, data, size);
		ring->count++;
	} else {
		ring->states[place] = WRITING;
		err = copy_outside(ring, place, to, data, size, READY, unlock_for_putters);
	}
	return err ? err : unlock_for_getters(ring, size);
}

static BENCH_INLINE int get(void *state, void *data, size_t size)
{
	struct ring *ring = state;
	int err = lock_to_get(ring, size);
	unsigned int place;
	const char *from;

	if (err)
		return err;
	place = ring->first;
	from = ring->places + (size_t)place * size;
	ring->first = behind(ring, place);
	if (is_short(size)) {
		memcpy(data, from, size);
		ring->count--;
	} else {
		ring->states[place] = READING;
		err = copy_outside(ring, place, data, from, size, FREE, unlock_for_getters);
	}
	return err ? err : unlock_for_putters(ring, size);
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

/* Messages begin as pages do, behind the states, where there are such. */
static int open_one(struct bench_queue *queue, unsigned int tries)
{
	const size_t head = bench_pages(sizeof(struct ring) + queue->capacity);
	const size_t bytes = head + queue->capacity * queue->size;
	struct ring *ring = bench_ring_map(bytes);
	int err;

	if (!ring)
		return -errno;
	ring->bytes = bytes;
	ring->capacity = (unsigned int)queue->capacity;
	ring->tries = tries;
	ring->states = (unsigned char *)(ring + 1);
	ring->places = (char *)ring + head;
	err = share(ring);
	if (err)
		close_ring(ring);
	queue->state = ring;
	return err;
}

static int open_ring(struct bench_queue *queue)
{
	return open_one(queue, 0);
}

static int open_trying(struct bench_queue *queue)
{
	return open_one(queue, TRIES);
}

const struct bench_peer peer_mutex_ring = {
	.name = "mutex ring",
	.what = "pthread mutex and condition variables in shared memory; survives no kill",
	.calls_unseen = true,
	.open = open_ring,
	.close = close_ring,
	BENCH_LOOPS,
};

const struct bench_peer peer_mutex_ring_tries = {
	.name = "mutex ring tries",
	.what = "mutex ring; who finds nothing looks again 600 times before he sleeps",
	.calls_unseen = true,
	.open = open_trying,
	.close = close_ring,
	BENCH_LOOPS,
};
