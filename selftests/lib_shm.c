// SPDX-License-Identifier: GPL-2.0
/* What queues in plain shared memory have of their own. */
#include "lib_test.h"

#include <linux/pyqueue.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define NAME "lib-shm"
#define FILE_OF_NAME "/dev/shm/pyqueue." NAME

#define make(q, name_, backend_)                                             \
	lib(pyq_create(q, &(struct pyq_attr){ .maxsize = 4, .payload = 48,   \
		.max_msg = 10000, .name = name_, .backend = backend_ }))

FIXTURE(shm) {
	pyq_queue *q;
};

FIXTURE_SETUP(shm)
{
	unlink(FILE_OF_NAME);
	ASSERT_EQ(0, make(&self->q, NAME, "shm"));
}

FIXTURE_TEARDOWN(shm)
{
	pyq_close(self->q);
	unlink(FILE_OF_NAME);
}

/* proves: pyq_create -EXDEV, pyq_open -EXDEV, pyq_unlink -EXDEV */
TEST_F(shm, a_name_on_the_other_backend)
{
	pyq_queue *q;
	const char *why = NULL;

	EXPECT_EQ(-EXDEV, make(&q, NAME, "kernel"));
	EXPECT_EQ(NULL, q);
	if (!access("/dev/pyqueue", F_OK)) {
		ASSERT_EQ(0, setenv("PYQUEUE_BACKEND", "kernel", 1));
		EXPECT_EQ(-EXDEV, lib(pyq_open(&q, NAME, 0)));
		EXPECT_EQ(-EXDEV, lib(pyq_unlink(NAME)));
		EXPECT_EQ(0, make(&q, NAME "-kernel", NULL));
		pyq_close(q);
		EXPECT_EQ(-EXDEV, make(&q, NAME "-kernel", "shm"));
		EXPECT_EQ(0, lib(pyq_unlink(NAME "-kernel")));
	}
	ASSERT_EQ(0, setenv("PYQUEUE_BACKEND", "shm", 1));
	EXPECT_EQ(0, lib(pyq_unlink(NAME)));
	EXPECT_EQ(-ENOENT, lib(pyq_open(&q, NAME, 0)));
	ASSERT_EQ(0, setenv("PYQUEUE_BACKEND", "neither", 1));
	EXPECT_EQ(-EINVAL, lib(pyq_open(&q, NAME, 0)));
	EXPECT_EQ(-EINVAL, make(&q, NAME, NULL));
	EXPECT_EQ(-EINVAL, lib(pyq_attr_check(&(struct pyq_attr){ .maxsize = 1 }, &why)));
	ASSERT_NE(NULL, why);
	EXPECT_NE(NULL, strstr(why, "PYQUEUE_BACKEND")) TH_LOG("%s", why);
}

/* proves: pyq_create -EUSERS, pyq_open -EUSERS, pyq_from_fd -EUSERS */
TEST_F(shm, too_many_handles)
{
	static pyq_queue *handles[5000];
	struct rlimit limit;
	pyq_queue *q;
	int err, fd, n = 0;

	ASSERT_EQ(0, setenv("PYQUEUE_BACKEND", "shm", 1));
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = 10000 < limit.rlim_max ? 10000 : limit.rlim_max;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	if (limit.rlim_cur < 10000)
		SKIP(return, "not as many files to be had");
	while (n < 5000 && !(err = lib(pyq_open(&handles[n], NAME, 0))))
		n++;
	EXPECT_EQ(-EUSERS, err);
	EXPECT_EQ(4094, n); /* and one that was there */
	EXPECT_EQ(-EUSERS, make(&q, NAME, "shm"));
	fd = dup(pyq_fd(handles[0]));
	EXPECT_EQ(-EUSERS, lib(pyq_from_fd(&q, fd)));
	EXPECT_EQ(0, close(fd));
	while (n)
		pyq_close(handles[--n]);
	EXPECT_EQ(0, lib(pyq_open(&q, NAME, 0)));
	pyq_close(q);
}

/* A file that is no queue, or not this version's, or not all of one. */
/* proves: pyq_create -EUCLEAN, pyq_open -EUCLEAN, pyq_unlink -EUCLEAN, pyq_from_fd -EUCLEAN */
TEST_F(shm, damaged_file)
{
	static const struct {
		size_t at;
		uint64_t value;
		size_t size;
		int err;
	} cases[] = {
		{ offsetof(struct pyqueue_header, magic), 1, 8, -EUCLEAN },
		{ offsetof(struct pyqueue_header, version), 77, 4, -EUCLEAN },
		{ offsetof(struct pyqueue_header, header_size), 0, 4, -EUCLEAN },
		{ offsetof(struct pyqueue_header, slot_size), 0, 4, -EUCLEAN },
		{ offsetof(struct pyqueue_header, slot_size), 65, 4, -EUCLEAN },
		{ offsetof(struct pyqueue_header, slot_size), 1 << 30, 4, -EUCLEAN },
		{ offsetof(struct pyqueue_header, order), 40, 4, -EUCLEAN },
		{ offsetof(struct pyqueue_header, order), 3, 4, -EUCLEAN },
		{ offsetof(struct pyqueue_header, maxsize), 0, 8, -EUCLEAN },
		{ offsetof(struct pyqueue_header, maxsize), 1ULL << 60, 8, -EUCLEAN },
		{ offsetof(struct pyqueue_header, max_msg), 1ULL << 40, 8, -EUCLEAN },
	};
	int fd = open(FILE_OF_NAME, O_RDWR | O_CLOEXEC);
	uint64_t before;
	pyq_queue *q;
	struct stat st;

	ASSERT_EQ(0, setenv("PYQUEUE_BACKEND", "shm", 1));
	ASSERT_LE(0, fd);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ASSERT_EQ(cases[i].size, pread(fd, &before, cases[i].size, cases[i].at));
		ASSERT_EQ(cases[i].size, pwrite(fd, &cases[i].value, cases[i].size, cases[i].at));
		EXPECT_EQ(cases[i].err, lib(pyq_open(&q, NAME, 0))) TH_LOG("case %zu", i);
		EXPECT_EQ(cases[i].err, make(&q, NAME, NULL));
		/* Without the magic it is any file, for it has no name that says more. */
		EXPECT_EQ(i ? -EUCLEAN : -ENOTTY, lib(pyq_from_fd(&q, fd)));
		ASSERT_EQ(cases[i].size, pwrite(fd, &before, cases[i].size, cases[i].at));
	}
	EXPECT_EQ(0, lib(pyq_open(&q, NAME, 0)));
	pyq_close(q);
	ASSERT_EQ(0, fstat(fd, &st));
	ASSERT_EQ(0, ftruncate(fd, st.st_size - 4096));
	EXPECT_EQ(-EUCLEAN, lib(pyq_open(&q, NAME, 0)));
	ASSERT_EQ(0, ftruncate(fd, 100));
	EXPECT_EQ(-EUCLEAN, lib(pyq_open(&q, NAME, 0)));
	close(fd);
	pyq_unlink(NAME);
	ASSERT_EQ(0, mkdir(FILE_OF_NAME, 0700));
	EXPECT_EQ(-EUCLEAN, lib(pyq_open(&q, NAME, 0)));
	EXPECT_EQ(-EUCLEAN, make(&q, NAME, NULL));
	EXPECT_EQ(-EUCLEAN, lib(pyq_unlink(NAME)));
	EXPECT_EQ(0, rmdir(FILE_OF_NAME));
}

/*
 * Nobody notices at once, so others may take newer messages meanwhile; here there
 * are none.
 */
/* proves: promise kill-redelivery */
TEST_F(shm, redelivery)
{
	static char large[9000], buf[9000];

	for (int i = 0; i < 20; i++) {
		const size_t len = i % 2 ? sizeof(large) : 5;
		struct pyq_msg msg = { .data = buf, .size = sizeof(buf) };

		memset(large, i, sizeof(large));
		ASSERT_EQ(0, pyq_put(self->q, large, len, PYQ_NOWAIT));
		for (int dead = 0; dead < 3; dead++)
			ASSERT_EQ(128 + SIGSEGV, exit_status(in_child(
				pyq_get(self->q, (void *)8, sizeof(buf), PYQ_FOREVER))));
		ASSERT_EQ(len, lib(pyq_get_msg(self->q, &msg, PYQ_SECONDS(10))));
		EXPECT_EQ(4, msg.deliveries);
		EXPECT_EQ(0, memcmp(buf, large, len));
		ASSERT_EQ(0, pyq_put(self->q, "next", 4, PYQ_NOWAIT));
		ASSERT_EQ(4, lib(pyq_get_msg(self->q, &msg, PYQ_NOWAIT)));
		EXPECT_EQ(1, msg.deliveries);
	}
}

/* Nor does he who only tries, all of his short timeouts long, wait beside what a dead one has. */
TEST_F(shm, redelivery_to_who_spins)
{
	struct pyq_msg msg = { .data = (char[1]){ 0 }, .size = 1 };
	const int64_t end = lib_now_ns() + LONG;
	ssize_t ret;

	pyq_set_spin(self->q, PYQ_SECONDS(1));
	ASSERT_EQ(0, pyq_put(self->q, "x", 1, PYQ_NOWAIT));
	ASSERT_EQ(128 + SIGSEGV, exit_status(in_child(
		pyq_get(self->q, (void *)8, 1, PYQ_FOREVER))));
	do {
		ret = pyq_get_msg(self->q, &msg, 2000);
	} while (ret == -ETIMEDOUT && lib_now_ns() < end);
	ASSERT_EQ(1, ret);
	EXPECT_EQ(2, msg.deliveries);
}

/*
 * A child that never uses the queue does not keep its parent alive; nor does one that
 * opens the queue anew, and gets the number of the file that the parent was held by.
 */
TEST_F(shm, child_of_the_dead)
{
	for (int opens = 0; opens < 2; opens++) {
		struct pyq_msg msg = { 0 };
		char c, byte;
		int alive[2], ready[2];

		ASSERT_EQ(0, pipe(alive));
		ASSERT_EQ(0, pipe(ready));
		ASSERT_EQ(0, pyq_put(self->q, "x", 1, PYQ_NOWAIT));
		ASSERT_EQ(128 + SIGKILL, exit_status(in_child(({
			struct pyq_loan loan;

			if (pyq_borrow(self->q, &loan, PYQ_NOWAIT))
				_exit(1);
			if (!fork()) {
				pyq_queue *own = NULL;

				if (opens && pyq_from_fd(&own, dup(pyq_fd(self->q))))
					_exit(1);
				if (opens && pyq_qsize(self->q))
					_exit(1);
				/* Two owners of their own, and each is alive. */
				if (opens && (pyq_put(own, "y", 1, PYQ_NOWAIT) ||
					      pyq_put(self->q, "z", 1, PYQ_NOWAIT)))
					_exit(1);
				close(alive[1]);
				if (write(ready[1], "x", 1) != 1)
					_exit(1);
				_exit(read(alive[0], &byte, 1) != 0);
			}
			if (read(ready[0], &byte, 1) == 1)
				kill(getpid(), SIGKILL);
			1;
		}))));
		msg.data = &c;
		msg.size = 1;
		/* Newer ones may be had before the death is noticed. */
		do {
			ASSERT_EQ(1, pyq_get_msg(self->q, &msg, LONG)) TH_LOG("opens: %d", opens);
		} while (c != 'x');
		EXPECT_EQ(2, msg.deliveries);
		while (pyq_get(self->q, &c, 1, PYQ_NOWAIT) == 1)
			;
		close(alive[0]);
		close(alive[1]);
		close(ready[0]);
		close(ready[1]);
	}
}

/* Once it has been found broken everybody is told, for ever. */
/* proves: pyq_get -EUCLEAN, pyq_get_alloc -EUCLEAN, pyq_get_many -EUCLEAN, pyq_get_msg -EUCLEAN */
/* proves: pyq_put -EUCLEAN, pyq_put_many -EUCLEAN, pyq_join -EUCLEAN, pyq_qsize -EUCLEAN */
/* proves: pyq_task_done -EUCLEAN, PYQUEUE_DETOUR_BROKEN -EUCLEAN */
/* proves: pyq_reserve -EUCLEAN, pyq_borrow -EUCLEAN */
TEST_F(shm, broken)
{
	const uint32_t bits = PYQUEUE_DETOUR_BROKEN;
	char byte;
	struct pyq_msg msg = { .data = &byte, .size = 1, .len = 1 };
	struct pyq_loan loan;
	struct pyq_stat st;
	void *data;

	ASSERT_EQ(0, pyq_put(self->q, "x", 1, PYQ_NOWAIT));
	ASSERT_EQ(4, pwrite(pyq_fd(self->q), &bits, 4, offsetof(struct pyqueue_header, detour)));
	for (int i = 0; i < 2; i++) {
		const int64_t timeout = i ? PYQ_FOREVER : PYQ_NOWAIT;

		EXPECT_EQ(-EUCLEAN, lib(pyq_put(self->q, "x", 1, timeout)));
		EXPECT_EQ(-EUCLEAN, lib(pyq_put_many(self->q, &msg, 1, timeout)));
		EXPECT_EQ(-EUCLEAN, lib(pyq_get(self->q, &byte, 1, timeout)));
		EXPECT_EQ(-EUCLEAN, lib(pyq_get_msg(self->q, &msg, timeout)));
		EXPECT_EQ(-EUCLEAN, lib(pyq_get_many(self->q, &msg, 1, timeout)));
		EXPECT_EQ(-EUCLEAN, lib(pyq_get_alloc(self->q, &data, NULL, timeout)));
		EXPECT_EQ(-EUCLEAN, lib(pyq_reserve(self->q, &loan, timeout)));
		EXPECT_EQ(-EUCLEAN, lib(pyq_borrow(self->q, &loan, timeout)));
		EXPECT_EQ(-EUCLEAN, lib(pyq_join(self->q, timeout)));
	}
	EXPECT_EQ(-EUCLEAN, lib(pyq_qsize(self->q)));
	EXPECT_EQ(-EUCLEAN, lib(pyq_task_done(self->q, 1)));
	EXPECT_EQ(0, lib(pyq_stat(self->q, &st)));
	EXPECT_TRUE(st.broken);
	EXPECT_EQ(0, lib(pyq_shutdown(self->q, true)));
}

static uint32_t calls_to_putters(pyq_queue *q)
{
	uint64_t word = 0;

	pread(pyq_fd(q), &word, 8, offsetof(struct pyqueue_header, putters.sleepers));
	return word >> PYQUEUE_SEQUENCE_SHIFT;
}

/*
 * A tombstone that nobody has marked yet: whoever takes it away calls a putter,
 * also if he does so on the way to something else.
 */
TEST_F(shm, unmarked_tombstone)
{
	const uint64_t aborted = PYQUEUE_ABORTED;
	struct pyq_stat st;
	pyq_queue *q;
	uint32_t before;
	pid_t putter;
	char byte;

	ASSERT_EQ(0, lib(pyq_create(&q, &(struct pyq_attr){ .maxsize = 1, .payload = 48,
							    .backend = "shm" })));
	ASSERT_EQ(0, pyq_put(q, "x", 1, PYQ_NOWAIT));
	putter = in_child(pyq_put(q, "y", 1, PYQ_FOREVER));
	do {
		ASSERT_EQ(0, pyq_stat(q, &st));
	} while (!st.putters);
	/* Stopped, it takes nothing away itself. */
	ASSERT_EQ(0, kill(putter, SIGSTOP));
	ASSERT_EQ(putter, waitpid(putter, NULL, WUNTRACED));
	before = calls_to_putters(q);
	ASSERT_EQ(8, pwrite(pyq_fd(q), &aborted, 8, PYQUEUE_HEADER_SIZE));
	EXPECT_EQ(-EAGAIN, lib(pyq_get(q, &byte, 1, PYQ_NOWAIT)));
	EXPECT_EQ(before + 1, calls_to_putters(q));
	ASSERT_EQ(0, kill(putter, SIGCONT));
	EXPECT_EQ(0, exit_status(putter));
	pyq_close(q);
}

/* Everything that can be asked of a queue, without waiting. */
static void use(pyq_queue *q)
{
	static char large[9000];
	char buf[64];
	struct pyq_stat st;
	void *data;

	for (int i = 0; i < 6; i++) {
		pyq_put(q, "message", 8, PYQ_NOWAIT);
		pyq_put(q, large, sizeof(large), i ? PYQ_NOWAIT : PYQ_MILLISECONDS(1));
	}
	pyq_qsize(q);
	pyq_stat(q, &st);
	pyq_task_done(q, 1);
	pyq_join(q, PYQ_NOWAIT);
	for (int i = 0; i < 6; i++) {
		pyq_get(q, buf, sizeof(buf), i ? PYQ_NOWAIT : PYQ_MILLISECONDS(1));
		if (!pyq_get_alloc(q, &data, NULL, PYQ_NOWAIT))
			free(data);
	}
}

/* Whoever may map it can spoil it; the others notice, and live. */
/* proves: promise hostile-memory */
TEST_F(shm, scribbled)
{
	unsigned int seed = 1, broken = 0;
	pyq_queue *q;

	for (int round = 0; round < 400; round++) {
		ASSERT_EQ(0, make(&q, NULL, "shm"));
		use(q);
		for (int i = 0; i < 4; i++) {
			/* The words of the header, the slots, the blocks' words. */
			off_t at = rand_r(&seed) % (i % 2 ? 1024 : 8192) / 8 * 8;
			uint64_t value = (uint64_t)rand_r(&seed) << rand_r(&seed) % 40;

			ASSERT_EQ(8, pwrite(pyq_fd(q), &value, 8, at));
			use(q);
		}
		broken += pyq_qsize(q) == -EUCLEAN;
		pyq_shutdown(q, true);
		use(q);
		pyq_close(q);
	}
	EXPECT_LT(0, broken);
	TH_LOG("%u of 400 were found broken", broken);
}

/* --- without /proc ----------------------------------------------------------- */

/* For this process and its children from now on. */
static bool hide_proc(void)
{
	return !unshare(CLONE_NEWNS) && !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
	       !mount("none", "/proc", "tmpfs", MS_RDONLY, NULL);
}

static int find_name(const struct pyq_name *name, void *arg)
{
	*(int *)arg += !strcmp(name->name, NAME);
	return 0;
}

static int next_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* A child that has a message in hand, says so, and waits to be killed. */
static void borrow_and_wait(pyq_queue *q, int tell)
{
	struct pyq_loan loan;

	if (!pyq_borrow(q, &loan, PYQ_NOWAIT) && write(tell, "x", 1) == 1)
		pause();
}

static void *get_one(void *q)
{
	char byte;

	return (void *)(intptr_t)pyq_get(q, &byte, 1, LONG);
}

/* Everything that a handle can do, which was there before. */
static void use_without_proc(struct __test_metadata *_metadata, pyq_queue *q)
{
	static char large[9000];
	struct pollfd in;
	struct pyq_loan loan;
	struct pyq_stat st;
	pthread_t thread;
	int found = 0;
	void *data;
	char byte;

	ASSERT_EQ(0, lib(pyq_put(q, large, sizeof(large), PYQ_NOWAIT)));
	EXPECT_EQ(1, lib(pyq_qsize(q)));
	ASSERT_EQ(0, lib(pyq_get_alloc(q, &data, NULL, PYQ_NOWAIT)));
	free(data);
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_get(q, &byte, 1, PYQ_MILLISECONDS(100))));
	EXPECT_EQ(0, lib(pyq_pollfd(q, PYQ_READ, &in)));
	ASSERT_EQ(0, lib(pyq_reserve(q, &loan, PYQ_NOWAIT)));
	ASSERT_EQ(0, lib(pyq_commit(q, &loan, 1)));
	EXPECT_EQ(1, poll(&in, 1, 20000));
	EXPECT_EQ(1, lib(pyq_get(q, &byte, 1, PYQ_NOWAIT)));

	ASSERT_EQ(0, pthread_create(&thread, NULL, get_one, q));
	ASSERT_TRUE(lib_wait_sleepers(q, getters, 1));
	ASSERT_EQ(0, lib(pyq_put(q, "x", 1, PYQ_NOWAIT)));
	ASSERT_EQ(0, pthread_join(thread, &data));
	EXPECT_EQ(1, (intptr_t)data);

	EXPECT_EQ(0, lib(pyq_stat(q, &st)));
	EXPECT_TRUE(st.named);
	EXPECT_EQ(0, lib(pyq_task_done(q, st.unfinished)));
	EXPECT_EQ(0, lib(pyq_join(q, PYQ_NOWAIT)));
	EXPECT_EQ(0, lib(pyq_list(find_name, &found)));
	EXPECT_EQ(1, found);
}

/*
 * A file can only be opened a second time, or be given its name, through /proc/self/fd. So no
 * handle can be made; those that are there are as good as ever.
 */
/* proves: pyq_create -EOPNOTSUPP, pyq_open -EOPNOTSUPP, pyq_from_fd -EOPNOTSUPP */
TEST_F(shm, without_proc)
{
	struct pyq_msg msg = { 0 };
	pyq_queue *q;
	char byte;
	pid_t pid;
	int told[2], fd;

	ASSERT_EQ(0, setenv("PYQUEUE_BACKEND", "shm", 1));
	ASSERT_EQ(0, pipe(told));
	ASSERT_EQ(0, pyq_put(self->q, "x", 1, PYQ_NOWAIT));
	pid = in_child((borrow_and_wait(self->q, told[1]), 1));
	close(told[1]);
	ASSERT_EQ(1, read(told[0], &byte, 1));
	close(told[0]);
	if (!hide_proc()) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		SKIP(return, "needs root, and to be allowed to mount");
	}
	ASSERT_NE(0, access("/proc/self", F_OK));

	fd = next_fd();
	EXPECT_EQ(-EOPNOTSUPP, make(&q, NULL, "shm"));
	EXPECT_EQ(-EOPNOTSUPP, make(&q, NAME, "shm"));
	EXPECT_EQ(-EOPNOTSUPP, make(&q, NAME "-new", "shm"));
	EXPECT_EQ(NULL, q);
	EXPECT_NE(0, access(FILE_OF_NAME "-new", F_OK));
	EXPECT_EQ(-EOPNOTSUPP, lib(pyq_open(&q, NAME, 0)));
	EXPECT_EQ(NULL, q);
	EXPECT_EQ(-ENOENT, lib(pyq_open(&q, NAME "-new", 0)));
	EXPECT_EQ(fd, next_fd());
	/* That one stays the caller's. */
	ASSERT_EQ(fd, dup(pyq_fd(self->q)));
	EXPECT_EQ(-EOPNOTSUPP, lib(pyq_from_fd(&q, fd)));
	EXPECT_EQ(NULL, q);
	EXPECT_EQ(0, close(fd));
	/* A child would have to become a participant of its own. */
	EXPECT_EQ(0, exit_status(in_child(pyq_put(self->q, "y", 1, PYQ_NOWAIT) != -EOPNOTSUPP ||
					  pyq_qsize(self->q) != -EOPNOTSUPP)));

	/* Who has died is noticed: the file for that is open. */
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(128 + SIGKILL, exit_status(pid));
	msg.data = &byte;
	msg.size = 1;
	ASSERT_EQ(1, lib(pyq_get_msg(self->q, &msg, LONG)));
	EXPECT_EQ(2, msg.deliveries);
	use_without_proc(_metadata, self->q);
	EXPECT_EQ(0, lib(pyq_unlink(NAME)));
	EXPECT_EQ(-ENOENT, lib(pyq_open(&q, NAME, 0)));
}

TEST_HARNESS_MAIN
