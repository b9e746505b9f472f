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

TEST_HARNESS_MAIN
