// SPDX-License-Identifier: GPL-2.0
/* What a queue in plain shared memory costs who has many, or waits in company. */
#include "lib_test.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

/* Shared with children: looks at owners. */
static unsigned int *looks;

/* The library's too: by this it finds out who is alive. */
int fcntl(int fd, int command, ...)
{
	va_list args;
	long arg;

	va_start(args, command);
	arg = va_arg(args, long);
	va_end(args);
	if (looks && command == F_OFD_SETLK)
		__atomic_fetch_add(looks, 1, __ATOMIC_RELAXED);
	return (int)syscall(SYS_fcntl, fd, command, arg);
}

FIXTURE(cost) {
	pyq_queue *q;
};

FIXTURE_SETUP(cost)
{
	looks = mmap(NULL, sizeof(*looks), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, looks);
	ASSERT_EQ(0, lib(pyq_create(&self->q, &(struct pyq_attr){ .maxsize = 4, .backend = "shm" })));
}

FIXTURE_TEARDOWN(cost)
{
	pyq_close(self->q);
}

static size_t mapped_bytes(void)
{
	FILE *statm = fopen("/proc/self/statm", "re");
	size_t pages = 0;

	if (!statm || fscanf(statm, "%zu", &pages) != 1)
		pages = 0;
	if (statm)
		fclose(statm);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Room for large messages is found when there is one. */
TEST_F(cost, address_space)
{
	const size_t before = mapped_bytes();
	pyq_queue *qs[64];
	char text[5000] = "large";
	struct pyq_stat stat;

	ASSERT_NE(0, before);
	for (int i = 0; i < 64; i++)
		ASSERT_EQ(0, lib(pyq_create(&qs[i], &(struct pyq_attr){ .maxsize = 16,
									.backend = "shm" })));
	EXPECT_GT(before + 64 * 1000000, mapped_bytes());
	for (int i = 0; i < 64; i++) {
		ASSERT_EQ(0, lib(pyq_stat(qs[i], &stat)));
		EXPECT_EQ(0, stat.large_bytes);
		EXPECT_EQ(0, lib(pyq_put(qs[i], text, sizeof(text), PYQ_NOWAIT)));
		ASSERT_EQ(0, lib(pyq_stat(qs[i], &stat)));
		EXPECT_EQ(8192, stat.large_bytes);
		pyq_close(qs[i]);
	}
	EXPECT_GT(before + 64 * 1000000, mapped_bytes());
}

/* What was put by another handle cannot be mapped: it stays. */
/* proves: pyq_get -ENOMEM, pyq_stat -ENOMEM */
TEST_F(cost, no_address_space)
{
	char text[5000] = "large", got[5000] = "";
	const struct rlimit much = { RLIM_INFINITY, RLIM_INFINITY };
	struct rlimit little = { 4096, RLIM_INFINITY };
	struct pyq_loan loan;
	struct pyq_stat stat;
	int fd, got_it, borrowed, told;
	pyq_queue *other;

	if (SANITIZED)
		SKIP(return, "sanitizers need memory");
	fd = dup(pyq_fd(self->q));
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, lib(pyq_from_fd(&other, fd)));
	ASSERT_EQ(0, lib(pyq_put(self->q, text, sizeof(text), PYQ_NOWAIT)));
	ASSERT_EQ(0, setrlimit(RLIMIT_AS, &little));
	got_it = (int)pyq_get(other, got, sizeof(got), PYQ_NOWAIT);
	borrowed = pyq_borrow(other, &loan, PYQ_NOWAIT);
	told = pyq_stat(other, &stat);
	ASSERT_EQ(0, setrlimit(RLIMIT_AS, &much));
	EXPECT_EQ(-ENOMEM, got_it);
	EXPECT_EQ(-ENOMEM, borrowed);
	EXPECT_EQ(-ENOMEM, told);
	EXPECT_EQ(sizeof(got), lib(pyq_get(other, got, sizeof(got), PYQ_NOWAIT)));
	EXPECT_STREQ("large", got);
	pyq_close(other);
}

#define MANY 100

/* Until all of them sleep, and a second more: then none has anything. */
static int wait_in_vain(pyq_queue *q)
{
	char text[8];

	return pyq_get(q, text, sizeof(text), PYQ_SECONDS(2)) == -ETIMEDOUT ? 0 : 1;
}

/* As they sleep one of them looks for all, 20 milliseconds apart: not each for itself. */
TEST_F(cost, one_looks_for_all)
{
	pid_t pids[MANY];

	for (int i = 0; i < MANY; i++)
		pids[i] = in_child(wait_in_vain(self->q));
	for (int i = 0; i < MANY; i++)
		EXPECT_EQ(0, exit_status(pids[i]));
	/* A hundred looks, and what each needs for itself; each for itself it was 900. */
	EXPECT_GT(250 * MANY, *looks) TH_LOG("%u", *looks);
}

TEST_HARNESS_MAIN
