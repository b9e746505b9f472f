// SPDX-License-Identifier: MIT
/*
 * A pool in an event loop: one thread waits for results, and for whatever else there is, by
 * poll(); callbacks take the results, and begin further tasks.
 */
#include <poll.h>
#include <pyqueue.h>
#include <stdio.h>

struct state {
	pyq_pool *pool;
	int open; /* tasks that have not ended */
};

static int half(struct pyq_call *call)
{
	int n = *(const int *)call->arg;

	if (n % 2)
		return pyq_error(call, -EDOM, "%d is odd", n);
	n /= 2;
	return pyq_return(call, &n, sizeof(n));
}

static void begin(struct state *state, int n);

static void on_done(pyq_result *result, void *context)
{
	const int *n = pyq_result_data(result, NULL);
	struct state *state = context;

	printf("its half is %d\n", *n);
	state->open--;
	begin(state, *n);
}

static void on_error(pyq_result *result, void *context)
{
	struct state *state = context;

	printf("%s\n", pyq_result_text(result));
	state->open--;
}

static void begin(struct state *state, int n)
{
	const struct pyq_task task = {
		.function = half,
		PYQ_ARG(int, n),
		.callback = on_done,
		.error_callback = on_error,
		.context = state,
	};
	int err = pyq_pool_apply_async(state->pool, &task, PYQ_NOWAIT, NULL);

	if (err)
		fprintf(stderr, "pool_loop: %s\n", pyq_pool_strerror(err));
	else
		state->open++;
}

int main(void)
{
	/* All its work is done here: it needs no thread of its own. */
	struct pyq_pool_attr attr = { .workers = 2, .flags = PYQ_POOL_NO_THREAD };
	struct state state = { .open = 0 };
	struct pollfd pfd = { .events = POLLIN };
	int err = pyq_pool_create(&state.pool, &attr);

	if (!err) {
		pfd.fd = pyq_pool_fd(state.pool);
		begin(&state, 40);
	}
	while (!err && state.open) {
		err = pyq_pool_process(state.pool);
		if (!err && state.open)
			poll(&pfd, 1, -1);
	}
	if (err)
		fprintf(stderr, "pool_loop: %s\n", pyq_pool_strerror(err));
	pyq_pool_destroy(state.pool);
	return err != 0;
}
