/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the pyqueue selftests share: one thin wrapper an ioctl, so that a case
 * reads as a table, and ways to wait for another process without sleeping.
 *
 * Wrappers return what the ioctl returned, or -errno.
 */
#ifndef PYQUEUE_TEST_H
#define PYQUEUE_TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <linux/pyqueue.h>

#include "kselftest_harness.h"
#include "slow.h"

/*
 * More than PATIENCE, so that a test which waits in vain can say for what; and long, for a
 * guest can be left without a processor for half a minute.
 */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT (100 * PYQUEUE_SLOW)

#define MSEC 1000000ULL
#define SEC (1000 * MSEC)

static inline int dev_open(void)
{
	int fd = open("/dev/pyqueue", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static inline long pq_ioctl(int fd, unsigned long cmd, void *arg)
{
	long ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret;
}

/* pq_create(dev, .maxsize = 3) */
#define pq_create(dev, ...)                                                  \
	pq_ioctl(dev, PYQUEUE_IOC_CREATE, &(struct pyqueue_create){          \
		.size = sizeof(struct pyqueue_create),                       \
		.uid = PYQUEUE_ID_CALLER, .gid = PYQUEUE_ID_CALLER,          \
		__VA_ARGS__ })

/* pq_create_named(dev, "name", .maxsize = 3) */
#define pq_create_named(dev, text, ...)                                      \
	pq_create(dev, .name = (uintptr_t)(text), .name_len = strlen(text),  \
		  .mode = 0600, __VA_ARGS__)

static inline int pq_open(int dev, const char *name, unsigned int flags)
{
	struct pyqueue_open a = { .size = sizeof(a), .flags = flags,
		.name = (uintptr_t)name, .name_len = strlen(name) };

	return pq_ioctl(dev, PYQUEUE_IOC_OPEN, &a);
}

static inline int pq_unlink(int dev, const char *name)
{
	struct pyqueue_unlink a = { .size = sizeof(a),
		.name = (uintptr_t)name, .name_len = strlen(name) };

	return pq_ioctl(dev, PYQUEUE_IOC_UNLINK, &a);
}

static inline int pq_put(int q, const void *buf, size_t len, uint64_t deadline)
{
	struct pyqueue_put a = { .size = sizeof(a), .deadline_ns = deadline,
		.buf = (uintptr_t)buf, .len = len };

	return pq_ioctl(q, PYQUEUE_IOC_PUT, &a);
}

/* The whole structure comes back through @out, which may be NULL. */
static inline int pq_get_full(int q, void *buf, size_t room, uint64_t deadline,
			      struct pyqueue_get *out)
{
	struct pyqueue_get a = { .size = sizeof(a), .deadline_ns = deadline,
		.buf = (uintptr_t)buf, .len = room };
	int ret = pq_ioctl(q, PYQUEUE_IOC_GET, &a);

	if (out)
		*out = a;
	return ret;
}

static inline int pq_get(int q, void *buf, size_t room, uint64_t deadline)
{
	return pq_get_full(q, buf, room, deadline, NULL);
}

static inline int pq_many(int q, unsigned long cmd, struct pyqueue_msg *msgs,
			  unsigned int count, uint64_t deadline)
{
	struct pyqueue_many a = { .size = sizeof(a), .deadline_ns = deadline,
		.msgs = (uintptr_t)msgs, .count = count };

	return pq_ioctl(q, cmd, &a);
}

static inline int pq_put_many(int q, struct pyqueue_msg *msgs, unsigned int n, uint64_t deadline)
{
	return pq_many(q, PYQUEUE_IOC_PUT_MANY, msgs, n, deadline);
}

static inline int pq_get_many(int q, struct pyqueue_msg *msgs, unsigned int n, uint64_t deadline)
{
	return pq_many(q, PYQUEUE_IOC_GET_MANY, msgs, n, deadline);
}

static inline int pq_qsize(int q)
{
	return pq_ioctl(q, PYQUEUE_IOC_QSIZE, NULL);
}

static inline int pq_task_done(int q, unsigned int count)
{
	struct pyqueue_task_done a = { .size = sizeof(a), .count = count };

	return pq_ioctl(q, PYQUEUE_IOC_TASK_DONE, &a);
}

static inline int pq_join(int q, uint64_t deadline)
{
	struct pyqueue_join a = { .size = sizeof(a), .deadline_ns = deadline };

	return pq_ioctl(q, PYQUEUE_IOC_JOIN, &a);
}

static inline int pq_shutdown(int q, unsigned int flags)
{
	struct pyqueue_shutdown a = { .size = sizeof(a), .flags = flags };

	return pq_ioctl(q, PYQUEUE_IOC_SHUTDOWN, &a);
}

static inline struct pyqueue_stat pq_stat(int q)
{
	struct pyqueue_stat st = { .size = sizeof(st) };

	if (ioctl(q, PYQUEUE_IOC_STAT, &st))
		abort();
	return st;
}

static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SEC + ts.tv_nsec;
}

static inline uint64_t in_ns(uint64_t ns)
{
	return now_ns() + ns;
}

/* Far beyond what a working system needs to come to a condition. */
#define PATIENCE (60 * SEC * PYQUEUE_SLOW)

/*
 * A deadline that nobody meets: the harness ends the test before. So a wake-up
 * that is lost cannot be made good by a time that is over.
 */
#define SOON in_ns(2 * TEST_TIMEOUT_DEFAULT * SEC)

/* Between two looks at a condition: a CPU for those who make it come true. */
static inline void let_others_run(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
}

/*
 * Wait until the queue says that so many sleep in it. The module's own count
 * is the only thing that tells a sleeper from one that is about to be.
 */
#define wait_sleepers(q, member, n)                                          \
	({                                                                   \
		uint64_t until_ = in_ns(PATIENCE);                                      \
		bool so_;                                                    \
		while (!(so_ = pq_stat(q).member == (n)) &&                  \
		       now_ns() < until_)                                    \
			let_others_run();                                    \
		so_;                                                         \
	})

/* --- other processes ------------------------------------------------------ */

/* fork() whose child does not outlive its parent, however that ends. */
static inline pid_t spawn(void)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

/* How a child hands what a wrapper returned to reap(). */
static inline void leave(long ret)
{
	_exit(ret < 0 ? -ret : 0);
}

/* A process that evaluates an expression and is gone: pid = child(pq_put(..)) */
#define child(...)                                                           \
	({                                                                   \
		pid_t pid_ = spawn();                                        \
		if (pid_ == 0)                                               \
			leave(__VA_ARGS__);                                  \
		pid_;                                                        \
	})

#define KILLED_BY(sig) (-1000 - (sig))

/* The first line of /proc/PID/@file, or what there is of it. */
static inline void proc_line(pid_t pid, const char *file, char *line, size_t size)
{
	char path[64];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? 0 : read(fd, line, size - 1);
	line[len < 0 ? 0 : len] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
}

/* The harness's timeout says only that there was one. */
static inline void say_where(pid_t pid)
{
	char stat[256], syscall[256], wchan[64];

	proc_line(pid, "stat", stat, sizeof(stat));
	proc_line(pid, "syscall", syscall, sizeof(syscall));
	proc_line(pid, "wchan", wchan, sizeof(wchan));
	fprintf(stderr, "# still waited for: wchan %s; syscall %s; stat %s\n", wchan, syscall,
		stat);
}

/* Wait for a child: 0 or the -errno it left with, or KILLED_BY(signal). */
static inline int reap(pid_t pid)
{
	struct pollfd ends = { .fd = syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	const uint64_t late = in_ns(PATIENCE);
	uint64_t now;
	int status;

	/* Without a pidfd nothing is said. */
	while (ends.fd >= 0) {
		now = now_ns();
		status = poll(&ends, 1, now < late ? (late - now) / MSEC : 0);
		if (status < 0 && errno == EINTR)
			continue;
		if (!status)
			say_where(pid);
		close(ends.fd);
		break;
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFSIGNALED(status) ? KILLED_BY(WTERMSIG(status)) : -WEXITSTATUS(status);
}

/*
 * Wait until a condition holds; false if it does not soon. It is enough that it
 * held once: asked again, it may hold no longer.
 */
#define eventually(condition)                                                \
	({                                                                   \
		uint64_t until_ = in_ns(PATIENCE);                                      \
		bool so_;                                                    \
		while (!(so_ = !!(condition)) && now_ns() < until_)          \
			let_others_run();                                    \
		so_;                                                         \
	})

/* --- asleep ----------------------------------------------------------------- */

/*
 * Is the kernel's function in which thread @pid sleeps one whose name begins so?
 * One that is being woken sleeps nowhere, though its state (and its "syscall" in
 * /proc) still says so for a while.
 */
static inline bool asleep_at(pid_t pid, const char *begin)
{
	char where[64];

	proc_line(pid, "wchan", where, sizeof(where));
	return where[0] && where[0] != '0' && !strncmp(where, begin, strlen(begin));
}

/* What the compiler has put into do_sys_poll() or not. */
static inline bool asleep_in_poll(pid_t pid)
{
	return asleep_at(pid, "do_sys_poll") || asleep_at(pid, "poll_schedule_timeout");
}

static inline bool off_cpu(pid_t pid)
{
	return asleep_at(pid, "");
}

/*
 * Wait until @pid is the @n-th who waits, and asleep. Who is only counted may still
 * see a message himself, though others were there before.
 */
#define wait_asleep(q, member, n, pid) (wait_sleepers(q, member, n) && eventually(off_cpu(pid)))

/* --- messages that do not matter ------------------------------------------ */

#define UP_TO 32

/* How many of @n went in at once, or -errno. */
static inline int put_up_to(int q, int n)
{
	struct pyqueue_msg msgs[UP_TO];

	for (int i = 0; i < n; i++)
		msgs[i] = (struct pyqueue_msg){ .buf = (uintptr_t)"1", .len = 1 };
	return pq_put_many(q, msgs, n, PYQUEUE_NOWAIT);
}

/* How many of @n came out at once, or -errno. */
static inline int get_up_to(int q, int n)
{
	struct pyqueue_msg msgs[UP_TO];
	char bytes[UP_TO];

	for (int i = 0; i < n; i++)
		msgs[i] = (struct pyqueue_msg){ .buf = (uintptr_t)&bytes[i], .len = 1 };
	return pq_get_many(q, msgs, n, PYQUEUE_NOWAIT);
}

/* --- seen by all threads and, in shared memory, by all processes ---------- */

#define load(p) __atomic_load_n(p, __ATOMIC_SEQ_CST)
#define store(p, value) __atomic_store_n(p, value, __ATOMIC_SEQ_CST)
#define count(p) __atomic_add_fetch(p, 1, __ATOMIC_SEQ_CST)

/* --- memory --------------------------------------------------------------- */

/* Zeros, seen by all children. */
static inline void *shared_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/*
 * The end of @size bytes that can be accessed; who goes on from there faults.
 */
static inline char *memory_edge(size_t size)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *p;

	size = (size + page - 1) / page * page;
	p = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED || mprotect(p + size, page, PROT_NONE))
		abort();
	return p + size;
}

/* Bytes that depend on their place and on @seed. */
static inline unsigned char pattern_byte(size_t i, uint32_t seed)
{
	return (i + (i >> 8) + (i >> 16)) * 7 + seed * 31 + 1;
}

static inline void *fill_pattern(void *buf, size_t len, uint32_t seed)
{
	unsigned char *p = buf;

	for (size_t i = 0; i < len; i++)
		p[i] = pattern_byte(i, seed);
	return buf;
}

static inline bool has_pattern(const void *buf, size_t len, uint32_t seed)
{
	const unsigned char *p = buf;

	for (size_t i = 0; i < len; i++)
		if (p[i] != pattern_byte(i, seed))
			return false;
	return true;
}

/* --- the system ----------------------------------------------------------- */

static inline struct pyqueue_info pq_info(int dev)
{
	struct pyqueue_info info = { .size = sizeof(info) };

	if (ioctl(dev, PYQUEUE_IOC_INFO, &info))
		abort();
	return info;
}

/* The number of a file descriptor that would be given out next. */
static inline int next_fd(void)
{
	int fd = fcntl(0, F_DUPFD, 0);

	if (fd >= 0)
		close(fd);
	return fd;
}

/* A module parameter; sets it if @value is not NULL. False if there is none. */
static inline bool module_parameter(const char *name, unsigned long long *old,
				    const unsigned long long *value)
{
	char path[128];
	FILE *f;
	bool ok;

	snprintf(path, sizeof(path), "/sys/module/pyqueue/parameters/%s", name);
	f = fopen(path, value ? "r+" : "r");
	if (!f)
		return false;
	ok = fscanf(f, "%llu", old) == 1;
	if (ok && value) {
		rewind(f);
		ok = fprintf(f, "%llu\n", *value) > 0;
	}
	return !fclose(f) && ok;
}

#endif
