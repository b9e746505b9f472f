// SPDX-License-Identifier: GPL-2.0
/* pyq_thread. */
#include "threads.h"

#include <sys/resource.h>

static int seven(void *arg)
{
	(void)arg;
	return 7;
}

/* Until the number is no longer 0. */
static int wait_for(void *number)
{
	return eventually(load((int *)number)) ? load((int *)number) : -1;
}

/* proves: pyq_thread_start -EALREADY, pyq_thread_join -ESRCH, pyq_thread_join -EAGAIN */
/* proves: pyq_thread_join -ETIMEDOUT, pyq_thread_exitcode -EAGAIN, pyq_thread_exitcode -ESRCH */
/* proves: pyq_thread_ident -ESRCH, pyq_thread_join -EINVAL, pyq_thread_detach -ESRCH */
TEST(life)
{
	int go = 0, code = -1;
	pyq_thread t = { .target = wait_for, .arg = &go };

	EXPECT_FALSE(lib(pyq_thread_is_alive(&t)));
	EXPECT_EQ(-ESRCH, lib(pyq_thread_join(&t, PYQ_NOWAIT)));
	EXPECT_EQ(-ESRCH, lib(pyq_thread_join(&t, PYQ_FOREVER)));
	EXPECT_EQ(-ESRCH, lib(pyq_thread_exitcode(&t, &code)));
	EXPECT_EQ(-ESRCH, lib(pyq_thread_ident(&t)));
	EXPECT_EQ(-ESRCH, lib(pyq_thread_detach(&t)));

	ASSERT_EQ(0, lib(pyq_thread_start(&t)));
	EXPECT_TRUE(lib(pyq_thread_is_alive(&t)));
	EXPECT_LT(0, lib(pyq_thread_ident(&t)));
	EXPECT_NE(gettid(), lib(pyq_thread_ident(&t)));
	EXPECT_EQ(-EALREADY, lib(pyq_thread_start(&t)));
	EXPECT_EQ(-EAGAIN, lib(pyq_thread_join(&t, PYQ_NOWAIT)));
	EXPECT_EQ(-EINVAL, lib(pyq_thread_join(&t, -2)));
	in_vain(-ETIMEDOUT, pyq_thread_join(&t, SHORT));
	signals_rain();
	in_vain(-ETIMEDOUT, pyq_thread_join(&t, SHORT));
	signals_end();
	EXPECT_EQ(-EAGAIN, lib(pyq_thread_exitcode(&t, &code)));
	EXPECT_EQ(-1, code);

	store(&go, 42);
	EXPECT_EQ(0, lib(pyq_thread_join(&t, PYQ_FOREVER)));
	EXPECT_FALSE(lib(pyq_thread_is_alive(&t)));
	EXPECT_EQ(0, lib(pyq_thread_exitcode(&t, &code)));
	EXPECT_EQ(42, code);
	EXPECT_LT(0, lib(pyq_thread_ident(&t)));
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(0, lib(pyq_thread_join(&t, i ? SHORT : PYQ_NOWAIT)));
	EXPECT_EQ(0, lib(pyq_thread_detach(&t)));
	EXPECT_EQ(0, lib(pyq_thread_join(&t, PYQ_NOWAIT)));
	EXPECT_EQ(-EALREADY, lib(pyq_thread_start(&t)));
}

/* A "subclass": the thread is the first member. */
struct adder {
	pyq_thread thread;
	int a;
	int b;
	pyq_thread *seen;
	int ident;
};

static int add(pyq_thread *self)
{
	struct adder *adder = (struct adder *)self;

	adder->seen = pyq_thread_current();
	adder->ident = pyq_thread_ident(self) == gettid();
	return adder->a + adder->b;
}

/* proves: pyq_thread_start -EINVAL */
TEST(subclass)
{
	struct adder adder = { .thread = { .run = add }, .a = 3, .b = 4 };
	pyq_thread neither = { .name = "idle" }, both = { .run = add, .target = seven };
	int code;

	EXPECT_EQ(-EINVAL, lib(pyq_thread_start(&neither)));
	EXPECT_EQ(-EINVAL, lib(pyq_thread_start(&both)));
	EXPECT_FALSE(pyq_thread_is_alive(&both));
	ASSERT_EQ(0, lib(pyq_thread_start(&adder.thread)));
	EXPECT_EQ(0, lib(pyq_thread_join(&adder.thread, LONG)));
	EXPECT_EQ(0, lib(pyq_thread_exitcode(&adder.thread, &code)));
	EXPECT_EQ(7, code);
	EXPECT_EQ(&adder.thread, adder.seen);
	EXPECT_EQ(1, adder.ident);
	EXPECT_EQ(NULL, lib(pyq_thread_current()));
}

/* The name that the kernel has is that it begins with. */
static int has_name(void *name)
{
	char kernels[32] = "";

	return strcmp(pyq_thread_name(pyq_thread_current()), name) ||
	       pthread_getname_np(pthread_self(), kernels, sizeof(kernels)) ||
	       strlen(kernels) > 15 || strncmp(kernels, name, 15);
}

TEST(names)
{
	static char long_name[] = "a name of more than 15 bytes";
	pyq_thread named = { .target = has_name, .arg = long_name, .name = long_name };
	pyq_thread first = { .target = has_name, .arg = "Thread-1" };
	pyq_thread second = { .target = has_name, .arg = "Thread-2" };
	pyq_thread *threads[] = { &named, &first, &second };

	EXPECT_STREQ("Thread-1", lib(pyq_thread_name(&first)));
	EXPECT_STREQ(long_name, lib(pyq_thread_name(&named)));
	for (int i = 0; i < 3; i++) {
		int code = -1;

		ASSERT_EQ(0, lib(pyq_thread_start(threads[i])));
		EXPECT_EQ(0, lib(pyq_thread_join(threads[i], LONG)));
		EXPECT_EQ(0, lib(pyq_thread_exitcode(threads[i], &code)));
		EXPECT_EQ(0, code);
	}
	EXPECT_STREQ("Thread-1", lib(pyq_thread_name(&first)));
	EXPECT_STREQ("Thread-2", lib(pyq_thread_name(&second)));
}

static int join_current(void *arg)
{
	(void)arg;
	return pyq_thread_join(pyq_thread_current(), PYQ_FOREVER);
}

/* proves: pyq_thread_join -EDEADLK */
TEST(join_oneself)
{
	EXPECT_EQ(-EDEADLK, result(new_thread(join_current, NULL)));
}

static int join_it(void *thread)
{
	return pyq_thread_join(thread, LONG);
}

/* All who wait are told, each time. */
TEST(many_join_one)
{
	for (int round = 0; round < 100; round++) {
		int go = 0, code = 0;
		pyq_thread one = { .target = wait_for, .arg = &go };
		pyq_thread *joiners[4];

		ASSERT_EQ(0, pyq_thread_start(&one));
		for (int i = 0; i < 4; i++)
			joiners[i] = new_thread(join_it, &one);
		if (round % 2)
			EXPECT_TRUE(eventually(asleep(pyq_thread_ident(joiners[3]))));
		store(&go, 5);
		EXPECT_EQ(0, pyq_thread_join(&one, LONG));
		for (int i = 0; i < 4; i++)
			EXPECT_EQ(0, result(joiners[i]));
		EXPECT_EQ(0, pyq_thread_exitcode(&one, &code));
		EXPECT_EQ(5, code);
	}
}

static int leave(void *arg)
{
	(void)arg;
	pthread_exit(NULL);
}

static pthread_t sleeper;

static int sleep_for_ever(void *began)
{
	sleeper = pthread_self();
	store((int *)began, 1);
	while (load((int *)began))
		pause();
	return 0;
}

/* One that does not return has ended nevertheless. */
/* proves: pyq_thread_exitcode -ECANCELED */
TEST(pthread_exit_and_cancel)
{
	int began = 0;
	pyq_thread *thread;

	EXPECT_EQ(-ECANCELED, result(new_thread(leave, NULL)));
	thread = new_thread(sleep_for_ever, &began);
	ASSERT_TRUE(eventually(load(&began)));
	ASSERT_EQ(0, pthread_cancel(sleeper));
	EXPECT_EQ(-ECANCELED, result(thread));
}

/* A join is no cancellation point, and who has been cancelled in one has joined. */
static int join_cancelled(void *thread)
{
	int err;

	pthread_cancel(pthread_self());
	err = pyq_thread_join(thread, LONG);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	return err;
}

TEST(no_cancellation_point)
{
	int go = 0;
	pyq_thread one = { .target = wait_for, .arg = &go };
	pyq_thread *joiner;

	ASSERT_EQ(0, pyq_thread_start(&one));
	joiner = new_thread(join_cancelled, &one);
	ASSERT_TRUE(eventually(asleep(pyq_thread_ident(joiner))));
	store(&go, 1);
	EXPECT_EQ(0, result(joiner));
	EXPECT_EQ(0, pyq_thread_join(&one, PYQ_NOWAIT));
}

/* Detached: while it runs, when it has ended, in the middle of a join, twice. */
TEST(detach)
{
	for (int how = 0; how < 4; how++) {
		int go = 0, code = 0;
		pyq_thread one = { .target = wait_for, .arg = &go };
		pyq_thread *joiner = NULL;

		ASSERT_EQ(0, pyq_thread_start(&one));
		if (how == 2) {
			joiner = new_thread(join_it, &one);
			ASSERT_TRUE(eventually(asleep(pyq_thread_ident(joiner))));
		}
		if (how != 1)
			EXPECT_EQ(0, lib(pyq_thread_detach(&one)));
		if (how == 3)
			EXPECT_EQ(0, lib(pyq_thread_detach(&one)));
		EXPECT_TRUE(pyq_thread_is_alive(&one));
		store(&go, 9);
		if (how == 1) {
			ASSERT_TRUE(eventually(!pyq_thread_is_alive(&one)));
			EXPECT_EQ(0, lib(pyq_thread_detach(&one)));
		}
		EXPECT_EQ(0, lib(pyq_thread_join(&one, LONG)));
		EXPECT_FALSE(pyq_thread_is_alive(&one));
		EXPECT_EQ(0, lib(pyq_thread_exitcode(&one, &code)));
		EXPECT_EQ(9, code);
		if (joiner)
			EXPECT_EQ(0, result(joiner));
	}
}

/* Of a thread whose data take a while to go: */
static pthread_key_t key;
static int go_on;

static void wait_at_the_end(void *arg)
{
	store((int *)arg, 2);
	while (!load(&go_on))
		sched_yield();
}

static int end_slowly(void *arg)
{
	pthread_setspecific(key, arg);
	return 3;
}

/* ... a join waits for that too, as long as it may, and leaves it to the next one. */
TEST(slow_end)
{
	for (int detached = 0; detached < 2; detached++) {
		int at_the_end = 0, code = 0;
		pyq_thread one = { .target = end_slowly, .arg = &at_the_end };
		pyq_thread *joiner;

		store(&go_on, 0);
		ASSERT_EQ(0, pthread_key_create(&key, wait_at_the_end));
		ASSERT_EQ(0, pyq_thread_start(&one));
		ASSERT_TRUE(eventually(load(&at_the_end) == 2));
		EXPECT_FALSE(pyq_thread_is_alive(&one));
		EXPECT_EQ(0, lib(pyq_thread_exitcode(&one, &code)));
		EXPECT_EQ(3, code);
		EXPECT_EQ(-EAGAIN, lib(pyq_thread_join(&one, PYQ_NOWAIT)));
		in_vain(-ETIMEDOUT, pyq_thread_join(&one, SHORT));
		joiner = new_thread(join_it, &one);
		ASSERT_TRUE(eventually(asleep(pyq_thread_ident(joiner))));
		/* The other one is at it. */
		in_vain(-ETIMEDOUT, pyq_thread_join(&one, SHORT));
		if (detached)
			EXPECT_EQ(0, lib(pyq_thread_detach(&one)));
		store(&go_on, 1);
		EXPECT_EQ(0, result(joiner));
		EXPECT_EQ(0, lib(pyq_thread_join(&one, LONG)));
		EXPECT_EQ(0, pthread_key_delete(key));
	}
}

static int in_a_child(void *arg)
{
	pyq_thread *parents = arg;
	int code;

	if (pyq_thread_current() || pyq_thread_is_alive(parents))
		return 1;
	if (pyq_thread_join(parents, PYQ_FOREVER) != -ESRCH ||
	    pyq_thread_exitcode(parents, &code) != -ESRCH ||
	    pyq_thread_ident(parents) != -ESRCH || pyq_thread_detach(parents) != -ESRCH)
		return 2;
	return pyq_thread_start(parents) == -EALREADY ? 0 : 3;
}

static int fork_one(void *arg)
{
	pid_t pid = fork();

	if (!pid)
		_exit(in_a_child(arg) || in_a_child(pyq_thread_current() ?: arg));
	return exit_status(pid);
}

/* A child has none of its parent's threads, whoever has forked. */
TEST(child_has_none)
{
	int go = 0;
	pyq_thread one = { .target = wait_for, .arg = &go };

	ASSERT_EQ(0, pyq_thread_start(&one));
	EXPECT_EQ(0, exit_status(in_child(in_a_child(&one))));
	EXPECT_EQ(0, result(new_thread(fork_one, &one)));
	store(&go, 1);
	EXPECT_EQ(0, pyq_thread_join(&one, LONG));
	EXPECT_EQ(0, exit_status(in_child(in_a_child(&one))));
}

/* And can have its own. */
TEST(threads_of_a_child)
{
	EXPECT_EQ(7, exit_status(in_child(({
		pyq_thread own = { .target = seven };
		int code = 0;

		!pyq_thread_start(&own) && !pyq_thread_join(&own, LONG) &&
		!pyq_thread_exitcode(&own, &code) ? code : 1;
	}))));
}

/* The mask of a thread is that of the one that started it. */
static int blocks_usr1(void *arg)
{
	sigset_t set;

	(void)arg;
	return !pthread_sigmask(SIG_SETMASK, NULL, &set) && sigismember(&set, SIGUSR1) &&
	       !sigismember(&set, SIGUSR2);
}

TEST(signals)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	ASSERT_EQ(0, pthread_sigmask(SIG_SETMASK, &set, NULL));
	EXPECT_EQ(1, result(new_thread(blocks_usr1, NULL)));
}

/* As many processes and threads as this user may have are there already. */
static int start_beyond_the_limit(void)
{
	pyq_thread one = { .target = seven };
	int err;

	if (setrlimit(RLIMIT_NPROC, &(struct rlimit){ 0, 0 }) || (!getuid() && setuid(65534)))
		return 1;
	err = pyq_thread_start(&one);
	/* It was not started, and can be, once there is room. */
	if (pyq_thread_is_alive(&one) || pyq_thread_join(&one, PYQ_NOWAIT) != -ESRCH ||
	    pyq_thread_start(&one) != err)
		return 2;
	return -err;
}

/* proves: pyq_thread_start -ENOMEM */
TEST(no_thread_to_be_had)
{
	EXPECT_EQ(ENOMEM, exit_status(in_child(start_beyond_the_limit())));
}

/* Four hundred that come and go. */
TEST(many)
{
	int sum = 0;

	for (int round = 0; round < 50; round++) {
		pyq_thread *threads[8];

		for (int i = 0; i < 8; i++)
			threads[i] = new_thread(seven, NULL);
		for (int i = 0; i < 8; i++)
			sum += result(threads[i]);
	}
	EXPECT_EQ(50 * 8 * 7, sum);
}

TEST_HARNESS_MAIN
