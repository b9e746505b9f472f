// SPDX-License-Identifier: MIT
/* pyqueue by its ioctls, as the kernel alone offers it: no mapping. */
#include <linux/pyqueue.h>
#include <pyqueue.h>
#include <sys/ioctl.h>

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
	struct bench_message sent, received;
	struct pyqueue_put put = {
		.size = sizeof(put),
		.deadline_ns = PYQUEUE_FOREVER,
		.buf = (uintptr_t)&sent,
		.len = sizeof(sent),
	};
	struct pyqueue_get get = {
		.size = sizeof(get),
		.deadline_ns = PYQUEUE_FOREVER,
		.buf = (uintptr_t)&received,
	};
	const int fd = pyq_fd(state);
	int len;

	for (unsigned long i = 0; i < n; i++) {
		bench_fill(&sent, i);
		if (ioctl(fd, PYQUEUE_IOC_PUT, &put))
			return -errno;
		get.len = sizeof(received);
		len = ioctl(fd, PYQUEUE_IOC_GET, &get);
		if (len != sizeof(received))
			return len < 0 ? -errno : -EIO;
		*sum = bench_sum(*sum, &received);
	}
	return 0;
}

static void teardown(void *state)
{
	pyq_close(state);
}

const struct bench_peer peer_pyqueue_ioctl = {
	.name = "pyqueue ioctl",
	.what = "PUT and GET",
	.required = true,
	.setup = setup,
	.op = op,
	.teardown = teardown,
};
