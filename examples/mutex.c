// SPDX-License-Identifier: MIT
/*
 * Threads that change one number, with a lock and without.
 *
 * Without it two threads can read the same value, and what one of them writes is lost.
 * (That happens now and then; a barrier has it happen here for certain, once.)
 */
#include <pyqueue.h>
#include <stdio.h>

enum { THREADS = 4, TIMES = 1000 };

static pyq_lock lock;
static pyq_barrier all_have_read;
static volatile int number;

static int with_lock(void *arg)
{
	(void)arg;
	for (int i = 0; i < TIMES; i++) {
		int err = pyq_lock_acquire(&lock, PYQ_FOREVER);

		if (err)
			return err;
		number = number + 1;
		pyq_lock_release(&lock);
	}
	return 0;
}

static int without_lock(void *arg)
{
	(void)arg;
	for (int i = 0; i < TIMES; i++) {
		int value = number;

		if (i == 0)
			pyq_barrier_wait(&all_have_read, PYQ_FOREVER);
		number = value + 1;
	}
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

	if (!err)
		err = pyq_barrier_init(&all_have_read, THREADS, 0);
	if (err) {
		fprintf(stderr, "mutex: %s\n", pyq_strerror(err));
		return 1;
	}
	printf("with the lock: %d of %d\n", run(with_lock), THREADS * TIMES);
	printf("without it, some are lost: %s\n",
	       run(without_lock) < THREADS * TIMES ? "yes" : "no");
	pyq_barrier_destroy(&all_have_read);
	pyq_lock_destroy(&lock);
	return 0;
}
