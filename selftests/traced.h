/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A child that can be stopped, and killed, at each of its instructions.
 *
 * What it is to run should have been run once before the fork: the dynamic linker's
 * work is instructions too.
 */
#ifndef TRACED_H
#define TRACED_H

#include "threads.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>

/* Make one; it stands before @expression, and behind it, and exits with its value. */
#define traced_child(expression)                                             \
	({                                                                   \
		pid_t traced_ = in_child(({                                  \
			int value_;                                          \
									     \
			ptrace(PTRACE_TRACEME, 0, 0, 0);                     \
			raise(SIGSTOP);                                      \
			value_ = expression;                                 \
			raise(SIGSTOP);                                      \
			value_;                                              \
		}));                                                         \
		ASSERT_TRUE(stops(traced_));                                 \
		ASSERT_EQ(0, ptrace(PTRACE_SETOPTIONS, traced_, 0,           \
				    PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)); \
		traced_;                                                     \
	})

/* Wait until it stands still again. Return: false it has ended, or does not do so. */
static inline bool stops(pid_t pid)
{
	int status = 0;

	return eventually(waitpid(pid, &status, WNOHANG)) && WIFSTOPPED(status);
}

/* On to where it stops by itself. Return: as stops(). */
static inline bool goes(pid_t pid)
{
	return !ptrace(PTRACE_CONT, pid, 0, 0) && stops(pid);
}

/* One instruction. Return: false it has come to the end, or sleeps in it. */
static inline bool step(pid_t pid)
{
	int status = 0;

	if (ptrace(PTRACE_SINGLESTEP, pid, 0, 0))
		return false;
	for (int n = 1; !waitpid(pid, &status, WNOHANG); n++) {
		if (n % 64 == 0 && asleep(pid))
			return false;
		sched_yield();
	}
	return WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP;
}

/* So many. Return: whether all have been made. */
static inline bool steps(pid_t pid, int n)
{
	while (n && step(pid))
		n--;
	return !n;
}

/* Until it is about to make this system call. */
static inline bool goes_to_call(pid_t pid, uint64_t nr)
{
	struct __ptrace_syscall_info info;

	do {
		if (ptrace(PTRACE_SYSCALL, pid, 0, 0) || !stops(pid) ||
		    ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) < 0)
			return false;
	} while (info.op != PTRACE_SYSCALL_INFO_ENTRY || info.entry.nr != nr);
	return true;
}

/* Until it sleeps on a futex, from where it will not get further than out of that call. */
static inline bool goes_to_sleep(pid_t pid)
{
	return goes_to_call(pid, SYS_futex) && !ptrace(PTRACE_SYSCALL, pid, 0, 0) &&
	       eventually(asleep(pid));
}

#endif
