// SPDX-License-Identifier: MIT
/* A mapped queue for poll(). */
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "attempt.h"
#include "deadline.h"
#include "descriptor.h"
#include "forked.h"
#include "sleep.h"

/* The thread calls a few functions that call a few others. */
#define STACK (64 * 1024)

/* What the thread does. */
enum {
	SLEEPS, /* until there is something */
	TOLD,	/* the fd is ready; until it is not */
	ENDS,
};

/**
 * struct pyqi_poll - one side of a handle
 * @q: the handle
 * @side: those who wait on that side
 * @ready: is there something
 * @fd: what is polled
 * @state: what the thread does; it sleeps on it while TOLD
 * @lock: for the changes between SLEEPS and TOLD, and @fd with them
 * @thread: the thread
 * @runs: is there one
 */
struct pyqi_poll {
	pyq_queue *q;
	struct pyqueue_waiters *side;
	bool (*ready)(pyq_queue *q);
	int fd;
	uint32_t state;
	pthread_mutex_t lock;
	pthread_t thread;
	bool runs;
};

static uint32_t state_of(const struct pyqi_poll *poll)
{
	return __atomic_load_n(&poll->state, __ATOMIC_SEQ_CST);
}

static bool change(struct pyqi_poll *poll, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&poll->state, &from, to, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

static void wake_thread(struct pyqi_poll *poll)
{
	syscall(SYS_futex, &poll->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/*
 * An eventfd that is 0 or 1: neither waits. Whoever took what there was before it was TOLD
 * has seen nothing to make unready: so it is looked at again. The thread, if it is another,
 * may sleep by then because of that.
 */
static void make_ready(struct pyqi_poll *poll)
{
	pthread_mutex_lock(&poll->lock);
	if (change(poll, SLEEPS, TOLD)) {
		if (poll->ready(poll->q)) {
			eventfd_write(poll->fd, 1);
		} else {
			change(poll, TOLD, SLEEPS);
			wake_thread(poll);
		}
	}
	pthread_mutex_unlock(&poll->lock);
}

static void make_unready(struct pyqi_poll *poll)
{
	eventfd_t value;

	pthread_mutex_lock(&poll->lock);
	if (state_of(poll) == TOLD && !poll->ready(poll->q)) {
		eventfd_read(poll->fd, &value);
		change(poll, TOLD, SLEEPS);
		wake_thread(poll);
	}
	pthread_mutex_unlock(&poll->lock);
}

void pyqi_polls_update(pyq_queue *q)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;

	for (int i = 0; i < 2; i++) {
		struct pyqi_poll *poll = __atomic_load_n(&q->map.polls[i], __ATOMIC_SEQ_CST);

		if (poll && state_of(poll) == TOLD && !poll->ready(q))
			make_unready(poll);
	}
}

static void *run(void *arg)
{
	struct pyqi_watch watch = { .patient = false };
	struct pyqi_poll *poll = arg;
	uint32_t state, announced;

	while ((state = state_of(poll)) != ENDS) {
		if (state == TOLD) {
			/* He is not awake for as long: another watches. */
			pyqi_watch_ends(poll->q, &watch);
			watch = (struct pyqi_watch){ .patient = false };
			syscall(SYS_futex, &poll->state, FUTEX_WAIT_PRIVATE, TOLD, NULL, NULL, 0);
			continue;
		}
		pyq_pollers_announce(poll->side); /* H */
		/* Whatever it is, if somebody spoils it: no loop without a sleep. */
		announced = pyq_load_acquire(&poll->side->pollers);
		if (poll->ready(poll->q))
			make_ready(poll);
		else if (state_of(poll) == SLEEPS && announced & PYQUEUE_POLLED)
			pyqi_doze(poll->q, &poll->side->pollers, announced, PYQI_FOREVER, &watch);
	}
	pyqi_watch_ends(poll->q, &watch);
	return NULL;
}

static int start(struct pyqi_poll *poll)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int err;

	/* The program's signals are for its own threads. */
	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr,
				  (size_t)(STACK > PTHREAD_STACK_MIN ? STACK : PTHREAD_STACK_MIN));
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&poll->thread, &attr, run, poll);
	/* Where a program's thread-local variables alone are more than that. */
	if (err == EINVAL)
		err = pthread_create(&poll->thread, NULL, run, poll);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return err ? -ENOMEM : 0;
}

/* A child of a fork closes the fd. */
static int make_fd(pyq_queue *q, bool get, struct pyqi_poll *poll)
{
	pyqi_forked_wait();
	poll->fd = pyqi_opened(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (poll->fd >= 0)
		__atomic_store_n(&q->map.polls[!get], poll, __ATOMIC_SEQ_CST); /* H */
	pyqi_forked_go_on();
	return poll->fd < 0 ? poll->fd : 0;
}

static void close_fd(pyq_queue *q, struct pyqi_poll *poll)
{
	pyqi_forked_wait();
	q->map.polls[poll->side == &pyqi_header(q)->putters] = NULL;
	close(poll->fd);
	pyqi_forked_go_on();
}

/*
 * Nothing is allocated or freed where a fork waits for it: the allocator may have
 * something to do at a fork as well.
 */
static int make(pyq_queue *q, bool get)
{
	struct pyqi_poll *poll = malloc(sizeof(*poll));
	int err;

	if (!poll)
		return -ENOMEM;
	*poll = (struct pyqi_poll){
		.q = q,
		.side = get ? &pyqi_header(q)->getters : &pyqi_header(q)->putters,
		.ready = get ? pyqi_get_ready : pyqi_put_ready,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	err = make_fd(q, get, poll);
	if (err)
		free(poll);
	return err;
}

/*
 * The thread tells nobody before all who get and put look here: what it does not see taken
 * they see told. If there is no thread it stays all the same, for they may look already.
 */
static int begin(pyq_queue *q, struct pyqi_poll *poll)
{
	int err;

	pthread_mutex_lock(&poll->lock);
	err = start(poll);
	if (!err) {
		poll->runs = true;
		__atomic_store_n(&q->map.polled, true, __ATOMIC_SEQ_CST); /* H */
	}
	pthread_mutex_unlock(&poll->lock);
	return err;
}

int pyqi_mapped_pollfd(pyq_queue *q, unsigned int access, struct pollfd *pfd)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	struct pyqi_poll **at = &q->map.polls[access == PYQ_WRITE];
	struct pyqi_poll *poll;
	int err = pyqi_begin(q);

	if (err)
		return err;
	if (!(q->access & access))
		return -EBADF;
	pthread_mutex_lock(&pyqi_process->lock);
	if (!*at)
		err = make(q, access == PYQ_READ);
	poll = *at;
	if (!err && !poll->runs)
		err = begin(q, poll);
	pthread_mutex_unlock(&pyqi_process->lock);
	if (err)
		return err;
	*pfd = (struct pollfd){ .fd = poll->fd, .events = POLLIN };
	/* What is there already is to be seen at once. */
	if (poll->ready(q))
		make_ready(poll);
	return 0;
}

void pyqi_polls_let_go(pyq_queue *q)
{
	for (int i = 0; i < 2; i++) {
		struct pyqi_poll *poll = q->map.polls[i];

		if (!poll || poll->fd < 0)
			continue;
		close(poll->fd);
		poll->fd = -1; /* the number will be another file's */
	}
	q->map.polled = false;
}

void pyqi_polls_forget(const struct pyqi_mapping *parents)
{
	for (int i = 0; i < 2; i++)
		free(parents->polls[i]);
}

static void end_thread(struct pyqi_poll *poll)
{
	__atomic_store_n(&poll->state, ENDS, __ATOMIC_SEQ_CST);
	wake_thread(poll);
	/* It looks at its state after it has announced itself: one of the two sees. */
	if (pyq_pollers_claim(poll->side))
		pyqi_futex_call_pollers(poll->q, poll->side);
	pthread_join(poll->thread, NULL);
}

void pyqi_polls_end(pyq_queue *q)
{
	for (int i = 0; i < 2; i++) {
		struct pyqi_poll *poll = q->map.polls[i];

		if (!poll)
			continue;
		if (poll->runs)
			end_thread(poll);
		/* Nor does a child find what is gone. */
		close_fd(q, poll);
		free(poll);
	}
}
