// SPDX-License-Identifier: GPL-2.0
/* Queues: what they are made, opened and asked with fails. */
#include "scenario.h"

#define NAME "inject"
#define LARGE 20000

struct stage {
	pyq_queue *q, *other;
	struct pyq_loan loan;
	void *data;
	int fd;
};

/* What a limit, a full /dev/shm or a lack of memory may make of a new queue, or handle. */
#define NO_ROOM "ENOMEM ENOSPC EDQUOT EMFILE ENFILE EFBIG"
#define OPENING NO_ROOM " EACCES EUSERS EUCLEAN EOPNOTSUPP"
/* What another thread of the program may do to it: it closes files that are not its own. */
#define CLOSED " EBADF"

static int make(pyq_queue **q, const char *name)
{
	return pyq_create(q, &(struct pyq_attr){ .maxsize = 4, .name = name, .payload = 48,
						 .max_msg = 1 << 20, .backend = "shm" });
}

static void nothing(struct __test_metadata *_metadata, struct stage *s)
{
	s->fd = -1;
}

static void with_queue(struct __test_metadata *_metadata, struct stage *s)
{
	s->fd = -1;
	ASSERT_EQ(0, make(&s->q, NULL));
}

static void with_name(struct __test_metadata *_metadata, struct stage *s)
{
	s->fd = -1;
	ASSERT_EQ(0, make(&s->q, NAME));
}

static void with_two(struct __test_metadata *_metadata, struct stage *s)
{
	with_queue(_metadata, s);
	ASSERT_EQ(0, make(&s->other, NULL));
}

static void close_all(struct stage *s)
{
	pyq_close(s->q);
	pyq_close(s->other);
	free(s->data);
	if (s->fd >= 0)
		close(s->fd);
	pyq_unlink(NAME);
}

static void handle_works(struct __test_metadata *_metadata, struct stage *s, long result)
{
	EXPECT_EQ(result < 0, !s->q) TH_LOG("%s", about);
	if (s->q)
		queue_works(_metadata, s->q);
}

static void both_work(struct __test_metadata *_metadata, struct stage *s, long result)
{
	EXPECT_EQ(result < 0, !s->other) TH_LOG("%s", about);
	queue_works(_metadata, s->q);
	if (s->other)
		queue_works(_metadata, s->other);
}

static void works(struct __test_metadata *_metadata, struct stage *s, long result)
{
	queue_works(_metadata, s->q);
}

/* --- making and opening ------------------------------------------------------------- */

static long create_anonymous(struct stage *s)
{
	return make(&s->q, NULL);
}

static long create_named(struct stage *s)
{
	return make(&s->q, NAME);
}

static long create_for_owner(struct stage *s)
{
	const struct pyq_owner owner = { getuid(), getgid() };

	return pyq_create(&s->q, &(struct pyq_attr){ .maxsize = 1, .name = NAME, .owner = &owner,
						     .flags = PYQ_EXCL, .mode = 0660 });
}

/* A name is there when all has been done, and not before. */
static void name_works(struct __test_metadata *_metadata, struct stage *s, long result)
{
	handle_works(_metadata, s, result);
	EXPECT_EQ(result < 0 ? -ENOENT : 0, pyq_unlink(NAME)) TH_LOG("%s", about);
}

static long open_it(struct stage *s)
{
	return pyq_open(&s->other, NAME, 0);
}

static long create_again(struct stage *s)
{
	return make(&s->other, NAME);
}

static long from_fd(struct stage *s)
{
	const int err = pyq_from_fd(&s->other, s->fd);

	if (!err)
		s->fd = -1;
	return err;
}

static void with_fd(struct __test_metadata *_metadata, struct stage *s)
{
	with_queue(_metadata, s);
	s->fd = dup(pyq_fd(s->q));
	ASSERT_LE(0, s->fd);
}

static long unlink_it(struct stage *s)
{
	return pyq_unlink(NAME);
}

static int count_name(const struct pyq_name *name, void *arg)
{
	(void)name;
	++*(int *)arg;
	return 0;
}

static long list(struct stage *s)
{
	int n = 0;

	return pyq_list(count_name, &n);
}

static long stat_it(struct stage *s)
{
	struct pyq_stat st;

	return pyq_stat(s->q, &st);
}

PLAY(create, .promised = OPENING CLOSED " EPERM", .set_up = nothing, .call = create_anonymous,
     .works = handle_works, .tear_down = close_all)
PLAY(create_named, .promised = OPENING CLOSED " EPERM EEXIST", .set_up = nothing,
     .call = create_named, .works = name_works, .tear_down = close_all)
PLAY(create_for_owner, .promised = OPENING CLOSED " EPERM EEXIST", .set_up = nothing,
     .call = create_for_owner, .works = name_works, .tear_down = close_all)
PLAY(create_again, .promised = OPENING CLOSED " EEXIST", .set_up = with_name,
     .call = create_again, .works = both_work, .tear_down = close_all)
PLAY(open, .promised = OPENING CLOSED " ENOENT EXDEV", .set_up = with_name, .call = open_it,
     .works = both_work, .tear_down = close_all)
PLAY(from_fd, .promised = "EBADF ENOMEM EACCES EUSERS EUCLEAN EMFILE ENFILE EOPNOTSUPP ENOTTY",
     .set_up = with_fd, .call = from_fd, .works = both_work, .tear_down = close_all)
PLAY(unlink, .promised = "ENOENT EPERM", .set_up = with_name, .call = unlink_it,
     .works = works, .tear_down = close_all)
/* proves: pyq_list -ENOMEM */
PLAY(list, .promised = "ENODEV EACCES EMFILE ENFILE ENOMEM", .set_up = with_name, .call = list,
     .works = works, .tear_down = close_all)
PLAY(stat, .promised = "ENOMEM" CLOSED, .set_up = with_queue, .call = stat_it, .works = works,
     .tear_down = close_all)

/* --- messages ------------------------------------------------------------------------- */

static char large[LARGE];

static long put_large(struct stage *s)
{
	return pyq_put(s->q, large, LARGE, PYQ_NOWAIT);
}

/* It is there or it is not. */
static void has_been_put(struct __test_metadata *_metadata, struct stage *s, long result)
{
	char buf[LARGE];

	EXPECT_EQ(result < 0 ? 0 : 1, pyq_qsize(s->q)) TH_LOG("%s", about);
	EXPECT_EQ(result < 0 ? -EAGAIN : LARGE, pyq_get(s->q, buf, sizeof(buf), PYQ_NOWAIT));
	queue_works(_metadata, s->q);
}

/* Through another handle, which has not mapped any large messages yet. */
static void with_large(struct __test_metadata *_metadata, struct stage *s)
{
	with_name(_metadata, s);
	ASSERT_EQ(0, pyq_put(s->q, large, LARGE, PYQ_NOWAIT));
	ASSERT_EQ(0, pyq_open(&s->other, NAME, 0));
}

static long get_large(struct stage *s)
{
	static char buf[LARGE];

	return pyq_get(s->other, buf, sizeof(buf), PYQ_NOWAIT);
}

static long get_alloc(struct stage *s)
{
	return pyq_get_alloc(s->other, &s->data, NULL, PYQ_NOWAIT);
}

static long borrow_large(struct stage *s)
{
	return pyq_borrow(s->other, &s->loan, PYQ_NOWAIT);
}

/* What has not been taken is still there. */
static void has_been_taken(struct __test_metadata *_metadata, struct stage *s, long result)
{
	if (result < 0) {
		EXPECT_EQ(LARGE, pyq_get(s->other, large, LARGE, PYQ_NOWAIT)) TH_LOG("%s", about);
	}
	queue_works(_metadata, s->q);
	queue_works(_metadata, s->other);
}

static void is_lent(struct __test_metadata *_metadata, struct stage *s, long result)
{
	if (result)
		has_been_taken(_metadata, s, result);
	else
		EXPECT_EQ(0, pyq_release(s->other, &s->loan)) TH_LOG("%s", about);
	queue_works(_metadata, s->q);
	queue_works(_metadata, s->other);
}

static long stat_large(struct stage *s)
{
	struct pyq_stat st;

	return pyq_stat(s->other, &st);
}

static void is_there_still(struct __test_metadata *_metadata, struct stage *s, long result)
{
	has_been_taken(_metadata, s, -1);
}

static long drop_large(struct stage *s)
{
	return pyq_shutdown(s->other, true);
}

static void is_dropped(struct __test_metadata *_metadata, struct stage *s, long result)
{
	EXPECT_EQ(result ? LARGE : -ESHUTDOWN, pyq_get(s->q, large, LARGE, PYQ_NOWAIT))
		TH_LOG("%s", about);
}

PLAY(put_large, .promised = "ENOBUFS EDQUOT ENOMEM" CLOSED, .set_up = with_queue,
     .call = put_large, .works = has_been_put, .tear_down = close_all)
PLAY(get_large, .promised = "ENOMEM" CLOSED, .set_up = with_large, .call = get_large,
     .works = has_been_taken, .tear_down = close_all)
PLAY(get_alloc, .promised = "ENOMEM" CLOSED, .set_up = with_large, .call = get_alloc,
     .works = has_been_taken, .tear_down = close_all)
PLAY(borrow_large, .promised = "ENOMEM" CLOSED, .set_up = with_large, .call = borrow_large,
     .works = is_lent, .tear_down = close_all)
PLAY(stat_large, .promised = "ENOMEM" CLOSED, .set_up = with_large, .call = stat_large,
     .works = is_there_still, .tear_down = close_all)
PLAY(shutdown_large, .promised = "ENOMEM" CLOSED, .set_up = with_large, .call = drop_large,
     .works = is_dropped, .tear_down = close_all)

/* --- waiting ---------------------------------------------------------------------------- */

static long get_late(struct stage *s)
{
	char buf[16];

	return pyq_get(s->q, buf, sizeof(buf), PYQ_MILLISECONDS(2));
}

static long poll_fd(struct stage *s)
{
	struct pollfd pfd;

	return pyq_pollfd(s->q, PYQ_READ, &pfd);
}

/* If not now, then next time. */
static void is_polled(struct __test_metadata *_metadata, struct stage *s, long result)
{
	struct pollfd pfd;

	ASSERT_EQ(0, pyq_pollfd(s->q, PYQ_READ, &pfd)) TH_LOG("%s", about);
	EXPECT_EQ(0, poll(&pfd, 1, 0)) TH_LOG("%s", about);
	ASSERT_EQ(0, pyq_put(s->q, "x", 1, PYQ_NOWAIT)) TH_LOG("%s", about);
	EXPECT_EQ(1, poll(&pfd, 1, HANGS * 500)) TH_LOG("%s", about);
	EXPECT_EQ(1, pyq_get(s->q, large, 1, PYQ_NOWAIT)) TH_LOG("%s", about);
	queue_works(_metadata, s->q);
}

/* Its thread is interrupted, or cannot watch: it looks by itself. */
static void is_told(struct __test_metadata *_metadata, struct stage *s, long result)
{
	EXPECT_EQ(0, result);
	wait_for_strike();
	is_polled(_metadata, s, result);
}

static long get_any(struct stage *s)
{
	pyq_queue *qs[70];
	char buf[16];
	size_t which = 70;

	for (int i = 0; i < 70; i++)
		qs[i] = i % 2 ? s->q : s->other;
	return pyq_get_any(qs, 70, &which, buf, sizeof(buf), PYQ_MILLISECONDS(2));
}

static void both_are_there(struct __test_metadata *_metadata, struct stage *s, long result)
{
	both_work(_metadata, s, 0);
}

PLAY(get_waits, .promised = "ETIMEDOUT", .most = 20, .set_up = with_queue, .call = get_late,
     .works = works, .tear_down = close_all)
PLAY(pollfd, .promised = "ENOMEM EMFILE ENFILE" CLOSED, .set_up = with_queue, .call = poll_fd,
     .works = is_polled, .tear_down = close_all)
PLAY(poll_thread, .promised = "", .place = IN_THREAD, .most = 6, .set_up = with_queue,
     .call = poll_fd, .works = is_told, .tear_down = close_all)
PLAY(get_any, .promised = "ETIMEDOUT EMFILE ENFILE ENOMEM" CLOSED, .most = 30, .set_up = with_two,
     .call = get_any, .works = both_are_there, .tear_down = close_all)

/* --- in a child --------------------------------------------------------------------------- */

/* Its handle becomes its own at the first call. */
static long first_use(struct stage *s)
{
	const pid_t pid = fork();
	int status;

	if (!pid) {
		long ret = pyq_put(s->q, "x", 1, PYQ_NOWAIT);

		faults_disarm();
		/* Another time it goes. */
		if (ret && (pyq_put(s->q, "x", 1, PYQ_NOWAIT) || pyq_qsize(s->q) != 1))
			ret = -EPROTO;
		pyq_close(s->q);
		_exit((int)-ret);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;
	return -WEXITSTATUS(status);
}

static void one_is_there(struct __test_metadata *_metadata, struct stage *s, long result)
{
	EXPECT_EQ(1, pyq_get(s->q, large, 1, PYQ_NOWAIT)) TH_LOG("%s", about);
	queue_works(_metadata, s->q);
}

PLAY(first_use_in_child, .promised = OPENING CLOSED, .place = IN_CHILD, .set_up = with_queue,
     .call = first_use, .works = one_is_there, .tear_down = close_all)

TEST(all_have_failed)
{
	const char *name = faults_not_struck("malloc calloc mmap madvise memfd_create ftruncate "
		"posix_fallocate pwrite pread fstat linkat unlink fchmod fchown access opendir "
		"eventfd open fcntl(F_OFD_SETLK) fcntl(F_ADD_SEALS) ppoll pthread_create getrandom "
		"getrlimit sysinfo");

	EXPECT_EQ(NULL, name) TH_LOG("%s() has never failed", name);
}

TEST_HARNESS_MAIN
