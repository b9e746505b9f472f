// SPDX-License-Identifier: MIT
/*
 * A queue with a bound, as queue.Queue(3): what does not fit waits, at most as
 * long as it is told to, or does not wait at all.
 */
#include <pyqueue.h>
#include <stdio.h>

int main(void)
{
	static const char *const texts[] = { "message 1", "message 2", "message 3" };
	char text[64];
	pyq_queue *q;
	ssize_t len;
	int err;

	err = pyq_create(&q, &(struct pyq_attr){ .maxsize = 3 });
	if (err) {
		fprintf(stderr, "queue_bounded: %s\n", pyq_strerror(err));
		return 1;
	}

	for (int i = 0; i < 3; i++) {
		err = pyq_put(q, texts[i], 9, PYQ_FOREVER);
		printf("put %s, full: %s\n", texts[i], pyq_full(q) ? "yes" : "no");
	}

	/* Python: q.put("message 4", timeout=2), and except queue.Full */
	err = pyq_put(q, "message 4", 9, PYQ_SECONDS(2));
	if (pyq_is_full(err))
		printf("full after 2 seconds, messages: %zd\n", pyq_qsize(q));

	/* Python: q.get_nowait() */
	while (!pyq_empty(q)) {
		len = pyq_get(q, text, sizeof(text), PYQ_NOWAIT);
		if (len >= 0)
			printf("got %.*s\n", (int)len, text);
	}
	if (pyq_is_empty(pyq_get(q, text, sizeof(text), PYQ_NOWAIT)))
		printf("empty\n");

	/* Python: q.put_nowait(...) */
	for (int i = 4; !pyq_full(q); i++) {
		len = snprintf(text, sizeof(text), "message %d", i);
		err = pyq_put(q, text, (size_t)len, PYQ_NOWAIT);
		if (!err)
			printf("put %s\n", text);
	}
	printf("full again, messages: %zd\n", pyq_qsize(q));
	pyq_close(q);
	return 0;
}
