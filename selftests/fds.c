// SPDX-License-Identifier: GPL-2.0
/* The file descriptor is the queue: how it is passed on, and how it ends. */
#include "actors.h"
#include "passing.h"

#include <pthread.h>
#include <sys/un.h>

FIXTURE(fds) {
	int dev;
	int q;
	uint64_t queues;	/* of this user, @q among them */
};

FIXTURE_SETUP(fds)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = 3);
	ASSERT_LE(0, self->q);
	self->queues = pq_info(self->dev).user_queues;
}

FIXTURE_TEARDOWN(fds)
{
	close(self->q);
	close(self->dev);
}

/* --- passing it on --------------------------------------------------------------- */

/* proves: promise fd-passing */
TEST_F(fds, fork_shares)
{
	char text[8];
	pid_t pid;

	EXPECT_EQ(0, pq_put(self->q, "one", 3, PYQUEUE_NOWAIT));
	pid = spawn();
	if (!pid) {
		EXPECT_EQ(3, pq_get(self->q, text, sizeof(text), PYQUEUE_NOWAIT));
		EXPECT_EQ(0, memcmp(text, "one", 3));
		EXPECT_EQ(0, pq_put(self->q, "two", 3, PYQUEUE_NOWAIT));
		EXPECT_EQ(0, pq_put(self->q, "three", 5, PYQUEUE_NOWAIT));
		child_done();
	}
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(2, pq_qsize(self->q));
	EXPECT_EQ(3, pq_get(self->q, text, sizeof(text), PYQUEUE_NOWAIT));
	EXPECT_EQ(5, pq_get(self->q, text, sizeof(text), PYQUEUE_NOWAIT));
	EXPECT_EQ(self->queues, pq_info(self->dev).user_queues);
}

/* proves: promise fd-passing */
TEST_F(fds, scm_rights)
{
	int pair[2], q;
	pid_t pid;
	char c;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	pid = spawn();
	if (!pid) {
		close(self->q);
		q = receive_fd(pair[1]);
		ASSERT_LE(0, q);
		EXPECT_EQ(1, pq_get(q, &c, 1, PYQUEUE_NOWAIT));
		EXPECT_EQ(0, pq_put(q, "back", 4, PYQUEUE_NOWAIT));
		child_done();
	}
	EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, send_fd(pair[0], self->q));
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(1, pq_qsize(self->q));
	close(pair[0]);
	close(pair[1]);
}

/* On its way through a socket a queue is alive, though nobody has it open. */
TEST_F(fds, in_flight)
{
	int pair[2], q;
	char c;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	q = pq_create(self->dev, .maxsize = 3);
	EXPECT_EQ(0, pq_put(q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, send_fd(pair[0], q));
	close(q);
	EXPECT_EQ(self->queues + 1, pq_info(self->dev).user_queues);
	q = receive_fd(pair[1]);
	EXPECT_EQ(1, pq_get(q, &c, 1, PYQUEUE_NOWAIT));

	/* And never received it goes with the socket. */
	EXPECT_EQ(0, send_fd(pair[0], q));
	close(q);
	close(pair[0]);
	close(pair[1]);
	EXPECT_TRUE(eventually(pq_info(self->dev).user_queues == self->queues));
}

/* proves: promise fd-passing */
TEST_F(fds, pidfd_getfd)
{
	int pidfd, q;
	pid_t pid;
	char c;

	EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
	pid = spawn();
	if (!pid)
		for (;;)
			pause();
	pidfd = open_pidfd(pid);
	ASSERT_LE(0, pidfd);
	q = syscall(SYS_pidfd_getfd, pidfd, self->q, 0);
	ASSERT_LE(0, q);
	EXPECT_EQ(FD_CLOEXEC, fcntl(q, F_GETFD));
	EXPECT_EQ(pq_stat(self->q).id, pq_stat(q).id);
	EXPECT_EQ(1, pq_get(q, &c, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(pid));
	EXPECT_EQ(0, pq_put(q, "2", 1, PYQUEUE_NOWAIT));
	close(q);
	close(pidfd);
}

TEST_F(fds, dup)
{
	int q = fcntl(self->q, F_DUPFD_CLOEXEC, 100);
	char c;

	EXPECT_EQ(100, q);
	EXPECT_EQ(0, pq_put(q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(1, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT));
	/* O_NONBLOCK is the open file's, not the number's. */
	EXPECT_EQ(0, fcntl(self->q, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(-1, read(q, &c, 1));
	EXPECT_EQ(EAGAIN, errno);
	close(self->q);
	EXPECT_EQ(0, pq_put(q, "2", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(self->queues, pq_info(self->dev).user_queues);
	self->q = q;
}

/* Programs that know nothing of queues: echo puts a line, cat takes to the end. */
TEST_F(fds, exec_with_the_fd)
{
	char text[32] = "";
	int out[2], len = 0, n;
	pid_t pid;

	pid = spawn();
	if (!pid) {
		dup2(self->q, 1);
		execl("/bin/echo", "echo", "hello", NULL);
		_exit(127);
	}
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(1, pq_qsize(self->q));
	EXPECT_EQ(0, pq_put(self->q, "world\n", 6, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_shutdown(self->q, 0));

	ASSERT_EQ(0, pipe2(out, O_CLOEXEC));
	pid = spawn();
	if (!pid) {
		dup2(self->q, 0);
		dup2(out[1], 1);
		execl("/bin/cat", "cat", NULL);
		_exit(127);
	}
	close(out[1]);
	do {
		n = read(out[0], text + len, sizeof(text) - 1 - len);
		len += n > 0 ? n : 0;
	} while (n > 0);
	EXPECT_STREQ("hello\nworld\n", text);
	EXPECT_EQ(0, reap(pid));
	close(out[0]);
}

TEST_F(fds, close_on_exec)
{
	char command[64];
	pid_t pid;

	EXPECT_EQ(FD_CLOEXEC, fcntl(self->q, F_GETFD));
	snprintf(command, sizeof(command), "test ! -e /proc/$$/fd/%d", self->q);
	pid = spawn();
	if (!pid) {
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	EXPECT_EQ(0, reap(pid));

	snprintf(command, sizeof(command), "test -e /proc/$$/fd/%d", self->q);
	EXPECT_EQ(0, fcntl(self->q, F_SETFD, 0));
	pid = spawn();
	if (!pid) {
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	EXPECT_EQ(0, reap(pid));
}

/* --- what kind of file it is --------------------------------------------------------- */

TEST_F(fds, fdinfo)
{
	char path[64], text[2048] = "", expected[64];
	int fd;

	EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_put(self->q, "2", 1, PYQUEUE_NOWAIT));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->q);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_LT(0, read(fd, text, sizeof(text) - 1));
	close(fd);
	snprintf(expected, sizeof(expected), "pyqueue-id:\t%llu\n",
		 (unsigned long long)pq_stat(self->q).id);
	EXPECT_NE(NULL, strstr(text, expected))
		TH_LOG("%s", text);
	EXPECT_NE(NULL, strstr(text, "pyqueue-maxsize:\t3\n"));
	EXPECT_NE(NULL, strstr(text, "pyqueue-qsize:\t2\n"));
}

TEST_F(fds, its_link_names_it)
{
	char path[64], text[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->q);
	EXPECT_LT(0, readlink(path, text, sizeof(text) - 1));
	EXPECT_NE(NULL, strstr(text, "pyqueue"))
		TH_LOG("%s", text);
}

/* Who has an fd for one direction cannot make one for the other of it. */
TEST_F(fds, no_way_to_open_it_again)
{
	static const int flags[] = { O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_NONBLOCK };
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->q);
	for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++)
		EXPECT_EQ(-1, open(path, flags[i] | O_CLOEXEC));
}

TEST_F(fds, no_positions)
{
	char c;

	EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(-1, lseek(self->q, 0, SEEK_SET));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, pread(self->q, &c, 1, 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, pwrite(self->q, "2", 1, 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, ftruncate(self->q, 0));
	EXPECT_EQ(1, pq_qsize(self->q));
}

/* --- the end ----------------------------------------------------------------------------- */

/* proves: promise last-close */
TEST_F(fds, the_last_close_frees)
{
	struct pyqueue_info before = pq_info(self->dev);
	char big[5000] = "";
	int q = pq_create(self->dev, .maxsize = 1000);
	pid_t pid;

	EXPECT_EQ(0, pq_put(q, "small", 5, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_put(q, big, sizeof(big), PYQUEUE_NOWAIT));
	EXPECT_EQ(before.user_queues + 1, pq_info(self->dev).user_queues);
	pid = spawn();
	if (!pid)
		for (;;)
			pause();
	close(q);
	EXPECT_EQ(before.user_queues + 1, pq_info(self->dev).user_queues);
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(pid));
	EXPECT_TRUE(eventually(pq_info(self->dev).user_queues == before.user_queues));
	EXPECT_TRUE(eventually(pq_info(self->dev).user_bytes == before.user_bytes));
}

/* Another process closes its fd, and with it nothing changes for the sleeper. */
TEST_F(fds, closed_here_while_one_sleeps_there)
{
	int q = pq_create_named(self->dev, "fds-closed-here", .maxsize = 1);
	pid_t getter, closer;
	char c;

	ASSERT_LE(0, q);
	getter = spawn();
	if (!getter) {
		EXPECT_EQ(1, pq_get(q, &c, 1, SOON));
		child_done();
	}
	EXPECT_TRUE(wait_sleepers(q, getters, 1));
	closer = child(close(q));
	EXPECT_EQ(0, reap(closer));
	EXPECT_EQ(1, pq_stat(q).getters);
	close(q);
	q = pq_open(self->dev, "fds-closed-here", PYQUEUE_WRITE);
	EXPECT_EQ(0, pq_unlink(self->dev, "fds-closed-here"));
	ASSERT_LE(0, q);
	EXPECT_EQ(1, pq_stat(q).getters);
	EXPECT_EQ(0, pq_put(q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, reap(getter));
	close(q);
}

struct sleeper {
	int q;
	int result;
};

static void *sleep_in_get(void *arg)
{
	struct sleeper *sleeper = arg;
	char c;

	sleeper->result = pq_get(sleeper->q, &c, 1, SOON);
	return NULL;
}

/*
 * A thread closes the number in which another one sleeps: the sleeper's call
 * goes on, as for pipes, and the queue lives until it returns.
 */
TEST_F(fds, closed_by_another_thread)
{
	struct sleeper sleeper = { .q = self->q, .result = -EINPROGRESS };
	int other = fcntl(self->q, F_DUPFD_CLOEXEC, 0);
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, sleep_in_get, &sleeper));
	EXPECT_TRUE(wait_sleepers(other, getters, 1));
	close(self->q);
	self->q = other;
	EXPECT_EQ(1, pq_stat(other).getters);
	EXPECT_EQ(0, pq_put(other, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(1, sleeper.result);
}

/* The same, and it was the last: only a signal or its deadline can end that sleep. */
TEST_F(fds, the_last_number_closed_in_sleep)
{
	pid_t pid = spawn();

	if (!pid) {
		struct sleeper sleeper = { .q = pq_create(self->dev, .maxsize = 1) };
		pthread_t thread;

		ASSERT_EQ(0, pthread_create(&thread, NULL, sleep_in_get, &sleeper));
		EXPECT_TRUE(wait_sleepers(sleeper.q, getters, 1));
		close(sleeper.q);
		EXPECT_EQ(self->queues + 1, pq_info(self->dev).user_queues);
		raise(SIGKILL);
	}
	EXPECT_EQ(KILLED_BY(SIGKILL), reap(pid));
	EXPECT_TRUE(eventually(pq_info(self->dev).user_queues == self->queues));
}

/* Closing the device takes nothing from the queues that were made with it. */
TEST_F(fds, the_device_is_closed)
{
	char c;

	close(self->dev);
	EXPECT_EQ(0, pq_put(self->q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(1, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT));
	self->dev = dev_open();
}

TEST_HARNESS_MAIN
