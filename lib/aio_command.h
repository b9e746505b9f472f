/* SPDX-License-Identifier: MIT */
/*
 * An operation as a command of the module: on a queue that is not mapped, where a poll and
 * a get would be two system calls. The first one in line goes to the kernel and waits there
 * with those who sleep, first come, first served; the kernel does it when it completes.
 *
 * While it is there nobody else may try it, and it ends by coming back: who ends it earlier
 * (cancel, deadline, destroy) calls it back, and it has been done or it has not.
 */
#ifndef PYQI_AIO_COMMAND_H
#define PYQI_AIO_COMMAND_H

#include <liburing.h>

#include "aio.h"

/* Does this kernel let commands wait? */
bool pyqi_aio_commands_wait(void);

/* Can the first one of a side be one? */
bool pyqi_aio_command_suits(const struct pyqi_aio_side *side);

/* Prepare it, or that it is called back. */
void pyqi_aio_command_prepare(struct io_uring_sqe *sqe, struct pyqi_aio_side *side);
void pyqi_aio_command_recall(struct io_uring_sqe *sqe, const struct pyqi_aio_side *side);

/* It is back. */
void pyqi_aio_command_done(pyq_aio *aio, struct pyqi_aio_side *side, int result);

#endif
