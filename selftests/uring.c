// SPDX-License-Identifier: GPL-2.0
/*
 * A queue's file in somebody's own io_uring: READ, WRITE and POLL_ADD, their cancellation
 * and their end; no message is lost, and nobody hangs.
 */
#include "actors.h"
#include "mapped.h"

#include <liburing.h>
#include <pthread.h>

FIXTURE(uring) {
	int dev;
	int q;
	struct io_uring ring;
};

FIXTURE_SETUP(uring)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = 2);
	ASSERT_LE(0, self->q);
	ASSERT_EQ(0, io_uring_queue_init(128, &self->ring, 0));
}

FIXTURE_TEARDOWN(uring)
{
	io_uring_queue_exit(&self->ring);
	close(self->q);
	close(self->dev);
}

static struct io_uring_sqe *sqe(struct io_uring *ring, uint64_t user_data)
{
	struct io_uring_sqe *s = io_uring_get_sqe(ring);

	io_uring_sqe_set_data64(s, user_data);
	return s;
}

/* Data last: to prepare an SQE clears it. */
#define SUBMIT(self, user_data_, prep, ...)                                  \
	({                                                                   \
		struct io_uring_sqe *s_ = io_uring_get_sqe(&(self)->ring);   \
		prep(s_, ##__VA_ARGS__);                                     \
		s_->user_data = (user_data_);                                \
		EXPECT_EQ(1, io_uring_submit(&(self)->ring));                \
	})

/* The next completion is this one; it comes in the end. */
#define EXPECT_CQE(self, user_data_, res_)                                   \
	({                                                                   \
		struct __kernel_timespec ts_ = { .tv_sec = PATIENCE / SEC }; \
		struct io_uring_cqe *cqe_ = NULL;                            \
		EXPECT_EQ(0, io_uring_wait_cqe_timeout(&(self)->ring, &cqe_, &ts_)); \
		if (cqe_) {                                                  \
			EXPECT_EQ(user_data_, cqe_->user_data);              \
			EXPECT_EQ(res_, cqe_->res);                          \
			io_uring_cqe_seen(&(self)->ring, cqe_);              \
		}                                                            \
	})

/* None by now, after what was to be done in this task has been. */
#define EXPECT_NO_CQE(self)                                                  \
	({                                                                   \
		struct io_uring_cqe *cqe_;                                   \
		io_uring_get_events(&(self)->ring);                          \
		EXPECT_EQ(-EAGAIN, io_uring_peek_cqe(&(self)->ring, &cqe_)); \
	})

static int put_byte(int q, char c)
{
	return pq_put(q, &c, 1, PYQUEUE_NOWAIT);
}

static int get_byte(int q)
{
	char c;
	int ret = pq_get(q, &c, 1, PYQUEUE_NOWAIT);

	return ret < 0 ? ret : c;
}

/* As who maps the queue puts, and sees that it is polled. */
static int put_mapped(int q, struct pyq_ring *r, char c)
{
	struct pyq_op op;
	int err = pyq_ring_claim_put(r, &op);

	if (err)
		return err;
	pyq_ring_slot(r, op.pos)->payload[0] = c;
	err = pyq_ring_publish(r, &op, 1, 0);
	if (!err && pyq_pollers_claim(&r->hdr->getters))
		err = pq_wake(q, PYQUEUE_WAKE_POLL_IN, 0);
	return err;
}

/* --- poll ---------------------------------------------------------------------- */

TEST_F(uring, poll)
{
	SUBMIT(self, 1, io_uring_prep_poll_add, self->q, POLLIN);
	EXPECT_NO_CQE(self);
	ASSERT_EQ(0, put_byte(self->q, 'a'));
	EXPECT_CQE(self, 1, POLLIN);
	SUBMIT(self, 2, io_uring_prep_poll_add, self->q, POLLIN);
	EXPECT_CQE(self, 2, POLLIN);
}

/* Woken when there is nothing any more, it waits on; a file with two wait queues could not. */
TEST_F(uring, poll_woken_in_vain)
{
	struct pyq_ring r = { .hdr = NULL };

	ASSERT_EQ(1, map_ring(self->q, &r));
	SUBMIT(self, 1, io_uring_prep_poll_add, self->q, POLLIN);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, pq_wake(self->q, PYQUEUE_WAKE_POLL_IN, 0));
		EXPECT_EQ(0, pq_wake(self->q, PYQUEUE_WAKE_POLL_OUT, 0));
		EXPECT_NO_CQE(self);
	}
	EXPECT_EQ(0, put_mapped(self->q, &r, 'a'));
	EXPECT_CQE(self, 1, POLLIN);
}

TEST_F(uring, poll_multishot)
{
	struct pyq_ring r = { .hdr = NULL };

	ASSERT_EQ(1, map_ring(self->q, &r));
	SUBMIT(self, 1, io_uring_prep_poll_multishot, self->q, POLLIN);
	for (int i = 0; i < 8; i++) {
		EXPECT_EQ(0, i % 2 ? put_byte(self->q, 'a') : put_mapped(self->q, &r, 'a'));
		EXPECT_CQE(self, 1, POLLIN);
		EXPECT_EQ('a', get_byte(self->q));
		EXPECT_NO_CQE(self);
	}
	SUBMIT(self, 2, io_uring_prep_poll_remove, 1);
	for (int i = 0; i < 2; i++) {
		struct io_uring_cqe *cqe;

		ASSERT_EQ(0, io_uring_wait_cqe(&self->ring, &cqe));
		EXPECT_EQ(cqe->user_data == 1 ? -ECANCELED : 0, cqe->res);
		io_uring_cqe_seen(&self->ring, cqe);
	}
}

/* --- read and write -------------------------------------------------------------- */

TEST_F(uring, read_waits)
{
	struct pyq_ring r = { .hdr = NULL };
	char buf[8];

	ASSERT_EQ(1, map_ring(self->q, &r));
	for (int i = 0; i < 8; i++) {
		SUBMIT(self, i, io_uring_prep_read, self->q, buf, sizeof(buf), 0);
		EXPECT_NO_CQE(self);
		EXPECT_EQ(0, i % 2 ? put_byte(self->q, 'a' + i) : put_mapped(self->q, &r, 'a' + i));
		EXPECT_CQE(self, i, 1);
		EXPECT_EQ('a' + i, buf[0]);
	}
	SUBMIT(self, 9, io_uring_prep_read, self->q, buf, sizeof(buf), 0);
	EXPECT_NO_CQE(self);
	EXPECT_EQ(0, pq_shutdown(self->q, 0));
	EXPECT_CQE(self, 9, 0);
}

TEST_F(uring, write_waits)
{
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, put_byte(self->q, 'x'));
	for (int i = 0; i < 4; i++) {
		SUBMIT(self, i, io_uring_prep_write, self->q, "late", 4, 0);
		EXPECT_NO_CQE(self);
		EXPECT_EQ(i < 2 ? 1 : 4, pq_get(self->q, (char[4]){ 0 }, 4, PYQUEUE_NOWAIT));
		EXPECT_CQE(self, i, 4);
	}
}

TEST_F(uring, registered_file)
{
	struct io_uring_sqe *s;
	char buf[8];

	ASSERT_EQ(0, io_uring_register_files(&self->ring, &self->q, 1));
	s = sqe(&self->ring, 0);
	io_uring_prep_read(s, 0, buf, sizeof(buf), 0);
	s->flags |= IOSQE_FIXED_FILE;
	s->user_data = 1;
	EXPECT_EQ(1, io_uring_submit(&self->ring));
	EXPECT_NO_CQE(self);
	ASSERT_EQ(0, put_byte(self->q, 'a'));
	EXPECT_CQE(self, 1, 1);
}

TEST_F(uring, cancelled)
{
	char buf[8];

	SUBMIT(self, 1, io_uring_prep_read, self->q, buf, sizeof(buf), 0);
	EXPECT_NO_CQE(self);
	SUBMIT(self, 2, io_uring_prep_cancel64, 1, 0);
	for (int i = 0; i < 2; i++) {
		struct io_uring_cqe *cqe;

		ASSERT_EQ(0, io_uring_wait_cqe(&self->ring, &cqe));
		EXPECT_EQ(cqe->user_data == 1 ? -ECANCELED : 0, cqe->res);
		io_uring_cqe_seen(&self->ring, cqe);
	}
	ASSERT_EQ(0, put_byte(self->q, 'a'));
	EXPECT_NO_CQE(self);
	EXPECT_EQ('a', get_byte(self->q));
}

static void submit_linked(struct io_uring *ring, int q, char *buf, struct __kernel_timespec *ts)
{
	struct io_uring_sqe *s = sqe(ring, 0);

	io_uring_prep_read(s, q, buf, 8, 0);
	s->user_data = 1;
	s->flags |= IOSQE_IO_LINK;
	s = sqe(ring, 0);
	io_uring_prep_link_timeout(s, ts, 0);
	s->user_data = 2;
}

TEST_F(uring, linked_timeout)
{
	struct __kernel_timespec ts = { .tv_nsec = 5 * MSEC };
	char buf[8];

	submit_linked(&self->ring, self->q, buf, &ts);
	EXPECT_EQ(2, io_uring_submit(&self->ring));
	for (int i = 0; i < 2; i++) {
		struct io_uring_cqe *cqe;

		ASSERT_EQ(0, io_uring_wait_cqe(&self->ring, &cqe));
		EXPECT_EQ(cqe->user_data == 1 ? -ECANCELED : -ETIME, cqe->res);
		io_uring_cqe_seen(&self->ring, cqe);
	}
	ASSERT_EQ(0, put_byte(self->q, 'a'));
	EXPECT_EQ('a', get_byte(self->q));
}

/* --- races: the message is in the completion, or in the queue -------------------- */

#define RACES 1000

/* Take two completions; whether number 1 has got the message. */
static bool two_completions(struct __test_metadata *_metadata, struct io_uring *ring)
{
	bool had = false;

	for (int i = 0; i < 2; i++) {
		struct io_uring_cqe *cqe;

		ASSERT_EQ(0, io_uring_wait_cqe(ring, &cqe));
		if (cqe->user_data == 1 && cqe->res != 1)
			EXPECT_EQ(-ECANCELED, cqe->res);
		had |= cqe->user_data == 1 && cqe->res == 1;
		io_uring_cqe_seen(ring, cqe);
	}
	return had;
}

struct racer {
	int q;
	pthread_barrier_t start;
};

static void *race(void *arg)
{
	struct racer *r = arg;

	for (int i = 0; i < RACES; i++) {
		pthread_barrier_wait(&r->start);
		put_byte(r->q, 'a');
		pthread_barrier_wait(&r->start);
	}
	return NULL;
}

TEST_F(uring, put_races_with_cancel)
{
	struct racer r = { .q = self->q };
	unsigned int had = 0, left = 0;
	pthread_t thread;
	char buf[8];

	pthread_barrier_init(&r.start, NULL, 2);
	ASSERT_EQ(0, pthread_create(&thread, NULL, race, &r));
	for (int i = 0; i < RACES; i++) {
		bool first;

		SUBMIT(self, 1, io_uring_prep_read, self->q, buf, sizeof(buf), 0);
		pthread_barrier_wait(&r.start);
		SUBMIT(self, 2, io_uring_prep_cancel64, 1, 0);
		first = two_completions(_metadata, &self->ring);
		pthread_barrier_wait(&r.start);
		had += first;
		left += get_byte(self->q) == 'a';
	}
	pthread_join(thread, NULL);
	EXPECT_EQ(RACES, had + left);
	TH_LOG("%u in the completion, %u in the queue", had, left);
}

TEST_F(uring, put_races_with_linked_timeout)
{
	struct racer r = { .q = self->q };
	unsigned int had = 0, left = 0;
	pthread_t thread;
	char buf[8];

	pthread_barrier_init(&r.start, NULL, 2);
	ASSERT_EQ(0, pthread_create(&thread, NULL, race, &r));
	for (int i = 0; i < RACES; i++) {
		struct __kernel_timespec ts = { .tv_nsec = 1000 * (i % 200) };
		bool first;

		submit_linked(&self->ring, self->q, buf, &ts);
		pthread_barrier_wait(&r.start);
		EXPECT_EQ(2, io_uring_submit(&self->ring));
		first = two_completions(_metadata, &self->ring);
		pthread_barrier_wait(&r.start);
		had += first;
		left += get_byte(self->q) == 'a';
	}
	pthread_join(thread, NULL);
	EXPECT_EQ(RACES, had + left);
	TH_LOG("%u in the completion, %u in the queue", had, left);
}

TEST_F(uring, many_reads)
{
	int seen[64] = { 0 };
	char bufs[64];

	for (int i = 0; i < 64; i++)
		SUBMIT(self, i, io_uring_prep_read, self->q, &bufs[i], 1, 0);
	EXPECT_NO_CQE(self);
	for (int i = 0; i < 64; i++) {
		struct io_uring_cqe *cqe;

		ASSERT_EQ(0, put_byte(self->q, (char)i));
		ASSERT_EQ(0, io_uring_wait_cqe(&self->ring, &cqe));
		EXPECT_EQ(1, cqe->res);
		EXPECT_EQ(i, bufs[cqe->user_data]);
		EXPECT_EQ(0, seen[cqe->user_data]++);
		io_uring_cqe_seen(&self->ring, cqe);
		EXPECT_NO_CQE(self);
	}
}

/* A read is submitted, and woken in vain until it has ended. Return: how. */
static int read_in_vain(int q, struct io_uring *ring)
{
	uint64_t until = in_ns(PATIENCE);
	static char buf; /* if it does not end it is still the kernel's */
	struct io_uring_cqe *cqe;
	char other;
	int res;

	io_uring_prep_read(sqe(ring, 1), q, &buf, 1, 0);
	if (io_uring_submit(ring) != 1)
		return -EIO;
	do {
		int got;

		if (put_byte(q, 'v'))
			return -EIO;
		got = pq_get(q, &other, 1, PYQUEUE_NOWAIT);
		/* If there is none the worker has been quicker. */
		if (got != 1 && got != -EAGAIN)
			return -EIO;
		if (io_uring_get_events(ring) || now_ns() > until)
			return -ETIME;
	} while (io_uring_peek_cqe(ring, &cqe));
	res = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return res;
}

/*
 * Woken in vain so often that io_uring has a worker try: that one does not wait in the
 * line, where it would take a message for a ring that is being closed.
 */
/* proves: pyq_prep_get -EAGAIN */
TEST_F(uring, in_vain)
{
	struct io_uring_params params = { .flags = IORING_SETUP_SINGLE_ISSUER |
		IORING_SETUP_DEFER_TASKRUN };
	int res = 1;

	io_uring_queue_exit(&self->ring);
	ASSERT_EQ(0, io_uring_queue_init_params(8, &self->ring, &params));
	/* It may have come when there was a message, and that is right too; but not always. */
	for (int i = 0; i < 100 && res == 1; i++)
		res = read_in_vain(self->q, &self->ring);
	EXPECT_EQ(-EAGAIN, res);
	EXPECT_EQ(0, pq_stat(self->q).getters);
}

/* --- the end of those who have submitted ------------------------------------------ */

enum { RING_CLOSED, EXITS, KILLED, EXECS, NR_ENDS };

static int end_with_reads(int q, int how)
{
	struct io_uring ring;
	static char bufs[8];

	if (io_uring_queue_init(16, &ring, 0))
		return 98;
	for (int i = 0; i < 8; i++) {
		struct io_uring_sqe *s = sqe(&ring, 0);

		io_uring_prep_read(s, q, &bufs[i], 1, 0);
	}
	if (io_uring_submit(&ring) != 8)
		return 97;
	switch (how) {
	case RING_CLOSED: io_uring_queue_exit(&ring); return 0;
	case EXITS: return 0;
	case KILLED: kill(getpid(), SIGKILL);
	}
	execl("/bin/true", "true", NULL);
	return 96;
}

/* The ring of one that has gone is freed later; until then its reads are in the way of nobody. */
TEST_F(uring, ends_with_reads)
{
	for (int how = 0; how < NR_ENDS; how++) {
		pid_t pid = child(end_with_reads(self->q, how));

		EXPECT_EQ(how == KILLED ? KILLED_BY(SIGKILL) : 0, reap(pid));
		for (int i = 0; i < 4; i++) {
			ASSERT_EQ(0, put_byte(self->q, 'a' + i));
			EXPECT_EQ('a' + i, get_byte(self->q));
		}
	}
}

/* A child that has inherited the ring's fd keeps the reads, not the messages. */
TEST_F(uring, ring_inherited)
{
	char buf[8];
	int pipefd[2];
	pid_t heir;

	ASSERT_EQ(0, pipe(pipefd));
	EXPECT_EQ(0, reap(child(({
		SUBMIT(self, 1, io_uring_prep_read, self->q, buf, sizeof(buf), 0);
		heir = fork();
		if (!heir) {
			close(pipefd[1]);
			/* Until the test is over. */
			read(pipefd[0], buf, 1);
			_exit(0);
		}
		heir < 0;
	}))));
	ASSERT_EQ(0, put_byte(self->q, 'a'));
	EXPECT_EQ('a', get_byte(self->q));
	close(pipefd[0]);
	close(pipefd[1]);
}

TEST_HARNESS_MAIN
