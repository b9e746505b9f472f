// SPDX-License-Identifier: GPL-2.0
/* pyq_pollfd(): poll and epoll, on both backends. */
#include "lib_test.h"

#include <sys/epoll.h>

#define SOON 20000 /* milliseconds: far beyond what a working system needs */

static struct pollfd pollfd_of(struct __test_metadata *_metadata, pyq_queue *q,
			       unsigned int access)
{
	struct pollfd pfd = { .fd = -1 };

	EXPECT_EQ(0, lib(pyq_pollfd(q, access, &pfd)));
	EXPECT_LE(0, pfd.fd);
	return pfd;
}

static int ready(struct pollfd pfd, int timeout)
{
	return poll(&pfd, 1, timeout);
}

static int put(pyq_queue *q)
{
	return pyq_put(q, "x", 1, PYQ_NOWAIT);
}

static ssize_t get(pyq_queue *q)
{
	char c;

	return pyq_get(q, &c, 1, PYQ_NOWAIT);
}

/* proves: pyq_pollfd -EINVAL, pyq_pollfd -EBADF */
TEST(arguments)
{
	pyq_queue *q = new_queue(.maxsize = 1), *half;
	struct pollfd pfd, again;
	char name[64];

	EXPECT_EQ(-EINVAL, lib(pyq_pollfd(q, 0, &pfd)));
	EXPECT_EQ(-EINVAL, lib(pyq_pollfd(q, PYQ_READ | PYQ_WRITE, &pfd)));
	EXPECT_EQ(-EINVAL, lib(pyq_pollfd(q, 1, &pfd)));
	pfd = pollfd_of(_metadata, q, PYQ_READ);
	again = pollfd_of(_metadata, q, PYQ_READ);
	EXPECT_EQ(pfd.fd, again.fd);
	EXPECT_EQ(pfd.events, again.events);
	pyq_close(q);

	snprintf(name, sizeof(name), "lib_poll %d", getpid());
	q = new_queue(.maxsize = 1, .name = name);
	ASSERT_EQ(0, pyq_open(&half, name, PYQ_READ));
	EXPECT_EQ(-EBADF, lib(pyq_pollfd(half, PYQ_WRITE, &pfd)));
	pyq_close(half);
	ASSERT_EQ(0, pyq_open(&half, name, PYQ_WRITE));
	EXPECT_EQ(-EBADF, lib(pyq_pollfd(half, PYQ_READ, &pfd)));
	pyq_close(half);
	pyq_close(q);
	EXPECT_EQ(0, pyq_unlink(name));
}

/* proves: promise lib-poll */
TEST(one_process)
{
	pyq_queue *q = new_queue(.maxsize = 2);
	struct pollfd in = pollfd_of(_metadata, q, PYQ_READ);
	struct pollfd out = pollfd_of(_metadata, q, PYQ_WRITE);

	for (int turn = 0; turn < 3; turn++) {
		EXPECT_EQ(0, ready(in, 0));
		EXPECT_EQ(1, ready(out, SOON));
		ASSERT_EQ(0, put(q));
		EXPECT_EQ(1, ready(in, SOON));
		EXPECT_EQ(1, ready(out, 0));
		ASSERT_EQ(0, put(q));
		EXPECT_EQ(0, ready(out, 0));
		EXPECT_EQ(-EAGAIN, put(q));
		EXPECT_EQ(0, ready(out, 0));
		ASSERT_EQ(1, get(q));
		EXPECT_EQ(1, ready(in, 0));
		EXPECT_EQ(1, ready(out, SOON));
		ASSERT_EQ(1, get(q));
	}
	pyq_close(q);
}

/* What is there before anybody asks is seen at once. */
TEST(there_before)
{
	pyq_queue *q = new_queue(.maxsize = 1);
	struct pollfd in, out;

	ASSERT_EQ(0, put(q));
	in = pollfd_of(_metadata, q, PYQ_READ);
	out = pollfd_of(_metadata, q, PYQ_WRITE);
	EXPECT_EQ(1, ready(in, 0));
	EXPECT_EQ(0, ready(out, 0));
	pyq_close(q);
}

/* proves: pyq_pollfd -EAGAIN */
/* Another process puts, and takes away what was seen: then a get says so, and it is over. */
TEST(two_processes)
{
	pyq_queue *q = new_queue(.maxsize = 1);
	struct pollfd in = pollfd_of(_metadata, q, PYQ_READ);
	struct pollfd out;
	pid_t pid;

	for (int turn = 0; turn < 3; turn++) {
		pid = in_child(put(q) ? 1 : 0);
		EXPECT_EQ(1, ready(in, SOON));
		EXPECT_EQ(0, exit_status(pid));
		EXPECT_EQ(0, exit_status(in_child(get(q) == 1 ? 0 : 1)));
		EXPECT_EQ(-EAGAIN, get(q));
		EXPECT_EQ(0, ready(in, 0));
	}
	ASSERT_EQ(0, put(q));
	out = pollfd_of(_metadata, q, PYQ_WRITE);
	EXPECT_EQ(0, ready(out, 0));
	pid = in_child(get(q) == 1 ? 0 : 1);
	EXPECT_EQ(1, ready(out, SOON));
	EXPECT_EQ(0, exit_status(pid));
	EXPECT_EQ(0, put(q));
	pyq_close(q);
}

/* Every put after the queue was found empty is an edge. */
TEST(edge_triggered)
{
	pyq_queue *q = new_queue(.maxsize = 4);
	struct pollfd in = pollfd_of(_metadata, q, PYQ_READ);
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_LE(0, ep);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, in.fd, &event));
	for (int turn = 0; turn < 3; turn++) {
		int got = 0;

		ASSERT_EQ(0, put(q));
		EXPECT_EQ(1, epoll_wait(ep, &event, 1, SOON));
		while (get(q) == 1)
			got++;
		EXPECT_EQ(1, got);
		EXPECT_EQ(0, epoll_wait(ep, &event, 1, 0));
	}
	close(ep);
	pyq_close(q);
}

/* A poller never stands in for one who sleeps, nor the other way round. */
TEST(beside_sleepers)
{
	pyq_queue *q = new_queue(.maxsize = 2);
	struct pollfd in = pollfd_of(_metadata, q, PYQ_READ);
	pid_t getter = in_child(({
		char c;

		pyq_get(q, &c, 1, LONG) == 1 ? 0 : 1;
	}));

	ASSERT_TRUE(lib_wait_sleepers(q, getters, 1));
	ASSERT_EQ(0, put(q));
	EXPECT_EQ(0, exit_status(getter));
	ASSERT_EQ(0, put(q));
	EXPECT_EQ(1, ready(in, SOON));
	EXPECT_EQ(1, get(q));
	pyq_close(q);
}

TEST(shut_down)
{
	pyq_queue *q = new_queue(.maxsize = 2);
	struct pollfd in = pollfd_of(_metadata, q, PYQ_READ);
	struct pollfd out;
	pid_t pid;

	ASSERT_EQ(0, put(q));
	ASSERT_EQ(0, put(q));
	out = pollfd_of(_metadata, q, PYQ_WRITE);
	EXPECT_EQ(0, ready(out, 0));
	ASSERT_EQ(1, get(q));
	ASSERT_EQ(1, get(q));
	EXPECT_EQ(0, ready(in, 0));
	pid = in_child(pyq_shutdown(q, false) ? 1 : 0);
	EXPECT_EQ(1, ready(in, SOON));
	EXPECT_EQ(1, ready(out, SOON));
	EXPECT_EQ(0, exit_status(pid));
	EXPECT_EQ(-ESHUTDOWN, get(q));
	EXPECT_EQ(1, ready(in, 0));
	pyq_close(q);
}

/* A child asks anew, and neither disturbs the other. */
TEST(forked)
{
#ifdef __SANITIZE_THREAD__
	SKIP(return, "gcc's TSan knows no threads in the child of a process with threads");
#endif
	pyq_queue *q = new_queue(.maxsize = 2);
	struct pollfd in = pollfd_of(_metadata, q, PYQ_READ);
	int go[2], seen[2];

	ASSERT_EQ(0, pipe(go));
	ASSERT_EQ(0, pipe(seen));
	pid_t pid = in_child(({
		struct pollfd theirs;
		char c;
		bool bad = pyq_pollfd(q, PYQ_READ, &theirs) || ready(theirs, 0);

		bad = write(go[1], "x", 1) != 1 || bad;
		bad = ready(theirs, SOON) != 1 || bad;
		/* Not before the parent has seen it. */
		bad = read(seen[0], &c, 1) != 1 || bad;
		bad = pyq_get(q, &c, 1, LONG) != 1 || bad;
		pyq_close(q);
		bad;
	}));
	char c;

	ASSERT_EQ(1, read(go[0], &c, 1));
	ASSERT_EQ(0, put(q));
	EXPECT_EQ(1, ready(in, SOON));
	ASSERT_EQ(1, write(seen[1], "x", 1));
	EXPECT_EQ(0, exit_status(pid));
	EXPECT_EQ(-EAGAIN, get(q));
	EXPECT_EQ(0, ready(in, 0));
	ASSERT_EQ(0, put(q));
	EXPECT_EQ(1, ready(in, SOON));
	/* One that does not ask. */
	EXPECT_EQ(0, exit_status(in_child(({
		bool bad = get(q) != 1;

		pyq_close(q);
		bad;
	}))));
	EXPECT_EQ(-EAGAIN, get(q));
	EXPECT_EQ(0, ready(in, 0));
	for (int i = 0; i < 2; i++) {
		close(go[i]);
		close(seen[i]);
	}
	pyq_close(q);
}

/* No thread is left, and none takes a signal of the program's. */
static unsigned int threads(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	unsigned int n = 0;

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "Threads: %u", &n) == 1)
			break;
	if (status)
		fclose(status);
	return n;
}

/* A thread that has been waited for is counted a moment longer. */
static bool has_threads(unsigned int n)
{
	int64_t until = lib_now_ns() + LONG;

	while (threads() != n && lib_now_ns() < until)
		sched_yield();
	return threads() == n;
}

/* The fds of the parent's polls are not left open in a child. */
TEST(fds_of_a_child)
{
	pyq_queue *q = new_queue(.maxsize = 1);
	struct pollfd in = pollfd_of(_metadata, q, PYQ_READ);
	struct pollfd out = pollfd_of(_metadata, q, PYQ_WRITE);

	if (in.fd != pyq_fd(q)) { /* else it is the queue itself */
		EXPECT_EQ(0, exit_status(in_child(fcntl(in.fd, F_GETFD) != -1 ||
						  fcntl(out.fd, F_GETFD) != -1)));
	}
	EXPECT_EQ(0, ready(in, 0));
	EXPECT_EQ(1, ready(out, 0));
	pyq_close(q);
}

/* Who lends the last message, or the last room, leaves nothing to be told of. */
TEST(lent)
{
	pyq_queue *q = new_queue(.maxsize = 1);
	struct pollfd in = pollfd_of(_metadata, q, PYQ_READ);
	struct pollfd out = pollfd_of(_metadata, q, PYQ_WRITE);
	struct pyq_loan loan;
	int err = pyq_reserve(q, &loan, PYQ_NOWAIT);

	if (err == -EOPNOTSUPP) {
		pyq_close(q);
		SKIP(return, "a sealed queue lends nothing");
	}
	ASSERT_EQ(0, err);
	EXPECT_EQ(0, ready(out, 0));
	EXPECT_EQ(0, pyq_commit(q, &loan, 1));
	EXPECT_EQ(1, ready(in, SOON));
	ASSERT_EQ(0, pyq_borrow(q, &loan, PYQ_NOWAIT));
	EXPECT_EQ(0, ready(in, 0));
	EXPECT_EQ(0, pyq_release(q, &loan));
	EXPECT_EQ(1, ready(out, SOON));
	pyq_close(q);
}

TEST(closed)
{
	pyq_queue *first = new_queue(.maxsize = 1);
	unsigned int before;

	/* A sanitizer starts a thread of its own with the first. */
	pollfd_of(_metadata, first, PYQ_READ);
	before = threads() - on_shm();
	pyq_close(first);
	for (int i = 0; i < 20; i++) {
		pyq_queue *q = new_queue(.maxsize = 1);
		struct pollfd in = pollfd_of(_metadata, q, PYQ_READ);
		struct pollfd out = pollfd_of(_metadata, q, PYQ_WRITE);

		if (i % 2) {
			ASSERT_EQ(0, put(q));
		}
		EXPECT_EQ(i % 2, ready(in, i % 2 ? SOON : 0));
		EXPECT_EQ(!(i % 2), ready(out, i % 2 ? 0 : SOON));
		EXPECT_TRUE(has_threads(before + (on_shm() ? 2 : 0)));
		pyq_close(q);
		EXPECT_TRUE(has_threads(before));
	}
}

#define MESSAGES (20000 / PYQUEUE_SLOW)

/* A stream in which only one polls, and never waits in any other way. */
TEST(stream)
{
	pyq_queue *q = new_queue(.maxsize = 3, .payload = 48);
	struct pollfd in;
	pid_t putter = in_child(({
		struct pollfd out;
		bool bad = pyq_pollfd(q, PYQ_WRITE, &out);

		for (unsigned int i = 0; !bad && i < MESSAGES;) {
			int err = pyq_put(q, &i, sizeof(i), PYQ_NOWAIT);

			if (!err)
				i++;
			else
				bad = err != -EAGAIN || ready(out, SOON) != 1;
		}
		bad;
	}));

	in = pollfd_of(_metadata, q, PYQ_READ);
	for (unsigned int i = 0; i < MESSAGES;) {
		unsigned int got;
		ssize_t len = pyq_get(q, &got, sizeof(got), PYQ_NOWAIT);

		if (len == -EAGAIN) {
			ASSERT_EQ(1, ready(in, SOON)) TH_LOG("message %u", i);
			continue;
		}
		ASSERT_EQ(sizeof(got), len);
		ASSERT_EQ(i, got);
		i++;
	}
	EXPECT_EQ(0, exit_status(putter));
	pyq_close(q);
}

/* proves: promise kill-redelivery */
/* Only a poller is there when somebody dies with a message in hand: he notices. */
TEST(death)
{
#ifdef SLICE
	SKIP(return, "in this build nobody looks who has died");
#endif
	pyq_queue *q = new_queue(.maxsize = 2);
	struct pollfd in = pollfd_of(_metadata, q, PYQ_READ);
	struct pyq_msg msg = { 0 };
	char c;

	if (!is_mapped(q))
		SKIP(return, "nobody dies with a message of a sealed queue");
	msg.data = &c;
	msg.size = 1;
	ASSERT_EQ(0, put(q));
	ASSERT_EQ(128 + SIGKILL, exit_status(in_child(({
		struct pyq_loan loan;

		if (!pyq_borrow(q, &loan, PYQ_NOWAIT))
			kill(getpid(), SIGKILL);
		1;
	}))));
	/* It may still look ready from before; a get in vain, and then it has to come. */
	while (pyq_get_msg(q, &msg, PYQ_NOWAIT) == -EAGAIN)
		ASSERT_EQ(1, ready(in, SOON));
	EXPECT_EQ(2, msg.deliveries);
	pyq_close(q);
}

/* Of the queue's file: who holds a lock on it looks often whether others have died. */
#define WATCH_BYTE 4096

static bool is_watched(int file)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = WATCH_BYTE,
			      .l_len = 1 };

	return !fcntl(file, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK;
}

static bool becomes_watched(int file, bool watched)
{
	int64_t until = lib_now_ns() + LONG;

	while (is_watched(file) != watched && lib_now_ns() < until)
		sched_yield();
	return is_watched(file) == watched;
}

/* As long as there is something, and he waits to be told that it is over, others can watch. */
/* proves: promise watchman */
TEST(told_and_no_watchman)
{
#ifdef SLICE
	SKIP(return, "in this build nobody looks who has died");
#endif
	pyq_queue *q = new_queue(.maxsize = 1);
	struct pollfd in = pollfd_of(_metadata, q, PYQ_READ);
	char path[32];
	pid_t putter;
	int file;

	if (!on_shm())
		SKIP(return, "who has died is the kernel's business");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", pyq_fd(q));
	file = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, file);
	/* Nobody else is there. */
	ASSERT_TRUE(becomes_watched(file, true));
	ASSERT_EQ(0, put(q));
	EXPECT_EQ(1, ready(in, SOON));
	ASSERT_TRUE(becomes_watched(file, false));
	putter = in_child(pyq_put(q, "y", 1, 2 * LONG) ? 1 : 0);
	EXPECT_TRUE(becomes_watched(file, true));
	/* And once it is over he does again. */
	ASSERT_EQ(1, get(q));
	EXPECT_EQ(0, exit_status(putter));
	EXPECT_EQ(1, ready(in, SOON));
	ASSERT_EQ(1, get(q));
	EXPECT_TRUE(becomes_watched(file, true));
	close(file);
	pyq_close(q);
}

TEST_HARNESS_MAIN
