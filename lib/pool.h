/* SPDX-License-Identifier: MIT */
/*
 * How a pool is made. There are three kinds of process: the program; the helper, which
 * forks the workers, learns of their deaths, replaces them, and kills one when told to, or
 * when its task's time is over; and the workers.
 *
 * Two queues: tasks go from the program to whichever worker is idle, results (and notices
 * of the helper's) go back. And a table in memory that all of them share: a word for each
 * task under way, and a line for each worker.
 *
 *	worker						helper, when it has died
 *	borrows a message: if he dies it comes again
 *	writes down which task that is
 *	word: QUEUED -> RUNNING, his (CAS)		the task written down, if its word is
 *	releases the message				RUNNING and his: a notice
 *	runs, puts the result
 *	nothing is written down
 *
 * So a task is run once for each time that it was sent: who gets its message again finds it
 * RUNNING, and drops that. The notice is put after the worker's death: if he had put the
 * result it comes before it, and whatever comes second the program ignores, by the serial
 * number of each sending. The program alone decides what becomes of a task.
 */
#ifndef PYQI_POOL_H
#define PYQI_POOL_H

#include <pthread.h>
#include <signal.h>
#include <sys/types.h>

#include "priv.h"

#include <pyqueue/aio.h>
#include <pyqueue/loan.h>
#include <pyqueue/pool.h>

#include "deadline.h"
#include "generation.h"

#define PYQI_POOL_TEXT 256

/* --- the table -------------------------------------------------------------------- */

/* A task's word: serial:32 | worker:16 | state:16. */
enum pyqi_pool_state { PYQI_POOL_IDLE, PYQI_POOL_QUEUED, PYQI_POOL_RUNNING };

static inline uint64_t pyqi_pool_word(uint32_t serial, uint32_t worker, enum pyqi_pool_state state)
{
	return (uint64_t)serial << 32 | (uint64_t)worker << 16 | state;
}

/**
 * struct pyqi_pool_worker - a worker, as all see it
 * @pid: its process, 0: there is none
 * @task: serial:32 | index + 1:32 of what it is at; 0: nothing
 * @deadline: of that, or 0
 * @ready: it has begun to take tasks
 * @left: it has ended by itself, as it should
 */
struct pyqi_pool_worker {
	pid_t pid;
	uint64_t task;
	uint64_t deadline;
	uint32_t ready;
	uint32_t left;
} __attribute__((aligned(64)));

/**
 * struct pyqi_pool_table - what all share
 * @target: how many workers there are to be
 * @spare: how many of them are to end, of those that there are
 * @closed: the last task has been sent and done
 * @alive: how many workers there are
 * @unsent: not 0: the program waits for room among the tasks: who makes some says so; another
 *	number each time
 * @no_room: a worker waits for room among the news: who makes some ...
 * @room: ... counts here, and calls
 * @died: how many have died by themselves
 * @workers: as many as there can be; behind them a word for each task
 */
struct pyqi_pool_table {
	uint32_t target;
	uint32_t spare;
	uint32_t closed;
	uint32_t alive;
	uint32_t unsent;
	uint32_t no_room;
	uint32_t room;
	uint64_t died;
	struct pyqi_pool_worker workers[];
};

/* --- messages --------------------------------------------------------------------- */

enum pyqi_pool_job { PYQI_POOL_ONE, PYQI_POOL_CHUNK, PYQI_POOL_QUIT };

/**
 * struct pyqi_pool_job_msg - to a worker; the argument follows
 * @index: of the task's word
 * @serial: of this sending
 * @job: what
 * @attempt: the how manyeth
 * @function: of the program
 * @timeout: how long it may run, or 0
 * @n: of a chunk: how many arguments, each its length (8 bytes) and its bytes, filled up to 16
 * @len: bytes that follow
 */
struct pyqi_pool_job_msg {
	uint32_t index;
	uint32_t serial;
	uint32_t job;
	uint32_t attempt;
	pyq_function function;
	int64_t timeout;
	uint64_t n;
	uint64_t len;
};

enum pyqi_pool_news {
	PYQI_POOL_RESULT, /* a task has been run; what it has left follows */
	PYQI_POOL_DIED,	  /* a worker with it */
	PYQI_POOL_BROKEN, /* workers fail again and again, or there are none to be had */
	PYQI_POOL_GONE,	  /* the last worker has gone */
	PYQI_POOL_ROOM,	  /* there is room for a task again, for which the program waits */
	PYQI_POOL_NUDGE,  /* of the program to itself: who sleeps is to look */
};

/* Why a worker was killed; or that it had no memory for what has come of a task. */
enum pyqi_pool_reason {
	PYQI_POOL_BY_ITSELF,
	PYQI_POOL_TOO_LONG,
	PYQI_POOL_CANCELLED,
	PYQI_POOL_NO_MEMORY,
};

/**
 * struct pyqi_pool_news_msg - from a worker, or the helper
 * @index: of the task
 * @serial: of its sending
 * @news: what
 * @status: as of waitpid()
 * @reason: why it died; of a pool that is broken an error number, or 0
 * @pid: who
 * @len: bytes that follow: outcomes
 */
struct pyqi_pool_news_msg {
	uint32_t index;
	uint32_t serial;
	uint32_t news;
	int32_t status;
	uint32_t reason;
	int32_t pid;
	uint64_t len;
};

/**
 * struct pyqi_pool_outcome - of one argument; the result follows, filled up to 16
 * @code: what the function returned
 * @text: bytes of the text: it is behind the outcomes of all arguments, with a 0, filled up to 16
 * @len: bytes of the result
 */
struct pyqi_pool_outcome {
	int32_t code;
	uint32_t text;
	uint64_t len;
};

static inline size_t pyqi_pool_filled(size_t len)
{
	return (len + 15) & ~(size_t)15;
}

/* What goes with an argument, or a result. */
#define PYQI_POOL_AROUND 512

/* To the helper, on its socket. */
enum pyqi_pool_order { PYQI_POOL_RESIZE, PYQI_POOL_STOP, PYQI_POOL_TERMINATE };

/**
 * struct pyqi_pool_order_msg - to the helper
 * @order: what
 * @index: of the task to be stopped; or how many workers
 * @serial: of its sending
 */
struct pyqi_pool_order_msg {
	uint32_t order;
	uint32_t index;
	uint32_t serial;
};

/* --- what all three of them know --------------------------------------------------- */

/**
 * struct pyqi_pool_common - what there is before the helper is forked
 * @attr: as it was given, with the defaults filled in
 * @name: a copy of the workers' name
 * @most: so many workers there can be
 * @tasks: the queue to the workers
 * @news: the queue from them
 * @table: shared
 * @table_size: its bytes
 * @table_fd: its memfd, to be handed over; otherwise -1
 * @wake: eventfd: a worker has begun something that has a deadline
 */
struct pyqi_pool_common {
	struct pyq_pool_attr attr;
	char name[12];
	unsigned int most;
	pyq_queue *tasks;
	pyq_queue *news;
	struct pyqi_pool_table *table;
	size_t table_size;
	int table_fd;
	int wake;
};

static inline uint64_t *pyqi_pool_words(const struct pyqi_pool_common *c)
{
	return (uint64_t *)(c->table->workers + c->most);
}

/* A worker: runs tasks until there are none any more. Return: an exit code. */
int pyqi_pool_work(const struct pyqi_pool_common *c, uint32_t worker);

/*
 * The helper, until the pool ends. @orders: its socket; @parent: the program's pidfd; @mask: of
 * signals, for the workers, or NULL: its own. Return: an exit code.
 */
int pyqi_pool_help(const struct pyqi_pool_common *c, int orders, int parent, const sigset_t *mask);

/* There is a worker too many; he who is told so is the one that goes. */
bool pyqi_pool_is_spare(const struct pyqi_pool_common *c);

/* What has been begun and not ended by the worker: is it a task still? */
bool pyqi_pool_runs(const struct pyqi_pool_common *c, uint32_t worker);

/* Tell the program of a death, if it was at something. Return: as pyqi_pool_tell(); -EUCLEAN. */
int pyqi_pool_tell_of_death(const struct pyqi_pool_common *c, uint32_t worker, int status,
			    enum pyqi_pool_reason reason);

/* If the program waits for that: tell it that there may be room among the tasks. */
void pyqi_pool_tell_of_room(const struct pyqi_pool_common *c);

/* Tell the program. */
int pyqi_pool_tell(const struct pyqi_pool_common *c, const struct pyqi_pool_news_msg *news);

/* --- in the program --------------------------------------------------------------- */

/**
 * struct pyqi_pool_task - a task under way, by its index
 * @serial: of its last sending
 * @under_way: it is
 * @unsent: the queue had no room for it, which comes when workers have died
 * @attempt: the how manyeth sending
 * @cancelled: it is to end
 * @result: whose it is, or NULL: @map
 * @map: whose it is
 * @first: of a chunk, which is the first
 * @n: how many
 * @function: what is run
 * @arg: NULL, or a copy of the argument, to send it again
 * @len: its bytes
 * @timeout: as it is sent
 * @retries_left: how often it may be sent again
 * @next_free: index + 1 of another that is not under way
 */
struct pyqi_pool_task {
	uint32_t serial;
	bool under_way, unsent, cancelled;
	uint32_t attempt;
	pyq_result *result;
	pyq_map *map;
	size_t first, n;
	pyq_function function;
	void *arg;
	size_t len;
	int64_t timeout;
	unsigned int retries_left;
	uint32_t next_free;
};

/**
 * struct pyq_result - what becomes of a task
 * @pool: whose; it may be gone if it has ended, or this is a child
 * @generation: the process whose it is
 * @refs: the caller's, and the pool's
 * @ready: it has ended
 * @index: of its task
 * @error: 0, or how it has failed
 * @code: what the function returned
 * @status: of the worker that died
 * @attempts: how often it was sent
 * @outcome: data and text, allocated; NULL: none
 * @data: in that
 * @len: of that
 * @text: in that, or @why
 * @why: what the pool has to say
 * @callback: when it has ended well
 * @error_callback: when it has not
 * @context: for both
 * @next: of those whose callbacks are to be called
 */
struct pyq_result {
	pyq_pool *pool;
	uint64_t generation;
	int refs;
	int ready;
	uint32_t index;
	int error;
	int code;
	int status;
	unsigned int attempts;
	void *outcome;
	const void *data;
	size_t len;
	const char *text;
	char why[80];
	void (*callback)(pyq_result *result, void *context);
	void (*error_callback)(pyq_result *result, void *context);
	void *context;
	pyq_result *next;
};

/**
 * struct pyqi_pool_slot - what has become of one of many
 * @ready: it has ended
 * @error: 0, or how it has failed
 * @data: its bytes, in a block of the map's; of one that has failed the text, or NULL
 * @len: how many bytes of a result
 */
struct pyqi_pool_slot {
	bool ready;
	int error;
	const void *data;
	size_t len;
};

/* Bytes of results, of one chunk. */
struct pyqi_pool_block {
	struct pyqi_pool_block *next;
	uint64_t unused;
	char bytes[];
};

/**
 * struct pyq_map - one function, many arguments
 * @pool: whose; it may be gone if all have ended, or this is a child
 * @generation: the process whose it is
 * @function: what
 * @items: the arguments
 * @chunk: how many at once
 * @sent: so many have been
 * @ended: so many have
 * @under_way: chunks
 * @first_error: of the one with the lowest number that has failed
 * @first_failed: that number
 * @next: of pyq_map_next()
 * @order: numbers in the order in which they ended
 * @slots: what has become of each
 * @blocks: where their bytes are
 * @following: of the maps that have more to send
 * @listed: it is one of those
 */
struct pyq_map {
	pyq_pool *pool;
	uint64_t generation;
	pyq_function function;
	struct pyq_items items;
	size_t chunk, sent, ended, under_way, next;
	int first_error;
	size_t first_failed;
	size_t *order;
	struct pyqi_pool_slot *slots;
	struct pyqi_pool_block *blocks;
	pyq_map *following;
	bool listed;
};

/**
 * struct pyq_pool - the program's part
 * @common: what the others know as well
 * @generation: the process whose it is
 * @lock: for all that follows but @buf, @aio, @spinning
 * @led: somebody takes what comes; he is the only one
 * @leader: who
 * @followers: who wait for him, or until they can lead
 * @inside: threads that lead, or follow, or come back here after that
 * @changed: wakes them
 * @tasks: by their index
 * @free: index + 1 of one that is not under way
 * @under_way: how many are
 * @unsent: how many of them have yet to be sent again
 * @asks: how often the program has asked for room among the tasks
 * @waiters: who wait for a task that is not under way
 * @has_asked: and will be told
 * @closed: no task more
 * @terminated: nor what is under way
 * @gone: no worker, and no helper
 * @nudged: there is a nudge among the news
 * @copied: this is the copy that a helper, and its workers, have
 * @map_was_last: the last task is a map's
 * @broken: why, or ""
 * @maps: that have more to send
 * @ended: results whose callbacks are to be called
 * @ended_end: where the next of those goes
 * @stat: counters
 * @known: where the functions can be that the workers know
 * @nr_known: how many such places
 * @names: of a worker program's functions, sorted; or NULL
 * @helper: its process
 * @helper_fd: that to be polled; or -1
 * @orders: the socket to it
 * @poll_fd: of pyq_pool_fd(), or -1
 * @threads: instead of a helper
 * @nr_threads: how many
 * @threads_left: that have not ended
 * @has_own: there is a thread of its own
 * @own: that
 * @aio: how to wait
 * @aio_fd: what to poll for that
 * @asked: it waits for news
 * @by_kernel: which the module takes by itself, as the queue is not mapped
 * @deaf: or cannot: why
 * @buf: where they go
 * @size: bytes there
 * @out: where a message is put together
 * @spinning: what is known of looking before a sleep
 */
struct pyq_pool {
	struct pyqi_pool_common common;
	uint64_t generation;
	pthread_mutex_t lock;
	bool led;
	pthread_t leader;
	unsigned int followers, inside;
	pthread_cond_t changed;
	struct pyqi_pool_task *tasks;
	uint32_t free, under_way, unsent, asks, waiters;
	bool has_asked, closed, terminated, gone, nudged, copied, map_was_last;
	char broken[128];
	pyq_map *maps;
	pyq_result *ended, **ended_end;
	struct pyq_pool_stat stat;
	uintptr_t (*known)[2];
	size_t nr_known;
	struct pyqi_pool_named *names;
	pid_t helper;
	int helper_fd, orders, poll_fd;
	pthread_t *threads;
	unsigned int nr_threads;
	bool has_own;
	pthread_t own;
	pyq_aio *aio;
	int aio_fd;
	bool asked, by_kernel;
	int deaf;
	char *buf;
	size_t size;
	char *out;
	struct pyqi_spinning spinning;
};

/* Under its lock: does it take more? Return: 0, -EOWNERDEAD, -ESHUTDOWN. */
static inline int pyqi_pool_check_open(const pyq_pool *pool)
{
	if (pool->broken[0])
		return -EOWNERDEAD;
	return pool->closed ? -ESHUTDOWN : 0;
}

/* Wait until @done says so, doing the pool's work. Return: 0, -EAGAIN, -ETIMEDOUT, -EDEADLK. */
int pyqi_pool_wait(pyq_pool *pool, bool (*done)(pyq_pool *pool, const void *arg), const void *arg,
		   int64_t timeout);

int pyqi_pool_wait_until(pyq_pool *pool, bool (*done)(pyq_pool *pool, const void *arg),
			 const void *arg, uint64_t deadline);

/*
 * Under its lock: who comes back to the pool when he has waited says so before, and is waited for
 * by who destroys it.
 */
static inline void pyqi_pool_enter(pyq_pool *pool)
{
	pool->inside++;
}

void pyqi_pool_leave(pyq_pool *pool);

/* Until nobody else is in there. */
void pyqi_pool_wait_for_others(pyq_pool *pool);

/* Is this thread in a callback, and cannot wait? */
bool pyqi_pool_is_led_by_me(pyq_pool *pool);

/* Do what there is to do. */
int pyqi_pool_look(pyq_pool *pool);

/* To the helper. Return: 0, or -EOWNERDEAD. */
int pyqi_pool_order(const pyq_pool *pool, const struct pyqi_pool_order_msg *order);

/* Begin as many threads as there are to be workers. Return: 0 or -errno. */
int pyqi_pool_make_threads(pyq_pool *pool);

/* One of the library's: all signals are the program's. Return: 0 or -errno. */
int pyqi_pool_make_thread(pthread_t *thread, void *(*run)(void *arg), void *arg);

/* Under its lock: a piece of news, of @len bytes in its buffer. */
void pyqi_pool_take_in(pyq_pool *pool, size_t len);

/* Under its lock: send what there was no room for. */
void pyqi_pool_send_unsent(pyq_pool *pool);

/* Under its lock: it works no more, and all that is under way fails. */
void pyqi_pool_break(pyq_pool *pool, const char *why);

/* Under its lock: nothing comes from its workers any more. */
void pyqi_pool_is_gone(pyq_pool *pool);

/* Whoever sleeps for news is to look. */
void pyqi_pool_nudge(pyq_pool *pool);

/* Under its lock: all that is under way ends by @error. */
void pyqi_pool_fail_all(pyq_pool *pool, int error, const char *why);

/* Under its lock: this task ends by @error. */
void pyqi_pool_fail(pyq_pool *pool, struct pyqi_pool_task *task, int error, const char *why);

/* Under its lock: if all has been done, and no more is to come, the workers are to end. */
void pyqi_pool_end_if_over(pyq_pool *pool);

/* Under its lock: the chunks that have not been sent end by @error. The map may be free then. */
void pyqi_pool_map_drop(pyq_pool *pool, pyq_map *map, int error, const char *why);

/* Under its lock: a task to be filled in, where there is room. */
struct pyqi_pool_task *pyqi_pool_task_new(pyq_pool *pool);

/* Under its lock: send it. @arg is its argument, a part of it at most behind another. */
int pyqi_pool_send(pyq_pool *pool, struct pyqi_pool_task *task);

/* Under its lock: it is under way no more. */
void pyqi_pool_task_free(pyq_pool *pool, struct pyqi_pool_task *task);

/*
 * Under its lock: a task has ended: well, with outcomes; or not, by @error, of which @why says
 * more. Result and map may be free then.
 */
void pyqi_pool_result_done(pyq_pool *pool, struct pyqi_pool_task *task, const void *outcomes,
			   size_t len, int error, int status, const char *why);
void pyqi_pool_map_done(pyq_pool *pool, struct pyqi_pool_task *task, const void *outcomes,
			size_t len, int error, const char *why);

/* Under its lock: what a chunk's message has behind its head. Return: bytes, or 0: too long. */
size_t pyqi_pool_map_pack(const struct pyqi_pool_task *task, char *to, size_t room);

/* Under its lock: send of the maps what there is room for. Return: has any of it ended by that? */
bool pyqi_pool_map_follow(pyq_pool *pool);

/* Can this pool take a task? Return: 0 or an error of pyq_pool_apply_async(). */
int pyqi_pool_takes(pyq_pool *pool, pyq_function function);

/* An error in words, in a pool's; or NULL. */
const char *pyqi_pool_error(long err);

/* Where the functions of the program are now. */
int pyqi_pool_know(pyq_pool *pool);
bool pyqi_pool_knows(const pyq_pool *pool, pyq_function function);

/* How many bytes the table has. */
static inline size_t pyqi_pool_table_size(uint32_t most, uint32_t queue_size)
{
	return sizeof(struct pyqi_pool_table) + most * sizeof(struct pyqi_pool_worker) +
	       queue_size * sizeof(uint64_t);
}

#endif
