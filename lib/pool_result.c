// SPDX-License-Identifier: MIT
/* What becomes of a task. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"

/* Are its bytes, and those of its text behind them, in a message of so many? */
static bool is_whole(const struct pyqi_pool_outcome *outcome, size_t len)
{
	const size_t left = len - sizeof(*outcome);

	if (len < sizeof(*outcome) || outcome->len > left)
		return false;
	return pyqi_pool_filled(outcome->len) <= left &&
	       outcome->text <= left - pyqi_pool_filled(outcome->len);
}

static void keep(pyq_result *r, const struct pyqi_pool_outcome *outcome, size_t len)
{
	size_t filled;
	char *bytes;

	/* A worker may have written where it should not. */
	if (!is_whole(outcome, len)) {
		r->error = -ENOMSG;
		snprintf(r->why, sizeof(r->why), "the worker's answer is not whole");
		return;
	}
	filled = pyqi_pool_filled(outcome->len);
	r->code = outcome->code;
	if (outcome->code)
		r->error = outcome->code < 0 ? outcome->code : -EREMOTEIO;
	if (!outcome->len && !outcome->text)
		return;
	bytes = malloc(filled + outcome->text + 1);
	if (!bytes) {
		r->error = -ENOMEM;
		return;
	}
	memcpy(bytes, outcome + 1, filled + outcome->text);
	bytes[filled + outcome->text] = '\0';
	r->outcome = bytes;
	r->data = outcome->len ? bytes : NULL;
	r->len = outcome->len;
	r->text = bytes + filled;
}

void pyqi_pool_result_done(pyq_pool *pool, struct pyqi_pool_task *task, const void *outcomes,
			   size_t len, int error, int status, const char *why)
{
	pyq_result *r = task->result;

	r->error = error;
	r->status = status;
	r->attempts = task->attempt;
	r->text = r->why;
	if (why)
		snprintf(r->why, sizeof(r->why), "%s", why);
	if (!error)
		keep(r, outcomes, len);
	if (r->error)
		pool->stat.failed++;
	else
		pool->stat.done++;
	__atomic_store_n(&r->ready, 1, __ATOMIC_RELEASE);
	if (r->error ? r->error_callback : r->callback) {
		/* The pool's reference goes with the call. */
		r->next = NULL;
		*pool->ended_end = r;
		pool->ended_end = &r->next;
	} else {
		pyq_result_free(r);
	}
}

void pyq_result_free(pyq_result *r)
{
	if (!r || __atomic_sub_fetch(&r->refs, 1, __ATOMIC_ACQ_REL))
		return;
	free(r->outcome);
	free(r);
}

bool pyq_result_ready(const pyq_result *r)
{
	return __atomic_load_n(&r->ready, __ATOMIC_ACQUIRE);
}

static bool is_ready(pyq_pool *pool, const void *r)
{
	(void)pool;
	return pyq_result_ready(r);
}

int pyq_result_wait(pyq_result *r, int64_t timeout)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;

	if (timeout < PYQ_FOREVER)
		return -EINVAL;
	if (pyq_result_ready(r))
		return 0;
	if (!pyqi_generation_is(r->generation))
		return -ESTALE;
	return pyqi_pool_wait(r->pool, is_ready, r, timeout);
}

ssize_t pyq_result_get(pyq_result *r, void *buf, size_t size, int64_t timeout)
{
	int err = pyq_result_wait(r, timeout);

	if (err)
		return err;
	if (r->error)
		return r->error;
	if (buf && r->len > size)
		return -EMSGSIZE;
	if (buf && r->len)
		memcpy(buf, r->data, r->len);
	return (ssize_t)r->len;
}

const void *pyq_result_data(const pyq_result *r, size_t *len)
{
	const bool done = pyq_result_ready(r) && !r->error;

	if (len)
		*len = done ? r->len : 0;
	return done ? r->data : NULL;
}

int pyq_result_successful(const pyq_result *r)
{
	return pyq_result_ready(r) ? !r->error : -EAGAIN;
}

const char *pyq_result_text(const pyq_result *r)
{
	return pyq_result_ready(r) && r->error ? r->text : "";
}

int pyq_result_code(const pyq_result *r)
{
	return pyq_result_ready(r) ? r->code : 0;
}

int pyq_result_status(const pyq_result *r)
{
	return pyq_result_ready(r) ? r->status : 0;
}

unsigned int pyq_result_attempts(const pyq_result *r)
{
	return pyq_result_ready(r) ? r->attempts : 0;
}

/* It runs: the helper stops the worker that it is at, if that still is so. */
static int stop(pyq_pool *pool, struct pyqi_pool_task *task, uint32_t index)
{
	const struct pyqi_pool_order_msg order = {
		.order = PYQI_POOL_STOP,
		.index = index,
		.serial = task->serial,
	};

	int err;

	if (pool->threads)
		return -EBUSY;
	/* Once is enough: the socket's room is not endless. */
	if (task->cancelled)
		return 0;
	err = pyqi_pool_order(pool, &order);
	task->cancelled = !err;
	return err;
}

int pyq_result_cancel(pyq_result *r)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	struct pyqi_pool_task *task;
	uint64_t queued;
	pyq_pool *pool;
	int err = 0;

	if (pyq_result_ready(r))
		return -EALREADY;
	if (!pyqi_generation_is(r->generation))
		return -ESTALE;
	pool = r->pool;
	pthread_mutex_lock(&pool->lock);
	task = &pool->tasks[r->index];
	queued = pyqi_pool_word(task->serial, 0, PYQI_POOL_QUEUED);
	if (pyq_result_ready(r))
		err = -EALREADY;
	else if (__atomic_compare_exchange_n(&pyqi_pool_words(&pool->common)[r->index], &queued,
					     pyqi_pool_word(task->serial, 0, PYQI_POOL_IDLE), false,
					     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		pyqi_pool_fail(pool, task, -ECANCELED, "cancelled before it was run");
	else
		err = stop(pool, task, r->index);
	pthread_mutex_unlock(&pool->lock);
	if (!err)
		pyqi_pool_nudge(pool);
	return err;
}
