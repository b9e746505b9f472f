// SPDX-License-Identifier: GPL-2.0
/* Which system calls pyq_aio makes, and what it does where they are forbidden. */
#include "lib_aio.h"

#include <linux/filter.h>
#include <linux/pyqueue.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* --- which system calls there are -------------------------------------------- */

/* From now on any other one than ioctl() with @request, and the end, is the end. */
static int allow_only(uint32_t request)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, request, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]),
		.filter = filter,
	};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

#define NEEDS_MAPPED(self)                                                   \
	if (!is_mapped((self)->q))                                           \
	SKIP(return, "each call to a queue that is not mapped is a system call")

#if !defined(__SANITIZE_ADDRESS__) /* which makes system calls of its own */
/* In a child: more puts and gets than the ring has slots, and not one system call. */
static int put_and_get(pyq_queue *q, unsigned int engine)
{
	struct pyq_completion done[2];
	pyq_aio *aio;
	char buf[8];

	if (pyq_qsize(q) || pyq_aio_create(&aio, 8, engine) || allow_only(0))
		return 1;
	for (int i = 0; i < 1000; i++) {
		if (pyq_aio_put(aio, q, "hello", 5, PYQ_FOREVER, 1) ||
		    pyq_aio_get(aio, q, buf, 8, PYQ_FOREVER, 2) ||
		    pyq_aio_wait(aio, done, 2, 2, PYQ_FOREVER) != 2 || done[1].result != 5)
			return 2;
	}
	return 0;
}

TEST_F(aio, no_system_call)
{
	NEEDS_MAPPED(self);
	EXPECT_EQ(0, exit_status(in_child(put_and_get(self->q, variant->engine))));
}
#endif

static int only_wake(pyq_queue *q, bool put)
{
	char buf[8];

	/* In a child the first call maps the queue. */
	if (pyq_qsize(q) < 0 || allow_only(PYQUEUE_IOC_WAKE))
		return 1;
	return put ? -pyq_put(q, "hello", 5, PYQ_NOWAIT) :
		     pyq_get(q, buf, 8, PYQ_NOWAIT) != 1;
}

/* The other side's only call is the one that wakes. */
TEST_F(aio, woken_by_one_call)
{
	char buf[8] = "";

	NEEDS_MAPPED(self);
	if (on_shm())
		SKIP(return, "in shared memory that call is a futex's");
	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf, 8, PYQ_FOREVER, 1)));
	EXPECT_EQ(0, lib(pyq_aio_submit(self->aio)));
	EXPECT_EQ(0, exit_status(in_child(only_wake(self->q, true))));
	EXPECT_DONE(self, 1, 5);
	EXPECT_STREQ("hello", buf);
	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, pyq_put(self->q, &byte, 1, PYQ_NOWAIT));
	ASSERT_EQ(0, lib(pyq_aio_put(self->aio, self->q, "more", 4, PYQ_FOREVER, 2)));
	EXPECT_EQ(0, lib(pyq_aio_submit(self->aio)));
	EXPECT_EQ(0, exit_status(in_child(only_wake(self->q, false))));
	EXPECT_DONE(self, 2, 0);
}

/* --- where io_uring is forbidden ------------------------------------------------ */

/* From now on system call @nr says @err. */
static int forbid(unsigned int nr, int err)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]),
		.filter = filter,
	};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/*
 * As the profile does that Docker sets (EPERM), an old kernel (ENOSYS), a security module
 * (EACCES), or one that counts the ring as locked memory (ENOMEM).
 */
/* proves: pyq_aio_create -ENOSYS, pyq_aio_create -EPERM */
TEST(no_uring)
{
	const int errors[] = { EPERM, ENOSYS, EACCES, ENOMEM, EINVAL };
	pyq_aio *aio;

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		EXPECT_EQ(0, exit_status(in_child(({
			int wrong = forbid(SYS_io_uring_setup, errors[i]) != 0;

			wrong |= (pyq_aio_create(&aio, 8, PYQ_AIO_URING) != -errors[i]) << 1;
			wrong |= (aio != NULL) << 2;
			wrong |= (pyq_aio_create(&aio, 8, 0) != 0) << 3;
			wrong |= (strcmp(pyq_aio_engine(aio), "epoll") != 0) << 4;
			pyq_aio_destroy(aio);
			wrong;
		}))));
	}
}

/* Forbidden in the middle: an error, and an end, also of what the kernel has in hand. */
static int forbidden_in_the_middle(pyq_queue *q)
{
	struct pyq_completion done;
	pyq_aio *aio;
	char buf[8];

	if (pyq_aio_create(&aio, 8, PYQ_AIO_URING) ||
	    pyq_aio_get(aio, q, buf, 8, PYQ_FOREVER, 1) || pyq_aio_submit(aio) ||
	    forbid(SYS_io_uring_enter, EPERM))
		return 1;
	if (pyq_aio_wait(aio, &done, 1, 1, PYQ_SECONDS(1)) != -EPERM)
		return 2;
	/* Or it has been cancelled: where the kernel only watches. */
	if (pyq_aio_cancel(aio, 1) == 0)
		return 3;
	pyq_aio_destroy(aio);
	return 0;
}

TEST_F(aio, forbidden_in_the_middle)
{
	if (variant->engine != PYQ_AIO_URING)
		SKIP(return, "is about io_uring");
	EXPECT_EQ(0, exit_status(in_child(forbidden_in_the_middle(self->q))));
}

TEST_HARNESS_MAIN
