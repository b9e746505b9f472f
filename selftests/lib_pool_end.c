// SPDX-License-Identifier: GPL-2.0
/* A pool's end while somebody is at it: in a callback, in other threads, in a child. */
#include "lib_pool.h"
#include "lib_pool_map.h"

#include <pthread.h>

/* --- in a callback, when there is nobody any more ------------------------------------------- */

struct end {
	pyq_pool *pool;
	int join, destroy;
	int called;
	pid_t destroyer;	/* the thread */
	int destroyed, too_early;
	sem_t sem;
};

static void end_it(pyq_result *r, void *context)
{
	struct end *e = context;

	(void)r;
	if (pyq_pool_close(e->pool))
		abort();
	e->join = pyq_pool_join(e->pool, LONG);
	e->destroy = pyq_pool_destroy(e->pool);
	count(&e->called);
	sem_post(&e->sem);
}

static int fail_to_begin(void *unused)
{
	(void)unused;
	__atomic_store_n(&shared->pid, gettid(), __ATOMIC_SEQ_CST);
	return 1;
}

/* That was a thread of this process. */
static bool has_ended(pid_t tid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/task/%d", tid);
	return tid && access(path, F_OK);
}

/*
 * A pool whose workers cannot begin, and what is under way. That it is broken, and that all are
 * gone, has been said by then, and nobody has heard it.
 */
#define begin_broken(...)                                                    \
	({                                                                   \
		siginfo_t info_;                                             \
		begin(.workers = 1, .initializer = fail_to_begin, .flags = PYQ_POOL_NO_THREAD); \
		pyq_result *r_ = start(nothing, __VA_ARGS__);                \
		if (with_threads()) {                                        \
			ASSERT_TRUE(eventually(has_ended(load(&shared->pid)))); \
		} else {                                                     \
			ASSERT_EQ(0, waitid(P_ALL, 0, &info_, WEXITED | WNOWAIT)); \
		}                                                            \
		r_;                                                          \
	})

/* proves: pyq_pool_join -EDEADLK, pyq_pool_destroy -EDEADLK */
TEST_F(pool, broken_in_a_callback)
{
	struct end e = { .destroy = 1 };
	pyq_result *r;

	sem_init(&e.sem, 0, 0);
	r = begin_broken(.error_callback = end_it, .context = &e);
	e.pool = self->pool;
	EXPECT_EQ(-EOWNERDEAD, lib(pyq_pool_process(self->pool)));
	EXPECT_EQ(1, e.called);
	EXPECT_EQ(-EDEADLK, e.join);
	ASSERT_EQ(-EDEADLK, e.destroy);
	EXPECT_EQ(-EOWNERDEAD, finish(r));
	EXPECT_EQ(-EOWNERDEAD, lib(pyq_pool_join(self->pool, LONG)));
}

/* By the pool's own thread. */
TEST_F(pool, helper_killed_and_a_callback)
{
	struct end e = { .destroy = 1 };
	pyq_result *r;
	pid_t helper;

	NOT_WITH_THREADS("there is none");
	sem_init(&e.sem, 0, 0);
	begin(.workers = 1);
	e.pool = self->pool;
	helper = pid_of(self->pool, my_parent);
	ASSERT_LT(0, helper);
	r = start(gate, .error_callback = end_it, .context = &e);
	ASSERT_TRUE(pass(&shared->begun));
	ASSERT_EQ(0, kill(helper, SIGKILL));
	ASSERT_TRUE(pass(&e.sem));
	EXPECT_EQ(-EDEADLK, e.join);
	ASSERT_EQ(-EDEADLK, e.destroy);
	EXPECT_EQ(-EOWNERDEAD, finish(r));
}

/* --- while other threads are in there -------------------------------------------------------- */

/* A thread of this process sleeps in one of the system calls that the library waits with. */
static bool sleeps(pid_t tid)
{
	const long nr = is_in(tid);

	return nr == SYS_futex || nr == SYS_ppoll;
}

/* Until the other one waits for this. */
static void stay(pyq_result *r, void *context)
{
	struct end *e = context;

	(void)r;
	sem_post(&e->sem);
	if (!eventually(load(&e->destroyed) || (load(&e->destroyer) && sleeps(load(&e->destroyer)))))
		abort();
	e->too_early = load(&e->destroyed);
}

static void *process(void *pool)
{
	return (void *)(intptr_t)pyq_pool_process(pool);
}

/* There is nobody to be waited for any more, but one who is in a callback. */
TEST_F(pool, destroyed_while_another_is_in_a_callback)
{
	struct end e = { .called = 0 };
	pthread_t thread;
	pyq_result *r;
	void *err;

	sem_init(&e.sem, 0, 0);
	r = begin_broken(.error_callback = stay, .context = &e);
	ASSERT_EQ(0, pthread_create(&thread, NULL, process, self->pool));
	ASSERT_TRUE(pass(&e.sem));
	__atomic_store_n(&e.destroyer, gettid(), __ATOMIC_SEQ_CST);
	EXPECT_EQ(0, lib(pyq_pool_destroy(self->pool)));
	count(&e.destroyed);
	self->pool = NULL;
	ASSERT_EQ(0, pthread_join(thread, &err));
	EXPECT_EQ(-EOWNERDEAD, (int)(intptr_t)err);
	EXPECT_EQ(0, e.too_early);
	EXPECT_EQ(-EOWNERDEAD, finish(r));
}

/* All who wait there, in whatever. */
struct waiter {
	pyq_pool *pool;
	pyq_result *r;
	pyq_map *map;
	int (*wait)(struct waiter *w);
	pid_t tid;
	int err;
};

static int for_result(struct waiter *w)
{
	return pyq_result_wait(w->r, LONG);
}

static int for_map(struct waiter *w)
{
	size_t i;

	return pyq_map_next(w->map, 0, LONG, &i);
}

static int to_free_map(struct waiter *w)
{
	return pyq_map_free(w->map);
}

static int for_room(struct waiter *w)
{
	const struct pyq_task task = { .function = nothing };

	return pyq_pool_apply_async(w->pool, &task, LONG, NULL);
}

static int for_end(struct waiter *w)
{
	return pyq_pool_join(w->pool, LONG);
}

static void *wait_there(void *arg)
{
	struct waiter *w = arg;

	__atomic_store_n(&w->tid, gettid(), __ATOMIC_SEQ_CST);
	w->err = w->wait(w);
	return NULL;
}

/* Threads finish what they are at: when that one waits for them. */
static void *let_go(void *tid)
{
	eventually(sleeps(*(pid_t *)tid));
	for (int i = 0; i < 8; i++)
		sem_post(&shared->go);
	return NULL;
}

#define WAITERS 4

static void destroy_while(struct __test_metadata *_metadata, FIXTURE_DATA(pool) *self,
			  const FIXTURE_VARIANT(pool) *variant, int (*last)(struct waiter *w), int err)
{
	int n[2] = { 1, 2 };
	struct waiter w[WAITERS] = {
		{ .wait = for_result }, { .wait = for_map }, { .wait = to_free_map }, { .wait = last },
	};
	const int errors[WAITERS] = { 0, 1, 0, err };
	pthread_t thread[WAITERS], other;
	pid_t me = gettid();
	pyq_result *r;
	pyq_map *map;

	begin(.workers = 1, .queue_size = 3);
	r = start(gate, INT(1));
	map = map_all(gate, ITEMS(n), 2);
	w[2].map = map_all(gate, ITEMS(n), 2);
	ASSERT_TRUE(pass(&shared->begun));
	if (last == for_end)
		ASSERT_EQ(0, pyq_pool_close(self->pool));
	for (int i = 0; i < WAITERS; i++) {
		w[i].pool = self->pool;
		w[i].r = r;
		if (i != 2)
			w[i].map = map;
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, wait_there, &w[i]));
		ASSERT_TRUE(eventually(load(&w[i].tid) && sleeps(load(&w[i].tid))));
	}
	ASSERT_EQ(0, pthread_create(&other, NULL, let_go, &me));
	EXPECT_EQ(0, lib(pyq_pool_destroy(self->pool)));
	self->pool = NULL;
	ASSERT_EQ(0, pthread_join(other, NULL));
	for (int i = 0; i < WAITERS; i++) {
		ASSERT_EQ(0, pthread_join(thread[i], NULL));
		EXPECT_EQ(errors[i], w[i].err) TH_LOG("waiter %d", i);
	}
	pyq_result_free(r);
	EXPECT_EQ(0, pyq_map_free(map));
}

TEST_F(pool, destroyed_while_others_wait)
{
	destroy_while(_metadata, self, variant, for_room, -ESHUTDOWN);
}

TEST_F(pool, destroyed_while_others_wait_for_its_end)
{
	destroy_while(_metadata, self, variant, for_end, 0);
}

/* --- in a child -------------------------------------------------------------------------------- */

#define IS_STALE(call)                                                       \
	if ((call) != -ESTALE)                                               \
	return __LINE__ % 200 + 1

static int use_what_is_left(pyq_pool *pool, pyq_result *r, pyq_map *map)
{
	size_t i;

	if (pyq_pool_destroy(pool))
		return 1;
	IS_STALE(pyq_result_wait(r, LONG));
	IS_STALE(pyq_result_get(r, NULL, 0, LONG));
	IS_STALE(pyq_result_cancel(r));
	IS_STALE(pyq_map_wait(map, LONG));
	IS_STALE(pyq_map_next(map, 0, LONG, &i));
	if (pyq_map_free(map))
		return 2;
	pyq_result_free(r);
	return 0;
}

/* Its copy of the pool goes first. */
TEST_F(pool, destroyed_in_a_child)
{
	int n[1] = { 1 };
	pyq_result *r;
	pyq_map *map;

	begin(.workers = 1);
	r = start(gate);
	map = map_all(gate, ITEMS(n), 1);
	EXPECT_EQ(0, exit_status(in_child(use_what_is_left(self->pool, r, map))));
	for (int i = 0; i < 2; i++)
		sem_post(&shared->go);
	EXPECT_EQ(0, finish(r));
	EXPECT_EQ(0, pyq_map_wait(map, LONG));
	EXPECT_EQ(0, pyq_map_free(map));
}

/* --- what is sent last ------------------------------------------------------------------------- */

static int run_once(struct pyq_call *call)
{
	(void)call;
	count(&shared->runs);
	return 0;
}

static int begin_later(void *unused)
{
	(void)unused;
	return !pass(&shared->first);
}

struct last {
	pyq_pool *pool;
	struct pyq_item *item;
	pyq_map *map;
	size_t done;
};

/* No task more; and the map's last one is one that cannot be sent. */
static void spoil_and_close(pyq_result *r, void *context)
{
	struct last *l = context;

	(void)r;
	l->done = pyq_map_done(l->map);
	l->item->len = SIZE_MAX / 2;
	if (pyq_pool_close(l->pool))
		abort();
}

/*
 * There is room for one, which is left to who waits for it; he comes too late, and so does what
 * is left of a map. Then all has been done.
 */
TEST_F(pool, the_last_one_cannot_be_sent)
{
	struct pyq_item each[2] = { { "1", 1 }, { "2", 1 } };
	const struct pyq_items items = { .each = each, .n = 2 };
	const struct pyq_task task = { .function = nothing };
	struct last l = { .item = &each[1] };
	struct pyq_pool_stat st;
	pyq_result *r;

	begin(.workers = 1, .queue_size = 1, .initializer = begin_later, .flags = PYQ_POOL_NO_THREAD);
	l.pool = self->pool;
	r = start(nothing, .error_callback = spoil_and_close, .context = &l);
	ASSERT_EQ(0, lib(pyq_result_cancel(r)));
	l.map = map_all(run_once, &items, 1);
	sem_post(&shared->first);
	/* The first one's result has been sent, and not been taken. */
	ASSERT_TRUE(eventually(load(&shared->runs) == 1 && !pyq_pool_stat(self->pool, &st) && !st.running));
	EXPECT_EQ(-ESHUTDOWN, lib(pyq_pool_apply_async(self->pool, &task, LONG, NULL)));
	EXPECT_EQ(1, l.done);
	EXPECT_EQ(2, pyq_map_done(l.map));
	EXPECT_EQ(-E2BIG, pyq_map_get(l.map, 1, NULL));
	EXPECT_EQ(0, lib(pyq_pool_join(self->pool, LONG)));
	EXPECT_EQ(0, pyq_map_free(l.map));
	EXPECT_EQ(-ECANCELED, finish(r));
}

TEST_HARNESS_MAIN
