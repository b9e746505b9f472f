// SPDX-License-Identifier: MIT
/* pyqueue as a program has it: the library, and the backend which that picks. */
#include "peer_pyqueue.h"
#include "pool.h"

static BENCH_INLINE int put(void *state, const void *data, size_t size)
{
	return bench_pyqueue_put(state, data, size);
}

static BENCH_INLINE int get(void *state, void *data, size_t size)
{
	return bench_pyqueue_get(state, data, size);
}

#include "loops.h"

const struct bench_peer peer_pyqueue = {
	.name = "pyqueue",
	.what = "pyq_put() and pyq_get()",
	BENCH_OF_THE_LIBRARY,
	.open = bench_pyqueue_open,
	BENCH_LOOPS,
	.tasks = bench_pyqueue_tasks,
	.late = bench_pyqueue_late,
	.death = bench_pyqueue_death,
};
