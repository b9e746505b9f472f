/* SPDX-License-Identifier: MIT */
/* A queue of the library, for the peers that use one in different ways: its state is a pyq_queue. */
#ifndef PYQUEUE_BENCH_PEER_PYQUEUE_H
#define PYQUEUE_BENCH_PEER_PYQUEUE_H

#include <pyqueue.h>

#include "message.h"
#include "peers.h"

#define BENCH_OF_THE_LIBRARY                                                     \
	.own = true, .close = bench_pyqueue_close, .enter = bench_pyqueue_enter, \
	.leave = bench_pyqueue_close

/* As the other queues it is told how long the messages are, if its slots can be that long. */
static inline size_t bench_pyqueue_payload(size_t size)
{
	static struct pyq_info info;

	return pyq_info(&info) || size <= info.payload_max ? size : info.payload_max;
}

/* @payload: as in struct pyq_attr. */
static inline int bench_pyqueue_open_with(struct bench_queue *queue, size_t payload)
{
	const struct pyq_attr attr = {
		.maxsize = (int64_t)queue->capacity,
		.payload = payload,
	};
	pyq_queue *q;
	int err = pyq_create(&q, &attr);

	if (err)
		return err;
	queue->backend = pyq_backend(q);
	queue->state = q;
	return 0;
}

static inline int bench_pyqueue_open(struct bench_queue *queue)
{
	return bench_pyqueue_open_with(queue, bench_pyqueue_payload(queue->size));
}

static inline void bench_pyqueue_close(void *state)
{
	pyq_close(state);
}

/* Any call makes a child a participant of its own. */
static inline int bench_pyqueue_enter(void *state, unsigned int role)
{
	ssize_t n = pyq_qsize(state);

	(void)role;
	return n < 0 ? (int)n : 0;
}

static BENCH_INLINE int bench_pyqueue_put(pyq_queue *q, const void *data, size_t size)
{
	return pyq_put(q, data, size, PYQ_FOREVER);
}

static BENCH_INLINE int bench_pyqueue_get(pyq_queue *q, void *data, size_t size)
{
	ssize_t len = pyq_get(q, data, size, PYQ_FOREVER);

	if (len == (ssize_t)size)
		return 0;
	return len < 0 ? (int)len : -EIO;
}

#endif
