// SPDX-License-Identifier: MIT
/*
 * A pipe: no messages, only bytes, but everybody's yardstick. It has room for
 * whole pages, and a message does not lie across two of them: so writes of one
 * size are read again as they were written.
 */
#include <fcntl.h>

#include "alloc.h"
#include "file.h"
#include "peers.h"

static BENCH_INLINE int put(void *state, const void *data, size_t size)
{
	return bench_write(((const int *)state)[1], data, size);
}

static BENCH_INLINE int get(void *state, void *data, size_t size)
{
	return bench_read(((const int *)state)[0], data, size);
}

#include "loops.h"

static int open_pipe(struct bench_queue *queue)
{
	const unsigned long page = (unsigned long)sysconf(_SC_PAGESIZE);
	const unsigned long in_page = page / queue->size;
	unsigned long pages;
	int *ends, bytes;

	if (!in_page)
		return -EMSGSIZE;
	pages = (queue->capacity + in_page - 1) / in_page;
	ends = bench_alloc(2, sizeof(*ends));
	queue->state = ends;
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	/* The next power of two, unless this user has too much in pipes already. */
	fcntl(ends[1], F_SETPIPE_SZ, (int)(pages * page));
	bytes = fcntl(ends[1], F_GETPIPE_SZ);
	queue->capacity = (unsigned long)bytes / page * in_page;
	return 0;
}

static void close_pipe(void *state)
{
	int *ends = state;

	close(ends[0]);
	close(ends[1]);
	free(ends);
}

const struct bench_peer peer_pipe = {
	.name = "pipe",
	.what = "write() and read()",
	.open = open_pipe,
	.close = close_pipe,
	BENCH_LOOPS,
};
