// SPDX-License-Identifier: MIT
/* A lock that another thread holds: acquire(blocking=False), acquire(timeout=0.2), acquire(). */
#include <pyqueue.h>
#include <stdio.h>

struct shared {
	pyq_lock lock;
	pyq_event held, over;
};

static int hold(void *arg)
{
	struct shared *s = arg;
	int err = pyq_lock_acquire(&s->lock, PYQ_FOREVER);

	pyq_event_set(&s->held);
	pyq_event_wait(&s->over, PYQ_FOREVER);
	return err ? err : pyq_lock_release(&s->lock);
}

int main(void)
{
	struct shared s;
	pyq_thread holder = { .target = hold, .arg = &s };
	int err = pyq_lock_init(&s.lock, 0);

	if (!err)
		err = pyq_event_init(&s.held, 0);
	if (!err)
		err = pyq_event_init(&s.over, 0);
	if (!err)
		err = pyq_thread_start(&holder);
	if (err) {
		fprintf(stderr, "lock_timeout: %s\n", pyq_strerror(err));
		return 1;
	}
	pyq_event_wait(&s.held, PYQ_FOREVER);
	if (pyq_lock_acquire(&s.lock, PYQ_NOWAIT) == -EAGAIN)
		printf("not now\n");
	if (pyq_lock_acquire(&s.lock, PYQ_SECONDS(0.2)) == -ETIMEDOUT)
		printf("not in 0.2 seconds\n");
	pyq_event_set(&s.over);
	if (!pyq_lock_acquire(&s.lock, PYQ_FOREVER))
		printf("but when the other one has released it\n");
	pyq_lock_release(&s.lock);
	pyq_thread_join(&holder, PYQ_FOREVER);
	pyq_lock_destroy(&s.lock);
	pyq_event_destroy(&s.held);
	pyq_event_destroy(&s.over);
	return 0;
}
