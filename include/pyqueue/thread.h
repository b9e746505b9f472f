/* SPDX-License-Identifier: MIT */
/*
 * pyq_thread: a thread of this process, as Python's threading.Thread.
 *
 *	static int hello(void *arg) { return puts(arg) < 0; }
 *
 *	pyq_thread t = { .target = hello, .arg = "hello" };
 *
 *	err = pyq_thread_start(&t);
 *	err = pyq_thread_join(&t, PYQ_FOREVER);
 *
 * A "subclass" is a structure that begins with a pyq_thread, and sets run:
 *
 *	struct greeter { pyq_thread thread; int times; };
 *
 *	static int greet(pyq_thread *self)
 *	{
 *		struct greeter *greeter = (struct greeter *)self;
 *		...
 *	}
 *
 *	struct greeter g = { .thread = { .run = greet, .name = "Ann" }, .times = 3 };
 *
 *	err = pyq_thread_start(&g.thread);
 *
 * The structure is the caller's. Once started its memory has to stay, where it is,
 * until pyq_thread_join() has returned 0 or, of a detached one, until
 * pyq_thread_is_alive() says no. It must not be copied after that it was started.
 *
 * Functions return 0 or a negative error number; errno is left alone, and none is a
 * cancellation point. Signals are not touched: a thread begins with the mask of the one
 * that started it. A program that ends does not wait for its threads: join them.
 *
 * In a child after fork() there is only the thread that called it. Of its parent's
 * threads none is alive there, and none can be joined.
 */
#ifndef PYQUEUE_THREAD_H
#define PYQUEUE_THREAD_H

#include <pyqueue/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct pyq_thread - a thread
 * @name: its name; NULL: Thread-N, of those without a name the N-th of this process.
 *	The string has to stay as long as the structure
 * @target: what it does, and whose return value is its exit code
 * @arg: passed on to @target
 * @run: what it does instead, if @target is NULL: for structures that begin with this one
 * @opaque: zeros at first; the library's
 *
 * Meant for designated initializers: they are C's keyword arguments. The first four are
 * set before pyq_thread_start() and not changed any more.
 */
struct pyq_thread {
	const char *name;
	int (*target)(void *arg);
	void *arg;
	int (*run)(struct pyq_thread *self);
	uint64_t opaque[10];
};

typedef struct pyq_thread pyq_thread;

/**
 * pyq_thread_start() - begin
 * @thread: that
 *
 * Returns when it runs, so that pyq_thread_ident() tells. The kernel knows it by the
 * first 15 bytes of its name (top -H, gdb, /proc).
 *
 * Return: 0; -EALREADY it was started before, however it went on; -EINVAL it has neither
 * @target nor @run, or both; -ENOMEM no memory, or no thread to be had (ulimit -u).
 */
PYQ_API int pyq_thread_start(pyq_thread *thread);

/**
 * pyq_thread_join() - wait until it has ended
 * @thread: that
 * @timeout: how long
 *
 * May sleep. May be called by several threads, and again after it has ended. After 0 the
 * thread is gone altogether: it has given back its stack and its thread-local data (if
 * it was detached only @target has returned).
 *
 * Return: 0; -EAGAIN it has not ended and PYQ_NOWAIT; -ETIMEDOUT; -ESRCH it was not
 * started, or by the parent of this process; -EDEADLK it is the caller; -EINVAL a bad
 * timeout.
 */
PYQ_API int pyq_thread_join(pyq_thread *thread, int64_t timeout);

/**
 * pyq_thread_detach() - need not be joined
 * @thread: that
 *
 * What it has is given back when it ends, and not at a join, without which that is lost.
 * It can still be waited for by pyq_thread_join().
 *
 * Return: 0; -ESRCH it was not started, or by the parent of this process.
 */
PYQ_API int pyq_thread_detach(pyq_thread *thread);

/**
 * pyq_thread_is_alive() - was it started and has not ended (now)
 * @thread: that
 *
 * Return: the answer.
 */
PYQ_API bool pyq_thread_is_alive(const pyq_thread *thread);

/**
 * pyq_thread_exitcode() - what its function has returned
 * @thread: that
 * @code: out; -ECANCELED if it did not return: pthread_exit(), pthread_cancel()
 *
 * Return: 0; -EAGAIN it has not ended; -ESRCH it was not started, or by the parent of
 * this process.
 */
PYQ_API int pyq_thread_exitcode(const pyq_thread *thread, int *code);

/**
 * pyq_thread_name() - its name
 * @thread: that
 *
 * Before it is started, and without a name of the caller's, this gives it its number:
 * not by two threads at once.
 *
 * Return: the name; as long as @thread is there.
 */
PYQ_API const char *pyq_thread_name(pyq_thread *thread);

/**
 * pyq_thread_ident() - the kernel's number of it, as gettid()
 * @thread: that
 *
 * Return: the number, also after it has ended; -ESRCH it was not started, or by the
 * parent of this process.
 */
PYQ_API int pyq_thread_ident(const pyq_thread *thread);

/**
 * pyq_thread_current() - the thread that calls this
 *
 * Return: what it was started with; NULL: it was not by pyq_thread_start() in this process.
 */
PYQ_API pyq_thread *pyq_thread_current(void);

#ifdef __cplusplus
}
#endif

#endif
