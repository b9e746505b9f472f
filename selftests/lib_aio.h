/* SPDX-License-Identifier: GPL-2.0 */
/* A pyq_aio and a queue, on each engine. */
#ifndef SELFTESTS_LIB_AIO_H
#define SELFTESTS_LIB_AIO_H

#include "lib_test.h"
#include "skip.h"

enum { ENTRIES = 256 };

FIXTURE(aio) {
	pyq_queue *q;
	pyq_aio *aio;
	struct pyq_completion done[ENTRIES];
};

FIXTURE_VARIANT(aio) {
	unsigned int engine;
	const char *name;
};
FIXTURE_VARIANT_ADD(aio, uring) { .engine = PYQ_AIO_URING, .name = "io_uring" };
FIXTURE_VARIANT_ADD(aio, epoll) { .engine = PYQ_AIO_EPOLL, .name = "epoll" };

FIXTURE_SETUP(aio)
{
	int err = lib(pyq_aio_create(&self->aio, ENTRIES, variant->engine));

	if (variant->engine == PYQ_AIO_URING && (err == -ENOSYS || err == -EPERM))
		SKIP_ALL("no io_uring here");
	ASSERT_EQ(0, err);
	EXPECT_STREQ(variant->name, pyq_aio_engine(self->aio));
	self->q = new_queue(.maxsize = 4);
}

FIXTURE_TEARDOWN(aio)
{
	if (self->aio)
		EXPECT_EQ(0, lib(pyq_aio_destroy(self->aio)));
	pyq_close(self->q);
}

/* The completions that there are by now, or after somebody else has done something: at least one. */
#define EXPECT_DONE(self, user_data_, result_)                               \
	({                                                                   \
		EXPECT_EQ(1, lib(pyq_aio_wait((self)->aio, (self)->done, 1, 1, LONG))); \
		EXPECT_EQ(user_data_, (self)->done[0].user_data);            \
		EXPECT_EQ(result_, (self)->done[0].result);                  \
	})

/* Nothing more has ended, nor will by itself. */
#define EXPECT_NONE(self) \
	EXPECT_EQ(0, lib(pyq_aio_wait((self)->aio, (self)->done, ENTRIES, 1, PYQ_NOWAIT)))

static char byte __attribute__((unused)) = 'x';

#endif
