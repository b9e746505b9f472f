// SPDX-License-Identifier: MIT
/* Operations as commands of the module. */
#include <string.h>

#include <linux/pyqueue.h>

#include "aio_command.h"

bool pyqi_aio_commands_wait(void)
{
	struct pyq_info info = { .text = "" };

	return !pyqi_kernel.info(&info) && strstr(info.text, "uring_cmd");
}

bool pyqi_aio_command_suits(const struct pyqi_aio_side *side)
{
	return side->source->q->backend == &pyqi_kernel && !side->no_command &&
	       (side->first->kind == PYQI_AIO_PUT || side->first->kind == PYQI_AIO_GET);
}

static void prepare(struct io_uring_sqe *sqe, const struct pyqi_aio_side *side, unsigned int what,
		    const void *arg)
{
	const struct pyqueue_uring payload = {
		.arg = (uintptr_t)arg,
		.tag = (uintptr_t)side,
	};

	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, side->source->q->fd, NULL, 0, 0);
	sqe->cmd_op = what;
	memcpy(sqe->cmd, &payload, sizeof(payload));
}

void pyqi_aio_command_prepare(struct io_uring_sqe *sqe, struct pyqi_aio_side *side)
{
	const struct pyqi_aio_op *op = side->first;

	if (op->kind == PYQI_AIO_PUT) {
		side->command.put = (struct pyqueue_put){
			.size = sizeof(side->command.put),
			.deadline_ns = PYQUEUE_FOREVER,
			.buf = (uintptr_t)op->data,
			.len = op->n,
		};
		prepare(sqe, side, PYQUEUE_IOC_PUT, &side->command.put);
	} else {
		side->command.get = (struct pyqueue_get){
			.size = sizeof(side->command.get),
			.deadline_ns = PYQUEUE_FOREVER,
			.buf = (uintptr_t)op->data,
			.len = op->n,
		};
		prepare(sqe, side, PYQUEUE_IOC_GET, &side->command.get);
	}
	side->by_command = true;
}

void pyqi_aio_command_recall(struct io_uring_sqe *sqe, const struct pyqi_aio_side *side)
{
	prepare(sqe, side, PYQUEUE_URING_CANCEL, NULL);
}

void pyqi_aio_command_done(pyq_aio *aio, struct pyqi_aio_side *side, int result)
{
	side->by_command = false;
	side->state = PYQI_AIO_SPENT;
	/* Too many wait there by commands: then as others do. */
	if (result == -ENOSPC)
		side->no_command = true;
	/* Called back, or it could not wait: it has not been done. */
	if (result == -ENOSPC || result == -ECANCELED || result == -EAGAIN || result == -EINTR)
		pyqi_aio_side_changed(aio, side);
	else
		pyqi_aio_first_done(aio, side, result);
}
