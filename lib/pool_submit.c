// SPDX-License-Identifier: MIT
/* What a pool is given to do: one task at a time. */
#include <stdlib.h>
#include <string.h>

#include "pool.h"

int pyqi_pool_takes(pyq_pool *pool, pyq_function function)
{
	int err = 0;

	if (!pyqi_generation_is(pool->generation))
		return -ESTALE;
	if (!function)
		return -EINVAL;
	pthread_mutex_lock(&pool->lock);
	err = pyqi_pool_check_open(pool);
	if (!err && !pool->threads && !pyqi_pool_knows(pool, function))
		err = -EFAULT;
	pthread_mutex_unlock(&pool->lock);
	return err;
}

static bool is_over(pyq_pool *pool, const void *arg)
{
	(void)arg;
	return pool->gone && !pool->ended;
}

static void *do_the_work(void *arg)
{
	pyqi_pool_wait(arg, is_over, NULL, PYQ_FOREVER);
	return NULL;
}

/* Under the lock: somebody is to call callbacks, also while nobody waits. */
static int have_own_thread(pyq_pool *pool, const struct pyq_task *task)
{
	int err;

	if ((!task->callback && !task->error_callback) || pool->has_own ||
	    pool->common.attr.flags & PYQ_POOL_NO_THREAD)
		return 0;
	err = pyqi_pool_make_thread(&pool->own, do_the_work, pool);
	pool->has_own = !err;
	/* Not what it says of room. */
	return err == -EAGAIN ? -ENOMEM : err;
}

static bool has_room(pyq_pool *pool, const void *arg)
{
	(void)arg;
	return pool->free || pool->closed;
}

/* Under the lock, which it lets go of while it waits. */
static int wait_for_room(pyq_pool *pool, int64_t timeout)
{
	uint64_t deadline;
	int err = pyqi_deadline(timeout, &deadline);

	pool->waiters++;
	pyqi_pool_enter(pool);
	while (!err && !has_room(pool, NULL)) {
		pthread_mutex_unlock(&pool->lock);
		err = pyqi_pool_wait_until(pool, has_room, NULL, deadline);
		pthread_mutex_lock(&pool->lock);
	}
	pool->waiters--;
	pyqi_pool_leave(pool);
	return err ? err : pyqi_pool_check_open(pool);
}

static int submit(pyq_pool *pool, const struct pyq_task *what, pyq_result *r)
{
	struct pyqi_pool_task *task = pyqi_pool_task_new(pool);
	int err;

	pool->map_was_last = false;
	task->result = r;
	r->index = (uint32_t)(task - pool->tasks);
	task->function = what->function;
	task->len = what->len;
	task->timeout = what->timeout ? what->timeout : pool->common.attr.timeout;
	task->retries_left = pool->common.attr.max_retries;
	if (what->max_retries)
		task->retries_left = what->max_retries > 0 ? (unsigned int)what->max_retries : 0;
	task->arg = (void *)(uintptr_t)what->arg;
	err = pyqi_pool_send(pool, task);
	task->arg = NULL;
	/* To send it again. */
	if (!err && what->len && (task->retries_left || task->unsent)) {
		task->arg = malloc(what->len);
		if (task->arg)
			memcpy(task->arg, what->arg, what->len);
		else if (task->unsent)
			err = -ENOMEM;
		else
			task->retries_left = 0;
	}
	if (err)
		pyqi_pool_task_free(pool, task);
	else
		pool->stat.submitted++;
	return err;
}

int pyq_pool_apply_async(pyq_pool *pool, const struct pyq_task *task, int64_t timeout,
			 pyq_result **result)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	pyq_result *r;
	int err;

	if (result)
		*result = NULL;
	if (timeout < PYQ_FOREVER || task->timeout < 0 || (task->len && !task->arg))
		return -EINVAL;
	err = pyqi_pool_takes(pool, task->function);
	if (err)
		return err;
	if (pool->threads && task->timeout)
		return -EOPNOTSUPP;
	if (task->len > pool->common.attr.max_message)
		return -E2BIG;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->pool = pool;
	r->generation = pool->generation;
	r->refs = result ? 2 : 1;
	r->callback = task->callback;
	r->error_callback = task->error_callback;
	r->context = task->context;
	pthread_mutex_lock(&pool->lock);
	err = wait_for_room(pool, timeout);
	if (!err)
		err = have_own_thread(pool, task);
	if (!err)
		err = submit(pool, task, r);
	/* What was left to this one. If that cannot be sent it ends here, and who leads may sleep. */
	if (err && pyqi_pool_map_follow(pool)) {
		pyqi_pool_end_if_over(pool);
		pyqi_pool_nudge(pool);
	}
	pthread_mutex_unlock(&pool->lock);
	if (err)
		free(r);
	else if (result)
		*result = r;
	return err;
}

ssize_t pyq_pool_apply(pyq_pool *pool, const struct pyq_task *task, void *buf, size_t size)
{
	pyq_result *r;
	ssize_t ret = pyq_pool_apply_async(pool, task, PYQ_FOREVER, &r);

	if (ret)
		return ret;
	ret = pyq_result_get(r, buf, size, PYQ_FOREVER);
	pyq_result_free(r);
	return ret;
}
