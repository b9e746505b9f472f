// SPDX-License-Identifier: MIT
/* pyqueue by its ioctls, as the kernel alone offers it: no mapping. */
#include <linux/pyqueue.h>
#include <sys/ioctl.h>

#include "message.h"
#include "module.h"

static BENCH_INLINE int put(void *state, const void *data, size_t size)
{
	struct pyqueue_put put = {
		.size = sizeof(put),
		.deadline_ns = PYQUEUE_FOREVER,
		.buf = (uintptr_t)data,
		.len = size,
	};

	return ioctl(bench_module_fd(state), PYQUEUE_IOC_PUT, &put) ? -errno : 0;
}

static BENCH_INLINE int get(void *state, void *data, size_t size)
{
	struct pyqueue_get get = {
		.size = sizeof(get),
		.deadline_ns = PYQUEUE_FOREVER,
		.buf = (uintptr_t)data,
		.len = size,
	};
	int len = ioctl(bench_module_fd(state), PYQUEUE_IOC_GET, &get);

	if (len == (int)size)
		return 0;
	return len < 0 ? -errno : -EIO;
}

#include "loops.h"

const struct bench_peer peer_pyqueue_ioctl = {
	.name = "pyqueue ioctl",
	.what = "PUT and GET",
	.own = true,
	BENCH_OF_THE_MODULE,
	BENCH_LOOPS,
};
