// SPDX-License-Identifier: MIT
/* The price of a system call: two of the cheapest, as a put and a get are two. */
#include <unistd.h>
#include <sys/syscall.h>

#include "peers.h"

static int open_nothing(struct bench_queue *queue)
{
	queue->capacity = 0;
	return 0;
}

static void close_nothing(void *state)
{
	(void)state;
}

static int exchange(void *state, unsigned long n, size_t size, uint64_t *sum)
{
	(void)state;
	(void)size;
	for (unsigned long i = 0; i < n; i++) {
		*sum += syscall(SYS_getppid);
		*sum += syscall(SYS_getppid);
	}
	return 0;
}

const struct bench_peer peer_getppid = {
	.name = "getppid",
	.what = "two calls of getppid()",
	.moves_nothing = true,
	.open = open_nothing,
	.close = close_nothing,
	.exchange = exchange,
};
