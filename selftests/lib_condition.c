// SPDX-License-Identifier: GPL-2.0
/* pyq_condition, pyq_event, pyq_semaphore, pyq_barrier. */
#include "threads.h"

enum { MANY = 8 };

/* What several threads, or processes, work on. */
struct shared {
	pyq_lock lock;
	pyq_condition cond;
	pyq_event event;
	pyq_semaphore sem;
	pyq_barrier barrier;
	int waiting;
	int back;
	int order[MANY];
	int tokens;
	int taken;
	int sum;
	int inside;
	int rounds;
	int acted;
};

/* All of it, initialised with @flags. */
static struct shared *new_shared(unsigned int flags)
{
	struct shared *s = pyq_shared_alloc(sizeof(*s));

	if (s && !pyq_lock_init(&s->lock, flags) && !pyq_condition_init(&s->cond, flags) &&
	    !pyq_event_init(&s->event, flags) && !pyq_semaphore_init(&s->sem, 0, flags) &&
	    !pyq_barrier_init(&s->barrier, MANY, flags))
		return s;
	abort();
}

/* --- conditions --------------------------------------------------------------- */

FIXTURE(cond) {
	struct shared *s;
};

FIXTURE_VARIANT(cond) {
	unsigned int flags;
};

FIXTURE_VARIANT_ADD(cond, threads) {
	.flags = 0,
};

FIXTURE_VARIANT_ADD(cond, processes) {
	.flags = PYQ_SHARED,
};

FIXTURE_SETUP(cond)
{
	self->s = new_shared(variant->flags);
}

FIXTURE_TEARDOWN(cond)
{
	pyq_shared_free(self->s, sizeof(*self->s));
}

static bool no(void *arg)
{
	(void)arg;
	return false;
}

static bool yes(void *arg)
{
	(void)arg;
	return true;
}

static bool from_the_second_time(void *times)
{
	return (*(int *)times)++;
}

/* proves: pyq_condition_wait -EAGAIN, pyq_condition_wait -ETIMEDOUT */
/* proves: pyq_condition_wait_for -EAGAIN, pyq_condition_wait_for -ETIMEDOUT */
TEST_F(cond, in_vain)
{
	pyq_lock *lock = &self->s->lock;
	pyq_condition *cond = &self->s->cond;
	int asked = 0;

	ASSERT_EQ(0, pyq_lock_acquire(lock, PYQ_NOWAIT));
	EXPECT_EQ(-EAGAIN, lib(pyq_condition_wait(cond, lock, PYQ_NOWAIT)));
	EXPECT_TRUE(pyq_lock_is_mine(lock));
	in_vain(-ETIMEDOUT, pyq_condition_wait(cond, lock, SHORT));
	EXPECT_TRUE(pyq_lock_is_mine(lock));
	EXPECT_EQ(-EAGAIN, lib(pyq_condition_wait_for(cond, lock, no, NULL, PYQ_NOWAIT)));
	in_vain(-ETIMEDOUT, pyq_condition_wait_for(cond, lock, no, NULL, SHORT));
	EXPECT_EQ(0, lib(pyq_condition_wait_for(cond, lock, yes, NULL, PYQ_NOWAIT)));
	/* It is asked once more when the time is over: nobody has to notify. */
	in_vain(0, pyq_condition_wait_for(cond, lock, from_the_second_time, &asked, SHORT));
	EXPECT_EQ(2, asked);
	signals_rain();
	in_vain(-ETIMEDOUT, pyq_condition_wait(cond, lock, SHORT));
	in_vain(-ETIMEDOUT, pyq_condition_wait_for(cond, lock, no, NULL, SHORT));
	signals_end();
	/* Nobody waits: it is for nobody, and not kept. */
	EXPECT_EQ(0, lib(pyq_condition_notify(cond, lock, 1)));
	EXPECT_EQ(0, lib(pyq_condition_notify_all(cond, lock)));
	EXPECT_EQ(-EAGAIN, lib(pyq_condition_wait(cond, lock, PYQ_NOWAIT)));
	EXPECT_TRUE(pyq_lock_is_mine(lock));
	EXPECT_EQ(0, lib(pyq_lock_release(lock)));
	EXPECT_EQ(0, lib(pyq_condition_destroy(cond)));
}

/* proves: pyq_condition_init -EINVAL, pyq_condition_destroy -EINVAL, pyq_condition_wait -EINVAL */
/* proves: pyq_condition_wait_for -EINVAL, pyq_condition_notify -EINVAL */
/* proves: pyq_condition_notify_all -EINVAL, pyq_condition_wait -EPERM */
/* proves: pyq_condition_wait_for -EPERM, pyq_condition_notify -EPERM */
/* proves: pyq_condition_notify_all -EPERM */
TEST_F(cond, errors)
{
	pyq_lock *lock = &self->s->lock;
	pyq_condition *cond = &self->s->cond, none = { { 0 } };
	pyq_lock other;

	EXPECT_EQ(-EPERM, lib(pyq_condition_wait(cond, lock, PYQ_NOWAIT)));
	EXPECT_EQ(-EPERM, lib(pyq_condition_wait_for(cond, lock, yes, NULL, PYQ_NOWAIT)));
	EXPECT_EQ(-EPERM, lib(pyq_condition_notify(cond, lock, 1)));
	EXPECT_EQ(-EPERM, lib(pyq_condition_notify_all(cond, lock)));
	ASSERT_EQ(0, pyq_lock_acquire(lock, PYQ_NOWAIT));
	EXPECT_EQ(-EINVAL, lib(pyq_condition_init(&none, PYQ_LOCK_RECURSIVE)));
	EXPECT_EQ(-EINVAL, lib(pyq_condition_destroy(&none)));
	EXPECT_EQ(-EINVAL, lib(pyq_condition_wait(&none, lock, PYQ_NOWAIT)));
	EXPECT_EQ(-EINVAL, lib(pyq_condition_wait(cond, lock, -2)));
	EXPECT_EQ(-EINVAL, lib(pyq_condition_wait_for(cond, lock, yes, NULL, -2)));
	/* One for threads and one for processes. */
	ASSERT_EQ(0, pyq_lock_init(&other, variant->flags ^ PYQ_SHARED));
	ASSERT_EQ(0, pyq_lock_acquire(&other, PYQ_NOWAIT));
	EXPECT_EQ(-EINVAL, lib(pyq_condition_wait(cond, &other, PYQ_NOWAIT)));
	EXPECT_EQ(-EINVAL, lib(pyq_condition_wait_for(cond, &other, yes, NULL, PYQ_NOWAIT)));
	EXPECT_EQ(-EINVAL, lib(pyq_condition_notify(cond, &other, 1)));
	EXPECT_EQ(-EINVAL, lib(pyq_condition_notify_all(cond, &other)));
	EXPECT_EQ(0, pyq_lock_release(&other));
	EXPECT_EQ(0, pyq_lock_release(lock));
}

/* Wait for one notify, and note in which turn it came. */
static int wait_once(void *arg)
{
	struct shared *s = arg;
	int err = pyq_lock_acquire(&s->lock, LONG), mine;

	if (err)
		return err;
	mine = s->waiting++;
	err = pyq_condition_wait(&s->cond, &s->lock, LONG);
	if (!err)
		s->order[s->back++] = mine;
	if (pyq_lock_release(&s->lock))
		return -1;
	return err;
}

static int locked(struct shared *s, const int *number)
{
	int value = pyq_lock_acquire(&s->lock, LONG);

	if (value)
		return value;
	value = *number;
	pyq_lock_release(&s->lock);
	return value;
}

static int notify(struct shared *s, unsigned int n)
{
	int err = pyq_lock_acquire(&s->lock, LONG);

	if (!err)
		err = pyq_condition_notify(&s->cond, &s->lock, n);
	return pyq_lock_release(&s->lock) || err;
}

/* Between threads a notify of n is for n, exactly, and for those who were first. */
/* proves: pyq_condition_destroy -EBUSY */
TEST(notify_n_of_the_threads)
{
	struct shared *s = new_shared(0);
	pyq_thread *threads[5];
	pyq_lock other;

	for (int i = 0; i < 5; i++) {
		threads[i] = new_thread(wait_once, s);
		/* Who is counted with the lock held is in the line, asleep or not. */
		ASSERT_TRUE(eventually(locked(s, &s->waiting) == i + 1));
	}
	EXPECT_EQ(-EBUSY, lib(pyq_condition_destroy(&s->cond)));
	ASSERT_EQ(0, pyq_lock_init(&other, 0));
	ASSERT_EQ(0, pyq_lock_acquire(&other, PYQ_NOWAIT));
	EXPECT_EQ(-EINVAL, lib(pyq_condition_wait(&s->cond, &other, PYQ_NOWAIT)));
	EXPECT_EQ(-EINVAL, lib(pyq_condition_notify_all(&s->cond, &other)));
	EXPECT_EQ(0, pyq_lock_release(&other));

	EXPECT_EQ(0, lib(notify(s, 0)));
	EXPECT_EQ(0, lib(notify(s, 2)));
	ASSERT_TRUE(eventually(locked(s, &s->back) == 2));
	EXPECT_EQ(1, s->order[0] + s->order[1]);
	for (int i = 2; i < 5; i++)
		EXPECT_TRUE(eventually(asleep(pyq_thread_ident(threads[i]))));
	EXPECT_EQ(2, locked(s, &s->back));
	EXPECT_EQ(0, lib(notify(s, 1)));
	ASSERT_TRUE(eventually(locked(s, &s->back) == 3));
	EXPECT_EQ(2, s->order[2]);
	EXPECT_EQ(0, lib(notify(s, 100)));
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(0, result(threads[i]));
	EXPECT_EQ(5, s->back);
	EXPECT_EQ(0, lib(pyq_condition_destroy(&s->cond)));
	pyq_shared_free(s, sizeof(*s));
}

/*
 * All at once, again and again: whatever a notify comes in between, it is for those who
 * are in the line, and those whose time is over leave it whole.
 */
static int wait_briefly(void *arg)
{
	struct shared *s = arg;
	int got = 0;

	for (int i = 0; i < 300; i++) {
		if (pyq_lock_acquire(&s->lock, LONG))
			return -1;
		got += !pyq_condition_wait(&s->cond, &s->lock, i % 3 * 20000);
		pyq_lock_release(&s->lock);
	}
	__atomic_add_fetch(&s->sum, got, __ATOMIC_SEQ_CST);
	count(&s->back);
	return 0;
}

TEST_F(cond, notify_against_timeout)
{
	struct shared *s = self->s;
	pyq_thread *threads[4];
	int notified = 0;

	for (int i = 0; i < 4; i++)
		threads[i] = new_thread(wait_briefly, s);
	while (load(&s->back) < 4) {
		EXPECT_EQ(0, notify(s, 1));
		notified++;
	}
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, result(threads[i]));
	if (!variant->flags)
		EXPECT_LE(s->sum, notified);
	EXPECT_EQ(0, pyq_condition_destroy(&s->cond));
}

static int wait_shortly(void *arg)
{
	struct shared *s = arg;
	int err = pyq_lock_acquire(&s->lock, LONG);

	store(&s->waiting, 1);
	err = err ?: pyq_condition_wait(&s->cond, &s->lock, SHORT);
	s->back = 1;
	return pyq_lock_release(&s->lock) ?: err;
}

/* Who is notified before he has the lock again has been, though his time is over. */
TEST_F(cond, notify_when_time_is_over)
{
	struct shared *s = self->s;
	bool in_time;

	do {
		pyq_thread *waiter = new_thread(wait_shortly, s);
		int64_t over;

		ASSERT_TRUE(eventually(load(&s->waiting)));
		ASSERT_EQ(0, pyq_lock_acquire(&s->lock, LONG));
		/* His time has begun, at the latest now. Unless this took too long: */
		in_time = !s->back;
		over = lib_now_ns() + SHORT;
		if (in_time) {
			ASSERT_TRUE(eventually(lib_now_ns() > over + SHORT));
			EXPECT_EQ(0, pyq_condition_notify(&s->cond, &s->lock, 1));
		}
		s->waiting = s->back = 0;
		EXPECT_EQ(0, pyq_lock_release(&s->lock));
		EXPECT_EQ(in_time ? 0 : -ETIMEDOUT, result(waiter));
		s->back = 0;
	} while (!in_time);
}

/* Between processes a notify is for all; one who is killed does not take it along. */
TEST(notify_processes)
{
	struct shared *s = new_shared(PYQ_SHARED);
	pid_t pids[4];

	for (int i = 0; i < 4; i++) {
		pids[i] = in_child(-wait_once(s));
		ASSERT_TRUE(eventually(locked(s, &s->waiting) == i + 1));
	}
	for (int i = 0; i < 4; i++)
		ASSERT_TRUE(eventually(asleep(pids[i])));
	ASSERT_TRUE(killed(pids[1]));
	EXPECT_EQ(0, lib(notify(s, 1)));
	for (int i = 0; i < 4; i++)
		if (i != 1)
			EXPECT_EQ(0, exit_status(pids[i]));
	EXPECT_EQ(3, s->back);
	pyq_shared_free(s, sizeof(*s));
}

static int notify_one(void *s)
{
	return notify(s, 1);
}

/* All levels of a recursive lock are released, and restored. */
TEST(recursive_lock)
{
	for (int i = 0; i < 2; i++) {
		struct shared *s = new_shared(i ? PYQ_SHARED : 0);
		pyq_thread *other;

		ASSERT_EQ(0, pyq_lock_init(&s->lock, PYQ_LOCK_RECURSIVE | (i ? PYQ_SHARED : 0)));
		for (int level = 0; level < 3; level++)
			ASSERT_EQ(0, pyq_lock_acquire(&s->lock, PYQ_NOWAIT));
		other = new_thread(notify_one, s);
		EXPECT_EQ(0, lib(pyq_condition_wait(&s->cond, &s->lock, LONG)));
		EXPECT_EQ(0, result(other));
		in_vain(-ETIMEDOUT, pyq_condition_wait(&s->cond, &s->lock, SHORT));
		for (int level = 0; level < 3; level++)
			EXPECT_EQ(0, lib(pyq_lock_release(&s->lock)));
		EXPECT_EQ(-EPERM, lib(pyq_lock_release(&s->lock)));
		pyq_shared_free(s, sizeof(*s));
	}
}

enum { TOKENS = 10000, ROOM = 3 };

static bool has_room(void *arg)
{
	return ((struct shared *)arg)->tokens < ROOM;
}

static bool has_token(void *arg)
{
	struct shared *s = arg;

	return s->tokens || s->taken == TOKENS;
}

static int put_tokens(void *arg)
{
	struct shared *s = arg;

	for (int i = 0; i < TOKENS / 2; i++) {
		if (pyq_lock_acquire(&s->lock, LONG) ||
		    pyq_condition_wait_for(&s->cond, &s->lock, has_room, s, LONG))
			return 1;
		s->tokens++;
		pyq_condition_notify_all(&s->cond, &s->lock);
		pyq_lock_release(&s->lock);
	}
	return 0;
}

static int take_tokens(void *arg)
{
	struct shared *s = arg;
	bool over = false;

	while (!over) {
		if (pyq_lock_acquire(&s->lock, LONG) ||
		    pyq_condition_wait_for(&s->cond, &s->lock, has_token, s, LONG))
			return 1;
		if (s->tokens) {
			s->tokens--;
			s->taken++;
		}
		over = s->taken == TOKENS;
		pyq_condition_notify_all(&s->cond, &s->lock);
		pyq_lock_release(&s->lock);
	}
	return 0;
}

TEST(tokens_between_threads)
{
	struct shared *s = new_shared(0);
	pyq_thread *threads[4];

	for (int i = 0; i < 4; i++)
		threads[i] = new_thread(i % 2 ? put_tokens : take_tokens, s);
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, result(threads[i]));
	EXPECT_EQ(TOKENS, s->taken);
	EXPECT_EQ(0, s->tokens);
	pyq_shared_free(s, sizeof(*s));
}

TEST(tokens_between_processes)
{
	struct shared *s = new_shared(PYQ_SHARED);
	pid_t pids[4];

	for (int i = 0; i < 4; i++)
		pids[i] = in_child(i % 2 ? put_tokens(s) : take_tokens(s));
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, exit_status(pids[i]));
	EXPECT_EQ(TOKENS, s->taken);
	EXPECT_EQ(0, s->tokens);
	pyq_shared_free(s, sizeof(*s));
}

struct player {
	struct shared *s;
	int me;
};

/* One after the other, each called by a notify of 1: one that is lost stops them. */
static int take_turns(void *arg)
{
	struct player *player = arg;
	struct shared *s = player->s;

	for (int i = 0; i < TOKENS / 4; i++) {
		if (pyq_lock_acquire(&s->lock, LONG))
			return 1;
		while (s->taken % 2 != player->me)
			if (pyq_condition_wait(&s->cond, &s->lock, LONG))
				return 1;
		s->taken++;
		pyq_condition_notify(&s->cond, &s->lock, 1);
		pyq_lock_release(&s->lock);
	}
	return 0;
}

TEST_F(cond, notify_one_by_one)
{
	struct player players[] = { { self->s, 0 }, { self->s, 1 } };
	pyq_thread *threads[2];

	for (int i = 0; i < 2; i++)
		threads[i] = new_thread(take_turns, &players[i]);
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(0, result(threads[i]));
	EXPECT_EQ(TOKENS / 2, self->s->taken);
}

/* Acquire the lock, notify, and wait with the lock to be killed. */
static int notify_and_hold(struct shared *s)
{
	if (pyq_lock_acquire(&s->lock, LONG) ||
	    pyq_condition_notify(&s->cond, &s->lock, 1))
		return 1;
	store(&s->inside, 1);
	for (;;)
		pause();
}

static int wait_for_yes(struct shared *s, bool forced)
{
	int err = pyq_lock_acquire(&s->lock, LONG);

	if (err)
		return 1;
	count(&s->waiting);
	/* It is not asked when it may look at something half changed. */
	err = forced ? pyq_condition_wait_for(&s->cond, &s->lock, no, NULL, LONG) :
		       pyq_condition_wait(&s->cond, &s->lock, LONG);
	if (err == -EOWNERDEAD && (pyq_lock_make_consistent(&s->lock) || pyq_lock_release(&s->lock)))
		return 1;
	return -err;
}

/* proves: pyq_condition_wait -EOWNERDEAD, pyq_condition_wait_for -EOWNERDEAD */
TEST(notifier_killed)
{
	for (int i = 0; i < 2; i++) {
		struct shared *s = new_shared(PYQ_SHARED);
		pid_t waiter, notifier;

		waiter = in_child(wait_for_yes(s, i));
		ASSERT_TRUE(eventually(load(&s->waiting)));
		notifier = in_child(notify_and_hold(s));
		ASSERT_TRUE(eventually(load(&s->inside)));
		ASSERT_TRUE(killed(notifier));
		EXPECT_EQ(EOWNERDEAD, exit_status(waiter));
		EXPECT_EQ(0, pyq_lock_acquire(&s->lock, LONG));
		EXPECT_EQ(0, pyq_lock_release(&s->lock));
		pyq_shared_free(s, sizeof(*s));
	}
}

/* Nobody has put right what the dead one left: then it is lost to those who wait too. */
/* proves: pyq_condition_wait -ENOTRECOVERABLE, pyq_condition_wait_for -ENOTRECOVERABLE */
TEST(lock_lost)
{
	struct shared *s = new_shared(PYQ_SHARED);
	pid_t pids[4], notifier;

	for (int i = 0; i < 4; i++) {
		pids[i] = in_child(wait_for_yes(s, i % 2));
		ASSERT_TRUE(eventually(load(&s->waiting) == i + 1));
	}
	for (int i = 0; i < 4; i++)
		ASSERT_TRUE(eventually(asleep(pids[i])));
	/* With all levels gone nobody can acquire what the waiters will want before us. */
	notifier = in_child(pyq_lock_acquire(&s->lock, LONG));
	EXPECT_EQ(0, exit_status(notifier));
	ASSERT_EQ(-EOWNERDEAD, pyq_lock_acquire(&s->lock, LONG));
	EXPECT_EQ(0, pyq_condition_notify_all(&s->cond, &s->lock));
	EXPECT_EQ(0, pyq_lock_release(&s->lock));
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(ENOTRECOVERABLE, exit_status(pids[i]));
	pyq_shared_free(s, sizeof(*s));
}

/* And so it is for one who waits with what he himself has not put right. */
TEST(wait_with_an_inconsistent_lock)
{
	struct shared *s = new_shared(PYQ_SHARED);

	EXPECT_EQ(0, exit_status(in_child(pyq_lock_acquire(&s->lock, LONG))));
	EXPECT_EQ(-EOWNERDEAD, lib(pyq_lock_acquire(&s->lock, LONG)));
	EXPECT_EQ(-ENOTRECOVERABLE, lib(pyq_condition_wait(&s->cond, &s->lock, SHORT)));
	EXPECT_FALSE(pyq_lock_is_mine(&s->lock));
	pyq_shared_free(s, sizeof(*s));
}

static int acquire_and_end(void *lock)
{
	return pyq_lock_acquire(lock, LONG);
}

/* The condition outlives such a lock: nobody is left in its line, on a stack that is gone. */
TEST_F(cond, new_lock_after_a_lost_one)
{
	pyq_lock *lock = &self->s->lock;
	pyq_condition *cond = &self->s->cond;

	EXPECT_EQ(0, result(new_thread(acquire_and_end, lock)));
	EXPECT_EQ(-EOWNERDEAD, pyq_lock_acquire(lock, LONG));
	EXPECT_EQ(-ENOTRECOVERABLE, lib(pyq_condition_wait(cond, lock, SHORT)));
	EXPECT_EQ(0, pyq_lock_destroy(lock));
	ASSERT_EQ(0, pyq_lock_init(lock, variant->flags));
	EXPECT_EQ(0, pyq_condition_destroy(cond));
	ASSERT_EQ(0, pyq_condition_init(cond, variant->flags));

	EXPECT_EQ(0, result(new_thread(acquire_and_end, lock)));
	EXPECT_EQ(-EOWNERDEAD, pyq_lock_acquire(lock, LONG));
	EXPECT_EQ(-ENOTRECOVERABLE, pyq_condition_wait(cond, lock, PYQ_NOWAIT));
	ASSERT_EQ(0, pyq_lock_init(lock, variant->flags));
	ASSERT_EQ(0, pyq_lock_acquire(lock, LONG));
	EXPECT_EQ(0, pyq_condition_notify_all(cond, lock));
	EXPECT_EQ(-EAGAIN, pyq_condition_wait(cond, lock, PYQ_NOWAIT));
	EXPECT_EQ(0, pyq_lock_release(lock));
}

/* --- events --------------------------------------------------------------------- */

/* proves: pyq_event_init -EINVAL, pyq_event_destroy -EINVAL, pyq_event_set -EINVAL */
/* proves: pyq_event_clear -EINVAL, pyq_event_wait -EINVAL */
/* proves: pyq_event_wait -EAGAIN, pyq_event_wait -ETIMEDOUT */
TEST(event)
{
	pyq_event event = { { 0 } };

	EXPECT_EQ(-EINVAL, lib(pyq_event_init(&event, 1)));
	EXPECT_EQ(-EINVAL, lib(pyq_event_set(&event)));
	EXPECT_EQ(-EINVAL, lib(pyq_event_clear(&event)));
	EXPECT_EQ(-EINVAL, lib(pyq_event_wait(&event, PYQ_NOWAIT)));
	EXPECT_EQ(-EINVAL, lib(pyq_event_destroy(&event)));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, lib(pyq_event_init(&event, i ? PYQ_SHARED : 0)));
		EXPECT_EQ(-EINVAL, lib(pyq_event_wait(&event, -2)));
		EXPECT_FALSE(lib(pyq_event_is_set(&event)));
		EXPECT_EQ(-EAGAIN, lib(pyq_event_wait(&event, PYQ_NOWAIT)));
		in_vain(-ETIMEDOUT, pyq_event_wait(&event, SHORT));
		signals_rain();
		in_vain(-ETIMEDOUT, pyq_event_wait(&event, SHORT));
		signals_end();
		for (int n = 0; n < 2; n++)
			EXPECT_EQ(0, lib(pyq_event_set(&event)));
		EXPECT_TRUE(lib(pyq_event_is_set(&event)));
		EXPECT_EQ(0, lib(pyq_event_wait(&event, PYQ_NOWAIT)));
		EXPECT_EQ(0, lib(pyq_event_wait(&event, PYQ_FOREVER)));
		EXPECT_EQ(0, lib(pyq_event_clear(&event)));
		EXPECT_FALSE(lib(pyq_event_is_set(&event)));
		EXPECT_EQ(-EAGAIN, lib(pyq_event_wait(&event, PYQ_NOWAIT)));
		EXPECT_EQ(0, lib(pyq_event_destroy(&event)));
	}
}

static int wait_for_event(void *arg)
{
	return pyq_event_wait(&((struct shared *)arg)->event, LONG);
}

/* It was set while they waited, though it is no more. */
TEST(event_set_and_cleared)
{
	struct shared *s = new_shared(0);
	pyq_thread *threads[3];

	for (int i = 0; i < 3; i++)
		threads[i] = new_thread(wait_for_event, s);
	for (int i = 0; i < 3; i++)
		ASSERT_TRUE(eventually(asleep(pyq_thread_ident(threads[i]))));
	EXPECT_EQ(0, lib(pyq_event_set(&s->event)));
	EXPECT_EQ(0, lib(pyq_event_clear(&s->event)));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, result(threads[i]));
	EXPECT_FALSE(pyq_event_is_set(&s->event));
	pyq_shared_free(s, sizeof(*s));
}

TEST(event_between_processes)
{
	struct shared *s = new_shared(PYQ_SHARED);
	pid_t pids[3];

	for (int i = 0; i < 3; i++)
		pids[i] = in_child(-wait_for_event(s));
	for (int i = 0; i < 3; i++)
		ASSERT_TRUE(eventually(asleep(pids[i])));
	ASSERT_TRUE(killed(pids[0]));
	EXPECT_EQ(0, lib(pyq_event_set(&s->event)));
	EXPECT_EQ(0, lib(pyq_event_clear(&s->event)));
	for (int i = 1; i < 3; i++)
		EXPECT_EQ(0, exit_status(pids[i]));
	pyq_shared_free(s, sizeof(*s));
}

/* Two events handed back and forth: what is lost stops it. */
struct pair {
	pyq_event mine;
	pyq_event theirs;
	int value;
};

static int ping_pong(void *arg)
{
	struct pair *pair = arg;

	for (int i = 0; i < TOKENS / 4; i++) {
		if (pyq_event_wait(&pair->theirs, LONG) || pair->value++ != 2 * i + 1)
			return 1;
		pyq_event_clear(&pair->theirs);
		pyq_event_set(&pair->mine);
	}
	return 0;
}

TEST(event_back_and_forth)
{
	struct pair pair = { .value = 0 };
	pyq_thread *other;

	ASSERT_EQ(0, pyq_event_init(&pair.mine, 0));
	ASSERT_EQ(0, pyq_event_init(&pair.theirs, 0));
	other = new_thread(ping_pong, &pair);
	for (int i = 0; i < TOKENS / 4; i++) {
		ASSERT_EQ(2 * i, pair.value++);
		pyq_event_set(&pair.theirs);
		ASSERT_EQ(0, pyq_event_wait(&pair.mine, LONG));
		pyq_event_clear(&pair.mine);
	}
	EXPECT_EQ(0, result(other));
}

/* --- semaphores ------------------------------------------------------------------ */

/* proves: pyq_semaphore_init -EINVAL, pyq_semaphore_destroy -EINVAL */
/* proves: pyq_semaphore_acquire -EINVAL, pyq_semaphore_acquire -EAGAIN */
/* proves: pyq_semaphore_acquire -ETIMEDOUT */
/* proves: pyq_semaphore_release -EINVAL, pyq_semaphore_release -EOVERFLOW */
TEST(semaphore)
{
	pyq_semaphore sem = { { 0 } };

	EXPECT_EQ(-EINVAL, lib(pyq_semaphore_init(&sem, 1, PYQ_LOCK_RECURSIVE)));
	EXPECT_EQ(-EINVAL, lib(pyq_semaphore_acquire(&sem, PYQ_NOWAIT)));
	EXPECT_EQ(-EINVAL, lib(pyq_semaphore_release(&sem, 1)));
	EXPECT_EQ(-EINVAL, lib(pyq_semaphore_destroy(&sem)));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, lib(pyq_semaphore_init(&sem, 2, i ? PYQ_SHARED : 0)));
		EXPECT_EQ(-EINVAL, lib(pyq_semaphore_acquire(&sem, -2)));
		EXPECT_EQ(-EINVAL, lib(pyq_semaphore_release(&sem, 0)));
		EXPECT_EQ(2, lib(pyq_semaphore_value(&sem)));
		EXPECT_EQ(0, lib(pyq_semaphore_acquire(&sem, PYQ_NOWAIT)));
		EXPECT_EQ(0, lib(pyq_semaphore_acquire(&sem, PYQ_FOREVER)));
		EXPECT_EQ(0, lib(pyq_semaphore_value(&sem)));
		EXPECT_EQ(-EAGAIN, lib(pyq_semaphore_acquire(&sem, PYQ_NOWAIT)));
		in_vain(-ETIMEDOUT, pyq_semaphore_acquire(&sem, SHORT));
		signals_rain();
		in_vain(-ETIMEDOUT, pyq_semaphore_acquire(&sem, SHORT));
		signals_end();
		EXPECT_EQ(0, lib(pyq_semaphore_release(&sem, 5)));
		EXPECT_EQ(5, lib(pyq_semaphore_value(&sem)));
		EXPECT_EQ(-EOVERFLOW, lib(pyq_semaphore_release(&sem, UINT32_MAX - 4)));
		EXPECT_EQ(0, lib(pyq_semaphore_release(&sem, UINT32_MAX - 5)));
		EXPECT_EQ(UINT32_MAX, lib(pyq_semaphore_value(&sem)));
		EXPECT_EQ(-EOVERFLOW, lib(pyq_semaphore_release(&sem, 1)));
		EXPECT_EQ(0, lib(pyq_semaphore_destroy(&sem)));
	}
	ASSERT_EQ(0, lib(pyq_semaphore_init(&sem, 2, PYQ_SEMAPHORE_BOUNDED)));
	EXPECT_EQ(-EOVERFLOW, lib(pyq_semaphore_release(&sem, 1)));
	EXPECT_EQ(0, lib(pyq_semaphore_acquire(&sem, PYQ_NOWAIT)));
	EXPECT_EQ(-EOVERFLOW, lib(pyq_semaphore_release(&sem, 2)));
	EXPECT_EQ(1, lib(pyq_semaphore_value(&sem)));
	EXPECT_EQ(0, lib(pyq_semaphore_release(&sem, 1)));
	EXPECT_EQ(2, lib(pyq_semaphore_value(&sem)));
}

/* Never more than its value are inside; some have little patience. */
static int go_in(void *arg)
{
	struct shared *s = arg;
	int in, missed = 0;

	for (int i = 0; i < 3000; i++) {
		int err = pyq_semaphore_acquire(&s->sem, i % 4 ? LONG : 10000);

		if (err == -ETIMEDOUT && i % 4 == 0) {
			missed++;
			continue;
		}
		in = count(&s->inside);
		if (err || in > 2)
			return 1;
		if (i % 8 == 1)
			sched_yield();
		__atomic_sub_fetch(&s->inside, 1, __ATOMIC_SEQ_CST);
		if (pyq_semaphore_release(&s->sem, 1))
			return 1;
	}
	return missed > 3000 / 4;
}

TEST(semaphore_threads)
{
	struct shared *s = new_shared(0);
	pyq_thread *threads[5];

	ASSERT_EQ(0, pyq_semaphore_init(&s->sem, 2, PYQ_SEMAPHORE_BOUNDED));
	for (int i = 0; i < 5; i++)
		threads[i] = new_thread(go_in, s);
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(0, result(threads[i]));
	EXPECT_EQ(2, pyq_semaphore_value(&s->sem));
	pyq_shared_free(s, sizeof(*s));
}

TEST(semaphore_processes)
{
	struct shared *s = new_shared(0);
	pid_t pids[5];

	ASSERT_EQ(0, pyq_semaphore_init(&s->sem, 2, PYQ_SEMAPHORE_BOUNDED | PYQ_SHARED));
	for (int i = 0; i < 5; i++)
		pids[i] = in_child(go_in(s));
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(0, exit_status(pids[i]));
	EXPECT_EQ(2, pyq_semaphore_value(&s->sem));
	pyq_shared_free(s, sizeof(*s));
}

static int acquire_one(void *arg)
{
	struct shared *s = arg;
	int err = pyq_semaphore_acquire(&s->sem, LONG);

	count(&s->back);
	return err;
}

/* A release of n lets n go on, and no more. */
TEST(semaphore_release_n)
{
	struct shared *s = new_shared(0);
	pyq_thread *threads[5];

	for (int i = 0; i < 5; i++)
		threads[i] = new_thread(acquire_one, s);
	for (int i = 0; i < 5; i++)
		ASSERT_TRUE(eventually(asleep(pyq_thread_ident(threads[i]))));
	EXPECT_EQ(0, lib(pyq_semaphore_release(&s->sem, 3)));
	EXPECT_TRUE(eventually(load(&s->back) == 3));
	EXPECT_EQ(0, pyq_semaphore_value(&s->sem));
	EXPECT_EQ(0, lib(pyq_semaphore_release(&s->sem, 2)));
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(0, result(threads[i]));
	EXPECT_EQ(0, pyq_semaphore_value(&s->sem));
	pyq_shared_free(s, sizeof(*s));
}

/* One who is killed in his sleep, or as he is woken, is no loss to the others. */
TEST(semaphore_waiter_killed)
{
	for (int i = 0; i < 50; i++) {
		struct shared *s = new_shared(PYQ_SHARED);
		pid_t first = in_child(-acquire_one(s)), second;

		ASSERT_TRUE(eventually(asleep(first)));
		second = in_child(-acquire_one(s));
		ASSERT_TRUE(eventually(asleep(second)));
		if (i % 2)
			EXPECT_EQ(0, pyq_semaphore_release(&s->sem, 1));
		ASSERT_EQ(0, kill(first, SIGKILL));
		exit_status(first);
		/* One of them has taken it; or nobody yet, and it is the second one's. */
		if (!pyq_semaphore_value(&s->sem))
			EXPECT_EQ(0, pyq_semaphore_release(&s->sem, 1));
		EXPECT_EQ(0, exit_status(second));
		pyq_shared_free(s, sizeof(*s));
	}
}

/* --- none of them is a cancellation point ------------------------------------------ */

/* What a thread gets that has been cancelled. */
static int wait_cancelled(void *arg)
{
	struct shared *s = arg;
	int ok;

	pthread_cancel(pthread_self());
	ok = !pyq_lock_acquire(&s->lock, LONG) &&
	     pyq_condition_wait(&s->cond, &s->lock, SHORT) == -ETIMEDOUT &&
	     !pyq_lock_release(&s->lock) &&
	     pyq_event_wait(&s->event, SHORT) == -ETIMEDOUT &&
	     pyq_semaphore_acquire(&s->sem, SHORT) == -ETIMEDOUT &&
	     pyq_barrier_wait(&s->barrier, SHORT) == -ETIMEDOUT && !notify(s, 1) &&
	     !pyq_event_set(&s->event) && !pyq_semaphore_release(&s->sem, 1) &&
	     !pyq_lock_acquire(&s->lock, LONG) && !pyq_lock_release(&s->lock);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	return ok;
}

/* proves: promise no-cancellation-point */
TEST_F(cond, cancelled)
{
	EXPECT_EQ(1, result(new_thread(wait_cancelled, self->s)));
}

/* --- barriers ------------------------------------------------------------------- */

/* proves: pyq_barrier_init -EINVAL, pyq_barrier_destroy -EINVAL, pyq_barrier_wait -EINVAL */
/* proves: pyq_barrier_wait_action -EINVAL, pyq_barrier_reset -EINVAL, pyq_barrier_abort -EINVAL */
TEST(barrier_invalid)
{
	pyq_barrier barrier = { { 0 } };

	EXPECT_EQ(-EINVAL, lib(pyq_barrier_init(&barrier, 0, 0)));
	EXPECT_EQ(-EINVAL, lib(pyq_barrier_init(&barrier, PYQ_BARRIER_PARTIES_MAX + 1, 0)));
	EXPECT_EQ(-EINVAL, lib(pyq_barrier_init(&barrier, 2, 1)));
	EXPECT_EQ(-EINVAL, lib(pyq_barrier_wait(&barrier, PYQ_NOWAIT)));
	EXPECT_EQ(-EINVAL, lib(pyq_barrier_wait_action(&barrier, NULL, NULL, PYQ_NOWAIT)));
	EXPECT_EQ(-EINVAL, lib(pyq_barrier_reset(&barrier)));
	EXPECT_EQ(-EINVAL, lib(pyq_barrier_abort(&barrier)));
	EXPECT_EQ(-EINVAL, lib(pyq_barrier_destroy(&barrier)));
	ASSERT_EQ(0, lib(pyq_barrier_init(&barrier, PYQ_BARRIER_PARTIES_MAX, PYQ_SHARED)));
	EXPECT_EQ(PYQ_BARRIER_PARTIES_MAX, lib(pyq_barrier_parties(&barrier)));
	EXPECT_EQ(-EINVAL, lib(pyq_barrier_wait(&barrier, -2)));
	EXPECT_EQ(0, lib(pyq_barrier_n_waiting(&barrier)));
	EXPECT_FALSE(lib(pyq_barrier_broken(&barrier)));
	EXPECT_EQ(0, lib(pyq_barrier_destroy(&barrier)));
}

/* proves: pyq_barrier_wait -EAGAIN, pyq_barrier_wait -ETIMEDOUT, pyq_barrier_wait -EPIPE */
/* proves: pyq_barrier_wait_action -EAGAIN, pyq_barrier_wait_action -ETIMEDOUT */
/* proves: pyq_barrier_wait_action -EPIPE, pyq_barrier_abort -EPIPE */
TEST(barrier_alone)
{
	for (int i = 0; i < 2; i++) {
		struct shared *s = new_shared(i ? PYQ_SHARED : 0);
		pyq_barrier *barrier = &s->barrier;

		EXPECT_EQ(-EAGAIN, lib(pyq_barrier_wait(barrier, PYQ_NOWAIT)));
		EXPECT_TRUE(lib(pyq_barrier_broken(barrier)));
		EXPECT_EQ(0, lib(pyq_barrier_n_waiting(barrier)));
		EXPECT_EQ(-EPIPE, lib(pyq_barrier_wait(barrier, PYQ_FOREVER)));
		EXPECT_EQ(-EPIPE, lib(pyq_barrier_wait_action(barrier, NULL, NULL, PYQ_NOWAIT)));
		EXPECT_EQ(0, lib(pyq_barrier_reset(barrier)));
		EXPECT_FALSE(lib(pyq_barrier_broken(barrier)));
		in_vain(-ETIMEDOUT, pyq_barrier_wait(barrier, SHORT));
		EXPECT_EQ(0, lib(pyq_barrier_reset(barrier)));
		signals_rain();
		in_vain(-ETIMEDOUT, pyq_barrier_wait_action(barrier, NULL, NULL, SHORT));
		signals_end();
		EXPECT_EQ(0, lib(pyq_barrier_reset(barrier)));
		EXPECT_EQ(0, lib(pyq_barrier_reset(barrier)));
		EXPECT_EQ(-EAGAIN, lib(pyq_barrier_wait_action(barrier, NULL, NULL, PYQ_NOWAIT)));
		EXPECT_EQ(0, lib(pyq_barrier_abort(barrier)));
		EXPECT_EQ(0, lib(pyq_barrier_reset(barrier)));
		EXPECT_EQ(0, lib(pyq_barrier_abort(barrier)));
		EXPECT_EQ(-EPIPE, lib(pyq_barrier_wait(barrier, PYQ_NOWAIT)));
		EXPECT_TRUE(lib(pyq_barrier_broken(barrier)));
		/* One party is always complete. */
		ASSERT_EQ(0, lib(pyq_barrier_init(barrier, 1, i ? PYQ_SHARED : 0)));
		for (int n = 0; n < 3; n++)
			EXPECT_EQ(0, lib(pyq_barrier_wait(barrier, PYQ_NOWAIT)));
		pyq_shared_free(s, sizeof(*s));
	}
}

enum { ROUNDS = 500 };

static void act(void *arg)
{
	struct shared *s = arg;

	/* All have come, and nobody has gone. */
	if (s->sum == MANY * (s->acted + 1))
		s->acted++;
}

static int go_round(void *arg)
{
	struct shared *s = arg;

	for (int i = 0; i < ROUNDS; i++) {
		int index;

		__atomic_add_fetch(&s->sum, 1, __ATOMIC_RELAXED);
		index = pyq_barrier_wait_action(&s->barrier, i % 2 ? act : NULL, s, LONG);
		if (index < 0)
			return -index;
		if (!index)
			s->rounds++; /* nobody else does */
		/* Until all have looked nobody goes on: the last to come acts. */
		index = pyq_barrier_wait(&s->barrier, LONG);
		if (index < 0)
			return -index;
		if (s->rounds != i + 1)
			return 1;
		if (index == MANY - 1 && i % 2 == 0)
			s->acted++; /* and here he has come last */
		index = pyq_barrier_wait(&s->barrier, LONG);
		if (index < 0)
			return -index;
		if (s->acted != i + 1)
			return 2;
	}
	return 0;
}

TEST(barrier_threads)
{
	struct shared *s = new_shared(0);
	pyq_thread *threads[MANY];

	for (int i = 0; i < MANY; i++)
		threads[i] = new_thread(go_round, s);
	for (int i = 0; i < MANY; i++)
		EXPECT_EQ(0, result(threads[i]));
	EXPECT_EQ(ROUNDS, s->rounds);
	EXPECT_EQ(ROUNDS, s->acted);
	EXPECT_EQ(0, pyq_barrier_n_waiting(&s->barrier));
	pyq_shared_free(s, sizeof(*s));
}

TEST(barrier_processes)
{
	struct shared *s = new_shared(PYQ_SHARED);
	pid_t pids[MANY];

	for (int i = 0; i < MANY; i++)
		pids[i] = in_child(go_round(s));
	for (int i = 0; i < MANY; i++)
		EXPECT_EQ(0, exit_status(pids[i]));
	EXPECT_EQ(ROUNDS, s->rounds);
	EXPECT_EQ(ROUNDS, s->acted);
	pyq_shared_free(s, sizeof(*s));
}

static int arrive(void *arg)
{
	return pyq_barrier_wait(&((struct shared *)arg)->barrier, LONG);
}

/* Who waits is told, whatever breaks it, and after a reset too. */
/* proves: pyq_barrier_reset -EPIPE */
TEST(barrier_broken_while_others_wait)
{
	for (int how = 0; how < 4; how++) {
		struct shared *s = new_shared(0);
		pyq_thread *threads[3];

		for (int i = 0; i < 3; i++)
			threads[i] = new_thread(arrive, s);
		ASSERT_TRUE(eventually(pyq_barrier_n_waiting(&s->barrier) == 3));
		if (how == 0)
			EXPECT_EQ(-ETIMEDOUT, lib(pyq_barrier_wait(&s->barrier, SHORT)));
		if (how == 1 || how == 3)
			EXPECT_EQ(0, lib(pyq_barrier_abort(&s->barrier)));
		if (how >= 2)
			EXPECT_EQ(0, lib(pyq_barrier_reset(&s->barrier)));
		for (int i = 0; i < 3; i++)
			EXPECT_EQ(-EPIPE, result(threads[i]));
		EXPECT_EQ(how < 2, pyq_barrier_broken(&s->barrier));
		EXPECT_EQ(0, pyq_barrier_n_waiting(&s->barrier));
		pyq_shared_free(s, sizeof(*s));
	}
}

/* Those of a complete round have got through, although it is broken by now. */
TEST(barrier_broken_afterwards)
{
	struct shared *s = new_shared(0);

	ASSERT_EQ(0, pyq_barrier_init(&s->barrier, 2, 0));
	for (int i = 0; i < 200; i++) {
		pyq_thread *other = new_thread(arrive, s);
		int index = pyq_barrier_wait(&s->barrier, LONG);

		/* However often, as long as nobody has come meanwhile. */
		for (int n = 0; n < i; n++) {
			EXPECT_EQ(0, pyq_barrier_abort(&s->barrier));
			EXPECT_TRUE(pyq_barrier_broken(&s->barrier));
			EXPECT_EQ(0, pyq_barrier_reset(&s->barrier));
		}
		if (i % 2)
			EXPECT_EQ(-EAGAIN, pyq_barrier_wait(&s->barrier, PYQ_NOWAIT));
		EXPECT_EQ(1, index + result(other));
		EXPECT_EQ(0, pyq_barrier_reset(&s->barrier));
	}
	pyq_shared_free(s, sizeof(*s));
}

static void abort_it(void *arg)
{
	pyq_barrier_abort(arg);
}

/* An action that fails breaks it, as an exception does in Python. */
TEST(barrier_action_aborts)
{
	struct shared *s = new_shared(0);
	pyq_thread *other;

	ASSERT_EQ(0, pyq_barrier_init(&s->barrier, 2, 0));
	other = new_thread(arrive, s);
	ASSERT_TRUE(eventually(pyq_barrier_n_waiting(&s->barrier) == 1));
	EXPECT_EQ(-EPIPE, lib(pyq_barrier_wait_action(&s->barrier, abort_it, &s->barrier, LONG)));
	EXPECT_EQ(-EPIPE, result(other));
	EXPECT_TRUE(pyq_barrier_broken(&s->barrier));
	pyq_shared_free(s, sizeof(*s));
}

static void never_end(void *arg)
{
	store((int *)arg, 1);
	for (;;)
		pause();
}

/* Who is killed in the action leaves the others to their timeouts. */
TEST(barrier_action_killed)
{
	struct shared *s = new_shared(PYQ_SHARED);
	pid_t other, late;

	ASSERT_EQ(0, pyq_barrier_init(&s->barrier, 1, PYQ_SHARED));
	other = in_child(pyq_barrier_wait_action(&s->barrier, never_end, &s->inside, LONG));
	ASSERT_TRUE(eventually(load(&s->inside)));
	late = in_child(-pyq_barrier_wait(&s->barrier, LONG));
	ASSERT_TRUE(eventually(asleep(late)));
	ASSERT_TRUE(killed(other));
	EXPECT_EQ(1, pyq_barrier_n_waiting(&s->barrier));
	in_vain(-ETIMEDOUT, pyq_barrier_wait(&s->barrier, SHORT));
	EXPECT_EQ(EPIPE, exit_status(late));
	EXPECT_EQ(0, pyq_barrier_reset(&s->barrier));
	EXPECT_EQ(0, pyq_barrier_wait(&s->barrier, PYQ_NOWAIT));
	pyq_shared_free(s, sizeof(*s));
}

/* Who is killed while he waits has come; in the next round he is missing. */
TEST(barrier_waiter_killed)
{
	struct shared *s = new_shared(PYQ_SHARED);
	pid_t first, second;

	ASSERT_EQ(0, pyq_barrier_init(&s->barrier, 3, PYQ_SHARED));
	first = in_child(arrive(s));
	ASSERT_TRUE(eventually(asleep(first)));
	ASSERT_TRUE(killed(first));
	EXPECT_EQ(1, pyq_barrier_n_waiting(&s->barrier));
	second = in_child(arrive(s));
	ASSERT_TRUE(eventually(pyq_barrier_n_waiting(&s->barrier) == 2));
	EXPECT_EQ(2, lib(pyq_barrier_wait(&s->barrier, LONG)));
	EXPECT_EQ(1, exit_status(second));
	second = in_child(-pyq_barrier_wait(&s->barrier, LONG));
	ASSERT_TRUE(eventually(pyq_barrier_n_waiting(&s->barrier) == 1));
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_barrier_wait(&s->barrier, SHORT)));
	EXPECT_EQ(EPIPE, exit_status(second));
	pyq_shared_free(s, sizeof(*s));
}

TEST_HARNESS_MAIN
