// SPDX-License-Identifier: MIT
/* pyqueue that is told nothing but how many messages it is to hold. */
#include "peer_pyqueue.h"

static BENCH_INLINE int put(void *state, const void *data, size_t size)
{
	return bench_pyqueue_put(state, data, size);
}

static BENCH_INLINE int get(void *state, void *data, size_t size)
{
	return bench_pyqueue_get(state, data, size);
}

#include "loops.h"

static int open_queue(struct bench_queue *queue)
{
	return bench_pyqueue_open_with(queue, 0);
}

/* Not .rounds, nor there and back: it is the same there. */
const struct bench_peer peer_pyqueue_defaults = {
	.name = "pyqueue defaults",
	.what = "pyq_put() and pyq_get(); slots are for 240 bytes, whatever comes",
	BENCH_OF_THE_LIBRARY,
	.open = open_queue,
	.put = put_one,
	.get = get_one,
	.exchange = exchange,
	.produce = produce,
	.consume = consume,
};
