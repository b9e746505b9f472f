// SPDX-License-Identifier: MIT
/*
 * A counter that several processes change, under a lock in memory that they share. One of
 * them is killed while it holds that: the next one is told so, and puts things right.
 */
#include <pyqueue.h>
#include <signal.h>
#include <stdio.h>

struct shared {
	pyq_lock lock;
	int counter, copy; /* always the same, but for a moment with the lock held */
};

/* Return: 0, and the lock is held. */
static int take(struct shared *s)
{
	int err = pyq_lock_acquire(&s->lock, PYQ_FOREVER);

	if (err != -EOWNERDEAD)
		return err;
	printf("its holder has died, with %d and %d\n", s->counter, s->copy);
	s->counter = s->copy;
	return pyq_lock_make_consistent(&s->lock);
}

static int count(void *arg)
{
	struct shared *s = arg;

	for (int i = 0; i < 1000; i++) {
		if (take(s))
			return 1;
		s->counter++;
		s->copy++;
		pyq_lock_release(&s->lock);
	}
	return 0;
}

static int die_with_it(void *arg)
{
	struct shared *s = arg;

	if (take(s))
		return 1;
	s->counter++;
	return raise(SIGKILL);
}

int main(void)
{
	struct shared *s = pyq_shared_alloc(sizeof(*s));
	struct pyq_process counters[4], victim = { .target = die_with_it, .arg = s };
	int err = s ? pyq_lock_init(&s->lock, PYQ_SHARED) : -ENOMEM;

	if (!err)
		err = pyq_process_start(&victim);
	if (!err)
		err = pyq_process_join(&victim, PYQ_FOREVER);
	for (int i = 0; !err && i < 4; i++) {
		counters[i] = (struct pyq_process){ .target = count, .arg = s };
		err = pyq_process_start(&counters[i]);
	}
	if (err) {
		fprintf(stderr, "shared_counter: %s\n", pyq_strerror(err));
		return 1;
	}
	for (int i = 0; i < 4; i++) {
		pyq_process_join(&counters[i], PYQ_FOREVER);
		pyq_process_close(&counters[i]);
	}
	printf("the counter is %d\n", s->counter);
	pyq_process_close(&victim);
	pyq_lock_destroy(&s->lock);
	pyq_shared_free(s, sizeof(*s));
	return 0;
}
