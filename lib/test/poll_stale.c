// SPDX-License-Identifier: MIT
/*
 * The thread that makes a queue pollable has seen room, and before it says so somebody takes
 * that room: then it does not say so.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>

#include <pyqueue.h>

#include "test.h"

int __real_pthread_mutex_lock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_lock(pthread_mutex_t *lock);
int __real_pthread_mutex_unlock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock);

static pthread_t program;
static pyq_queue *q;
static int armed, taken, told;

/* The first room that there is when it is @armed; the thread may have come here long before. */
int __wrap_pthread_mutex_lock(pthread_mutex_t *lock)
{
	int err = __real_pthread_mutex_lock(lock);

	if (!pthread_equal(pthread_self(), program) && __atomic_load_n(&armed, __ATOMIC_ACQUIRE) &&
	    !taken)
		taken = !pyq_put(q, "x", 1, PYQ_NOWAIT);
	return err;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock)
{
	int err = __real_pthread_mutex_unlock(lock);

	if (!pthread_equal(pthread_self(), program) && taken)
		__atomic_store_n(&told, 1, __ATOMIC_RELEASE);
	return err;
}

int main(void)
{
	struct pollfd pfd;
	char text[1];

	program = pthread_self();
	CHECK(!pyq_create(&q, &(struct pyq_attr){ .maxsize = 1, .backend = "shm" }));
	CHECK(!pyq_pollfd(q, PYQ_WRITE, &pfd) && poll(&pfd, 1, 0) == 1);
	CHECK(!pyq_put(q, "x", 1, PYQ_NOWAIT) && !poll(&pfd, 1, 0));
	__atomic_store_n(&armed, 1, __ATOMIC_RELEASE);
	CHECK(pyq_get(q, text, sizeof(text), PYQ_NOWAIT) == 1);
	while (!__atomic_load_n(&told, __ATOMIC_ACQUIRE))
		sched_yield();
	CHECK(!poll(&pfd, 1, 0));
	/* And when there is room it does. */
	CHECK(pyq_get(q, text, sizeof(text), PYQ_NOWAIT) == 1);
	CHECK(poll(&pfd, 1, 20000) == 1);
	pyq_close(q);
	return failures;
}
