// SPDX-License-Identifier: MIT
/* Two threads and one queue, as queue.Queue: what one puts the other gets, in order. */
#include <pyqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ITEMS = 5 };

/* Up to a tenth of a second. */
static void pause_a_little(unsigned int *seed)
{
	nanosleep(&(struct timespec){ .tv_nsec = rand_r(seed) % 100000000 }, NULL);
}

static int produce(void *arg)
{
	pyq_queue *q = arg;
	unsigned int seed = (unsigned int)time(NULL);
	int err = 0;

	for (int item = 1; item <= ITEMS && !err; item++) {
		pause_a_little(&seed);
		err = pyq_put(q, &item, sizeof(item), PYQ_FOREVER);
	}
	return err;
}

static int consume(void *arg)
{
	pyq_queue *q = arg;
	unsigned int seed = (unsigned int)time(NULL) + 1;

	for (int i = 0; i < ITEMS; i++) {
		int item;
		ssize_t len = pyq_get(q, &item, sizeof(item), PYQ_SECONDS(10));

		if (len < 0)
			return (int)len;
		printf("%s: got item %d\n", pyq_thread_name(pyq_thread_current()), item);
		pause_a_little(&seed);
	}
	return 0;
}

int main(void)
{
	pyq_thread producer = { .name = "Producer", .target = produce };
	pyq_thread consumer = { .name = "Consumer", .target = consume };
	int produced = -1, consumed = -1;
	pyq_queue *q;
	int err = pyq_create(&q, &(struct pyq_attr){ .maxsize = 2 });

	if (err) {
		fprintf(stderr, "producer_consumer: %s\n", pyq_strerror(err));
		return 1;
	}
	producer.arg = consumer.arg = q;
	pyq_thread_start(&producer);
	pyq_thread_start(&consumer);
	pyq_thread_join(&producer, PYQ_FOREVER);
	pyq_thread_join(&consumer, PYQ_FOREVER);
	pyq_thread_exitcode(&producer, &produced);
	pyq_thread_exitcode(&consumer, &consumed);
	printf("both have ended\n");
	pyq_close(q);
	return produced || consumed;
}
