// SPDX-License-Identifier: MIT
/*
 * pyqueue get
 *
 * A message that has been taken is in nobody's hands but ours. So only one is
 * taken at a time, it is written out before the next, and one that cannot be
 * written goes back.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "command.h"

struct getter {
	pyq_queue *q;
	const char *name;
	int64_t timeout;
	uint64_t count; /* how many at most */
	bool all;	/* until it is empty */
	bool follow;	/* until it is shut down */
	bool done;	/* task_done for each */
	char terminator;
	size_t terminator_len;
	bool pipe_signal; /* SIGPIPE was not ignored by who started us */
};

/* Returns 0, or why nothing can be written: then there is no use in taking more. */
static int output_error(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO };

	if (poll(&out, 1, 0) <= 0)
		return 0;
	return out.revents & POLLNVAL ? -EBADF : -EPIPE;
}

static int write_all(const void *data, size_t len, const void *end, size_t end_len)
{
	struct iovec parts[] = {
		{ .iov_base = (void *)(uintptr_t)data, .iov_len = len },
		{ .iov_base = (void *)(uintptr_t)end, .iov_len = end_len },
	};
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

	while (parts[0].iov_len || parts[1].iov_len) {
		ssize_t n = writev(STDOUT_FILENO, parts, 2);

		if (n < 0 && errno == EAGAIN)
			poll(&out, 1, -1);
		else if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < 2 && n > 0; i++) {
			size_t step = (size_t)n < parts[i].iov_len ? (size_t)n : parts[i].iov_len;

			parts[i].iov_base = (char *)parts[i].iov_base + step;
			parts[i].iov_len -= step;
			n -= (ssize_t)step;
		}
	}
	return 0;
}

/* A reader that goes away is no error among pipes: end as other commands do then. */
static int output_failed(const struct getter *g, int err)
{
	if (err == -EPIPE && g->pipe_signal) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	return STATUS_ERROR;
}

static void give_back(const struct getter *g, const void *data, size_t len, int why)
{
	/* Somebody may have filled the place: other consumers have this long to make room. */
	int err = pyq_put(g->q, data, len, PYQ_SECONDS(1));

	if (err) {
		complain("standard output: %s; a message of %zu bytes from %s is lost: %s",
			 strerror(-why), len, g->name, pyq_strerror(err));
		return;
	}
	/* It counts as put once more; what was taken will not be finished by anybody else. */
	pyq_task_done(g->q, 1);
	complain("standard output: %s; the message is back in %s, behind the others",
		 strerror(-why), g->name);
}

static bool at_end(const struct getter *g, int err)
{
	if (g->all)
		return err == -ESHUTDOWN || pyq_is_empty(err);
	return g->follow && err == -ESHUTDOWN;
}

static int get_messages(const struct getter *g)
{
	for (uint64_t i = 0; i < g->count; i++) {
		void *data;
		size_t len;
		int err = output_error();

		if (err) {
			if (err != -EPIPE || !g->pipe_signal)
				complain("standard output: %s", strerror(-err));
			return output_failed(g, err);
		}
		err = pyq_get_alloc(g->q, &data, &len, g->timeout);
		if (err)
			return at_end(g, err) ? 0 : failed(g->name, err);
		err = write_all(data, len, &g->terminator, g->terminator_len);
		if (err) {
			give_back(g, data, len, err);
			free(data);
			return output_failed(g, err);
		}
		free(data);
		if (g->done)
			err = pyq_task_done(g->q, 1);
		if (err)
			return failed(g->name, err);
	}
	return 0;
}

static int run(int argc, char **argv)
{
	enum { NOWAIT = 256 };
	static const struct option longs[] = {
		{ "count", required_argument, NULL, 'n' },
		{ "all", no_argument, NULL, 'a' },
		{ "follow", no_argument, NULL, 'f' },
		{ "null", no_argument, NULL, '0' },
		{ "raw", no_argument, NULL, 'r' },
		{ "timeout", required_argument, NULL, 't' },
		{ "nowait", no_argument, NULL, NOWAIT },
		{ "done", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct getter g = { .timeout = PYQ_FOREVER, .terminator = '\n', .terminator_len = 1 };
	bool timeout_given = false;
	int64_t count = 0;
	int c, err, status;

	while ((c = next_option(argc, argv, "hn:af0rt:d", longs)) != -1) {
		switch (c) {
		case 'n':
			count = parse_number("-n", optarg);
			if (count < 1)
				usage_error("-n takes a number from 1 on, not '%s'", optarg);
			break;
		case 'a':
			g.all = true;
			break;
		case 'f':
			g.follow = true;
			break;
		case '0':
			g.terminator = '\0';
			break;
		case 'r':
			g.terminator_len = 0;
			break;
		case 't':
			g.timeout = parse_timeout(optarg);
			timeout_given = true;
			break;
		case NOWAIT:
			g.timeout = PYQ_NOWAIT;
			timeout_given = true;
			break;
		case 'd':
			g.done = true;
			break;
		}
	}
	g.name = name_argument(argc, argv);
	if (g.all && g.follow)
		usage_error("--all ends when the queue is empty, --follow does not: not both");
	if (g.all && !timeout_given)
		g.timeout = PYQ_NOWAIT;
	g.count = count ? (uint64_t)count : g.all || g.follow ? UINT64_MAX : 1;

	/* write() shall fail instead, so that a message can go back. */
	g.pipe_signal = signal(SIGPIPE, SIG_IGN) != SIG_IGN;

	/* Writing is for giving back; who may only get can do without. */
	err = pyq_open(&g.q, g.name, PYQ_READ | PYQ_WRITE);
	if (err == -EACCES)
		err = pyq_open(&g.q, g.name, PYQ_READ);
	if (err)
		return failed(g.name, err);
	status = get_messages(&g);
	pyq_close(g.q);
	return status;
}

const struct command get_command = {
	.name = "get",
	.summary = "take messages and print them",
	.help = "Usage: pyqueue get NAME [OPTION...]\n"
		"Take the next message out of the queue and print it, with a newline. Waits while\n"
		"the queue is empty. A message that cannot be written out goes back to the queue.\n\n"
		"  -n, --count N          take N messages\n"
		"  -a, --all              take messages until the queue is empty (with --timeout:\n"
		"                         until none has come for that long)\n"
		"  -f, --follow           take messages until the queue is shut down\n"
		"  -0, --null             print a NUL byte behind each message, not a newline\n"
		"  -r, --raw              print nothing behind a message\n"
		"  -t, --timeout SECONDS  how long to wait, for each message\n"
		"      --nowait           do not wait\n"
		"  -d, --done             count each message as done (task_done) once it is printed\n\n"
		"Exit status: 0 printed, or --all or --follow at their end; 1 error, 2 usage,\n"
		"3 empty, 4 the queue is shut down and empty.\n\n"
		"Example:\n"
		"  while file=$(pyqueue get jobs); do gzip \"$file\"; done\n",
	.run = run,
};
