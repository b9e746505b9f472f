/* SPDX-License-Identifier: MIT */
/* Many queues of one peer, served by one thread. */
#ifndef PYQUEUE_BENCH_MANY_H
#define PYQUEUE_BENCH_MANY_H

#include "message.h"

#define BENCH_MANY 64

/* The longest messages that there is room for. */
#define BENCH_MANY_SIZE 4096

/**
 * struct bench_served - what a thread has for one message of each queue
 * @n: how many messages there are to be, of all queues together
 * @sent: how many have been
 * @back: how many have come
 * @size: bytes of each
 * @sum: of the hashes of those that have come
 * @room: for each queue
 */
struct bench_served {
	unsigned long n;
	unsigned long sent;
	unsigned long back;
	size_t size;
	uint64_t sum;
	uint64_t room[BENCH_MANY][BENCH_MANY_SIZE / BENCH_SIZE_STEP];
};

/* One has come into the room of queue @i. */
static inline void bench_served_back(struct bench_served *s, unsigned int i)
{
	s->sum += bench_sum(s->room[i], s->size, 1);
	s->back++;
}

#endif
