// SPDX-License-Identifier: MIT
/* pyqueue as a file: what any program can do with it. */
#include <pyqueue.h>

#include "file.h"
#include "peers.h"

static int setup(void **state)
{
	pyq_queue *q;
	int err = pyq_create(&q, &(struct pyq_attr){ .maxsize = 16, .payload = 48 });

	*state = q;
	return err;
}

static int op(void *state, unsigned long n, uint64_t *sum)
{
	const int fd = pyq_fd(state);

	return bench_write_read(fd, fd, n, sum);
}

static void teardown(void *state)
{
	pyq_close(state);
}

const struct bench_peer peer_pyqueue_file = {
	.name = "pyqueue write+read",
	.what = "write() and read()",
	.required = true,
	.setup = setup,
	.op = op,
	.teardown = teardown,
};
