// SPDX-License-Identifier: GPL-2.0
/* Maps and several threads, and callbacks. */
#include "lib_pool_map.h"

/* --- a map each ------------------------------------------------------------------------------ */

static void *use_maps(void *arg)
{
	pyq_pool *pool = arg;
	intptr_t wrong = 0;
	int n[60];

	number(n, 60);
	for (size_t chunk = 0; chunk < 40; chunk++) {
		pyq_map *map;
		size_t at, sum = 0;

		wrong += pyq_pool_map_async(pool, square, ITEMS(n), chunk % 10, &map) != 0;
		for (size_t i = 0; i < 60; i++) {
			wrong += pyq_map_next(map, chunk % 2, PYQ_FOREVER, &at) != 1;
			wrong += int_of(map, at) != (int)(at * at);
			sum += at;
		}
		wrong += sum != 59 * 30;
		wrong += pyq_map_next(map, chunk % 2, PYQ_FOREVER, &at) != 0;
		wrong += pyq_map_free(map) != 0;
	}
	return (void *)wrong;
}

TEST_F(pool, from_several_threads)
{
	pthread_t threads[4];
	void *wrong;

	begin(.workers = 2, .queue_size = 3);
	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, use_maps, self->pool));
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &wrong));
		EXPECT_EQ(NULL, wrong);
	}
	EXPECT_EQ(4 * 40 * 60, wait_stat(true).done);
}

/* --- one map, all of them --------------------------------------------------------------------- */

#define MANY 2000

struct together {
	pyq_map *map;
	unsigned int flags;
	int taken[MANY]; /* who has got which */
	int wrong;
};

static int fail_odd(struct pyq_call *call)
{
	return *(int *)call->arg % 2 ? pyq_error(call, -EIO, "odd") : echo(call);
}

static bool is_right(const pyq_map *map, size_t i)
{
	return i % 2 ? pyq_map_get(map, i, NULL) == -EIO && !strcmp(pyq_map_text(map, i), "odd") :
		       int_of(map, i) == (int)i;
}

static void *take_some(void *arg)
{
	struct together *t = arg;
	size_t i;
	int ret;

	while ((ret = pyq_map_next(t->map, t->flags, PYQ_FOREVER, &i)) == 1) {
		count(&t->taken[i]);
		if (!is_right(t->map, i))
			count(&t->wrong);
	}
	if (ret)
		count(&t->wrong);
	return NULL;
}

/* Looks, and does not wait: what has not ended is to come, what has is right. */
static void *look_at_all(void *arg)
{
	struct together *t = arg;
	size_t done;

	do {
		done = pyq_map_done(t->map);
		for (size_t i = 0; i < MANY; i++)
			if (pyq_map_get(t->map, i, NULL) == -EAGAIN ? done == MANY :
								      !is_right(t->map, i))
				count(&t->wrong);
	} while (done < MANY);
	return NULL;
}

TEST_F(pool, one_map_of_several_threads)
{
	static int n[MANY];

	number(n, MANY);
	begin(.workers = 2, .queue_size = 7);
	for (unsigned int flags = 0; flags <= PYQ_MAP_UNORDERED; flags++) {
		struct together t = { .flags = flags };
		pthread_t threads[4];

		t.map = map_all(fail_odd, ITEMS(n), 3);
		for (int i = 0; i < 4; i++)
			ASSERT_EQ(0, pthread_create(&threads[i], NULL, i ? take_some : look_at_all, &t));
		for (int i = 0; i < 4; i++)
			ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_EQ(0, t.wrong);
		for (int i = 0; i < MANY; i++)
			EXPECT_EQ(1, t.taken[i]);
		EXPECT_EQ(0, pyq_map_free(t.map));
	}
}

/* Whoever sees that all have ended may free it, while another does the pool's work. */
static void *free_when_ended(void *arg)
{
	pyq_map *map = arg;

	while (pyq_map_done(map) < 3)
		sched_yield();
	return (void *)(intptr_t)pyq_map_free(map);
}

static void *wait_for_it(void *r)
{
	return (void *)(intptr_t)pyq_result_wait(r, LONG);
}

TEST_F(pool, freed_while_another_works)
{
	pthread_t works, frees;
	int n[3] = { -5, -6, -7 };
	pyq_result *r;
	void *err;

	begin(.workers = 2);
	r = start(gate);
	ASSERT_EQ(0, pthread_create(&works, NULL, wait_for_it, r));
	for (int i = 0; i < 200; i++) {
		pyq_map *map = map_all(i % 2 ? nothing : fail, ITEMS(n), (size_t)i % 4);

		ASSERT_EQ(0, pthread_create(&frees, NULL, free_when_ended, map));
		ASSERT_EQ(0, pthread_join(frees, &err));
		EXPECT_EQ(NULL, err);
	}
	sem_post(&shared->go);
	ASSERT_EQ(0, pthread_join(works, &err));
	EXPECT_EQ(NULL, err);
	EXPECT_EQ(0, finish(r));
}

/* --- in a callback ---------------------------------------------------------------------------- */

struct waits {
	pyq_pool *pool;
	pyq_map *map;
	int err;
	sem_t end;
};

static void map_in_callback(pyq_result *r, void *context)
{
	struct waits *w = context;
	int n[4] = { 0 };

	(void)r;
	w->err = pyq_pool_map(w->pool, counted, ITEMS(n), 1, &w->map);
	sem_post(&w->end);
}

/* It cannot wait: then nothing is begun, of which nobody would know. */
/* proves: pyq_pool_map -EDEADLK */
TEST_F(pool, map_in_a_callback)
{
	struct waits w = { .map = (pyq_map *)1 };

	sem_init(&w.end, 0, 0);
	begin(.workers = 1);
	w.pool = self->pool;
	pyq_result_free(start(nothing, .callback = map_in_callback, .context = &w));
	ASSERT_TRUE(pass(&w.end));
	EXPECT_EQ(-EDEADLK, w.err);
	EXPECT_EQ(NULL, w.map);
	EXPECT_EQ(0, finish(start(nothing)));
	EXPECT_EQ(2, wait_stat(true).submitted);
	EXPECT_EQ(0, load(&shared->runs));
}

TEST_HARNESS_MAIN
