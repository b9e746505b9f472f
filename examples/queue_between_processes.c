// SPDX-License-Identifier: MIT
/*
 * A queue between two processes: one writes, the other begins to read a second
 * later, and ends when nothing has come for two.
 */
#include <pyqueue.h>
#include <stdio.h>
#include <unistd.h>

static int writer(void *queue)
{
	pyq_queue *q = queue;
	char text[32];

	for (int i = 1; i <= 5; i++) {
		int len = snprintf(text, sizeof(text), "message %d", i);
		int err = pyq_put(q, text, (size_t)len, PYQ_NOWAIT);

		if (pyq_is_full(err))
			printf("writer: no room for %s\n", text);
		else if (err)
			return 1;
		else
			printf("writer: put %s\n", text);
	}
	return 0;
}

static int reader(void *queue)
{
	pyq_queue *q = queue;
	char text[32];
	ssize_t len;

	sleep(1);
	while ((len = pyq_get(q, text, sizeof(text), PYQ_SECONDS(2))) >= 0)
		printf("reader: got %.*s\n", (int)len, text);
	printf("reader: empty\n");
	return pyq_is_empty(len) ? 0 : 1;
}

int main(void)
{
	struct pyq_process writing = { .target = writer }, reading = { .target = reader };
	pyq_queue *q;
	int err;

	err = pyq_create(&q, &(struct pyq_attr){ .maxsize = 10 });
	/* Python: Process(target=writer, args=(q,)) */
	writing.arg = reading.arg = q;
	if (!err)
		err = pyq_process_start(&writing);
	if (!err)
		err = pyq_process_start(&reading);
	if (err) {
		fprintf(stderr, "queue_between_processes: %s\n", pyq_strerror(err));
		return 1;
	}
	pyq_process_join(&writing, PYQ_FOREVER);
	pyq_process_join(&reading, PYQ_FOREVER);
	printf("both have ended\n");
	pyq_process_close(&writing);
	pyq_process_close(&reading);
	pyq_close(q);
	return 0;
}
