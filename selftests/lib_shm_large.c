// SPDX-License-Identifier: GPL-2.0
/* Large messages of queues in plain shared memory, which a handle maps with the first one. */
#include "lib_test.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/pyqueue.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#define set_page_size(size)
#else
#define SANITIZED false
#define set_page_size(size) (page_size = (size))

/* What mapped files begin at is to be a multiple of this, as with pages of that size. */
static long page_size = 1;

void *mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	if (offset % page_size) {
		errno = EINVAL;
		return MAP_FAILED;
	}
	return (void *)syscall(SYS_mmap, at, len, prot, flags, fd, offset);
}

long sysconf(int name)
{
	long __sysconf(int name);

	return name == _SC_PAGESIZE && page_size > 1 ? page_size : __sysconf(name);
}
#endif

static const struct rlimit little = { 4096, RLIM_INFINITY }, much = { RLIM_INFINITY, RLIM_INFINITY };

FIXTURE(large) {
	pyq_queue *q;	  /* has mapped what it has put */
	pyq_queue *other; /* has not */
	char text[5000];
	char got[5000];
};

FIXTURE_SETUP(large)
{
	int fd;

	strcpy(self->text, "large");
	ASSERT_EQ(0, lib(pyq_create(&self->q, &(struct pyq_attr){ .maxsize = 4, .backend = "shm" })));
	fd = dup(pyq_fd(self->q));
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, lib(pyq_from_fd(&self->other, fd)));
	ASSERT_EQ(0, lib(pyq_put(self->q, self->text, sizeof(self->text), PYQ_NOWAIT)));
}

FIXTURE_TEARDOWN(large)
{
	pyq_close(self->q);
	pyq_close(self->other);
}

#define get_large(q) lib(pyq_get(q, self->got, sizeof(self->got), PYQ_NOWAIT))

/* What was put by another handle cannot be mapped: it stays. */
/* proves: pyq_get -ENOMEM, pyq_get_msg -ENOMEM, pyq_get_many -ENOMEM */
/* proves: pyq_stat -ENOMEM, pyq_shutdown -ENOMEM */
TEST_F(large, no_address_space)
{
	struct pyq_msg msg = { .data = self->got, .size = sizeof(self->got) };
	int got, got_msg, got_many, borrowed, told, ended;
	struct pyq_loan loan;
	struct pyq_stat stat;

	if (SANITIZED)
		SKIP(return, "sanitizers need memory");
	ASSERT_EQ(0, setrlimit(RLIMIT_AS, &little));
	got = (int)pyq_get(self->other, self->got, sizeof(self->got), PYQ_NOWAIT);
	got_msg = (int)pyq_get_msg(self->other, &msg, PYQ_NOWAIT);
	got_many = (int)pyq_get_many(self->other, &msg, 1, PYQ_NOWAIT);
	borrowed = pyq_borrow(self->other, &loan, PYQ_NOWAIT);
	told = pyq_stat(self->other, &stat);
	ended = pyq_shutdown(self->other, true);
	ASSERT_EQ(0, setrlimit(RLIMIT_AS, &much));
	EXPECT_EQ(-ENOMEM, got);
	EXPECT_EQ(-ENOMEM, got_msg);
	EXPECT_EQ(-ENOMEM, got_many);
	EXPECT_EQ(-ENOMEM, borrowed);
	EXPECT_EQ(-ENOMEM, told);
	EXPECT_EQ(-ENOMEM, ended);
	EXPECT_EQ(sizeof(self->got), get_large(self->other));
	EXPECT_STREQ("large", self->got);
	ASSERT_EQ(0, lib(pyq_put(self->q, self->text, sizeof(self->text), PYQ_NOWAIT)));
	EXPECT_EQ(0, lib(pyq_shutdown(self->other, true)));
	EXPECT_EQ(-ESHUTDOWN, get_large(self->q));
	EXPECT_EQ(0, lib(pyq_task_done(self->q, 1)));
	EXPECT_EQ(0, lib(pyq_join(self->q, PYQ_NOWAIT)));
}

/* The program has closed the queue's file, and its number is another one's. */
TEST_F(large, another_file)
{
	const int own = dup(pyq_fd(self->other));
	const int file = memfd_create("another", MFD_CLOEXEC);
	char bytes[8] = "bytes";

	ASSERT_LE(0, own);
	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, 80 << 20));
	ASSERT_EQ(6, pwrite(file, bytes, 6, 0));
	ASSERT_LE(0, dup2(file, pyq_fd(self->other)));
	EXPECT_EQ(-EBADF, get_large(self->other));
	EXPECT_EQ(-EBADF, lib(pyq_put(self->other, self->text, sizeof(self->text), PYQ_NOWAIT)));
	/* Neither read nor written. */
	EXPECT_EQ(6, lseek(file, 0, SEEK_DATA) == 0 ? 6 : 0);
	EXPECT_EQ(4096, lseek(file, 0, SEEK_HOLE));
	EXPECT_EQ(80 << 20, lseek(file, 4096, SEEK_DATA) < 0 ? 80 << 20 : 0);
	ASSERT_LE(0, dup2(own, pyq_fd(self->other)));
	EXPECT_EQ(sizeof(self->got), get_large(self->other));
	close(own);
	close(file);
}

/* Said to be large where there has never been room for that. */
TEST_F(large, forged)
{
	struct pyqueue_header *header;
	struct pyqueue_slot *slot;
	struct pyq_stat stat;
	pyq_queue *q;

	ASSERT_EQ(0, lib(pyq_create(&q, &(struct pyq_attr){ .maxsize = 64, .max_msg = 48,
							    .backend = "shm" })));
	ASSERT_EQ(0, lib(pyq_put(q, "small", 5, PYQ_NOWAIT)));
	ASSERT_EQ(0, lib(pyq_stat(q, &stat)));
	header = mmap(NULL, stat.ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, pyq_fd(q), 0);
	ASSERT_NE(MAP_FAILED, header);
	slot = (struct pyqueue_slot *)((char *)header + PYQUEUE_HEADER_SIZE);
	slot->word |= (__u64)PYQUEUE_SLOT_INDIRECT << PYQUEUE_WORD_FLAGS_SHIFT;
	EXPECT_EQ(-EUCLEAN, get_large(q));
	munmap(header, stat.ring_bytes);
	pyq_close(q);
}

/* Has reserved a slot, and goes without being able to settle that. */
static int leave_with_a_slot(pyq_queue *q)
{
	struct pyq_loan loan;

	if (pyq_reserve(q, &loan, PYQ_NOWAIT) || setrlimit(RLIMIT_AS, &little))
		return 1;
	pyq_close(q);
	return 0;
}

/* Then it is settled by others, as if dead. */
TEST_F(large, leaves_without_address_space)
{
	struct pyq_stat stat;

	if (SANITIZED)
		SKIP(return, "sanitizers need memory");
	ASSERT_EQ(0, exit_status(in_child(leave_with_a_slot(self->other))));
	ASSERT_EQ(0, lib(pyq_put(self->q, "next", 4, PYQ_NOWAIT)));
	EXPECT_EQ(sizeof(self->got), get_large(self->q));
	EXPECT_EQ(4, lib(pyq_get(self->q, self->got, sizeof(self->got), LONG)));
	ASSERT_EQ(0, lib(pyq_stat(self->q, &stat)));
	EXPECT_EQ(2, stat.owners);
}

/* Larger pages than blocks, as arm64 may have. */
TEST_F(large, larger_pages)
{
	struct pyq_stat stat;
	pyq_queue *q;

	if (SANITIZED)
		SKIP(return, "they have mmap() for themselves");
	set_page_size(65536);
	ASSERT_EQ(0, lib(pyq_create(&q, &(struct pyq_attr){ .maxsize = 16, .backend = "shm" })));
	EXPECT_EQ(0, lib(pyq_put(q, self->text, sizeof(self->text), PYQ_NOWAIT)));
	EXPECT_EQ(0, lib(pyq_stat(q, &stat)));
	EXPECT_EQ(sizeof(self->got), get_large(q));
	EXPECT_STREQ("large", self->got);
	set_page_size(1);
	pyq_close(q);
}

/* Watches, and cannot settle what others leave. */
static int watch_in_vain(pyq_queue *q)
{
	char byte;

	/* Its own part in the queue comes first. */
	if (pyq_qsize(q) != 1 || setrlimit(RLIMIT_AS, &little))
		return 1;
	return pyq_join(q, PYQ_SECONDS(30)) == 0 && pyq_get(q, &byte, 1, PYQ_NOWAIT) == -EAGAIN ? 0 : 2;
}

static int die_with_it(pyq_queue *q)
{
	struct pyq_loan loan;

	if (pyq_borrow(q, &loan, PYQ_NOWAIT))
		return 1;
	return raise(SIGKILL);
}

/* Who cannot, leaves it to others. */
TEST_F(large, watchman_without_address_space)
{
	pid_t watchman;

	if (SANITIZED)
		SKIP(return, "sanitizers need memory");
	watchman = in_child(watch_in_vain(self->other));
	ASSERT_TRUE(lib_wait_sleepers(self->q, joiners, 1));
	EXPECT_EQ(128 + SIGKILL, exit_status(in_child(die_with_it(self->q))));
	EXPECT_EQ(sizeof(self->got), lib(pyq_get(self->other, self->got, sizeof(self->got), LONG)));
	EXPECT_EQ(0, lib(pyq_task_done(self->q, 1)));
	EXPECT_EQ(0, exit_status(watchman));
}

TEST_HARNESS_MAIN
