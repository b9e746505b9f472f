// SPDX-License-Identifier: MIT
/*
 * The thread that makes a queue pollable has found something before he who has asked for it
 * goes on, and somebody takes that: then it is not told, or not any more. And if there was no
 * thread to be had, one can be asked for again.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>

#include <pyqueue.h>

#include "test.h"

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
			  void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
			  void *arg);
int __real_pthread_mutex_lock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_lock(pthread_mutex_t *lock);
int __real_pthread_mutex_unlock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock);

static pthread_t program;
static pyq_queue *q;
static int none, kept_waiting, told;

/* When the thread has told, or can go no further, what there was is taken. */
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
			  void *arg)
{
	char text[1];
	int err;

	if (none)
		return EAGAIN;
	err = __real_pthread_create(thread, attr, run, arg);
	while (!__atomic_load_n(&kept_waiting, __ATOMIC_ACQUIRE) &&
	       !__atomic_load_n(&told, __ATOMIC_ACQUIRE))
		sched_yield();
	CHECK(pyq_get(q, text, sizeof(text), PYQ_NOWAIT) == 1);
	return err;
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *lock)
{
	if (pthread_equal(pthread_self(), program))
		return __real_pthread_mutex_lock(lock);
	if (!pthread_mutex_trylock(lock))
		return 0;
	__atomic_store_n(&kept_waiting, 1, __ATOMIC_RELEASE);
	return __real_pthread_mutex_lock(lock);
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock)
{
	int err = __real_pthread_mutex_unlock(lock);

	if (!pthread_equal(pthread_self(), program))
		__atomic_store_n(&told, 1, __ATOMIC_RELEASE);
	return err;
}

int main(void)
{
	struct pollfd pfd;

	program = pthread_self();
	CHECK(!pyq_create(&q, &(struct pyq_attr){ .maxsize = 1, .backend = "shm" }));
	CHECK(!pyq_put(q, "x", 1, PYQ_NOWAIT));
	none = 1;
	CHECK(pyq_pollfd(q, PYQ_READ, &pfd) == -ENOMEM);
	none = 0;
	CHECK(!pyq_pollfd(q, PYQ_READ, &pfd));
	while (!__atomic_load_n(&told, __ATOMIC_ACQUIRE))
		sched_yield();
	CHECK(!poll(&pfd, 1, 0));
	/* And when there is something it does. */
	CHECK(!pyq_put(q, "x", 1, PYQ_NOWAIT));
	CHECK(poll(&pfd, 1, 20000) == 1);
	pyq_close(q);
	return failures;
}
