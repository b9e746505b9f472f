// SPDX-License-Identifier: GPL-2.0
/* pyq_aio: the same on each engine, with the module and without, mapped and sealed. */
#include "lib_aio.h"

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
	unsigned int seen = 0;
	char bufs[16];

	/* Not in the order in which they end, which is that of these times, however long it takes. */
	for (int i = 0; i < 16; i++) {
		const int64_t end = begin + PYQ_MILLISECONDS(300 + i * 7 % 16);

		ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, &bufs[i], 1, end - lib_now_ns(),
					     i * 7 % 16)));
	}
	/* Some of them end in the kernel and some here: in which order they are told is not said. */
	for (int i = 0; i < 16; i++) {
		ASSERT_EQ(1, lib(pyq_aio_wait(self->aio, self->done, 1, 1, LONG)));
		EXPECT_EQ(-ETIMEDOUT, self->done[0].result);
		EXPECT_LE(PYQ_MILLISECONDS(300 + self->done[0].user_data), lib_now_ns() - begin);
		seen |= 1u << self->done[0].user_data;
	}
	EXPECT_EQ(0xffff, seen);
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

TEST_HARNESS_MAIN
