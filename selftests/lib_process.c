// SPDX-License-Identifier: GPL-2.0
/* Processes, <pyqueue/process.h>: their life, names, and whose children they are. */
#include "lib_process.h"

static int be_killed(void *arg)
{
	signal((int)(intptr_t)arg, SIG_DFL);
	raise((int)(intptr_t)arg);
	return 100;
}

TEST(exit_codes)
{
	EXPECT_EQ(0, outcome(.target = return_it, .arg = (void *)0));
	EXPECT_EQ(3, outcome(.target = return_it, .arg = (void *)3));
	EXPECT_EQ(5, outcome(.target = return_it, .arg = (void *)(256 + 5)));
	EXPECT_EQ(255, outcome(.target = return_it, .arg = (void *)-1));
	EXPECT_EQ(-SIGSEGV, outcome(.target = be_killed, .arg = (void *)SIGSEGV));
	EXPECT_EQ(-SIGTERM, outcome(.target = be_killed, .arg = (void *)SIGTERM));
	EXPECT_EQ(-SIGKILL, outcome(.target = be_killed, .arg = (void *)SIGKILL));
	EXPECT_EQ(7, outcome(.argv = (const char *const[]){ "sh", "-c", "exit 7", NULL }));
	EXPECT_EQ(-SIGTERM, outcome(.argv = (const char *const[]){ "sh", "-c", "kill $$", NULL }));
	EXPECT_TRUE(no_child_is_left());
}

/* proves: pyq_process_exitcode -EAGAIN, pyq_process_join -EAGAIN, pyq_process_join -ETIMEDOUT */
/* proves: pyq_process_close -EBUSY, pyq_process_start -EALREADY */
TEST(life)
{
	pyq_queue *q = new_queue(.maxsize = 1);
	struct pyq_process p = { .target = return_byte, .arg = q };
	struct pollfd pfd = { .events = POLLIN };
	int64_t begun;
	int code = 4711;

	EXPECT_FALSE(lib(pyq_process_is_alive(&p)));
	EXPECT_EQ(0, lib(pyq_process_pid(&p)));
	EXPECT_EQ(0, lib(pyq_process_close(&p)));

	ASSERT_EQ(0, lib(pyq_process_start(&p)));
	EXPECT_TRUE(lib(pyq_process_is_alive(&p)));
	EXPECT_LT(0, lib(pyq_process_pid(&p)));
	EXPECT_EQ(-EAGAIN, lib(pyq_process_exitcode(&p, &code)));
	EXPECT_EQ(-EAGAIN, lib(pyq_process_join(&p, PYQ_NOWAIT)));
	begun = lib_now_ns();
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_process_join(&p, PYQ_MILLISECONDS(3))));
	EXPECT_LE(PYQ_MILLISECONDS(3), lib_now_ns() - begun);
	EXPECT_EQ(-EBUSY, lib(pyq_process_close(&p)));
	EXPECT_EQ(-EALREADY, lib(pyq_process_start(&p)));
	pfd.fd = lib(pyq_process_sentinel(&p));
	ASSERT_LT(2, pfd.fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(pfd.fd, F_GETFD));
	EXPECT_EQ(0, poll(&pfd, 1, 0));
	EXPECT_EQ(4711, code);

	ASSERT_EQ(0, release(q, 17));
	EXPECT_EQ(1, poll(&pfd, 1, 20000));
	EXPECT_EQ(0, lib(pyq_process_join(&p, PYQ_NOWAIT)));
	EXPECT_EQ(0, lib(pyq_process_join(&p, PYQ_FOREVER)));
	EXPECT_FALSE(lib(pyq_process_is_alive(&p)));
	EXPECT_EQ(0, lib(pyq_process_exitcode(&p, &code)));
	EXPECT_EQ(17, code);
	EXPECT_EQ(-EALREADY, lib(pyq_process_start(&p)));

	EXPECT_EQ(0, lib(pyq_process_close(&p)));
	EXPECT_EQ(0, lib(pyq_process_close(&p)));
	EXPECT_EQ(-1, fcntl(pfd.fd, F_GETFD));
	EXPECT_EQ(-EINVAL, lib(pyq_process_sentinel(&p)));
	EXPECT_EQ(0, lib(pyq_process_join(&p, PYQ_NOWAIT)));
	EXPECT_EQ(17, exitcode(&p));
	EXPECT_LT(0, pyq_process_pid(&p));
	EXPECT_EQ(-EALREADY, lib(pyq_process_start(&p)));
	EXPECT_TRUE(no_child_is_left());
	pyq_close(q);
}

/* Also without a join before. */
TEST(close_looks_itself)
{
	struct pyq_process p = { .target = return_it, .arg = (void *)3 };
	struct pollfd pfd = { .events = POLLIN };

	ASSERT_EQ(0, lib(pyq_process_start(&p)));
	pfd.fd = pyq_process_sentinel(&p);
	EXPECT_EQ(1, poll(&pfd, 1, 20000));
	EXPECT_EQ(0, lib(pyq_process_close(&p)));
	EXPECT_EQ(3, exitcode(&p));
}

/* proves: pyq_process_start -EINVAL, pyq_process_join -EINVAL, pyq_process_exitcode -EINVAL */
/* proves: pyq_process_terminate -EINVAL, pyq_process_kill -EINVAL, pyq_process_sentinel -EINVAL */
TEST(invalid)
{
	static const char *const sh[] = { "sh", "-c", ":", NULL }, *const none[] = { NULL };
	pyq_queue *q = new_queue(.maxsize = 1);
	const struct pyq_process_queue good[] = { { "a", q }, { "b", q } };
	const struct pyq_process_queue bad[][2] = {
		{ { "a", q }, { "a", q } }, { { "", q }, { "b", q } },	 { { "a", q }, { "a,b", q } },
		{ { "a:1", q }, { "b", q } }, { { "a", q }, { "\xe4", q } }, { { "a", q }, { NULL, q } },
		{ { "a", NULL }, { "b", q } },
	};
	struct pyq_process p = { .arg = q };
	int code;

#define INVALID(...)                                                         \
	({                                                                   \
		struct pyq_process p_ = { __VA_ARGS__ };                     \
		EXPECT_EQ(-EINVAL, lib(pyq_process_start(&p_)));             \
	})
	INVALID(.arg = q);
	INVALID(.target = return_it, .argv = sh);
	INVALID(.argv = none);
	INVALID(.target = return_it, .queues = good, .nr_queues = 2);
	INVALID(.argv = sh, .nr_queues = 2);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		INVALID(.argv = sh, .queues = bad[i], .nr_queues = 2);
	EXPECT_EQ(0, outcome(.argv = sh, .queues = good, .nr_queues = 2));

	EXPECT_EQ(-EINVAL, lib(pyq_process_join(&p, PYQ_FOREVER)));
	EXPECT_EQ(-EINVAL, lib(pyq_process_exitcode(&p, &code)));
	EXPECT_EQ(-EINVAL, lib(pyq_process_terminate(&p)));
	EXPECT_EQ(-EINVAL, lib(pyq_process_kill(&p)));
	EXPECT_EQ(-EINVAL, lib(pyq_process_sentinel(&p)));
	p.target = return_it;
	p.arg = (void *)3;
	/* After an error it can still be started. */
	ASSERT_EQ(0, lib(pyq_process_start(&p)));
	EXPECT_EQ(-EINVAL, lib(pyq_process_join(&p, -2)));
	EXPECT_EQ(0, lib(pyq_process_join(&p, LONG)));
	EXPECT_EQ(3, exitcode(&p));
	EXPECT_EQ(0, pyq_process_close(&p));
	pyq_close(q);
}

/* --- by run: a subclass */

struct counter {
	struct pyq_process process;
	int from;
	int *sum;
};

static int add_up(struct pyq_process *self)
{
	struct counter *counter = (struct counter *)self;

	if (strcmp(pyq_process_name(self), "counter") || pyq_process_current() != self ||
	    pyq_process_pid(self) != getpid() || !pyq_process_is_alive(self))
		return 100;
	for (int i = counter->from; i; i--)
		*counter->sum += i;
	/* As Process.run() does. */
	return self->target(self->arg);
}

TEST(subclass)
{
	int *sum = shared(sizeof(*sum));
	struct counter counter = {
		.process = { .name = "counter", .run = add_up, .target = return_it, .arg = (void *)4 },
		.from = 10,
		.sum = sum,
	};

	ASSERT_NE(NULL, sum);
	ASSERT_EQ(0, lib(pyq_process_start(&counter.process)));
	ASSERT_EQ(0, lib(pyq_process_join(&counter.process, LONG)));
	EXPECT_EQ(4, exitcode(&counter.process));
	EXPECT_EQ(55, *sum);
	EXPECT_EQ(0, pyq_process_close(&counter.process));
}

static int look_at_names(struct pyq_process *self)
{
	struct pyq_process first = { .target = return_it }, second = { .run = self->run };

	/* Twice: the child's child looks at its own. */
	if (!strcmp(pyq_process_name(self), "Process-3:2"))
		return strcmp(pyq_process_name(&first), "Process-3:2:1") != 0;
	if (strcmp(pyq_process_name(self), "Process-3"))
		return 1;
	if (pyq_process_start(&first) || strcmp(pyq_process_name(&first), "Process-3:1"))
		return 2;
	if (pyq_process_join(&first, LONG) || pyq_process_start(&second))
		return 3;
	return pyq_process_join(&second, LONG) ? 4 : exitcode(&second);
}

TEST(names)
{
	struct pyq_process first = { .target = return_it }, second = { .name = "own" };
	struct pyq_process third = { .run = look_at_names };

	EXPECT_STREQ("Process-1", lib(pyq_process_name(&first)));
	EXPECT_STREQ("own", lib(pyq_process_name(&second)));
	/* A number is one's own also with a name. */
	second.target = return_it;
	ASSERT_EQ(0, lib(pyq_process_start(&second)));
	ASSERT_EQ(0, lib(pyq_process_start(&third)));
	ASSERT_EQ(0, lib(pyq_process_start(&first)));
	EXPECT_STREQ("Process-3", lib(pyq_process_name(&third)));
	EXPECT_STREQ("Process-1", lib(pyq_process_name(&first)));
	EXPECT_STREQ("own", lib(pyq_process_name(&second)));
	EXPECT_EQ(0, pyq_process_join(&third, LONG));
	EXPECT_EQ(0, exitcode(&third));
	EXPECT_EQ(0, pyq_process_join(&first, LONG));
	EXPECT_EQ(0, pyq_process_join(&second, LONG));
	EXPECT_EQ(0, pyq_process_close(&first) + pyq_process_close(&second) + pyq_process_close(&third));
}

/* As multiprocessing.current_process().name: there is an answer everywhere. */
TEST(name_of_the_main_process)
{
	EXPECT_STREQ("MainProcess", lib(pyq_process_name(pyq_process_current())));
}

/* However deep: names are cut off, nothing else. */
static int go_deeper(struct pyq_process *self)
{
	struct pyq_process p = { .run = go_deeper, .arg = (void *)((intptr_t)self->arg - 1) };

	if (strlen(pyq_process_name(self)) >= sizeof(self->priv.text))
		return 100;
	if (!self->arg)
		return 42;
	if (pyq_process_start(&p) || pyq_process_join(&p, LONG))
		return 101;
	return exitcode(&p);
}

TEST(deep)
{
	EXPECT_EQ(42, outcome(.run = go_deeper, .arg = (void *)30));
}

/* --- who is whose child */

/* proves: pyq_process_join -EDEADLK */
static int join_itself(struct pyq_process *self)
{
	size_t which = 1;
	int code;

	if (pyq_process_join(self, PYQ_NOWAIT) != -EDEADLK ||
	    pyq_process_wait(&self, 1, LONG, &which) != -EDEADLK || which)
		return 1;
	if (pyq_process_exitcode(self, &code) != -EAGAIN || pyq_process_start(self) != -EALREADY ||
	    pyq_process_close(self) != -ECHILD || pyq_process_kill(self) != -ECHILD)
		return 2;
	/* A child that it makes by itself is not that process. */
	return exit_status(fork() ?: (_exit(!!pyq_process_current() + 2 * pyq_process_is_alive(self)), 0));
}

TEST(itself)
{
	EXPECT_EQ(NULL, lib(pyq_process_current()));
	EXPECT_EQ(0, outcome(.run = join_itself));
	EXPECT_EQ(NULL, lib(pyq_process_current()));
}

/* proves: pyq_process_join -ECHILD, pyq_process_exitcode -ECHILD, pyq_process_sentinel -ECHILD */
/* proves: pyq_process_terminate -ECHILD, pyq_process_kill -ECHILD, pyq_process_close -ECHILD */
/* proves: pyq_process_wait -ECHILD, pyq_process_wait -EDEADLK */
static int not_its_child(void *arg)
{
	struct pyq_process *sibling = arg, *self = pyq_process_current();
	struct pyq_process *list[] = { NULL, sibling };
	size_t which = 4711;
	int code;

	if (pyq_process_join(sibling, LONG) != -ECHILD || pyq_process_exitcode(sibling, &code) != -ECHILD)
		return 1;
	if (pyq_process_terminate(sibling) != -ECHILD || pyq_process_kill(sibling) != -ECHILD)
		return 2;
	if (pyq_process_sentinel(sibling) != -ECHILD || pyq_process_close(sibling) != -ECHILD)
		return 3;
	if (pyq_process_is_alive(sibling) || pyq_process_pid(sibling) <= 0)
		return 4;
	if (pyq_process_wait(list, 2, LONG, &which) != -ECHILD || which != 1)
		return 5;
	list[0] = self;
	return self && (pyq_process_wait(list, 2, LONG, &which) != -EDEADLK || which);
}

TEST(sibling)
{
	pyq_queue *q = new_queue(.maxsize = 1);
	struct pyq_process p = { .target = return_byte, .arg = q };

	ASSERT_EQ(0, lib(pyq_process_start(&p)));
	EXPECT_EQ(0, outcome(.target = not_its_child, .arg = &p));
	EXPECT_EQ(0, exit_status(in_child(not_its_child(&p))));
	EXPECT_TRUE(pyq_process_is_alive(&p));
	ASSERT_EQ(0, release(q, 9));
	EXPECT_EQ(0, lib(pyq_process_join(&p, LONG)));
	/* Also of one that has ended. */
	EXPECT_EQ(0, outcome(.target = not_its_child, .arg = &p));
	EXPECT_EQ(9, exitcode(&p));
	EXPECT_EQ(0, pyq_process_close(&p));
	pyq_close(q);
}

TEST_HARNESS_MAIN
