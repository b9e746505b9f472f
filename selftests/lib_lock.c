// SPDX-License-Identifier: GPL-2.0
/* pyq_lock: between threads, between processes, and when somebody dies. */
#include "threads.h"

/* What two threads, or processes, do things to. */
struct shared {
	pyq_lock lock;
	pyq_event event;
	pyq_semaphore sem;
	pyq_barrier barrier;
	int held;
	int a;
	int b;
	int done;
};

/* With ThreadSanitizer nobody sleeps in a mutex, but takes naps (lib/until.h). */
#ifdef __SANITIZE_THREAD__
enum { TSAN = 1 };
#else
enum { TSAN = 0 };
#endif

static struct shared *new_shared(void)
{
	return pyq_shared_alloc(sizeof(struct shared));
}

static int try_acquire(void *lock)
{
	return pyq_lock_acquire(lock, PYQ_NOWAIT);
}

static int acquire_soon(void *lock)
{
	int err = pyq_lock_acquire(lock, LONG);

	return err ? err : pyq_lock_release(lock);
}

static int release(void *lock)
{
	return pyq_lock_release(lock);
}

/* What another thread gets that calls @function. */
#define by_another(function, argument) result(new_thread(function, argument))

/* proves: pyq_lock_acquire -EAGAIN, pyq_lock_acquire -ETIMEDOUT, pyq_lock_acquire -EDEADLK */
/* proves: pyq_lock_release -EPERM */
TEST(plain)
{
	pyq_lock lock;

	ASSERT_EQ(0, lib(pyq_lock_init(&lock, 0)));
	EXPECT_FALSE(lib(pyq_lock_locked(&lock)));
	EXPECT_FALSE(lib(pyq_lock_is_mine(&lock)));
	EXPECT_EQ(-EPERM, lib(pyq_lock_release(&lock)));

	EXPECT_EQ(0, lib(pyq_lock_acquire(&lock, PYQ_NOWAIT)));
	EXPECT_TRUE(lib(pyq_lock_locked(&lock)));
	EXPECT_TRUE(lib(pyq_lock_is_mine(&lock)));
	EXPECT_EQ(-EDEADLK, lib(pyq_lock_acquire(&lock, PYQ_NOWAIT)));
	EXPECT_EQ(-EDEADLK, lib(pyq_lock_acquire(&lock, SHORT)));
	EXPECT_EQ(-EDEADLK, lib(pyq_lock_acquire(&lock, PYQ_FOREVER)));

	EXPECT_EQ(-EAGAIN, by_another(try_acquire, &lock));
	EXPECT_EQ(-EPERM, by_another(release, &lock));
	EXPECT_TRUE(lib(pyq_lock_is_mine(&lock)));

	EXPECT_EQ(0, lib(pyq_lock_release(&lock)));
	EXPECT_FALSE(lib(pyq_lock_locked(&lock)));
	EXPECT_EQ(-EPERM, lib(pyq_lock_release(&lock)));
	EXPECT_EQ(0, by_another(acquire_soon, &lock));
	EXPECT_EQ(0, lib(pyq_lock_acquire(&lock, PYQ_FOREVER)));
	EXPECT_EQ(0, lib(pyq_lock_release(&lock)));
	EXPECT_EQ(0, lib(pyq_lock_destroy(&lock)));
}

static int hold_until_done(void *arg)
{
	struct shared *s = arg;
	int err = pyq_lock_acquire(&s->lock, LONG);

	store(&s->held, 1);
	if (!err && eventually(load(&s->done)))
		err = pyq_lock_release(&s->lock);
	return err;
}

TEST(timeouts)
{
	struct shared s = { .held = 0 };
	pyq_thread *holder;

	ASSERT_EQ(0, pyq_lock_init(&s.lock, 0));
	holder = new_thread(hold_until_done, &s);
	ASSERT_TRUE(eventually(load(&s.held)));
	in_vain(-ETIMEDOUT, pyq_lock_acquire(&s.lock, SHORT));
	signals_rain();
	in_vain(-ETIMEDOUT, pyq_lock_acquire(&s.lock, SHORT));
	signals_end();
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_lock_acquire(&s.lock, 1)));
	store(&s.done, 1);
	EXPECT_EQ(0, lib(pyq_lock_acquire(&s.lock, LONG)));
	EXPECT_EQ(0, lib(pyq_lock_release(&s.lock)));
	EXPECT_EQ(0, result(holder));
}

TEST(recursive)
{
	pyq_lock lock;

	ASSERT_EQ(0, lib(pyq_lock_init(&lock, PYQ_LOCK_RECURSIVE)));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, lib(pyq_lock_acquire(&lock, i ? PYQ_FOREVER : PYQ_NOWAIT)));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(-EAGAIN, by_another(try_acquire, &lock));
		EXPECT_EQ(-EPERM, by_another(release, &lock));
		EXPECT_EQ(0, lib(pyq_lock_release(&lock)));
	}
	EXPECT_EQ(-EPERM, lib(pyq_lock_release(&lock)));
	EXPECT_EQ(0, by_another(acquire_soon, &lock));
	EXPECT_EQ(0, lib(pyq_lock_destroy(&lock)));
}

/* proves: pyq_lock_init -EINVAL, pyq_lock_destroy -EINVAL, pyq_lock_acquire -EINVAL */
/* proves: pyq_lock_release -EINVAL, pyq_lock_make_consistent -EINVAL */
TEST(invalid)
{
	pyq_lock lock = { { 0 } };

	EXPECT_EQ(-EINVAL, lib(pyq_lock_init(&lock, 1)));
	EXPECT_EQ(-EINVAL, lib(pyq_lock_init(&lock, PYQ_SHARED | PYQ_SEMAPHORE_BOUNDED)));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(-EINVAL, lib(pyq_lock_acquire(&lock, PYQ_FOREVER)));
		EXPECT_EQ(-EINVAL, lib(pyq_lock_release(&lock)));
		EXPECT_EQ(-EINVAL, lib(pyq_lock_make_consistent(&lock)));
		EXPECT_EQ(-EINVAL, lib(pyq_lock_destroy(&lock)));
		EXPECT_FALSE(lib(pyq_lock_is_mine(&lock)));
		/* And one that has been destroyed. */
		if (!i) {
			ASSERT_EQ(0, lib(pyq_lock_init(&lock, PYQ_SHARED)));
			EXPECT_EQ(-EINVAL, lib(pyq_lock_acquire(&lock, -2)));
			ASSERT_EQ(0, lib(pyq_lock_destroy(&lock)));
		}
	}
}

/* proves: pyq_lock_destroy -EBUSY, pyq_lock_make_consistent -EPERM */
TEST(destroy)
{
	struct shared s = { .held = 0 };
	pyq_thread *holder;

	ASSERT_EQ(0, pyq_lock_init(&s.lock, 0));
	EXPECT_EQ(0, pyq_lock_acquire(&s.lock, PYQ_NOWAIT));
	EXPECT_EQ(-EBUSY, lib(pyq_lock_destroy(&s.lock)));
	EXPECT_EQ(-EINVAL, lib(pyq_lock_make_consistent(&s.lock)));
	EXPECT_EQ(0, pyq_lock_release(&s.lock));
	holder = new_thread(hold_until_done, &s);
	ASSERT_TRUE(eventually(load(&s.held)));
	EXPECT_EQ(-EBUSY, lib(pyq_lock_destroy(&s.lock)));
	EXPECT_EQ(-EPERM, lib(pyq_lock_make_consistent(&s.lock)));
	store(&s.done, 1);
	EXPECT_EQ(0, result(holder));
	EXPECT_EQ(0, lib(pyq_lock_destroy(&s.lock)));
}

enum { THREADS = 4, TIMES = 20000 };

static int count_up(void *arg)
{
	struct shared *s = arg;

	for (int i = 0; i < TIMES; i++) {
		if (pyq_lock_acquire(&s->lock, i % 2 ? PYQ_FOREVER : LONG))
			return -1;
		s->a++;
		if (pyq_lock_release(&s->lock))
			return -1;
	}
	return 0;
}

TEST(excludes_threads)
{
	struct shared s = { .a = 0 };
	pyq_thread *threads[THREADS];

	ASSERT_EQ(0, pyq_lock_init(&s.lock, 0));
	for (int i = 0; i < THREADS; i++)
		threads[i] = new_thread(count_up, &s);
	for (int i = 0; i < THREADS; i++)
		EXPECT_EQ(0, result(threads[i]));
	EXPECT_EQ(THREADS * TIMES, s.a);
}

TEST(excludes_processes)
{
	struct shared *s = new_shared();
	pid_t pids[THREADS];

	ASSERT_NE(NULL, s);
	ASSERT_EQ(0, pyq_lock_init(&s->lock, PYQ_SHARED));
	for (int i = 0; i < THREADS; i++)
		pids[i] = in_child(-count_up(s));
	for (int i = 0; i < THREADS; i++)
		EXPECT_EQ(0, exit_status(pids[i]));
	EXPECT_EQ(THREADS * TIMES, s->a);
	pyq_shared_free(s, sizeof(*s));
}

/* A child is another than its parent: also with what that knows of itself. */
TEST(fork_while_held)
{
	struct shared *s = new_shared();

	ASSERT_NE(NULL, s);
	ASSERT_EQ(0, pyq_lock_init(&s->lock, PYQ_SHARED | PYQ_LOCK_RECURSIVE));
	EXPECT_EQ(0, pyq_lock_acquire(&s->lock, PYQ_NOWAIT));
	EXPECT_EQ(0, exit_status(in_child(pyq_lock_is_mine(&s->lock))));
	EXPECT_EQ(EPERM, exit_status(in_child(-pyq_lock_release(&s->lock))));
	EXPECT_EQ(EAGAIN, exit_status(in_child(-pyq_lock_acquire(&s->lock, PYQ_NOWAIT))));
	EXPECT_TRUE(pyq_lock_is_mine(&s->lock));
	EXPECT_EQ(0, pyq_lock_release(&s->lock));
	EXPECT_EQ(0, exit_status(in_child(-acquire_soon(&s->lock))));
	pyq_shared_free(s, sizeof(*s));
}

/* A child that has acquired the lock so many times, and waits to be killed. */
static int hold_for_ever(struct shared *s, int times)
{
	for (int i = 0; i < times; i++)
		if (pyq_lock_acquire(&s->lock, LONG))
			return 1;
	store(&s->held, 1);
	for (;;)
		pause();
}

/* proves: pyq_lock_acquire -EOWNERDEAD, pyq_lock_make_consistent -EOWNERDEAD */
TEST(holder_killed)
{
	struct shared *s = new_shared();
	pid_t holder;

	ASSERT_NE(NULL, s);
	ASSERT_EQ(0, pyq_lock_init(&s->lock, PYQ_SHARED | PYQ_LOCK_RECURSIVE));
	for (int i = 0; i < 3; i++) {
		int64_t timeouts[] = { PYQ_NOWAIT, LONG, PYQ_FOREVER };

		store(&s->held, 0);
		holder = in_child(hold_for_ever(s, 3));
		ASSERT_TRUE(eventually(load(&s->held)));
		EXPECT_EQ(-EAGAIN, lib(pyq_lock_acquire(&s->lock, PYQ_NOWAIT)));
		ASSERT_TRUE(killed(holder));
		EXPECT_TRUE(lib(pyq_lock_locked(&s->lock)));
		EXPECT_FALSE(lib(pyq_lock_is_mine(&s->lock)));
		EXPECT_EQ(-EPERM, lib(pyq_lock_release(&s->lock)));

		EXPECT_EQ(-EOWNERDEAD, lib(pyq_lock_acquire(&s->lock, timeouts[i])));
		EXPECT_TRUE(lib(pyq_lock_is_mine(&s->lock)));
		EXPECT_EQ(0, lib(pyq_lock_make_consistent(&s->lock)));
		EXPECT_EQ(-EINVAL, lib(pyq_lock_make_consistent(&s->lock)));
		/* Of the dead one's levels none is ours. */
		EXPECT_EQ(0, lib(pyq_lock_release(&s->lock)));
		EXPECT_FALSE(lib(pyq_lock_locked(&s->lock)));
		EXPECT_EQ(0, lib(pyq_lock_acquire(&s->lock, PYQ_NOWAIT)));
		EXPECT_EQ(0, lib(pyq_lock_release(&s->lock)));
	}
	store(&s->held, 0);
	holder = in_child(hold_for_ever(s, 1));
	ASSERT_TRUE(eventually(load(&s->held)));
	EXPECT_EQ(-EBUSY, lib(pyq_lock_destroy(&s->lock)));
	ASSERT_TRUE(killed(holder));
	EXPECT_EQ(0, lib(pyq_lock_destroy(&s->lock)));
	pyq_shared_free(s, sizeof(*s));
}

/* Who sleeps is woken by a death, with a timeout and without. */
TEST(holder_killed_while_others_wait)
{
	struct shared *s = new_shared();

	ASSERT_NE(NULL, s);
	ASSERT_EQ(0, pyq_lock_init(&s->lock, PYQ_SHARED));
	for (int i = 0; i < 2; i++) {
		pid_t holder, waiter;

		store(&s->held, 0);
		holder = in_child(hold_for_ever(s, 1));
		ASSERT_TRUE(eventually(load(&s->held)));
		waiter = in_child(({
			int err = pyq_lock_acquire(&s->lock, i ? PYQ_FOREVER : LONG);

			pyq_lock_make_consistent(&s->lock);
			pyq_lock_release(&s->lock);
			-err;
		}));
		EXPECT_TRUE(eventually(TSAN || asleep(waiter)));
		ASSERT_TRUE(killed(holder));
		EXPECT_EQ(EOWNERDEAD, exit_status(waiter));
	}
	EXPECT_EQ(0, lib(pyq_lock_acquire(&s->lock, PYQ_NOWAIT)));
	EXPECT_EQ(0, lib(pyq_lock_release(&s->lock)));
	pyq_shared_free(s, sizeof(*s));
}

/* One who is killed in his sleep takes no wake-up along. */
TEST(waiter_killed)
{
	struct shared *s = new_shared();
	pid_t first, second;

	ASSERT_NE(NULL, s);
	ASSERT_EQ(0, pyq_lock_init(&s->lock, PYQ_SHARED));
	for (int i = 0; i < 50; i++) {
		store(&s->held, 0);
		first = in_child(eventually(load(&s->held)) ? -acquire_soon(&s->lock) : 1);
		second = in_child(eventually(load(&s->held) == 2) ? -acquire_soon(&s->lock) : 1);
		ASSERT_EQ(0, pyq_lock_acquire(&s->lock, PYQ_NOWAIT));
		store(&s->held, 1);
		ASSERT_TRUE(eventually(asleep(first)));
		store(&s->held, 2);
		ASSERT_TRUE(eventually(asleep(second)));
		/* Before he is woken, or as he is. */
		if (i % 2)
			EXPECT_EQ(0, pyq_lock_release(&s->lock));
		kill(first, SIGKILL);
		if (i % 2 == 0)
			EXPECT_EQ(0, pyq_lock_release(&s->lock));
		exit_status(first);
		first = exit_status(second);
		EXPECT_TRUE(first == 0 || first == EOWNERDEAD);
		/* It did not make it consistent, if it has got it from the other. */
		if (first)
			ASSERT_EQ(0, pyq_lock_init(&s->lock, PYQ_SHARED));
	}
	pyq_shared_free(s, sizeof(*s));
}

/* proves: pyq_lock_acquire -ENOTRECOVERABLE */
TEST(not_recoverable)
{
	struct shared *s = new_shared();
	pid_t holder, waiters[3];

	ASSERT_NE(NULL, s);
	ASSERT_EQ(0, pyq_lock_init(&s->lock, PYQ_SHARED));
	holder = in_child(hold_for_ever(s, 1));
	ASSERT_TRUE(eventually(load(&s->held)));
	ASSERT_TRUE(killed(holder));
	EXPECT_EQ(-EOWNERDEAD, lib(pyq_lock_acquire(&s->lock, PYQ_FOREVER)));
	for (int i = 0; i < 3; i++)
		waiters[i] = in_child(-acquire_soon(&s->lock));
	EXPECT_TRUE(eventually(asleep(waiters[2])));
	EXPECT_EQ(0, lib(pyq_lock_release(&s->lock)));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(ENOTRECOVERABLE, exit_status(waiters[i]));
	EXPECT_EQ(-ENOTRECOVERABLE, lib(pyq_lock_acquire(&s->lock, PYQ_NOWAIT)));
	/* (glibc's trylock would have left it to us, and all others would wait for ever.) */
	EXPECT_EQ(ENOTRECOVERABLE, exit_status(in_child(-pyq_lock_acquire(&s->lock, PYQ_FOREVER))));
	EXPECT_EQ(-ENOTRECOVERABLE, lib(pyq_lock_acquire(&s->lock, LONG)));
	EXPECT_EQ(-ENOTRECOVERABLE, lib(pyq_lock_acquire(&s->lock, PYQ_FOREVER)));
	EXPECT_FALSE(lib(pyq_lock_is_mine(&s->lock)));
	EXPECT_EQ(-EPERM, lib(pyq_lock_release(&s->lock)));
	EXPECT_EQ(0, lib(pyq_lock_destroy(&s->lock)));
	EXPECT_EQ(0, lib(pyq_lock_init(&s->lock, PYQ_SHARED)));
	EXPECT_EQ(0, lib(pyq_lock_acquire(&s->lock, PYQ_NOWAIT)));
	EXPECT_EQ(0, lib(pyq_lock_release(&s->lock)));
	pyq_shared_free(s, sizeof(*s));
}

/* And between threads, who do not look for themselves: all who sleep are told. */
TEST(not_recoverable_by_threads)
{
	pyq_thread *waiters[3];
	pyq_lock lock;

	ASSERT_EQ(0, pyq_lock_init(&lock, 0));
	EXPECT_EQ(0, by_another(try_acquire, &lock));
	EXPECT_EQ(-EOWNERDEAD, lib(pyq_lock_acquire(&lock, PYQ_FOREVER)));
	for (int i = 0; i < 3; i++)
		waiters[i] = new_thread(acquire_soon, &lock);
	for (int i = 0; i < 3; i++)
		EXPECT_TRUE(eventually(TSAN || asleep(pyq_thread_ident(waiters[i]))));
	EXPECT_EQ(0, lib(pyq_lock_release(&lock)));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(-ENOTRECOVERABLE, result(waiters[i]));
}

/* A thread that ends is as dead as a process; after a join it has ended. */
TEST(thread_ends)
{
	pyq_lock lock;

	ASSERT_EQ(0, lib(pyq_lock_init(&lock, 0)));
	EXPECT_EQ(0, by_another(try_acquire, &lock));
	EXPECT_EQ(-EOWNERDEAD, lib(pyq_lock_acquire(&lock, PYQ_NOWAIT)));
	EXPECT_EQ(0, lib(pyq_lock_make_consistent(&lock)));
	EXPECT_EQ(0, lib(pyq_lock_release(&lock)));
	EXPECT_EQ(0, by_another(acquire_soon, &lock));
	EXPECT_EQ(0, lib(pyq_lock_destroy(&lock)));
}

/* What a thread does with a lock before others use its memory for something else. */
static int miss_and_stay(void *arg)
{
	struct shared *s = arg;

	s->a = pyq_lock_acquire(&s->lock, PYQ_NOWAIT);
	s->b = pyq_lock_acquire(&s->lock, SHORT);
	store(&s->held, 1);
	return eventually(load(&s->done)) ? 0 : -1;
}

static int destroy_and_stay(void *arg)
{
	struct shared *s = arg;

	s->a = pyq_lock_destroy(&s->lock);
	store(&s->held, 1);
	return eventually(load(&s->done)) ? 0 : -1;
}

/*
 * Who has not got a lock, or has ended it, has nothing more to do with its memory, nor has
 * the kernel when that thread ends: it would look for the thread's number there.
 */
TEST(memory_of_a_former_lock)
{
	for (int destroys = 0; destroys < 2; destroys++) {
		struct shared s = { .held = 0 };
		uint32_t words[sizeof(s.lock) / sizeof(uint32_t)];
		pyq_thread *other;

		ASSERT_EQ(0, pyq_lock_init(&s.lock, 0));
		if (destroys) {
			/* One whose holder has died. */
			EXPECT_EQ(0, by_another(try_acquire, &s.lock));
			other = new_thread(destroy_and_stay, &s);
			ASSERT_TRUE(eventually(load(&s.held)));
			EXPECT_EQ(0, s.a);
		} else {
			ASSERT_EQ(0, pyq_lock_acquire(&s.lock, PYQ_NOWAIT));
			other = new_thread(miss_and_stay, &s);
			ASSERT_TRUE(eventually(load(&s.held)));
			EXPECT_EQ(-EAGAIN, s.a);
			EXPECT_EQ(-ETIMEDOUT, s.b);
			EXPECT_EQ(0, pyq_lock_release(&s.lock));
			EXPECT_EQ(0, pyq_lock_destroy(&s.lock));
		}
		for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
			words[i] = (uint32_t)pyq_thread_ident(other);
		memcpy(&s.lock, words, sizeof(words));
		store(&s.done, 1);
		EXPECT_EQ(0, result(other));
		EXPECT_EQ(0, memcmp(&s.lock, words, sizeof(words))) TH_LOG("%d", destroys);
	}
}

/*
 * Processes that keep two numbers equal, and are killed. The lock tells the next one
 * each time that they may not be.
 */
static int keep_equal(struct shared *s)
{
	while (!load(&s->done)) {
		int err = pyq_lock_acquire(&s->lock, LONG);

		if (err == -EOWNERDEAD) {
			count(&s->held);
			s->a = s->b;
			err = pyq_lock_make_consistent(&s->lock);
		}
		if (err || s->a != s->b)
			return 1;
		__atomic_store_n(&s->a, s->a + 1, __ATOMIC_RELAXED);
		__atomic_store_n(&s->b, s->b + 1, __ATOMIC_RELAXED);
		if (pyq_lock_release(&s->lock))
			return 1;
	}
	return 0;
}

TEST(storm)
{
	struct shared *s = new_shared();
	pid_t pids[3];

	ASSERT_NE(NULL, s);
	ASSERT_EQ(0, pyq_lock_init(&s->lock, PYQ_SHARED));
	for (int i = 0; i < 3; i++)
		pids[i] = in_child(keep_equal(s));
	for (int i = 0; i < 100; i++) {
		int seen = load(&s->b);

		ASSERT_TRUE(eventually(load(&s->b) > seen + i % 7));
		ASSERT_TRUE(killed(pids[i % 3]));
		pids[i % 3] = in_child(keep_equal(s));
	}
	store(&s->done, 1);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, exit_status(pids[i]));
	EXPECT_LT(100, s->b);
	TH_LOG("%d deaths of holders", s->held);
	pyq_shared_free(s, sizeof(*s));
}

/*
 * Who is killed when he has let others go, and has not woken them: they look for
 * themselves. What such a one leaves is written here as he would.
 */
TEST(killed_before_the_wake)
{
	struct shared *s = new_shared();
	pid_t pids[3];
	struct word {
		uint32_t kind;
		uint32_t event;
		uint64_t word;
	} *event, *sem, *barrier;

	ASSERT_NE(NULL, s);
	event = (struct word *)&s->event;
	sem = (struct word *)&s->sem;
	barrier = (struct word *)&s->barrier;
	ASSERT_EQ(0, pyq_event_init(&s->event, PYQ_SHARED));
	ASSERT_EQ(0, pyq_semaphore_init(&s->sem, 0, PYQ_SHARED));
	ASSERT_EQ(0, pyq_barrier_init(&s->barrier, 2, PYQ_SHARED));
	pids[0] = in_child(-pyq_event_wait(&s->event, LONG));
	pids[1] = in_child(-pyq_semaphore_acquire(&s->sem, LONG));
	pids[2] = in_child(-pyq_barrier_wait(&s->barrier, LONG));
	for (int i = 0; i < 3; i++)
		ASSERT_TRUE(eventually(asleep(pids[i])));
	__atomic_fetch_or(&event->event, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&sem->word, 1, __ATOMIC_SEQ_CST);
	/* The next generation, of which nobody has come. */
	__atomic_fetch_add(&barrier->word, 2 - (1LL << 32), __ATOMIC_SEQ_CST);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, exit_status(pids[i]));
	EXPECT_EQ(0, pyq_barrier_n_waiting(&s->barrier));
	pyq_shared_free(s, sizeof(*s));
}

/* Who looks for himself in between goes on waiting: nothing ends early for that. */
TEST(longer_than_a_look)
{
	const int64_t timeout = PYQ_MILLISECONDS(600);
	struct shared *s = new_shared();
	pid_t holder;

	ASSERT_NE(NULL, s);
	ASSERT_EQ(0, pyq_lock_init(&s->lock, PYQ_SHARED));
	ASSERT_EQ(0, pyq_event_init(&s->event, PYQ_SHARED));
	ASSERT_EQ(0, pyq_semaphore_init(&s->sem, 0, PYQ_SHARED));
	ASSERT_EQ(0, pyq_barrier_init(&s->barrier, 2, PYQ_SHARED));
	holder = in_child(-hold_until_done(s));
	ASSERT_TRUE(eventually(load(&s->held)));
	for (int i = 0; i < 4; i++) {
		int64_t begun = lib_now_ns();

		EXPECT_EQ(-ETIMEDOUT,
			  i == 0 ? lib(pyq_lock_acquire(&s->lock, timeout)) :
			  i == 1 ? lib(pyq_event_wait(&s->event, timeout)) :
			  i == 2 ? lib(pyq_semaphore_acquire(&s->sem, timeout)) :
				   lib(pyq_barrier_wait(&s->barrier, timeout)));
		EXPECT_LE(begun + timeout, lib_now_ns()) TH_LOG("%d", i);
	}
	store(&s->done, 1);
	EXPECT_EQ(0, exit_status(holder));
	pyq_shared_free(s, sizeof(*s));
}

TEST(shared_memory)
{
	int *numbers = lib(pyq_shared_alloc(100 * sizeof(int)));

	ASSERT_NE(NULL, numbers);
	for (int i = 0; i < 100; i++)
		EXPECT_EQ(0, numbers[i]);
	EXPECT_EQ(0, exit_status(in_child(({
		numbers[99] = 7;
		pyq_shared_free(numbers, 100 * sizeof(int));
		0;
	}))));
	EXPECT_EQ(7, numbers[99]);
	lib(({
		pyq_shared_free(numbers, 100 * sizeof(int));
		pyq_shared_free(NULL, 0);
		0;
	}));
	EXPECT_EQ(NULL, lib(pyq_shared_alloc(0)));
	EXPECT_EQ(NULL, lib(pyq_shared_alloc(SIZE_MAX / 2)));
}

TEST_HARNESS_MAIN
