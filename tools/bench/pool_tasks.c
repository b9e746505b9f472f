// SPDX-License-Identifier: MIT
/* A pool whose workers return what they get. */
#include <errno.h>
#include <pyqueue.h>

#include "alloc.h"
#include "calls.h"
#include "message.h"
#include "pool.h"

static const int64_t limit = PYQ_SECONDS(BENCH_LIMIT_SECONDS);

static int echo(struct pyq_call *call)
{
	return pyq_return(call, call->arg, call->len);
}

/* The result of one, which counts. Return: 0 or -errno. */
static int take(pyq_result *result, size_t size, uint64_t *sum)
{
	uint64_t message[BENCH_SIZE_WORDS];
	const ssize_t len = pyq_result_get(result, message, sizeof(message), limit);

	pyq_result_free(result);
	if (len != (ssize_t)size)
		return len == -ETIMEDOUT ? -ETIME : len < 0 ? (int)len : -EIO;
	*sum += bench_sum(message, size, 1);
	return 0;
}

/* Each result is waited for when its task is the oldest one of the window. */
static int apply_all(pyq_pool *pool, const char *args, unsigned long n, size_t size,
		     unsigned int window, uint64_t *sum)
{
	pyq_result **results = bench_alloc(window, sizeof(*results));
	unsigned long taken = 0;
	int err = 0;

	for (unsigned long i = 0; !err && i < n; i++) {
		const struct pyq_task task = {
			.function = echo,
			.arg = args + i * size,
			.len = size,
		};

		if (i - taken == window)
			err = take(results[taken++ % window], size, sum);
		if (!err)
			err = pyq_pool_apply_async(pool, &task, limit, &results[i % window]);
	}
	while (!err && taken < n)
		err = take(results[taken++ % window], size, sum);
	free(results);
	return err;
}

static int map_all(pyq_pool *pool, const char *args, unsigned long n, size_t size, uint64_t *sum)
{
	const struct pyq_items items = { .base = args, .size = size, .n = n };
	pyq_map *map;
	int err = pyq_pool_map_async(pool, echo, &items, 1, &map);

	if (err)
		return err;
	err = pyq_map_wait(map, limit);
	if (err == -ETIMEDOUT)
		err = -ETIME;
	for (unsigned long i = 0; !err && i < n; i++) {
		const void *message;
		const ssize_t len = pyq_map_get(map, i, &message);

		if (len == (ssize_t)size)
			*sum += bench_sum(message, size, 1);
		else
			err = len < 0 ? (int)len : -EIO;
	}
	pyq_map_free(map);
	return err;
}

/* With workers that have begun; their beginning, and their end, are not timed. */
static int measure(pyq_pool *pool, const struct bench_workload *workload, const char *args,
		   unsigned long n, size_t size, struct bench_outcome *outcome)
{
	const unsigned int workers = workload->consumers;
	uint64_t sum = 0, calls, wall;
	int err = map_all(pool, args, n < workers ? n : workers, size, &sum);

	if (err)
		return err;
	outcome->sum = 0;
	outcome->ns[BENCH_CPU] = bench_cpu_all_ns();
	calls = bench_calls();
	wall = bench_wall_ns();
	if (workload->window)
		err = apply_all(pool, args, n, size, workload->window, &outcome->sum);
	else
		err = map_all(pool, args, n, size, &outcome->sum);
	outcome->ns[BENCH_WALL] = bench_wall_ns() - wall;
	outcome->calls = bench_calls() - calls;
	if (!err)
		err = pyq_pool_close(pool);
	return err ? err : pyq_pool_join(pool, limit);
}

int bench_pyqueue_tasks(const struct bench_workload *workload, unsigned long n, size_t size,
			struct bench_outcome *outcome)
{
	uint64_t *args = bench_alloc(n, size);
	pyq_pool *pool;
	int err = pyq_pool_create(&pool, &(struct pyq_pool_attr){ .workers = workload->consumers });

	bench_fill(args, size, 0, n);
	if (!err)
		err = measure(pool, workload, (const char *)args, n, size, outcome);
	pyq_pool_destroy(pool);
	/* What the workers have used is known when they have been waited for. */
	outcome->ns[BENCH_CPU] = bench_cpu_all_ns() - outcome->ns[BENCH_CPU];
	free(args);
	return err;
}
