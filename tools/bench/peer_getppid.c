// SPDX-License-Identifier: MIT
/* The price of a system call: two of the cheapest, as a put and a get are two. */
#include <unistd.h>
#include <sys/syscall.h>

#include "peers.h"

static int setup(void **state)
{
	*state = NULL;
	return 0;
}

static int op(void *state, unsigned long n, uint64_t *sum)
{
	(void)state;
	for (unsigned long i = 0; i < n; i++) {
		*sum += syscall(SYS_getppid);
		*sum += syscall(SYS_getppid);
	}
	return 0;
}

static void teardown(void *state)
{
	(void)state;
}

const struct bench_peer peer_getppid = {
	.name = "getppid",
	.what = "two calls of getppid()",
	.required = true,
	.moves_nothing = true,
	.setup = setup,
	.op = op,
	.teardown = teardown,
};
