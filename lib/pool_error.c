// SPDX-License-Identifier: MIT
/* Errors in words, where they come from a pool. */
#include "pool.h"

const char *pyqi_pool_error(long err)
{
	switch (err) {
	case -EAGAIN:
		return "not now: the task, or the pool, has not ended, or queue_size tasks are "
		       "under way, and waiting was not asked for; of pyq_pool_create(): no more "
		       "processes or threads may be made (ulimit -u, pids.max)";
	case -ETIMEDOUT:
		return "timed out: the task, or the pool, has not ended, or all the while "
		       "queue_size tasks were under way; of pyq_pool_create(): the program has "
		       "not called pyq_pool_serve() in ten seconds";
	case -ESHUTDOWN:
		return "the pool takes no tasks any more, as it was closed or terminated: make "
		       "another one";
	case -EMSGSIZE:
		return "the result is longer than the buffer: pyq_result_data() has all of it, "
		       "and it can be asked for again";
	case -E2BIG:
		return "an argument, or a result, is longer than the pool's max_message: create "
		       "it with a larger one (at most 63 MiB); or a program has more functions "
		       "than 4096";
	case -EOWNERDEAD:
		return "the task's worker has died, as often as it was to be run: "
		       "pyq_result_text() and pyq_result_status() say how; or the pool is broken: "
		       "pyq_pool_broken() says why";
	case -ESTALE:
		return "the pool was made by this process's parent, before a fork: a child, or a "
		       "worker, makes one of its own";
	case -EBUSY:
		return "the pool still takes tasks: pyq_pool_close() or pyq_pool_terminate() comes "
		       "before pyq_pool_join(); or what is to be cancelled runs in a thread, "
		       "which cannot be killed";
	case -ECANCELED:
		return "the task was cancelled, or the pool terminated, before its end";
	case -EALREADY:
		return "the task has ended: there is nothing to be cancelled any more";
	case -ENOSYS:
		return "this kernel is older than Linux 5.4, or this is a valgrind that knows no "
		       "pidfd_open(): PYQ_POOL_THREADS does without";
	case -ENOENT:
	case -ENOTDIR:
		return "there is no such program as argv names for the workers";
	case -EACCES:
		return "the program that argv names for the workers may not be executed";
	case -EEXIST:
		return "two functions given to pyq_pool_serve() have the same name";
	case -EINVAL:
		return "invalid argument: no function (NULL from pyq_pool_function(): its name is "
		       "not in the program's table), arguments of no bytes, a timeout, chunk or "
		       "number out of range (workers: 1000, queue_size: 65536, max_message: "
		       "63 MiB), argv beside an initializer or PYQ_POOL_THREADS, or reserved is "
		       "not 0";
	case -EOPNOTSUPP:
		return "not offered here: an unknown flag; or of PYQ_POOL_THREADS, as threads "
		       "cannot be killed, timeouts of tasks and pyq_pool_resize()";
	case -EFAULT:
		return "the workers do not know this function: it was loaded after "
		       "pyq_pool_create(), or, with argv, is not what pyq_pool_function() returns";
	case -EDEADLK:
		return "a callback cannot wait for its own pool: let it begin tasks, and take "
		       "their results in callbacks of theirs";
	case -EPIPE:
		return "the program that argv names has ended, and has not called "
		       "pyq_pool_serve()";
	case -ENOTCONN:
		return "no pool has started this program, or that is gone: pyq_pool_serve() is for "
		       "what pyq_pool_create() executes (argv)";
	case -EPROTO:
		return "the pool's program and this one are linked with different versions of "
		       "libpyqueue, or what has answered is no such program: build both with one";
	case -ETIME:
		return "the task ran for longer than its timeout, or its pool's, and its worker was "
		       "killed: of a map that is the time of a whole chunk";
	case -EREMOTEIO:
		return "the task has failed: its function returned a number greater than 0 "
		       "(pyq_result_code(), pyq_result_text())";
	case -ENOMSG:
		return "the task has run, and its result could not be sent: it is longer than the "
		       "pool's max_message, which those of a map's chunk have together, or the "
		       "worker had no memory for it";
	}
	return NULL;
}

const char *pyq_pool_strerror(long err)
{
	const char *text = pyqi_pool_error(err);

	return text ? text : pyq_strerror(err);
}

const char *pyq_pool_broken(const pyq_pool *pool)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&pool->lock;
	const char *why;

	if (!pyqi_generation_is(pool->generation))
		return pool->broken[0] ? pool->broken : NULL;
	pthread_mutex_lock(lock);
	why = pool->broken[0] ? pool->broken : NULL;
	pthread_mutex_unlock(lock);
	return why;
}
