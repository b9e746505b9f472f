// SPDX-License-Identifier: GPL-2.0
/* pyq_prep_get() and the others: queues in a ring of one's own. */
#include "lib_test.h"

#include <pyqueue/uring.h>

FIXTURE(prep) {
	pyq_queue *q;
	struct io_uring ring;
};

FIXTURE_SETUP(prep)
{
	self->q = new_queue(.maxsize = 1);
	ASSERT_EQ(0, io_uring_queue_init(8, &self->ring, 0));
}

FIXTURE_TEARDOWN(prep)
{
	io_uring_queue_exit(&self->ring);
	pyq_close(self->q);
}

static int complete(struct io_uring *ring, uint64_t *user_data)
{
	struct __kernel_timespec ts = { .tv_sec = 20 };
	struct io_uring_cqe *cqe;
	int ret = io_uring_wait_cqe_timeout(ring, &cqe, &ts);

	if (ret)
		return ret;
	*user_data = cqe->user_data;
	ret = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return ret;
}

#define EXPECT_RESULT(self, user_data_, res_)                                \
	({                                                                   \
		uint64_t got_ = 0;                                           \
		EXPECT_EQ(res_, complete(&(self)->ring, &got_));             \
		EXPECT_EQ(user_data_, got_);                                 \
	})

static void with_data(struct io_uring_sqe *sqe, uint64_t user_data)
{
	io_uring_sqe_set_data64(sqe, user_data);
}

TEST_F(prep, poll)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);
	char c;

	ASSERT_EQ(0, pyq_prep_poll(sqe, self->q, PYQ_READ));
	with_data(sqe, 1);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	EXPECT_EQ(-EAGAIN, pyq_get(self->q, &c, 1, PYQ_NOWAIT));
	EXPECT_EQ(0, exit_status(in_child(-pyq_put(self->q, "x", 1, PYQ_NOWAIT))));
	EXPECT_RESULT(self, 1, POLLIN);
	sqe = io_uring_get_sqe(&self->ring);
	EXPECT_EQ(-EINVAL, pyq_prep_poll(sqe, self->q, PYQ_READ | PYQ_WRITE));
	ASSERT_EQ(0, pyq_prep_poll(sqe, self->q, PYQ_WRITE));
	with_data(sqe, 2);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	EXPECT_EQ(-EAGAIN, pyq_put(self->q, "y", 1, PYQ_NOWAIT));
	EXPECT_EQ(1, exit_status(in_child(pyq_get(self->q, &c, 1, PYQ_NOWAIT))));
	EXPECT_RESULT(self, 2, on_shm() ? POLLIN : POLLOUT);
}

/* proves: pyq_prep_get -EOPNOTSUPP, pyq_prep_put -EOPNOTSUPP */
TEST_F(prep, get_and_put)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);
	struct __kernel_timespec ts = { .tv_sec = 10 };
	char buf[8] = "";

	if (on_shm()) {
		EXPECT_EQ(-EOPNOTSUPP, pyq_prep_get(sqe, self->q, buf, 8));
		EXPECT_EQ(-EOPNOTSUPP, pyq_prep_put(sqe, self->q, "hello", 5));
		return;
	}
	ASSERT_EQ(0, pyq_prep_get(sqe, self->q, buf, 8));
	sqe->flags |= IOSQE_IO_LINK;
	with_data(sqe, 1);
	sqe = io_uring_get_sqe(&self->ring);
	io_uring_prep_link_timeout(sqe, &ts, 0);
	with_data(sqe, 2);
	ASSERT_EQ(2, io_uring_submit(&self->ring));
	EXPECT_EQ(0, exit_status(in_child(-pyq_put(self->q, "hello", 5, PYQ_NOWAIT))));
	EXPECT_RESULT(self, 1, 5);
	EXPECT_RESULT(self, 2, -ECANCELED);
	EXPECT_STREQ("hello", buf);

	ASSERT_EQ(0, pyq_put(self->q, "first", 5, PYQ_NOWAIT));
	sqe = io_uring_get_sqe(&self->ring);
	ASSERT_EQ(0, pyq_prep_put(sqe, self->q, "second", 6));
	with_data(sqe, 3);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	EXPECT_EQ(5, exit_status(in_child(pyq_get(self->q, buf, 8, PYQ_NOWAIT))));
	EXPECT_RESULT(self, 3, 6);
	EXPECT_EQ(6, pyq_get(self->q, buf, 8, PYQ_NOWAIT));
}

static void submit_get(struct io_uring *ring, pyq_queue *q, char *buf, unsigned int size)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	pyq_prep_get(sqe, q, buf, size);
	with_data(sqe, 1);
	io_uring_submit(ring);
}

static void submit_put(struct io_uring *ring, pyq_queue *q, unsigned int len)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	pyq_prep_put(sqe, q, "hello", len);
	with_data(sqe, 1);
	io_uring_submit(ring);
}

static void cancel(struct __test_metadata *_metadata, struct io_uring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	uint64_t what;

	io_uring_prep_cancel64(sqe, 1, 0);
	with_data(sqe, 2);
	io_uring_submit(ring);
	for (int i = 0; i < 2; i++) {
		int ret = complete(ring, &what);

		EXPECT_EQ(what == 1 ? -ECANCELED : 0, ret);
	}
}

/* proves: pyq_prep_get -EMSGSIZE, pyq_prep_get -EBADMSG, pyq_prep_get -ECANCELED, pyq_prep_get -EBADF */
/* proves: pyq_prep_put -ECANCELED, pyq_prep_put -EINVAL */
TEST_F(prep, results)
{
	char buf[8], name[64];
	pyq_queue *named, *half;

	if (on_shm())
		SKIP(return, "a message in shared memory is not a file's");
	submit_get(&self->ring, self->q, buf, 8);
	cancel(_metadata, &self->ring);
	ASSERT_EQ(0, pyq_put(self->q, "hello", 5, PYQ_NOWAIT));
	submit_get(&self->ring, self->q, buf, 4);
	EXPECT_RESULT(self, 1, -EMSGSIZE);
	submit_put(&self->ring, self->q, 5);
	cancel(_metadata, &self->ring);
	submit_put(&self->ring, self->q, 0);
	EXPECT_RESULT(self, 1, -EINVAL);
	EXPECT_EQ(5, pyq_get(self->q, buf, 8, PYQ_NOWAIT));
	ASSERT_EQ(0, pyq_put(self->q, NULL, 0, PYQ_NOWAIT));
	submit_get(&self->ring, self->q, buf, 8);
	EXPECT_RESULT(self, 1, -EBADMSG);
	EXPECT_EQ(0, pyq_get(self->q, buf, 8, PYQ_NOWAIT));
	snprintf(name, sizeof(name), "lib_uring %d", getpid());
	named = new_queue(.maxsize = 1, .name = name);
	ASSERT_EQ(0, pyq_open(&half, name, PYQ_WRITE));
	submit_get(&self->ring, half, buf, 8);
	EXPECT_RESULT(self, 1, -EBADF);
	pyq_close(half);
	pyq_close(named);
	EXPECT_EQ(0, pyq_unlink(name));
}

TEST_HARNESS_MAIN
