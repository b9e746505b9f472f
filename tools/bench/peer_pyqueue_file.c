// SPDX-License-Identifier: MIT
/* pyqueue as a file: what any program can do with it. */
#include "file.h"
#include "module.h"

static BENCH_INLINE int put(void *state, const void *data, size_t size)
{
	return bench_write(bench_module_fd(state), data, size);
}

static BENCH_INLINE int get(void *state, void *data, size_t size)
{
	return bench_read(bench_module_fd(state), data, size);
}

#include "loops.h"

const struct bench_peer peer_pyqueue_file = {
	.name = "pyqueue write+read",
	.what = "write() and read()",
	.own = true,
	BENCH_OF_THE_MODULE,
	BENCH_LOOPS,
};
