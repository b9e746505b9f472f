// SPDX-License-Identifier: MIT
/*
 * A pipe: no messages, only bytes, but everybody's yardstick. It has room for whole
 * pages. Messages up to a page's size do not lie across two of them: so writes of one
 * size are read again as they were written. A longer one comes in pieces, which only
 * one who writes and one who reads keep together.
 */
#include <limits.h>
#include <fcntl.h>

#include "alloc.h"
#include "file.h"
#include "peers.h"

static BENCH_INLINE int put(void *state, const void *data, size_t size)
{
	const char *from = (const char *)data;

	while (size) {
		const ssize_t done = write(((const int *)state)[1], from, size);

		if (done < 0)
			return -errno;
		from += done;
		size -= (size_t)done;
	}
	return 0;
}

static BENCH_INLINE int get(void *state, void *data, size_t size)
{
	char *to = (char *)data;

	while (size) {
		const ssize_t done = read(((const int *)state)[0], to, size);

		if (done <= 0)
			return done ? -errno : -EIO;
		to += done;
		size -= (size_t)done;
	}
	return 0;
}

#include "loops.h"

static void close_pipe(void *state)
{
	int *ends = state;

	close(ends[0]);
	close(ends[1]);
	free(ends);
}

/* A queue for fewer messages is to be a short one. */
#define SHORT 64
#define PAGES_BY_ITSELF 16

/*
 * The kernel takes the next power of two. Less, if this user may not have so much, or has
 * too much in pipes already.
 */
static void make_room(int fd, struct bench_queue *queue)
{
	const unsigned long page = (unsigned long)sysconf(_SC_PAGESIZE);
	const unsigned long in_page = page / queue->size;
	const unsigned long each = (queue->size + page - 1) / page;
	unsigned long pages = in_page ? (queue->capacity + in_page - 1) / in_page :
					queue->capacity * each;

	/* Who reads a page keeps it from who writes: not fewer than a pipe has by itself. */
	if (queue->capacity >= SHORT && pages < PAGES_BY_ITSELF)
		pages = PAGES_BY_ITSELF;
	while (pages && fcntl(fd, F_SETPIPE_SZ, (int)(pages * page)) < 0)
		pages /= 2;
	pages = (unsigned long)fcntl(fd, F_GETPIPE_SZ) / page;
	queue->capacity = in_page ? pages * in_page : pages / each;
}

static int open_pipe(struct bench_queue *queue)
{
	int *ends = bench_alloc(2, sizeof(*ends));
	int err = 0;

	if (pipe2(ends, O_CLOEXEC)) {
		err = -errno;
		free(ends);
		return err;
	}
	make_room(ends[1], queue);
	/* One thread could not get rid of half a message. */
	if (!queue->capacity) {
		close_pipe(ends);
		return -EMSGSIZE;
	}
	queue->state = ends;
	return 0;
}

const struct bench_peer peer_pipe = {
	.name = "pipe",
	.what = "write() and read()",
	.shared_size = PIPE_BUF,
	.open = open_pipe,
	.close = close_pipe,
	BENCH_LOOPS,
};
