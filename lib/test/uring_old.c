// SPDX-License-Identifier: MIT
/* A kernel whose io_uring cannot wait with a timeout (before Linux 5.11): by epoll then. */
#include <liburing.h>
#include <pyqueue.h>

#include "test.h"

int __real_io_uring_queue_init_params(unsigned int entries, struct io_uring *ring,
				      struct io_uring_params *params);
int __wrap_io_uring_queue_init_params(unsigned int entries, struct io_uring *ring,
				      struct io_uring_params *params);

int __wrap_io_uring_queue_init_params(unsigned int entries, struct io_uring *ring,
				      struct io_uring_params *params)
{
	int err = __real_io_uring_queue_init_params(entries, ring, params);

	ring->features &= ~IORING_FEAT_EXT_ARG;
	return err;
}

int main(void)
{
	pyq_aio *aio;

	CHECK(KEEPS_ERRNO(pyq_aio_create(&aio, 8, PYQ_AIO_URING)) < 0 && !aio);
	CHECK(!KEEPS_ERRNO(pyq_aio_create(&aio, 8, 0)));
	CHECK(!strcmp(pyq_aio_engine(aio), "epoll"));
	CHECK(!pyq_aio_destroy(aio));
	return failures;
}
