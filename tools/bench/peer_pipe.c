// SPDX-License-Identifier: MIT
/* A pipe: no messages, no bound on their number, but everybody's yardstick. */
#include <fcntl.h>
#include <unistd.h>

#include "file.h"
#include "peers.h"

static int ends[2];

static int setup(void **state)
{
	*state = ends;
	return pipe2(ends, O_CLOEXEC) ? -errno : 0;
}

static int op(void *state, unsigned long n, uint64_t *sum)
{
	const int *pipe = state;

	return bench_write_read(pipe[1], pipe[0], n, sum);
}

static void teardown(void *state)
{
	const int *pipe = state;

	close(pipe[0]);
	close(pipe[1]);
}

const struct bench_peer peer_pipe = {
	.name = "pipe",
	.what = "write() and read()",
	.required = true,
	.setup = setup,
	.op = op,
	.teardown = teardown,
};
