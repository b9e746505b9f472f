/* SPDX-License-Identifier: GPL-2.0 */
/* What the selftests of processes share. */
#ifndef SELFTESTS_LIB_PROCESS_H
#define SELFTESTS_LIB_PROCESS_H

#include "lib_test.h"

#include <sys/mman.h>

#define NOBODY 65534

/* What no process of the test has: sanitizers take memory of their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* --- what children do */

static inline int return_it(void *arg)
{
	return (int)(intptr_t)arg;
}

/* The exit code is the byte that comes; 100 if none does. */
static inline int return_byte(void *q)
{
	unsigned char c;

	return pyq_get(q, &c, 1, LONG) == 1 ? c : 100;
}

static inline int release(pyq_queue *q, unsigned char code)
{
	return pyq_put(q, &code, 1, PYQ_NOWAIT);
}

static inline int count_up(void *word)
{
	return __atomic_add_fetch((int *)word, 1, __ATOMIC_SEQ_CST);
}

static inline void *shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static inline void do_nothing(int sig)
{
}

/*
 * This program again: a constructor sees the variable, does that instead of the tests,
 * and ends.
 */
#define PARTNER "LIB_PROCESS_PARTNER="
#define AGAIN ((const char *const[]){ "/proc/self/exe", NULL })
#define AS_PARTNER(what) .argv = AGAIN, .envp = (const char *const[]){ PARTNER what, NULL }

/* --- what tests do */

static inline int exitcode(struct pyq_process *p)
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

static inline bool no_child_is_left(void)
{
	return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD;
}

#endif
