// SPDX-License-Identifier: GPL-2.0
/* A pool's life: callbacks, event loops, counters, sizes, other processes, and its end. */
#include "lib_pool.h"

/* --- its end ------------------------------------------------------------------------ */

/* What is under way is done; then there is nobody any more. */
/* proves: pyq_pool_join -EBUSY, pyq_pool_join -EAGAIN, pyq_pool_join -ETIMEDOUT, pyq_pool_join -EINVAL */
/* proves: pyq_pool_apply_async -ESHUTDOWN, pyq_pool_resize -ESHUTDOWN, pyq_pool_map_async -ESHUTDOWN, pyq_pool_map -ESHUTDOWN */
TEST_F(pool, close_and_join)
{
	const struct pyq_task task = { .function = nothing };
	const struct pyq_items items = { .base = "1234", .size = 1, .n = 4 };
	pyq_result *r[5], *none = (pyq_result *)1;
	pyq_map *map = (pyq_map *)1;

	begin(.workers = 2);
	EXPECT_EQ(-EBUSY, lib(pyq_pool_join(self->pool, LONG)));
	for (int i = 0; i < 5; i++)
		r[i] = start(gate, INT(i));
	EXPECT_EQ(0, lib(pyq_pool_close(self->pool)));
	EXPECT_EQ(0, lib(pyq_pool_close(self->pool)));
	EXPECT_EQ(-ESHUTDOWN, lib(pyq_pool_apply_async(self->pool, &task, LONG, &none)));
	EXPECT_EQ(NULL, none);
	EXPECT_EQ(-ESHUTDOWN, lib(pyq_pool_map_async(self->pool, nothing, &items, 0, &map)));
	EXPECT_EQ(NULL, map);
	EXPECT_EQ(-ESHUTDOWN, lib(pyq_pool_map(self->pool, nothing, &items, 0, &map)));
	EXPECT_EQ(with_threads() ? -EOPNOTSUPP : -ESHUTDOWN, lib(pyq_pool_resize(self->pool, 3)));
	EXPECT_EQ(-EAGAIN, lib(pyq_pool_join(self->pool, PYQ_NOWAIT)));
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_pool_join(self->pool, PYQ_MILLISECONDS(10))));
	EXPECT_EQ(-EINVAL, lib(pyq_pool_join(self->pool, -2)));
	for (int i = 0; i < 5; i++)
		sem_post(&shared->go);
	EXPECT_EQ(0, lib(pyq_pool_join(self->pool, LONG)));
	EXPECT_EQ(0, lib(pyq_pool_join(self->pool, PYQ_NOWAIT)));
	EXPECT_EQ(0, wait_stat(true).workers);
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(4, finish(r[i]));
	EXPECT_EQ(5, load(&shared->runs));
}

TEST_F(pool, close_of_idle)
{
	begin(.workers = 2);
	EXPECT_EQ(0, pyq_pool_close(self->pool));
	EXPECT_EQ(0, pyq_pool_join(self->pool, LONG));
}

/* Those that run are killed; threads end what they are at. */
/* proves: pyq_pool_terminate -ECANCELED */
TEST_F(pool, terminate)
{
	pyq_result *r[5];

	begin(.workers = 2);
	for (int i = 0; i < 5; i++)
		r[i] = start(gate, INT(i));
	ASSERT_TRUE(pass(&shared->begun));
	ASSERT_TRUE(pass(&shared->begun));
	EXPECT_EQ(0, lib(pyq_pool_terminate(self->pool)));
	EXPECT_EQ(0, lib(pyq_pool_terminate(self->pool)));
	for (int i = 0; i < 5; i++) {
		EXPECT_TRUE(pyq_result_ready(r[i]));
		EXPECT_EQ(-ECANCELED, lib(pyq_result_get(r[i], NULL, 0, PYQ_NOWAIT)));
		EXPECT_STREQ("the pool has been terminated", pyq_result_text(r[i]));
		pyq_result_free(r[i]);
	}
	if (with_threads()) {
		EXPECT_EQ(-ETIMEDOUT, lib(pyq_pool_join(self->pool, PYQ_MILLISECONDS(5))));
		sem_post(&shared->go);
		sem_post(&shared->go);
	}
	EXPECT_EQ(0, lib(pyq_pool_join(self->pool, LONG)));
	EXPECT_EQ(2, load(&shared->runs));
	EXPECT_EQ(0, lib(pyq_pool_destroy(self->pool)));
	EXPECT_EQ(0, lib(pyq_pool_destroy(NULL)));
	self->pool = NULL;
}

static void *apply_gate(void *pool)
{
	const struct pyq_task task = { .function = gate };

	return (void *)(intptr_t)pyq_pool_apply(pool, &task, NULL, 0);
}

/* proves: pyq_pool_apply -ECANCELED */
TEST_F(pool, terminate_while_others_wait)
{
	pthread_t threads[3];
	void *err;

	begin(.workers = 1);
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, apply_gate, self->pool));
	ASSERT_TRUE(pass(&shared->begun));
	wait_stat(st.submitted == 3);
	EXPECT_EQ(0, lib(pyq_pool_terminate(self->pool)));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &err));
		EXPECT_EQ(-ECANCELED, (int)(intptr_t)err);
	}
}

TEST_F(pool, destroy_at_once)
{
	for (int i = 0; i < 20; i++) {
		begin(.workers = 3);
		for (int j = 0; j < i % 4; j++)
			pyq_result_free(start(nothing));
		EXPECT_EQ(0, lib(pyq_pool_destroy(self->pool)));
		self->pool = NULL;
	}
}

/* Who waits for room when the pool is closed does not wait until there is some. */
static void *wait_for_room(void *arg)
{
	const struct pyq_task task = { .function = nothing };

	return (void *)(intptr_t)pyq_pool_apply_async(arg, &task, LONG, NULL);
}

TEST_F(pool, closed_without_room)
{
	pthread_t thread;
	pyq_result *r;
	void *err;

	begin(.workers = 1, .queue_size = 1);
	r = start(gate);
	ASSERT_TRUE(pass(&shared->begun));
	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_for_room, self->pool));
	EXPECT_EQ(0, pyq_pool_close(self->pool));
	ASSERT_EQ(0, pthread_join(thread, &err));
	EXPECT_EQ(-ESHUTDOWN, (int)(intptr_t)err);
	EXPECT_FALSE(pyq_result_ready(r));
	sem_post(&shared->go);
	EXPECT_EQ(0, finish(r));
}

/* --- callbacks ------------------------------------------------------------------------- */

static void expect_calls(struct __test_metadata *_metadata, FIXTURE_DATA(pool) *self)
{
	struct called done = { .error = 1 }, failed = { .error = 1 };

	sem_init(&done.sem, 0, 0);
	sem_init(&failed.sem, 0, 0);
	pyq_result_free(start(square, INT(5), .callback = on_done, .error_callback = on_failure,
			      .context = &done));
	pyq_result_free(start(fail, INT(-EIO), .callback = on_done, .error_callback = on_failure,
			      .context = &failed));
	/* The pool's own thread calls them. */
	EXPECT_TRUE(pass(&done.sem));
	EXPECT_TRUE(pass(&failed.sem));
	EXPECT_EQ(1, load(&done.done));
	EXPECT_EQ(0, load(&done.failed));
	EXPECT_EQ(4, load(&done.error));
	EXPECT_EQ(0, load(&failed.done));
	EXPECT_EQ(1, load(&failed.failed));
	EXPECT_EQ(-EIO, load(&failed.error));
	/* None where there is none. */
	EXPECT_EQ(-EIO, finish(start(fail, INT(-EIO), .callback = on_done, .context = &done)));
	EXPECT_EQ(4, finish(start(square, INT(5), .error_callback = on_failure, .context = &done)));
	EXPECT_EQ(1, load(&done.done) + load(&done.failed));
}

TEST_F(pool, callbacks)
{
	begin(.workers = 2);
	expect_calls(_metadata, self);
}

TEST_F(pool, callback_of_cancelled)
{
	struct called c = { .error = 1 };
	pyq_result *r, *waits;

	sem_init(&c.sem, 0, 0);
	begin(.workers = 1);
	r = start(gate);
	waits = start(nothing, .error_callback = on_failure, .context = &c);
	EXPECT_EQ(0, lib(pyq_result_cancel(waits)));
	EXPECT_TRUE(pass(&c.sem));
	EXPECT_EQ(-ECANCELED, load(&c.error));
	pyq_result_free(waits);
	/* And of what the pool's end ends, before the pool is gone. */
	pyq_result_free(start(nothing, .error_callback = on_failure, .context = &c));
	for (int i = 0; i < 2; i++)
		sem_post(&shared->go);
	pyq_result_free(r);
	EXPECT_EQ(0, pyq_pool_terminate(self->pool));
	EXPECT_EQ(0, pyq_pool_destroy(self->pool));
	self->pool = NULL;
	EXPECT_GE(2, load(&c.failed));
}

/* A callback begins the next one, and may not wait. */
struct chain {
	pyq_pool *pool;
	int left, ended, errors[6];
	pyq_result *running;
	pyq_map *map;
	sem_t end;
};

static void go_on(pyq_result *r, void *context)
{
	struct chain *c = context;
	struct pyq_task task = { .function = square, INT(3), .callback = go_on, .context = c };
	struct pyq_task gated = { .function = gate };
	const struct pyq_items items = { .base = "12", .size = 1, .n = 2 };
	size_t i;

	(void)r;
	if (--c->left) {
		if (pyq_pool_apply_async(c->pool, &task, LONG, NULL))
			abort();
		return;
	}
	if (pyq_pool_apply_async(c->pool, &gated, LONG, &c->running) ||
	    pyq_pool_map_async(c->pool, gate, &items, 1, &c->map))
		abort();
	c->errors[0] = pyq_result_wait(c->running, LONG);
	c->errors[1] = pyq_pool_process(c->pool);
	c->errors[2] = pyq_map_wait(c->map, LONG);
	c->errors[3] = pyq_map_next(c->map, 0, LONG, &i);
	c->errors[4] = pyq_map_free(c->map);
	while (!(c->errors[5] = pyq_pool_apply_async(c->pool, &gated, LONG, NULL)))
		;
	count(&c->ended);
	sem_post(&c->end);
}

/* proves: pyq_result_wait -EDEADLK, pyq_pool_process -EDEADLK, pyq_map_wait -EDEADLK, pyq_map_next -EDEADLK, pyq_map_free -EDEADLK, pyq_pool_apply_async -EDEADLK, pyq_task -EDEADLK */
static void callbacks_that_submit(struct __test_metadata *_metadata, FIXTURE_DATA(pool) *self,
				  bool own)
{
	struct chain c = { .pool = self->pool, .left = 100 };

	sem_init(&c.end, 0, 0);
	pyq_result_free(start(square, INT(3), .callback = go_on, .context = &c));
	if (own) {
		ASSERT_TRUE(pass(&c.end));
	} else {
		wait_stat(load(&c.ended));
	}
	for (int i = 0; i < 6; i++)
		EXPECT_EQ(-EDEADLK, c.errors[i]);
	for (int i = 0; i < 20; i++)
		sem_post(&shared->go);
	EXPECT_EQ(0, pyq_result_wait(c.running, LONG));
	/* It is not lost, though what had not been sent is. */
	EXPECT_EQ(0, pyq_map_wait(c.map, LONG));
	EXPECT_EQ(0, pyq_map_free(c.map));
	pyq_result_free(c.running);
}

TEST_F(pool, callbacks_that_submit)
{
	begin(.workers = 1, .queue_size = 8);
	callbacks_that_submit(_metadata, self, true);
}

TEST_F(pool, callbacks_without_thread)
{
	struct called c = { .done = 0 };

	sem_init(&c.sem, 0, 0);
	begin(.workers = 1, .queue_size = 8, .flags = PYQ_POOL_NO_THREAD);
	pyq_result_free(start(square, INT(5), .callback = on_done, .context = &c));
	/* Nobody else does it. */
	wait_stat(st.done == 1);
	EXPECT_EQ(1, load(&c.done));
	callbacks_that_submit(_metadata, self, false);
}

/* A pool's end in a callback: it is told, and not waited for. */
static void end_it(pyq_result *r, void *context)
{
	struct chain *c = context;

	(void)r;
	c->errors[0] = pyq_pool_close(c->pool);
	c->errors[1] = pyq_pool_join(c->pool, LONG);
	c->errors[2] = pyq_pool_destroy(c->pool);
	sem_post(&c->end);
}

/* proves: pyq_pool_join -EDEADLK, pyq_pool_destroy -EDEADLK */
TEST_F(pool, end_in_a_callback)
{
	struct chain c = { .left = 1 };

	sem_init(&c.end, 0, 0);
	begin(.workers = 1);
	c.pool = self->pool;
	pyq_result_free(start(nothing, .callback = end_it, .context = &c));
	ASSERT_TRUE(pass(&c.end));
	EXPECT_EQ(0, c.errors[0]);
	EXPECT_EQ(-EDEADLK, c.errors[1]);
	EXPECT_EQ(-EDEADLK, c.errors[2]);
}

/* --- event loops ------------------------------------------------------------------------ */

TEST_F(pool, event_loop)
{
	struct called c = { .done = 0 };
	struct pollfd pfd = { .events = POLLIN };
	pyq_result *r;

	sem_init(&c.sem, 0, 0);
	begin(.workers = 2, .flags = PYQ_POOL_NO_THREAD);
	pfd.fd = lib(pyq_pool_fd(self->pool));
	ASSERT_LE(0, pfd.fd);
	EXPECT_EQ(pfd.fd, lib(pyq_pool_fd(self->pool)));
	for (int i = 0; i < 100; i++)
		pyq_result_free(start(square, INT(i), .callback = on_done, .context = &c));
	while (load(&c.done) < 100) {
		ASSERT_EQ(0, lib(pyq_pool_process(self->pool)));
		if (load(&c.done) < 100)
			ASSERT_EQ(1, poll(&pfd, 1, LONG / 1000000));
	}
	/* Nothing to do: not ready. */
	r = start(gate);
	ASSERT_TRUE(pass(&shared->begun));
	while (poll(&pfd, 1, 0))
		ASSERT_EQ(0, pyq_pool_process(self->pool));
	sem_post(&shared->go);
	EXPECT_EQ(1, poll(&pfd, 1, LONG / 1000000));
	EXPECT_EQ(0, finish(r));
	/* Its end shows as well, and then it is not ready for ever. */
	EXPECT_EQ(0, pyq_pool_close(self->pool));
	do {
		ASSERT_EQ(0, pyq_pool_process(self->pool));
	} while (pyq_pool_join(self->pool, PYQ_NOWAIT) && poll(&pfd, 1, LONG / 1000000));
	EXPECT_EQ(0, pyq_pool_join(self->pool, PYQ_NOWAIT));
	for (int i = 0; i < 100 && poll(&pfd, 1, 0); i++)
		ASSERT_EQ(0, pyq_pool_process(self->pool));
	EXPECT_EQ(0, poll(&pfd, 1, 0)) TH_LOG("ready for ever");
}

/* --- counters and numbers --------------------------------------------------------------- */

TEST_F(pool, counters)
{
	struct pyq_pool_stat st = { 0 };
	pyq_result *r[40];
	pyq_map *map;
	int n[200];
	const struct pyq_items items = { .base = n, .size = sizeof(int), .n = 200 };
	bool all = false;

	begin(.workers = 2);
	for (int i = 0; i < 200; i++)
		n[i] = i % 5 ? i : -EIO;
	for (int i = 0; i < 40; i++)
		r[i] = start(i % 4 ? square : fail, INT(i + 1));
	ASSERT_EQ(0, lib(pyq_pool_map_async(self->pool, square, &items, 3, &map)));
	while (!all) {
		pyq_pool_process(self->pool);
		ASSERT_EQ(0, lib(pyq_pool_stat(self->pool, &st)));
		ASSERT_EQ(240, st.submitted);
		ASSERT_GE(2, st.running);
		ASSERT_GE(240, st.done + st.failed + st.running);
		all = pyq_map_done(map) == 200;
		for (int i = 0; i < 40; i++)
			all &= pyq_result_ready(r[i]);
	}
	ASSERT_EQ(0, lib(pyq_pool_stat(self->pool, &st)));
	EXPECT_EQ(10, st.failed);
	EXPECT_EQ(230, st.done);
	EXPECT_EQ(0, st.running + st.retried + st.died);
	for (int i = 0; i < 40; i++)
		pyq_result_free(r[i]);
	EXPECT_EQ(0, pyq_map_free(map));
	r[0] = start(gate);
	ASSERT_TRUE(pass(&shared->begun));
	ASSERT_EQ(0, lib(pyq_pool_stat(self->pool, &st)));
	EXPECT_EQ(1, st.running);
	sem_post(&shared->go);
	EXPECT_EQ(0, finish(r[0]));
	wait_stat(!st.running);
}

/* proves: pyq_pool_resize -EINVAL, pyq_pool_resize -EOPNOTSUPP */
TEST_F(pool, resize)
{
	pyq_result *r[8];

	begin(.workers = 2);
	if (with_threads()) {
		EXPECT_EQ(-EOPNOTSUPP, lib(pyq_pool_resize(self->pool, 3)));
		return;
	}
	EXPECT_EQ(-EINVAL, lib(pyq_pool_resize(self->pool, 0)));
	EXPECT_EQ(-EINVAL, lib(pyq_pool_resize(self->pool, 65)));
	EXPECT_EQ(0, lib(pyq_pool_resize(self->pool, 5)));
	wait_stat(st.workers == 5);
	for (int i = 0; i < 5; i++)
		r[i] = start(gate);
	for (int i = 0; i < 5; i++)
		ASSERT_TRUE(pass(&shared->begun)); /* all at once */
	for (int i = 5; i < 8; i++)
		r[i] = start(gate);
	/* Those too many end before those that wait are begun. */
	EXPECT_EQ(0, lib(pyq_pool_resize(self->pool, 1)));
	/* An order after it: when that has been obeyed so has this. */
	EXPECT_EQ(0, lib(pyq_result_cancel(r[0])));
	EXPECT_EQ(-ECANCELED, pyq_result_get(r[0], NULL, 0, LONG));
	wait_stat(st.workers == 4);
	for (int i = 0; i < 3; i++)
		sem_post(&shared->go);
	wait_stat(st.workers == 1);
	EXPECT_EQ(3, wait_stat(st.done == 3).done);
	EXPECT_EQ(5, load(&shared->runs));
	sem_post(&shared->go);
	ASSERT_TRUE(pass(&shared->begun));
	EXPECT_EQ(6, load(&shared->runs));
	/* And up again, with what is left of the orders to end. */
	EXPECT_EQ(0, pyq_pool_resize(self->pool, 3));
	wait_stat(st.workers == 3);
	for (int i = 0; i < 3; i++)
		sem_post(&shared->go);
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(i ? 0 : -ECANCELED, finish(r[i]));
	EXPECT_EQ(3, wait_stat(st.workers == 3).workers);
	EXPECT_EQ(0, wait_stat(true).died);
}

/* Idle ones as well, again and again. */
TEST_F(pool, resize_idle)
{
	NOT_WITH_THREADS("there are as many as there are");
	begin(.workers = 4, .queue_size = 2);
	for (int i = 0; i < 30; i++) {
		EXPECT_EQ(0, pyq_pool_resize(self->pool, 1));
		wait_stat(st.workers == 1);
		EXPECT_EQ(0, pyq_pool_resize(self->pool, 4));
		wait_stat(st.workers == 4);
	}
	EXPECT_EQ(0, finish(start(nothing)));
}

/* --- other processes ---------------------------------------------------------------------- */

static int stale(pyq_pool *pool, pyq_result *r, pyq_map *map, bool free_it)
{
	const struct pyq_task task = { .function = nothing };
	const struct pyq_items items = { .base = "1", .size = 1, .n = 1 };
	struct pyq_pool_stat st;
	pyq_result *none = NULL;
	pyq_map *no_map = NULL;
	size_t i;

#define IS_STALE(call)                                                       \
	if ((call) != -ESTALE)                                               \
	return __LINE__ % 200 + 1
	IS_STALE(pyq_pool_apply_async(pool, &task, LONG, &none));
	IS_STALE(pyq_pool_apply(pool, &task, NULL, 0));
	IS_STALE(pyq_pool_map_async(pool, nothing, &items, 0, &no_map));
	IS_STALE(pyq_pool_map(pool, nothing, &items, 0, &no_map));
	IS_STALE(pyq_pool_close(pool));
	IS_STALE(pyq_pool_terminate(pool));
	IS_STALE(pyq_pool_join(pool, LONG));
	IS_STALE(pyq_pool_resize(pool, 1));
	IS_STALE(pyq_pool_fd(pool));
	IS_STALE(pyq_pool_process(pool));
	IS_STALE(pyq_pool_stat(pool, &st));
	if (r) {
		IS_STALE(pyq_result_wait(r, LONG));
		IS_STALE(pyq_result_get(r, NULL, 0, LONG));
		IS_STALE(pyq_result_cancel(r));
		IS_STALE(pyq_map_wait(map, LONG));
		IS_STALE(pyq_map_next(map, 0, LONG, &i));
	}
#undef IS_STALE
	if (pyq_pool_broken(pool) || none || no_map)
		return 1;
	if (free_it && (pyq_map_free(map) || pyq_pool_destroy(pool)))
		return 2;
	return 0;
}

/* proves: pyq_pool_apply_async -ESTALE, pyq_pool_map_async -ESTALE, pyq_pool_map -ESTALE */
/* proves: pyq_pool_close -ESTALE, pyq_pool_terminate -ESTALE, pyq_pool_join -ESTALE, pyq_pool_resize -ESTALE, pyq_pool_fd -ESTALE, pyq_pool_process -ESTALE, pyq_pool_stat -ESTALE */
/* proves: pyq_result_wait -ESTALE, pyq_result_cancel -ESTALE, pyq_map_wait -ESTALE, pyq_map_next -ESTALE */
TEST_F(pool, child)
{
	const struct pyq_items items = { .base = "1", .size = 1, .n = 1 };
	pyq_result *r, *done;
	pyq_map *map;

	begin(.workers = 1);
	done = start(square, INT(3));
	EXPECT_EQ(0, pyq_result_wait(done, LONG));
	r = start(gate);
	ASSERT_EQ(0, pyq_pool_map_async(self->pool, gate, &items, 0, &map));
	EXPECT_EQ(0, exit_status(in_child(stale(self->pool, r, map, true))));
	/* What has come is the child's, too. */
	EXPECT_EQ(4, exit_status(in_child(pyq_result_get(done, NULL, 0, PYQ_NOWAIT))));
	for (int i = 0; i < 2; i++)
		sem_post(&shared->go);
	EXPECT_EQ(0, finish(r));
	EXPECT_EQ(0, pyq_map_wait(map, LONG));
	EXPECT_EQ(0, pyq_map_free(map));
	pyq_result_free(done);
}

static pyq_pool **the_pool;

/* What a worker knows of it is no pool; and it works on though it destroys that. */
static int use_in_worker(struct pyq_call *call)
{
	pyq_pool *pool = *the_pool;
	int code = pool ? stale(pool, NULL, NULL, true) : 0;

	(void)call;
	return code;
}

TEST_F(pool, in_a_worker)
{
	NOT_WITH_THREADS("there it is the same process");
	/* So that the helper knows where it is: create() fills in the pointer after the fork. */
	the_pool = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, the_pool);
	self->mappings = shared_mappings();
	begin(.workers = 1);
	*the_pool = self->pool;
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, finish(start(use_in_worker)));
	EXPECT_EQ(0, wait_stat(true).died);
}

/* A pool within a pool. */
static int have_a_pool(struct pyq_call *call)
{
	const struct pyq_task task = { .function = square, .arg = call->arg, .len = call->len };
	pyq_pool *pool;
	int n = 0, err = pyq_pool_create(&pool, &(struct pyq_pool_attr){ .workers = 2 });

	if (err)
		return err;
	if (pyq_pool_apply(pool, &task, &n, sizeof(n)) != sizeof(n))
		n = -1;
	err = pyq_pool_destroy(pool);
	return err ? err : pyq_return(call, &n, sizeof(n));
}

TEST_F(pool, pool_in_a_worker)
{
	pyq_result *r;
	int n = 0;

	begin(.workers = 2);
	for (int i = 0; i < 4; i++) {
		r = start(have_a_pool, INT(i));
		EXPECT_EQ(4, pyq_result_get(r, &n, 4, LONG));
		EXPECT_EQ(i * i, n);
		pyq_result_free(r);
	}
}

static void handle(int sig)
{
	(void)sig;
}

/* A signal to all of the terminal's processes is the program's business. */
TEST_F(pool, signals_of_the_terminal)
{
	const struct sigaction handled = { .sa_handler = handle };

	NOT_WITH_THREADS("they are the program's");
	ASSERT_EQ(0, setpgid(0, 0));
	signal(SIGINT, SIG_IGN);
	sigaction(SIGUSR1, &handled, NULL);
	begin(.workers = 2);
	wait_stat(st.workers == 2);
	for (int i = 0; i < 10; i++) {
		kill(0, SIGINT);
		kill(0, SIGUSR1);
		EXPECT_EQ(0, finish(start(nothing)));
	}
	EXPECT_EQ(0, wait_stat(true).died);
	EXPECT_EQ(NULL, pyq_pool_broken(self->pool));
}

/* --- several threads ----------------------------------------------------------------------- */

static void *use_it(void *arg)
{
	pyq_pool *pool = arg;
	intptr_t wrong = 0;

	for (int i = 0; i < 200; i++) {
		const struct pyq_task task = { .function = square, INT(i) };
		struct pyq_pool_stat st;
		int n = 0;

		wrong += pyq_pool_apply(pool, &task, &n, sizeof(n)) != 4 || n != i * i;
		wrong += pyq_pool_stat(pool, &st) || st.done + st.failed + st.running > st.submitted;
		wrong += pyq_pool_broken(pool) != NULL || pyq_pool_fd(pool) < 0;
	}
	return (void *)wrong;
}

TEST_F(pool, several_threads)
{
	pthread_t threads[4];
	void *wrong;

	begin(.workers = 2, .queue_size = 3);
	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, use_it, self->pool));
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &wrong));
		EXPECT_EQ(NULL, wrong);
	}
	EXPECT_EQ(800, wait_stat(true).done);
}

/* One waits for what takes long, another for what does not. */
static void *wait_for_it(void *r)
{
	return (void *)(intptr_t)pyq_result_wait(r, LONG);
}

TEST_F(pool, leader_is_replaced)
{
	pyq_result *slow, *quick;
	pthread_t thread;
	void *err;

	begin(.workers = 2);
	slow = start(gate);
	ASSERT_TRUE(pass(&shared->begun));
	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_for_it, slow));
	for (int i = 0; i < 50; i++) {
		quick = start(square, INT(i));
		EXPECT_EQ(4, finish(quick));
	}
	sem_post(&shared->go);
	ASSERT_EQ(0, pthread_join(thread, &err));
	EXPECT_EQ(NULL, err);
	EXPECT_EQ(0, finish(slow));
}

TEST_HARNESS_MAIN
