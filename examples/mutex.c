// SPDX-License-Identifier: MIT
/*
 * Threads that change one number, with a lock and without.
 *
 * Without it two threads can read the same value, and what one of them writes is lost.
 * (sched_yield() lets the others come in between: what else happens now and then does
 * here for certain.)
 */
#include <pyqueue.h>
#include <sched.h>
#include <stdio.h>

enum { THREADS = 4, TIMES = 1000 };

static pyq_lock lock;
static volatile int number;

static void add_one(void)
{
	int value = number;

	sched_yield();
	number = value + 1;
}

static int with_lock(void *arg)
{
	(void)arg;
	for (int i = 0; i < TIMES; i++) {
		int err = pyq_lock_acquire(&lock, PYQ_FOREVER);

		if (err)
			return err;
		add_one();
		pyq_lock_release(&lock);
	}
	return 0;
}

static int without_lock(void *arg)
{
	(void)arg;
	for (int i = 0; i < TIMES; i++)
		add_one();
	return 0;
}

/* Return: the number, after all of them. */
static int run(int (*function)(void *arg))
{
	pyq_thread threads[THREADS] = { 0 };

	number = 0;
	for (int i = 0; i < THREADS; i++) {
		threads[i] = (pyq_thread){ .target = function };
		pyq_thread_start(&threads[i]);
	}
	for (int i = 0; i < THREADS; i++)
		pyq_thread_join(&threads[i], PYQ_FOREVER);
	return number;
}

int main(void)
{
	int err = pyq_lock_init(&lock, 0);

	if (err) {
		fprintf(stderr, "mutex: %s\n", pyq_strerror(err));
		return 1;
	}
	printf("with the lock: %d of %d\n", run(with_lock), THREADS * TIMES);
	printf("without it, some are lost: %s\n",
	       run(without_lock) < THREADS * TIMES ? "yes" : "no");
	pyq_lock_destroy(&lock);
	return 0;
}
