// SPDX-License-Identifier: MIT
/* Tasks under way: sent, sent again, and what news there is of them. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "aio.h"
#include "pool.h"
#include "spin.h"
#include "word.h"

struct pyqi_pool_task *pyqi_pool_task_new(pyq_pool *pool)
{
	struct pyqi_pool_task *task;

	if (!pool->free)
		return NULL;
	task = &pool->tasks[pool->free - 1];
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

static void broken(pyq_pool *pool, const char *why)
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
	broken(pool, text);
}

/* Under the lock: nothing comes from there any more. */
static void is_gone(pyq_pool *pool)
{
	pool->gone = true;
	/* For ever ready: an event loop is not to turn for that. */
	if (pool->poll_fd >= 0 && pool->helper_fd >= 0)
		epoll_ctl(pool->poll_fd, EPOLL_CTL_DEL, pool->helper_fd, NULL);
}

/* A piece of news in pool->buf. */
static void take_in(pyq_pool *pool, size_t len)
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
		is_gone(pool);
		/* Somebody has written into the table. */
		if (pool->under_way || pool->maps)
			broken(pool, "the workers have ended too early");
		break;
	case PYQI_POOL_NUDGE:
		__atomic_store_n(&pool->nudged, false, __ATOMIC_SEQ_CST);
		break;
	case PYQI_POOL_ROOM:
		break;
	}
}

/* --- who does the pool's work ------------------------------------------------------------- */

static void send_unsent(pyq_pool *pool)
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

static void call_back(pyq_pool *pool)
{
	pyq_result *r;

	pthread_mutex_lock(&pool->lock);
	while ((r = pool->ended)) {
		void (*fn)(pyq_result *, void *) = r->error ? r->error_callback : r->callback;

		pool->ended = r->next;
		if (!pool->ended)
			pool->ended_end = &pool->ended;
		pthread_mutex_unlock(&pool->lock);
		fn(r, r->context);
		pyq_result_free(r);
		pthread_mutex_lock(&pool->lock);
	}
	pthread_mutex_unlock(&pool->lock);
}

/* Under the lock, after news have been taken. Return: are there callbacks to be called? */
static bool taken(pyq_pool *pool)
{
	struct pyqi_pool_table *t = pool->common.table;

	/* There is room for a result again: somebody waits for that. */
	if (__atomic_load_n(&t->no_room, __ATOMIC_SEQ_CST) &&
	    __atomic_exchange_n(&t->no_room, 0, __ATOMIC_SEQ_CST)) {
		__atomic_add_fetch(&t->room, 1, __ATOMIC_SEQ_CST);
		pyqi_word_wake(&t->room, PYQI_ALL, true);
	}
	pool->has_asked = false;
	if (pool->unsent)
		send_unsent(pool);
	if (pool->followers)
		pthread_cond_broadcast(&pool->changed);
	return pool->ended;
}

/* What cannot be got will not come. Under the lock. */
static void spoiled(pyq_pool *pool, int err)
{
	const struct pyqi_pool_order_msg order = { .order = PYQI_POOL_TERMINATE };
	char text[120];

	if (pool->gone)
		return;
	snprintf(text, sizeof(text), "the queue of results has failed: %s", strerrordesc_np(-err));
	broken(pool, text);
	pool->gone = true;
	if (!pool->threads)
		pyqi_pool_order(pool, &order);
}

static bool take_asked(pyq_pool *pool);

/* So many news before callbacks are called, and others looked after. */
#define NEWS_AT_ONCE 64

/* Return: whether there was any. */
static bool take_news(void *arg)
{
	pyq_pool *pool = arg;
	unsigned int n = 0;
	ssize_t len = -EAGAIN;
	bool callbacks;

	/* What the kernel takes for us, or has, comes before what is taken here, into the same room. */
	if (pool->asked && (pool->by_kernel || pyqi_aio_completed(pool->aio)))
		return take_asked(pool);
	while (n < NEWS_AT_ONCE &&
	       (len = pyq_get(pool->common.news, pool->buf, pool->size, PYQ_NOWAIT)) >= 0) {
		if (!n++)
			pthread_mutex_lock(&pool->lock);
		take_in(pool, (size_t)len);
	}
	if (n == NEWS_AT_ONCE || len == -EAGAIN)
		len = 0;
	if (len < 0 && !n++)
		pthread_mutex_lock(&pool->lock);
	if (!n)
		return false;
	if (len < 0)
		spoiled(pool, (int)len);
	callbacks = taken(pool);
	pthread_mutex_unlock(&pool->lock);
	if (callbacks)
		call_back(pool);
	return true;
}

/* Something may have happened that the queue does not show. */
static void look_at_helper(pyq_pool *pool)
{
	struct pollfd pfd = { .fd = pool->helper_fd, .events = POLLIN };
	bool callbacks;

	if (pool->helper_fd < 0 || pool->gone || poll(&pfd, 1, 0) != 1)
		return;
	/* What it, and the workers, have said before. */
	while (take_news(pool))
		;
	pthread_mutex_lock(&pool->lock);
	if (!pool->gone) {
		is_gone(pool);
		if (!pool->terminated)
			broken(pool, "the pool's helper process has died");
	}
	callbacks = taken(pool);
	pthread_mutex_unlock(&pool->lock);
	if (callbacks)
		call_back(pool);
}

/* Has the operation that waits for news got some? */
static bool take_asked(pyq_pool *pool)
{
	struct pyq_completion done;
	bool callbacks;
	ssize_t n;

	/*
	 * It may end in the last look that this takes, and is known only by another one: until
	 * then its message is in pool->buf, where others go.
	 */
	do
		n = pyq_aio_wait(pool->aio, &done, 1, 1, PYQ_NOWAIT);
	while (n != 1 && pyqi_aio_completed(pool->aio));
	if (n != 1) {
		/* It may not be watched: then it is looked for. */
		pool->deaf = n < 0 ? (int)n : 0;
		return false;
	}
	pool->asked = false;
	pool->deaf = done.result < 0 ? (int)done.result : 0;
	if (pool->deaf)
		return false;
	pthread_mutex_lock(&pool->lock);
	take_in(pool, (size_t)done.result);
	callbacks = taken(pool);
	pthread_mutex_unlock(&pool->lock);
	if (callbacks)
		call_back(pool);
	return true;
}

static void begin_to_ask(pyq_pool *pool)
{
	if (pool->asked)
		return;
	pool->deaf =
		pyq_aio_get(pool->aio, pool->common.news, pool->buf, pool->size, PYQ_FOREVER, 1);
	pool->asked = !pool->deaf;
}

/* Have the kernel watch. Return: whether something has come instead. */
static bool ask(pyq_pool *pool)
{
	begin_to_ask(pool);
	return pool->asked && take_asked(pool);
}

/* So that the fd tells of what comes. If it does not end, of what is there by then, and no more. */
static void watch(pyq_pool *pool)
{
	unsigned int rounds = 0;

	while (ask(pool)) {
		if (++rounds < NEWS_AT_ONCE)
			continue;
		begin_to_ask(pool);
		if (pool->asked)
			pool->deaf = pyq_aio_submit(pool->aio);
		break;
	}
}

/* How often somebody looks whom nobody tells. */
#define DEAF_NS 5000000

static void sleep_until(pyq_pool *pool, uint64_t deadline)
{
	struct pollfd fds[2] = {
		{ .fd = pool->aio_fd, .events = POLLIN },
		{ .fd = pool->gone ? -1 : pool->helper_fd, .events = POLLIN },
	};

	if (ask(pool))
		return;
	if (pool->deaf && pyqi_now() + DEAF_NS < deadline)
		deadline = pyqi_now() + DEAF_NS;
	pyqi_poll_until(fds, 2, deadline);
	look_at_helper(pool);
	if (pool->asked)
		take_asked(pool);
}

/* Without its lock, led by the caller. Return: 0, -EAGAIN, -ETIMEDOUT. */
static int lead(pyq_pool *pool, bool (*done)(pyq_pool *pool, const void *arg), const void *arg,
		uint64_t deadline)
{
	for (unsigned int rounds = 0;; rounds++) {
		const bool over = deadline != PYQI_FOREVER && pyqi_now() >= deadline;
		const bool more = take_news(pool);
		bool is_done;

		if (!more && over)
			look_at_helper(pool);
		pthread_mutex_lock(&pool->lock);
		is_done = done && done(pool, arg);
		pthread_mutex_unlock(&pool->lock);
		if (is_done)
			return 0;
		if (more && (!over || rounds < NEWS_AT_ONCE))
			continue;
		if (over)
			return deadline == PYQI_NOWAIT ? -EAGAIN : -ETIMEDOUT;
		if (!pyqi_spin_until(&pool->spin, pyqi_spin_default(), deadline, take_news, pool))
			sleep_until(pool, deadline);
	}
}

/* Until something changes, or @deadline; under the lock. */
static void follow(pyq_pool *pool, uint64_t deadline)
{
	const struct timespec at = {
		.tv_sec = (time_t)(deadline / 1000000000),
		.tv_nsec = (long)(deadline % 1000000000),
	};

	pool->followers++;
	if (deadline == PYQI_FOREVER)
		pthread_cond_wait(&pool->changed, &pool->lock);
	else
		pthread_cond_clockwait(&pool->changed, &pool->lock, CLOCK_MONOTONIC, &at);
	pool->followers--;
}

int pyqi_pool_wait(pyq_pool *pool, bool (*done)(pyq_pool *pool, const void *arg), const void *arg,
		   int64_t timeout)
{
	uint64_t deadline;
	int err = pyqi_deadline(timeout, &deadline);

	return err ? err : pyqi_pool_wait_until(pool, done, arg, deadline);
}

/*
 * Under the lock: another may lead. An event loop that was let go meanwhile, as somebody led, polls
 * by now: what comes is to show there.
 */
static void stop_leading(pyq_pool *pool, bool is_watched)
{
	while (pool->poll_fd >= 0 && !is_watched) {
		pthread_mutex_unlock(&pool->lock);
		watch(pool);
		is_watched = true;
		pthread_mutex_lock(&pool->lock);
	}
	pool->led = false;
	if (pool->followers)
		pthread_cond_broadcast(&pool->changed);
}

int pyqi_pool_wait_until(pyq_pool *pool, bool (*done)(pyq_pool *pool, const void *arg),
			 const void *arg, uint64_t deadline)
{
	int ret = 0;

	pthread_mutex_lock(&pool->lock);
	while (!done(pool, arg)) {
		if (!pool->led) {
			pool->led = true;
			pool->leader = pthread_self();
			pthread_mutex_unlock(&pool->lock);
			ret = lead(pool, done, arg, deadline);
			pthread_mutex_lock(&pool->lock);
			stop_leading(pool, false);
			break;
		}
		if (pthread_equal(pool->leader, pthread_self()))
			ret = -EDEADLK;
		else if (deadline == PYQI_NOWAIT)
			ret = -EAGAIN;
		else if (deadline != PYQI_FOREVER && pyqi_now() >= deadline)
			ret = -ETIMEDOUT;
		if (ret)
			break;
		follow(pool, deadline);
	}
	pthread_mutex_unlock(&pool->lock);
	return ret;
}

bool pyqi_pool_is_led_by_me(pyq_pool *pool)
{
	bool mine;

	if (!pyqi_generation_is(pool->generation))
		return false;
	pthread_mutex_lock(&pool->lock);
	mine = pool->led && pthread_equal(pool->leader, pthread_self());
	pthread_mutex_unlock(&pool->lock);
	return mine;
}

int pyqi_pool_look(pyq_pool *pool)
{
	int ret = 0;

	pthread_mutex_lock(&pool->lock);
	if (pool->led) {
		if (pthread_equal(pool->leader, pthread_self()))
			ret = -EDEADLK;
		pthread_mutex_unlock(&pool->lock);
		return ret;
	}
	pool->led = true;
	pool->leader = pthread_self();
	pthread_mutex_unlock(&pool->lock);
	lead(pool, NULL, NULL, PYQI_NOWAIT);
	watch(pool);
	pthread_mutex_lock(&pool->lock);
	stop_leading(pool, true);
	ret = pool->broken[0] ? -EOWNERDEAD : pool->deaf;
	pthread_mutex_unlock(&pool->lock);
	return ret;
}
