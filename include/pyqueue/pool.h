/* SPDX-License-Identifier: MIT */
/*
 * pyq_pool: workers that run functions for you, and a pool that survives the death of
 * any of them.
 *
 *	static int square(struct pyq_call *call)
 *	{
 *		const struct args { int x; } *args = call->arg;
 *		int result = args->x * args->x;
 *
 *		return pyq_return(call, &result, sizeof(result));
 *	}
 *
 *	pyq_pool *pool;
 *	pyq_result *r;
 *	int result;
 *
 *	err = pyq_pool_create(&pool, &(struct pyq_pool_attr){ .workers = 3 });
 *	err = pyq_pool_apply_async(pool, &(struct pyq_task){ .function = square,
 *					 PYQ_ARG(struct args, .x = 7) }, PYQ_FOREVER, &r);
 *	len = pyq_result_get(r, &result, sizeof(result), PYQ_FOREVER);
 *	pyq_result_free(r);
 *	pyq_pool_close(pool);
 *	err = pyq_pool_join(pool, PYQ_FOREVER);
 *	pyq_pool_destroy(pool);
 *
 * Workers are processes, forked by a small helper process that pyq_pool_create() forks,
 * and never by the program itself: so what they know is what the program knew at that
 * moment, and a new one is as good whatever threads the program has by then. Create the
 * pool before other threads: of a program with threads the helper has whatever locks of
 * other libraries those held (malloc() and stdio are right). Or, with @argv, the helper is
 * another program (or this one, executed again), which says what it can do by
 * pyq_pool_serve(): that is right whatever threads there are. Or, with PYQ_POOL_THREADS, they
 * are threads of this process.
 *
 * A worker that dies (a crash, exit(), kill -9, the OOM killer) takes with it the task that
 * it was running, and nothing else: that is run again, up to max_retries times, or fails
 * with EOWNERDEAD; the worker is replaced. A result that has been sent counts: its task is
 * not run again. If the program dies, helper and workers do.
 *
 * Who waits does the pool's work: results are taken, retries sent and callbacks run by the
 * threads that are in pyq_result_get(), pyq_result_wait(), pyq_pool_join(), pyq_map_next(),
 * pyq_pool_process() or waiting for room in pyq_pool_apply_async(); and, as soon as there is
 * a task with a callback, by a thread of the pool's own (all signals blocked), unless
 * PYQ_POOL_NO_THREAD. Nobody else does: a program that only looks, at pyq_result_ready(),
 * pyq_map_done() or pyq_pool_stat(), sees nothing change without pyq_pool_process(). All
 * functions may be called by several threads at once. In a child after a fork, also in a
 * worker, they fail with ESTALE. pyq_pool_strerror() has their errors in words.
 *
 * In a worker process SIGINT, SIGQUIT, SIGHUP, SIGPIPE and SIGTSTP are ignored: what comes from
 * a terminal is the program's business. What it prints is flushed when it ends by itself. In a
 * worker thread all signals are blocked.
 */
#ifndef PYQUEUE_POOL_H
#define PYQUEUE_POOL_H

#include <pyqueue/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * typedef pyq_pool - workers, and what they have to do
 */
typedef struct pyq_pool pyq_pool;

/**
 * typedef pyq_result - what becomes of a task
 */
typedef struct pyq_result pyq_result;

/* --- in a worker ----------------------------------------------------------------- */

/**
 * struct pyq_call - a task, as its function sees it
 * @arg: the argument, a copy of its own, aligned to 16 bytes; gone when the function returns;
 *	NULL without any
 * @len: its bytes
 * @attempt: 1, or more if workers have died with it
 * @worker: the worker's number, from 0
 * @opaque: the library's
 */
struct pyq_call {
	void *arg;
	size_t len;
	uint32_t attempt;
	uint32_t worker;
	void *opaque;
};

/**
 * typedef pyq_function - what a worker runs
 * @call: the task
 *
 * Return: 0: done, the result is what pyq_return() was told, or nothing; anything else:
 * it has failed, for which see pyq_error().
 */
typedef int (*pyq_function)(struct pyq_call *call);

/**
 * pyq_return() - what the result is
 * @call: the task
 * @data: its bytes, which are copied
 * @len: how many
 *
 * Return: 0; -E2BIG over the pool's max_message; -ENOMEM.
 */
PYQ_API int pyq_return(struct pyq_call *call, const void *data, size_t len);

/**
 * pyq_error() - why it has failed
 * @call: the task
 * @code: what is to be returned: a negative error number, or anything but 0
 * @format: a text for people, as for printf(); up to 255 bytes are kept
 *
 *	return pyq_error(call, -EINVAL, "no field %s", name);
 *
 * Return: @code.
 */
PYQ_API int pyq_error(struct pyq_call *call, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* --- in a program that is a pool's ----------------------------------------------------- */

/**
 * struct pyq_pool_function - what the workers of this program can do
 * @name: for pyq_pool_function(), 1 to 255 bytes
 * @function: what
 */
struct pyq_pool_function {
	const char *name;
	pyq_function function;
};

/**
 * pyq_pool_serve() - be the workers of the pool that has started this program
 * @functions: what they can do, up to 4096; behind the last one without a name
 * @initializer: NULL, or what each worker runs first; not 0: it has failed
 * @arg: for that
 *
 * Of the host program itself, which executes itself again:
 *
 *	static const struct pyq_pool_function functions[] = {
 *		{ "square", square }, { "sum", sum }, { 0 }
 *	};
 *
 *	int main(int argc, char **argv)
 *	{
 *		if (argc == 2 && !strcmp(argv[1], "--worker"))
 *			return pyq_pool_serve(functions, NULL, NULL) != 0;
 *		...
 *		pyq_pool_create(&pool, &(struct pyq_pool_attr){
 *			.argv = (char *[]){ "/proc/self/exe", "--worker", NULL },
 *		});
 *		pyq_pool_apply(pool, &(struct pyq_task){
 *			.function = pyq_pool_function(pool, "square"), ... }, ...);
 *	}
 *
 * To be called before the program has threads. The process becomes the pool's helper, which
 * forks the workers; what it has done before they have from it, but what it has printed: stdout
 * and stderr are flushed. PYQUEUE_POOL is taken out of the environment, and what it or a worker
 * executes gets no file of the pool's.
 *
 * When the pool has ended the program is to end as well: its host waits for that
 * (pyq_pool_destroy()). SIGINT, SIGQUIT, SIGHUP, SIGPIPE and SIGTSTP are ignored by then, SIGCHLD
 * is blocked.
 *
 * Return: 0 the pool has ended, or its host; 1 no memory to begin; -ENOTCONN no pool has started
 * this process, or it is gone already; -EINVAL a function without an address, or with a name that
 * is too long or empty, or what the host says cannot be; -EEXIST a name is there twice; -E2BIG too
 * many functions; -EPROTO the host's library is another version; -EMFILE no file more (ulimit -n);
 * -ENOMEM; or what pyq_from_fd() says.
 */
PYQ_API int pyq_pool_serve(const struct pyq_pool_function *functions, int (*initializer)(void *arg),
			   void *arg);

/* --- the pool ------------------------------------------------------------------------ */

#define PYQ_POOL_THREADS (1u << 0)   /* workers are threads of this process */
#define PYQ_POOL_NO_THREAD (1u << 1) /* no thread of the pool's own: pyq_pool_process() */

/**
 * struct pyq_pool_attr - what a pool is like
 * @workers: how many, at most 1000; 0: as many as this process may use processors
 * @initializer: NULL, or what each worker runs first; not 0: it has failed (of processes the
 *	lowest eight bits are told)
 * @initializer_arg: for that
 * @max_tasks: after so many a worker ends and is replaced (a thread: runs the initializer
 *	again); 0: never
 * @queue_size: tasks that can be under way; 0: 1024, at most 65536. Then
 *	pyq_pool_apply_async() waits; room goes to it and to maps in turn
 * @max_message: bytes of an argument, or of a result, and of the results of a chunk
 *	together with 16 for each; 0: 1 MiB less what goes with it; at
 *	most 63 MiB
 * @max_retries: how often a task is run again whose worker has died
 * @timeout: how long a task (of a map: a chunk) may run, in nanoseconds; 0: as long as it
 *	takes. After that its worker is killed, and it fails with -ETIME. Not with PYQ_POOL_THREADS
 * @name: of the workers, "Worker" for "Worker-1"...; or NULL
 * @flags: PYQ_POOL_
 * @backend: as in &struct pyq_attr
 * @argv: NULL, or a program with its arguments, NULL behind them: the helper, which calls
 *	pyq_pool_serve(). Without a '/' in the first it is looked for in this process's PATH.
 *	Not with @initializer, its own is the program's; nor with PYQ_POOL_THREADS
 * @reserved: zeros, otherwise -EINVAL
 */
struct pyq_pool_attr {
	unsigned int workers;
	int (*initializer)(void *arg);
	void *initializer_arg;
	unsigned int max_tasks;
	unsigned int queue_size;
	size_t max_message;
	unsigned int max_retries;
	int64_t timeout;
	const char *name;
	unsigned int flags;
	const char *backend;
	char *const *argv;
	uint64_t reserved[8];
};

/**
 * pyq_pool_create() - make a pool
 * @pool: where it goes; NULL there after an error
 * @attr: what it is like, or NULL: all defaults
 *
 * stdout and stderr are flushed before the fork, as what they hold would be written twice.
 *
 * A program gets the files that have no FD_CLOEXEC, and this process's environment. It has ten
 * seconds to call pyq_pool_serve(); after an error it is killed.
 *
 * Return: 0; -EINVAL an attribute is out of range; -EOPNOTSUPP an unknown flag, or a
 * timeout of threads; -ENOSYS this kernel is older than Linux 5.4 (threads do without); -ENOMEM; -EAGAIN no process or thread more; -EMFILE; or what
 * pyq_create() says. Of a program also -ENOENT there is none; -EACCES it must not be
 * executed, or what else execve() says; -EPIPE it has ended, or closed its files, and has not
 * served; -ETIMEDOUT it has not in ten seconds; -EPROTO its library is another version; or
 * what its pyq_pool_serve() has returned.
 */
PYQ_API int pyq_pool_create(pyq_pool **pool, const struct pyq_pool_attr *attr);

/**
 * pyq_pool_function() - a function of a pool's program
 * @pool: a pool with @argv
 * @name: what that program calls it
 *
 * It is where it is in the workers: for tasks and maps of this pool, not to be called here.
 *
 * Return: that; NULL: there is none of that name, or the pool has no program, or is its
 * parent's.
 */
PYQ_API pyq_function pyq_pool_function(const pyq_pool *pool, const char *name);

/**
 * struct pyq_task - something to be run
 * @function: what. Of the program, or of a library that was there when the pool was made, and
 *	has not been unloaded since; of another program what pyq_pool_function() says
 * @arg: bytes for it, copied before the call returns
 * @len: how many; 0: none, whatever @arg is
 * @timeout: how long it may run, in nanoseconds; 0: as the pool says
 * @max_retries: how often it is run again if a worker dies with it; 0: as the pool says;
 *	less than 0: never
 * @callback: NULL, or called when it has been done
 * @error_callback: NULL, or called when it has failed, or has been cancelled
 * @context: for both
 *
 * PYQ_ARG() fills in @arg and @len. A callback is called with the result, which lives as
 * long as the call, by one of the threads that do the pool's work, one callback at a time;
 * it may begin tasks, but not wait for any (-EDEADLK).
 */
struct pyq_task {
	pyq_function function;
	const void *arg;
	size_t len;
	int64_t timeout;
	int max_retries;
	void (*callback)(pyq_result *result, void *context);
	void (*error_callback)(pyq_result *result, void *context);
	void *context;
};

/* A struct by value as the argument: PYQ_ARG(struct args, .x = 7, .name = "x"). In C, not C++. */
#define PYQ_ARG(type, ...) .arg = &(type){ __VA_ARGS__ }, .len = sizeof(type)

/**
 * pyq_pool_apply_async() - have a function run
 * @pool: by whom
 * @task: which
 * @timeout: how long to wait for room if queue_size tasks are under way
 * @result: NULL, or where its result goes, for pyq_result_free()
 *
 * Return: 0; -EAGAIN, -ETIMEDOUT no room; -ESHUTDOWN closed or terminated; -EINVAL no
 * function, or a bad timeout; -EFAULT the workers do not know @function; -E2BIG @len is
 * over max_message; -EOWNERDEAD the pool is broken (pyq_pool_broken()); -ENOMEM no memory,
 * or no thread for callbacks (ulimit -u); -EDEADLK no room, in a callback; -ESTALE.
 */
PYQ_API int pyq_pool_apply_async(pyq_pool *pool, const struct pyq_task *task, int64_t timeout,
				 pyq_result **result);

/**
 * pyq_pool_apply() - have a function run, and wait for it
 * @pool: by whom
 * @task: which
 * @buf: room for the result, or NULL
 * @size: bytes of room
 *
 * For the text of a failure (pyq_result_text()) there is pyq_pool_apply_async().
 *
 * Return: as pyq_result_get(), or an error of pyq_pool_apply_async().
 */
PYQ_API ssize_t pyq_pool_apply(pyq_pool *pool, const struct pyq_task *task, void *buf, size_t size);

/**
 * pyq_pool_close() - no task more
 * @pool: that
 *
 * What is under way is done; then the workers end.
 *
 * Return: 0; -ESTALE.
 */
PYQ_API int pyq_pool_close(pyq_pool *pool);

/**
 * pyq_pool_terminate() - end now
 * @pool: that
 *
 * Workers are killed, what is under way fails with -ECANCELED. Threads are not killed: what
 * they run they finish, and nothing more.
 *
 * Return: 0; -ESTALE.
 */
PYQ_API int pyq_pool_terminate(pyq_pool *pool);

/**
 * pyq_pool_join() - wait until all workers have ended
 * @pool: that, closed or terminated
 * @timeout: how long
 *
 * Return: 0; -EAGAIN, -ETIMEDOUT; -EBUSY neither closed nor terminated; -EINVAL a bad
 * timeout; -EDEADLK in a callback; -EOWNERDEAD it has broken, and nothing is left; -ESTALE.
 */
PYQ_API int pyq_pool_join(pyq_pool *pool, int64_t timeout);

/**
 * pyq_pool_destroy() - terminate, join, and free
 * @pool: that, or NULL
 *
 * What is under way is not waited for: pyq_pool_close() and pyq_pool_join() do that. Results
 * that are not free yet stay good. Other threads that wait in the pool, or are in a callback, it
 * waits for; another call must not begin meanwhile. In a child after a fork it frees what is the
 * child's.
 *
 * Return: 0; -EDEADLK in a callback, whatever has become of the pool: it is still there.
 */
PYQ_API int pyq_pool_destroy(pyq_pool *pool);

/**
 * pyq_pool_resize() - other numbers of workers
 * @pool: that
 * @workers: how many, from 1 to four times as many as at first, or 64 if that is more
 *
 * Those too many end after the task that they are at.
 *
 * Return: 0; -EINVAL; -ESHUTDOWN; -EOPNOTSUPP of threads; -EOWNERDEAD it is broken; -ESTALE.
 */
PYQ_API int pyq_pool_resize(pyq_pool *pool, unsigned int workers);

/**
 * pyq_pool_fd() - for event loops
 * @pool: that
 *
 * Readable when pyq_pool_process() has something to do; call that before polling. For a pool
 * with PYQ_POOL_NO_THREAD: otherwise, as soon as a task has a callback, the pool's own thread
 * does the work as well, and this one is readable for nothing.
 *
 * Return: the fd, which stays the pool's; -ESTALE.
 */
PYQ_API int pyq_pool_fd(pyq_pool *pool);

/**
 * pyq_pool_process() - do what there is to do, and do not wait
 * @pool: that
 *
 * Return: 0; -EDEADLK in a callback; -EOWNERDEAD it is broken; -ESTALE; or, if pyq_pool_fd()
 * cannot tell of what comes, an error of pyq_aio_get(): call it again after a while.
 */
PYQ_API int pyq_pool_process(pyq_pool *pool);

/**
 * struct pyq_pool_stat - what a pool has done
 * @submitted: tasks begun, each item of a map
 * @running: in a worker now
 * @done: that have succeeded
 * @failed: that have not, also those that have been cancelled
 * @retried: runs of a task, or of a map's chunk, after a worker's death
 * @died: workers that have died by themselves
 * @workers: that there are
 *
 * It does no work of the pool's: who only looks calls pyq_pool_process() first.
 */
struct pyq_pool_stat {
	uint64_t submitted;
	uint64_t running;
	uint64_t done;
	uint64_t failed;
	uint64_t retried;
	uint64_t died;
	uint64_t workers;
};

/**
 * pyq_pool_stat() - its counters
 * @pool: that
 * @st: filled in
 *
 * Return: 0; -ESTALE.
 */
PYQ_API int pyq_pool_stat(pyq_pool *pool, struct pyq_pool_stat *st);

/**
 * pyq_pool_broken() - why a pool does not work any more
 * @pool: that
 *
 * Return: NULL: it does; or a sentence that says why, the pool's.
 */
PYQ_API const char *pyq_pool_broken(const pyq_pool *pool);

/**
 * pyq_pool_strerror() - an error of a pool, in words
 * @err: what one of these functions has returned
 *
 * As pyq_strerror(), whose words are of queues. What a task's function has returned by itself
 * means what that says.
 *
 * Return: a sentence that says what went wrong and what to do, constant.
 */
PYQ_API const char *pyq_pool_strerror(long err);

/* --- results ----------------------------------------------------------------------- */

/**
 * pyq_result_wait() - wait for a task's end
 * @result: its result
 * @timeout: how long
 *
 * Return: 0 it has ended, in whichever way; -EAGAIN, -ETIMEDOUT; -EINVAL a bad timeout;
 * -EDEADLK in a callback; -ESTALE.
 */
PYQ_API int pyq_result_wait(pyq_result *result, int64_t timeout);

/**
 * pyq_result_get() - what has become of a task
 * @result: its result
 * @buf: room for the bytes, or NULL
 * @size: bytes of room
 * @timeout: how long to wait for it
 *
 * Can be called again. What a function returns may be any of these numbers: pyq_result_ready()
 * tells a task that has failed from a wait that was in vain, pyq_result_code() whose number
 * it is.
 *
 * Return: the result's bytes; -EMSGSIZE there are more than @size, see pyq_result_data();
 * or what pyq_result_wait() says if it has not ended. Or how it has failed: the negative
 * number that its function returned, -EREMOTEIO if that was greater than 0; -EOWNERDEAD its
 * worker died; -ETIME it ran for too long; -ECANCELED; -ENOMSG the result could not be sent.
 * Then pyq_result_text() says more.
 */
PYQ_API ssize_t pyq_result_get(pyq_result *result, void *buf, size_t size, int64_t timeout);

/**
 * pyq_result_data() - the bytes of a result, where they are
 * @result: of a task that has been done
 * @len: NULL, or how many
 *
 * Return: the bytes, aligned to 16; NULL: it has none, or has not been done.
 */
PYQ_API const void *pyq_result_data(const pyq_result *result, size_t *len);

/**
 * pyq_result_ready() - has it ended?
 * @result: that
 *
 * It does no work of the pool's: a program that waits for it needs pyq_pool_process().
 *
 * Return: whether it has.
 */
PYQ_API bool pyq_result_ready(const pyq_result *result);

/**
 * pyq_result_successful() - has it been done?
 * @result: that
 *
 * Return: 1; 0 it has failed; -EAGAIN it has not ended.
 */
PYQ_API int pyq_result_successful(const pyq_result *result);

/**
 * pyq_result_text() - how a task has failed, for people
 * @result: that
 *
 * Return: what pyq_error() was told; or what happened to its worker ("worker 4711 was killed
 * by SIGSEGV"); "" if there is nothing to tell. The result's.
 */
PYQ_API const char *pyq_result_text(const pyq_result *result);

/**
 * pyq_result_code() - what its function returned
 * @result: that
 *
 * Return: that; 0 if it has not.
 */
PYQ_API int pyq_result_code(const pyq_result *result);

/**
 * pyq_result_status() - how the worker ended that died with it
 * @result: that
 *
 * Return: a status as of waitpid(); 0: none did.
 */
PYQ_API int pyq_result_status(const pyq_result *result);

/**
 * pyq_result_attempts() - how often it has been given to a worker
 * @result: that
 *
 * Return: that.
 */
PYQ_API unsigned int pyq_result_attempts(const pyq_result *result);

/**
 * pyq_result_cancel() - do not run it; or stop it
 * @result: that
 *
 * One that waits ends at once; of one that runs the worker is killed and replaced. It ends
 * with -ECANCELED, if it has not ended before that.
 *
 * Return: 0; -EALREADY it has ended; -EBUSY it runs in a thread; -EOWNERDEAD the pool is
 * broken: it will end; -ESTALE.
 */
PYQ_API int pyq_result_cancel(pyq_result *result);

/**
 * pyq_result_free() - not of interest any more
 * @result: that, or NULL; its task goes on
 */
PYQ_API void pyq_result_free(pyq_result *result);

/* --- many at once -------------------------------------------------------------------- */

/**
 * typedef pyq_map - one function, many arguments
 */
typedef struct pyq_map pyq_map;

/**
 * struct pyq_items - the arguments
 * @base: the first one, or NULL: @each
 * @size: bytes of each
 * @each: an array of those of which each has a size of its own (starmap: several values
 *	in one struct)
 * @n: how many
 */
struct pyq_items {
	const void *base;
	size_t size;
	const struct pyq_item *each;
	size_t n;
};

/**
 * struct pyq_item - one of them
 * @data: the bytes
 * @len: how many
 */
struct pyq_item {
	const void *data;
	size_t len;
};

/**
 * pyq_pool_map_async() - have a function run for each of many arguments
 * @pool: by whom
 * @function: which
 * @items: the arguments, and what they point to: the pool's until the map is freed
 * @chunk: how many go to a worker at once, at most; 0: a quarter of a worker's share, as in
 *	Python. Fewer do if they are longer than max_message
 * @map: where it goes
 *
 * Those of a chunk are run one after the other by one worker, in no more than the pool's timeout
 * together; if that dies they are all run again, or fail: where one may crash, or hang, @chunk
 * is better 1. Does not wait for room: what has none follows as there is some, sent by who does
 * the pool's work.
 *
 * Return: 0; -ESHUTDOWN closed or terminated; -EINVAL no function, or no arguments (or none
 * of their bytes) where there are to be some; -EFAULT the workers do not know @function; -E2BIG
 * an argument is over max_message; -EOWNERDEAD the pool is broken; -ENOMEM; -ESTALE.
 */
PYQ_API int pyq_pool_map_async(pyq_pool *pool, pyq_function function, const struct pyq_items *items,
			       size_t chunk, pyq_map **map);

/**
 * pyq_pool_map() - the same, and wait for all of them
 * @pool: by whom
 * @function: which
 * @items: the arguments
 * @chunk: how many go to a worker at once, or 0
 * @map: where it goes, for pyq_map_get() and pyq_map_free()
 *
 * Return: 0: all have been done; the error of the one with the lowest number that has failed: the
 * others have all ended as well, and @map is there; otherwise as pyq_pool_map_async(), or
 * -EDEADLK in a callback, and it is NULL.
 */
PYQ_API int pyq_pool_map(pyq_pool *pool, pyq_function function, const struct pyq_items *items,
			 size_t chunk, pyq_map **map);

/**
 * pyq_map_wait() - wait until all have ended
 * @map: that
 * @timeout: how long
 *
 * Return: as pyq_result_wait().
 */
PYQ_API int pyq_map_wait(pyq_map *map, int64_t timeout);

/**
 * pyq_map_get() - what has become of one
 * @map: that
 * @i: its number, from 0
 * @data: NULL, or out: the bytes, the map's, aligned to 16
 *
 * Return: the result's bytes; -EAGAIN it has not ended; -EINVAL there is no such; or how it
 * has failed, as pyq_result_get() without -EMSGSIZE.
 */
PYQ_API ssize_t pyq_map_get(const pyq_map *map, size_t i, const void **data);

/**
 * pyq_map_text() - how one has failed, for people
 * @map: that
 * @i: its number, from 0
 *
 * Texts never take the room of results: of many that fail in one chunk the last ones may have
 * none.
 *
 * Return: as pyq_result_text(); "" also if there is no such, or it has not ended. The map's.
 */
PYQ_API const char *pyq_map_text(const pyq_map *map, size_t i);

/* How pyq_map_next() goes on. */
#define PYQ_MAP_UNORDERED (1u << 0) /* as they end (imap_unordered), not in order (imap) */

/**
 * pyq_map_next() - the next that has ended
 * @map: that; for the first ones to come soon, with @chunk 1, which is Python's for imap
 * @flags: 0 or PYQ_MAP_UNORDERED; always the same with one map
 * @timeout: how long to wait for it
 * @i: out: its number, for pyq_map_get()
 *
 * Return: 1; 0 there is none any more; otherwise as pyq_result_wait(); -EOPNOTSUPP an
 * unknown flag.
 */
PYQ_API int pyq_map_next(pyq_map *map, unsigned int flags, int64_t timeout, size_t *i);

/**
 * pyq_map_done() - how many have ended
 * @map: that
 *
 * It does no work of the pool's: who only looks, and does not take them by pyq_map_next(), calls
 * pyq_pool_process() first.
 *
 * Return: the number, for a line that shows the progress.
 */
PYQ_API size_t pyq_map_done(const pyq_map *map);

/**
 * pyq_map_free() - not of interest any more; waits for those that have been sent
 * @map: that, or NULL
 *
 * Those that have not been sent are not run, and count as failed (cancelled).
 *
 * Return: 0; -EDEADLK in a callback: it is still there.
 */
PYQ_API int pyq_map_free(pyq_map *map);

#ifdef __cplusplus
}
#endif

#endif
