// SPDX-License-Identifier: MIT
/*
 * words_consumer QUEUE RESULTS NAME
 *
 * Takes paragraphs out of a queue until it is shut down and empty, and counts
 * their words. What it has counted goes into the queue RESULTS, "COUNT WORD" for
 * each word, and at the end "= NAME MESSAGES WORDS".
 */
#include <pyqueue.h>
#include <stdio.h>

#include "words.h"

#define MESSAGE_MAX 65536

static struct words words;

static int fail(const char *what, long err)
{
	fprintf(stderr, "words_consumer: %s: %s\n", what, pyq_strerror(err));
	return 1;
}

/* Now and then a word to those who watch. */
static void show(const char *name, pyq_queue *q, const struct pyq_msg *msg, size_t title,
		 unsigned long counted)
{
	if (msg->id >= 8 && msg->id % 100)
		return;
	printf("  %s took message %llu: %lu words of %.*s; %zd wait behind it\n", name,
	       (unsigned long long)msg->id, counted, (int)title, (char *)msg->data, pyq_qsize(q));
}

int main(int argc, char **argv)
{
	static char text[MESSAGE_MAX];
	unsigned long messages = 0;
	pyq_queue *q, *results;
	const char *name;
	char line[128];
	ssize_t len;
	int err, n;

	if (argc != 4) {
		fprintf(stderr, "Usage: words_consumer QUEUE RESULTS NAME\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	name = argv[3];
	err = pyq_open(&q, argv[1], PYQ_READ);
	if (err)
		return fail(argv[1], err);
	err = pyq_open(&results, argv[2], PYQ_WRITE);
	if (err)
		return fail(argv[2], err);

	for (;;) {
		struct pyq_msg msg = { .data = text, .size = sizeof(text) };
		unsigned long before = words.total;
		size_t title;

		len = pyq_get_msg(q, &msg, PYQ_FOREVER);
		if (len < 0)
			break;
		messages++;
		title = strcspn(text, "\n");
		words_count(&words, text + title, (size_t)len - title);
		show(name, q, &msg, title, words.total - before);
	}
	if (len != -ESHUTDOWN)
		return fail(argv[1], len);

	for (size_t i = 0; i < WORDS_SLOTS; i++) {
		if (!words.slots[i].text)
			continue;
		n = snprintf(line, sizeof(line), "%lu %s", words.slots[i].count,
			     words.slots[i].text);
		err = pyq_put(results, line, (size_t)n, PYQ_FOREVER);
		if (err)
			return fail(argv[2], err);
	}
	n = snprintf(line, sizeof(line), "= %s %lu %lu", name, messages, words.total);
	err = pyq_put(results, line, (size_t)n, PYQ_FOREVER);
	if (err)
		return fail(argv[2], err);
	pyq_close(results);
	pyq_close(q);
	return 0;
}
