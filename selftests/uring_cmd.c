// SPDX-License-Identifier: GPL-2.0
/*
 * Commands of io_uring on a queue: the ioctls that put and get, which wait in line with
 * those who sleep there. Where the kernel cannot let them wait they say so at once.
 */
#include "actors.h"
#include "busy.h"
#include "mapped.h"
#include "skip.h"

#include <dirent.h>
#include <limits.h>
#include <liburing.h>
#include <pthread.h>
#include <sys/utsname.h>

FIXTURE(cmd) {
	int dev;
	int q;
	bool waits;
	struct io_uring ring;
};

FIXTURE_SETUP(cmd)
{
	struct pyqueue_info info = { .size = sizeof(info) };

	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, ioctl(self->dev, PYQUEUE_IOC_INFO, &info));
	self->waits = info.features & PYQUEUE_FEAT_URING_CMD;
	self->q = pq_create(self->dev, .maxsize = 2);
	ASSERT_LE(0, self->q);
	ASSERT_EQ(0, io_uring_queue_init(128, &self->ring, 0));
}

FIXTURE_TEARDOWN(cmd)
{
	io_uring_queue_exit(&self->ring);
	close(self->q);
	close(self->dev);
}

#define NEEDS_WAITING(self)                                                  \
	if (!(self)->waits)                                                  \
	SKIP(return, "commands do not wait on this kernel")

/* What a command says, kept until it has ended. */
union argument {
	struct pyqueue_put put;
	struct pyqueue_get get;
	struct pyqueue_many many;
};

struct command {
	union argument arg;
	char buf[8];
};

static struct io_uring_sqe *prepare(struct io_uring *ring, int q, unsigned int op,
				    const void *arg, uint64_t tag)
{
	const struct pyqueue_uring payload = { .arg = (uintptr_t)arg, .tag = tag };
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, q, NULL, 0, 0);
	sqe->cmd_op = op;
	memcpy(sqe->cmd, &payload, sizeof(payload));
	sqe->user_data = tag;
	return sqe;
}

static struct io_uring_sqe *prepare_get(struct io_uring *ring, int q, struct command *c,
					uint64_t deadline, uint64_t tag)
{
	c->arg.get = (struct pyqueue_get){ .size = sizeof(c->arg.get), .deadline_ns = deadline,
		.buf = (uintptr_t)c->buf, .len = sizeof(c->buf) };
	return prepare(ring, q, PYQUEUE_IOC_GET, &c->arg, tag);
}

static void prepare_put(struct io_uring *ring, int q, struct command *c, const char *text,
			uint64_t deadline, uint64_t tag)
{
	c->arg.put = (struct pyqueue_put){ .size = sizeof(c->arg.put), .deadline_ns = deadline,
		.buf = (uintptr_t)text, .len = strlen(text) };
	prepare(ring, q, PYQUEUE_IOC_PUT, &c->arg, tag);
}

/* Of the next completion, which comes in the end; or INT_MIN. */
static int result(struct io_uring *ring, uint64_t *tag)
{
	struct __kernel_timespec ts = { .tv_sec = PATIENCE / SEC };
	struct io_uring_cqe *cqe;
	int res;

	if (io_uring_wait_cqe_timeout(ring, &cqe, &ts))
		return INT_MIN;
	*tag = cqe->user_data;
	res = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return res;
}

#define EXPECT_RESULT(self, tag_, res_)                                      \
	({                                                                   \
		uint64_t got_ = 0;                                           \
		EXPECT_EQ(res_, result(&(self)->ring, &got_));               \
		EXPECT_EQ(tag_, got_);                                       \
	})

#define EXPECT_NO_RESULT(self)                                               \
	({                                                                   \
		struct io_uring_cqe *cqe_;                                   \
		io_uring_get_events(&(self)->ring);                          \
		EXPECT_EQ(-EAGAIN, io_uring_peek_cqe(&(self)->ring, &cqe_)); \
	})

#define SUBMIT(self, n) EXPECT_EQ(n, io_uring_submit(&(self)->ring))

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

TEST_F(cmd, at_once)
{
	struct command get = { .buf = "" }, put;

	prepare_put(&self->ring, self->q, &put, "hello", PYQUEUE_FOREVER, 1);
	SUBMIT(self, 1);
	EXPECT_RESULT(self, 1, 0);
	prepare_get(&self->ring, self->q, &get, PYQUEUE_FOREVER, 2);
	SUBMIT(self, 1);
	EXPECT_RESULT(self, 2, 5);
	EXPECT_STREQ("hello", get.buf);
	EXPECT_EQ(5, get.arg.get.len);
	EXPECT_EQ(1, get.arg.get.deliveries);
	prepare_get(&self->ring, self->q, &get, PYQUEUE_NOWAIT, 3);
	SUBMIT(self, 1);
	EXPECT_RESULT(self, 3, -EAGAIN);
}

/* What the others are skipped for is no accident. */
TEST_F(cmd, feature)
{
	int major = 0, minor = 0;
	struct utsname name;

	ASSERT_EQ(0, uname(&name));
	ASSERT_EQ(2, sscanf(name.release, "%d.%d", &major, &minor));
	EXPECT_EQ(major > 6 || (major == 6 && minor >= 7), self->waits);
}

/* Where it cannot wait it says so, and no thread waits in its stead. */
/* proves: URING -EAGAIN */
TEST_F(cmd, waits_or_says_so)
{
	struct command get = { .buf = "" };

	prepare_get(&self->ring, self->q, &get, PYQUEUE_FOREVER, 1);
	SUBMIT(self, 1);
	if (!self->waits) {
		EXPECT_RESULT(self, 1, -EAGAIN);
		return;
	}
	EXPECT_NO_RESULT(self);
	EXPECT_EQ(1, pq_stat(self->q).getters);
	ASSERT_EQ(0, pq_put(self->q, "hello", 5, PYQUEUE_NOWAIT));
	EXPECT_RESULT(self, 1, 5);
	EXPECT_STREQ("hello", get.buf);
	EXPECT_EQ(5, get.arg.get.len);
	EXPECT_EQ(0, pq_stat(self->q).getters);
}

TEST_F(cmd, put_waits)
{
	struct command put;

	NEEDS_WAITING(self);
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, put_byte(self->q, 'x'));
	prepare_put(&self->ring, self->q, &put, "y", PYQUEUE_FOREVER, 1);
	SUBMIT(self, 1);
	EXPECT_NO_RESULT(self);
	EXPECT_EQ(1, pq_stat(self->q).putters);
	EXPECT_EQ('x', get_byte(self->q));
	EXPECT_RESULT(self, 1, 0);
	EXPECT_EQ('x', get_byte(self->q));
	EXPECT_EQ('y', get_byte(self->q));
}

/* Somebody who maps the queue sees a sleeper, and calls it as any other. */
TEST_F(cmd, woken_by_who_maps_the_queue)
{
	struct pyq_ring r = { .hdr = NULL };
	struct command get;
	struct pyq_op op;

	NEEDS_WAITING(self);
	ASSERT_EQ(1, map_ring(self->q, &r));
	for (int i = 0; i < 4; i++) {
		prepare_get(&self->ring, self->q, &get, PYQUEUE_FOREVER, i);
		SUBMIT(self, 1);
		EXPECT_NO_RESULT(self);
		ASSERT_EQ(0, pyq_ring_claim_put(&r, &op));
		pyq_ring_slot(&r, op.pos)->payload[0] = 'a' + i;
		ASSERT_EQ(0, pyq_ring_publish(&r, &op, 1, 0));
		EXPECT_EQ(1, pyq_sleepers_claim(&r.hdr->getters.sleepers, 1));
		EXPECT_EQ(0, pq_wake(self->q, PYQUEUE_WAKE_GETTERS, 1));
		EXPECT_RESULT(self, i, 1);
		EXPECT_EQ('a' + i, get.buf[0]);
	}
}

TEST_F(cmd, several)
{
	char room[3][4];
	struct pyqueue_msg msgs[3];
	struct pyqueue_many many = { .size = sizeof(many), .deadline_ns = PYQUEUE_FOREVER,
		.msgs = (uintptr_t)msgs, .count = 3 };

	NEEDS_WAITING(self);
	for (int i = 0; i < 3; i++)
		msgs[i] = (struct pyqueue_msg){ .buf = (uintptr_t)room[i], .len = 4 };
	prepare(&self->ring, self->q, PYQUEUE_IOC_GET_MANY, &many, 1);
	SUBMIT(self, 1);
	EXPECT_NO_RESULT(self);
	ASSERT_EQ(2, put_up_to(self->q, 2));
	EXPECT_RESULT(self, 1, 2);
	EXPECT_EQ(1, msgs[1].len);
}

TEST_F(cmd, deadline)
{
	uint64_t begin = now_ns();
	struct command get;

	NEEDS_WAITING(self);
	prepare_get(&self->ring, self->q, &get, begin + 5 * MSEC, 1);
	SUBMIT(self, 1);
	EXPECT_RESULT(self, 1, -ETIMEDOUT);
	EXPECT_LE(begin + 5 * MSEC, now_ns());
	/* Over already. */
	prepare_get(&self->ring, self->q, &get, 1, 2);
	SUBMIT(self, 1);
	EXPECT_RESULT(self, 2, -ETIMEDOUT);
	ASSERT_EQ(0, put_byte(self->q, 'a'));
	EXPECT_EQ('a', get_byte(self->q));
}

/* proves: URING -ECANCELED */
TEST_F(cmd, cancelled)
{
	struct command gets[4];
	uint64_t tag;

	NEEDS_WAITING(self);
	for (int i = 0; i < 4; i++)
		prepare_get(&self->ring, self->q, &gets[i], PYQUEUE_FOREVER, 1 + i / 2);
	SUBMIT(self, 4);
	EXPECT_NO_RESULT(self);
	prepare(&self->ring, self->q, PYQUEUE_URING_CANCEL, NULL, 1);
	SUBMIT(self, 1);
	for (int i = 0; i < 3; i++) {
		int res = result(&self->ring, &tag);

		EXPECT_TRUE(res == 2 || res == -ECANCELED) TH_LOG("%d", res);
		EXPECT_EQ(1, tag);
	}
	prepare(&self->ring, self->q, PYQUEUE_URING_CANCEL, NULL, 99);
	SUBMIT(self, 1);
	EXPECT_RESULT(self, 99, 0);
	/* The others are still there, in their order. */
	ASSERT_EQ(0, put_byte(self->q, 'a'));
	EXPECT_RESULT(self, 2, 1);
	EXPECT_EQ('a', gets[2].buf[0]);
}

/* First come, first served, whether asleep or parked. */
TEST_F(cmd, in_line_with_sleepers)
{
	struct command parked[2];
	pid_t sleepers[2];
	char c;

	NEEDS_WAITING(self);
	for (int i = 0; i < 2; i++) {
		sleepers[i] = child(pq_get(self->q, &c, 1, PYQUEUE_FOREVER) == 1 && c == 'a' + 2 * i ?
					    0 : -EBADMSG);
		ASSERT_TRUE(wait_asleep(self->q, getters, 2 * i + 1, sleepers[i]));
		prepare_get(&self->ring, self->q, &parked[i], PYQUEUE_FOREVER, i);
		SUBMIT(self, 1);
		EXPECT_NO_RESULT(self);
	}
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, put_byte(self->q, 'a' + 2 * i));
		EXPECT_EQ(0, reap(sleepers[i]));
		ASSERT_EQ(0, put_byte(self->q, 'a' + 2 * i + 1));
		EXPECT_RESULT(self, i, 1);
		EXPECT_EQ('a' + 2 * i + 1, parked[i].buf[0]);
	}
}

/* One message wakes one: all others are where they were. */
TEST_F(cmd, no_stampede)
{
	struct command gets[64];

	NEEDS_WAITING(self);
	for (int i = 0; i < 64; i++)
		prepare_get(&self->ring, self->q, &gets[i], PYQUEUE_FOREVER, i);
	SUBMIT(self, 64);
	EXPECT_NO_RESULT(self);
	for (int i = 0; i < 64; i++) {
		EXPECT_EQ(64 - i, pq_stat(self->q).getters);
		ASSERT_EQ(0, put_byte(self->q, (char)i));
		EXPECT_RESULT(self, i, 1);
		EXPECT_EQ(i, gets[i].buf[0]);
		EXPECT_NO_RESULT(self);
	}
}

TEST_F(cmd, shut_down)
{
	struct command get;

	NEEDS_WAITING(self);
	prepare_get(&self->ring, self->q, &get, PYQUEUE_FOREVER, 1);
	SUBMIT(self, 1);
	EXPECT_NO_RESULT(self);
	EXPECT_EQ(0, pq_shutdown(self->q, 0));
	EXPECT_RESULT(self, 1, -ESHUTDOWN);
}

/* By a thread of io_uring's, while the submitter does something else. */
TEST_F(cmd, from_a_worker)
{
	struct command gets[8];
	uint64_t tag;

	NEEDS_WAITING(self);
	for (int i = 0; i < 8; i++)
		prepare_get(&self->ring, self->q, &gets[i], PYQUEUE_FOREVER, i)->flags |=
			IOSQE_ASYNC;
	SUBMIT(self, 8);
	for (int i = 0; i < 8; i++) {
		ASSERT_TRUE(eventually(put_byte(self->q, 'a' + i) == 0));
		EXPECT_EQ(1, result(&self->ring, &tag));
		EXPECT_EQ('a' + i, gets[tag].buf[0]);
	}
}

/*
 * What a command returns beyond 0 io_uring 6.1 takes for a failure, which breaks a chain,
 * and if a worker has run it for nothing that it need pass on.
 */
TEST_F(cmd, more_than_nothing)
{
	struct command gets[3];

	for (int worker = 0; worker < 2; worker++) {
		EXPECT_EQ(0, pq_put(self->q, "ab", 2, PYQUEUE_NOWAIT));
		EXPECT_EQ(0, pq_put(self->q, "c", 1, PYQUEUE_NOWAIT));
		for (int i = 0; i < 3; i++)
			prepare_get(&self->ring, self->q, &gets[i], PYQUEUE_NOWAIT, i)->flags |=
				(worker ? IOSQE_ASYNC : 0) | (i < 2 ? IOSQE_IO_LINK : 0);
		SUBMIT(self, 3);
		EXPECT_RESULT(self, 0, 2);
		EXPECT_RESULT(self, 1, 1);
		EXPECT_RESULT(self, 2, -EAGAIN);
	}
}

/* proves: PYQUEUE_URING_CANCEL -EINVAL, URING -ENOTTY */
TEST_F(cmd, bad_arguments)
{
	struct command get;
	int half;

	prepare(&self->ring, self->q, PYQUEUE_IOC_STAT, &get, 1);
	SUBMIT(self, 1);
	EXPECT_RESULT(self, 1, -ENOTTY);
	prepare(&self->ring, self->q, PYQUEUE_IOC_GET, (void *)8, 2);
	SUBMIT(self, 1);
	EXPECT_RESULT(self, 2, -EFAULT);
	prepare(&self->ring, self->q, PYQUEUE_URING_CANCEL, &get, 3);
	SUBMIT(self, 1);
	EXPECT_RESULT(self, 3, -EINVAL);
	prepare_get(&self->ring, self->q, &get, PYQUEUE_FOREVER, 4);
	get.arg.get.flags = 1;
	SUBMIT(self, 1);
	EXPECT_RESULT(self, 4, -EOPNOTSUPP);
	/* A buffer that is not there: found out when there is a message, which stays. */
	prepare_get(&self->ring, self->q, &get, self->waits ? PYQUEUE_FOREVER : PYQUEUE_NOWAIT, 5);
	get.arg.get.buf = 8;
	SUBMIT(self, 1);
	if (self->waits)
		EXPECT_NO_RESULT(self);
	ASSERT_EQ(0, put_byte(self->q, 'a'));
	EXPECT_RESULT(self, 5, self->waits ? -EFAULT : -EAGAIN);
	EXPECT_EQ('a', get_byte(self->q));
	half = pq_create_named(self->dev, "uring_cmd half", .maxsize = 1);
	ASSERT_LE(0, half);
	close(half);
	half = pq_open(self->dev, "uring_cmd half", PYQUEUE_WRITE);
	ASSERT_LE(0, half);
	prepare_get(&self->ring, half, &get, PYQUEUE_FOREVER, 6);
	SUBMIT(self, 1);
	EXPECT_RESULT(self, 6, -EBADF);
	close(half);
	EXPECT_EQ(0, pq_unlink(self->dev, "uring_cmd half"));
}

/* --- a race: the message is in the completion, or in the queue ------------------- */

#define RACES 1000

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

FIXTURE(race) {
	int dev;
	int q;
	struct io_uring ring;
	struct racer racer;
	pthread_t thread;
	unsigned int had, left;
};

FIXTURE_SETUP(race)
{
	struct pyqueue_info info = { .size = sizeof(info) };

	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, ioctl(self->dev, PYQUEUE_IOC_INFO, &info));
	if (!(info.features & PYQUEUE_FEAT_URING_CMD))
		SKIP_ALL("commands do not wait on this kernel");
	self->q = pq_create(self->dev, .maxsize = 2);
	ASSERT_LE(0, self->q);
	ASSERT_EQ(0, io_uring_queue_init(8, &self->ring, 0));
	self->racer.q = self->q;
	pthread_barrier_init(&self->racer.start, NULL, 2);
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, race, &self->racer));
}

FIXTURE_TEARDOWN(race)
{
	pthread_join(self->thread, NULL);
	EXPECT_EQ(RACES, self->had + self->left);
	TH_LOG("%u in the completion, %u in the queue", self->had, self->left);
	io_uring_queue_exit(&self->ring);
	close(self->q);
	close(self->dev);
}

TEST_F(race, put_and_cancel)
{
	for (int i = 0; i < RACES; i++) {
		struct command get;
		uint64_t tag;

		prepare_get(&self->ring, self->q, &get, PYQUEUE_FOREVER, 1);
		ASSERT_EQ(1, io_uring_submit(&self->ring));
		pthread_barrier_wait(&self->racer.start);
		prepare(&self->ring, self->q, PYQUEUE_URING_CANCEL, NULL, 1);
		io_uring_submit(&self->ring);
		for (int n = 0; n < 2; n++) {
			int res = result(&self->ring, &tag);

			/* How many it has found to cancel, 0 or 1, looks like a message's length. */
			if (res < 0)
				EXPECT_EQ(-ECANCELED, res);
		}
		pthread_barrier_wait(&self->racer.start);
		if (get_byte(self->q) == 'a')
			self->left++;
		else
			self->had++;
	}
}

TEST_F(race, put_and_deadline)
{
	for (int i = 0; i < RACES; i++) {
		struct command get;
		uint64_t tag;
		int res;

		prepare_get(&self->ring, self->q, &get, now_ns() + 1000 * (i % 300), 1);
		ASSERT_EQ(1, io_uring_submit(&self->ring));
		pthread_barrier_wait(&self->racer.start);
		res = result(&self->ring, &tag);
		EXPECT_TRUE(res == 1 || res == -ETIMEDOUT) TH_LOG("%d", res);
		pthread_barrier_wait(&self->racer.start);
		if (get_byte(self->q) == 'a') {
			EXPECT_EQ(-ETIMEDOUT, res);
			self->left++;
		} else {
			EXPECT_EQ(1, res);
			self->had++;
		}
	}
}

/* --- the end of those who have submitted ------------------------------------------ */

enum { RING_CLOSED, EXITS, KILLED, EXECS, NR_ENDS };

static int end_with_gets(int q, int how)
{
	static struct command gets[8];
	struct io_uring ring;

	if (io_uring_queue_init(16, &ring, 0))
		return -EPIPE;
	for (int i = 0; i < 8; i++)
		prepare_get(&ring, q, &gets[i], PYQUEUE_FOREVER, i);
	if (io_uring_submit(&ring) != 8)
		return -EPIPE;
	switch (how) {
	case RING_CLOSED: io_uring_queue_exit(&ring); return 0;
	case EXITS: return 0;
	case KILLED: kill(getpid(), SIGKILL);
	}
	execl("/bin/true", "true", NULL);
	return -EPIPE;
}

TEST_F(cmd, ends_while_they_wait)
{
	NEEDS_WAITING(self);
	for (int how = 0; how < NR_ENDS; how++) {
		pid_t pid = child(end_with_gets(self->q, how));

		EXPECT_EQ(how == KILLED ? KILLED_BY(SIGKILL) : 0, reap(pid));
		for (int i = 0; i < 4; i++) {
			char c;

			ASSERT_EQ(0, put_byte(self->q, 'a' + i));
			EXPECT_EQ(1, pq_get(self->q, &c, 1, SOON));
			EXPECT_EQ('a' + i, c);
		}
		EXPECT_TRUE(eventually(pq_stat(self->q).getters == 0));
	}
}

/* A flag that means nothing here is refused. */
/* proves: URING -EINVAL */
TEST_F(cmd, bad_flag)
{
	/* Not of the program's file, which cannot be registered. */
	struct iovec iov = { .iov_base = aligned_alloc(4096, 4096), .iov_len = 4096 };
	struct command get;

	ASSERT_NE(NULL, iov.iov_base);
	ASSERT_EQ(0, io_uring_register_buffers(&self->ring, &iov, 1));
	prepare_get(&self->ring, self->q, &get, PYQUEUE_NOWAIT, 1);
	self->ring.sq.sqes[0].rw_flags = 1; /* IORING_URING_CMD_FIXED */
	SUBMIT(self, 1);
	EXPECT_RESULT(self, 1, -EINVAL);
	free(iov.iov_base);
}

/* Who calls one passes those that have been called: there is a limit to them. */
/* proves: URING -ENOSPC */
TEST_F(cmd, too_many)
{
	enum { MOST = 16384 };
	static struct command get;
	struct io_uring ring;
	uint64_t tag;

	NEEDS_WAITING(self);
	ASSERT_EQ(0, io_uring_queue_init(2 * MOST, &ring, 0));
	for (int i = 0; i <= MOST; i++)
		prepare_get(&ring, self->q, &get, PYQUEUE_FOREVER, i);
	EXPECT_EQ(MOST + 1, io_uring_submit(&ring));
	EXPECT_EQ(-ENOSPC, result(&ring, &tag));
	EXPECT_EQ(MOST, tag);
	EXPECT_EQ(MOST, pq_stat(self->q).getters);
	io_uring_queue_exit(&ring);
	EXPECT_TRUE(eventually(pq_stat(self->q).getters == 0));
}

static int sleep_with_get(int q)
{
	static struct command get;
	struct io_uring ring;

	if (stay_on(1, false) || io_uring_queue_init(4, &ring, 0))
		return -EPIPE;
	prepare_get(&ring, q, &get, PYQUEUE_FOREVER, 1);
	if (io_uring_submit(&ring) != 1)
		return -EPIPE;
	pause();
	return -EPIPE;
}

/*
 * Called and then killed before he has run again, because another has his processor: that
 * he is to be killed is what he learns last. The message is for the others.
 */
TEST_F(cmd, killed_when_called)
{
	struct busy other;
	pid_t getter;
	char c;

	NEEDS_WAITING(self);
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "needs two processors");
	ASSERT_EQ(0, stay_on(0, false));
	getter = child(sleep_with_get(self->q));
	ASSERT_TRUE(eventually(asleep_in(getter, SYS_pause)));
	ASSERT_TRUE(make_busy(&other, 1));
	EXPECT_EQ(0, put_byte(self->q, 'k'));
	EXPECT_EQ(0, kill(getter, SIGKILL));
	EXPECT_EQ(0, end_busy(&other));
	EXPECT_EQ(KILLED_BY(SIGKILL), reap(getter));
	EXPECT_EQ(1, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ('k', c);
	EXPECT_EQ(0, pq_stat(self->q).getters);
}

/* A ring that has been closed takes nothing, while its commands are being ended. */
TEST_F(cmd, put_after_close)
{
	static struct command get;
	struct io_uring ring;
	char c;

	NEEDS_WAITING(self);
	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(0, io_uring_queue_init(4, &ring, 0));
		prepare_get(&ring, self->q, &get, PYQUEUE_FOREVER, 1);
		get.buf[0] = '-';
		ASSERT_EQ(1, io_uring_submit(&ring));
		io_uring_queue_exit(&ring);
		ASSERT_EQ(0, put_byte(self->q, 'c'));
		ASSERT_EQ(1, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT)) TH_LOG("%d", i);
		EXPECT_EQ('-', get.buf[0]);
	}
	EXPECT_TRUE(eventually(pq_stat(self->q).getters == 0));
}

/*
 * A child has inherited the ring: its parent's gets stay parked. Called, they find that
 * nobody is there to take the message, and call the next.
 */
TEST_F(cmd, ring_inherited)
{
	int pipefd[2];
	pid_t getter;
	char c;

	NEEDS_WAITING(self);
	ASSERT_EQ(0, pipe(pipefd));
	EXPECT_EQ(0, reap(child(({
		struct command gets[3];
		pid_t heir;

		for (int i = 0; i < 3; i++)
			prepare_get(&self->ring, self->q, &gets[i], PYQUEUE_FOREVER, i);
		io_uring_submit(&self->ring);
		heir = fork();
		if (!heir) {
			close(pipefd[1]);
			/* Until the test is over. */
			if (read(pipefd[0], &c, 1))
				_exit(1);
			_exit(0);
		}
		heir < 0;
	}))));
	getter = child(pq_get(self->q, &c, 1, PYQUEUE_FOREVER) == 1 ? 0 : -EPIPE);
	ASSERT_TRUE(wait_asleep(self->q, getters, 4, getter));
	ASSERT_EQ(0, put_byte(self->q, 'a'));
	EXPECT_EQ(0, reap(getter));
	close(pipefd[0]);
	close(pipefd[1]);
}

/* Has so many puts wait, in a ring that he does not look after. */
static void put_and_neglect(int q, int n, int *ready)
{
	static struct command put;
	struct io_uring ring;

	become(BOB, BOB);
	if (io_uring_queue_init(n, &ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN))
		_exit(1);
	for (int i = 0; i < n; i++)
		prepare_put(&ring, q, &put, "b", PYQUEUE_FOREVER, i);
	store(ready, io_uring_submit(&ring));
	pause();
}

/*
 * The calls for room go to them, first come, first called, and nobody comes. Who sleeps
 * behind them sleeps to his deadline, or to their end; who comes anew finds the room.
 */
TEST_F(cmd, neglected)
{
	enum { COMMANDS = 8 };
	int *ready = shared_memory(4096);
	pid_t bob, alice;

	NEEDS_WAITING(self);
	ASSERT_EQ(2, put_up_to(self->q, 2));
	bob = child((put_and_neglect(self->q, COMMANDS, ready), 0));
	ASSERT_TRUE(eventually(load(ready)));
	ASSERT_EQ(COMMANDS, load(ready));
	ASSERT_EQ(COMMANDS, pq_stat(self->q).putters);
	alice = child(pq_put(self->q, "a", 1, in_ns(SEC)));
	ASSERT_TRUE(wait_asleep(self->q, putters, COMMANDS + 1, alice));
	EXPECT_EQ(2, get_up_to(self->q, 2));
	EXPECT_EQ(0, put_byte(self->q, '1'));
	/* She has not been called; success beats the deadline. */
	EXPECT_EQ(0, reap(alice));
	EXPECT_EQ('1' + 'a', get_byte(self->q) + get_byte(self->q));

	EXPECT_EQ(2, put_up_to(self->q, 2));
	alice = child(pq_put(self->q, "a", 1, PYQUEUE_FOREVER));
	ASSERT_TRUE(wait_asleep(self->q, putters, COMMANDS + 1, alice));
	EXPECT_EQ(2, get_up_to(self->q, 2));
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(bob));
	EXPECT_EQ(0, reap(alice));
	EXPECT_EQ('a', get_byte(self->q));
}

/* --- submitters that are stopped ----------------------------------------------------- */

/* Stops with so many gets parked in @ring, which he has open no more. */
static int stop_with_gets(int q, struct io_uring *ring, int n)
{
	static struct command get;

	for (int i = 0; i < n; i++)
		prepare_get(ring, q, &get, PYQUEUE_FOREVER, i);
	if (io_uring_submit(ring) != n)
		return -EPIPE;
	io_uring_queue_exit(ring);
	raise(SIGSTOP);
	pause();
	return -EPIPE;
}

static pid_t stopped_with_gets(int q, struct io_uring *ring, int n)
{
	pid_t pid = child(stop_with_gets(q, ring, n));
	int status;

	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
		return -1;
	return pid;
}

/*
 * They are called and do not come. No message is lost: who comes anew finds them, who sleeps
 * behind them has one at his deadline, or when the commands run, or end.
 */
TEST_F(cmd, stopped)
{
	enum { COMMANDS = 3 };
	pid_t bob, alice;
	char c;

	NEEDS_WAITING(self);
	for (int killed = 0; killed < 2; killed++) {
		struct io_uring ring;

		ASSERT_EQ(0, io_uring_queue_init(8, &ring, 0));
		bob = stopped_with_gets(self->q, &ring, COMMANDS);
		ASSERT_LT(0, bob);
		ASSERT_EQ(COMMANDS, pq_stat(self->q).getters);
		alice = child(pq_get(self->q, &c, 1, in_ns(SEC)) == 1 ? 0 : -EPIPE);
		ASSERT_TRUE(wait_asleep(self->q, getters, COMMANDS + 1, alice));
		ASSERT_EQ(0, put_byte(self->q, 'a'));
		ASSERT_EQ(0, put_byte(self->q, 'b'));
		/* First come, first called: nobody has taken anything. */
		EXPECT_EQ(2, pq_qsize(self->q));
		EXPECT_EQ('a', get_byte(self->q));
		EXPECT_EQ(0, reap(alice));
		EXPECT_EQ(0, pq_qsize(self->q));
		EXPECT_EQ(COMMANDS, pq_stat(self->q).getters);

		alice = child(pq_get(self->q, &c, 1, PYQUEUE_FOREVER) == 1 ? 0 : -EPIPE);
		ASSERT_TRUE(wait_asleep(self->q, getters, COMMANDS + 1, alice));
		if (killed) {
			/* The first two have been called before. */
			ASSERT_EQ(0, put_byte(self->q, 'c'));
			EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(bob));
		} else {
			ASSERT_EQ(0, kill(bob, SIGCONT));
			for (int i = 0; i <= COMMANDS; i++)
				ASSERT_TRUE(eventually(put_byte(self->q, 'c') == 0));
		}
		EXPECT_EQ(0, reap(alice));
		EXPECT_TRUE(eventually(pq_stat(self->q).getters == 0));
		EXPECT_EQ(0, pq_qsize(self->q));
		io_uring_queue_exit(&ring);
		if (!killed) {
			EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(bob));
		}
	}
}

/* Is a thread of the kernel's own asleep in the module? */
static bool ender_sleeps(void)
{
	DIR *proc = opendir("/proc");
	bool sleeps = false;
	struct dirent *d;

	while (proc && !sleeps && (d = readdir(proc))) {
		pid_t pid = atoi(d->d_name);
		char path[64], link[8];

		snprintf(path, sizeof(path), "/proc/%d/exe", pid);
		if (pid > 0 && asleep_at(pid, "pyqueue_"))
			sleeps = readlink(path, link, sizeof(link)) < 0;
	}
	if (proc)
		closedir(proc);
	return sleeps;
}

/*
 * His ring is closed by another, when some have been called. Who ends it for the kernel can do
 * nothing about those until he comes, and sleeps meanwhile; the others it ends. Then it ends.
 */
TEST_F(cmd, stopped_and_ring_closed)
{
	enum { COMMANDS = 3 };

	NEEDS_WAITING(self);
	for (int killed = 0; killed < 2; killed++) {
		struct io_uring ring;
		pid_t bob;

		ASSERT_EQ(0, io_uring_queue_init(8, &ring, 0));
		bob = stopped_with_gets(self->q, &ring, COMMANDS);
		ASSERT_LT(0, bob);
		ASSERT_EQ(0, put_byte(self->q, 'a'));
		EXPECT_EQ('a', get_byte(self->q));
		EXPECT_FALSE(ender_sleeps());
		io_uring_queue_exit(&ring);
		/* The one that has been called is left. */
		EXPECT_TRUE(eventually(pq_stat(self->q).getters == 1));
		EXPECT_TRUE(eventually(ender_sleeps()));
		ASSERT_EQ(0, put_byte(self->q, 'b'));
		if (killed) {
			EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(bob));
		} else {
			ASSERT_EQ(0, kill(bob, SIGCONT));
		}
		EXPECT_TRUE(eventually(pq_stat(self->q).getters == 0));
		EXPECT_TRUE(eventually(!ender_sleeps()));
		/* Nobody was there to learn of it. */
		EXPECT_EQ('b', get_byte(self->q));
		if (!killed) {
			EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(bob));
		}
	}
}

/* By who goes on living. A kernel with lockdep has complained. */
TEST_F(cmd, closed_while_one_waits)
{
	const unsigned int flags[] = { 0, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
				       IORING_SETUP_SQPOLL };
	static struct command get;

	NEEDS_WAITING(self);
	for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++) {
		struct io_uring ring;

		ASSERT_EQ(0, io_uring_queue_init(4, &ring, flags[i]));
		prepare_get(&ring, self->q, &get, PYQUEUE_FOREVER, 1);
		ASSERT_EQ(1, io_uring_submit(&ring));
		EXPECT_TRUE(eventually(pq_stat(self->q).getters == 1));
		io_uring_queue_exit(&ring);
		EXPECT_TRUE(eventually(pq_stat(self->q).getters == 0));
		EXPECT_EQ(0, put_byte(self->q, 'w'));
		EXPECT_EQ('w', get_byte(self->q));
	}
}

static int get_and_wait(int q)
{
	char c;

	return pq_get(q, &c, 1, PYQUEUE_FOREVER) - 1;
}

/*
 * Who closes a ring with very many that are over, and that nobody has run, does not wait
 * for each of them; and whom they were in the way of is called.
 */
TEST_F(cmd, closed_with_many_over)
{
	enum { COMMANDS = 2000 };
	const uint64_t tick = 4 * MSEC;
	static struct command get;

	NEEDS_WAITING(self);
	/* Whether the closer comes first, or who runs them, is chance. */
	for (int i = 0; i < 4; i++) {
		const uint64_t deadline = in_ns(500 * PYQUEUE_SLOW * MSEC);
		struct io_uring ring;
		uint64_t began;
		pid_t alice;

		ASSERT_EQ(0, io_uring_queue_init(COMMANDS, &ring, IORING_SETUP_SINGLE_ISSUER |
						 IORING_SETUP_DEFER_TASKRUN));
		for (int n = 0; n < COMMANDS; n++)
			prepare_get(&ring, self->q, &get, deadline, n);
		ASSERT_EQ(COMMANDS, io_uring_submit(&ring));
		ASSERT_LE(COMMANDS, pq_stat(self->q).getters);
		alice = child((io_uring_queue_exit(&ring), get_and_wait(self->q)));
		ASSERT_TRUE(wait_asleep(self->q, getters, COMMANDS + 1, alice));
		while (now_ns() < deadline)
			sched_yield();
		began = now_ns();
		io_uring_queue_exit(&ring);
		EXPECT_TRUE(eventually(pq_stat(self->q).getters == 1));
		EXPECT_GT(COMMANDS / 2 * tick, now_ns() - began);
		EXPECT_EQ(0, put_byte(self->q, 'x'));
		EXPECT_EQ(0, reap(alice));
	}
}

TEST_HARNESS_MAIN
