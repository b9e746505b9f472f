// SPDX-License-Identifier: GPL-2.0
/* Processes: <pyqueue/process.h>. */
#include "lib_test.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define NOBODY 65534

/* What no process of the test has: sanitizers take memory of their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* --- the parent can be stopped between its fork and the pidfd */

static enum { PIDFD, PIDFD_ENOSYS, PIDFD_KILLED, PIDFD_SLOW } pidfd_open_is;

/* Or a signal comes for a child that does not execute its program yet. */
static bool signal_comes;

/* The library is linked with this one. */
long syscall(long number, ...)
{
	static long (*real)(long number, ...);
	long a[6];
	va_list args;

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_pidfd_open && pidfd_open_is == PIDFD_ENOSYS) {
		errno = ENOSYS;
		return -1;
	}
	if (number == SYS_pidfd_open && pidfd_open_is == PIDFD_KILLED)
		raise(SIGKILL);
	if (number == SYS_pidfd_open && pidfd_open_is == PIDFD_SLOW)
		usleep(10000);
	if ((number == SYS_rt_sigaction || number == SYS_rt_sigprocmask) && signal_comes)
		kill(getpid(), SIGUSR2);
	if (!real)
		real = (long (*)(long number, ...))dlsym(RTLD_NEXT, "syscall");
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* --- what children do */

static int return_it(void *arg)
{
	return (int)(intptr_t)arg;
}

/* The exit code is the byte that comes; 100 if none does. */
static int return_byte(void *q)
{
	unsigned char c;

	return pyq_get(q, &c, 1, LONG) == 1 ? c : 100;
}

static int release(pyq_queue *q, unsigned char code)
{
	return pyq_put(q, &code, 1, PYQ_NOWAIT);
}

static int be_killed(void *arg)
{
	signal((int)(intptr_t)arg, SIG_DFL);
	raise((int)(intptr_t)arg);
	return 100;
}

static int count_up(void *word)
{
	return __atomic_add_fetch((int *)word, 1, __ATOMIC_SEQ_CST);
}

static void *shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* This program again: partner() runs in it. */
#define PARTNER "LIB_PROCESS_PARTNER="
#define AGAIN ((const char *const[]){ "/proc/self/exe", NULL })
#define AS_PARTNER(what) .argv = AGAIN, .envp = (const char *const[]){ PARTNER what, NULL }

static int square_all(void)
{
	pyq_queue *jobs, *jobs2, *results;
	int n, err;

	err = pyq_process_queue("jobs", &jobs);
	if (!err)
		err = pyq_process_queue("the.results_-2", &results);
	/* Again: another handle. */
	if (!err)
		err = pyq_process_queue("jobs", &jobs2);
	if (!err)
		pyq_close(jobs2);
	while (!err && pyq_get(jobs, &n, sizeof(n), LONG) == sizeof(n)) {
		n *= n;
		err = pyq_put(results, &n, sizeof(n), LONG);
	}
	pyq_close(jobs);
	pyq_close(results);
	return -err;
}

/* Each says whether the error is right: 0 */
static int fail_to_find(void)
{
	pyq_queue *q = (pyq_queue *)1;
	struct rlimit limit = { 3, 4096 };
	const int fd = strtol(strchr(getenv("PYQUEUE_QUEUES"), ':') + 1, NULL, 10);

	if (pyq_process_queue("job", &q) != -ENOENT || q)
		return 1;
	if (pyq_process_queue("jobs:", &q) != -ENOENT || pyq_process_queue("", &q) != -ENOENT)
		return 2;
	if (fcntl(fd, F_GETFD) != 0 || pyq_process_queue("jobs", &q))
		return 3;
	pyq_close(q);
	if (fcntl(fd, F_GETFD) != FD_CLOEXEC)
		return 4;
	limit.rlim_cur = fd + 1;
	while (fcntl(0, F_DUPFD, 3) < fd && errno != EMFILE)
		;
	if (setrlimit(RLIMIT_NOFILE, &limit) || pyq_process_queue("jobs", &q) != -EMFILE || q)
		return 5;
	limit.rlim_cur = 3;
	if (setrlimit(RLIMIT_NOFILE, &limit) || pyq_process_queue("jobs", &q) != -EMFILE || q)
		return 6;
	close(fd);
	if (pyq_process_queue("jobs", &q) != -EBADF || q)
		return 7;
	setenv("PYQUEUE_QUEUES", "jobs", 1);
	if (pyq_process_queue("jobs", &q) != -ENOENT)
		return 8;
	setenv("PYQUEUE_QUEUES", "a:1x,jobs:,b:99999999999", 1);
	if (pyq_process_queue("jobs", &q) != -ENOENT || pyq_process_queue("a", &q) != -ENOENT ||
	    pyq_process_queue("b", &q) != -ENOENT)
		return 9;
	unsetenv("PYQUEUE_QUEUES");
	return pyq_process_queue("jobs", &q) != -ENOENT;
}

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
	if (!strcmp(what, "square_all"))
		_exit(square_all());
	if (!strcmp(what, "fail_to_find"))
		_exit(fail_to_find());
	if (!strcmp(what, "look_at_signals"))
		_exit(look_at_signals());
	if (!strcmp(what, "hold_pipe"))
		_exit(hold_pipe());
	if (!strcmp(what, "no_variable"))
		_exit(!!getenv("PYQUEUE_QUEUES"));
	_exit(111);
}

/* --- what tests do */

static int exitcode(struct pyq_process *p)
{
	int code = 4711;

	return pyq_process_exitcode(p, &code) ? 4711 : code;
}

/* Starts, joins and closes; the exit code. */
#define outcome(...)                                                         \
	({                                                                   \
		struct pyq_process p_ = { __VA_ARGS__ };                     \
		ASSERT_EQ(0, lib(pyq_process_start(&p_)));                   \
		ASSERT_EQ(0, lib(pyq_process_join(&p_, LONG)));              \
		EXPECT_EQ(0, lib(pyq_process_close(&p_)));                   \
		exitcode(&p_);                                               \
	})

static bool no_child_is_left(void)
{
	return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD;
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

/* --- signals */

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

static void do_nothing(int sig)
{
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

static void count_signal(int sig)
{
	count_up(handlers_run);
}

/* What is for another program does not run in a copy of this one. */
TEST(handlers_do_not_run_before_exec)
{
	handlers_run = shared(sizeof(int));
	ASSERT_NE(NULL, handlers_run);
	signal(SIGUSR2, count_signal);
	signal_comes = true;
	EXPECT_EQ(-SIGUSR2, outcome(.argv = (const char *const[]){ "/bin/true", NULL }));
	EXPECT_EQ(0, *handlers_run);
	signal(SIGUSR2, SIG_IGN);
	EXPECT_EQ(0, outcome(.argv = (const char *const[]){ "/bin/true", NULL }));
}

/* --- other programs */

TEST(exec_with_queues)
{
	pyq_queue *jobs = new_queue(.maxsize = 10), *results = new_queue(.maxsize = 10);
	const struct pyq_process_queue queues[] = { { "jobs", jobs }, { "the.results_-2", results } };
	struct pyq_process p = { AS_PARTNER("square_all"), .queues = queues, .nr_queues = 2 };
	int sum = 0;

	ASSERT_EQ(0, lib(pyq_process_start(&p)));
	/* Only in the child. */
	EXPECT_EQ(FD_CLOEXEC, fcntl(pyq_fd(jobs), F_GETFD));
	EXPECT_EQ(NULL, getenv("PYQUEUE_QUEUES"));
	for (int i = 1; i <= 10; i++)
		ASSERT_EQ(0, pyq_put(jobs, &i, sizeof(i), LONG));
	for (int i = 1, n; i <= 10; i++) {
		ASSERT_EQ(sizeof(n), pyq_get(results, &n, sizeof(n), LONG));
		sum += n;
	}
	EXPECT_EQ(385, sum);
	ASSERT_EQ(0, pyq_shutdown(jobs, false));
	EXPECT_EQ(0, lib(pyq_process_join(&p, LONG)));
	EXPECT_EQ(0, exitcode(&p));
	EXPECT_EQ(0, pyq_process_close(&p));
	pyq_close(jobs);
	pyq_close(results);
}

/* proves: pyq_process_queue -ENOENT, pyq_process_queue -EBADF, pyq_process_queue -EMFILE */
TEST(exec_without)
{
	pyq_queue *jobs = new_queue(.maxsize = 10), *none;
	const struct pyq_process_queue queue = { "jobs", jobs };

	EXPECT_EQ(-ENOENT, lib(pyq_process_queue("jobs", &none)));
	EXPECT_EQ(0, outcome(AS_PARTNER("fail_to_find"), .queues = &queue, .nr_queues = 1));
	/* What this process was given is not handed on in passing. */
	setenv("PYQUEUE_QUEUES", "jobs:5", 1);
	setenv("LIB_PROCESS_PARTNER", "no_variable", 1);
	EXPECT_EQ(0, outcome(.argv = AGAIN));
	pyq_close(jobs);
}

/* Where it looks for a program, and what it says if there is none. */
/* proves: pyq_process_start -ENOENT, pyq_process_start -EACCES */
TEST(exec_fails)
{
	char dir[] = "/tmp/lib_process.XXXXXX", path[100], file[100];
	const char *const there[] = { "lib-process-there", NULL };
	struct pyq_process p = { .argv = there };
	int before = dup(0), fd;

	close(before);
	ASSERT_NE(NULL, mkdtemp(dir));
	snprintf(path, sizeof(path), "/nowhere:%s::/bin/sh/file:%s/bin", dir, dir);
	ASSERT_EQ(0, setenv("PATH", path, 1));
	EXPECT_EQ(-ENOENT, lib(pyq_process_start(&p)));
	snprintf(file, sizeof(file), "%s/lib-process-there", dir);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	ASSERT_LE(0, fd);
	close(fd);
	EXPECT_EQ(-EACCES, lib(pyq_process_start(&p)));
	EXPECT_EQ(0, pyq_process_pid(&p));
	EXPECT_FALSE(pyq_process_is_alive(&p));

	for (size_t i = 0; i < 4; i++) {
		static const char *const programs[] = { "/nowhere", "/tmp", "", "/bin/sh/file" };
		static const int errors[] = { -ENOENT, -EACCES, -ENOENT, -ENOTDIR };
		const char *const argv[] = { programs[i], NULL };
		struct pyq_process fails = { .argv = argv };

		EXPECT_EQ(errors[i], lib(pyq_process_start(&fails)));
	}
	EXPECT_TRUE(no_child_is_left());

	/* One that may be executed, behind one that may not: the same process again. */
	snprintf(path, sizeof(path), "%s/bin", dir);
	ASSERT_EQ(0, mkdir(path, 0700));
	snprintf(path, sizeof(path), "%s/bin/lib-process-there", dir);
	ASSERT_EQ(0, symlink("/bin/true", path));
	EXPECT_EQ(0, lib(pyq_process_start(&p)));
	EXPECT_EQ(0, lib(pyq_process_join(&p, LONG)));
	EXPECT_EQ(0, exitcode(&p));
	EXPECT_EQ(0, pyq_process_close(&p));
	EXPECT_EQ(before, dup(0));
	unlink(path);
	unlink(file);
	snprintf(path, sizeof(path), "%s/bin", dir);
	rmdir(path);
	rmdir(dir);
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

/* --- several */

/* proves: pyq_process_wait -EAGAIN, pyq_process_wait -ETIMEDOUT, pyq_process_wait -EINVAL */
TEST(wait_for_any)
{
	enum { N = 5 };
	static const int order[N] = { 3, 0, 4, 1, 2 };
	struct pyq_process ps[N], *list[N] = { NULL }, *none = NULL, fresh = { .target = return_it };
	pyq_queue *qs[N];
	size_t which = 4711;

	EXPECT_EQ(-EINVAL, lib(pyq_process_wait(list, 0, LONG, &which)));
	EXPECT_EQ(-EINVAL, lib(pyq_process_wait(&none, 1, LONG, &which)));
	for (int i = 0; i < N; i++) {
		qs[i] = new_queue(.maxsize = 1);
		ps[i] = (struct pyq_process){ .target = return_byte, .arg = qs[i] };
		list[i] = &ps[i];
		ASSERT_EQ(0, lib(pyq_process_start(&ps[i])));
	}
	EXPECT_EQ(-EAGAIN, lib(pyq_process_wait(list, N, PYQ_NOWAIT, &which)));
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_process_wait(list, N, PYQ_MILLISECONDS(2), &which)));
	EXPECT_EQ(4711, which);
	EXPECT_EQ(-EINVAL, lib(pyq_process_wait(list, N, -2, &which)));
	for (int i = 0; i < N; i++) {
		ASSERT_EQ(0, release(qs[order[i]], 10 + order[i]));
		EXPECT_EQ(0, lib(pyq_process_wait(list, N, LONG, &which)));
		ASSERT_EQ(order[i], which);
		EXPECT_EQ(10 + order[i], exitcode(list[which]));
		/* It is the first, again and again, until it is left out. */
		which = 4711;
		EXPECT_EQ(0, lib(pyq_process_wait(list, N, PYQ_NOWAIT, &which)));
		EXPECT_EQ(order[i], which);
		EXPECT_EQ(0, pyq_process_close(list[which]));
		list[which] = NULL;
	}
	EXPECT_EQ(-EINVAL, lib(pyq_process_wait(list, N, LONG, &which)));
	list[2] = &fresh;
	EXPECT_EQ(-EINVAL, lib(pyq_process_wait(list, N, LONG, &which)));
	EXPECT_EQ(2, which);
	for (int i = 0; i < N; i++)
		pyq_close(qs[i]);
}

/* More than need no memory. */
TEST(wait_for_many)
{
	enum { MANY = 100 };
	struct pyq_process *list[MANY] = { NULL };
	struct pyq_process p = { .target = return_it };
	size_t which;

	list[90] = &p;
	ASSERT_EQ(0, lib(pyq_process_start(&p)));
	EXPECT_EQ(0, lib(pyq_process_wait(list, MANY, LONG, &which)));
	EXPECT_EQ(90, which);
	EXPECT_EQ(0, pyq_process_close(&p));
}

static void *join_it(void *p)
{
	return (void *)(intptr_t)(pyq_process_join(p, LONG) ?: exitcode(p));
}

TEST(joined_by_several_threads)
{
	pyq_queue *q = new_queue(.maxsize = 1);

	for (int round = 0; round < 20; round++) {
		struct pyq_process p = { .target = return_byte, .arg = q };
		pthread_t threads[4];
		void *value;

		ASSERT_EQ(0, pyq_process_start(&p));
		for (int i = 0; i < 4; i++)
			ASSERT_EQ(0, pthread_create(&threads[i], NULL, join_it, &p));
		ASSERT_EQ(0, release(q, 12));
		for (int i = 0; i < 4; i++) {
			ASSERT_EQ(0, pthread_join(threads[i], &value));
			EXPECT_EQ(12, (intptr_t)value);
		}
		EXPECT_EQ(0, pyq_process_close(&p));
	}
	pyq_close(q);
}

/* Of a program with threads ThreadSanitizer wants no child that does anything. */
#ifndef __SANITIZE_THREAD__
static int started;

static void *start_many(void *arg)
{
	static const char *const sh[] = { "/bin/sh", "-c", "exit 40", NULL };
	intptr_t bad = 0;

	for (int i = 0; i < 20; i++) {
		struct pyq_process p = { .target = return_it, .arg = (void *)(intptr_t)i };

		if (i % 2) {
			p.target = NULL;
			p.argv = sh;
		}
		bad += pyq_process_start(&p) || pyq_process_join(&p, LONG) ||
		       exitcode(&p) != (i % 2 ? 40 : i) || pyq_process_close(&p);
	}
	return (void *)bad;
}

static void *start_the_same(void *p)
{
	int err = pyq_process_start(p);

	if (!err)
		__atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
	return (void *)(intptr_t)(err && err != -EALREADY);
}

static void by_threads(struct __test_metadata *_metadata, void *(*f)(void *), void *arg)
{
	pthread_t threads[4];
	void *bad;

	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, f, arg));
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &bad));
		EXPECT_EQ(NULL, bad);
	}
}

TEST(started_by_several_threads)
{
	struct pyq_process p = { .target = return_it, .arg = (void *)3 };

	by_threads(_metadata, start_many, NULL);
	by_threads(_metadata, start_the_same, &p);
	EXPECT_EQ(1, started);
	EXPECT_EQ(0, lib(pyq_process_join(&p, LONG)));
	EXPECT_EQ(3, exitcode(&p));
	EXPECT_EQ(0, pyq_process_close(&p));
	EXPECT_TRUE(no_child_is_left());
}

struct cancelled {
	struct pyq_process process;
	int results[7];
	int code;
	struct pyq_process *itself;
	size_t which;
};

/*
 * Its next cancellation point is its last. AddressSanitizer does not see frames go
 * that are unwound so: nothing has its address taken in it.
 */
static void *be_cancelled(void *arg)
{
	struct cancelled *c = arg;
	struct pyq_process *p = c->itself;

	pthread_cancel(pthread_self());
	c->results[0] = pyq_process_start(p);
	c->results[1] = !pyq_process_is_alive(p);
	c->results[2] = pyq_process_exitcode(p, &c->code) != -EAGAIN;
	c->results[3] = pyq_process_terminate(p) | pyq_process_kill(p);
	c->results[4] = pyq_process_join(p, LONG);
	c->results[5] = pyq_process_wait(&c->itself, 1, LONG, &c->which);
	c->results[6] = pyq_process_exitcode(p, &c->code);
	pthread_testcancel();
	return NULL;
}

/* No function is a cancellation point. */
TEST(cancelled)
{
	pyq_queue *q = new_queue(.maxsize = 1);
	struct cancelled c = { .process = { .target = return_byte, .arg = q } };
	pthread_t thread;
	void *value;

	c.itself = &c.process;
	memset(c.results, 0xcc, sizeof(c.results));
	ASSERT_EQ(0, pthread_create(&thread, NULL, be_cancelled, &c));
	ASSERT_EQ(0, pthread_join(thread, &value));
	EXPECT_EQ(PTHREAD_CANCELED, value);
	for (int i = 0; i < 7; i++)
		EXPECT_EQ(0, c.results[i]);
	EXPECT_NE(0, c.code);
	EXPECT_EQ(0, pyq_process_close(&c.process));
	pyq_close(q);
}

static int use_queue(void *q)
{
	char c;

	return pyq_put(q, "x", 1, LONG) || pyq_get(q, &c, 1, LONG) != 1;
}

static void *use_until_told(void *arg)
{
	pyq_queue *q = arg;
	intptr_t bad = 0;

	while (!__atomic_load_n(&started, __ATOMIC_SEQ_CST))
		bad += use_queue(q);
	return (void *)bad;
}

/* Children of a program whose threads are in the middle of a queue. */
TEST(started_while_queues_are_used)
{
	pyq_queue *q = new_queue(.maxsize = 100);
	pthread_t threads[2];
	void *bad;

	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, use_until_told, q));
	for (int i = 0; i < 50; i++)
		EXPECT_EQ(0, outcome(.target = use_queue, .arg = q));
	__atomic_store_n(&started, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &bad));
		EXPECT_EQ(NULL, bad);
	}
	pyq_close(q);
}
#endif

/* --- nothing to be had */

static int open_files(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Nothing has been run, and no child is left. */
/* proves: pyq_process_start -EMFILE */
TEST(no_files)
{
	int *run = shared(sizeof(*run)), last = dup(0), before;
	struct rlimit limit;
	struct pyq_process p = { .target = count_up, .arg = run };
	char dir[] = "/tmp/lib_process.XXXXXX", file[100];
	struct pyq_process exec = {
		.argv = (const char *const[]){ "touch", file, NULL },
	};

	ASSERT_NE(NULL, run);
	ASSERT_NE(NULL, mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/there", dir);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	/* The first free number is the first that may not be. */
	limit.rlim_cur = last + 1;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	before = open_files();
	EXPECT_EQ(-EMFILE, lib(pyq_process_start(&p)));
	EXPECT_EQ(-EMFILE, lib(pyq_process_start(&exec)));
	EXPECT_TRUE(no_child_is_left());
	/* There has to be one more for a moment, with which nothing is kept. */
	close(last);
	EXPECT_EQ(-EMFILE, lib(pyq_process_start(&exec)));
	EXPECT_TRUE(no_child_is_left());
	EXPECT_EQ(before - 1, open_files());
	EXPECT_EQ(0, *run);
	EXPECT_NE(0, access(file, F_OK));
	EXPECT_EQ(0, lib(pyq_process_start(&p)));
	EXPECT_EQ(0, lib(pyq_process_join(&p, LONG)));
	EXPECT_EQ(1, *run);
	EXPECT_EQ(0, lib(pyq_process_close(&p)));
	limit.rlim_cur++;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(0, lib(pyq_process_start(&exec)));
	EXPECT_EQ(0, lib(pyq_process_join(&exec, LONG)));
	EXPECT_EQ(0, access(file, F_OK));
	EXPECT_EQ(0, lib(pyq_process_close(&exec)));
	EXPECT_EQ(before - 1, open_files());
	unlink(file);
	rmdir(dir);
}

/* A host without standard files prints into nothing of ours. */
TEST(no_standard_files)
{
	EXPECT_EQ(0, exit_status(in_child(({
		pyq_queue *q;
		struct pyq_process p = { .target = return_byte };
		struct pyq_process exec = { .argv = (const char *const[]){ "/bin/true", NULL } };
		int bad = pyq_create(&q, &(struct pyq_attr){ .maxsize = 1 });

		p.arg = q;
		close(0);
		close(1);
		close(2);
		bad |= pyq_process_start(&p) || pyq_process_sentinel(&p) <= 2;
		bad |= pyq_process_start(&exec) || pyq_process_sentinel(&exec) <= 2;
		bad |= fcntl(pyq_process_sentinel(&exec), F_GETFD) != FD_CLOEXEC;
		bad |= fcntl(0, F_GETFD) >= 0 || fcntl(1, F_GETFD) >= 0 || fcntl(2, F_GETFD) >= 0;
		bad |= release(q, 3) || pyq_process_join(&p, LONG) || exitcode(&p) != 3;
		bad |= pyq_process_join(&exec, LONG) || exitcode(&exec);
		bad;
	}))));
}

/* proves: pyq_process_start -EAGAIN */
TEST(no_processes)
{
	const struct rlimit none = { 0, 0 };
	struct pyq_process p = { .target = return_it };
	struct pyq_process exec = { .argv = (const char *const[]){ "/bin/true", NULL } };

	if (!geteuid())
		ASSERT_EQ(0, setresuid(NOBODY, NOBODY, NOBODY));
	ASSERT_EQ(0, setrlimit(RLIMIT_NPROC, &none));
	EXPECT_EQ(-EAGAIN, lib(pyq_process_start(&p)));
	EXPECT_EQ(-EAGAIN, lib(pyq_process_start(&exec)));
	EXPECT_FALSE(pyq_process_is_alive(&p));
}

/* proves: pyq_process_start -ENOMEM, pyq_process_wait -ENOMEM */
TEST(no_memory)
{
	const struct rlimit little = { 4096, RLIM_INFINITY }, much = { RLIM_INFINITY, RLIM_INFINITY };
	struct pyq_process p = { .target = return_it, .arg = (void *)3 }, *list = &p;
	size_t which = 4711;
	int err;

	if (SANITIZED)
		SKIP(return, "sanitizers need memory");
	EXPECT_EQ(3, outcome(.target = return_it, .arg = (void *)3));
	ASSERT_EQ(0, setrlimit(RLIMIT_AS, &little));
	err = lib(pyq_process_start(&p));
	ASSERT_EQ(0, setrlimit(RLIMIT_AS, &much));
	EXPECT_EQ(-ENOMEM, err);
	EXPECT_TRUE(no_child_is_left());
	EXPECT_EQ(-ENOMEM, lib(pyq_process_wait(&list, SIZE_MAX / 16, LONG, &which)));
	EXPECT_EQ(4711, which);
	EXPECT_EQ(0, lib(pyq_process_start(&p)));
	EXPECT_EQ(0, lib(pyq_process_join(&p, LONG)));
	EXPECT_EQ(0, pyq_process_close(&p));
}

/* An old kernel: the child is there already, and runs nothing. */
TEST(no_pidfd)
{
	int *run = shared(sizeof(*run));
	struct pyq_process p = { .target = count_up, .arg = run };

	ASSERT_NE(NULL, run);
	pidfd_open_is = PIDFD_ENOSYS;
	EXPECT_EQ(-ENOSYS, lib(pyq_process_start(&p)));
	EXPECT_TRUE(no_child_is_left());
	signal(SIGCHLD, SIG_IGN);
	EXPECT_EQ(-ENOSYS, lib(pyq_process_start(&p)));
	EXPECT_EQ(0, *run);
}

/* It is called when it may go on: now and then it looks only for parents that are gone. */
TEST(called_at_the_gate)
{
	int64_t least = INT64_MAX;

	pidfd_open_is = PIDFD_SLOW;
	for (int i = 0; i < 20 && least > PYQ_MILLISECONDS(80); i++) {
		const int64_t begun = lib_now_ns();

		EXPECT_EQ(3, outcome(.target = return_it, .arg = (void *)3));
		if (lib_now_ns() - begun < least)
			least = lib_now_ns() - begun;
	}
	EXPECT_GT(PYQ_MILLISECONDS(80), least);
}

static int write_to(void *fd)
{
	return write((int)(intptr_t)fd, "x", 1) != 1;
}

static int be_killed_in_start(void *fd)
{
	struct pyq_process p = { .target = write_to, .arg = fd };

	pidfd_open_is = PIDFD_KILLED;
	return pyq_process_start(&p) ? 1 : 2;
}

/* Who is killed before he knows his child leaves none that runs. */
TEST(killed_in_start)
{
	int fds[2];
	char c;

	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC));
	EXPECT_EQ(-SIGKILL, outcome(.target = be_killed_in_start, .arg = (void *)(intptr_t)fds[1]));
	close(fds[1]);
	EXPECT_EQ(0, read(fds[0], &c, 1));
	close(fds[0]);
}

TEST_HARNESS_MAIN
