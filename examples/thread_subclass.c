// SPDX-License-Identifier: MIT
/*
 * Threads with something of their own, as
 *
 *	class Greeter(threading.Thread):
 *	    def __init__(self, name, times): ...
 *	    def run(self): ...
 */
#include <pyqueue.h>
#include <stdio.h>

struct greeter {
	pyq_thread thread; /* first: a greeter is a thread */
	int times;
};

static int greet(pyq_thread *self)
{
	struct greeter *greeter = (struct greeter *)self;

	for (int i = 1; i <= greeter->times; i++)
		printf("%s: %d of %d\n", pyq_thread_name(self), i, greeter->times);
	return 0;
}

int main(void)
{
	struct greeter ann = { .thread = { .run = greet, .name = "Ann" }, .times = 3 };
	struct greeter other = { .thread = { .run = greet }, .times = 3 };
	int err = pyq_thread_start(&ann.thread);

	if (!err)
		err = pyq_thread_start(&other.thread);
	if (err)
		fprintf(stderr, "thread_subclass: %s\n", pyq_strerror(err));
	pyq_thread_join(&ann.thread, PYQ_FOREVER);
	pyq_thread_join(&other.thread, PYQ_FOREVER);
	printf("both have ended\n");
	return err != 0;
}
