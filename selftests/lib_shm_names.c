// SPDX-License-Identifier: GPL-2.0
/* Names of queues in shared memory, where /dev/shm or a limit is in the way. */
#include "lib_test.h"

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <linux/pyqueue.h>

#define NAME "lib-shm-names"
#define FILE_OF(name) "/dev/shm/pyqueue." name

#define make(q, ...) lib(pyq_create(q, &(struct pyq_attr){ .backend = "shm", __VA_ARGS__ }))

/* Small, but for what its test is about. */
#define SMALL .max_msg = 48, .name = NAME
#define ONE .maxsize = 1, SMALL
#define OTHER .maxsize = 1, .max_msg = 48, .name = NAME "-2"

FIXTURE(names) {
	pyq_queue *q;
};

/* A /dev/shm of its own: what is done to it is nobody else's. */
FIXTURE_SETUP(names)
{
	if (unshare(CLONE_NEWNS))
		SKIP(return, "takes a mount namespace of its own");
	ASSERT_EQ(0, mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	ASSERT_EQ(0, mount("shm", "/dev/shm", "tmpfs", 0, "size=8m,mode=1777"));
	ASSERT_EQ(0, setenv("PYQUEUE_BACKEND", "shm", 1));
}

FIXTURE_TEARDOWN(names)
{
	pyq_close(self->q);
}

/* Whoever opens it by pyq_create() needs no memory for another one. */
TEST_F(names, open_where_there_is_no_room_for_a_second)
{
	pyq_queue *q;

	ASSERT_EQ(0, make(&self->q, SMALL, .maxsize = 60000, .payload = 48));
	EXPECT_EQ(0, make(&q, SMALL, .maxsize = 60000, .payload = 48));
	pyq_close(q);
	EXPECT_EQ(-EEXIST, make(&q, SMALL, .maxsize = 60000, .payload = 48, .flags = PYQ_EXCL));
	EXPECT_EQ(-ENOMEM, make(&q, .max_msg = 48, .maxsize = 100000, .payload = 48, .name = NAME "-2"));
	EXPECT_NE(0, access(FILE_OF(NAME "-2"), F_OK));
	pyq_close(self->q);
	self->q = NULL;
	ASSERT_EQ(0, mount("shm", "/dev/shm", NULL, MS_REMOUNT | MS_RDONLY, NULL));
	EXPECT_EQ(-EACCES, make(&q, OTHER));
	EXPECT_EQ(-EACCES, lib(pyq_open(&q, NAME, 0)));
}

/* What fails leaves no name. */
TEST_F(names, nothing_is_left_of_what_fails)
{
	struct rlimit limit, few;
	pyq_queue *q;
	int err;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	few = limit;
	for (few.rlim_cur = 3; few.rlim_cur < 16; few.rlim_cur++) {
		ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &few));
		err = make(&q, ONE, .flags = PYQ_EXCL);
		if (!err)
			break;
		EXPECT_EQ(-EMFILE, err);
		EXPECT_NE(0, access(FILE_OF(NAME), F_OK)) TH_LOG("%d files", (int)few.rlim_cur);
	}
	EXPECT_EQ(0, err);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	pyq_close(q);
}

/* Made by whom its mode keeps out, who has it open all the same. */
TEST_F(names, mode_without_the_owner)
{
	EXPECT_EQ(0, exit_status(in_child(({
		pyq_queue *q;
		char byte;

		if (setgid(65534) || setuid(65534))
			_exit(1);
		make(&q, ONE, .mode = 0066) ? 2 :
		pyq_put(q, "x", 1, PYQ_NOWAIT) || pyq_get(q, &byte, 1, PYQ_NOWAIT) != 1 ? 3 :
		lib(pyq_open(&q, NAME, 0)) != -EACCES ? 4 : 0;
	}))));
	EXPECT_EQ(0, access(FILE_OF(NAME), F_OK));
}

static int count(const struct pyq_name *name, void *arg)
{
	(void)name;
	++*(int *)arg;
	return 0;
}

/* Everybody can put something there that has a queue's name and is none. */
TEST_F(names, no_files)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = FILE_OF(NAME) };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), n = 0;
	pyq_queue *q;

	ASSERT_EQ(0, symlink("/nowhere", FILE_OF(NAME)));
	EXPECT_EQ(-EUCLEAN, lib(pyq_open(&q, NAME, 0)));
	EXPECT_EQ(-EUCLEAN, make(&q, ONE));
	ASSERT_EQ(0, unlink(FILE_OF(NAME)));
	ASSERT_EQ(0, bind(fd, (struct sockaddr *)&address, sizeof(address)));
	EXPECT_EQ(-EUCLEAN, lib(pyq_open(&q, NAME, 0)));
	EXPECT_EQ(-EUCLEAN, make(&q, ONE));
	EXPECT_EQ(0, lib(pyq_unlink(NAME)));
	close(fd);
	/* Nobody writes to it: who opened it like any file would wait for that. */
	ASSERT_EQ(0, mkfifo(FILE_OF(NAME), 0666));
	EXPECT_EQ(-EUCLEAN, lib(pyq_open(&q, NAME, 0)));
	EXPECT_EQ(-EUCLEAN, make(&q, ONE));
	EXPECT_EQ(0, lib(pyq_list(count, &n)));
	EXPECT_EQ(0, n);
	EXPECT_EQ(0, lib(pyq_unlink(NAME)));
}

/* By a hard link a queue has two names, and goes with the second. */
TEST_F(names, two_links)
{
	pyq_queue *q;
	char byte;

	ASSERT_EQ(0, make(&self->q, ONE));
	ASSERT_EQ(0, link(FILE_OF(NAME), FILE_OF(NAME "-2")));
	ASSERT_EQ(0, lib(pyq_put(self->q, "1", 1, PYQ_NOWAIT)));
	EXPECT_EQ(0, lib(pyq_unlink(NAME)));
	EXPECT_EQ(-ENOENT, lib(pyq_open(&q, NAME, 0)));
	ASSERT_EQ(0, lib(pyq_open(&q, NAME "-2", 0)));
	EXPECT_EQ(1, lib(pyq_get(q, &byte, 1, PYQ_NOWAIT)));
	pyq_close(q);
	EXPECT_EQ(0, lib(pyq_unlink(NAME "-2")));
}

TEST_F(names, list_without_files)
{
	struct rlimit limit, few;
	int n = 0, err;

	ASSERT_EQ(0, make(&self->q, ONE));
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	few = limit;
	/* Enough for the directory at last, but not for what is in it. */
	for (few.rlim_cur = 3; few.rlim_cur < 32; few.rlim_cur++) {
		ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &few));
		err = lib(pyq_list(count, &n));
		if (!err)
			break;
		EXPECT_EQ(-EMFILE, err);
		EXPECT_EQ(0, n);
	}
	EXPECT_EQ(0, err);
	EXPECT_EQ(1, n);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	/* No /dev/shm: no names. */
	ASSERT_EQ(0, mount("none", "/dev", "tmpfs", 0, "size=1m"));
	EXPECT_EQ(0, lib(pyq_list(count, &n)));
	EXPECT_EQ(-ENOENT, lib(pyq_open(&self->q, NAME "-2", 0)));
	EXPECT_EQ(-EOPNOTSUPP, make(&self->q, OTHER));
}

/* A copy has holes where the queue has zeros: a put would end in SIGBUS when memory is short. */
TEST_F(names, copy_with_holes)
{
	char page[4096];
	pyq_queue *q;
	struct stat st;
	int fd;

	ASSERT_EQ(0, make(&self->q, SMALL, .maxsize = 4096, .payload = 48));
	ASSERT_EQ(0, fstat(pyq_fd(self->q), &st));
	ASSERT_EQ(sizeof(page), pread(pyq_fd(self->q), page, sizeof(page), 0));
	fd = open(FILE_OF(NAME "-2"), O_RDWR | O_CREAT, 0600);
	ASSERT_LE(0, fd);
	ASSERT_EQ(sizeof(page), pwrite(fd, page, sizeof(page), 0));
	ASSERT_EQ(0, ftruncate(fd, st.st_size));
	EXPECT_EQ(-EUCLEAN, lib(pyq_open(&q, NAME "-2", 0)));
	ASSERT_EQ(0, posix_fallocate(fd, 0, st.st_size));
	EXPECT_EQ(0, lib(pyq_open(&q, NAME "-2", 0)));
	pyq_close(q);
	close(fd);
}

/* Not a signal. */
/* proves: pyq_create -EFBIG */
TEST_F(names, file_size_limit)
{
	struct rlimit limit = { 1 << 20, 1 << 20 };

	EXPECT_EQ(0, exit_status(in_child(({
		pyq_queue *q;

		setrlimit(RLIMIT_FSIZE, &limit) ? 1 :
		make(&q, .maxsize = 1, .name = NAME, .max_msg = 1000, .max_bytes = 2 << 20) != -EFBIG ? 2 :
		make(&q, .max_msg = 48, .name = NULL, .maxsize = 1 << 20) != -EFBIG ? 3 :
		make(&q, SMALL, .maxsize = 1000) ? 4 : 0;
	}))));
}

/* Not the OOM killer; if it comes, for this process. */
TEST_F(names, more_than_the_machine_has)
{
	EXPECT_EQ(0, exit_status(in_child(({
		int fd = open("/proc/self/oom_score_adj", O_WRONLY);
		pyq_queue *q;

		write(fd, "1000", 4) != 4 ? 1 :
		make(&q, .max_msg = 48, .name = NULL, .maxsize = PYQUEUE_MAXSIZE_MAX,
		     .payload = PYQUEUE_PAYLOAD_MAX) != -ENOMEM ? 2 : 0;
	}))));
}

/* The device is there, but not for the caller: it has no say in what is in shared memory. */
TEST_F(names, device_is_closed_to_the_caller)
{
	/* Any that cannot be opened will do; in an own mount namespace, and only for others. */
	ASSERT_EQ(0, mount("none", "/mnt", "tmpfs", 0, "size=1m"));
	close(open("/mnt/pyqueue", O_CREAT | O_RDWR, 0600));
	ASSERT_EQ(0, access("/dev/pyqueue", F_OK) ?
		     symlink("/mnt/pyqueue", "/dev/pyqueue") :
		     mount("/mnt/pyqueue", "/dev/pyqueue", NULL, MS_BIND, NULL));
	EXPECT_EQ(0, exit_status(in_child(({
		pyq_queue *q;

		setgid(65534) || setuid(65534) ? 1 :
		make(&q, ONE) ? 2 :
		lib(pyq_open(&q, NAME "-2", 0)) != -ENOENT ? 3 :
		lib(pyq_unlink(NAME "-2")) != -ENOENT ? 4 : 0;
	}))));
	if (umount("/dev/pyqueue"))
		unlink("/dev/pyqueue");
}

static void nothing(int sig)
{
	(void)sig;
}

/*
 * A timer that interrupts each system call keeps nobody from making a large queue:
 * before Linux 6.12 an allocation that is interrupted is undone.
 */
TEST_F(names, made_under_a_timer)
{
	const struct timeval interval = { .tv_usec = 10000 * PYQUEUE_SLOW };
	const struct itimerval often = { interval, interval }, never = { 0 };
	struct sigaction action = { .sa_handler = nothing, .sa_flags = SA_RESTART };

	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &often, NULL));
	EXPECT_EQ(0, make(&self->q, .max_msg = 48, .name = NULL, .maxsize = 1 << 19, .payload = 48));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &never, NULL));
}

TEST_HARNESS_MAIN
