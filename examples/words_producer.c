// SPDX-License-Identifier: MIT
/*
 * words_producer QUEUE FILE...
 *
 * Puts every paragraph of the files into a queue, its file's name in front of
 * it, and shuts the queue down: that is how the consumers know the end.
 */
#include <pyqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 65536

static int fail(const char *what, long err)
{
	fprintf(stderr, "words_producer: %s: %s\n", what, pyq_strerror(err));
	return 1;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Paragraphs are what blank lines separate. */
static int put_file(pyq_queue *q, const char *path, unsigned long *messages)
{
	static char message[MESSAGE_MAX];
	char *line = NULL;
	size_t room = 0, start, len;
	FILE *file = fopen(path, "re");
	int err = 0;

	if (!file)
		return -errno;
	start = len = (size_t)snprintf(message, sizeof(message), "%s\n", base_name(path));
	for (;;) {
		ssize_t n = getline(&line, &room, file);
		int blank = n <= 0 || line[strspn(line, " \t\r\f\n")] == '\0';

		if (len > start && (blank || len + (size_t)n > sizeof(message))) {
			err = pyq_put(q, message, len, PYQ_FOREVER);
			if (err)
				break;
			++*messages;
			len = start;
		}
		if (n <= 0)
			break;
		if (blank)
			continue;
		if (len + (size_t)n > sizeof(message)) {
			err = -E2BIG;
			break;
		}
		memcpy(message + len, line, (size_t)n);
		len += (size_t)n;
	}
	free(line);
	fclose(file);
	return err;
}

int main(int argc, char **argv)
{
	unsigned long messages = 0;
	pyq_queue *q;
	int err;

	if (argc < 3) {
		fprintf(stderr, "Usage: words_producer QUEUE FILE...\n");
		return 2;
	}
	err = pyq_open(&q, argv[1], PYQ_WRITE);
	if (err)
		return fail(argv[1], err);
	for (int i = 2; i < argc; i++) {
		err = put_file(q, argv[i], &messages);
		if (err)
			return fail(argv[i], err);
	}
	err = pyq_shutdown(q, false);
	if (err)
		return fail(argv[1], err);
	pyq_close(q);
	printf("  producer: that was the last of %lu paragraphs\n", messages);
	return 0;
}
