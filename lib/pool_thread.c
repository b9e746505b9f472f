// SPDX-License-Identifier: MIT
/* Workers that are threads of the program. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "pool.h"

/* Return: 0, or there is no going on. */
static int work_in_thread(const struct pyqi_pool_common *c, uint32_t number)
{
	struct pyqi_pool_worker *me = &c->table->workers[number];
	const struct pyqi_pool_news_msg bad = {
		.news = PYQI_POOL_BROKEN,
		.status = 1 << 8,
		.pid = gettid(),
	};

	if (!pyqi_pool_work(c, number))
		return 0;
	/* What it could not end is lost, as if it had died; and without that it cannot work. */
	if (pyqi_pool_runs(c, number) &&
	    !pyqi_pool_tell_of_death(c, number, 1 << 8, PYQI_POOL_BY_ITSELF)) {
		__atomic_store_n(&me->task, 0, __ATOMIC_SEQ_CST);
		return 0;
	}
	pyqi_pool_tell(c, &bad);
	return 1;
}

/* Return: 0, or it has failed, and the program knows. */
static int initialize(const struct pyqi_pool_common *c)
{
	const int code = c->attr.initializer ? c->attr.initializer(c->attr.initializer_arg) : 0;
	const struct pyqi_pool_news_msg bad = {
		.news = PYQI_POOL_BROKEN,
		.status = code,
	};

	if (code)
		pyqi_pool_tell(c, &bad);
	return code;
}

static void *be_thread(void *arg)
{
	pyq_pool *pool = arg;
	struct pyqi_pool_table *t = pool->common.table;
	const struct pyqi_pool_news_msg gone = { .news = PYQI_POOL_GONE };
	const uint32_t number = __atomic_fetch_add(&t->alive, 1, __ATOMIC_SEQ_CST);
	int code;

	t->workers[number].pid = gettid();
	/* After max_tasks it begins anew: there is nothing to be replaced. */
	do {
		code = initialize(&pool->common);
		if (!code)
			code = work_in_thread(&pool->common, number);
	} while (!code && !__atomic_load_n(&t->closed, __ATOMIC_SEQ_CST));
	/* The last one: nobody else is in here any more. */
	if (__atomic_add_fetch(&t->spare, 1, __ATOMIC_SEQ_CST) == t->target)
		pyqi_pool_tell(&pool->common, &gone);
	return NULL;
}

int pyqi_pool_make_thread(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

int pyqi_pool_make_threads(pyq_pool *pool)
{
	const unsigned int n = pool->common.attr.workers;
	int err;

	pool->threads = calloc(n, sizeof(*pool->threads));
	if (!pool->threads)
		return -ENOMEM;
	while (pool->nr_threads < n) {
		err = pyqi_pool_make_thread(&pool->threads[pool->nr_threads], be_thread, pool);
		if (err)
			return err;
		pool->nr_threads++;
	}
	return 0;
}
