// SPDX-License-Identifier: GPL-2.0
/* A pool's helper: how it begins, whom it kills, and what it does meanwhile. */
#include "lib_pool.h"
#include "printed.h"

#include <pthread.h>
#include <sys/ptrace.h>

/* --- its beginning ---------------------------------------------------------------------- */

/* What happens in each process after a fork. */
static struct {
	bool raise; /* a signal for the child */
	bool have_another; /* a child that has all files; and no file more is to be had */
	pid_t host, another;
	int *handled;
} forks;

static void in_child_of_fork(void)
{
	if (forks.raise)
		raise(SIGUSR1);
}

static void in_parent_of_fork(void)
{
	struct rlimit limit;
	int fd;

	if (!forks.have_another || getpid() != forks.host)
		return;
	forks.have_another = false;
	forks.another = _Fork();
	while (!forks.another)
		pause();
	fd = dup(0);
	close(fd);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = (rlim_t)fd;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void handle(int sig)
{
	(void)sig;
	count(forks.handled);
}

/* What the program does about a signal is not done once more. */
TEST_F(pool, signal_at_the_beginning)
{
	const struct sigaction action = { .sa_handler = handle };

	NOT_WITH_THREADS("there is none");
	forks.handled = &shared->bad;
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, pthread_atfork(NULL, NULL, in_child_of_fork));
	forks.raise = true;
	begin(.workers = 1);
	forks.raise = false;
	EXPECT_EQ(4, finish(start(square, INT(3))));
	EXPECT_EQ(1, load(&shared->bad)) TH_LOG("it is the worker's alone");
	/* And here it is as it was. */
	raise(SIGUSR1);
	EXPECT_EQ(2, load(&shared->bad));
}

/* It cannot begin, and is told so; what has its end of the socket does not count. */
TEST_F(pool, creation_fails_while_another_forks)
{
	struct rlimit limit;

	NOT_WITH_THREADS("there is none");
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	forks.host = getpid();
	forks.have_another = true;
	ASSERT_EQ(0, pthread_atfork(NULL, in_parent_of_fork, NULL));
	EXPECT_EQ(-EMFILE, lib(pyq_pool_create(&self->pool, NULL)));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	ASSERT_LT(0, forks.another);
	EXPECT_EQ(0, waitpid(forks.another, NULL, WNOHANG));
	kill(forks.another, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, exit_status(forks.another));
}

static pid_t who_prints;

/* As another thread may at that moment. */
static void print_before_fork(void)
{
	if (getpid() == who_prints)
		printf("printed before the fork");
}

/* No worker prints it again when it ends. */
TEST_F(pool, printed_before_the_fork)
{
	struct printed printed;

	NOT_WITH_THREADS("there is none");
	who_prints = getpid();
	ASSERT_EQ(0, pthread_atfork(print_before_fork, NULL, NULL));
	ASSERT_TRUE(print_there(&printed));
	begin(.workers = 3);
	EXPECT_EQ(4, finish(start(square, INT(3))));
	EXPECT_EQ(0, pyq_pool_close(self->pool));
	EXPECT_EQ(0, pyq_pool_join(self->pool, LONG));
	who_prints = 0;
	EXPECT_EQ(1, times_printed(&printed, "printed before the fork"));
}

static bool no_signalfd;

/* The library is linked with this one. */
int signalfd(int fd, const sigset_t *mask, int flags)
{
	if (no_signalfd) {
		errno = EMFILE;
		return -1;
	}
	return (int)syscall(SYS_signalfd4, fd, mask, 8, flags);
}

/* It would not see its workers end: then it is none. */
TEST_F(pool, without_a_file_for_deaths)
{
	NOT_WITH_THREADS("there is none");
	no_signalfd = true;
	begin(.workers = 1);
	no_signalfd = false;
	EXPECT_EQ(0, pyq_pool_close(self->pool));
	EXPECT_EQ(-EOWNERDEAD, pyq_pool_join(self->pool, LONG));
	EXPECT_NE(NULL, pyq_pool_broken(self->pool));
}

/* --- workers that do not stop, or have been stopped -------------------------------------- */

/* A debugger that has it, and lets it stand wherever it comes to a stop. */
static int hold(pid_t pid)
{
	int status;

	if (ptrace(PTRACE_SEIZE, pid, 0, 0))
		return 1;
	sem_post(&shared->first);
	while (waitpid(pid, &status, __WALL) == pid)
		if (!WIFSTOPPED(status))
			return 0;
	return 2;
}

/* Nobody else waits for it: others are cancelled, and replaced; and in the end it is killed. */
TEST_F(pool, cancel_in_a_debugger)
{
	pyq_result *held, *other;
	pid_t worker, debugger, next;

	NOT_WITH_THREADS("they are not stopped");
	begin(.workers = 2);
	held = start(gate);
	ASSERT_TRUE(pass(&shared->begun));
	worker = load(&shared->pid);
	debugger = in_child(hold(worker));
	ASSERT_TRUE(pass(&shared->first));
	other = start(gate);
	ASSERT_TRUE(pass(&shared->begun));
	EXPECT_EQ(0, lib(pyq_result_cancel(held)));
	EXPECT_EQ(0, lib(pyq_result_cancel(other)));
	EXPECT_EQ(-ECANCELED, finish(other));
	next = pid_of(self->pool, my_pid);
	EXPECT_LT(0, next);
	EXPECT_EQ(-ECANCELED, finish(held));
	EXPECT_EQ(0, exit_status(debugger));
	EXPECT_EQ(0, wait_stat(st.workers == 2).died);
}

/* Nor is the end waited for. */
TEST_F(pool, terminate_in_a_debugger)
{
	pyq_result *r;
	pid_t debugger;

	NOT_WITH_THREADS("they are not stopped");
	begin(.workers = 1);
	r = start(gate);
	ASSERT_TRUE(pass(&shared->begun));
	debugger = in_child(hold(load(&shared->pid)));
	ASSERT_TRUE(pass(&shared->first));
	EXPECT_EQ(0, lib(pyq_result_cancel(r)));
	EXPECT_EQ(0, pyq_pool_terminate(self->pool));
	EXPECT_EQ(0, pyq_pool_join(self->pool, LONG));
	pyq_result_free(r);
	EXPECT_EQ(0, exit_status(debugger));
}

/* Again and again, while nobody listens: that is one order. */
TEST_F(pool, cancelled_many_times)
{
	pyq_result *r;
	pid_t helper;

	NOT_WITH_THREADS("there is none");
	begin(.workers = 1);
	helper = pid_of(self->pool, my_parent);
	r = start(gate);
	ASSERT_TRUE(pass(&shared->begun));
	ASSERT_EQ(0, kill(helper, SIGSTOP));
	for (int i = 0; i < 5000; i++)
		ASSERT_EQ(0, lib(pyq_result_cancel(r)));
	ASSERT_EQ(0, kill(helper, SIGCONT));
	EXPECT_EQ(-ECANCELED, finish(r));
}

static struct {
	pid_t helper;
	int times;
} alarms;

/* The helper listens again after some of them. */
static void ring(int sig)
{
	(void)sig;
	if (count(&alarms.times) >= 3)
		kill(alarms.helper, SIGCONT);
}

/* Who waits for room for an order, and is interrupted, waits on. */
TEST_F(pool, signal_while_nobody_listens)
{
	const struct sigaction action = { .sa_handler = ring };
	const struct itimerval often = { { 0, 50000 }, { 0, 50000 } }, never = { { 0, 0 }, { 0, 0 } };

	NOT_WITH_THREADS("there is none");
	begin(.workers = 1);
	alarms.helper = pid_of(self->pool, my_parent);
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, kill(alarms.helper, SIGSTOP));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &often, NULL));
	for (int i = 0; i < 5000; i++)
		ASSERT_EQ(0, lib(pyq_pool_resize(self->pool, 1)));
	EXPECT_LT(3, load(&alarms.times));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &never, NULL));
	EXPECT_EQ(4, finish(start(square, INT(3))));
}

static int stop_myself(struct pyq_call *call)
{
	(void)call;
	sem_post(&shared->begun);
	raise(SIGSTOP);
	return 0;
}

/* One that stands still already is late, and cancelled, as others are. */
TEST_F(pool, stopped_by_others)
{
	pyq_result *r;

	NOT_WITH_THREADS("the program would be stopped");
	begin(.workers = 1);
	EXPECT_EQ(-ETIME, finish(start(stop_myself, .timeout = 20000000)));
	ASSERT_TRUE(pass(&shared->begun));
	r = start(stop_myself);
	ASSERT_TRUE(pass(&shared->begun));
	EXPECT_EQ(0, lib(pyq_result_cancel(r)));
	EXPECT_EQ(-ECANCELED, finish(r));
	EXPECT_EQ(0, wait_stat(st.workers == 1).died);
}

TEST_HARNESS_MAIN
