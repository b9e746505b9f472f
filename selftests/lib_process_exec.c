// SPDX-License-Identifier: GPL-2.0
/* Processes that are another program, and the queues that it is given. */
#include "lib_process.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* A signal comes for a child that does not execute its program yet. */
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
	if ((number == SYS_rt_sigaction || number == SYS_rt_sigprocmask) && signal_comes)
		kill(getpid(), SIGUSR2);
	if (!real)
		real = (long (*)(long number, ...))dlsym(RTLD_NEXT, "syscall");
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* A directory that is on a server that has forgotten it, or away. */
#define STALE "/stale/"

static int stale = ESTALE;

int execve(const char *path, char *const argv[], char *const envp[])
{
	if (!strncmp(path, STALE, strlen(STALE))) {
		errno = stale;
		return -1;
	}
	return (int)syscall(SYS_execve, path, argv, envp);
}

/* --- what programs do */

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

/* It has taken its queue, and executes a program that was given none. */
static int hand_on_the_variable(void)
{
	pyq_queue *q;

	if (pyq_process_queue("jobs", &q))
		return 1;
	setenv("LIB_PROCESS_PARTNER", "have_a_queue_there", 1);
	execv("/proc/self/exe", (char *const[]){ "again", NULL });
	return 2;
}

/* Under the number that the queue had in another program is one of this one's own. */
static int have_a_queue_there(void)
{
	const int fd = strtol(strchr(getenv("PYQUEUE_QUEUES"), ':') + 1, NULL, 10);
	pyq_queue *own, *q;

	if (fcntl(fd, F_GETFD) >= 0 || pyq_process_queue("jobs", &q) != -EBADF)
		return 3;
	if (pyq_create(&own, &(struct pyq_attr){ .maxsize = 1 }))
		return 4;
	if (dup2(pyq_fd(own), fd) != fd)
		return 5;
	return pyq_process_queue("jobs", &q) != -EBADF || q ? 6 : 0;
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
	if (!strcmp(what, "hand_on_the_variable"))
		_exit(hand_on_the_variable());
	if (!strcmp(what, "have_a_queue_there"))
		_exit(have_a_queue_there());
	if (!strcmp(what, "no_variable"))
		_exit(!!getenv("PYQUEUE_QUEUES"));
	_exit(111);
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

/* Who was given nothing finds nothing, and above all no queue of his own. */
TEST(exec_of_who_was_given_none)
{
	pyq_queue *jobs = new_queue(.maxsize = 10);
	const struct pyq_process_queue queue = { "jobs", jobs };

	EXPECT_EQ(0, outcome(AS_PARTNER("hand_on_the_variable"), .queues = &queue, .nr_queues = 1));
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

/* As execvp(): a directory that cannot be had hides none behind it. */
TEST(exec_behind_what_is_away)
{
	static const int errors[] = { ESTALE, ENODEV, ETIMEDOUT };

	ASSERT_EQ(0, setenv("PATH", "/stale:/nowhere:/bin:/usr/bin", 1));
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		stale = errors[i];
		EXPECT_EQ(0, outcome(.argv = (const char *const[]){ "true", NULL }));
	}
	/* And without any there are the places that each system has. */
	ASSERT_EQ(0, unsetenv("PATH"));
	EXPECT_EQ(0, outcome(.argv = (const char *const[]){ "true", NULL }));
}

/* --- signals before it is one */

static int *handlers_run;

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

TEST_HARNESS_MAIN
