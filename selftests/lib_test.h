/* SPDX-License-Identifier: GPL-2.0 */
/* What the selftests of the library share. */
#ifndef LIB_TEST_H
#define LIB_TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <pyqueue.h>

#include "backend.h"
#include "kselftest_harness.h"
#include "slow.h"

/* What hangs is noticed by a deadline; this is for machines with other things to do. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT (120 * PYQUEUE_SLOW)

/* No system call sets errno to this. */
#define UNTOUCHED 4711

/* The value of a call to the library, which must not have touched errno. */
#define lib(call)                                                            \
	({                                                                   \
		errno = UNTOUCHED;                                           \
		__auto_type ret_ = (call);                                   \
		int errno_ = errno;                                          \
		EXPECT_EQ(UNTOUCHED, errno_) TH_LOG("%s", #call);                \
		ret_;                                                        \
	})

/* Or about those of the module that nobody can map (sealed.sh)? */
static inline bool is_sealed(void)
{
	return getenv("PYQUEUE_TEST_SEALED") && !on_shm();
}

/* Does this handle have the queue mapped? */
static inline bool is_mapped(pyq_queue *q)
{
	struct pyq_stat st;

	return !pyq_stat(q, &st) && st.mapped;
}

/* new_queue(.maxsize = 3) */
#define new_queue(...)                                                       \
	({                                                                   \
		struct pyq_attr attr_ = { __VA_ARGS__ };                     \
		pyq_queue *q_ = NULL;                                        \
		attr_.flags |= is_sealed() ? PYQ_SEALED : 0;                 \
		ASSERT_EQ(0, lib(pyq_create(&q_, &attr_)));                  \
		ASSERT_NE(NULL, q_);                                         \
		/* A mode that lets others in seals by itself. */            \
		EXPECT_TRUE(attr_.name || is_mapped(q_) == !is_sealed() ||   \
			    attr_.flags & PYQ_SEALED);                       \
		q_;                                                          \
	})

static inline int64_t lib_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* Far beyond what a working system needs. */
#define LONG PYQ_SECONDS(20)

/*
 * Wait until so many sleep in the queue: only its own count tells a sleeper
 * from one that is about to be.
 */
#define lib_wait_sleepers(q, member, n)                                          \
	({                                                                   \
		int64_t until_ = lib_now_ns() + LONG;                            \
		struct pyq_stat st_ = { 0 };                                 \
		while (!pyq_stat(q, &st_) && st_.member != (n) &&            \
		       lib_now_ns() < until_)                                    \
			sched_yield();                                       \
		EXPECT_EQ((n), st_.member);                                  \
		st_.member == (n);                                           \
	})

/* A child that runs one expression and exits with it (0 to 255). */
#define in_child(expression)                                                 \
	({                                                                   \
		pid_t pid_ = fork();                                         \
		if (!pid_)                                                   \
			_exit(expression);                                   \
		ASSERT_LT(0, pid_);                                          \
		pid_;                                                        \
	})

static inline int exit_status(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#endif
