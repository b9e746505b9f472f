// SPDX-License-Identifier: GPL-2.0
/* Operations under way, on both engines: what they wait with fails. */
#include "scenario.h"

#include "../skip.h"

struct stage {
	pyq_queue *q, *other;
	pyq_aio *aio;
	struct pyq_completion done;
	char buf[16];
	unsigned int engine;
	pthread_t other_thread;
	bool has_thread, sleeps;
};

#define NO_ROOM "ENOMEM EMFILE ENFILE"
/* What io_uring_setup() says; and io_uring_enter(), where there is no memory, or too much to do. */
#define NO_URING " ENOSYS EPERM EINVAL"
/* What epoll or a timer says of a descriptor that another thread of the program has closed. */
#define CLOSED " EBADF EINVAL"

static void queues_and(struct __test_metadata *_metadata, struct stage *s, unsigned int engine)
{
	s->engine = engine;
	s->q = new_queue(.maxsize = 4, .payload = 48);
	s->other = new_queue(.maxsize = 4, .payload = 48);
}

static void for_uring(struct __test_metadata *_metadata, struct stage *s)
{
	queues_and(_metadata, s, PYQ_AIO_URING);
}

static void for_epoll(struct __test_metadata *_metadata, struct stage *s)
{
	queues_and(_metadata, s, PYQ_AIO_EPOLL);
}

static void for_best(struct __test_metadata *_metadata, struct stage *s)
{
	queues_and(_metadata, s, 0);
}

static void with(struct __test_metadata *_metadata, struct stage *s, unsigned int engine)
{
	int err = pyq_aio_create(&s->aio, 4, engine);

	if (engine == PYQ_AIO_URING && (err == -ENOSYS || err == -EPERM))
		SKIP_ALL("no io_uring here");
	ASSERT_EQ(0, err);
	queues_and(_metadata, s, engine);
}

/* As of a kernel before 6.7: its rings do not wait for a futex, but poll. */
static void with_old_uring(struct __test_metadata *_metadata, struct stage *s)
{
	struct fault fault = { .place = HERE };
	struct strike strike;
	int err;

	do {
		fault.nth++;
		faults_arm(&fault);
		err = pyq_aio_create(&s->aio, 4, PYQ_AIO_URING);
		strike = faults_disarm();
		if (!strcmp(strike.name, "io_uring_get_probe_ring"))
			break;
		if (err == -ENOSYS || (err == -EPERM && !strike.error))
			SKIP_ALL("no io_uring here");
		pyq_aio_destroy(s->aio);
		ASSERT_NE(0, strike.error);
	} while (true);
	ASSERT_EQ(0, err);
	queues_and(_metadata, s, PYQ_AIO_URING);
}

static void with_uring(struct __test_metadata *_metadata, struct stage *s)
{
	with(_metadata, s, PYQ_AIO_URING);
}

static void with_epoll(struct __test_metadata *_metadata, struct stage *s)
{
	with(_metadata, s, PYQ_AIO_EPOLL);
}

/* One that waits, and the kernel knows of it. */
static void one_waits(struct __test_metadata *_metadata, struct stage *s)
{
	ASSERT_EQ(0, pyq_aio_get(s->aio, s->q, s->buf, sizeof(s->buf), PYQ_FOREVER, 1));
	ASSERT_EQ(0, pyq_aio_submit(s->aio));
}

static void waits_by_uring(struct __test_metadata *_metadata, struct stage *s)
{
	with_uring(_metadata, s);
	one_waits(_metadata, s);
}

static void waits_by_old_uring(struct __test_metadata *_metadata, struct stage *s)
{
	with_old_uring(_metadata, s);
	one_waits(_metadata, s);
}

static void waits_by_epoll(struct __test_metadata *_metadata, struct stage *s)
{
	with_epoll(_metadata, s);
	one_waits(_metadata, s);
}

/* Puts what is slept for: when something has failed, or nothing does. */
static void *put_later(void *arg)
{
	struct stage *s = arg;
	int64_t until;

	while (!__atomic_load_n(&s->sleeps, __ATOMIC_SEQ_CST))
		sched_yield();
	until = lib_now_ns() + PYQ_MILLISECONDS(100);
	while (!faults_struck() && lib_now_ns() < until)
		sched_yield();
	return (void *)(intptr_t)pyq_put(s->q, "hello", 5, PYQ_NOWAIT);
}

static void with_another(struct __test_metadata *_metadata, struct stage *s)
{
	one_waits(_metadata, s);
	ASSERT_EQ(0, pthread_create(&s->other_thread, NULL, put_later, s));
	s->has_thread = true;
}

static void sleeps_by_uring(struct __test_metadata *_metadata, struct stage *s)
{
	with_uring(_metadata, s);
	with_another(_metadata, s);
}

static void sleeps_by_old_uring(struct __test_metadata *_metadata, struct stage *s)
{
	with_old_uring(_metadata, s);
	with_another(_metadata, s);
}

static void sleeps_by_epoll(struct __test_metadata *_metadata, struct stage *s)
{
	with_epoll(_metadata, s);
	with_another(_metadata, s);
}

static void join(struct __test_metadata *_metadata, struct stage *s)
{
	void *err;

	EXPECT_EQ(0, pthread_join(s->other_thread, &err));
	EXPECT_EQ(NULL, err);
	s->has_thread = false;
}

static void end(struct stage *s)
{
	pyq_aio_destroy(s->aio);
	pyq_close(s->q);
	pyq_close(s->other);
}

/* Whatever was, operations begin and end as if nothing had been. */
static void works(struct __test_metadata *_metadata, struct stage *s, long result)
{
	struct pyq_completion done;
	struct pollfd pfd = { .events = POLLIN };

	if (s->has_thread)
		join(_metadata, s);
	if (!s->aio)
		return;
	EXPECT_LE(0, pyq_aio_cancel_all(s->aio)) TH_LOG("%s", about);
	while (pyq_aio_wait(s->aio, &done, 1, 1, PYQ_NOWAIT) > 0)
		;
	pyq_get(s->q, s->buf, sizeof(s->buf), PYQ_NOWAIT);
	queue_works(_metadata, s->q);
	ASSERT_EQ(0, pyq_aio_get(s->aio, s->q, s->buf, sizeof(s->buf), PYQ_FOREVER, 7))
		TH_LOG("%s", about);
	EXPECT_EQ(0, pyq_aio_wait(s->aio, &done, 1, 1, PYQ_NOWAIT)) TH_LOG("%s", about);
	pfd.fd = pyq_aio_fd(s->aio);
	EXPECT_LE(0, pfd.fd) TH_LOG("%s", about);
	ASSERT_EQ(0, pyq_put(s->q, "hello", 5, PYQ_NOWAIT));
	EXPECT_EQ(1, poll(&pfd, 1, HANGS * 500)) TH_LOG("%s", about);
	EXPECT_EQ(1, pyq_aio_wait(s->aio, &done, 1, 1, LONG)) TH_LOG("%s", about);
	EXPECT_EQ(7, done.user_data) TH_LOG("%s", about);
	EXPECT_EQ(5, done.result) TH_LOG("%s", about);
}

/* --- what is called ------------------------------------------------------------------ */

static long create(struct stage *s)
{
	return pyq_aio_create(&s->aio, 4, s->engine);
}

/* All that is between its beginning and the end of an operation. */
static long use(struct stage *s)
{
	long ret = create(s);

	if (!ret)
		ret = pyq_aio_get(s->aio, s->q, s->buf, sizeof(s->buf), PYQ_FOREVER, 1);
	if (!ret)
		ret = pyq_aio_submit(s->aio);
	if (!ret)
		ret = pyq_put(s->q, "hello", 5, PYQ_NOWAIT);
	if (!ret)
		ret = pyq_aio_wait(s->aio, &s->done, 1, 1, LONG);
	return ret > 0 ? s->done.result : ret;
}

static long begin(struct stage *s)
{
	return pyq_aio_get(s->aio, s->q, s->buf, sizeof(s->buf), PYQ_FOREVER, 1);
}

static long submit(struct stage *s)
{
	long ret = begin(s);

	if (!ret)
		ret = pyq_aio_put(s->aio, s->other, "hello", 5, PYQ_FOREVER, 2);
	return ret ? ret : pyq_aio_submit(s->aio);
}

static long wait_in_vain(struct stage *s)
{
	return pyq_aio_wait(s->aio, &s->done, 1, 1, PYQ_MILLISECONDS(3));
}

static long sleep_for_ever(struct stage *s)
{
	long ret;

	__atomic_store_n(&s->sleeps, true, __ATOMIC_SEQ_CST);
	ret = pyq_aio_wait(s->aio, &s->done, 1, 1, PYQ_FOREVER);
	return ret > 0 ? s->done.result : ret;
}

static long wait_for_timeout(struct stage *s)
{
	long ret = pyq_aio_get(s->aio, s->other, s->buf, sizeof(s->buf), PYQ_MILLISECONDS(2), 2);

	if (!ret)
		ret = pyq_aio_wait(s->aio, &s->done, 1, 1, LONG);
	return ret > 0 ? s->done.result : ret;
}

/* The kernel is told that nothing is waited for. */
static long cancel(struct stage *s)
{
	long ret = pyq_aio_cancel_all(s->aio);

	return ret < 0 ? ret : pyq_aio_submit(s->aio);
}

static long fd(struct stage *s)
{
	return pyq_aio_fd(s->aio);
}

/* The timer is told of a deadline. */
static long fd_of_timeout(struct stage *s)
{
	long ret = pyq_aio_get(s->aio, s->other, s->buf, sizeof(s->buf), LONG, 2);

	return ret ? ret : pyq_aio_fd(s->aio);
}

#define EACH_ENGINE(test, before, ...)                                        \
	PLAY(test##_by_uring, .set_up = before##_uring, .works = works, .tear_down = end, __VA_ARGS__) \
	PLAY(test##_by_epoll, .set_up = before##_epoll, .works = works, .tear_down = end, __VA_ARGS__)

#define EVERY_ENGINE(test, before, ...)                                       \
	EACH_ENGINE(test, before, __VA_ARGS__)                                \
	PLAY(test##_by_old_uring, .set_up = before##_old_uring, .works = works, .tear_down = end, \
	     __VA_ARGS__)

EACH_ENGINE(create, for, .promised = NO_ROOM NO_URING, .call = create)
PLAY(create_best, .promised = NO_ROOM, .set_up = for_best, .call = create, .works = works,
     .tear_down = end)
EACH_ENGINE(use, for, .promised = NO_ROOM NO_URING CLOSED, .call = use)
PLAY(use_best, .promised = NO_ROOM, .set_up = for_best, .call = use, .works = works,
     .tear_down = end)
EACH_ENGINE(begin, with, .promised = "ENOMEM", .call = begin)
EVERY_ENGINE(submit, with, .promised = NO_ROOM, .call = submit)
EVERY_ENGINE(wait, waits_by, .promised = "ENOMEM", .most = 20, .call = wait_in_vain)
EVERY_ENGINE(timeout, waits_by, .promised = NO_ROOM " ETIMEDOUT", .most = 20, .call = wait_for_timeout)
EVERY_ENGINE(fd, waits_by, .promised = NO_ROOM CLOSED, .call = fd)
EVERY_ENGINE(fd_of_timeout, waits_by, .promised = NO_ROOM CLOSED, .call = fd_of_timeout)
/* By epoll nothing is asked for by it that could fail. */
PLAY(cancel_by_uring, .promised = "ENOMEM", .set_up = waits_by_uring, .call = cancel,
     .works = works, .tear_down = end)
PLAY(cancel_by_old_uring, .promised = "ENOMEM", .set_up = waits_by_old_uring, .call = cancel,
     .works = works, .tear_down = end)
EVERY_ENGINE(sleep, sleeps_by, .promised = "ENOMEM", .most = 10, .call = sleep_for_ever)

TEST(all_have_failed)
{
	const char *name = faults_not_struck("malloc calloc mmap madvise epoll_create1 epoll_ctl "
		"epoll_pwait2 timerfd_create timerfd_settime io_uring_queue_init_params "
		"io_uring_submit io_uring_submit_and_wait io_uring_submit_and_wait_timeout io_uring_get_probe_ring "
		"fcntl(F_DUPFD_CLOEXEC) eventfd pthread_create sched_getaffinity");

	EXPECT_EQ(NULL, name) TH_LOG("%s() has never failed", name);
}

TEST_HARNESS_MAIN
