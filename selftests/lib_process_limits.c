// SPDX-License-Identifier: GPL-2.0
/* Processes, where nothing is to be had: files, memory, numbers, or a parent. */
#include "lib_process.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* --- the parent can be stopped between its fork and the pidfd */

static enum { PIDFD, PIDFD_ENOSYS, PIDFD_KILLED, PIDFD_SLOW } pidfd_open_is;

/* Linux 5.1: CLONE_PIDFD means nothing, and nothing waits for a pidfd. */
static bool kernel_is_old;

int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	if (kernel_is_old && type == (idtype_t)3) {
		errno = EINVAL;
		return -1;
	}
	return (int)syscall(SYS_waitid, type, id, info, options, NULL);
}

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
	if (number == SYS_clone && kernel_is_old)
		a[0] &= ~0x1000L;
	if (!real)
		real = (long (*)(long number, ...))dlsym(RTLD_NEXT, "syscall");
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

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

/* Nor is one started that could not be waited for, or a program that has no pidfd. */
/* proves: pyq_process_start -ENOSYS */
TEST(old_kernel)
{
	int *run = shared(sizeof(*run)), before = open_files();
	struct pyq_process p = { .target = count_up, .arg = run };
	struct pyq_process exec = { .argv = (const char *const[]){ "/bin/true", NULL } };

	ASSERT_NE(NULL, run);
	kernel_is_old = true;
	EXPECT_EQ(-ENOSYS, lib(pyq_process_start(&p)));
	EXPECT_EQ(-ENOSYS, lib(pyq_process_start(&exec)));
	EXPECT_TRUE(no_child_is_left());
	EXPECT_EQ(0, *run);
	EXPECT_EQ(before, open_files());
	EXPECT_EQ(0, pyq_process_pid(&exec));
	EXPECT_FALSE(pyq_process_is_alive(&exec));
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

