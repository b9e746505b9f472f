// SPDX-License-Identifier: MIT
/* What a forked child does at once. */
#include <pthread.h>

#include "forked.h"
#include "generation.h"
#include "owner.h"
#include "polls.h"

/* Each change is one store: a child made in whatever way finds it whole. */
static pyq_queue *first;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int begin_error;

/* A lock that is not there will not be, nor handles. */
static void before(void)
{
	if (!pyqi_process_begin())
		pthread_mutex_lock(&pyqi_process->fork_lock);
}

static void in_parent(void)
{
	if (pyqi_process)
		pthread_mutex_unlock(&pyqi_process->fork_lock);
}

/* The lock is the parent's: here nobody holds it. */
static void in_child(void)
{
	PYQI_KEEP_ERRNO;

	for (pyq_queue *q = first; q; q = q->next) {
		if (q->map.locks >= 0)
			pyqi_owner_forget(q, q->map.locks);
		q->map.locks = -1; /* the number will be another file's */
		pyqi_polls_let_go(q);
	}
}

void pyqi_forked_wait(void)
{
	pthread_mutex_lock(&pyqi_process->fork_lock);
}

void pyqi_forked_go_on(void)
{
	pthread_mutex_unlock(&pyqi_process->fork_lock);
}

static void begin(void)
{
	begin_error = -pthread_atfork(before, in_parent, in_child);
}

/*
 * Before there are threads: a child of a fork while another thread is in begin() would
 * have the handlers, not know it, and wait for itself when it forks.
 */
__attribute__((constructor)) static void begin_early(void)
{
	pyqi_process_begin();
	pthread_once(&once, begin);
}

int pyqi_forked_add(pyq_queue *q)
{
	begin_early();
	if (begin_error)
		return begin_error;
	pyqi_forked_wait();
	q->next = first;
	first = q;
	pyqi_forked_go_on();
	return 0;
}

void pyqi_forked_remove(pyq_queue *q)
{
	pyqi_forked_wait();
	for (pyq_queue **at = &first; *at; at = &(*at)->next) {
		if (*at == q) {
			*at = q->next;
			break;
		}
	}
	pyqi_forked_go_on();
}
