// SPDX-License-Identifier: MIT
/*
 * A process that is another program.
 *
 * CLONE_VFORK: the thread that starts it goes on when the child executes the program or
 * has ended; CLONE_PIDFD: it has its pidfd from the beginning. Without CLONE_VM the child
 * has memory of its own, but for the word in which it leaves why it could not execute:
 * that is no pipe, whose other end a child that another thread forks at the same time
 * would keep open, and the start wait for that one's end.
 */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "descriptor.h"
#include "process.h"

/**
 * struct launch - all that the child needs
 * @p: the process
 * @pool: a socket that it gets, or -1
 * @paths: where the program may be
 * @envp: its environment
 * @parent: who waits for it
 * @mask: its signal mask; all are blocked until then
 * @caught: signals that the program has handlers for, which are not to run in the child
 * @why: shared: why it could not execute
 */
struct launch {
	const struct pyq_process *p;
	int pool;
	char **paths;
	char **envp;
	pid_t parent;
	sigset_t mask;
	sigset_t caught;
	uint32_t *why;
};

/* --- the child: system calls, and nothing else */

/* Zeros are SIG_DFL in what the kernel takes for a struct sigaction, everywhere. */
static void forget_handlers(const sigset_t *caught)
{
	const struct sigaction zeros = { .sa_flags = 0 };

	for (int sig = 1; sig < _NSIG; sig++) {
		if (sigismember(caught, sig) == 1)
			syscall(SYS_rt_sigaction, sig, &zeros, NULL, _NSIG / 8);
	}
}

static int inherit(const struct pyq_process *p, int pool)
{
	if (pool >= 0 && fcntl(pool, F_SETFD, 0))
		return errno;
	for (size_t i = 0; i < p->nr_queues; i++) {
		if (fcntl(pyq_fd(p->queues[i].q), F_SETFD, 0))
			return errno;
	}
	return 0;
}

/* Is none there, or can that directory not be had? */
static bool may_be_elsewhere(int why)
{
	return why == ENOENT || why == ENOTDIR || why == ESTALE || why == ENODEV ||
	       why == ETIMEDOUT;
}

/* As execvp(): one that may not be executed does not hide another behind it. */
static int try_each(const struct launch *launch)
{
	int why = ENOENT;

	for (char **path = launch->paths; *path; path++) {
		execve(*path, (char *const *)launch->p->argv, launch->envp);
		if (errno == EACCES)
			why = EACCES;
		else if (!may_be_elsewhere(errno))
			return errno;
		else if (!launch->paths[1])
			why = errno;
	}
	return why;
}

__attribute__((noreturn)) static void child(const struct launch *launch)
{
	int why;

	if (launch->p->daemon)
		pyqi_process_end_with(launch->parent);
	forget_handlers(&launch->caught);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &launch->mask, NULL, _NSIG / 8);
	why = inherit(launch->p, launch->pool);
	if (!why)
		why = try_each(launch);
	__atomic_store_n(launch->why, (uint32_t)why, __ATOMIC_RELEASE);
	_exit(127);
}

/* --- the parent */

static void find_handlers(sigset_t *caught)
{
	struct sigaction action;

	sigemptyset(caught);
	for (int sig = 1; sig < _NSIG; sig++) {
		if (!sigaction(sig, NULL, &action) && action.sa_handler != SIG_DFL &&
		    action.sa_handler != SIG_IGN)
			sigaddset(caught, sig);
	}
}

static pid_t clone_and_wait(int *pidfd)
{
	const unsigned long flags = CLONE_VFORK | CLONE_PIDFD | SIGCHLD;

#ifdef __s390__
	return (pid_t)syscall(SYS_clone, NULL, flags, pidfd, NULL, NULL);
#else
	return (pid_t)syscall(SYS_clone, flags, NULL, pidfd, NULL, NULL);
#endif
}

/* The child has ended, or is about to. */
static void reap(int pidfd)
{
	siginfo_t info;

	while (waitid(PYQI_P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINTR)
		;
}

/* @reserved is to be the pidfd, whatever number the kernel has given that. */
static int launch_at(struct pyq_process *p, struct launch *launch, int reserved)
{
	sigset_t all;
	int pidfd = -1, err;
	pid_t pid;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &launch->mask);
	pid = clone_and_wait(&pidfd);
	if (!pid)
		child(launch);
	err = pid < 0 ? -errno : -(int)__atomic_load_n(launch->why, __ATOMIC_ACQUIRE);
	pthread_sigmask(SIG_SETMASK, &launch->mask, NULL);
	if (pid < 0)
		return err;
	if (err) {
		reap(pidfd);
		close(pidfd);
		return err;
	}
	p->priv.pidfd = reserved;
	if (dup3(pidfd, reserved, O_CLOEXEC) >= 0) {
		close(pidfd);
	} else {
		/* Somebody has lowered the limit on files; the program is running by now. */
		p->priv.pidfd = pidfd;
		close(reserved);
	}
	__atomic_store_n(&p->priv.pid, pid, __ATOMIC_RELAXED);
	return 0;
}

static int launch_prepared(struct pyq_process *p, struct launch *launch)
{
	int reserved, err;

	launch->why = pyqi_process_shared();
	if (!launch->why)
		return -ENOMEM;
	find_handlers(&launch->caught);
	reserved = pyqi_opened(eventfd(0, EFD_CLOEXEC));
	err = reserved < 0 ? reserved : launch_at(p, launch, reserved);
	if (err && reserved >= 0)
		close(reserved);
	pyqi_process_unshare(launch->why);
	return err;
}

int pyqi_process_exec(struct pyq_process *p, int pool)
{
	struct launch launch = { .p = p, .pool = pool, .parent = getpid() };
	int err = pyqi_process_environment(p, pool, &launch.envp);

	if (!err)
		err = pyqi_process_paths(p->argv[0], &launch.paths);
	if (!err)
		err = launch_prepared(p, &launch);
	free(launch.paths);
	free(launch.envp);
	return err;
}

/* --- before */

int pyqi_process_paths(const char *file, char ***paths)
{
	const char *path = strchr(file, '/') || !*file ? "" : getenv("PATH");
	const size_t len = strlen(file);
	size_t n = 1;
	char *text;

	if (!path)
		path = "/bin:/usr/bin";
	for (const char *colon = path; (colon = strchr(colon, ':')); colon++)
		n++;
	*paths = malloc((n + 1) * sizeof(**paths) + strlen(path) + n * (len + 2));
	if (!*paths)
		return -ENOMEM;
	text = (char *)(*paths + n + 1);
	for (size_t i = 0; i < n; i++) {
		const size_t dir = strcspn(path, ":");

		(*paths)[i] = text;
		text = mempcpy(text, path, dir);
		if (dir) /* none is here */
			*text++ = '/';
		text = mempcpy(text, file, len + 1);
		path += dir + 1;
	}
	(*paths)[n] = NULL;
	return 0;
}
