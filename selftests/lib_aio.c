// SPDX-License-Identifier: GPL-2.0
/* pyq_aio: the same on each engine, with the module and without, mapped and sealed. */
#include "lib_test.h"
#include "skip.h"

#include <linux/filter.h>
#include <linux/pyqueue.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

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

static char byte = 'x';

TEST_F(aio, at_once)
{
	char buf[8] = "";

	ASSERT_EQ(0, lib(pyq_aio_put(self->aio, self->q, "hello", 5, PYQ_FOREVER, 1)));
	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf, 8, PYQ_FOREVER, 2)));
	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf, 8, PYQ_NOWAIT, 3)));
	ASSERT_EQ(3, lib(pyq_aio_wait(self->aio, self->done, ENTRIES, 3, PYQ_FOREVER)));
	EXPECT_EQ(1, self->done[0].user_data);
	EXPECT_EQ(0, self->done[0].result);
	EXPECT_EQ(2, self->done[1].user_data);
	EXPECT_EQ(5, self->done[1].result);
	EXPECT_EQ(3, self->done[2].user_data);
	EXPECT_EQ(-EAGAIN, self->done[2].result);
	EXPECT_STREQ("hello", buf);
	/* Nothing under way: for nothing nobody waits. */
	EXPECT_EQ(0, lib(pyq_aio_wait(self->aio, self->done, ENTRIES, 1, PYQ_FOREVER)));
}

/* Who does not wait does not come before those who do. */
/* proves: pyq_completion -EAGAIN */
TEST_F(aio, not_waiting_behind_others)
{
	char buf[2][8];

	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf[0], 8, PYQ_FOREVER, 1)));
	ASSERT_EQ(0, pyq_put(self->q, "hello", 5, PYQ_NOWAIT));
	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf[1], 8, PYQ_NOWAIT, 2)));
	EXPECT_DONE(self, 2, -EAGAIN);
	EXPECT_DONE(self, 1, 5);
}

/* --- which system calls there are -------------------------------------------- */

/* From now on any other one than ioctl() with @request, and the end, is the end. */
static int allow_only(uint32_t request)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, request, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]),
		.filter = filter,
	};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

#define NEEDS_MAPPED(self)                                                   \
	if (!is_mapped((self)->q))                                           \
	SKIP(return, "each call to a queue that is not mapped is a system call")

#if !defined(__SANITIZE_ADDRESS__) /* which makes system calls of its own */
/* In a child: more puts and gets than the ring has slots, and not one system call. */
static int put_and_get(pyq_queue *q, unsigned int engine)
{
	struct pyq_completion done[2];
	pyq_aio *aio;
	char buf[8];

	if (pyq_qsize(q) || pyq_aio_create(&aio, 8, engine) || allow_only(0))
		return 1;
	for (int i = 0; i < 1000; i++) {
		if (pyq_aio_put(aio, q, "hello", 5, PYQ_FOREVER, 1) ||
		    pyq_aio_get(aio, q, buf, 8, PYQ_FOREVER, 2) ||
		    pyq_aio_wait(aio, done, 2, 2, PYQ_FOREVER) != 2 || done[1].result != 5)
			return 2;
	}
	return 0;
}

TEST_F(aio, no_system_call)
{
	NEEDS_MAPPED(self);
	EXPECT_EQ(0, exit_status(in_child(put_and_get(self->q, variant->engine))));
}
#endif

static int only_wake(pyq_queue *q, bool put)
{
	char buf[8];

	/* In a child the first call maps the queue. */
	if (pyq_qsize(q) < 0 || allow_only(PYQUEUE_IOC_WAKE))
		return 1;
	return put ? -pyq_put(q, "hello", 5, PYQ_NOWAIT) :
		     pyq_get(q, buf, 8, PYQ_NOWAIT) != 1;
}

/* The other side's only call is the one that wakes. */
TEST_F(aio, woken_by_one_call)
{
	char buf[8] = "";

	NEEDS_MAPPED(self);
	if (on_shm())
		SKIP(return, "in shared memory that call is a futex's");
	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf, 8, PYQ_FOREVER, 1)));
	EXPECT_EQ(0, lib(pyq_aio_submit(self->aio)));
	EXPECT_EQ(0, exit_status(in_child(only_wake(self->q, true))));
	EXPECT_DONE(self, 1, 5);
	EXPECT_STREQ("hello", buf);
	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, pyq_put(self->q, &byte, 1, PYQ_NOWAIT));
	ASSERT_EQ(0, lib(pyq_aio_put(self->aio, self->q, "more", 4, PYQ_FOREVER, 2)));
	EXPECT_EQ(0, lib(pyq_aio_submit(self->aio)));
	EXPECT_EQ(0, exit_status(in_child(only_wake(self->q, false))));
	EXPECT_DONE(self, 2, 0);
}

/* --- operations that wait ------------------------------------------------------ */

TEST_F(aio, get_waits)
{
	char buf[8] = "";
	pid_t putter;

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf, 8, PYQ_FOREVER, i)));
		EXPECT_NONE(self);
		putter = in_child(-pyq_put(self->q, "hello", 5, PYQ_NOWAIT));
		EXPECT_DONE(self, i, 5);
		EXPECT_EQ(0, exit_status(putter));
		EXPECT_STREQ("hello", buf);
		EXPECT_EQ(0, pyq_qsize(self->q));
	}
}

TEST_F(aio, put_waits)
{
	char buf[8];
	pid_t getter;

	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, pyq_put(self->q, &byte, 1, PYQ_NOWAIT));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, lib(pyq_aio_put(self->aio, self->q, "more", 4, PYQ_FOREVER, i)));
		EXPECT_NONE(self);
		getter = in_child(pyq_get(self->q, buf, 8, PYQ_NOWAIT));
		EXPECT_DONE(self, i, 0);
		EXPECT_EQ(i < 3 ? 1 : 4, exit_status(getter));
		EXPECT_EQ(4, pyq_qsize(self->q));
	}
}

/* Both sides of one queue: what one does is what the other waits for. */
TEST_F(aio, both_sides)
{
	char bufs[8][8];

	for (int i = 0; i < 8; i++)
		ASSERT_EQ(0, lib(pyq_aio_put(self->aio, self->q, &byte, 1, LONG, i)));
	EXPECT_EQ(4, lib(pyq_aio_wait(self->aio, self->done, ENTRIES, 4, LONG)));
	for (int i = 0; i < 8; i++)
		ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, bufs[i], 8, LONG, 100 + i)));
	EXPECT_EQ(12, lib(pyq_aio_wait(self->aio, self->done, ENTRIES, 12, LONG)));
	for (int i = 0; i < 12; i++)
		EXPECT_EQ(self->done[i].user_data >= 100, self->done[i].result);
	EXPECT_EQ(0, pyq_qsize(self->q));
	EXPECT_NONE(self);
}

/* One message, one completion, in the order in which they came. */
TEST_F(aio, in_line)
{
	char bufs[64];

	for (int i = 0; i < 64; i++)
		ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, &bufs[i], 1, PYQ_FOREVER, i)));
	EXPECT_NONE(self);
	for (int i = 0; i < 64; i++) {
		/* A newcomer does not come first. */
		byte = (char)i;
		ASSERT_EQ(0, pyq_put(self->q, &byte, 1, PYQ_NOWAIT));
		if (i % 2)
			ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, &byte, 1, PYQ_NOWAIT, 99)));
		EXPECT_EQ(1 + i % 2, lib(pyq_aio_wait(self->aio, self->done, ENTRIES, 1 + i % 2,
						      LONG)));
		EXPECT_EQ(i % 2 ? 99 : i, self->done[0].user_data);
		EXPECT_EQ(i % 2 ? -EAGAIN : 1, self->done[0].result);
		EXPECT_EQ(i, self->done[i % 2].user_data);
		EXPECT_EQ(i, bufs[i]);
	}
	EXPECT_NONE(self);
}

TEST_F(aio, timeouts)
{
	const int64_t begin = lib_now_ns();
	char bufs[16];

	/* Not in the order in which they end. */
	for (int i = 0; i < 16; i++)
		ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, &bufs[i], 1,
					     PYQ_MILLISECONDS(5 + i * 7 % 16), i * 7 % 16)));
	for (int i = 0; i < 16; i++) {
		EXPECT_DONE(self, i, -ETIMEDOUT);
		EXPECT_LE(PYQ_MILLISECONDS(5 + i), lib_now_ns() - begin);
	}
	/* The wait's own. */
	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, bufs, 1, PYQ_FOREVER, 1)));
	EXPECT_EQ(0, lib(pyq_aio_wait(self->aio, self->done, 1, 1, PYQ_MILLISECONDS(5))));
	/* What can be done is, although its time is over. */
	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, bufs, 1, 1, 2)));
	ASSERT_EQ(0, pyq_put(self->q, &byte, 1, PYQ_NOWAIT));
	ASSERT_EQ(0, pyq_put(self->q, &byte, 1, PYQ_NOWAIT));
	EXPECT_DONE(self, 1, 1);
	EXPECT_DONE(self, 2, 1);
}

/* proves: pyq_completion -ECANCELED, pyq_aio_cancel -ECANCELED, pyq_aio_cancel_all -ECANCELED */
TEST_F(aio, cancelled)
{
	char buf[8];

	EXPECT_EQ(0, lib(pyq_aio_cancel(self->aio, 1)));
	EXPECT_EQ(0, lib(pyq_aio_cancel_all(self->aio)));
	for (int i = 0; i < 6; i++)
		ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf, 8, LONG, i / 2)));
	EXPECT_NONE(self);
	EXPECT_EQ(2, lib(pyq_aio_cancel(self->aio, 1)));
	EXPECT_EQ(0, lib(pyq_aio_cancel(self->aio, 1)));
	EXPECT_DONE(self, 1, -ECANCELED);
	EXPECT_DONE(self, 1, -ECANCELED);
	/* It does not take what comes now. */
	ASSERT_EQ(0, pyq_put(self->q, &byte, 1, PYQ_NOWAIT));
	EXPECT_DONE(self, 0, 1);
	EXPECT_EQ(3, lib(pyq_aio_cancel_all(self->aio)));
	ASSERT_EQ(0, pyq_put(self->q, &byte, 1, PYQ_NOWAIT));
	EXPECT_EQ(3, lib(pyq_aio_wait(self->aio, self->done, ENTRIES, 3, LONG)));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(-ECANCELED, self->done[i].result);
	EXPECT_NONE(self);
	EXPECT_EQ(1, pyq_qsize(self->q));
}

/* Those of one side end in the order in which they came, also like this. */
TEST_F(aio, cancelled_in_order)
{
	char buf[8];

	for (int i = 0; i < 5; i++)
		ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf, 8, LONG, i)));
	EXPECT_EQ(5, lib(pyq_aio_cancel_all(self->aio)));
	for (int i = 0; i < 5; i++)
		EXPECT_DONE(self, i, -ECANCELED);
}

/* With everything under way: messages are in the queue, or somebody knows of them. */
TEST_F(aio, destroyed)
{
	char bufs[8][8];
	unsigned int done;

	for (int i = 0; i < 8; i++)
		ASSERT_EQ(0, lib(pyq_aio_put(self->aio, self->q, &byte, 1, LONG, i)));
	EXPECT_EQ(0, lib(pyq_aio_submit(self->aio)));
	EXPECT_EQ(4, lib(pyq_aio_destroy(self->aio)));
	EXPECT_EQ(4, pyq_qsize(self->q));
	ASSERT_EQ(0, lib(pyq_aio_create(&self->aio, 8, variant->engine)));
	for (int i = 0; i < 8; i++)
		ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, bufs[i], 8, LONG, i)));
	EXPECT_EQ(0, lib(pyq_aio_submit(self->aio)));
	ASSERT_EQ(0, pyq_put(self->q, &byte, 1, PYQ_NOWAIT));
	/* The kernel may have done the fifth. */
	done = lib(pyq_aio_destroy(self->aio));
	self->aio = NULL;
	EXPECT_LE(4, done);
	EXPECT_EQ(5, done + pyq_qsize(self->q));
}

/* proves: pyq_aio_put -EBUSY, pyq_aio_get -EBUSY, pyq_aio_put_many -EBUSY, pyq_aio_get_many -EBUSY */
TEST_F(aio, as_many_as_there_can_be)
{
	struct pyq_msg msg = { .data = &byte, .size = 1 };
	char bufs[ENTRIES];

	for (int i = 0; i < ENTRIES; i++)
		ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, &bufs[i], 1,
					     i % 2 ? PYQ_NOWAIT : PYQ_FOREVER, i)));
	EXPECT_EQ(-EBUSY, lib(pyq_aio_get(self->aio, self->q, bufs, 1, PYQ_FOREVER, 0)));
	EXPECT_EQ(-EBUSY, lib(pyq_aio_put(self->aio, self->q, bufs, 1, PYQ_FOREVER, 0)));
	EXPECT_EQ(-EBUSY, lib(pyq_aio_get_many(self->aio, self->q, &msg, 1, PYQ_FOREVER, 0)));
	EXPECT_EQ(-EBUSY, lib(pyq_aio_put_many(self->aio, self->q, &msg, 1, PYQ_FOREVER, 0)));
	/* One that has ended makes room for another. */
	EXPECT_EQ(1, lib(pyq_aio_wait(self->aio, self->done, 1, 1, LONG)));
	EXPECT_EQ(0, lib(pyq_aio_put(self->aio, self->q, bufs, 1, PYQ_FOREVER, 1000)));
	EXPECT_EQ(-EBUSY, lib(pyq_aio_put(self->aio, self->q, bufs, 1, PYQ_FOREVER, 0)));
	EXPECT_EQ(ENTRIES / 2, lib(pyq_aio_wait(self->aio, self->done, ENTRIES, ENTRIES / 2, LONG)));
	EXPECT_EQ(1, lib(pyq_aio_wait(self->aio, self->done, ENTRIES, 1, LONG)));
	EXPECT_EQ(0, self->done[0].user_data);
	EXPECT_EQ(ENTRIES / 2 - 1, lib(pyq_aio_cancel_all(self->aio)));
	EXPECT_EQ(ENTRIES / 2 - 1, lib(pyq_aio_wait(self->aio, self->done, ENTRIES, ENTRIES, LONG)));
}

TEST_F(aio, many)
{
	struct pyq_msg out[6], in[6];
	char bufs[6][8];

	for (int i = 0; i < 6; i++) {
		out[i] = (struct pyq_msg){ .data = "several", .len = 7 };
		in[i] = (struct pyq_msg){ .data = bufs[i], .size = 8 };
	}
	ASSERT_EQ(0, lib(pyq_aio_get_many(self->aio, self->q, in, 6, LONG, 1)));
	EXPECT_NONE(self);
	ASSERT_EQ(0, lib(pyq_aio_put_many(self->aio, self->q, out, 6, LONG, 2)));
	EXPECT_DONE(self, 2, 4);
	EXPECT_DONE(self, 1, 4);
	EXPECT_EQ(7, in[3].len);
	EXPECT_EQ(1, in[3].deliveries);
	/* Too long: its length is told, it stays. */
	in[0].size = 3;
	ASSERT_EQ(0, lib(pyq_aio_get_many(self->aio, self->q, in, 1, LONG, 3)));
	EXPECT_NONE(self);
	ASSERT_EQ(0, pyq_put(self->q, "several", 7, PYQ_NOWAIT));
	EXPECT_DONE(self, 3, -EMSGSIZE);
	EXPECT_EQ(7, in[0].len);
	EXPECT_EQ(1, pyq_qsize(self->q));
}

TEST_F(aio, shut_down)
{
	char buf[8];

	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf, 8, PYQ_FOREVER, 1)));
	EXPECT_NONE(self);
	EXPECT_EQ(0, pyq_shutdown(self->q, false));
	EXPECT_DONE(self, 1, -ESHUTDOWN);
	ASSERT_EQ(0, lib(pyq_aio_put(self->aio, self->q, &byte, 1, PYQ_FOREVER, 2)));
	EXPECT_DONE(self, 2, -ESHUTDOWN);
}

/* proves: pyq_aio_create -EINVAL, pyq_aio_create -EOPNOTSUPP, pyq_aio_wait -EINVAL */
/* proves: pyq_aio_put -EINVAL, pyq_aio_get -EINVAL, pyq_aio_put_many -EINVAL, pyq_aio_get_many -EINVAL */
TEST_F(aio, bad_arguments)
{
	pyq_aio *aio;
	char buf[8];

	EXPECT_EQ(-EINVAL, lib(pyq_aio_create(&aio, 0, 0)));
	EXPECT_EQ(NULL, aio);
	EXPECT_EQ(-EINVAL, lib(pyq_aio_create(&aio, 32769, 0)));
	EXPECT_EQ(-EINVAL, lib(pyq_aio_create(&aio, 8, PYQ_AIO_URING | PYQ_AIO_EPOLL)));
	EXPECT_EQ(-EOPNOTSUPP, lib(pyq_aio_create(&aio, 8, 1 << 7)));
	EXPECT_EQ(0, lib(pyq_aio_destroy(NULL)));
	EXPECT_EQ(-EINVAL, lib(pyq_aio_get(self->aio, self->q, buf, 8, -2, 1)));
	EXPECT_EQ(-EINVAL, lib(pyq_aio_put(self->aio, self->q, buf, 8, -2, 1)));
	EXPECT_EQ(-EINVAL, lib(pyq_aio_put_many(self->aio, self->q, NULL, 0, 0, 1)));
	EXPECT_EQ(-EINVAL, lib(pyq_aio_get_many(self->aio, self->q, NULL, 0, 0, 1)));
	EXPECT_EQ(-EINVAL, lib(pyq_aio_wait(self->aio, self->done, 1, 1, -2)));
	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf, 8, PYQ_NOWAIT, 1)));
	EXPECT_EQ(-EINVAL, lib(pyq_aio_wait(self->aio, self->done, 1, 1, -2)));
	EXPECT_DONE(self, 1, -EAGAIN);
	/* What is wrong with the message shows in the completion, at once or later. */
	ASSERT_EQ(0, lib(pyq_aio_put(self->aio, self->q, buf, 2 << 20, PYQ_FOREVER, 1)));
	EXPECT_DONE(self, 1, -E2BIG);
	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, NULL, 8, PYQ_FOREVER, 2)));
	pyq_aio_wait(self->aio, self->done, 1, 0, PYQ_NOWAIT);
	ASSERT_EQ(0, pyq_put(self->q, &byte, 1, PYQ_NOWAIT));
	pyq_aio_cancel_all(self->aio);
	while (pyq_aio_wait(self->aio, self->done, ENTRIES, 1, PYQ_NOWAIT) > 0)
		EXPECT_GT(0, self->done[0].result);
	EXPECT_EQ(1, pyq_qsize(self->q));
}

/* Is there something to look at within @ms? */
static int is_readable(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return TEMP_FAILURE_RETRY(poll(&pfd, 1, ms));
}

/* Nothing to look at, once it has been looked: it may be readable for nothing now and then. */
#define EXPECT_QUIET(self, fd)                                               \
	({                                                                   \
		int looks_ = 0;                                              \
		while (is_readable(fd, 0) && looks_++ < 100)                 \
			EXPECT_NONE(self);                                   \
		EXPECT_GT(100, looks_);                                      \
	})

/* For other event loops: all that can happen is seen by poll(). */
TEST_F(aio, fd)
{
	struct pollfd pfd = { .fd = lib(pyq_aio_fd(self->aio)), .events = POLLIN };
	char buf[8];

	ASSERT_LE(3, pfd.fd);
	EXPECT_EQ(pfd.fd, pyq_aio_fd(self->aio));
	EXPECT_EQ(FD_CLOEXEC, fcntl(pfd.fd, F_GETFD));
	EXPECT_NONE(self);
	EXPECT_QUIET(self, pfd.fd);
	for (int i = 0; i < 3; i++) {
		pid_t putter;

		ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf, 8, PYQ_FOREVER, i)));
		EXPECT_EQ(0, lib(pyq_aio_submit(self->aio)));
		EXPECT_QUIET(self, pfd.fd);
		putter = in_child(-pyq_put(self->q, &byte, 1, PYQ_NOWAIT));
		/* Spurious ones are allowed. */
		while (!pyq_aio_wait(self->aio, self->done, 1, 1, PYQ_NOWAIT))
			ASSERT_EQ(1, TEMP_FAILURE_RETRY(poll(&pfd, 1, 20000)));
		EXPECT_EQ(i, self->done[0].user_data);
		EXPECT_EQ(0, exit_status(putter));
		EXPECT_NONE(self);
	}
	/* And a deadline: of a later operation the earlier one, then the other. */
	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf, 8, PYQ_MILLISECONDS(20), 1)));
	EXPECT_EQ(0, lib(pyq_aio_submit(self->aio)));
	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf, 8, PYQ_MILLISECONDS(5), 2)));
	EXPECT_EQ(0, lib(pyq_aio_submit(self->aio)));
	for (int i = 2; i; i--) {
		while (!pyq_aio_wait(self->aio, self->done, 1, 1, PYQ_NOWAIT))
			ASSERT_EQ(1, TEMP_FAILURE_RETRY(poll(&pfd, 1, 20000)));
		EXPECT_EQ(i, self->done[0].user_data);
		EXPECT_EQ(-ETIMEDOUT, self->done[0].result);
	}
	EXPECT_NONE(self);
	EXPECT_QUIET(self, pfd.fd);
}

enum { AGES = 20000 };

/* What is to be taken, and has not been, shows: also what pyq_aio_submit() has found. */
TEST_F(aio, fd_of_what_is_done)
{
	const int fd = lib(pyq_aio_fd(self->aio));
	char buf[2][8];

	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf[0], 8, PYQ_FOREVER, 0)));
	EXPECT_NONE(self);
	ASSERT_EQ(0, pyq_put(self->q, &byte, 1, PYQ_NOWAIT));
	EXPECT_EQ(0, lib(pyq_aio_submit(self->aio)));
	EXPECT_EQ(1, is_readable(fd, AGES));
	EXPECT_DONE(self, 0, 1);
	EXPECT_NONE(self);
	EXPECT_QUIET(self, fd);
	/* Done at once; only one of two is taken; cancelled. */
	for (int i = 1; i <= 2; i++)
		ASSERT_EQ(0, lib(pyq_aio_put(self->aio, self->q, &byte, 1, PYQ_FOREVER, i)));
	EXPECT_EQ(0, lib(pyq_aio_submit(self->aio)));
	for (int i = 1; i <= 2; i++) {
		EXPECT_EQ(1, is_readable(fd, AGES));
		EXPECT_DONE(self, i, 0);
		EXPECT_EQ(1, pyq_get(self->q, buf[0], 8, PYQ_NOWAIT));
	}
	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf[0], 8, PYQ_FOREVER, 3)));
	EXPECT_EQ(1, lib(pyq_aio_cancel(self->aio, 3)));
	EXPECT_EQ(0, lib(pyq_aio_submit(self->aio)));
	EXPECT_EQ(1, is_readable(fd, AGES));
	EXPECT_DONE(self, 3, -ECANCELED);
	EXPECT_NONE(self);
	EXPECT_QUIET(self, fd);
}

/* Who has added nothing polls on: what waits is watched again. */
TEST_F(aio, fd_again)
{
	const int fd = lib(pyq_aio_fd(self->aio));
	char buf[3][8];

	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf[i], 8, PYQ_FOREVER, i)));
	EXPECT_EQ(0, lib(pyq_aio_submit(self->aio)));
	for (int i = 0; i < 3; i++) {
		pid_t putter;

		EXPECT_QUIET(self, fd);
		putter = in_child(-pyq_put(self->q, &byte, 1, PYQ_NOWAIT));
		while (!pyq_aio_wait(self->aio, self->done, ENTRIES, 1, PYQ_NOWAIT))
			ASSERT_EQ(1, is_readable(fd, AGES));
		EXPECT_EQ(i, self->done[0].user_data);
		EXPECT_EQ(0, exit_status(putter));
		EXPECT_NONE(self);
	}
}

/* The fd is asked for when all is under way already. */
TEST_F(aio, fd_late)
{
	char buf[2][8];
	pid_t putter;

	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf[0], 8, PYQ_MILLISECONDS(5), 1)));
	EXPECT_EQ(0, lib(pyq_aio_submit(self->aio)));
	EXPECT_EQ(1, is_readable(lib(pyq_aio_fd(self->aio)), AGES));
	EXPECT_DONE(self, 1, -ETIMEDOUT);

	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf[1], 8, PYQ_FOREVER, 2)));
	putter = in_child(-pyq_put(self->q, &byte, 1, PYQ_NOWAIT));
	EXPECT_EQ(1, is_readable(lib(pyq_aio_fd(self->aio)), AGES));
	EXPECT_EQ(0, exit_status(putter));
	EXPECT_DONE(self, 2, 1);
}

/* Who never sleeps, or is busy elsewhere, learns of what the ring does not show. */
TEST_F(aio, end_while_busy)
{
	pyq_queue *busy = new_queue(.maxsize = 4);
	char buf[2][8];
	ssize_t n;

	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf[0], 8, PYQ_FOREVER, 1)));
	ASSERT_EQ(0, pyq_shutdown(self->q, false));
	EXPECT_EQ(1, lib(pyq_aio_wait(self->aio, self->done, 1, 0, PYQ_FOREVER)));
	EXPECT_EQ(-ESHUTDOWN, self->done[0].result);

	pyq_close(self->q);
	self->q = new_queue(.maxsize = 4);
	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf[0], 8, PYQ_FOREVER, 1)));
	ASSERT_EQ(0, pyq_shutdown(self->q, false));
	for (int i = 0; i < 1000; i++) {
		ASSERT_EQ(0, pyq_put(busy, &byte, 1, PYQ_NOWAIT));
		ASSERT_EQ(0, lib(pyq_aio_get(self->aio, busy, buf[1], 8, PYQ_FOREVER, 2)));
		n = lib(pyq_aio_wait(self->aio, self->done, 2, 1, PYQ_FOREVER));
		ASSERT_LE(1, n);
		if (n == 2 || self->done[0].user_data == 1)
			break;
	}
	EXPECT_EQ(-ESHUTDOWN, self->done[n - 1].result);
	while (pyq_aio_wait(self->aio, self->done, 1, 1, PYQ_FOREVER) > 0)
		;
	pyq_close(busy);
}

/* A handle that comes to the address of one that is gone is another. */
TEST_F(aio, handles_come_and_go)
{
	char buf[8];

	for (int i = 0; i < 32; i++) {
		pyq_queue *q = new_queue(.maxsize = 1);

		ASSERT_EQ(0, lib(pyq_aio_get(self->aio, q, buf, 8, PYQ_FOREVER, i)));
		EXPECT_NONE(self);
		if (i % 2) {
			ASSERT_EQ(0, pyq_put(q, &byte, 1, PYQ_NOWAIT));
			EXPECT_DONE(self, i, 1);
		} else {
			EXPECT_EQ(1, pyq_aio_cancel(self->aio, i));
			EXPECT_DONE(self, i, -ECANCELED);
		}
		pyq_close(q);
	}
}

/* Closed as soon as nothing waits on it, when it is time to look who has died. */
TEST_F(aio, closed_while_watched)
{
	pyq_queue *q = new_queue(.maxsize = 1);
	const int64_t begin = lib_now_ns();
	char buf[8];

	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf, 8, PYQ_FOREVER, 1)));
	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, q, buf, 8, PYQ_FOREVER, 2)));
	EXPECT_EQ(0, lib(pyq_aio_submit(self->aio)));
	EXPECT_EQ(1, lib(pyq_aio_cancel(self->aio, 2)));
	pyq_close(q);
	/* It is time ten times a second. */
	while (lib_now_ns() < begin + PYQ_MILLISECONDS(110))
		sched_yield();
	EXPECT_EQ(1, lib(pyq_aio_wait(self->aio, self->done, 1, 2, PYQ_MILLISECONDS(5))));
	EXPECT_EQ(-ECANCELED, self->done[0].result);
	ASSERT_EQ(0, pyq_put(self->q, &byte, 1, PYQ_NOWAIT));
	EXPECT_DONE(self, 1, 1);
}

/* In a system call that sleeps, or about to: not on its way to one. */
static bool is_asleep(pid_t pid)
{
	char path[64], state = 0;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	stat = fopen(path, "r");
	if (!stat || fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	if (stat)
		fclose(stat);
	return state == 'S';
}

/* Where the module does what waits: in line with those who sleep there. */
TEST_F(aio, in_line_with_sleepers)
{
	struct pyq_info info;
	struct pyq_stat st;
	char buf[8];
	pid_t sleeper;

	ASSERT_EQ(0, pyq_info(&info));
	if (!is_sealed() || variant->engine != PYQ_AIO_URING || !strstr(info.features, "uring_cmd"))
		SKIP(return, "the kernel does not do what waits");
	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf, 8, PYQ_FOREVER, 1)));
	EXPECT_EQ(0, lib(pyq_aio_submit(self->aio)));
	ASSERT_EQ(0, pyq_stat(self->q, &st));
	EXPECT_EQ(1, st.getters);
	sleeper = in_child(pyq_get(self->q, buf, 8, LONG) != 2);
	/* Who is in line, and still awake, may be the quicker one. */
	while (!pyq_stat(self->q, &st) && (st.getters < 2 || !is_asleep(sleeper)))
		sched_yield();
	/* The first message is the first one's. */
	ASSERT_EQ(0, pyq_put(self->q, "1", 1, PYQ_NOWAIT));
	EXPECT_DONE(self, 1, 1);
	ASSERT_EQ(0, pyq_stat(self->q, &st));
	EXPECT_EQ(1, st.getters);
	ASSERT_EQ(0, pyq_put(self->q, "22", 2, PYQ_NOWAIT));
	EXPECT_EQ(0, exit_status(sleeper));
	/* Who is called back, or destroyed, is in nobody's way. */
	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf, 8, PYQ_FOREVER, 2)));
	EXPECT_EQ(0, lib(pyq_aio_submit(self->aio)));
	EXPECT_EQ(1, lib(pyq_aio_cancel(self->aio, 2)));
	ASSERT_EQ(0, pyq_stat(self->q, &st));
	EXPECT_EQ(0, st.getters);
	EXPECT_DONE(self, 2, -ECANCELED);
	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf, 8, PYQ_FOREVER, 3)));
	EXPECT_EQ(0, lib(pyq_aio_submit(self->aio)));
	EXPECT_EQ(0, lib(pyq_aio_destroy(self->aio)));
	self->aio = NULL;
	ASSERT_EQ(0, pyq_stat(self->q, &st));
	EXPECT_EQ(0, st.getters);
}

enum { RACES = 2000 };

/* What ends an operation that somebody else makes possible at the same moment. */
static int64_t end_it(pyq_aio *aio, int turn)
{
	struct pyq_completion done;

	if (pyq_aio_submit(aio) || (turn % 2 && pyq_aio_cancel(aio, 1) < 0) ||
	    pyq_aio_wait(aio, &done, 1, 1, LONG) != 1 || done.user_data != 1)
		return INT64_MIN;
	return done.result;
}

static bool has_not_been(int64_t ret)
{
	return ret == -ECANCELED || ret == -ETIMEDOUT || ret == -EAGAIN;
}

/* Cancel, or a deadline, against a put: none is lost, none comes twice. */
TEST_F(aio, get_races)
{
	int64_t ret = 0;
	int next = 0, got;
	pid_t putter = in_child(({
		int i, err = 0;

		for (i = 0; i < RACES && !err; i++)
			err = pyq_put(self->q, &i, sizeof(i), LONG);
		-err;
	}));

	for (int turn = 0; next < RACES && ret != INT64_MIN; turn++) {
		int64_t timeout = turn % 2 ? PYQ_FOREVER : turn % 64 * 1000;

		ASSERT_EQ(0, pyq_aio_get(self->aio, self->q, &got, sizeof(got), timeout, 1));
		ret = end_it(self->aio, turn);
		if (ret == sizeof(got)) {
			ASSERT_EQ(next++, got);
		} else {
			ASSERT_TRUE(has_not_been(ret));
		}
	}
	EXPECT_EQ(RACES, next);
	EXPECT_EQ(0, exit_status(putter));
	EXPECT_EQ(0, pyq_qsize(self->q));
}

/* And against a get. */
TEST_F(aio, put_races)
{
	int64_t ret = 0;
	int next = 0;
	pid_t getter = in_child(({
		int i, got, wrong = 0;

		for (i = 0; i < RACES && !wrong; i++)
			wrong = pyq_get(self->q, &got, sizeof(got), LONG) != sizeof(got) || got != i;
		wrong;
	}));

	for (int turn = 0; next < RACES && ret != INT64_MIN; turn++) {
		int64_t timeout = turn % 2 ? PYQ_FOREVER : turn % 64 * 1000;

		ASSERT_EQ(0, pyq_aio_put(self->aio, self->q, &next, sizeof(next), timeout, 1));
		ret = end_it(self->aio, turn);
		if (ret)
			ASSERT_TRUE(has_not_been(ret));
		next += !ret;
	}
	EXPECT_EQ(RACES, next);
	EXPECT_EQ(0, exit_status(getter));
	EXPECT_EQ(0, pyq_qsize(self->q));
}

TEST_F(aio, hundreds_of_queues)
{
	enum { QUEUES = 200 };
	pyq_queue *qs[QUEUES];
	char bufs[QUEUES];
	pid_t putter;

	/* In shared memory each is a thread and files. */
	for (int i = 0; i < QUEUES; i++) {
		qs[i] = new_queue(.maxsize = 1, .payload = 8);
		ASSERT_EQ(0, lib(pyq_aio_get(self->aio, qs[i], &bufs[i], 1, PYQ_FOREVER, i)));
	}
	EXPECT_NONE(self);
	putter = in_child(({
		int err = 0;

		for (int i = 0; i < QUEUES && !err; i++)
			err = pyq_put(qs[i * 7 % QUEUES], &byte, 1, PYQ_NOWAIT);
		-err;
	}));
	for (int n = 0; n < QUEUES;) {
		ssize_t more = lib(pyq_aio_wait(self->aio, self->done, ENTRIES, 1, LONG));

		ASSERT_LT(0, more);
		for (int i = 0; i < more; i++)
			EXPECT_EQ(1, self->done[i].result);
		n += more;
	}
	EXPECT_EQ(0, exit_status(putter));
	for (int i = 0; i < QUEUES; i++) {
		EXPECT_EQ(0, pyq_qsize(qs[i]));
		pyq_close(qs[i]);
	}
}

/* --- processes that end, or are begun, with operations under way --------------- */

/* proves: pyq_aio_put -ESTALE, pyq_aio_get -ESTALE, pyq_aio_put_many -ESTALE, pyq_aio_get_many -ESTALE */
/* proves: pyq_aio_wait -ESTALE, pyq_aio_submit -ESTALE, pyq_aio_cancel -ESTALE, pyq_aio_cancel_all -ESTALE */
/* proves: pyq_aio_fd -ESTALE */
TEST_F(aio, forked)
{
	struct pyq_msg msg = { .data = &byte, .size = 1, .len = 1 };
	char buf[8];

	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf, 8, PYQ_FOREVER, 1)));
	EXPECT_NONE(self);
	EXPECT_EQ(0, exit_status(in_child(({
		int wrong = pyq_aio_wait(self->aio, self->done, 1, 1, PYQ_NOWAIT) != -ESTALE;

		wrong |= (pyq_aio_get(self->aio, self->q, buf, 8, LONG, 2) != -ESTALE) << 1;
		wrong |= (pyq_aio_submit(self->aio) != -ESTALE) << 2;
		wrong |= (pyq_aio_put(self->aio, self->q, buf, 8, LONG, 2) != -ESTALE) << 1;
		wrong |= (pyq_aio_put_many(self->aio, self->q, &msg, 1, LONG, 2) != -ESTALE) << 1;
		wrong |= (pyq_aio_get_many(self->aio, self->q, &msg, 1, LONG, 2) != -ESTALE) << 1;
		wrong |= (pyq_aio_cancel(self->aio, 1) != -ESTALE) << 3;
		wrong |= (pyq_aio_cancel_all(self->aio) != -ESTALE) << 3;
		wrong |= (pyq_aio_fd(self->aio) != -ESTALE) << 4;
		wrong |= (pyq_aio_destroy(self->aio) != 0) << 5;
		/* One of its own is another. */
		wrong |= (pyq_aio_create(&self->aio, 8, variant->engine) != 0) << 6;
		wrong |= (pyq_aio_put(self->aio, self->q, "child", 5, LONG, 3) != 0) << 6;
		wrong |= (pyq_aio_wait(self->aio, self->done, 1, 1, LONG) != 1) << 6;
		pyq_aio_destroy(self->aio);
		wrong;
	}))));
	EXPECT_DONE(self, 1, 5);
}

enum { EXITS, KILLED, EXECS, NR_WAYS };

static int go(int way)
{
	switch (way) {
	case EXITS: _exit(0);
	case KILLED: kill(getpid(), SIGKILL);
	}
	execl("/bin/true", "true", NULL);
	return 99;
}

/* What it waited for is for others; nobody waits for it. */
TEST_F(aio, gone_in_the_middle)
{
	char buf[8];

	for (int way = 0; way < NR_WAYS; way++) {
		pid_t pid = in_child(({
			pyq_aio *aio;

			if (pyq_aio_create(&aio, 8, variant->engine) ||
			    pyq_aio_get(aio, self->q, buf, 8, LONG, 1) || pyq_aio_submit(aio))
				_exit(98);
			go(way);
		}));

		EXPECT_EQ(way == KILLED ? 128 + SIGKILL : 0, exit_status(pid));
		ASSERT_EQ(0, pyq_put(self->q, &byte, 1, PYQ_NOWAIT));
		EXPECT_EQ(1, pyq_get(self->q, buf, 8, LONG));
	}
}

/* What it could do at once, and what has been done, is not the child's either. */
TEST_F(aio, forked_with_nothing_waiting)
{
	char buf[8];

	ASSERT_EQ(0, lib(pyq_aio_put(self->aio, self->q, &byte, 1, PYQ_FOREVER, 1)));
	EXPECT_EQ(0, exit_status(in_child(({
		int wrong = pyq_aio_wait(self->aio, self->done, 1, 1, PYQ_NOWAIT) != -ESTALE;

		wrong |= (pyq_aio_put(self->aio, self->q, buf, 8, LONG, 2) != -ESTALE) << 1;
		wrong |= (pyq_aio_get(self->aio, self->q, buf, 8, LONG, 2) != -ESTALE) << 2;
		wrong |= (pyq_aio_destroy(self->aio) != 0) << 3;
		wrong;
	}))));
	EXPECT_DONE(self, 1, 0);
	EXPECT_EQ(1, pyq_get(self->q, buf, 8, PYQ_NOWAIT));
}

/* --- where io_uring is forbidden ------------------------------------------------ */

static int forbid_uring(int err)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]),
		.filter = filter,
	};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/*
 * As the profile does that Docker sets (EPERM), an old kernel (ENOSYS), a security module
 * (EACCES), or one that counts the ring as locked memory (ENOMEM).
 */
/* proves: pyq_aio_create -ENOSYS, pyq_aio_create -EPERM */
TEST(no_uring)
{
	const int errors[] = { EPERM, ENOSYS, EACCES, ENOMEM, EINVAL };
	pyq_aio *aio;

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		EXPECT_EQ(0, exit_status(in_child(({
			int wrong = forbid_uring(errors[i]) != 0;

			wrong |= (pyq_aio_create(&aio, 8, PYQ_AIO_URING) != -errors[i]) << 1;
			wrong |= (aio != NULL) << 2;
			wrong |= (pyq_aio_create(&aio, 8, 0) != 0) << 3;
			wrong |= (strcmp(pyq_aio_engine(aio), "epoll") != 0) << 4;
			pyq_aio_destroy(aio);
			wrong;
		}))));
	}
}

TEST_HARNESS_MAIN
