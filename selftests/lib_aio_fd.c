// SPDX-License-Identifier: GPL-2.0
/* pyq_aio_fd(): all that can happen to operations is seen by who polls. */
#include "lib_aio.h"

#include <sys/eventfd.h>

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

/* Who takes none at all has what waits watched as well. */
TEST_F(aio, fd_after_taking_none)
{
	const int fd = lib(pyq_aio_fd(self->aio));
	pid_t putter;
	char buf[8];

	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf, 8, PYQ_FOREVER, 1)));
	EXPECT_EQ(0, lib(pyq_aio_wait(self->aio, NULL, 0, 0, PYQ_NOWAIT)));
	putter = in_child(-pyq_put(self->q, &byte, 1, PYQ_NOWAIT));
	EXPECT_EQ(1, is_readable(fd, AGES));
	EXPECT_EQ(0, exit_status(putter));
	EXPECT_DONE(self, 1, 1);
	/* And still takes none of what there is. */
	ASSERT_EQ(0, lib(pyq_aio_put(self->aio, self->q, &byte, 1, PYQ_FOREVER, 2)));
	EXPECT_EQ(0, lib(pyq_aio_wait(self->aio, NULL, 0, 0, PYQ_NOWAIT)));
	EXPECT_EQ(1, is_readable(fd, AGES));
	EXPECT_DONE(self, 2, 0);
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

/* The descriptor by which an epoll file watches, if it has one. */
static int watched_by(int epoll)
{
	char path[64], line[256];
	int fd = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", epoll);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "tfd: %d", &fd);
	if (file)
		fclose(file);
	return fd;
}

/*
 * A program that closes every file that it does not know. What is then told of a queue on
 * which nothing waits, and could not be stopped, is told of nothing.
 */
TEST_F(aio, fd_of_ours_closed)
{
	int fd, other = -1;
	char buf[8];

	if (variant->engine != PYQ_AIO_EPOLL)
		return; /* the other has none in a program's table but its own */
	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf, 8, PYQ_FOREVER, 1)));
	EXPECT_NONE(self);
	EXPECT_EQ(0, lib(pyq_aio_submit(self->aio)));
	fd = watched_by(pyq_aio_fd(self->aio));
	ASSERT_LE(0, fd);
	/* Another is there by now, which is not to be closed. */
	other = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, other);
	ASSERT_EQ(fd, dup2(other, fd));
	EXPECT_EQ(1, lib(pyq_aio_cancel(self->aio, 1)));
	EXPECT_DONE(self, 1, -ECANCELED);
	EXPECT_NONE(self);
	EXPECT_EQ(0, lib(pyq_aio_submit(self->aio)));
	EXPECT_NE(-1, fcntl(fd, F_GETFD));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, pyq_put(self->q, &byte, 1, PYQ_NOWAIT));
		EXPECT_NONE(self);
	}
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf, 8, LONG, i)));
		EXPECT_DONE(self, i, 1);
	}
	close(other);
	close(fd);
}

TEST_HARNESS_MAIN
