// SPDX-License-Identifier: MIT
/* pyqueue between those who do not trust each other: a queue that nobody may map. */
#include "module.h"
#include "peer_pyqueue.h"

static BENCH_INLINE pyq_queue *queue_of(const void *state)
{
	return ((const struct bench_module *)state)->q;
}

static BENCH_INLINE int put(void *state, const void *data, size_t size)
{
	return bench_pyqueue_put(queue_of(state), data, size);
}

static BENCH_INLINE int get(void *state, void *data, size_t size)
{
	return bench_pyqueue_get(queue_of(state), data, size);
}

#include "loops.h"

static int enter(void *state, unsigned int role)
{
	return bench_pyqueue_enter(queue_of(state), role);
}

const struct bench_peer peer_pyqueue_sealed = {
	.name = "pyqueue sealed",
	.what = "pyq_put() and pyq_get(), with PYQ_SEALED",
	.own = true,
	BENCH_OF_THE_MODULE,
	.enter = enter,
	BENCH_LOOPS,
};
