// SPDX-License-Identifier: GPL-2.0
/* A broken queue whose shared memory denies it: calls of the library end all the same. */
#include "lib_test.h"
#include "mapped.h"
#include "skip.h"

/* How often it is denied: far more often than calls look. */
struct denial {
	struct pyqueue_header *hdr;
	int stop;
};

static void *deny(void *arg)
{
	struct denial *d = arg;

	while (!__atomic_load_n(&d->stop, __ATOMIC_RELAXED))
		pyq_and32(&d->hdr->detour, ~PYQUEUE_DETOUR_BROKEN);
	return NULL;
}

FIXTURE(broken) {
	pyq_queue *q;
	struct denial denial;
	pthread_t denier;
};

FIXTURE_VARIANT(broken) {
	int64_t maxsize;
	int full;
};
FIXTURE_VARIANT_ADD(broken, bounded) { .maxsize = 1, .full = 1 };
/* A ring of 16 slots, and more than that outside. */
FIXTURE_VARIANT_ADD(broken, unbounded) { .maxsize = 0, .full = 40 };

FIXTURE_SETUP(broken)
{
	if (on_shm())
		SKIP_ALL("is about the module");
	self->q = new_queue(.maxsize = variant->maxsize, .payload = variant->maxsize ? 8 : 65520);
	if (!is_mapped(self->q))
		SKIP_ALL("is about mapped queues");
	self->denial.hdr = map_pages(pyq_fd(self->q));
	ASSERT_NE(MAP_FAILED, self->denial.hdr);
}

FIXTURE_TEARDOWN(broken)
{
	if (self->denier) {
		__atomic_store_n(&self->denial.stop, 1, __ATOMIC_RELAXED);
		pthread_join(self->denier, NULL);
	}
	if (self->denial.hdr)
		munmap(self->denial.hdr, pq_stat(pyq_fd(self->q)).map_bytes);
	pyq_close(self->q);
}

#define BREAK(self)                                                          \
	({                                                                   \
		EXPECT_EQ(0, pq_wake(pyq_fd((self)->q), PYQUEUE_WAKE_BROKEN, 0)); \
		ASSERT_EQ(0, pthread_create(&(self)->denier, NULL, deny, &(self)->denial)); \
	})

/* proves: pyq_get_any -EUCLEAN */
TEST_F(broken, waits_for_a_message)
{
	struct pyq_loan loan;
	size_t which = 1;
	char c;

	BREAK(self);
	EXPECT_EQ(-EUCLEAN, lib(pyq_get(self->q, &c, 1, PYQ_FOREVER)));
	EXPECT_EQ(-EUCLEAN, lib(pyq_borrow(self->q, &loan, PYQ_FOREVER)));
	EXPECT_EQ(-EUCLEAN, lib(pyq_get_any(&self->q, 1, &which, &c, 1, PYQ_FOREVER)));
	EXPECT_EQ(0, which);
}

static void operations(struct __test_metadata *_metadata, pyq_queue *q, unsigned int engine)
{
	struct pyq_completion done;
	pyq_aio *aio;
	char c;

	ASSERT_EQ(0, pyq_aio_create(&aio, 4, engine));
	ASSERT_EQ(0, lib(pyq_aio_get(aio, q, &c, 1, PYQ_FOREVER, 1)));
	ASSERT_EQ(1, lib(pyq_aio_wait(aio, &done, 1, 1, PYQ_FOREVER)));
	EXPECT_EQ(-EUCLEAN, done.result);
	pyq_aio_destroy(aio);
}

TEST_F(broken, operations)
{
	BREAK(self);
	operations(_metadata, self->q, PYQ_AIO_URING);
	operations(_metadata, self->q, PYQ_AIO_EPOLL);
}

TEST_F(broken, waits_for_room)
{
	struct pyq_loan loan;

	for (int i = 0; i < variant->full; i++)
		ASSERT_EQ(0, pyq_put(self->q, "1", 1, PYQ_NOWAIT));
	BREAK(self);
	EXPECT_EQ(-EUCLEAN, lib(pyq_put(self->q, "2", 1, PYQ_FOREVER)));
	EXPECT_EQ(-EUCLEAN, lib(pyq_reserve(self->q, &loan, PYQ_FOREVER)));
}

/* The ring sends who reserves outside, where nothing waits: not there and back for ever. */
TEST_F(broken, sent_outside_for_nothing)
{
	struct pyq_loan loan;

	pyq_or32(&self->denial.hdr->detour, PYQUEUE_DETOUR_PUT);
	EXPECT_EQ(-EUCLEAN, lib(pyq_reserve(self->q, &loan, PYQ_FOREVER)));
}

TEST_HARNESS_MAIN
