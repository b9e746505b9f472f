// SPDX-License-Identifier: GPL-2.0
/* The library against the module: waiting, signals, threads, processes. */
#include "lib_test.h"

static void *put_one(void *q)
{
	return (void *)(intptr_t)pyq_put(q, "x", 1, LONG);
}

static void *get_one(void *q)
{
	char c;

	return (void *)(intptr_t)pyq_get(q, &c, 1, LONG);
}

static void *join_queue(void *q)
{
	return (void *)(intptr_t)pyq_join(q, LONG);
}

static int result(pthread_t thread)
{
	void *value;

	if (pthread_join(thread, &value))
		return -4711;
	return (int)(intptr_t)value;
}

/* What is left of a time that is over, by whatever little, is not for ever. */
TEST(seconds)
{
	EXPECT_EQ(PYQ_NOWAIT, PYQ_SECONDS(-1e-9));
	EXPECT_EQ(PYQ_NOWAIT, PYQ_SECONDS(-1.5e-9));
	EXPECT_EQ(PYQ_NOWAIT, PYQ_SECONDS(-100));
	EXPECT_EQ(PYQ_NOWAIT, PYQ_SECONDS(0));
	EXPECT_EQ(1500000000, PYQ_SECONDS(1.5));
}

TEST(full_and_empty)
{
	pyq_queue *q = new_queue(.maxsize = 2);
	char c;

	EXPECT_EQ(-EAGAIN, lib(pyq_get(q, &c, 1, PYQ_NOWAIT)));
	EXPECT_TRUE(pyq_is_empty(-EAGAIN));
	EXPECT_EQ(0, lib(pyq_put(q, "1", 1, PYQ_NOWAIT)));
	EXPECT_FALSE(lib(pyq_empty(q)));
	EXPECT_FALSE(lib(pyq_full(q)));
	EXPECT_EQ(0, lib(pyq_put(q, "2", 1, PYQ_NOWAIT)));
	EXPECT_EQ(2, lib(pyq_qsize(q)));
	EXPECT_TRUE(lib(pyq_full(q)));
	EXPECT_EQ(-EAGAIN, lib(pyq_put(q, "3", 1, PYQ_NOWAIT)));
	EXPECT_TRUE(pyq_is_full(-EAGAIN));
	pyq_close(q);
}

TEST(timeouts)
{
	const int64_t wait = PYQ_MILLISECONDS(50);
	pyq_queue *q = new_queue(.maxsize = 1);
	struct pyq_msg msg = { .data = "y", .len = 1 };
	int64_t start = lib_now_ns();
	void *data;
	char c;

	EXPECT_EQ(-ETIMEDOUT, lib(pyq_get(q, &c, 1, wait)));
	EXPECT_LE(start + wait, lib_now_ns());
	start = lib_now_ns();
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_get_alloc(q, &data, NULL, wait)));
	EXPECT_LE(start + wait, lib_now_ns());
	start = lib_now_ns();
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_get_many(q, &msg, 1, wait)));
	EXPECT_LE(start + wait, lib_now_ns());
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_get_msg(q, &msg, 1)));

	EXPECT_EQ(0, lib(pyq_put(q, "x", 1, PYQ_NOWAIT)));
	start = lib_now_ns();
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_put(q, "y", 1, wait)));
	EXPECT_LE(start + wait, lib_now_ns());
	start = lib_now_ns();
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_put_many(q, &msg, 1, wait)));
	EXPECT_LE(start + wait, lib_now_ns());
	start = lib_now_ns();
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_join(q, wait)));
	EXPECT_LE(start + wait, lib_now_ns());
	EXPECT_EQ(-EAGAIN, lib(pyq_join(q, PYQ_NOWAIT)));

	EXPECT_EQ(-EINVAL, lib(pyq_get(q, &c, 1, -2)));
	EXPECT_EQ(1, lib(pyq_get(q, &c, 1, INT64_MAX)));
	EXPECT_EQ('x', c);
	pyq_close(q);
}

/* Who tries for long before he sleeps does not try for longer than he may wait. */
TEST(spinning_ends_with_the_timeout)
{
	pyq_queue *q = new_queue(.maxsize = 1);
	struct timespec used;
	char byte;

	pyq_set_spin(q, PYQ_SECONDS(1));
	EXPECT_EQ(-ETIMEDOUT, pyq_get(q, &byte, 1, PYQ_MILLISECONDS(1)));
	/* Time that it was given, not that has gone by: it does not fail where others run. */
	ASSERT_EQ(0, clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used));
	EXPECT_GT(PYQ_MILLISECONDS(200), used.tv_sec * PYQ_SECONDS(1) + used.tv_nsec);
	pyq_close(q);
}

TEST(the_fourth_put_waits)
{
	pyq_queue *q = new_queue(.maxsize = 3);
	pthread_t thread;
	char c;

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, lib(pyq_put(q, "x", 1, PYQ_FOREVER)));
	}
	ASSERT_EQ(0, pthread_create(&thread, NULL, put_one, q));
	ASSERT_TRUE(lib_wait_sleepers(q, putters, 1));
	EXPECT_EQ(3, lib(pyq_qsize(q)));
	EXPECT_EQ(1, lib(pyq_get(q, &c, 1, PYQ_NOWAIT)));
	EXPECT_EQ(0, result(thread));
	EXPECT_EQ(3, lib(pyq_qsize(q)));
	pyq_close(q);
}

static volatile sig_atomic_t alarms;

static void count_alarm(int sig)
{
	(void)sig;
	alarms++;
#ifndef __SANITIZE_THREAD__ /* which complains of what this is for */
	errno = EINTR;
#endif
}

/* An alarm every 5 ms, whose handler does not ask for restarts. */
static void alarms_start(void)
{
	struct sigaction action = { .sa_handler = count_alarm };
	struct itimerval every = { { 0, 5000 }, { 0, 5000 } };

	alarms = 0;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
}

static void alarms_stop(void)
{
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
}

/* The signal handler itself changes errno, hence no lib() here. */
TEST(signals_do_not_end_a_wait)
{
	const int64_t wait = PYQ_MILLISECONDS(100);
	pyq_queue *q = new_queue(.maxsize = 1);
	struct pyq_msg msg = { .data = "y", .len = 1 };
	int64_t start;
	void *data;
	char c;

#define INTERRUPTED(call)                                                    \
	do {                                                                 \
		alarms_start();                                              \
		start = lib_now_ns();                                            \
		EXPECT_EQ(-ETIMEDOUT, call);                                 \
		EXPECT_LE(start + wait, lib_now_ns());                           \
		/* Not from the beginning after each. */                     \
		EXPECT_GT(start + 20 * wait, lib_now_ns());                      \
		alarms_stop();                                               \
		EXPECT_LT(1, alarms);                                        \
	} while (0)

	INTERRUPTED(pyq_get(q, &c, 1, wait));
	INTERRUPTED(pyq_get_alloc(q, &data, NULL, wait));
	INTERRUPTED(pyq_get_many(q, &msg, 1, wait));
	ASSERT_EQ(0, pyq_put(q, "x", 1, PYQ_NOWAIT));
	INTERRUPTED(pyq_put(q, "y", 1, wait));
	INTERRUPTED(pyq_put_many(q, &msg, 1, wait));
	INTERRUPTED(pyq_join(q, wait));
	EXPECT_EQ(1, pyq_qsize(q));
	pyq_close(q);
}

/* A message that comes after many signals is still got, once. */
static int put_after_alarms(pyq_queue *q, pid_t parent)
{
	struct pyq_stat st;

	for (int i = 0; i < 20; i++) {
		do
			if (pyq_stat(q, &st))
				return 1;
		while (!st.getters);
		kill(parent, SIGALRM);
	}
	return pyq_put(q, "x", 1, LONG) ? 2 : 0;
}

TEST(signals_and_a_message)
{
	struct sigaction action = { .sa_handler = count_alarm };
	pyq_queue *q = new_queue(.maxsize = 1);
	pid_t parent = getpid();
	pid_t child;
	char c;

	alarms = 0;
	sigaction(SIGALRM, &action, NULL);
	child = in_child(put_after_alarms(q, parent));
	EXPECT_EQ(1, pyq_get(q, &c, 1, LONG));
	EXPECT_EQ(0, exit_status(child));
	EXPECT_LT(0, alarms);
	EXPECT_TRUE(pyq_empty(q));
	pyq_close(q);
}

#define THREADS 2
#define EACH 2000

struct work {
	pyq_queue *q;
	pthread_t thread;
	unsigned int first;
	unsigned char *seen; /* how often each number came; one array a consumer */
};

static void *produce(void *arg)
{
	struct work *w = arg;
	unsigned int number[64];

	/* Of many sizes, so that consumers meet messages longer than they thought. */
	for (unsigned int i = 0; i < EACH; i++) {
		size_t len = i % 7 ? 4 : 256;

		memset(number, 0xcc, sizeof(number));
		number[0] = w->first + i;
		if (pyq_put(w->q, number, len, LONG))
			return "put";
	}
	return NULL;
}

static void *consume(void *arg)
{
	struct work *w = arg;
	size_t len;
	void *data;
	int err;

	while (!(err = pyq_get_alloc(w->q, &data, &len, LONG))) {
		unsigned int i = *(unsigned int *)data;

		if (i >= THREADS * EACH || len != (i % EACH % 7 ? 4 : 256))
			return "a message that nobody has put";
		w->seen[i]++;
		free(data);
		if (pyq_task_done(w->q, 1))
			return "task_done";
	}
	return err == -ESHUTDOWN ? NULL : "get";
}

TEST(threads_share_a_handle)
{
	static unsigned char seen[THREADS][THREADS * EACH];
	struct work producers[THREADS], consumers[THREADS];
	pyq_queue *q = new_queue(.maxsize = 5, .payload = 48);
	void *failed;

	for (unsigned int i = 0; i < THREADS; i++) {
		producers[i] = (struct work){ .q = q, .first = i * EACH };
		consumers[i] = (struct work){ .q = q, .seen = seen[i] };
		ASSERT_EQ(0, pthread_create(&consumers[i].thread, NULL, consume, &consumers[i]));
		ASSERT_EQ(0, pthread_create(&producers[i].thread, NULL, produce, &producers[i]));
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(producers[i].thread, &failed));
		EXPECT_EQ(NULL, failed) TH_LOG("%s", (char *)failed);
	}
	EXPECT_EQ(0, lib(pyq_join(q, LONG)));
	EXPECT_EQ(0, lib(pyq_shutdown(q, false)));
	for (unsigned int i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(consumers[i].thread, &failed));
		EXPECT_EQ(NULL, failed) TH_LOG("%s", (char *)failed);
	}
	for (unsigned int i = 0; i < THREADS * EACH; i++) {
		ASSERT_EQ(1, seen[0][i] + seen[1][i]) TH_LOG("message %u", i);
	}
	pyq_close(q);
}

static int write_five(pyq_queue *q)
{
	for (int i = 0; i < 5; i++)
		if (pyq_put(q, &i, sizeof(i), LONG))
			return 1;
	pyq_close(q); /* the child's handle; the parent keeps its own */
	return 0;
}

TEST(fork_shares_the_queue)
{
	pyq_queue *q = new_queue(.maxsize = 2);
	pid_t child = in_child(write_five(q));
	int number;

	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(sizeof(number), lib(pyq_get(q, &number, sizeof(number), LONG)));
		EXPECT_EQ(i, number);
	}
	EXPECT_EQ(0, exit_status(child));
	EXPECT_EQ(-EAGAIN, lib(pyq_get(q, &number, sizeof(number), PYQ_NOWAIT)));
	pyq_close(q);
}

/* Receives a queue by SCM_RIGHTS and puts a message into it. */
static int receiver(int sock)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec io = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr header = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control,
				 .msg_controllen = sizeof(control) };
	pyq_queue *q;
	int fd;

	if (recvmsg(sock, &header, MSG_CMSG_CLOEXEC) != 1)
		return 1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof(fd));
	if (pyq_from_fd(&q, fd))
		return 2;
	if (pyq_maxsize(q) != 4)
		return 3;
	return pyq_put(q, "passed on", 9, LONG) ? 4 : 0;
}

TEST(a_queue_passed_by_a_socket)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec io = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr header = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control,
				 .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header);
	int socks[2], fd;
	pyq_queue *q;
	pid_t child;
	char text[9];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, socks));
	child = in_child(receiver(socks[1])); /* before there is a queue to inherit */
	q = new_queue(.maxsize = 4);
	fd = pyq_fd(q);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	ASSERT_EQ(1, sendmsg(socks[0], &header, 0));
	EXPECT_EQ(9, lib(pyq_get(q, text, sizeof(text), LONG)));
	EXPECT_EQ(0, memcmp(text, "passed on", 9));
	EXPECT_EQ(0, exit_status(child));
	pyq_close(q);
}

TEST(a_sleeper_that_is_killed_takes_nothing)
{
	pyq_queue *q = new_queue(.maxsize = 1);
	char c;
	pid_t child = in_child(pyq_get(q, &c, 1, PYQ_FOREVER));

	ASSERT_TRUE(lib_wait_sleepers(q, getters, 1));
	kill(child, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, exit_status(child));
	EXPECT_EQ(0, lib(pyq_put(q, "x", 1, PYQ_NOWAIT)));
	EXPECT_EQ(1, lib(pyq_get(q, &c, 1, PYQ_NOWAIT)));
	pyq_close(q);
}

TEST(join)
{
	pyq_queue *q = new_queue(.maxsize = 3);
	pthread_t thread;
	struct pyq_stat st;
	char c;

	EXPECT_EQ(0, lib(pyq_join(q, PYQ_NOWAIT)));
	EXPECT_EQ(-EINVAL, lib(pyq_task_done(q, 1)));
	EXPECT_EQ(0, lib(pyq_put(q, "1", 1, PYQ_NOWAIT)));
	EXPECT_EQ(0, lib(pyq_put(q, "2", 1, PYQ_NOWAIT)));
	EXPECT_EQ(1, lib(pyq_get(q, &c, 1, PYQ_NOWAIT)));
	EXPECT_EQ(1, lib(pyq_get(q, &c, 1, PYQ_NOWAIT)));
	EXPECT_EQ(-EINVAL, lib(pyq_task_done(q, 0)));
	EXPECT_EQ(-EINVAL, lib(pyq_task_done(q, 3)));
	ASSERT_EQ(0, lib(pyq_stat(q, &st)));
	EXPECT_EQ(2, st.unfinished);

	ASSERT_EQ(0, pthread_create(&thread, NULL, join_queue, q));
	ASSERT_TRUE(lib_wait_sleepers(q, joiners, 1));
	EXPECT_EQ(0, lib(pyq_task_done(q, 2)));
	EXPECT_EQ(0, result(thread));
	EXPECT_EQ(-EINVAL, lib(pyq_task_done(q, 1)));
	pyq_close(q);
}

TEST(shutdown_wakes_getters)
{
	pyq_queue *q = new_queue(.maxsize = 1);
	pthread_t threads[2];

	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, get_one, q));
	}
	ASSERT_TRUE(lib_wait_sleepers(q, getters, 2));
	EXPECT_EQ(0, lib(pyq_shutdown(q, false)));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(-ESHUTDOWN, result(threads[i]));
	}
	EXPECT_EQ(0, lib(pyq_shutdown(q, false)));
	pyq_close(q);
}

TEST(shutdown_wakes_putters_and_leaves_messages)
{
	pyq_queue *q = new_queue(.maxsize = 1);
	struct pyq_msg msg = { .data = "x", .len = 1 };
	struct pyq_stat st;
	pthread_t thread;
	void *data;
	char c;

	EXPECT_EQ(0, lib(pyq_put(q, "1", 1, PYQ_NOWAIT)));
	ASSERT_EQ(0, pthread_create(&thread, NULL, put_one, q));
	ASSERT_TRUE(lib_wait_sleepers(q, putters, 1));
	EXPECT_EQ(0, lib(pyq_shutdown(q, false)));
	EXPECT_EQ(-ESHUTDOWN, result(thread));
	ASSERT_EQ(0, lib(pyq_stat(q, &st)));
	EXPECT_TRUE(st.shutdown);

	EXPECT_EQ(-ESHUTDOWN, lib(pyq_put(q, "x", 1, PYQ_FOREVER)));
	EXPECT_EQ(-ESHUTDOWN, lib(pyq_put_many(q, &msg, 1, PYQ_FOREVER)));
	EXPECT_EQ(1, lib(pyq_get(q, &c, 1, PYQ_FOREVER)));
	EXPECT_EQ(-ESHUTDOWN, lib(pyq_get(q, &c, 1, PYQ_FOREVER)));
	EXPECT_EQ(-ESHUTDOWN, lib(pyq_get_many(q, &msg, 1, PYQ_FOREVER)));
	EXPECT_EQ(-ESHUTDOWN, lib(pyq_get_alloc(q, &data, NULL, PYQ_FOREVER)));
	pyq_close(q);
}

TEST(shutdown_at_once_drops_messages)
{
	pyq_queue *q = new_queue(.maxsize = 2);
	pthread_t thread;
	char c;

	EXPECT_EQ(0, lib(pyq_put(q, "1", 1, PYQ_NOWAIT)));
	EXPECT_EQ(0, lib(pyq_put(q, "2", 1, PYQ_NOWAIT)));
	ASSERT_EQ(0, pthread_create(&thread, NULL, join_queue, q));
	ASSERT_TRUE(lib_wait_sleepers(q, joiners, 1));
	EXPECT_EQ(0, lib(pyq_shutdown(q, true)));
	EXPECT_EQ(0, result(thread)); /* they count as done */
	EXPECT_EQ(0, lib(pyq_qsize(q)));
	EXPECT_EQ(-ESHUTDOWN, lib(pyq_get(q, &c, 1, PYQ_FOREVER)));
	pyq_close(q);
}

TEST(poll_and_read_and_write)
{
	pyq_queue *q = new_queue(.maxsize = 1);
	struct pollfd pfd = { .fd = pyq_fd(q), .events = POLLIN | POLLOUT };
	char c;

	if (on_shm())
		SKIP(return, "other programs cannot read() and write() a queue in shared memory (pyq_pollfd() polls it)");
	EXPECT_EQ(1, poll(&pfd, 1, 0));
	EXPECT_EQ(POLLOUT, pfd.revents);
	EXPECT_EQ(1, write(pyq_fd(q), "x", 1));
	EXPECT_EQ(1, poll(&pfd, 1, 0));
	EXPECT_EQ(POLLIN, pfd.revents);
	EXPECT_EQ(1, lib(pyq_get(q, &c, 1, PYQ_NOWAIT)));
	EXPECT_EQ(0, lib(pyq_put(q, "y", 1, PYQ_NOWAIT)));
	EXPECT_EQ(1, read(pyq_fd(q), &c, 1));
	EXPECT_EQ('y', c);
	pyq_close(q);
}

/*
 * In a child that has closed the queue's fd, and has something else there: all calls say
 * so, and nothing is done to that.
 */
TEST(another_file_at_its_number)
{
	pyq_queue *q = new_queue(.maxsize = 2), *other = new_queue(.maxsize = 2);
	const int null = open("/dev/null", O_RDWR);

	if (!is_mapped(q))
		SKIP(return, "a sealed queue is its fd, whatever that is");
	for (int i = 0; i < 2; i++) {
		const int file = i ? null : pyq_fd(other);

		EXPECT_EQ(0, exit_status(in_child(({
			struct pollfd pfd;
			struct pyq_stat st;
			struct pyq_loan loan;
			char c = 'x';

			dup2(file, pyq_fd(q)) < 0 ? 1 :
			lib(pyq_put(q, &c, 1, PYQ_NOWAIT)) != -EBADF ? 2 :
			lib(pyq_get(q, &c, 1, PYQ_NOWAIT)) != -EBADF ? 3 :
			lib(pyq_qsize(q)) != -EBADF ? 4 :
			lib(pyq_stat(q, &st)) != -EBADF ? 5 :
			lib(pyq_shutdown(q, true)) != -EBADF ? 6 :
			lib(pyq_pollfd(q, PYQ_READ, &pfd)) != -EBADF ? 7 :
			lib(pyq_reserve(q, &loan, PYQ_NOWAIT)) != -EBADF ? 8 :
			lib(pyq_join(q, PYQ_NOWAIT)) != -EBADF ? 9 :
			lib(pyq_task_done(q, 1)) != -EBADF ? 10 : 0;
		})))) TH_LOG("file %d", i);
	}
	EXPECT_EQ(0, lib(pyq_put(other, "y", 1, PYQ_NOWAIT)));
	EXPECT_EQ(0, lib(pyq_put(q, "y", 1, PYQ_NOWAIT)));
	close(null);
	pyq_close(other);
	pyq_close(q);
}

TEST_HARNESS_MAIN
