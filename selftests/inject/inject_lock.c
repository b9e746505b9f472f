// SPDX-License-Identifier: GPL-2.0
/* Locks and the like: a sleep that ends for nothing, or does not begin, is no reason to go on. */
#include "scenario.h"

#include <pyqueue/lock.h>

struct stage {
	pyq_lock lock;
	pyq_condition condition;
	pyq_event event;
	pyq_semaphore semaphore;
	pyq_barrier barrier;
};

#define TIME PYQ_MILLISECONDS(3)

static void between(struct __test_metadata *_metadata, struct stage *s, unsigned int flags)
{
	ASSERT_EQ(0, pyq_lock_init(&s->lock, flags));
	ASSERT_EQ(0, pyq_condition_init(&s->condition, flags));
	ASSERT_EQ(0, pyq_event_init(&s->event, flags));
	ASSERT_EQ(0, pyq_semaphore_init(&s->semaphore, 0, flags));
	ASSERT_EQ(0, pyq_barrier_init(&s->barrier, 2, flags));
	ASSERT_EQ(0, pyq_lock_acquire(&s->lock, PYQ_NOWAIT));
}

static void in_one(struct __test_metadata *_metadata, struct stage *s)
{
	between(_metadata, s, 0);
}

static void in_several(struct __test_metadata *_metadata, struct stage *s)
{
	between(_metadata, s, PYQ_SHARED);
}

/* Return: what is promised where nothing comes; 0 where something has. */
static long in_time(int64_t begun, long ret)
{
	return ret == -ETIMEDOUT && lib_now_ns() - begun < TIME ? -ETIME : ret ? ret : -EPROTO;
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

static long condition(struct stage *s)
{
	const int64_t begun = lib_now_ns();

	return in_time(begun, pyq_condition_wait_for(&s->condition, &s->lock, never, NULL, TIME));
}

static long event(struct stage *s)
{
	const int64_t begun = lib_now_ns();

	return in_time(begun, pyq_event_wait(&s->event, TIME));
}

static long semaphore(struct stage *s)
{
	const int64_t begun = lib_now_ns();

	return in_time(begun, pyq_semaphore_acquire(&s->semaphore, TIME));
}

static long barrier(struct stage *s)
{
	const int64_t begun = lib_now_ns();

	return in_time(begun, pyq_barrier_wait(&s->barrier, TIME) ?: -EPROTO);
}

/* As if nobody had waited. */
static void works(struct __test_metadata *_metadata, struct stage *s, long result)
{
	EXPECT_EQ(-ETIMEDOUT, result) TH_LOG("%s", about);
	EXPECT_EQ(0, pyq_condition_notify_all(&s->condition, &s->lock)) TH_LOG("%s", about);
	EXPECT_EQ(-EAGAIN, pyq_condition_wait(&s->condition, &s->lock, PYQ_NOWAIT));
	EXPECT_EQ(0, pyq_lock_release(&s->lock)) TH_LOG("%s", about);
	EXPECT_EQ(0, pyq_lock_acquire(&s->lock, PYQ_NOWAIT)) TH_LOG("%s", about);
	EXPECT_EQ(0, pyq_event_set(&s->event)) TH_LOG("%s", about);
	EXPECT_EQ(0, pyq_event_wait(&s->event, PYQ_NOWAIT)) TH_LOG("%s", about);
	EXPECT_EQ(0, pyq_semaphore_release(&s->semaphore, 1)) TH_LOG("%s", about);
	EXPECT_EQ(0, pyq_semaphore_acquire(&s->semaphore, PYQ_NOWAIT)) TH_LOG("%s", about);
	EXPECT_EQ(0, pyq_semaphore_value(&s->semaphore)) TH_LOG("%s", about);
	EXPECT_EQ(0, pyq_barrier_reset(&s->barrier)) TH_LOG("%s", about);
	EXPECT_EQ(0, pyq_barrier_n_waiting(&s->barrier)) TH_LOG("%s", about);
}

static void end(struct stage *s)
{
	pyq_lock_release(&s->lock);
	pyq_barrier_destroy(&s->barrier);
	pyq_semaphore_destroy(&s->semaphore);
	pyq_event_destroy(&s->event);
	pyq_condition_destroy(&s->condition);
	pyq_lock_destroy(&s->lock);
}

#define BOTH(test)                                                            \
	PLAY(test##_of_threads, .set_up = in_one, .promised = "ETIMEDOUT", .most = 4, \
	     .call = test, .works = works, .tear_down = end)                  \
	PLAY(test##_of_processes, .set_up = in_several, .promised = "ETIMEDOUT", .most = 4, \
	     .call = test, .works = works, .tear_down = end)

BOTH(condition)
BOTH(event)
BOTH(semaphore)
BOTH(barrier)

TEST_HARNESS_MAIN
