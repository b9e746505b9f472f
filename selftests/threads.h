/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests of locks and threads share. */
#ifndef THREADS_H
#define THREADS_H

#include "lib_test.h"

#define load(p) __atomic_load_n(p, __ATOMIC_SEQ_CST)
#define store(p, value) __atomic_store_n(p, value, __ATOMIC_SEQ_CST)
#define count(p) __atomic_add_fetch(p, 1, __ATOMIC_SEQ_CST)

/* Wait until it is so; false if it is not soon. */
#define eventually(condition)                                                \
	({                                                                   \
		int64_t until_ = lib_now_ns() + LONG;                        \
		bool so_;                                                    \
		while (!(so_ = !!(condition)) && lib_now_ns() < until_)      \
			nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL); \
		so_;                                                         \
	})

/* Is this thread, or process, asleep on a futex? */
static inline bool asleep(int tid)
{
	char path[64], where[64] = "";
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/wchan", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, where, sizeof(where) - 1);
	close(fd);
	return len > 0 && !strncmp(where, "futex", 5);
}

/* A thread of @function, started. */
#define new_thread(function, argument)                                       \
	({                                                                   \
		pyq_thread *t_ = calloc(1, sizeof(*t_));                     \
		t_->target = function;                                       \
		t_->arg = argument;                                          \
		ASSERT_EQ(0, lib(pyq_thread_start(t_)));                     \
		t_;                                                          \
	})

/* What it has returned. */
static inline int result(pyq_thread *thread)
{
	int code = -4711;

	if (pyq_thread_join(thread, LONG) || pyq_thread_exitcode(thread, &code))
		return -4711;
	free(thread);
	return code;
}

/* Kill a child and wait for its end. Return: whether that was it. */
static inline bool killed(pid_t pid)
{
	return !kill(pid, SIGKILL) && exit_status(pid) == 128 + SIGKILL;
}

/* So long the test may well wait. */
#define SHORT PYQ_MILLISECONDS(20)

/* A call that waits in vain for SHORT, and neither ends early nor touches errno. */
#define in_vain(error, call)                                                 \
	({                                                                   \
		int64_t begun_ = lib_now_ns();                               \
		EXPECT_EQ(error, lib(call)) TH_LOG("%s", #call);             \
		EXPECT_LE(begun_ + SHORT, lib_now_ns()) TH_LOG("%s ended early", #call); \
	})

static inline void on_signal(int sig)
{
	(void)sig;
}

/* From now on until the end of the case: a signal every millisecond. */
static inline void signals_rain(void)
{
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } };

	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

#define signals_end() setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL)

#endif
