// SPDX-License-Identifier: GPL-2.0
/* Workers that die, are stopped, or cannot be had: what becomes of tasks, and of the pool. */
#include "lib_pool.h"

#include <pthread.h>

/* --- ways to die ----------------------------------------------------------------- */

enum { BY_SIGNAL, BY__EXIT, BY_EXIT };

/* One of the real-time signals: they have no names. */
#define NAMELESS 40

struct end {
	int how, number;
	uint32_t attempts; /* so many times; then it lives */
};

static int die(struct pyq_call *call)
{
	const struct end *end = call->arg;

	count(&shared->runs);
	if (call->attempt > end->attempts)
		return pyq_return(call, &call->attempt, sizeof(call->attempt));
	if (end->how == BY_SIGNAL) {
		signal(end->number, SIG_DFL);
		raise(end->number);
	} else if (end->how == BY__EXIT) {
		_exit(end->number);
	} else {
		exit(end->number);
	}
	return -EINVAL;
}

#define DIE(...) PYQ_ARG(struct end, __VA_ARGS__)

/* proves: pyq_result_get -EOWNERDEAD, pyq_pool_apply -EOWNERDEAD */
TEST_F(pool, killed)
{
	static const struct {
		struct end end;
		int status;
		const char *text;
	} ends[] = {
		{ { BY_SIGNAL, SIGKILL, 9 }, SIGKILL, "was killed by SIGKILL" },
		{ { BY_SIGNAL, SIGSEGV, 9 }, SIGSEGV, "was killed by SIGSEGV" },
		{ { BY_SIGNAL, SIGABRT, 9 }, SIGABRT, "was killed by SIGABRT" },
		{ { BY_SIGNAL, NAMELESS, 9 }, NAMELESS, "was killed by signal 40" },
		{ { BY__EXIT, 3, 9 }, 3 << 8, "has exited with status 3" },
		{ { BY_EXIT, 0, 9 }, 0, "has exited with status 0" },
	};
	const int n = sizeof(ends) / sizeof(ends[0]);
	const struct pyq_task dead = { .function = die, DIE(BY_SIGNAL, SIGKILL, 9) };
	pyq_result *gated;

	NOT_WITH_THREADS("one that dies is the program");
	begin(.workers = 2);
	/* The other one is at something all the while. */
	gated = start(gate, INT(7));
	ASSERT_TRUE(pass(&shared->begun));
	for (int i = 0; i < n; i++) {
		pyq_result *r = start(die, .arg = &ends[i].end, .len = sizeof(ends[i].end));
		pyq_result *behind = start(square, INT(i));

		EXPECT_EQ(-EOWNERDEAD, lib(pyq_result_get(r, NULL, 0, LONG)));
		EXPECT_EQ(ends[i].status, pyq_result_status(r));
		EXPECT_NE(NULL, strstr(pyq_result_text(r), ends[i].text))
			TH_LOG("%s", pyq_result_text(r));
		EXPECT_EQ(1, pyq_result_attempts(r));
		EXPECT_EQ(0, pyq_result_successful(r));
		pyq_result_free(r);
		EXPECT_EQ(4, finish(behind));
	}
	EXPECT_FALSE(pyq_result_ready(gated));
	sem_post(&shared->go);
	EXPECT_EQ(4, finish(gated));
	wait_stat(st.workers == 2 && st.died == 6 && st.failed == 6 && st.done == 7);
	EXPECT_EQ(-EOWNERDEAD, lib(pyq_pool_apply(self->pool, &dead, NULL, 0)));
	EXPECT_EQ(NULL, pyq_pool_broken(self->pool));
}

TEST_F(pool, retried)
{
	uint32_t attempt = 0;
	pyq_result *r;

	NOT_WITH_THREADS("one that dies is the program");
	begin(.workers = 2, .max_retries = 2);
	r = start(die, DIE(BY_SIGNAL, SIGKILL, 2));
	EXPECT_EQ(4, pyq_result_get(r, &attempt, 4, LONG));
	EXPECT_EQ(3, attempt);
	EXPECT_EQ(3, pyq_result_attempts(r));
	pyq_result_free(r);
	EXPECT_EQ(2, wait_stat(true).retried);

	r = start(die, DIE(BY_SIGNAL, SIGKILL, 3));
	EXPECT_EQ(-EOWNERDEAD, pyq_result_get(r, NULL, 0, LONG));
	EXPECT_EQ(3, pyq_result_attempts(r));
	EXPECT_NE(NULL, strstr(pyq_result_text(r), "SIGKILL"));
	pyq_result_free(r);
	EXPECT_EQ(6, load(&shared->runs));

	/* A task's own number. */
	r = start(die, DIE(BY__EXIT, 1, 4), .max_retries = 4);
	EXPECT_EQ(4, pyq_result_get(r, &attempt, 4, LONG));
	EXPECT_EQ(5, attempt);
	pyq_result_free(r);
	r = start(die, DIE(BY__EXIT, 1, 1), .max_retries = -1);
	EXPECT_EQ(-EOWNERDEAD, pyq_result_get(r, NULL, 0, LONG));
	EXPECT_EQ(1, pyq_result_attempts(r));
	pyq_result_free(r);
	EXPECT_EQ(8, wait_stat(true).retried);
}

/* What has failed by itself is not tried again. */
TEST_F(pool, failures_are_not_retried)
{
	pyq_result *r;

	begin(.workers = 1, .max_retries = 3);
	r = start(fail, INT(-5));
	EXPECT_EQ(-5, pyq_result_get(r, NULL, 0, LONG));
	EXPECT_EQ(1, pyq_result_attempts(r));
	pyq_result_free(r);
	EXPECT_EQ(0, wait_stat(true).retried);
}

TEST_F(pool, killed_while_idle)
{
	pid_t pid, next;

	NOT_WITH_THREADS("one that dies is the program");
	begin(.workers = 1);
	for (int i = 1; i <= 5; i++) {
		pid = pid_of(self->pool, my_pid);
		ASSERT_LT(0, pid);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		next = pid_of(self->pool, my_pid);
		EXPECT_LT(0, next);
		EXPECT_NE(pid, next);
		EXPECT_EQ(i, wait_stat(st.died == (uint64_t)i).died);
	}
	EXPECT_EQ(0, wait_stat(true).failed);
}

/* It dies when its result has been sent: a thread of it waits until the program has that. */
static void *kill_it_later(void *unused)
{
	pass(&shared->go);
	kill(getpid(), SIGKILL);
	return unused;
}

static int die_later(struct pyq_call *call)
{
	pthread_t thread;

	count(&shared->runs);
	if (pthread_create(&thread, NULL, kill_it_later, NULL))
		return -EAGAIN;
	return pyq_return(call, "sent", 4);
}

TEST_F(pool, killed_when_its_result_was_sent)
{
	pyq_result *r;

	NOT_WITH_THREADS("one that dies is the program");
	begin(.workers = 1, .max_retries = 5);
	r = start(die_later);
	EXPECT_EQ(0, pyq_result_wait(r, LONG));
	sem_post(&shared->go);
	wait_stat(st.died == 1);
	EXPECT_EQ(4, finish(start(square, INT(1))));
	EXPECT_EQ(4, finish(r));
	EXPECT_EQ(1, load(&shared->runs));
	EXPECT_EQ(0, wait_stat(true).retried);
}

/* --- time ------------------------------------------------------------------------ */

/* proves: pyq_result_get -ETIME, pyq_pool_apply -ETIME, pyq_pool_attr -ETIME */
TEST_F(pool, timeout)
{
	const int64_t ms = 1000000;
	const struct pyq_task own = { .function = gate, .timeout = 60 * ms };
	int64_t begun;
	pyq_result *r, *behind;

	NOT_WITH_THREADS("they cannot be killed");
	begin(.workers = 1, .timeout = 20 * ms, .max_retries = 3);
	begun = lib_now_ns();
	r = start(gate);
	/* Its own time begins when it does. */
	behind = start(square, INT(5));
	EXPECT_EQ(-ETIME, pyq_result_get(r, NULL, 0, LONG));
	EXPECT_LE(20 * ms, lib_now_ns() - begun);
	EXPECT_EQ(1, pyq_result_attempts(r));
	EXPECT_EQ(SIGKILL, pyq_result_status(r));
	EXPECT_STREQ("it ran for too long", pyq_result_text(r));
	pyq_result_free(r);
	EXPECT_EQ(4, finish(behind));

	/* A task's own. */
	begun = lib_now_ns();
	EXPECT_EQ(-ETIME, lib(pyq_pool_apply(self->pool, &own, NULL, 0)));
	EXPECT_LE(60 * ms, lib_now_ns() - begun);
	EXPECT_EQ(0, wait_stat(st.workers == 1).died);

	/* And one who is through in time stays alive. */
	for (int i = 0; i < 100; i++)
		EXPECT_EQ(4, finish(start(square, INT(i), .timeout = LONG)));
	EXPECT_EQ(2, wait_stat(true).failed);
}

/* --- cancel --------------------------------------------------------------------------- */

/* proves: pyq_result_get -ECANCELED, pyq_result_cancel -ECANCELED, pyq_result_cancel -EALREADY */
TEST_F(pool, cancel_queued)
{
	pyq_result *first, *r[3];

	begin(.workers = 1);
	first = start(gate);
	ASSERT_TRUE(pass(&shared->begun));
	for (int i = 0; i < 3; i++)
		r[i] = start(counted, INT(i));
	EXPECT_EQ(0, lib(pyq_result_cancel(r[1])));
	EXPECT_TRUE(pyq_result_ready(r[1]));
	EXPECT_EQ(-ECANCELED, lib(pyq_result_get(r[1], NULL, 0, PYQ_NOWAIT)));
	EXPECT_STREQ("cancelled before it was run", pyq_result_text(r[1]));
	EXPECT_EQ(-EALREADY, lib(pyq_result_cancel(r[1])));
	sem_post(&shared->go);
	EXPECT_EQ(0, finish(first));
	EXPECT_EQ(4, finish(r[0]));
	EXPECT_EQ(4, finish(r[2]));
	EXPECT_EQ(0, load(&shared->runs_of[1]));
	pyq_result_free(r[1]);
	EXPECT_EQ(1, wait_stat(true).failed);
}

/* proves: pyq_result_cancel -EBUSY */
TEST_F(pool, cancel_running)
{
	pyq_result *r, *other, *behind;

	begin(.workers = 2, .max_retries = 3);
	other = start(gate);
	ASSERT_TRUE(pass(&shared->begun));
	r = start(gate, INT(1));
	ASSERT_TRUE(pass(&shared->begun));
	behind = start(square, INT(3));
	if (with_threads()) {
		EXPECT_EQ(-EBUSY, lib(pyq_result_cancel(r)));
	} else {
		EXPECT_EQ(0, lib(pyq_result_cancel(r)));
		EXPECT_EQ(-ECANCELED, lib(pyq_result_get(r, NULL, 0, LONG)));
		EXPECT_EQ(SIGKILL, pyq_result_status(r));
		EXPECT_EQ(1, pyq_result_attempts(r));
		/* There is another worker for it. */
		EXPECT_EQ(4, finish(behind));
		wait_stat(st.workers == 2 && !st.died);
		EXPECT_EQ(-EALREADY, lib(pyq_result_cancel(r)));
	}
	EXPECT_FALSE(pyq_result_ready(other));
	sem_post(&shared->go);
	sem_post(&shared->go);
	EXPECT_EQ(0, finish(other));
	if (with_threads()) {
		EXPECT_EQ(4, finish(r));
		EXPECT_EQ(4, finish(behind));
	} else {
		pyq_result_free(r);
	}
}

/* At any time: it is cancelled or done, and nobody else is. */
TEST_F(pool, cancel_at_any_time)
{
	int cancelled = 0;

	begin(.workers = 2);
	for (int i = 0; i < 200; i++) {
		pyq_result *r = start(counted, INT(i)), *other = start(square, INT(i));
		int err;

		for (int spin = i % 20 * 200; spin; spin--)
			__atomic_signal_fence(__ATOMIC_SEQ_CST);
		err = lib(pyq_result_cancel(r));
		EXPECT_TRUE(!err || err == -EALREADY || (with_threads() && err == -EBUSY));
		err = (int)pyq_result_get(r, NULL, 0, LONG);
		EXPECT_TRUE(err == 4 || err == -ECANCELED) TH_LOG("%d", err);
		if (err == 4)
			EXPECT_EQ(1, load(&shared->runs_of[i]));
		cancelled += err == -ECANCELED;
		EXPECT_EQ(4, finish(other));
		pyq_result_free(r);
	}
	EXPECT_EQ(cancelled, (int)wait_stat(true).failed);
	EXPECT_EQ(0, wait_stat(true).died);
}

/* --- workers that are not to be had ------------------------------------------------------- */

static int fail_to_begin(void *arg)
{
	(void)arg;
	return count(&shared->initialized) < load(&shared->bad) ? 7 : 0;
}

/* proves: pyq_pool_apply_async -EOWNERDEAD, pyq_pool_join -EOWNERDEAD, pyq_pool_process -EOWNERDEAD */
/* proves: pyq_pool_resize -EOWNERDEAD, pyq_pool_map_async -EOWNERDEAD, pyq_pool_map -EOWNERDEAD */
TEST_F(pool, initializer_fails)
{
	const struct pyq_task task = { .function = nothing };
	const struct pyq_items items = { .base = "12", .size = 1, .n = 2 };
	pyq_result *r[3], *none = NULL;
	pyq_map *map = NULL;
	const char *why;

	shared->bad = 1000000;
	begin(.workers = 2, .initializer = fail_to_begin);
	for (int i = 0; i < 3; i++) {
		const int err = pyq_pool_apply_async(self->pool, &task, LONG, &r[i]);

		EXPECT_TRUE(!err || err == -EOWNERDEAD);
	}
	for (int i = 0; i < 3; i++) {
		if (!r[i])
			continue;
		EXPECT_EQ(-EOWNERDEAD, pyq_result_get(r[i], NULL, 0, LONG));
		EXPECT_NE(NULL, strstr(pyq_result_text(r[i]), "initializer"));
		pyq_result_free(r[i]);
	}
	wait_stat(pyq_pool_broken(self->pool) != NULL);
	why = pyq_pool_broken(self->pool);
	ASSERT_NE(NULL, why);
	EXPECT_NE(NULL, strstr(why, "initializer")) TH_LOG("%s", why);
	EXPECT_NE(NULL, strstr(why, "7")) TH_LOG("%s", why);
	EXPECT_EQ(-EOWNERDEAD, lib(pyq_pool_apply_async(self->pool, &task, LONG, &none)));
	EXPECT_EQ(-EOWNERDEAD, lib(pyq_pool_map_async(self->pool, nothing, &items, 0, &map)));
	EXPECT_EQ(-EOWNERDEAD, lib(pyq_pool_map(self->pool, nothing, &items, 0, &map)));
	if (!with_threads())
		EXPECT_EQ(-EOWNERDEAD, lib(pyq_pool_resize(self->pool, 3)));
	EXPECT_EQ(-EOWNERDEAD, lib(pyq_pool_process(self->pool)));
	EXPECT_EQ(-EOWNERDEAD, lib(pyq_pool_join(self->pool, LONG)));
	/* It was not tried for ever. */
	EXPECT_GE(10, load(&shared->initialized));
}

/* It fails for some: they are replaced. */
TEST_F(pool, initializer_fails_at_first)
{
	NOT_WITH_THREADS("they are not replaced");
	shared->bad = 2;
	begin(.workers = 1, .initializer = fail_to_begin);
	EXPECT_EQ(0, finish(start(nothing)));
	EXPECT_EQ(3, load(&shared->initialized));
	EXPECT_EQ(NULL, pyq_pool_broken(self->pool));
}

/* What it does is for all tasks of its worker: limits, for instance. */
static int limit_it(void *arg)
{
	return setrlimit(RLIMIT_AS, arg);
}

static int take_much(struct pyq_call *call)
{
	void *p = mmap(NULL, 1ul << 32, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)call;
	return p == MAP_FAILED ? -errno : 0;
}

TEST_F(pool, initializer_limits_workers)
{
	struct rlimit limit = { 1ul << 31, 1ul << 31 };

	NOT_WITH_THREADS("the limit would be the program's");
	EXPECT_EQ(0, getrlimit(RLIMIT_AS, &limit));
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	SKIP(return, "a sanitizer needs more");
#endif
	limit.rlim_cur = 1ul << 31;
	begin(.workers = 1, .initializer = limit_it, .initializer_arg = &limit);
	EXPECT_EQ(-ENOMEM, finish(start(take_much)));
	EXPECT_EQ(4, finish(start(square, INT(3))));
}

/* No process more is to be had when the last worker has died: the pool says so. */
TEST_F(pool, no_process_for_another)
{
	const struct rlimit none = { 0, 0 };
	pid_t worker, helper;

	NOT_WITH_THREADS("they do not die");
	if (!geteuid())
		ASSERT_EQ(0, setresuid(NOBODY, NOBODY, NOBODY));
	/* What has changed its user is not to be looked into, but for that. */
	ASSERT_EQ(0, prctl(PR_SET_DUMPABLE, 1));
	begin(.workers = 1);
	worker = pid_of(self->pool, my_pid);
	helper = pid_of(self->pool, my_parent);
	ASSERT_EQ(0, prlimit(helper, RLIMIT_NPROC, &none, NULL));
	ASSERT_EQ(0, kill(worker, SIGKILL));
	EXPECT_EQ(-EOWNERDEAD, finish(start(nothing)));
	wait_stat(pyq_pool_broken(self->pool) != NULL);
	ASSERT_NE(NULL, pyq_pool_broken(self->pool));
	EXPECT_NE(NULL, strstr(pyq_pool_broken(self->pool), strerror(EAGAIN)))
		TH_LOG("%s", pyq_pool_broken(self->pool));
	EXPECT_EQ(-EOWNERDEAD, pyq_pool_join(self->pool, LONG));
}

/* --- others that die ---------------------------------------------------------------------- */

/* proves: pyq_result_cancel -EOWNERDEAD */
TEST_F(pool, helper_killed)
{
	pyq_result *r[3];
	siginfo_t info;
	pid_t helper;

	NOT_WITH_THREADS("there is none");
	begin(.workers = 2, .max_retries = 5);
	helper = pid_of(self->pool, my_parent);
	ASSERT_LT(1, helper);
	for (int i = 0; i < 3; i++)
		r[i] = start(gate);
	/* The first two of them run. */
	ASSERT_TRUE(pass(&shared->begun));
	ASSERT_TRUE(pass(&shared->begun));
	ASSERT_EQ(0, kill(helper, SIGKILL));
	ASSERT_EQ(0, waitid(P_PID, (id_t)helper, &info, WEXITED | WNOWAIT));
	EXPECT_EQ(-EOWNERDEAD, lib(pyq_result_cancel(r[0])));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(-EOWNERDEAD, pyq_result_get(r[i], NULL, 0, LONG));
		EXPECT_NE(NULL, strstr(pyq_result_text(r[i]), "helper"));
		pyq_result_free(r[i]);
	}
	ASSERT_NE(NULL, pyq_pool_broken(self->pool));
	EXPECT_NE(NULL, strstr(pyq_pool_broken(self->pool), "helper"));
	EXPECT_EQ(-EOWNERDEAD, pyq_pool_join(self->pool, LONG));
	/* Its end: that nothing is left. */
}

static int be_program(unsigned int flags)
{
	struct pyq_pool_attr attr = { .workers = 3, .flags = flags };
	const struct pyq_task task = { .function = gate };
	pyq_pool *pool;
	int err = pyq_pool_create(&pool, &attr);

	for (int i = 0; i < 5 && !err; i++)
		err = pyq_pool_apply_async(pool, &task, LONG, NULL);
	return err ? -err : pyq_pool_close(pool) || pyq_pool_join(pool, LONG);
}

TEST_F(pool, program_killed)
{
	pid_t program = in_child(be_program(variant->flags));

	for (int i = 0; i < 3; i++)
		ASSERT_TRUE(pass(&shared->begun));
	ASSERT_EQ(0, kill(program, SIGKILL));
	EXPECT_EQ(program, waitpid(program, NULL, 0));
	/* Nobody goes on. */
	expect_nothing_left(_metadata, &self->alive);
	close(self->alive[0]);
	EXPECT_EQ(3, load(&shared->runs));
	ASSERT_EQ(0, pipe2(self->alive, O_CLOEXEC));
}

TEST_F(pool, max_tasks)
{
	pid_t pids[12];
	int others = 0;

	begin(.workers = 1, .max_tasks = 3, .initializer = fail_to_begin);
	for (int i = 0; i < 12; i++)
		pids[i] = pid_of(self->pool, my_pid);
	for (int i = 1; i < 12; i++) {
		EXPECT_LT(0, pids[i]);
		others += pids[i] != pids[i - 1];
		if (i % 3)
			EXPECT_EQ(pids[i], pids[i - 1]);
	}
	EXPECT_EQ(with_threads() ? 0 : 3, others);
	EXPECT_LE(4, load(&shared->initialized));
	EXPECT_EQ(0, wait_stat(true).died);
}

TEST_HARNESS_MAIN
