// SPDX-License-Identifier: MIT
/* pyqueue that sleeps at once, as most others do: what a wait costs without trying first. */
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
	int err = bench_pyqueue_open(queue);

	if (!err)
		pyq_set_spin(queue->state, 0);
	return err;
}

/* Not .rounds: nobody waits there, and thousands of queues are many files. */
const struct bench_peer peer_pyqueue_no_spin = {
	.name = "pyqueue no spin",
	.what = "pyq_put() and pyq_get(), which sleep at once",
	BENCH_OF_THE_LIBRARY,
	.open = open_queue,
	.put = put_one,
	.get = get_one,
	.exchange = exchange,
	.produce = produce,
	.consume = consume,
	.bounce = bounce,
};
