// SPDX-License-Identifier: GPL-2.0
/* Processes: signals, debuggers, and the host's own children and handlers. */
#include "lib_process.h"

#include <sys/ptrace.h>

TEST(terminate_and_kill)
{
	pyq_queue *q = new_queue(.maxsize = 1);
	struct pyq_process terminated = { .target = return_byte, .arg = q };
	struct pyq_process killed = { .target = return_byte, .arg = q };

	ASSERT_EQ(0, lib(pyq_process_start(&terminated)));
	ASSERT_EQ(0, lib(pyq_process_start(&killed)));
	EXPECT_EQ(0, lib(pyq_process_terminate(&terminated)));
	EXPECT_EQ(0, lib(pyq_process_kill(&killed)));
	EXPECT_EQ(0, lib(pyq_process_join(&terminated, LONG)));
	EXPECT_EQ(0, lib(pyq_process_join(&killed, LONG)));
	EXPECT_EQ(-SIGTERM, exitcode(&terminated));
	EXPECT_EQ(-SIGKILL, exitcode(&killed));
	EXPECT_EQ(0, lib(pyq_process_terminate(&terminated)));
	EXPECT_EQ(0, lib(pyq_process_close(&terminated)));
	EXPECT_EQ(0, lib(pyq_process_kill(&terminated)));
	EXPECT_EQ(0, lib(pyq_process_close(&killed)));
	pyq_close(q);
}

static int become_another(void *q)
{
	if (setresuid(NOBODY - 1, NOBODY - 1, NOBODY - 1) || release(q, 'x'))
		return 1;
	for (;;)
		pause();
}

/* proves: pyq_process_terminate -EPERM, pyq_process_kill -EPERM */
TEST(not_permitted)
{
	pyq_queue *q = new_queue(.maxsize = 1);
	struct pyq_process p = { .target = become_another, .arg = q, .daemon = true };
	char c;

	if (geteuid())
		SKIP(return, "root only");
	ASSERT_EQ(0, lib(pyq_process_start(&p)));
	ASSERT_EQ(1, pyq_get(q, &c, 1, LONG));
	ASSERT_EQ(0, setresuid(-1, NOBODY, -1));
	EXPECT_EQ(-EPERM, lib(pyq_process_terminate(&p)));
	EXPECT_EQ(-EPERM, lib(pyq_process_kill(&p)));
	ASSERT_EQ(0, setresuid(-1, 0, -1));
	EXPECT_EQ(0, lib(pyq_process_kill(&p)));
	EXPECT_EQ(0, lib(pyq_process_join(&p, LONG)));
	EXPECT_EQ(0, pyq_process_close(&p));
	pyq_close(q);
}

/* Handlers run, and the wait goes on to the same end. */
TEST(signals_do_not_end_a_wait)
{
	const struct sigaction action = { .sa_handler = do_nothing };
	const struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = { { 0, 0 }, { 0, 0 } };
	pyq_queue *q = new_queue(.maxsize = 1);
	struct pyq_process p = { .target = return_byte, .arg = q };
	int64_t begun;

	ASSERT_EQ(0, lib(pyq_process_start(&p)));
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	begun = lib_now_ns();
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_process_join(&p, PYQ_MILLISECONDS(30))));
	EXPECT_LE(PYQ_MILLISECONDS(30), lib_now_ns() - begun);
	setitimer(ITIMER_REAL, &never, NULL);
	ASSERT_EQ(0, release(q, 1));
	EXPECT_EQ(0, lib(pyq_process_join(&p, LONG)));
	EXPECT_EQ(0, pyq_process_close(&p));
	pyq_close(q);
}

static int trace(pyq_queue *here, pyq_queue *go, pid_t pid)
{
	char c;

	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL))
		return release(here, 'n');
	/* It is told of the end first, and takes its time. */
	if (release(here, 'y') || pyq_get(go, &c, 1, LONG) != 1)
		return 1;
	return waitpid(pid, NULL, __WALL) != pid;
}

/* One whose end a debugger has not looked at yet: no error, and no loop without a rest. */
TEST(traced)
{
	pyq_queue *q = new_queue(.maxsize = 1), *here = new_queue(.maxsize = 1);
	pyq_queue *go = new_queue(.maxsize = 1);
	struct pyq_process p = { .target = return_byte, .arg = q, .daemon = true };
	struct pollfd pfd = { .events = POLLIN };
	struct timespec before, after;
	pid_t tracer;
	char c;

	ASSERT_EQ(0, lib(pyq_process_start(&p)));
	tracer = in_child(trace(here, go, pyq_process_pid(&p)));
	ASSERT_EQ(1, pyq_get(here, &c, 1, LONG));
	if (c == 'n')
		SKIP(return, "no ptrace here");
	ASSERT_EQ(0, release(q, 6));
	pfd.fd = pyq_process_sentinel(&p);
	EXPECT_EQ(1, poll(&pfd, 1, 20000));
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_process_join(&p, PYQ_MILLISECONDS(100))));
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
	EXPECT_GT(50000000, (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec -
				    before.tv_nsec);
	EXPECT_EQ(-EAGAIN, lib(pyq_process_join(&p, PYQ_NOWAIT)));
	EXPECT_EQ(-EAGAIN, lib(pyq_process_exitcode(&p, &(int){ 0 })));
	ASSERT_EQ(0, release(go, 'g'));
	EXPECT_EQ(0, lib(pyq_process_join(&p, LONG)));
	EXPECT_EQ(6, exitcode(&p));
	EXPECT_EQ(0, exit_status(tracer));
	EXPECT_EQ(0, pyq_process_close(&p));
	pyq_close(go);
	pyq_close(here);
	pyq_close(q);
}

/* --- the host's own children and signals */

static volatile pid_t own[2];
static volatile int own_status[2], own_reaped;

/* As a program does that looks after its own children, and only those. */
static void reap_own(int sig)
{
	int status, before = errno;

	for (int i = 0; i < 2; i++) {
		if (own[i] && waitpid(own[i], &status, WNOHANG) == own[i]) {
			own_status[i] = status;
			own[i] = 0;
			own_reaped++;
		}
	}
	errno = before;
}

TEST(own_children_of_the_host)
{
	const struct sigaction action = { .sa_handler = reap_own, .sa_flags = SA_RESTART };
	pyq_queue *q = new_queue(.maxsize = 1), *mine = new_queue(.maxsize = 2);
	struct pyq_process p = { .target = return_byte, .arg = q };
	const int64_t until = lib_now_ns() + LONG;
	struct sigaction after;

	sigaction(SIGCHLD, &action, NULL);
	own[0] = in_child(return_byte(mine));
	own[1] = in_child(return_byte(mine));
	ASSERT_EQ(0, lib(pyq_process_start(&p)));
	ASSERT_EQ(0, release(mine, 21));
	ASSERT_EQ(0, release(q, 22));
	EXPECT_EQ(0, lib(pyq_process_join(&p, LONG)));
	EXPECT_EQ(22, exitcode(&p));
	ASSERT_EQ(0, release(mine, 21));
	while (own_reaped < 2 && lib_now_ns() < until)
		sched_yield();
	EXPECT_EQ(2, own_reaped);
	EXPECT_EQ(21, WEXITSTATUS(own_status[0]));
	EXPECT_EQ(21, WEXITSTATUS(own_status[1]));
	sigaction(SIGCHLD, NULL, &after);
	EXPECT_TRUE(after.sa_handler == reap_own);
	EXPECT_EQ(0, pyq_process_close(&p));
	pyq_close(mine);
	pyq_close(q);
}

/* A child of the host's that has ended stays the host's to wait for. */
TEST(zombie_of_the_host)
{
	pid_t pid = in_child(33);
	siginfo_t info;

	ASSERT_EQ(0, waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
	EXPECT_EQ(3, outcome(.target = return_it, .arg = (void *)3));
	EXPECT_EQ(4, outcome(.argv = (const char *const[]){ "sh", "-c", "exit 4", NULL }));
	EXPECT_EQ(33, exit_status(pid));
}

/* The end is known, how it was is not. */
TEST(host_ignores_sigchld)
{
	struct pyq_process p = { .target = return_it, .arg = (void *)3 };
	struct pyq_process exec = { .argv = (const char *const[]){ "sh", "-c", ":", NULL } };
	struct pyq_process fails = { .argv = (const char *const[]){ "/nowhere", NULL } };
	int code = 4711;

	signal(SIGCHLD, SIG_IGN);
	for (struct pyq_process *one = &p; one; one = one == &p ? &exec : NULL) {
		ASSERT_EQ(0, lib(pyq_process_start(one)));
		EXPECT_EQ(0, lib(pyq_process_join(one, LONG)));
		EXPECT_FALSE(pyq_process_is_alive(one));
		EXPECT_EQ(-ECHILD, lib(pyq_process_exitcode(one, &code)));
		EXPECT_EQ(0, lib(pyq_process_kill(one)));
		EXPECT_EQ(0, lib(pyq_process_close(one)));
	}
	EXPECT_EQ(4711, code);
	EXPECT_EQ(-ENOENT, lib(pyq_process_start(&fails)));
}

/* It runs, also if nobody else is to be asked about its end. */
TEST(host_ignores_sigchld_while_it_runs)
{
	pyq_queue *q = new_queue(.maxsize = 1);
	struct pyq_process p = { .target = return_byte, .arg = q };

	signal(SIGCHLD, SIG_IGN);
	ASSERT_EQ(0, lib(pyq_process_start(&p)));
	EXPECT_TRUE(lib(pyq_process_is_alive(&p)));
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_process_join(&p, PYQ_MILLISECONDS(2))));
	ASSERT_EQ(0, release(q, 1));
	EXPECT_EQ(0, lib(pyq_process_join(&p, LONG)));
	EXPECT_EQ(0, pyq_process_close(&p));
	pyq_close(q);
}

TEST(host_waits_for_all)
{
	struct pyq_process p = { .target = return_it, .arg = (void *)3 };
	int code = 4711, status;

	ASSERT_EQ(0, lib(pyq_process_start(&p)));
	EXPECT_EQ(pyq_process_pid(&p), waitpid(-1, &status, 0));
	EXPECT_EQ(0, lib(pyq_process_join(&p, LONG)));
	EXPECT_EQ(-ECHILD, lib(pyq_process_exitcode(&p, &code)));
	EXPECT_EQ(0, lib(pyq_process_close(&p)));
}

TEST_HARNESS_MAIN
