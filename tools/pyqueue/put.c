// SPDX-License-Identifier: MIT
/* pyqueue put */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

/* Messages handed to the library at once. */
#define BATCH 256
#define BUFFER_BYTES ((size_t)64 << 10)

struct putter {
	pyq_queue *q;
	const char *name;
	int64_t timeout;
	unsigned long long count; /* messages put so far */
};

struct buffer {
	char *data;
	size_t used;
	size_t size;
};

static int put_batch(struct putter *p, const struct pyq_msg *msgs, size_t n)
{
	ssize_t ret;

	while (n) {
		ret = pyq_put_many(p->q, msgs, n, p->timeout);
		if (ret < 0)
			return (int)ret;
		p->count += (size_t)ret;
		msgs += ret;
		n -= (size_t)ret;
	}
	return 0;
}

static int put_arguments(struct putter *p, char **texts, int n)
{
	struct pyq_msg msgs[BATCH];
	int err = 0;

	while (n && !err) {
		int count = n < BATCH ? n : BATCH;

		for (int i = 0; i < count; i++)
			msgs[i] = (struct pyq_msg){ .data = texts[i], .len = strlen(texts[i]) };
		err = put_batch(p, msgs, (size_t)count);
		texts += count;
		n -= count;
	}
	return err;
}

/* Reads what there is to read, at least a byte; returns how much, 0 at the end. */
static ssize_t buffer_read(struct buffer *b, int fd)
{
	ssize_t n;

	if (b->used == b->size) {
		size_t size = b->size ? 2 * b->size : BUFFER_BYTES;
		char *data = realloc(b->data, size);

		if (!data)
			return -ENOMEM;
		b->data = data;
		b->size = size;
	}
	do
		n = read(fd, b->data + b->used, b->size - b->used);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	b->used += (size_t)n;
	return n;
}

/* Puts the records in @b that are complete and leaves the rest. */
static int put_complete(struct putter *p, struct buffer *b, int separator, size_t seen)
{
	struct pyq_msg msgs[BATCH];
	size_t start = 0, n = 0;
	char *end;
	int err = 0;

	while (!err) {
		end = memchr(b->data + seen, separator, b->used - seen);
		if (end) {
			size_t at = (size_t)(end - b->data);

			msgs[n++] = (struct pyq_msg){ .data = b->data + start, .len = at - start };
			start = seen = at + 1;
		}
		if (!end || n == BATCH) {
			err = put_batch(p, msgs, n);
			n = 0;
		}
		if (!end)
			break;
	}
	memmove(b->data, b->data + start, b->used - start);
	b->used -= start;
	return err;
}

/*
 * What one read() returned is put before the next: whoever types lines, or
 * writes them slowly, does not wait for a batch to fill.
 */
static int put_records(struct putter *p, struct buffer *b, int separator, bool *input_failed)
{
	for (;;) {
		size_t seen = b->used;
		ssize_t n = buffer_read(b, STDIN_FILENO);
		int err;

		if (n < 0)
			*input_failed = true;
		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		err = put_complete(p, b, separator, seen);
		if (err)
			return err;
		if (b->used > pyq_max_msg(p->q))
			return -E2BIG;
	}
	/* The last record may lack its separator. */
	return b->used ? put_batch(p, &(struct pyq_msg){ .data = b->data, .len = b->used }, 1) : 0;
}

static int put_whole(struct putter *p, struct buffer *b, int fd, bool *input_failed)
{
	ssize_t n;

	do {
		n = buffer_read(b, fd);
		if (n < 0)
			*input_failed = true;
		if (n < 0)
			return (int)n;
		if (b->used > pyq_max_msg(p->q))
			return -E2BIG;
	} while (n);
	return put_batch(p, &(struct pyq_msg){ .data = b->data, .len = b->used }, 1);
}

static int put_file(struct putter *p, struct buffer *b, const char *file, bool *input_failed)
{
	int fd, err;

	if (!strcmp(file, "-"))
		return put_whole(p, b, STDIN_FILENO, input_failed);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		*input_failed = true;
		return -errno;
	}
	err = put_whole(p, b, fd, input_failed);
	close(fd);
	return err;
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "null", no_argument, NULL, '0' },
		{ "whole", no_argument, NULL, 'w' },
		{ "file", required_argument, NULL, 'f' },
		{ "timeout", required_argument, NULL, 't' },
		{ "nowait", no_argument, NULL, 'N' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct putter p = { .timeout = PYQ_FOREVER };
	struct buffer b = { .data = NULL };
	bool input_failed = false;
	const char *file = NULL;
	int separator = '\n';
	int c, err, status = 0;

	while ((c = next_option(argc, argv, "h0wf:t:", longs)) != -1) {
		switch (c) {
		case '0':
			separator = '\0';
			break;
		case 'w':
			file = "-";
			break;
		case 'f':
			file = optarg;
			break;
		case 't':
			p.timeout = parse_timeout(optarg);
			break;
		case 'N':
			p.timeout = PYQ_NOWAIT;
			break;
		}
	}
	if (optind >= argc)
		usage_error("which queue? A name is missing");
	p.name = argv[optind++];
	if (optind < argc && (file || !separator))
		usage_error("messages come from arguments, from a file or from standard input");
	if (file && !separator)
		usage_error("-0 splits the input, --whole and --file do not");

	err = pyq_open(&p.q, p.name, PYQ_WRITE);
	if (err)
		return failed(p.name, err);
	if (optind < argc)
		err = put_arguments(&p, argv + optind, argc - optind);
	else if (file)
		err = put_file(&p, &b, file, &input_failed);
	else
		err = put_records(&p, &b, separator, &input_failed);

	if (err && input_failed) {
		complain("%s: %s", file && strcmp(file, "-") ? file : "standard input",
			 strerror(-err));
		status = STATUS_ERROR;
	} else if (err) {
		status = failed(p.name, err);
	}
	/* Which one failed is what decides where to go on. */
	if (err && p.count)
		complain("%s: put before that: %llu", p.name, p.count);
	pyq_close(p.q);
	free(b.data);
	return status;
}

const struct command put_command = {
	.name = "put",
	.summary = "put messages: arguments, lines, or a whole file",
	.help = "Usage: pyqueue put NAME [OPTION...] [MESSAGE...]\n"
		"Put each MESSAGE, or each line of standard input, into the queue. Waits while the\n"
		"queue is full. A message that begins with '-' goes behind '--'.\n\n"
		"  -0, --null             records in the input end with a NUL byte, not a newline\n"
		"  -w, --whole            all of standard input is one message\n"
		"  -f, --file FILE        the content of FILE is one message\n"
		"  -t, --timeout SECONDS  how long to wait for room, for each message\n"
		"      --nowait           do not wait\n\n"
		"Exit status: 0 all put, 1 error, 2 usage, 3 full, 4 the queue is shut down.\n\n"
		"Example:\n"
		"  find . -name '*.log' | pyqueue put jobs --timeout 5\n",
	.run = run,
};
