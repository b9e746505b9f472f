// SPDX-License-Identifier: MIT
/*
 * A process that is a copy of this one.
 *
 * A gate holds the child until its parent has a pidfd for it. The number is the child's
 * that long, also if the program ignores SIGCHLD or waits for all its children: nobody
 * can take the pidfd of another process. And a child that cannot have one has run nothing.
 */
#include <stdio.h>
#include <stdio_ext.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "descriptor.h"
#include "process.h"

enum {
	CLOSED,
	OPEN,
	NEVER,
};

static void set(uint32_t *gate, uint32_t word)
{
	__atomic_store_n(gate, word, __ATOMIC_RELEASE);
	syscall(SYS_futex, gate, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/*
 * The parent does two system calls in the meantime. A look at it now and then is for
 * one that is killed between the two, of which nothing else would tell: its end of a
 * pipe may be open in other children as well.
 */
static uint32_t wait_for(uint32_t *gate, pid_t parent)
{
	static const struct timespec a_while = { .tv_nsec = 100000000 };
	uint32_t word;

	while ((word = __atomic_load_n(gate, __ATOMIC_ACQUIRE)) == CLOSED) {
		/* What the parent has done it has done before it ended. */
		if (pyqi_process_orphan(parent))
			return __atomic_load_n(gate, __ATOMIC_ACQUIRE) == OPEN ? OPEN : NEVER;
		syscall(SYS_futex, gate, FUTEX_WAIT, CLOSED, &a_while, NULL, 0);
	}
	return word;
}

__attribute__((noreturn)) static void child(struct pyq_process *p, uint32_t *gate, pid_t parent,
					    int cancel)
{
	uint32_t word;

	if (p->daemon)
		pyqi_process_end_with(parent);
	word = wait_for(gate, parent);
	pyqi_process_unshare(gate);
	if (word != OPEN)
		_exit(0);
	/* What other threads have printed since the two were flushed: the parent's. */
	__fpurge(stdout);
	__fpurge(stderr);
	pyqi_process_run(p, cancel);
}

/* In the parent. The number cannot be another's: the child waits. */
static int know(struct pyq_process *p, pid_t pid, uint32_t *gate)
{
	const int pidfd = pyqi_opened((int)syscall(SYS_pidfd_open, pid, 0));

	if (pidfd < 0) {
		set(gate, NEVER);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		return pidfd;
	}
	p->priv.pidfd = pidfd;
	__atomic_store_n(&p->priv.pid, pid, __ATOMIC_RELAXED);
	set(gate, OPEN);
	return 0;
}

int pyqi_process_fork(struct pyq_process *p, int cancel)
{
	const pid_t parent = getpid();
	uint32_t *gate = pyqi_process_shared();
	pid_t pid;
	int err;

	if (!gate)
		return -ENOMEM;
	pid = fork();
	if (!pid)
		child(p, gate, parent, cancel);
	err = pid < 0 ? -errno : know(p, pid, gate);
	pyqi_process_unshare(gate);
	return err;
}
