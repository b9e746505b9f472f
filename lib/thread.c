// SPDX-License-Identifier: MIT
/*
 * pyq_thread: pthreads that can be waited for with a timeout, by any number of threads.
 *
 * Each has a word, which is a futex:
 *
 *	NEW --start--> STARTING --the thread--> RUNNING --the thread--> DONE
 *	DONE --a join--> JOINING --pthread_join()--> JOINED
 *
 * The thread does not look at the structure any more once it is DONE. One of those who
 * wait for it collects it from the C library, and is the only one who does; if his time
 * is over before it is gone he leaves it to the next one. DETACHED is a flag beside
 * these: nobody is to collect it, and DONE is the end.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "me.h"
#include "until.h"

#include <pyqueue/thread.h>

enum {
	NEW = 0,
	STARTING = 1,
	RUNNING = 2,
	DONE = 3,
	JOINING = 4,
	JOINED = 5,
	STATE = 7,
	DETACHED = 8,
};

/**
 * struct inside - what is in a pyq_thread
 * @state: that word
 * @tid: the kernel's number
 * @generation: the process it was started in
 * @pthread: the C library's handle
 * @number: of a thread without a name
 * @code: what its function has returned
 * @name: Thread-N
 */
struct inside {
	uint32_t state;
	int tid;
	uint64_t generation;
	pthread_t pthread;
	uint32_t number;
	int code;
	char name[24];
} __attribute__((may_alias));

_Static_assert(sizeof(struct inside) <= sizeof(((pyq_thread *)0)->opaque), "room for it");

static __thread pyq_thread *current;
static uint32_t last_number;

static struct inside *inside(pyq_thread *thread)
{
	return (struct inside *)thread->opaque;
}

static const struct inside *inside_const(const pyq_thread *thread)
{
	return (const struct inside *)thread->opaque;
}

static uint32_t load(const struct inside *in)
{
	return __atomic_load_n(&in->state, __ATOMIC_ACQUIRE);
}

static bool change(struct inside *in, uint32_t *state, uint32_t wanted)
{
	return __atomic_compare_exchange_n(&in->state, state, wanted, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE);
}

/* Return: its state; NEW as well for what the parent of this process has started. */
static uint32_t state_here(const struct inside *in)
{
	uint32_t state = load(in);

	if ((state & STATE) < RUNNING || in->generation != pyqi_this_process())
		return NEW;
	return state;
}

const char *pyq_thread_name(pyq_thread *thread)
{
	struct inside *in = inside(thread);

	if (thread->name)
		return thread->name;
	if (!in->number) {
		in->number = __atomic_add_fetch(&last_number, 1, __ATOMIC_RELAXED);
		snprintf(in->name, sizeof(in->name), "Thread-%u", in->number);
	}
	return in->name;
}

static void tell_the_kernel(const char *name)
{
	char first[16] = "";

	memcpy(first, name, strnlen(name, sizeof(first) - 1));
	pthread_setname_np(pthread_self(), first);
}

/* However it ends. After this the structure may be gone. */
static void has_ended(void *thread)
{
	struct inside *in = inside(thread);
	const uint32_t *word = &in->state;

	current = NULL;
	_Static_assert((RUNNING | 1) == DONE, "one bit, beside which DETACHED may come");
	__atomic_fetch_or(&in->state, 1, __ATOMIC_RELEASE);
	pyqi_word_wake(word, PYQI_ALL, false);
}

static void *begin(void *arg)
{
	pyq_thread *thread = arg;
	struct inside *in = inside(thread);

	current = thread;
	in->tid = gettid();
	in->pthread = pthread_self();
	tell_the_kernel(pyq_thread_name(thread));

	pthread_cleanup_push(has_ended, thread);
	__atomic_store_n(&in->state, RUNNING, __ATOMIC_RELEASE);
	pyqi_word_wake(&in->state, PYQI_ALL, false);
	in->code = thread->run ? thread->run(thread) : thread->target(thread->arg);
	pthread_cleanup_pop(1);
	return NULL;
}

int pyq_thread_start(pyq_thread *thread)
{
	PYQI_KEEP_ERRNO;
	struct inside *in = inside(thread);
	uint32_t state = NEW;
	pthread_t pthread;
	int err;

	if (!thread->target == !thread->run)
		return -EINVAL;
	if (!change(in, &state, STARTING))
		return -EALREADY;

	in->generation = pyqi_this_process();
	in->code = -ECANCELED;
	pyq_thread_name(thread);
	err = pthread_create(&pthread, NULL, begin, thread);
	if (err) {
		__atomic_store_n(&in->state, NEW, __ATOMIC_RELEASE);
		return err == EAGAIN ? -ENOMEM : -err;
	}
	while (load(in) == STARTING)
		pyqi_word_sleep(&in->state, STARTING, PYQI_FOREVER, false);
	return 0;
}

/* The state is JOINING by the caller. */
static int collect(struct inside *in, uint64_t deadline)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	const pthread_t pthread = in->pthread;
	uint32_t state = JOINING;
	int err;

	if (deadline == PYQI_FOREVER)
		err = pthread_join(pthread, NULL);
	else if (deadline == PYQI_NOWAIT)
		err = pthread_tryjoin_np(pthread, NULL);
	else
		err = pyqi_join_until(pthread, deadline);
	while (!change(in, &state, err ? DONE | (state & DETACHED) : JOINED))
		;
	/*
	 * From now on the structure may be gone, by another one's join. Who has detached it
	 * meanwhile has left the thread to us.
	 */
	if (err && state & DETACHED)
		pthread_detach(pthread);
	pyqi_word_wake(&in->state, PYQI_ALL, false);
	return err == EBUSY ? -EAGAIN : -err;
}

int pyq_thread_join(pyq_thread *thread, int64_t timeout)
{
	struct inside *in = inside(thread);
	uint64_t deadline;
	int err = pyqi_deadline(timeout, &deadline);

	if (err)
		return err;
	if (thread == pyq_thread_current())
		return -EDEADLK;
	for (;;) {
		uint32_t state = state_here(in);

		if (state == NEW)
			return -ESRCH;
		if (state == JOINED || state == (DONE | DETACHED))
			return 0;
		if (state == DONE) {
			if (change(in, &state, JOINING))
				return collect(in, deadline);
			continue;
		}
		err = pyqi_time_is_over(deadline);
		if (err)
			return err;
		pyqi_word_sleep(&in->state, state, deadline, false);
	}
}

int pyq_thread_detach(pyq_thread *thread)
{
	struct inside *in = inside(thread);
	uint32_t state = state_here(in);
	pthread_t pthread;

	if (state == NEW)
		return -ESRCH;
	pthread = in->pthread;
	do {
		if (state & DETACHED || state == JOINED)
			return 0;
	} while (!change(in, &state, state | DETACHED));
	/* If it has ended it is joined by that, and the structure may be gone. */
	if (state != JOINING)
		pthread_detach(pthread);
	return 0;
}

bool pyq_thread_is_alive(const pyq_thread *thread)
{
	return (state_here(inside_const(thread)) & STATE) == RUNNING;
}

int pyq_thread_exitcode(const pyq_thread *thread, int *code)
{
	const struct inside *in = inside_const(thread);
	uint32_t state = state_here(in);

	if (state == NEW)
		return -ESRCH;
	if ((state & STATE) == RUNNING)
		return -EAGAIN;
	*code = in->code;
	return 0;
}

int pyq_thread_ident(const pyq_thread *thread)
{
	const struct inside *in = inside_const(thread);

	return state_here(in) == NEW ? -ESRCH : in->tid;
}

pyq_thread *pyq_thread_current(void)
{
	return current && state_here(inside(current)) != NEW ? current : NULL;
}
