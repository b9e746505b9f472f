// SPDX-License-Identifier: MIT
/*
 * pyqueue as a program has it: the library, and the backend which that picks. As the
 * other queues it is told how long the messages are.
 */
#include <pyqueue.h>

#include "message.h"
#include "peers.h"
#include "pool.h"

static BENCH_INLINE int put(void *state, const void *data, size_t size)
{
	return pyq_put(state, data, size, PYQ_FOREVER);
}

static BENCH_INLINE int get(void *state, void *data, size_t size)
{
	ssize_t len = pyq_get(state, data, size, PYQ_FOREVER);

	if (len == (ssize_t)size)
		return 0;
	return len < 0 ? (int)len : -EIO;
}

#include "loops.h"

static int open_queue(struct bench_queue *queue)
{
	static struct pyq_info info;
	pyq_queue *q;
	int err = pyq_info(&info);

	if (!err)
		err = pyq_create(&q, &(struct pyq_attr){ .maxsize = (int64_t)queue->capacity,
							 .payload = queue->size });
	if (err)
		return err;
	queue->backend = info.backend;
	queue->state = q;
	return 0;
}

static void close_queue(void *state)
{
	pyq_close(state);
}

/* Any call makes a child a participant of its own. */
static int enter(void *state, unsigned int role)
{
	ssize_t n = pyq_qsize(state);

	(void)role;
	return n < 0 ? (int)n : 0;
}

const struct bench_peer peer_pyqueue = {
	.name = "pyqueue",
	.what = "pyq_put() and pyq_get()",
	.own = true,
	.open = open_queue,
	.close = close_queue,
	.enter = enter,
	BENCH_LOOPS,
	.tasks = bench_pyqueue_tasks,
	.late = bench_pyqueue_late,
	.death = bench_pyqueue_death,
};
