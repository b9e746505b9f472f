// SPDX-License-Identifier: GPL-2.0
/* Processes: what a child has of its parent, what it does not do, and daemons. */
#include "lib_process.h"
#include "traced.h"

/* The mask is the parent's: SIGUSR1 blocked; what it handles is not handled here. */
static int look_at_signals(void)
{
	struct sigaction usr2, pipe, user;
	sigset_t mask;

	sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int sig = 1; sig < SIGRTMIN; sig++) {
		if (sigismember(&mask, sig) != (sig == SIGUSR1))
			return sig;
	}
	sigaction(SIGUSR1, NULL, &user);
	sigaction(SIGUSR2, NULL, &usr2);
	sigaction(SIGPIPE, NULL, &pipe);
	if (usr2.sa_handler != SIG_DFL || user.sa_handler != SIG_DFL)
		return 101;
	return pipe.sa_handler != SIG_IGN ? 102 : 0;
}

/* File 9 is a pipe, open as long as this process lives. */
static int hold_pipe(void)
{
	if (write(9, "x", 1) != 1)
		return 1;
	for (;;)
		pause();
}

__attribute__((constructor)) static void partner(void)
{
	const char *what = getenv("LIB_PROCESS_PARTNER");

	if (!what)
		return;
	if (pyq_process_current())
		_exit(110);
	if (!strcmp(what, "look_at_signals"))
		_exit(look_at_signals());
	if (!strcmp(what, "hold_pipe"))
		_exit(hold_pipe());
	_exit(111);
}

/* Until the end of what others write. */
static ssize_t read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t ret;

	while ((ret = read(fd, buf + len, size - 1 - len)) > 0)
		len += ret;
	buf[len] = '\0';
	return len;
}

/* --- what the child does not do */

static int *handlers_run;

static void at_exit(void)
{
	count_up(handlers_run);
}

static int print(void *text)
{
	fputs(text, stdout);
	fputs(text, stderr);
	return 0;
}

/* As another thread, after the flush and before the child is there. */
static void print_late(void)
{
	fputs("late ", stdout);
	fputs("late ", stderr);
}

/* A program whose stdout is a pipe, and has something in its buffer. */
static int print_around(struct pyq_process *self)
{
	struct pyq_process p = { .target = print, .arg = "child " };
	FILE *other = fdopen(fcntl(STDOUT_FILENO, F_DUPFD, 3), "w");
	static const char *const sh[] = { "sh", "-c", "printf 'child '; printf 'child ' >&2", NULL };
	static char buffers[3][1000];

	/* Their buffers may have been made for something else. */
	stdout = fdopen(STDOUT_FILENO, "w");
	stderr = fdopen(STDERR_FILENO, "w");
	setvbuf(stdout, buffers[0], _IOFBF, sizeof(buffers[0]));
	setvbuf(stderr, buffers[1], _IOFBF, sizeof(buffers[1]));
	setvbuf(other, buffers[2], _IOFBF, sizeof(buffers[2]));
	fputs("before ", stdout);
	fputs("before ", stderr);
	fputs("other ", other);
	if (self->arg) {
		p.target = NULL;
		p.argv = sh;
	} else if (pthread_atfork(print_late, NULL, NULL)) {
		return 99;
	}
	if (pyq_process_start(&p) || pyq_process_join(&p, LONG) || exitcode(&p))
		return 100;
	fputs("after", stdout);
	fputs("after", stderr);
	fflush(stdout);
	fputs(" ", stdout);
	fflush(stdout);
	fclose(other);
	return 0;
}

TEST(nothing_is_printed_twice)
{
	for (intptr_t exec = 0; exec < 2; exec++) {
		struct pyq_process p = { .run = print_around, .arg = (void *)exec };
		int out[2], err[2], old_out = dup(1), old_err = dup(2);
		char text[1000];

		ASSERT_EQ(0, pipe2(out, O_CLOEXEC) | pipe2(err, O_CLOEXEC));
		fflush(stdout);
		fflush(stderr);
		dup2(out[1], 1);
		dup2(err[1], 2);
		EXPECT_EQ(0, pyq_process_start(&p));
		dup2(old_out, 1);
		dup2(old_err, 2);
		close(out[1]);
		close(err[1]);
		EXPECT_EQ(0, pyq_process_join(&p, LONG));
		EXPECT_EQ(0, exitcode(&p));
		read_all(out[0], text, sizeof(text));
		EXPECT_STREQ(exec ? "before child after other " : "before child late after other ", text);
		read_all(err[0], text, sizeof(text));
		EXPECT_STREQ(exec ? "before child after" : "before child late after", text);
		close(out[0]);
		close(err[0]);
		close(old_out);
		close(old_err);
		EXPECT_EQ(0, pyq_process_close(&p));
	}
}

static int start_with_a_handler(void *arg)
{
	struct pyq_process p = { .target = return_it, .arg = (void *)5 };

	atexit(at_exit);
	return pyq_process_start(&p) || pyq_process_join(&p, LONG) ? 100 : exitcode(&p);
}

TEST(no_exit_handlers)
{
	handlers_run = shared(sizeof(int));
	ASSERT_NE(NULL, handlers_run);
	EXPECT_EQ(5, outcome(.target = start_with_a_handler));
	EXPECT_EQ(0, *handlers_run);
	/* They are run where they should be. */
	EXPECT_EQ(0, exit_status(in_child(({ atexit(at_exit); exit(0); 0; }))));
	EXPECT_EQ(1, *handlers_run);
}

static int sleep_a_little(void *handlers)
{
	handlers_run = handlers;
	atexit(at_exit);
	/* Where a thread that is cancelled ends. */
	usleep(1);
	return 6;
}

static void *start_while_cancelled(void *p)
{
	pthread_cancel(pthread_self());
	return (void *)(intptr_t)pyq_process_start(p);
}

/* It is the thread that is to end, not the child that it has started. */
TEST(cancelled_is_the_thread)
{
	struct pyq_process p = { .target = sleep_a_little, .arg = shared(sizeof(int)) };
	pthread_t thread;
	void *value;

	ASSERT_NE(NULL, p.arg);
	ASSERT_EQ(0, pthread_create(&thread, NULL, start_while_cancelled, &p));
	ASSERT_EQ(0, pthread_join(thread, &value));
	EXPECT_EQ(NULL, value);
	ASSERT_EQ(0, lib(pyq_process_join(&p, LONG)));
	EXPECT_EQ(6, exitcode(&p));
	EXPECT_EQ(0, *(int *)p.arg);
	EXPECT_EQ(0, pyq_process_close(&p));
}

static int look_at_thread(void *arg)
{
	sigset_t mask;
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	return state != PTHREAD_CANCEL_ENABLE || sigismember(&mask, SIGUSR1) != 1 ||
	       sigismember(&mask, SIGUSR2) != 0;
}

/* Cancellation and signals are in the child as they are in the caller. */
TEST(as_the_caller_is)
{
	sigset_t mask, after;

	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	signal(SIGUSR1, do_nothing);
	signal(SIGUSR2, do_nothing);
	signal(SIGPIPE, SIG_IGN);
	EXPECT_EQ(0, outcome(.target = look_at_thread));
	EXPECT_EQ(0, outcome(AS_PARTNER("look_at_signals")));
	sigprocmask(SIG_SETMASK, NULL, &after);
	for (int sig = 1; sig < SIGRTMIN; sig++)
		EXPECT_EQ(sig == SIGUSR1, sigismember(&after, sig));
}

/* --- a parent that ends */

static int start_and_end(int *runs)
{
	struct pyq_process p = { .target = count_up, .arg = runs };

	return -pyq_process_start(&p);
}

/*
 * A child that has not been let go when it looks, and then finds that its parent has ended:
 * in between it has been let go, and it runs.
 */
TEST(started_and_its_parent_ended)
{
	int *runs = shared(sizeof(int));
	pid_t parent;
	unsigned long child = 0;

	ASSERT_NE(NULL, runs);
	parent = traced_child(start_and_end(runs));
	ASSERT_EQ(0, ptrace(PTRACE_SETOPTIONS, parent, 0,
			    PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK));
	/* It stands at its fork until the child has looked. */
	ASSERT_TRUE(goes(parent));
	ASSERT_EQ(0, ptrace(PTRACE_GETEVENTMSG, parent, 0, &child));
	ASSERT_LT(0, child);
	ASSERT_TRUE(stops((pid_t)child));
	ASSERT_TRUE(goes_to_call((pid_t)child, SYS_getppid));
	ASSERT_TRUE(goes(parent) && !ptrace(PTRACE_CONT, parent, 0, 0));
	ASSERT_EQ(0, exit_status(parent));
	EXPECT_EQ(0, load(runs));
	ASSERT_EQ(0, ptrace(PTRACE_CONT, (pid_t)child, 0, 0));
	EXPECT_EQ(1, exit_status((pid_t)child));
	EXPECT_EQ(1, load(runs));
}

/* --- daemons */

struct holding {
	struct pyq_process process;
	int fds[2]; /* who lives writes a byte, and leaves it open */
	bool exec;
	bool daemon;
};

static int hold(struct pyq_process *self)
{
	struct holding *holding = (struct holding *)self;
	const pid_t parent = getppid();

	close(holding->fds[0]);
	if (write(holding->fds[1], "x", 1) != 1)
		return 1;
	if (self->daemon)
		for (;;)
			pause();
	while (getppid() == parent)
		sched_yield();
	return write(holding->fds[1], "y", 1) != 1;
}

/* It is to be killed; only its child has the pipe open then. */
static int start_and_be_killed(struct pyq_process *self)
{
	static const char *const again[] = { "/proc/self/exe", NULL };
	static const char *const env[] = { PARTNER "hold_pipe", NULL };
	struct holding child = *(struct holding *)self;

	child.process = (struct pyq_process){ .run = hold, .daemon = child.daemon };
	if (child.exec) {
		/* File 9 in that program. */
		child.process.run = NULL;
		child.process.argv = again;
		child.process.envp = env;
		dup2(child.fds[1], 9);
	}
	if (pyq_process_start(&child.process))
		return 1;
	for (;;)
		pause();
}

static void with_its_parent(struct __test_metadata *_metadata, bool exec, bool daemon)
{
	struct holding parent = { .process = { .run = start_and_be_killed }, .exec = exec,
				  .daemon = daemon };
	char c = 0;

	ASSERT_EQ(0, pipe2(parent.fds, O_CLOEXEC));
	ASSERT_EQ(0, lib(pyq_process_start(&parent.process)));
	close(parent.fds[1]);
	ASSERT_EQ(1, read(parent.fds[0], &c, 1));
	EXPECT_EQ('x', c);
	EXPECT_EQ(0, lib(pyq_process_kill(&parent.process)));
	if (daemon) {
		EXPECT_EQ(0, read(parent.fds[0], &c, 1));
	} else {
		EXPECT_EQ(1, read(parent.fds[0], &c, 1));
		EXPECT_EQ('y', c);
		EXPECT_EQ(0, read(parent.fds[0], &c, 1));
	}
	EXPECT_EQ(0, lib(pyq_process_join(&parent.process, LONG)));
	EXPECT_EQ(-SIGKILL, exitcode(&parent.process));
	EXPECT_EQ(0, pyq_process_close(&parent.process));
	close(parent.fds[0]);
}

TEST(daemon_ends_with_its_parent)
{
	with_its_parent(_metadata, false, true);
}

TEST(program_ends_with_its_parent)
{
	with_its_parent(_metadata, true, true);
}

TEST(others_do_not)
{
	with_its_parent(_metadata, false, false);
}

TEST_HARNESS_MAIN
