// SPDX-License-Identifier: GPL-2.0
/* A message of whichever queue has one: pyq_get_any(). */
#include "lib_test.h"

enum { QUEUES = 5 };

FIXTURE(any) {
	pyq_queue *qs[QUEUES];
	size_t which;
	char buf[8];
};

FIXTURE_SETUP(any)
{
	for (int i = 0; i < QUEUES; i++)
		self->qs[i] = new_queue(.maxsize = 4);
	self->which = QUEUES;
}

FIXTURE_TEARDOWN(any)
{
	for (int i = 0; i < QUEUES; i++)
		pyq_close(self->qs[i]);
}

#define GET_ANY(self, timeout) \
	lib(pyq_get_any((self)->qs, QUEUES, &(self)->which, (self)->buf, 8, timeout))

/* proves: pyq_get_any -EAGAIN, pyq_get_any -ETIMEDOUT */
TEST_F(any, at_once)
{
	ASSERT_EQ(0, pyq_put(self->qs[3], "three", 5, PYQ_NOWAIT));
	EXPECT_EQ(5, GET_ANY(self, PYQ_NOWAIT));
	EXPECT_EQ(3, self->which);
	EXPECT_EQ(-EAGAIN, GET_ANY(self, PYQ_NOWAIT));
	EXPECT_EQ(-ETIMEDOUT, GET_ANY(self, PYQ_MILLISECONDS(2)));
	EXPECT_EQ(3, self->which);
}

/* All have their turn, one that has many as well as one that has few. */
TEST_F(any, in_turn)
{
	for (int i = 0; i < QUEUES; i++)
		for (int n = 0; n < 3; n++)
			ASSERT_EQ(0, pyq_put(self->qs[i], "x", 1, PYQ_NOWAIT));
	for (int n = 0; n < 3; n++) {
		for (int i = 0; i < QUEUES; i++) {
			EXPECT_EQ(1, GET_ANY(self, PYQ_NOWAIT));
			EXPECT_EQ(i, self->which);
		}
	}
}

TEST_F(any, waits)
{
	for (int i = 0; i < QUEUES; i++) {
		pid_t putter = in_child(({
			struct pyq_stat st;

			while (!pyq_stat(self->qs[i], &st) && st.qsize)
				sched_yield();
			-pyq_put(self->qs[i * 2 % QUEUES], "late", 4, PYQ_NOWAIT);
		}));

		EXPECT_EQ(4, GET_ANY(self, LONG));
		EXPECT_EQ(i * 2 % QUEUES, self->which);
		EXPECT_EQ(0, exit_status(putter));
	}
}

/* What has ended is left out, until all have. A message of no bytes is one. */
/* proves: pyq_get_any -ESHUTDOWN */
TEST_F(any, ended)
{
	ASSERT_EQ(0, pyq_put(self->qs[1], NULL, 0, PYQ_NOWAIT));
	EXPECT_EQ(0, pyq_shutdown(self->qs[1], false));
	EXPECT_EQ(0, pyq_shutdown(self->qs[2], false));
	EXPECT_EQ(0, GET_ANY(self, PYQ_NOWAIT));
	EXPECT_EQ(1, self->which);
	EXPECT_EQ(-ETIMEDOUT, GET_ANY(self, PYQ_MILLISECONDS(2)));
	EXPECT_EQ(0, exit_status(in_child(({
		int err = 0;

		for (int i = 0; i < QUEUES && !err; i++)
			err = pyq_shutdown(self->qs[i], false);
		-err;
	}))));
	EXPECT_EQ(-ESHUTDOWN, GET_ANY(self, LONG));
}

TEST_F(any, ends_while_it_waits)
{
	pid_t ender = in_child(({
		int err = 0;

		for (int i = 0; i < QUEUES && !err; i++)
			err = pyq_shutdown(self->qs[i], false);
		-err;
	}));

	EXPECT_EQ(-ESHUTDOWN, GET_ANY(self, LONG));
	EXPECT_EQ(0, exit_status(ender));
}

/* proves: pyq_get_any -EINVAL, pyq_get_any -EMSGSIZE, pyq_get_any -EFAULT, pyq_get_any -EBADF */
TEST_F(any, errors)
{
	char name[64];
	pyq_queue *named, *half;

	EXPECT_EQ(-EINVAL, lib(pyq_get_any(self->qs, 0, &self->which, self->buf, 8, 0)));
	EXPECT_EQ(-EINVAL, GET_ANY(self, -2));
	ASSERT_EQ(0, pyq_put(self->qs[2], "much too long", 13, PYQ_NOWAIT));
	EXPECT_EQ(-EMSGSIZE, GET_ANY(self, LONG));
	EXPECT_EQ(2, self->which);
	EXPECT_EQ(1, pyq_qsize(self->qs[2]));
	EXPECT_EQ(-EFAULT, lib(pyq_get_any(self->qs, QUEUES, &self->which, NULL, 16, LONG)));
	snprintf(name, sizeof(name), "lib_any %d", getpid());
	named = new_queue(.maxsize = 1, .name = name);
	ASSERT_EQ(0, pyq_open(&half, name, PYQ_WRITE));
	EXPECT_EQ(-EBADF, lib(pyq_get_any(&half, 1, &self->which, self->buf, 8, LONG)));
	EXPECT_EQ(0, self->which);
	pyq_close(half);
	pyq_close(named);
	EXPECT_EQ(0, pyq_unlink(name));
}

/* More than need no memory. */
TEST(many)
{
	enum { MANY = 100 };
	pyq_queue *qs[MANY];
	size_t which = MANY;
	pid_t putter;
	char c;

	for (int i = 0; i < MANY; i++)
		qs[i] = new_queue(.maxsize = 1, .payload = 8);
	putter = in_child(-pyq_put(qs[99], "x", 1, PYQ_NOWAIT));
	EXPECT_EQ(1, lib(pyq_get_any(qs, MANY, &which, &c, 1, LONG)));
	EXPECT_EQ(99, which);
	EXPECT_EQ(0, exit_status(putter));
	for (int i = 0; i < MANY; i++)
		pyq_close(qs[i]);
}

TEST_HARNESS_MAIN
