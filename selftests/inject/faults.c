// SPDX-License-Identifier: GPL-2.0
/*
 * Functions that can be made to fail. Each has the errors that Linux has for what the
 * library uses it for. An error that cannot be had there (a bad address, say) is none; nor
 * is one of what gives something back (close(), munmap(), free()), of which nobody could
 * make anything.
 *
 * What is to fail is told in memory that all children share, and programs that they
 * execute: a file without FD_CLOEXEC, whose number is in the environment.
 */
#include "failing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define VARIABLE "PYQUEUE_TEST_FAULTS"

#define NAMES 80

static struct shared {
	struct fault fault;
	char only[40]; /* "": all; the fault's own is another program's */
	bool armed;
	unsigned int calls;
	struct strike strike;
	char struck[NAMES][40]; /* ever */
} *shared;

static __thread enum fault_place place;
static enum fault_place process = HERE;
static long allocations, mappings;

static bool map_shared(int fd)
{
	void *at = (void *)syscall(SYS_mmap, NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				   MAP_SHARED, fd, 0L);

	if (at == MAP_FAILED)
		return false;
	shared = at;
	return true;
}

/* Before the library has its own turn: of a program that was executed its number is known. */
__attribute__((constructor(101))) static void begin(void)
{
	const char *there = getenv(VARIABLE);
	char number[12];
	int fd;

	if (there) {
		process = place = IN_CHILD;
		if (!map_shared(atoi(there)))
			abort();
		return;
	}
	fd = (int)syscall(SYS_memfd_create, "faults", 0);
	snprintf(number, sizeof(number), "%d", fd);
	if (syscall(SYS_ftruncate, fd, sizeof(*shared)) || !map_shared(fd) || setenv(VARIABLE, number, 1))
		abort();
}

void faults_here(void)
{
	process = place = HERE;
}

void faults_arm(const struct fault *fault)
{
	shared->fault = *fault;
	strcpy(shared->only, fault->only ?: "");
	shared->strike = (struct strike){ .name = "" };
	shared->calls = 0;
	__atomic_store_n(&shared->armed, true, __ATOMIC_SEQ_CST);
}

bool faults_struck(void)
{
	return __atomic_load_n(&shared->strike.error, __ATOMIC_SEQ_CST);
}

struct strike faults_disarm(void)
{
	__atomic_store_n(&shared->armed, false, __ATOMIC_SEQ_CST);
	return shared->strike;
}

const char *faults_not_struck(const char *all)
{
	static char name[40];
	int used;

	for (; sscanf(all, "%39s%n", name, &used) == 1; all += used) {
		int i = 0;

		while (i < NAMES && strcmp(shared->struck[i], name))
			i++;
		if (i == NAMES)
			return name;
	}
	return NULL;
}

long faults_allocations(void)
{
	return __atomic_load_n(&allocations, __ATOMIC_SEQ_CST);
}

long faults_mappings(void)
{
	return __atomic_load_n(&mappings, __ATOMIC_SEQ_CST);
}

static void note(const char *name)
{
	int i = 0;

	while (i < NAMES && shared->struck[i][0] && strcmp(shared->struck[i], name))
		i++;
	if (i < NAMES)
		strcpy(shared->struck[i], name);
}

int fails(const char *name, const int *errors)
{
	const int saved = errno;
	unsigned int n = 0;

	if (!__atomic_load_n(&shared->armed, __ATOMIC_SEQ_CST) || place != shared->fault.place ||
	    (shared->only[0] && strcmp(shared->only, name)) ||
	    __atomic_add_fetch(&shared->calls, 1, __ATOMIC_SEQ_CST) != shared->fault.nth)
		return 0;
	while (errors[n])
		n++;
	strcpy(shared->strike.name, name);
	shared->strike.errors = n;
	note(name);
	__atomic_store_n(&shared->strike.error, errors[shared->fault.choice % n], __ATOMIC_SEQ_CST);
	errno = saved;
	return shared->strike.error;
}

/* --- memory ------------------------------------------------------------------ */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_realloc(void *at, size_t size);
void *__wrap_realloc(void *at, size_t size);
void __real_free(void *at);
void __wrap_free(void *at);

static void *allocated(void *at)
{
	if (at)
		__atomic_add_fetch(&allocations, 1, __ATOMIC_SEQ_CST);
	return at;
}

static bool no_memory(const char *name)
{
	const int err = FAILS(name, ENOMEM);

	if (err)
		errno = err;
	return err;
}

void *__wrap_malloc(size_t size)
{
	return no_memory("malloc") ? NULL : allocated(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return no_memory("calloc") ? NULL : allocated(__real_calloc(n, size));
}

void *__wrap_realloc(void *at, size_t size)
{
	void *other = no_memory("realloc") ? NULL : __real_realloc(at, size);

	return at ? other : allocated(other);
}

void __wrap_free(void *at)
{
	if (at)
		__atomic_sub_fetch(&allocations, 1, __ATOMIC_SEQ_CST);
	__real_free(at);
}

void *__real_mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset);
int __real_munmap(void *at, size_t size);
int __wrap_munmap(void *at, size_t size);

void *__wrap_mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
	void *mapped = no_memory("mmap") ? MAP_FAILED :
					   __real_mmap(at, size, prot, flags, fd, offset);

	if (mapped != MAP_FAILED)
		__atomic_add_fetch(&mappings, 1, __ATOMIC_SEQ_CST);
	return mapped;
}

int __wrap_munmap(void *at, size_t size)
{
	__atomic_sub_fetch(&mappings, 1, __ATOMIC_SEQ_CST);
	return __real_munmap(at, size);
}

/* A kernel that does not know it; or that has to split a mapping, and has no room for that. */
FAILING(int, -1, madvise, (void *at, size_t size, int advice), (at, size, advice), EINVAL, ENOMEM)

/* --- files --------------------------------------------------------------------- */

FAILING(int, -1, memfd_create, (const char *name, unsigned int flags), (name, flags),
	EMFILE, ENFILE, ENOMEM)
FAILING(int, -1, ftruncate, (int fd, off_t size), (fd, size), EFBIG, ENOMEM)
RETURNING(err, posix_fallocate, (int fd, off_t at, off_t size), (fd, at, size), ENOSPC, EINTR)
FAILING(ssize_t, -1, pwrite, (int fd, const void *data, size_t len, off_t at),
	(fd, data, len, at), ENOSPC, ENOMEM)
FAILING(ssize_t, -1, pread, (int fd, void *buf, size_t len, off_t at), (fd, buf, len, at), EIO)
/* Another thread has closed it. */
FAILING(int, -1, fstat, (int fd, struct stat *st), (fd, st), EBADF)
FAILING(int, -1, linkat, (int from_dir, const char *from, int to_dir, const char *to, int flags),
	(from_dir, from, to_dir, to, flags), EEXIST, ENOENT, ENOSPC, EACCES, ENOMEM)
FAILING(int, -1, unlink, (const char *path), (path), ENOENT, EACCES, EPERM)
FAILING(int, -1, fchmod, (int fd, mode_t mode), (fd, mode), EPERM)
FAILING(int, -1, fchown, (int fd, uid_t uid, gid_t gid), (fd, uid, gid), EPERM)
FAILING(int, -1, access, (const char *path, int mode), (path, mode), ENOENT)
FAILING(DIR *, NULL, opendir, (const char *path), (path), EMFILE, ENFILE, ENOENT, ENOMEM)
FAILING(int, -1, eventfd, (unsigned int value, int flags), (value, flags), EMFILE, ENFILE, ENOMEM)
FAILING(ssize_t, -1, read, (int fd, void *buf, size_t len), (fd, buf, len), EAGAIN)
FAILING(ssize_t, -1, write, (int fd, const void *data, size_t len), (fd, data, len), EAGAIN)
FAILING(int, -1, dup3, (int from, int to, int flags), (from, to, flags), EBADF)

/* For functions that look for more arguments than there are, as those of the C library do. */
#define ANY_ARGUMENTS __attribute__((no_sanitize_address))

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);

ANY_ARGUMENTS int __wrap_open(const char *path, int flags, ...)
{
	va_list list;
	int err = FAILS("open", EMFILE, ENFILE, ENOMEM, ENOENT, EACCES);
	mode_t mode;

	va_start(list, flags);
	mode = va_arg(list, mode_t);
	va_end(list);
	if (!err)
		return __real_open(path, flags, mode);
	errno = err;
	return -1;
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);

/* Another has the lock, or there is no memory for one. */
static int fcntl_fails(int command)
{
	switch (command) {
	case F_DUPFD_CLOEXEC:
		return FAILS("fcntl(F_DUPFD_CLOEXEC)", EMFILE, EINVAL);
	case F_OFD_SETLK:
		return FAILS("fcntl(F_OFD_SETLK)", EAGAIN, ENOLCK);
	case F_ADD_SEALS:
		return FAILS("fcntl(F_ADD_SEALS)", EPERM);
	case F_SETFD:
		return FAILS("fcntl(F_SETFD)", EBADF);
	default:
		return 0;
	}
}

ANY_ARGUMENTS int __wrap_fcntl(int fd, int command, ...)
{
	va_list list;
	void *arg;
	int err = fcntl_fails(command);

	va_start(list, command);
	arg = va_arg(list, void *);
	va_end(list);
	if (!err)
		return __real_fcntl(fd, command, arg);
	errno = err;
	return -1;
}

/* --- waiting --------------------------------------------------------------------- */

FAILING(int, -1, epoll_create1, (int flags), (flags), EMFILE, ENFILE, ENOMEM)
int __real_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);

/* Nothing is needed to take one out. */
int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
	const int err = op == EPOLL_CTL_DEL ? 0 : FAILS("epoll_ctl", ENOMEM, ENOSPC);

	if (!err)
		return __real_epoll_ctl(epoll, op, fd, event);
	errno = err;
	return -1;
}

FAILING(int, -1, epoll_wait, (int epoll, struct epoll_event *events, int n, int ms),
	(epoll, events, n, ms), EINTR)
FAILING(int, -1, epoll_pwait2, (int epoll, struct epoll_event *events, int n,
	const struct timespec *timeout, const sigset_t *mask),
	(epoll, events, n, timeout, mask), EINTR, ENOSYS, EPERM)
FAILING(int, -1, timerfd_create, (int clock, int flags), (clock, flags), EMFILE, ENFILE, ENOMEM)
FAILING(int, -1, timerfd_settime, (int fd, int flags, const struct itimerspec *at,
	struct itimerspec *before), (fd, flags, at, before), EINVAL)
FAILING(int, -1, poll, (struct pollfd *fds, nfds_t n, int ms), (fds, n, ms), EINTR, ENOMEM)
FAILING(int, -1, ppoll, (struct pollfd *fds, nfds_t n, const struct timespec *timeout,
	const sigset_t *mask), (fds, n, timeout, mask), EINTR, ENOMEM)
FAILING(int, -1, nanosleep, (const struct timespec *time, struct timespec *left), (time, left), EINTR)

/* --- processes and threads ----------------------------------------------------------- */

/* Where the copy of a process is. */
static void be_child(void)
{
	process = process == HERE ? IN_CHILD : IN_GRANDCHILD;
	place = process;
}

pid_t __real_fork(void);
pid_t __wrap_fork(void);

pid_t __wrap_fork(void)
{
	const int err = FAILS("fork", EAGAIN, ENOMEM);
	pid_t pid;

	if (err) {
		errno = err;
		return -1;
	}
	pid = __real_fork();
	if (!pid)
		be_child();
	return pid;
}

static int syscall_fails(long number, const long *a)
{
	switch (number) {
	case SYS_clone:
		return FAILS("clone", EAGAIN, ENOMEM);
	case SYS_pidfd_open:
		return FAILS("pidfd_open", EMFILE, ENOMEM);
	case SYS_pidfd_send_signal:
		return FAILS("pidfd_send_signal", EPERM, ESRCH);
	case SYS_futex:
		if ((a[1] & FUTEX_CMD_MASK) == FUTEX_WAIT ||
		    (a[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET)
			return FAILS("futex wait", EINTR, EAGAIN);
		return 0;
	default:
		return 0;
	}
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

ANY_ARGUMENTS long __wrap_syscall(long number, ...)
{
	va_list list;
	long a[6], ret;
	int err;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	err = syscall_fails(number, a);
	if (err) {
		errno = err;
		return -1;
	}
	ret = __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (!ret && number == SYS_clone)
		be_child();
	return ret;
}

struct thread {
	void *(*run)(void *arg);
	void *arg;
};

static void *run_thread(void *arg)
{
	const struct thread thread = *(struct thread *)arg;

	__real_free(arg);
	place = process == HERE ? IN_THREAD : process;
	return thread.run(thread.arg);
}

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg);

/* EINVAL: its stack is too small for all thread-local variables. */
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
	int err = attr ? FAILS("pthread_create", EAGAIN, EINVAL) : FAILS("pthread_create", EAGAIN);
	struct thread *other;

	if (err)
		return err;
	other = __real_malloc(sizeof(*other));
	*other = (struct thread){ run, arg };
	err = __real_pthread_create(thread, attr, run_thread, other);
	if (err)
		__real_free(other);
	return err;
}

RETURNING(err, pthread_atfork, (void (*before)(void), void (*in_parent)(void), void (*in_child)(void)),
	  (before, in_parent, in_child), ENOMEM)

FAILING(int, -1, execve, (const char *path, char *const *argv, char *const *envp),
	(path, argv, envp), ENOMEM, EACCES)
pid_t __real_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);

pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
	const int err = options & WNOHANG ? 0 : FAILS("waitpid", EINTR);

	if (!err)
		return __real_waitpid(pid, status, options);
	errno = err;
	return -1;
}

int __real_waitid(idtype_t type, id_t id, siginfo_t *info, int options);
int __wrap_waitid(idtype_t type, id_t id, siginfo_t *info, int options);

/* Who does not wait is not interrupted. */
int __wrap_waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	const int err = options & WNOHANG ? 0 : FAILS("waitid", EINTR);

	if (!err)
		return __real_waitid(type, id, info, options);
	errno = err;
	return -1;
}

FAILING(int, -1, signalfd, (int fd, const sigset_t *mask, int flags), (fd, mask, flags),
	EMFILE, ENFILE, ENOMEM)
FAILING(int, -1, socketpair, (int domain, int type, int protocol, int *fds),
	(domain, type, protocol, fds), EMFILE, ENFILE, ENOMEM)
FAILING(ssize_t, -1, send, (int fd, const void *data, size_t len, int flags),
	(fd, data, len, flags), EINTR, EPIPE)
FAILING(ssize_t, -1, recv, (int fd, void *buf, size_t len, int flags),
	(fd, buf, len, flags), ENOMEM, ECONNRESET)
FAILING(ssize_t, -1, sendmsg, (int fd, const struct msghdr *msg, int flags), (fd, msg, flags),
	ENOMEM, ETOOMANYREFS)
FAILING(ssize_t, -1, recvmsg, (int fd, struct msghdr *msg, int flags), (fd, msg, flags),
	ENOMEM, ECONNRESET)
FAILING(int, -1, getsockopt, (int fd, int level, int name, void *value, socklen_t *len),
	(fd, level, name, value, len), ENOPROTOOPT)

/* --- the rest ------------------------------------------------------------------------ */

/* Before the machine has gathered any randomness, a signal ends the wait for it. */
FAILING(ssize_t, -1, getrandom, (void *buf, size_t len, unsigned int flags), (buf, len, flags), EINTR)
/* More processors than there is room for; a filter of system calls. */
FAILING(int, -1, sched_getaffinity, (pid_t pid, size_t size, cpu_set_t *cpus), (pid, size, cpus), EINVAL)
FAILING(int, -1, getrlimit, (int which, struct rlimit *limit), (which, limit), EPERM)
FAILING(int, -1, sysinfo, (struct sysinfo *info), (info), EPERM)
