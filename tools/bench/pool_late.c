// SPDX-License-Identifier: MIT
/* How late those are told who wait for what does not come, or for somebody who has died. */
#include <errno.h>
#include <poll.h>
#include <pyqueue.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "calls.h"
#include "pool.h"

/* What is waited for: one of these. */
struct waited {
	pyq_queue *queue;
	struct pyq_process process;
	pyq_pool *pool;
	pyq_result *result;
	pyq_lock lock;
	pyq_condition condition;
	pyq_event event;
};

static int sleep_for_ever(void *arg)
{
	(void)arg;
	while (pause() < 0)
		;
	return 0;
}

static int never_done(struct pyq_call *call)
{
	return sleep_for_ever(call);
}

/* --- in vain ------------------------------------------------------------------------- */

static int begin_get(struct waited *w)
{
	return pyq_create(&w->queue, &(struct pyq_attr){ .maxsize = 1 });
}

static int wait_get(struct waited *w)
{
	uint64_t message;

	return (int)pyq_get(w->queue, &message, sizeof(message), BENCH_TIMEOUT_NS);
}

static void end_get(struct waited *w)
{
	pyq_close(w->queue);
}

static int begin_join(struct waited *w)
{
	w->process.target = sleep_for_ever;
	return pyq_process_start(&w->process);
}

static int wait_join(struct waited *w)
{
	return pyq_process_join(&w->process, BENCH_TIMEOUT_NS);
}

static void end_join(struct waited *w)
{
	pyq_process_kill(&w->process);
	pyq_process_join(&w->process, PYQ_FOREVER);
	pyq_process_close(&w->process);
}

static int begin_result(struct waited *w)
{
	const struct pyq_task task = { .function = never_done };
	int err = pyq_pool_create(&w->pool, &(struct pyq_pool_attr){ .workers = 1 });

	return err ? err : pyq_pool_apply_async(w->pool, &task, PYQ_FOREVER, &w->result);
}

static int wait_result(struct waited *w)
{
	return pyq_result_wait(w->result, BENCH_TIMEOUT_NS);
}

static void end_result(struct waited *w)
{
	pyq_result_free(w->result);
	pyq_pool_destroy(w->pool);
}

static int begin_condition(struct waited *w)
{
	int err = pyq_lock_init(&w->lock, PYQ_SHARED);

	if (!err)
		err = pyq_condition_init(&w->condition, PYQ_SHARED);
	return err ? err : pyq_lock_acquire(&w->lock, PYQ_FOREVER);
}

static int wait_condition(struct waited *w)
{
	return pyq_condition_wait(&w->condition, &w->lock, BENCH_TIMEOUT_NS);
}

static void end_condition(struct waited *w)
{
	pyq_lock_release(&w->lock);
	pyq_condition_destroy(&w->condition);
	pyq_lock_destroy(&w->lock);
}

static int begin_event(struct waited *w)
{
	return pyq_event_init(&w->event, PYQ_SHARED);
}

static int wait_event(struct waited *w)
{
	return pyq_event_wait(&w->event, BENCH_TIMEOUT_NS);
}

static void end_event(struct waited *w)
{
	pyq_event_destroy(&w->event);
}

static const struct kind {
	const char *name;
	int (*begin)(struct waited *w);
	int (*wait)(struct waited *w);
	void (*end)(struct waited *w);
} kinds[] = {
	{ "get", begin_get, wait_get, end_get },
	{ "join", begin_join, wait_join, end_join },
	{ "result", begin_result, wait_result, end_result },
	{ "condition", begin_condition, wait_condition, end_condition },
	{ "event", begin_event, wait_event, end_event },
};

/* Return: 0 it ended by its timeout, or -errno. */
static int wait_once(const struct kind *kind, struct waited *w)
{
	const int ret = kind->wait(w);

	if (ret == -ETIMEDOUT)
		return 0;
	return ret < 0 ? ret : -EIO;
}

int bench_pyqueue_late(const struct bench_workload *workload, unsigned long n, int64_t *seen,
		       struct bench_outcome *outcome)
{
	const struct kind *kind = kinds;
	struct waited w = { 0 };
	uint64_t cpu, calls;
	int err;

	while (strcmp(kind->name, workload->late))
		kind++;
	err = kind->begin(&w);
	if (err)
		return err;
	err = wait_once(kind, &w);
	calls = bench_calls();
	cpu = bench_cpu_ns();
	for (unsigned long i = 0; !err && i < n; i++) {
		const uint64_t begin = bench_wall_ns();

		err = wait_once(kind, &w);
		seen[i] = (int64_t)(bench_wall_ns() - begin) - BENCH_TIMEOUT_NS;
	}
	outcome->ns[BENCH_CPU] = bench_cpu_ns() - cpu;
	outcome->calls = bench_calls() - calls;
	kind->end(&w);
	return err;
}

/* --- a death --------------------------------------------------------------------------- */

static int tell_pid_and_stay(struct pyq_call *call)
{
	const pid_t pid = getpid();

	if (write(*(const int *)call->arg, &pid, sizeof(pid)) != sizeof(pid))
		return -errno;
	return sleep_for_ever(NULL);
}

static int die_once(pyq_pool *pool, const int *pipe, int64_t *seen)
{
	const struct pyq_task task = { .function = tell_pid_and_stay, PYQ_ARG(int, pipe[1]) };
	struct pollfd ready = { .fd = pipe[0], .events = POLLIN };
	pyq_result *result;
	uint64_t begin;
	pid_t pid;
	int err = pyq_pool_apply_async(pool, &task, PYQ_FOREVER, &result);

	if (err)
		return err;
	if (poll(&ready, 1, BENCH_LIMIT_SECONDS * 1000) != 1)
		err = -ETIME;
	else if (read(pipe[0], &pid, sizeof(pid)) != sizeof(pid))
		err = -EIO;
	if (!err) {
		begin = bench_wall_ns();
		kill(pid, SIGKILL);
		err = (int)pyq_result_get(result, NULL, 0, PYQ_SECONDS(BENCH_LIMIT_SECONDS));
		*seen = (int64_t)(bench_wall_ns() - begin);
		err = err == -EOWNERDEAD ? 0 : err == -ETIMEDOUT ? -ETIME : -EIO;
	}
	pyq_result_free(result);
	return err;
}

/* Of the same pool: who has died is replaced before the next one does. */
int bench_pyqueue_death(const struct bench_workload *workload, unsigned long n, int64_t *seen,
			struct bench_outcome *outcome)
{
	const struct pyq_pool_attr attr = { .workers = workload->consumers };
	uint64_t cpu, calls = bench_calls();
	pyq_pool *pool;
	int ends[2], err;

	if (pipe(ends))
		return -errno;
	cpu = bench_cpu_all_ns();
	err = pyq_pool_create(&pool, &attr);
	for (unsigned long i = 0; !err && i < n; i++)
		err = die_once(pool, ends, &seen[i]);
	outcome->calls = bench_calls() - calls;
	pyq_pool_destroy(pool);
	outcome->ns[BENCH_CPU] = bench_cpu_all_ns() - cpu;
	close(ends[0]);
	close(ends[1]);
	return err;
}
