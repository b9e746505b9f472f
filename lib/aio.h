/* SPDX-License-Identifier: MIT */
/*
 * Operations that wait. Nothing here knows how a queue works: an operation is tried with
 * the synchronous functions, without waiting, at its beginning and whenever it may be
 * worth it. So a message is never anywhere but in a queue or in a completion. (What the
 * kernel can do on its own, on a queue that is not mapped: aio_command.h.)
 *
 * A side of a queue on which operations wait is armed or not. Those that are not are tried
 * at each call; the kernel is told to watch them, each once, only when nothing is left to
 * do but sleep: so while there is work nobody has to be called. What the kernel has told
 * of is armed no more.
 *
 * No event is missed: to arm is to have the kernel poll the queue, which announces itself
 * to those who put and get, and then looks; and what it tells of is tried until that says
 * -EAGAIN.
 */
#ifndef PYQI_AIO_H
#define PYQI_AIO_H

#include "priv.h"

#include <pyqueue/aio.h>

#include <linux/pyqueue.h>

struct pyqi_aio_source;

enum pyqi_aio_kind { PYQI_AIO_PUT, PYQI_AIO_GET, PYQI_AIO_PUT_MANY, PYQI_AIO_GET_MANY };

/**
 * struct pyqi_aio_op - an operation that waits
 * @next: behind it on its side; or of those that are free
 * @previous: before it
 * @side: where it waits; NULL: it is free
 * @deadline: until when
 * @timer: its place among the deadlines, or PYQI_AIO_NO_TIMER
 * @kind: what it is
 * @user_data: the caller's
 * @data: the message, room, or array
 * @n: bytes, or elements
 */
struct pyqi_aio_op {
	struct pyqi_aio_op *next, *previous;
	struct pyqi_aio_side *side;
	uint64_t deadline;
	uint32_t timer;
	enum pyqi_aio_kind kind;
	uint64_t user_data;
	void *data;
	size_t n;
};

#define PYQI_AIO_NO_TIMER UINT32_MAX

/* What the kernel does for a side. */
enum pyqi_aio_state {
	PYQI_AIO_LOOSE,	 /* nothing */
	PYQI_AIO_ARMED,	 /* watches */
	PYQI_AIO_SPENT,	 /* watches no more, and can be told to with little ado */
	PYQI_AIO_ENDING, /* is to watch no more; the engine will say when that is so */
};

/* What it has to be told before a sleep. */
enum pyqi_aio_list {
	PYQI_AIO_NONE,
	PYQI_AIO_TO_ARM,    /* operations wait: tried at each call, and armed before a sleep */
	PYQI_AIO_TO_DISARM, /* none does, and there is something to undo */
	PYQI_AIO_LISTS,
};

/**
 * struct pyqi_aio_side - one side of a queue
 * @source: the queue
 * @first: the operations that wait, in order
 * @last: of them
 * @state: what the kernel does
 * @own_fd: an engine's, while it is armed
 * @list: which list it is on
 * @next: on that list
 * @previous: on that list
 * @seen: what the ring was like when the last attempt had found nothing
 * @by_futex: while it is armed: nobody but this looks who has died, or been stopped
 * @by_command: the first operation is with the kernel, which does it (aio_command.h)
 * @no_command: that is refused
 * @command: what it has been told
 */
struct pyqi_aio_side {
	struct pyqi_aio_source *source;
	struct pyqi_aio_op *first, *last;
	enum pyqi_aio_state state;
	int own_fd;
	enum pyqi_aio_list list;
	struct pyqi_aio_side *next, *previous;
	uint64_t seen[2];
	bool by_futex;
	bool by_command, no_command;
	union {
		struct pyqueue_put put;
		struct pyqueue_get get;
	} command;
};

/**
 * struct pyqi_aio_source - a queue on which operations wait, or did a moment ago
 * @q: the queue
 * @serial: which handle that is, and what it is found by: another may come to its address
 * @sides: for putting, for getting
 * @next: in its chain
 */
struct pyqi_aio_source {
	pyq_queue *q;
	uint64_t serial;
	struct pyqi_aio_side sides[2];
	struct pyqi_aio_source *next;
};

/**
 * struct pyqi_aio_engine - how to wait for many files
 * @name: what pyq_aio_engine() says
 * @begin: make it
 * @end: all that it has made goes; or in a child what that has of it
 * @watch: have pyqi_aio_timer_rang() called when @timer_fd is readable, from now on
 * @arm: watch a side and tell of it once, by pyqi_aio_told(); now or with the next @look
 *	or @wait. A side whose end is under way is left alone: it will be loose
 * @disarm: watch it no more
 * @recall: end that the kernel has the first operation of a side, by what comes of it; an
 *	error: it still has. NULL: it never has
 * @look: do what is left to do, and tell what has happened
 * @wait: the same, and sleep until something has, or @until
 * @fd: to be polled
 */
struct pyqi_aio_engine {
	const char *name;
	int (*begin)(pyq_aio *aio);
	void (*end)(pyq_aio *aio, bool ours);
	int (*watch)(pyq_aio *aio);
	int (*arm)(pyq_aio *aio, struct pyqi_aio_side *side);
	void (*disarm)(pyq_aio *aio, struct pyqi_aio_side *side);
	int (*recall)(pyq_aio *aio, const struct pyqi_aio_op *first);
	int (*look)(pyq_aio *aio);
	int (*wait)(pyq_aio *aio, uint64_t until);
	int (*fd)(const pyq_aio *aio);
};

/**
 * struct pyq_aio - operations under way
 * @ring: the completions, and what the inline functions may do: nothing in a child, where
 *	it is all zeros. It ends with a page that is wiped, and what follows is on the next
 * @pages: where these pages are
 * @size: their bytes
 * @done: what @ring has of them
 * @engine: how it waits
 * @state: the engine's own
 * @generation: the process whose it is
 * @pending: operations that wait
 * @entries: how many of them, and completions, there can be
 * @free: operations to be used
 * @ops: all of them
 * @timers: operations with a deadline, a heap
 * @nr_timers: how many
 * @timer_fd: a timerfd for those who poll, or -1
 * @timer_set: what it is set to
 * @look_at: when to look who has died or been stopped where the kernel does not; or PYQI_FOREVER
 * @spinning: what is known of trying before a sleep
 * @turns: calls of pyq_aio_wait() that could do without a look at all there is
 * @chains: the queues, hashed
 * @chain_mask: of @chains
 * @lists: sides to be armed, and disarmed; the first and the last of each
 */
struct pyq_aio {
	struct pyq_aio_ring ring;
	void *pages;
	size_t size;
	struct pyq_completion *done;
	const struct pyqi_aio_engine *engine;
	void *state;
	uint64_t generation;
	uint32_t pending;
	uint32_t entries;
	struct pyqi_aio_op *free, *ops;
	struct pyqi_aio_op **timers;
	uint32_t nr_timers;
	int timer_fd;
	uint64_t timer_set;
	uint64_t look_at;
	struct pyqi_spinning spinning;
	unsigned int turns;
	struct pyqi_aio_source **chains;
	uint32_t chain_mask;
	struct {
		struct pyqi_aio_side *first, *last;
	} lists[PYQI_AIO_LISTS];
};

static inline unsigned int pyqi_aio_access(const struct pyqi_aio_side *side)
{
	return side == &side->source->sides[1] ? PYQ_READ : PYQ_WRITE;
}

extern const struct pyqi_aio_engine pyqi_aio_uring;
extern const struct pyqi_aio_engine pyqi_aio_epoll;

/*
 * The kernel watches @side no more: it has told of it (with @result, less than 0 if it
 * could not watch), or has been told not to.
 */
void pyqi_aio_told(pyq_aio *aio, struct pyqi_aio_side *side, int result);

/* --- completions --- */

static inline void pyqi_aio_complete(pyq_aio *aio, uint64_t user_data, int64_t result)
{
	struct pyq_completion *done = &aio->ring.done[aio->ring.tail++ & aio->ring.mask];

	done->user_data = user_data;
	done->result = result;
}

static inline uint32_t pyqi_aio_completed(const pyq_aio *aio)
{
	return aio->ring.tail - aio->ring.head;
}

/* Whoever has changed something lets the inline functions know. */
static inline void pyqi_aio_changed(pyq_aio *aio)
{
	aio->ring.idle = !aio->pending;
	aio->ring.at_once = aio->pending ? 0 : aio->entries - pyqi_aio_completed(aio);
}

/* --- operations that wait (aio_ops.c) --- */

/* The first of a side ends. */
void pyqi_aio_end(pyq_aio *aio, struct pyqi_aio_op *op, int64_t result);

/* The first of a side has been done; what is behind it is tried. */
void pyqi_aio_first_done(pyq_aio *aio, struct pyqi_aio_side *side, int64_t result);

/* All of a side end. */
void pyqi_aio_fail(pyq_aio *aio, struct pyqi_aio_side *side, int err);

/* Has its ring changed since its first operation was last tried? */
bool pyqi_aio_may_go(const struct pyqi_aio_side *side);

/* Try the operations of a side, in order, as far as it goes. */
void pyqi_aio_serve(pyq_aio *aio, struct pyqi_aio_side *side);

/* --- deadlines (aio_timers.c) --- */

void pyqi_aio_timer_add(pyq_aio *aio, struct pyqi_aio_op *op);
void pyqi_aio_timer_remove(pyq_aio *aio, struct pyqi_aio_op *op);

/* The first one, or PYQI_FOREVER. */
uint64_t pyqi_aio_timer_next(const pyq_aio *aio);

/* The timer of those who poll has woken them. */
void pyqi_aio_timer_rang(pyq_aio *aio);

/* --- queues (aio_sources.c) --- */

/* The side of a queue; NULL: nothing waits there. */
struct pyqi_aio_side *pyqi_aio_find(const pyq_aio *aio, const pyq_queue *q, unsigned int access);
/* By the handle's serial; NULL: nothing is known of it, any more. */
struct pyqi_aio_side *pyqi_aio_find_by(const pyq_aio *aio, uint64_t serial, unsigned int access);

/* The side of a queue, or NULL: no memory. */
struct pyqi_aio_side *pyqi_aio_side(pyq_aio *aio, pyq_queue *q, unsigned int access);

/* Something about @side has changed: onto the list where it belongs. */
void pyqi_aio_side_changed(pyq_aio *aio, struct pyqi_aio_side *side);

/*
 * Try all that is loose; or where the ring has changed since it was last tried, which is
 * not all that an operation could wait for. Return: whether something has ended.
 */
bool pyqi_aio_try_loose(pyq_aio *aio, bool all);

/* Look who of those has died, or been stopped before a call, whom the kernel does not settle. */
void pyqi_aio_look_around(pyq_aio *aio);

/* Before a sleep: what is waited for is armed, and nothing else. */
void pyqi_aio_arm(pyq_aio *aio);

void pyqi_aio_each_side(pyq_aio *aio, void (*fn)(pyq_aio *aio, struct pyqi_aio_side *side));
void pyqi_aio_sources_free(pyq_aio *aio);

#endif
