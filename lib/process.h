/* SPDX-License-Identifier: MIT */
/* What the files of pyq_process share. */
#ifndef PYQI_PROCESS_H
#define PYQI_PROCESS_H

#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "priv.h"

#include <pyqueue/process.h>

/* Of older headers; the numbers are the same everywhere. */
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif
#define PYQI_P_PIDFD ((idtype_t)3)

/* pyq_process_private.state */
enum {
	PYQI_NEW,
	PYQI_STARTING,
	PYQI_RUNNING, /* or ended, and nobody has looked */
	PYQI_ENDED,
	PYQI_LOST, /* ended, and somebody else has waited for it */
};

/**
 * pyqi_process_fork() - start @target or @run
 * @p: the process, PYQI_STARTING
 * @cancel: the caller's cancel state, for the child
 *
 * Return: 0, its pidfd and pid are there; or an error, and there is no child.
 */
int pyqi_process_fork(struct pyq_process *p, int cancel);

/* In the environment: the number of a worker program's socket to its pool (pool_exec.h). */
#define PYQI_POOL_VARIABLE "PYQUEUE_POOL"

/**
 * pyqi_process_exec() - start another program
 * @p: the process, PYQI_STARTING
 * @pool: that socket, which it gets; or -1
 *
 * Return: as pyqi_process_fork().
 */
int pyqi_process_exec(struct pyq_process *p, int pool);

/* In a child: run it, and end. */
__attribute__((noreturn)) void pyqi_process_run(struct pyq_process *p, int cancel);

/**
 * pyqi_process_shared() - a word that a child shares with its parent
 *
 * Return: that, 0; or NULL: no memory.
 */
uint32_t *pyqi_process_shared(void);
void pyqi_process_unshare(uint32_t *word);

/* In a child: has its parent ended? Who is in a PID namespace of its own never knows. */
bool pyqi_process_orphan(pid_t parent);

/* In a child: end with the parent, or at once if that has ended. */
void pyqi_process_end_with(pid_t parent);

/**
 * pyqi_process_environment() - with the queues in it
 * @p: the process
 * @pool: the number of its socket, or -1
 * @environment: out: a new one, for free()
 *
 * Return: 0; -EINVAL a name is bad; -ENOMEM; or an error of pyq_stat().
 */
int pyqi_process_environment(const struct pyq_process *p, int pool, char ***environment);

/**
 * pyqi_process_paths() - where a program may be
 * @file: its name, as execvp() takes it
 * @paths: out: all there are, in order, NULL behind them; for free()
 *
 * Return: 0 or -ENOMEM.
 */
int pyqi_process_paths(const char *file, char ***paths);

#endif
