// SPDX-License-Identifier: GPL-2.0
/* What of liburing can be made to fail. */
#include "failing.h"

#include <liburing.h>

RETURNING(-err, io_uring_queue_init_params, (unsigned int entries, struct io_uring *ring,
	struct io_uring_params *params), (entries, ring, params), EINVAL, ENOSYS, EPERM, ENOMEM, EMFILE)
RETURNING(-err, io_uring_submit, (struct io_uring *ring), (ring), EINTR, EAGAIN, EBUSY, ENOMEM)
RETURNING(-err, io_uring_submit_and_wait, (struct io_uring *ring, unsigned int n), (ring, n),
	EINTR, EAGAIN, EBUSY, ENOMEM)
RETURNING(-err, io_uring_submit_and_wait_timeout, (struct io_uring *ring, struct io_uring_cqe **cqe,
	unsigned int n, struct __kernel_timespec *timeout, sigset_t *mask),
	(ring, cqe, n, timeout, mask), EINTR, EAGAIN, EBUSY, ENOMEM)
FAILING(struct io_uring_probe *, NULL, io_uring_get_probe_ring, (struct io_uring *ring), (ring), ENOMEM)
