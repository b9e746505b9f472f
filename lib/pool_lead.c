// SPDX-License-Identifier: MIT
/* Who does the pool's work: one of those who wait, the leader, for all of them. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "aio.h"
#include "pool.h"
#include "spin.h"
#include "word.h"

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
		pyqi_pool_send_unsent(pool);
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
	pyqi_pool_break(pool, text);
	pyqi_pool_is_gone(pool);
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
		pyqi_pool_take_in(pool, (size_t)len);
	}
	if (n == NEWS_AT_ONCE || len == -EAGAIN)
		len = 0;
	/* That there will be none has been seen: once is news. */
	if (len < 0 && !n && pool->gone)
		return false;
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
		pyqi_pool_is_gone(pool);
		if (!pool->terminated)
			pyqi_pool_break(pool, "the pool's helper process has died");
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
	pyqi_pool_take_in(pool, (size_t)done.result);
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
		if (!pyqi_spin_until(&pool->spinning, deadline, take_news, pool))
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

void pyqi_pool_leave(pyq_pool *pool)
{
	/* Who destroys it is a follower. */
	if (!--pool->inside && pool->followers)
		pthread_cond_broadcast(&pool->changed);
}

void pyqi_pool_wait_for_others(pyq_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	while (pool->inside)
		follow(pool, PYQI_FOREVER);
	pthread_mutex_unlock(&pool->lock);
}

int pyqi_pool_wait_until(pyq_pool *pool, bool (*done)(pyq_pool *pool, const void *arg),
			 const void *arg, uint64_t deadline)
{
	int ret = 0;

	pthread_mutex_lock(&pool->lock);
	pyqi_pool_enter(pool);
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
	pyqi_pool_leave(pool);
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
	pyqi_pool_enter(pool);
	pthread_mutex_unlock(&pool->lock);
	lead(pool, NULL, NULL, PYQI_NOWAIT);
	watch(pool);
	pthread_mutex_lock(&pool->lock);
	stop_leading(pool, true);
	ret = pool->broken[0] ? -EOWNERDEAD : pool->deaf;
	pyqi_pool_leave(pool);
	pthread_mutex_unlock(&pool->lock);
	return ret;
}
