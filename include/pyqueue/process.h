/* SPDX-License-Identifier: MIT */
/*
 * pyq_process: another process, as Python's multiprocessing.Process.
 *
 *	static int square(void *arg)
 *	{
 *		return *(int *)arg * *(int *)arg;
 *	}
 *
 *	struct pyq_process p = { .target = square, .arg = &three };
 *	int code;
 *
 *	err = pyq_process_start(&p);
 *	err = pyq_process_join(&p, PYQ_FOREVER);
 *	err = pyq_process_exitcode(&p, &code);		(9)
 *	err = pyq_process_close(&p);
 *
 * The child is a copy of this process, made by fork(): queues, and all the memory that
 * @arg points to, are there; or, with @argv, another program. Its signal mask, its
 * signal handlers (but of another program) and its files are this process's. What Python
 * does in a subclass is a structure that begins with a struct pyq_process, has fields of
 * its own behind it, and @run instead of @target.
 *
 * Nothing is done to the host program: there is no handler for SIGCHLD, no thread and no
 * polling, and only children started here are waited for, each by itself (a pidfd). The
 * host gets a SIGCHLD for them as for every child. If it waits for all children itself
 * (waitpid(-1)), or ignores SIGCHLD, how they ended may be lost to it: then they have
 * ended all the same, and only the exit code is unknown.
 *
 * A child that is not a daemon goes on when its parent ends; nothing joins it then, which
 * Python does at the end of a program. Needs Linux 5.4.
 *
 * All functions may be called by any number of threads at once; pyq_process_close() must
 * be the last of them. Of processes that its parent has started a forked child has the
 * structures, and their pidfds open (until it ends or executes another program), but they
 * are not its children and cannot be waited for.
 */
#ifndef PYQUEUE_PROCESS_H
#define PYQUEUE_PROCESS_H

#include <pyqueue/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct pyq_process_queue - a queue for another program
 * @name: what pyq_process_queue() finds it by there: letters, digits, '_', '.' and '-'
 * @q: the queue
 */
struct pyq_process_queue {
	const char *name;
	pyq_queue *q;
};

/**
 * struct pyq_process_private - the library's
 * @state: zeros: not started
 * @pidfd: the child's
 * @pid: its number
 * @code: how it has ended
 * @generation: which process started it
 * @text: its name if the caller has none
 * @reserved: zeros
 */
struct pyq_process_private {
	uint32_t state;
	int32_t pidfd;
	int32_t pid;
	int32_t code;
	uint64_t generation;
	char text[64];
	uint64_t reserved[4];
};

/**
 * struct pyq_process - a process
 * @name: for people; NULL: "Process-N", the N-th of this process ("Process-N:M": the M-th
 *	that Process-N started)
 * @target: what the child runs; the value it returns, its lowest eight bits, is the exit
 *	code
 * @arg: its argument
 * @run: or this, with the process itself: it may look at fields behind it, and call
 *	@target if there is one
 * @argv: or this program with these arguments, NULL behind them; without a '/' in the
 *	first it is looked for in this process's PATH
 * @envp: its environment, NULL behind it; NULL: this process's
 * @queues: queues that it gets; NULL without @argv: then it has them all anyway
 * @nr_queues: how many
 * @daemon: it does not outlive this process: it is killed (SIGKILL), however this one
 *	ends. Linux does that already when the *thread* that called pyq_process_start()
 *	ends: start daemons from one that lives as long as the program. Of a program
 *	that gains privileges (setuid), or a child that changes its user (setuid()),
 *	Linux does not do it at all. What a daemon starts is not killed with it unless
 *	it is a daemon as well (Python lets a daemon start nothing)
 * @priv: the library's
 *
 * The caller sets what he needs, the rest has to be zeros, and leaves it alone and in its
 * place from pyq_process_start() to pyq_process_close(). For another start he takes a new
 * one.
 */
struct pyq_process {
	const char *name;
	int (*target)(void *arg);
	void *arg;
	int (*run)(struct pyq_process *self);
	const char *const *argv;
	const char *const *envp;
	const struct pyq_process_queue *queues;
	size_t nr_queues;
	bool daemon;
	struct pyq_process_private priv;
};

/**
 * pyq_process_start() - start it
 * @p: what to start
 *
 * First stdout and stderr are flushed, so that what is in them appears once, and before
 * what the child prints. The child flushes the two when @target or @run returns, and ends
 * by _exit(): what the program has registered with atexit() is not run in it, and nothing
 * is written of other streams (who writes to one there flushes it there). A @target that
 * calls exit() itself has all that done, a second time; _exit() is for it. stdin is this
 * process's, also what it has read ahead (in Python it is /dev/null).
 *
 * Another program gets the files that have no FD_CLOEXEC, and the queues, which it finds
 * by pyq_process_queue(). Whether it could be executed is known on return. Between fork
 * and exec nothing is done that a program with threads could not do.
 *
 * Waits until the child is known, or executes its program. If the caller is killed before
 * that, the child may never run anything; later it is a process of its own. After an
 * error nothing has been run and no child is left.
 *
 * Return: 0; -EINVAL neither @target, @run nor @argv, or @argv beside one of those; a bad name of a queue,
 * or one that is there twice; queues without @argv; -EALREADY it has been started; -EAGAIN
 * a limit on processes; -ENOMEM; -EMFILE, -ENFILE; -ENOSYS Linux is older than 5.4; of another
 * program -ENOENT there is none, -EACCES it must not be executed, or what else execve()
 * says; or what else fork(), pidfd_open(), and pyq_stat() of a queue, say.
 */
PYQ_API int pyq_process_start(struct pyq_process *p);

/**
 * pyq_process_join() - wait until it has ended
 * @p: the process
 * @timeout: how long
 *
 * May sleep; signals do not end it. Can be called again, and by several threads.
 *
 * Return: 0 it has ended; -EAGAIN it runs and PYQ_NOWAIT; -ETIMEDOUT; -EINVAL it has not
 * been started, or a bad timeout; -EDEADLK it is the caller; -ECHILD another process has
 * started it.
 */
PYQ_API int pyq_process_join(struct pyq_process *p, int64_t timeout);

/**
 * pyq_process_wait() - wait until one of several has ended
 * @list: the processes; NULL in it are left out
 * @n: how many
 * @timeout: how long
 * @which: out: the first that has ended, also if that is known already; or the one that an
 *	error is of; as it was if the time is over
 *
 *	while (!pyq_process_wait(list, n, PYQ_FOREVER, &which)) {
 *		... list[which] has ended ...
 *		list[which] = NULL;
 *	}
 *
 * Return: as pyq_process_join() of that process; -EINVAL also if there is no process in
 * @list; -ENOMEM.
 */
PYQ_API int pyq_process_wait(struct pyq_process *const *list, size_t n, int64_t timeout,
			     size_t *which);

/**
 * pyq_process_is_alive() - does it run
 * @p: the process
 *
 * Return: the answer; true of the caller himself; false if it has not been started, has
 * ended, or another process has started it.
 */
PYQ_API bool pyq_process_is_alive(struct pyq_process *p);

/**
 * pyq_process_exitcode() - how it has ended
 * @p: the process
 * @code: out: 0 to 255, what it returned or exited with; negative: the signal that ended it
 *
 * Return: 0; -EAGAIN it runs; -EINVAL it has not been started; -ECHILD another process has
 * started it, or it has ended and somebody else has waited for it: how is not known.
 */
PYQ_API int pyq_process_exitcode(struct pyq_process *p, int *code);

/**
 * pyq_process_terminate() - send it SIGTERM
 * @p: the process
 *
 * Never reaches another process. Does not wait: pyq_process_join() does. A copy of this
 * process has its handler for SIGTERM, if there is one, and does then what that does.
 *
 * Return: 0, also if it has ended; -EINVAL it has not been started; -ECHILD another
 * process has started it; -EPERM it has become another user's.
 */
PYQ_API int pyq_process_terminate(struct pyq_process *p);

/**
 * pyq_process_kill() - send it SIGKILL
 * @p: the process
 *
 * Return: as pyq_process_terminate().
 */
PYQ_API int pyq_process_kill(struct pyq_process *p);

/**
 * pyq_process_pid() - its process number
 * @p: the process
 *
 * Return: the number, also when it has ended; 0: it has not been started.
 */
PYQ_API pid_t pyq_process_pid(const struct pyq_process *p);

/**
 * pyq_process_name() - its name
 * @p: the process, or NULL
 *
 * Return: @p->name, or the one that it has without: a number is given at the first call
 * or the start. It stays valid as long as @p. "MainProcess" of NULL, which
 * pyq_process_current() is there.
 */
PYQ_API const char *pyq_process_name(struct pyq_process *p);

/**
 * pyq_process_sentinel() - an fd that is readable (POLLIN) when it has ended
 * @p: the process
 *
 * Return: the fd, a pidfd, which stays @p's; -EINVAL it has not been started, or has been
 * closed; -ECHILD another process has started it.
 */
PYQ_API int pyq_process_sentinel(const struct pyq_process *p);

/**
 * pyq_process_close() - release what it takes here
 * @p: the process
 *
 * It has to have ended. Its pid and exit code can still be asked for.
 *
 * Return: 0, also if it has not been started, or is closed; -EBUSY it runs; -ECHILD another
 * process has started it.
 */
PYQ_API int pyq_process_close(struct pyq_process *p);

/**
 * pyq_process_current() - the process that the caller is
 *
 * Return: what was started with @target or @run, in that child; NULL in others: the main
 * process, one that was forked without pyq_process_start(), another program.
 */
PYQ_API struct pyq_process *pyq_process_current(void);

/**
 * pyq_process_queue() - in a program that was started with queues: one of them
 * @name: its name there
 * @q: where the handle goes; NULL there after an error; each call gives one of its own,
 *	for pyq_close()
 *
 * What this program executes does not get the queue from it. They are found by way of the
 * environment (PYQUEUE_QUEUES=jobs:5,results:6: a name and an fd; behind those, after
 * another ':', may be the pyq_stat.id), which programs in between hand on.
 *
 * Return: 0; -ENOENT it was given none of that name; -EBADF that one is not open any
 * more, or another queue is under its number; -EMFILE; or another error of pyq_from_fd().
 */
PYQ_API int pyq_process_queue(const char *name, pyq_queue **q);

#ifdef __cplusplus
}
#endif

#endif
