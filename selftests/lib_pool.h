/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of pyq_pool share: functions for workers, what these tell by shared
 * memory, and a fixture that looks whether anything is left of a pool.
 *
 *	PYQUEUE_TEST_NO_URING=1		io_uring is forbidden
 */
#ifndef LIB_POOL_H
#define LIB_POOL_H

#include "lib_test.h"

#include <dirent.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <semaphore.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define NOBODY 65534

#define NUMBERS 4096

/* What all processes of a test see. */
struct shared {
	sem_t begun, go;    /* a function has begun; it may go on */
	sem_t first;	    /* an initializer may go on */
	int runs;	    /* of functions, altogether */
	int initialized;    /* initializers begun */
	int bad;	    /* so many of them are to fail */
	pid_t pid;	    /* of who has run last */
	int order[NUMBERS]; /* numbers of counted(), as they came */
	int runs_of[NUMBERS];
};

static struct shared *shared;

static inline int load(const int *p)
{
	return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}

static inline int count(int *p)
{
	return __atomic_fetch_add(p, 1, __ATOMIC_SEQ_CST);
}

/* Within LONG. */
static inline bool pass(sem_t *sem)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LONG / 1000000000;
	while (sem_timedwait(sem, &until))
		if (errno != EINTR)
			return false;
	return true;
}

/* --- system calls that are not to be had ---------------------------------------------- */

/* From now on this one fails. */
static inline void forbid(int call, unsigned int err)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]),
		.filter = filter,
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		abort();
}

__attribute__((constructor)) static void forbid_uring(void)
{
	if (getenv("PYQUEUE_TEST_NO_URING"))
		forbid(SYS_io_uring_setup, EPERM);
}

/* --- what workers do ----------------------------------------------------------- */

static inline int square(struct pyq_call *call)
{
	int n = *(int *)call->arg;

	n *= n;
	return pyq_return(call, &n, sizeof(n));
}

static inline int echo(struct pyq_call *call)
{
	return pyq_return(call, call->arg, call->len);
}

static inline int nothing(struct pyq_call *call)
{
	(void)call;
	return 0;
}

/* The argument is what it returns; with a text. */
static inline int fail(struct pyq_call *call)
{
	return pyq_error(call, *(int *)call->arg, "failed by %d", *(int *)call->arg);
}

/* Says that it has begun, and waits until it may go on. */
static inline int gate(struct pyq_call *call)
{
	__atomic_store_n(&shared->pid, getpid(), __ATOMIC_SEQ_CST);
	count(&shared->runs);
	sem_post(&shared->begun);
	return pass(&shared->go) ? pyq_return(call, call->arg, call->len) : -ETIMEDOUT;
}

/* Its number is the argument. */
static inline int counted(struct pyq_call *call)
{
	const int i = *(int *)call->arg;

	shared->order[count(&shared->runs) % NUMBERS] = i;
	count(&shared->runs_of[i % NUMBERS]);
	return pyq_return(call, &i, sizeof(i));
}

static inline int my_pid(struct pyq_call *call)
{
	const pid_t pid = getpid();

	return pyq_return(call, &pid, sizeof(pid));
}

static inline int my_parent(struct pyq_call *call)
{
	const pid_t pid = getppid();

	return pyq_return(call, &pid, sizeof(pid));
}

static inline pid_t pid_of(pyq_pool *pool, pyq_function function)
{
	pid_t pid = -1;

	pyq_pool_apply(pool, &(struct pyq_task){ .function = function }, &pid, sizeof(pid));
	return pid;
}

/* --- callbacks ------------------------------------------------------------------ */

struct called {
	int done, failed, error;
	sem_t sem;
};

static inline void on_done(pyq_result *r, void *context)
{
	struct called *c = context;

	count(&c->done);
	__atomic_store_n(&c->error, (int)pyq_result_get(r, NULL, 0, PYQ_NOWAIT), __ATOMIC_SEQ_CST);
	sem_post(&c->sem);
}

static inline void on_failure(pyq_result *r, void *context)
{
	struct called *c = context;

	count(&c->failed);
	__atomic_store_n(&c->error, (int)pyq_result_get(r, NULL, 0, PYQ_NOWAIT), __ATOMIC_SEQ_CST);
	sem_post(&c->sem);
}

/* --- a pool, and what is left of it ---------------------------------------------- */

static inline int open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* Mappings that others can have as well. */
static inline int shared_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512], rights[8];
	int n = 0;

	while (maps && fgets(line, sizeof(line), maps))
		n += sscanf(line, "%*s %7s", rights) == 1 && rights[3] == 's';
	if (maps)
		fclose(maps);
	return n;
}

FIXTURE(pool)
{
	pyq_pool *pool;
	int alive[2]; /* whoever lives has its end open */
	int files, mappings;
};

FIXTURE_VARIANT(pool)
{
	unsigned int flags;
};

FIXTURE_VARIANT_ADD(pool, processes) { .flags = 0 };
FIXTURE_VARIANT_ADD(pool, threads) { .flags = PYQ_POOL_THREADS };

FIXTURE_SETUP(pool)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	ASSERT_NE(MAP_FAILED, shared);
	ASSERT_EQ(0, sem_init(&shared->begun, 1, 0));
	ASSERT_EQ(0, sem_init(&shared->go, 1, 0));
	ASSERT_EQ(0, sem_init(&shared->first, 1, 0));
	ASSERT_EQ(0, pipe2(self->alive, O_CLOEXEC));
	/* Those who are to die by a signal leave no file. */
	ASSERT_EQ(0, setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }));
	self->files = open_files();
	self->mappings = shared_mappings();
}

static inline void expect_nothing_left(struct __test_metadata *_metadata, int (*alive)[2])
{
	struct pollfd pfd = { .fd = (*alive)[0], .events = POLLIN };

	close((*alive)[1]);
	EXPECT_EQ(1, poll(&pfd, 1, LONG / 1000000)) TH_LOG("a process of the pool is left");
	EXPECT_EQ(-1, waitpid(-1, NULL, WNOHANG)) TH_LOG("and this one has it as a child");
}

FIXTURE_TEARDOWN(pool)
{
	/* Who still waits there need not. */
	for (int i = 0; i < 64; i++)
		sem_post(&shared->go);
	EXPECT_EQ(0, pyq_pool_destroy(self->pool));
	EXPECT_EQ(self->files, open_files());
	EXPECT_EQ(self->mappings, shared_mappings());
	expect_nothing_left(_metadata, &self->alive);
}

/* begin(.workers = 2): self->pool */
#define begin(...)                                                           \
	({                                                                   \
		struct pyq_pool_attr attr_ = { __VA_ARGS__ };                \
		attr_.flags |= variant->flags;                               \
		ASSERT_EQ(0, lib(pyq_pool_create(&self->pool, &attr_)));     \
		ASSERT_NE(NULL, self->pool);                                 \
	})

#define with_threads() (variant->flags & PYQ_POOL_THREADS)

#define NOT_WITH_THREADS(why)                                                \
	if (with_threads())                                                  \
	SKIP(return, why)

/* start(function, ARG(int, 7), .timeout = ...): its result */
#define start(function_, ...)                                                \
	({                                                                   \
		pyq_result *r_ = NULL;                                       \
		const struct pyq_task task_ = { .function = function_, ##__VA_ARGS__ }; \
		ASSERT_EQ(0, lib(pyq_pool_apply_async(self->pool, &task_, LONG, &r_))); \
		ASSERT_NE(NULL, r_);                                         \
		r_;                                                          \
	})

#define INT(n) PYQ_ARG(int, n)

/* What becomes of it, within LONG; and it is free. */
#define finish(r)                                                            \
	({                                                                   \
		pyq_result *result_ = (r);                                   \
		ssize_t got_ = lib(pyq_result_get(result_, NULL, 0, LONG));  \
		pyq_result_free(result_);                                    \
		got_;                                                        \
	})

/* Wait until it is so, without doing the pool's work; false if it is not within LONG. */
#define eventually(condition)                                                \
	({                                                                   \
		const int64_t until_ = lib_now_ns() + LONG;                  \
		bool so_;                                                    \
		while (!(so_ = !!(condition)) && lib_now_ns() < until_)      \
			sched_yield();                                       \
		so_;                                                         \
	})

/* Until @condition holds of the pool's counters, doing its work, within LONG. */
#define wait_stat(condition)                                                 \
	({                                                                   \
		const int64_t until_ = lib_now_ns() + LONG;                  \
		struct pyq_pool_stat st = { 0 };                             \
		do {                                                         \
			pyq_pool_process(self->pool);                        \
			ASSERT_EQ(0, lib(pyq_pool_stat(self->pool, &st)));   \
			sched_yield();                                       \
		} while (!(condition) && lib_now_ns() < until_);             \
		EXPECT_TRUE(condition) TH_LOG("%s", #condition);             \
		st;                                                          \
	})

/* The system call that a thread of this process is in, or -1. */
static inline long is_in(pid_t tid)
{
	char path[64];
	long nr = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	f = fopen(path, "r");
	if (f && fscanf(f, "%ld", &nr) != 1)
		nr = -1;
	if (f)
		fclose(f);
	return nr;
}

#endif
