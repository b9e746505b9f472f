// SPDX-License-Identifier: MIT
/*
 * What comes back from a pool: apply, apply_async with callbacks, map, a worker that dies,
 * and what terminate leaves.
 */
#include <pyqueue.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static int square(struct pyq_call *call)
{
	const int n = *(const int *)call->arg, result = n * n;

	if (n > 1000)
		return pyq_error(call, -ERANGE, "%d is too large for me", n);
	return pyq_return(call, &result, sizeof(result));
}

static int crash(struct pyq_call *call)
{
	(void)call;
	return raise(SIGKILL);
}

static int wait_for_ever(struct pyq_call *call)
{
	(void)call;
	return pause();
}

static void print_result(pyq_result *result, void *over)
{
	printf("callback: %d\n", *(const int *)pyq_result_data(result, NULL));
	pyq_event_set(over);
}

static void print_error(pyq_result *result, void *over)
{
	printf("error callback: %s\n", pyq_result_text(result));
	pyq_event_set(over);
}

/* Callbacks come from a thread of the pool's own: nobody else needs to wait for results. */
static int call_back(pyq_pool *pool)
{
	const int numbers[] = { 8, 5000 };
	pyq_event over;
	int err = pyq_event_init(&over, 0);

	for (int i = 0; !err && i < 2; i++) {
		const struct pyq_task task = {
			.function = square,
			PYQ_ARG(int, numbers[i]),
			.callback = print_result,
			.error_callback = print_error,
			.context = &over,
		};

		pyq_event_clear(&over);
		err = pyq_pool_apply_async(pool, &task, PYQ_FOREVER, NULL);
		if (!err)
			err = pyq_event_wait(&over, PYQ_FOREVER);
	}
	pyq_event_destroy(&over);
	return err;
}

static int map(pyq_pool *pool)
{
	const int numbers[] = { 1, 2, 3, 4, 5 };
	const struct pyq_items items = { .base = numbers, .size = sizeof(int), .n = 5 };
	pyq_map *map;
	int err = pyq_pool_map(pool, square, &items, 0, &map);

	if (err)
		return err;
	printf("map:");
	for (size_t i = 0; i < items.n; i++) {
		const void *result;

		if (pyq_map_get(map, i, &result) == sizeof(int))
			printf(" %d", *(const int *)result);
	}
	printf("\n");
	return pyq_map_free(map);
}

/* What was under way, and what comes after it. */
static int end(pyq_pool *pool)
{
	const struct pyq_task task = { .function = wait_for_ever };
	pyq_result *result;
	int err = pyq_pool_apply_async(pool, &task, PYQ_FOREVER, &result);

	if (err)
		return err;
	pyq_pool_terminate(pool);
	if (pyq_result_get(result, NULL, 0, PYQ_FOREVER) == -ECANCELED)
		printf("terminate: %s\n", pyq_result_text(result));
	pyq_result_free(result);
	if (pyq_pool_apply_async(pool, &task, PYQ_FOREVER, NULL) == -ESHUTDOWN)
		printf("after that: no more tasks\n");
	return pyq_pool_join(pool, PYQ_FOREVER);
}

int main(void)
{
	pyq_pool *pool;
	pyq_result *lost;
	int result, err;

	setvbuf(stdout, NULL, _IOLBF, 0);
	err = pyq_pool_create(&pool, &(struct pyq_pool_attr){ .workers = 3 });
	if (err)
		goto out;
	if (pyq_pool_apply(pool, &(struct pyq_task){ .function = square, PYQ_ARG(int, 7) }, &result,
			   sizeof(result)) == sizeof(result))
		printf("apply: %d\n", result);
	err = call_back(pool);
	if (!err)
		err = map(pool);
	if (!err)
		err = pyq_pool_apply_async(pool, &(struct pyq_task){ .function = crash },
					   PYQ_FOREVER, &lost);
	if (!err) {
		if (pyq_result_get(lost, NULL, 0, PYQ_FOREVER) == -EOWNERDEAD)
			printf("its task has failed: %s\n", pyq_result_text(lost));
		pyq_result_free(lost);
		err = map(pool); /* it has been replaced */
	}
	if (!err)
		err = end(pool);
	pyq_pool_destroy(pool);
out:
	if (err)
		fprintf(stderr, "pool_results: %s\n", pyq_pool_strerror(err));
	return err != 0;
}
