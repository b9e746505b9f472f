/* SPDX-License-Identifier: MIT */
/* A queue of the module, for the peers that go round the library. */
#ifndef PYQUEUE_BENCH_MODULE_H
#define PYQUEUE_BENCH_MODULE_H

#include <pyqueue.h>

#include "alloc.h"
#include "peer_pyqueue.h"

#define BENCH_OF_THE_MODULE                                                                \
	.absent = "there is no /dev/pyqueue", .optional = true, .open = bench_module_open, \
	.close = bench_module_close

struct bench_module {
	int fd;
	pyq_queue *q;
};

static inline int bench_module_open(struct bench_queue *queue)
{
	const struct pyq_attr attr = {
		.maxsize = (int64_t)queue->capacity,
		.payload = bench_pyqueue_payload(queue->size),
		.flags = PYQ_SEALED, /* as those have it who cannot map it */
		.backend = "kernel",
	};
	struct bench_module *module;
	pyq_queue *q;
	int err = pyq_create(&q, &attr);

	if (err)
		return err;
	module = bench_alloc(1, sizeof(*module));
	module->fd = pyq_fd(q);
	module->q = q;
	queue->state = module;
	return 0;
}

static inline void bench_module_close(void *state)
{
	struct bench_module *module = state;

	pyq_close(module->q);
	free(module);
}

static inline int bench_module_fd(const void *state)
{
	return ((const struct bench_module *)state)->fd;
}

#endif
