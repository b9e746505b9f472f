// SPDX-License-Identifier: MIT
/* Tasks under way: sent, sent again, and what news there is of them. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "pool.h"

struct pyqi_pool_task *pyqi_pool_task_new(pyq_pool *pool)
{
	struct pyqi_pool_task *task = &pool->tasks[pool->free - 1];

	pool->free = task->next_free;
	*task = (struct pyqi_pool_task){ .serial = task->serial, .under_way = true };
	pool->under_way++;
	return task;
}

static uint32_t index_of(const pyq_pool *pool, const struct pyqi_pool_task *task)
{
	return (uint32_t)(task - pool->tasks);
}

/* The last task has been done, and there will be no other: the workers end. */
void pyqi_pool_end_if_over(pyq_pool *pool)
{
	if (!pool->closed || pool->under_way || pool->maps || pool->common.table->closed)
		return;
	__atomic_store_n(&pool->common.table->closed, 1, __ATOMIC_SEQ_CST);
	pyq_shutdown(pool->common.tasks, pool->terminated);
}

void pyqi_pool_task_free(pyq_pool *pool, struct pyqi_pool_task *task)
{
	const uint32_t index = index_of(pool, task);

	/* A message of it that comes again is nobody's. */
	__atomic_store_n(&pyqi_pool_words(&pool->common)[index],
			 pyqi_pool_word(task->serial, 0, PYQI_POOL_IDLE), __ATOMIC_SEQ_CST);
	if (task->unsent)
		pool->unsent--;
	free(task->arg);
	task->arg = NULL;
	task->under_way = false;
	task->unsent = false;
	task->next_free = pool->free;
	pool->free = index + 1;
	pool->under_way--;
}

/* Return: -EAGAIN also if it is full of bytes. */
static int put_now(pyq_pool *pool, size_t len)
{
	int err = pyq_put(pool->common.tasks, pool->out, len, PYQ_NOWAIT);

	return err == -ENOBUFS ? -EAGAIN : err;
}

/*
 * Said before one more look: the worker that makes room after that tells. Once, until there has
 * been news: otherwise what is sent and cancelled again and again could fill the queue of those.
 */
static void ask_for_room(pyq_pool *pool)
{
	if (pool->has_asked)
		return;
	pool->has_asked = true;
	pool->asks += pool->asks == UINT32_MAX ? 2 : 1;
	__atomic_store_n(&pool->common.table->unsent, pool->asks, __ATOMIC_SEQ_CST);
	/* With that of pyqi_pool_tell_of_room(): one of the two sees what the other has done. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static int put(pyq_pool *pool, struct pyqi_pool_task *task, size_t len, uint32_t job, uint64_t n)
{
	const uint32_t index = index_of(pool, task);
	int err;

	*(struct pyqi_pool_job_msg *)(void *)pool->out = (struct pyqi_pool_job_msg){
		.index = index,
		.serial = ++task->serial,
		.job = job,
		.attempt = task->attempt + 1,
		.function = task->function,
		.timeout = task->timeout,
		.n = n,
		.len = len,
	};
	__atomic_store_n(&pyqi_pool_words(&pool->common)[index],
			 pyqi_pool_word(task->serial, 0, PYQI_POOL_QUEUED), __ATOMIC_SEQ_CST);
	err = put_now(pool, sizeof(struct pyqi_pool_job_msg) + len);
	if (err != -EAGAIN)
		return err;
	ask_for_room(pool);
	return put_now(pool, sizeof(struct pyqi_pool_job_msg) + len);
}

int pyqi_pool_send(pyq_pool *pool, struct pyqi_pool_task *task)
{
	char *to = pool->out + sizeof(struct pyqi_pool_job_msg);
	const size_t room = pool->size - sizeof(struct pyqi_pool_job_msg);
	size_t len;
	int err;

	if (task->map) {
		len = pyqi_pool_map_pack(task, to, room);
		err = len ? put(pool, task, len, PYQI_POOL_CHUNK, task->n) : -E2BIG;
	} else {
		if (task->len)
			memcpy(to, task->arg, task->len);
		err = put(pool, task, task->len, PYQI_POOL_ONE, 1);
	}
	/* What has been cancelled can be in the way, or messages of the dead. */
	if (err == -EAGAIN) {
		pool->unsent += !task->unsent;
		task->unsent = true;
		return 0;
	}
	if (task->unsent)
		pool->unsent--;
	task->unsent = false;
	if (!err)
		task->attempt++;
	return err;
}

/* --- their ends ----------------------------------------------------------------------- */

static void ended(pyq_pool *pool, struct pyqi_pool_task *task, const void *outcomes, size_t len,
		  int error, int status, const char *why)
{
	if (task->map)
		pyqi_pool_map_done(pool, task, outcomes, len, error, why);
	else
		pyqi_pool_result_done(pool, task, outcomes, len, error, status, why);
	pyqi_pool_task_free(pool, task);
	pyqi_pool_map_follow(pool);
	pyqi_pool_end_if_over(pool);
}

static void describe_death(char *text, size_t size, const struct pyqi_pool_news_msg *news)
{
	const char *signal = WIFSIGNALED(news->status) ? sigabbrev_np(WTERMSIG(news->status)) :
							 NULL;

	if (signal)
		snprintf(text, size, "worker %d was killed by SIG%s", news->pid, signal);
	else if (WIFSIGNALED(news->status))
		snprintf(text, size, "worker %d was killed by signal %d", news->pid,
			 WTERMSIG(news->status));
	else
		snprintf(text, size, "worker %d has exited with status %d", news->pid,
			 WEXITSTATUS(news->status));
}

/* A worker has died with it. */
static void lost(pyq_pool *pool, struct pyqi_pool_task *task, const struct pyqi_pool_news_msg *news)
{
	char why[80];
	int err;

	describe_death(why, sizeof(why), news);
	if (task->cancelled) {
		ended(pool, task, NULL, 0, -ECANCELED, news->status,
		      "cancelled while it was running");
	} else if (news->reason == PYQI_POOL_TOO_LONG) {
		ended(pool, task, NULL, 0, -ETIME, news->status, "it ran for too long");
	} else if (!task->retries_left) {
		ended(pool, task, NULL, 0, -EOWNERDEAD, news->status, why);
	} else {
		task->retries_left--;
		pool->stat.retried++;
		err = pyqi_pool_send(pool, task);
		if (err)
			ended(pool, task, NULL, 0, err, news->status, why);
	}
}

void pyqi_pool_fail_all(pyq_pool *pool, int error, const char *why)
{
	pyq_map *maps = pool->maps;

	/* Nothing more is to follow. */
	pool->maps = NULL;
	while (maps) {
		pyq_map *map = maps;

		maps = map->following;
		map->listed = false;
		pyqi_pool_map_drop(pool, map, error, why);
	}
	for (uint32_t i = 0; i < pool->common.attr.queue_size; i++)
		if (pool->tasks[i].under_way)
			ended(pool, &pool->tasks[i], NULL, 0, error, 0, why);
	pyqi_pool_end_if_over(pool);
}

void pyqi_pool_fail(pyq_pool *pool, struct pyqi_pool_task *task, int error, const char *why)
{
	ended(pool, task, NULL, 0, error, 0, why);
}

void pyqi_pool_nudge(pyq_pool *pool)
{
	const struct pyqi_pool_news_msg news = { .news = PYQI_POOL_NUDGE };

	/* One is enough; and without room there is news enough. */
	if (__atomic_exchange_n(&pool->nudged, true, __ATOMIC_SEQ_CST))
		return;
	if (pyq_put(pool->common.news, &news, sizeof(news), PYQ_NOWAIT))
		__atomic_store_n(&pool->nudged, false, __ATOMIC_SEQ_CST);
}

void pyqi_pool_break(pyq_pool *pool, const char *why)
{
	if (!pool->broken[0])
		snprintf(pool->broken, sizeof(pool->broken), "%s", why);
	pool->closed = true;
	pyqi_pool_fail_all(pool, -EOWNERDEAD, pool->broken);
}

static void initializer_fails(pyq_pool *pool, const struct pyqi_pool_news_msg *news)
{
	char why[80], text[120];

	if (news->reason) {
		snprintf(text, sizeof(text), "no process for a worker: %s",
			 strerrordesc_np((int)news->reason));
	} else if (!news->pid) {
		snprintf(text, sizeof(text), "the initializer of a thread fails: it returned %d",
			 news->status);
	} else {
		describe_death(why, sizeof(why), news);
		snprintf(text, sizeof(text), "%s again and again: %s",
			 pool->common.attr.initializer ? "the initializer fails" : "workers fail",
			 why);
	}
	pyqi_pool_break(pool, text);
}

void pyqi_pool_is_gone(pyq_pool *pool)
{
	pool->gone = true;
	/* For ever ready: an event loop is not to turn for that. */
	if (pool->poll_fd >= 0 && pool->helper_fd >= 0)
		epoll_ctl(pool->poll_fd, EPOLL_CTL_DEL, pool->helper_fd, NULL);
}

/* A piece of news in pool->buf. */
void pyqi_pool_take_in(pyq_pool *pool, size_t len)
{
	const struct pyqi_pool_news_msg *news = (void *)pool->buf;
	struct pyqi_pool_task *task = NULL;

	if (len < sizeof(*news) || news->len != len - sizeof(*news))
		return;
	if (news->news <= PYQI_POOL_DIED && news->index < pool->common.attr.queue_size)
		task = &pool->tasks[news->index];
	/* Of an earlier sending: that has been dealt with. */
	if (task && (!task->under_way || task->serial != news->serial))
		return;
	switch ((enum pyqi_pool_news)news->news) {
	case PYQI_POOL_RESULT:
		if (task && news->reason)
			ended(pool, task, NULL, 0, -ENOMSG, 0, "no memory for the result");
		else if (task)
			ended(pool, task, news + 1, news->len, 0, 0, NULL);
		break;
	case PYQI_POOL_DIED:
		if (task)
			lost(pool, task, news);
		break;
	case PYQI_POOL_BROKEN:
		initializer_fails(pool, news);
		break;
	case PYQI_POOL_GONE:
		pyqi_pool_is_gone(pool);
		/* Somebody has written into the table. */
		if (pool->under_way || pool->maps)
			pyqi_pool_break(pool, "the workers have ended too early");
		break;
	case PYQI_POOL_NUDGE:
		__atomic_store_n(&pool->nudged, false, __ATOMIC_SEQ_CST);
		break;
	case PYQI_POOL_ROOM:
		break;
	}
}

void pyqi_pool_send_unsent(pyq_pool *pool)
{
	for (uint32_t i = 0; pool->unsent && i < pool->common.attr.queue_size; i++) {
		struct pyqi_pool_task *task = &pool->tasks[i];
		int err = task->unsent ? pyqi_pool_send(pool, task) : 0;

		if (err)
			ended(pool, task, NULL, 0, err, 0, "it could not be sent again");
		if (task->unsent)
			break;
	}
}
