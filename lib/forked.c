// SPDX-License-Identifier: MIT
/* What a forked child does at once. */
#include <pthread.h>

#include "forked.h"
#include "owner.h"
#include "polls.h"

static pyq_queue *first;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int begin_error;

static void before(void)
{
	pthread_mutex_lock(&lock);
}

static void in_parent(void)
{
	pthread_mutex_unlock(&lock);
}

static void in_child(void)
{
	PYQI_KEEP_ERRNO;

	for (pyq_queue *q = first; q; q = q->next) {
		if (q->map.locks >= 0)
			pyqi_owner_forget(q, q->map.locks);
		q->map.locks = -1; /* the number will be another file's */
		pyqi_polls_forget(q);
	}
	pthread_mutex_unlock(&lock);
}

void pyqi_forked_wait(void)
{
	pthread_mutex_lock(&lock);
}

void pyqi_forked_go_on(void)
{
	pthread_mutex_unlock(&lock);
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
	pthread_once(&once, begin);
}

int pyqi_forked_add(pyq_queue *q)
{
	begin_early();
	if (begin_error)
		return begin_error;
	pthread_mutex_lock(&lock);
	q->next = first;
	first = q;
	pthread_mutex_unlock(&lock);
	return 0;
}

void pyqi_forked_remove(pyq_queue *q)
{
	pthread_mutex_lock(&lock);
	for (pyq_queue **at = &first; *at; at = &(*at)->next) {
		if (*at == q) {
			*at = q->next;
			break;
		}
	}
	pthread_mutex_unlock(&lock);
}
