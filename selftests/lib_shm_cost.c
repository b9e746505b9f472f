// SPDX-License-Identifier: GPL-2.0
/* What a queue in plain shared memory costs who has many, or waits in company. */
#include "lib_test.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* Shared with children: looks at owners, and how often one has been woken. */
static unsigned int *looks;
static long *wakes;

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

static unsigned int calls; /* of this process, to those who sleep */

long syscall(long number, ...)
{
	static long (*real)(long number, ...);
	va_list args;
	long a[6];

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_futex && (a[1] & FUTEX_CMD_MASK) == FUTEX_WAKE)
		calls++;
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

FIXTURE(cost) {
	pyq_queue *q;
};

FIXTURE_SETUP(cost)
{
	wakes = mmap(NULL, sizeof(*wakes) + sizeof(*looks), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, wakes);
	looks = (unsigned int *)(wakes + 1);
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

static int take_part(pyq_queue *q, int told)
{
	if (pyq_qsize(q) || write(told, "x", 1) != 1)
		return 1;
	return pause();
}

/* Of those who die together all are settled before everybody is called: once for each 64, or ms. */
TEST_F(cost, many_die_at_once)
{
	struct pyq_stat stat;
	int64_t begin, took;
	pid_t pids[MANY];
	int there[2];
	char byte;

	ASSERT_EQ(0, pipe(there));
	for (int i = 0; i < MANY; i++)
		pids[i] = in_child(take_part(self->q, there[1]));
	for (int i = 0; i < MANY; i++)
		ASSERT_EQ(1, read(there[0], &byte, 1));
	for (int i = 0; i < MANY; i++)
		kill(pids[i], SIGKILL);
	for (int i = 0; i < MANY; i++)
		EXPECT_EQ(128 + SIGKILL, exit_status(pids[i]));
	close(there[0]);
	close(there[1]);
	calls = 0;
	begin = lib_now_ns();
	ASSERT_EQ(0, lib(pyq_stat(self->q, &stat)));
	took = lib_now_ns() - begin;
	EXPECT_EQ(1, stat.owners);
	/* Those who get, who put and who join, and who poll for each: one by one it was 600. */
	EXPECT_GE((MANY / 64 + 1 + took / PYQ_MILLISECONDS(1)) * 6, calls);
	EXPECT_NE(0, calls);
}

/* How often it has been woken in vain. */
static int wait_and_count(pyq_queue *q)
{
	struct rusage usage;
	char text[8];

	if (pyq_get(q, text, sizeof(text), LONG) != 4 || getrusage(RUSAGE_SELF, &usage))
		return 1;
	*wakes = usage.ru_nvcsw;
	return 0;
}

/* Who has lent, and has nothing in hand, goes without a word. */
TEST_F(cost, handles_that_have_lent)
{
	const pid_t pid = in_child(wait_and_count(self->q));
	const int64_t begin = lib_now_ns();
	struct pyq_loan loan;
	pyq_queue *q;

	ASSERT_TRUE(lib_wait_sleepers(self->q, getters, 1));
	for (int i = 0; i < 1000; i++) {
		const int fd = dup(pyq_fd(self->q));

		ASSERT_LE(0, fd);
		ASSERT_EQ(0, lib(pyq_from_fd(&q, fd)));
		ASSERT_EQ(0, lib(pyq_reserve(q, &loan, PYQ_NOWAIT)));
		ASSERT_EQ(0, lib(pyq_discard(q, &loan)));
		pyq_close(q);
	}
	ASSERT_EQ(0, lib(pyq_put(self->q, "text", 4, PYQ_NOWAIT)));
	EXPECT_EQ(0, exit_status(pid));
	/* A slice is at least 20 milliseconds. */
	EXPECT_GT(200 + (lib_now_ns() - begin) / PYQ_MILLISECONDS(20), *wakes);
}

static int echo(pyq_queue *there, pyq_queue *back)
{
	char text[8];
	ssize_t n;

	while ((n = pyq_get(there, text, sizeof(text), LONG)) > 0)
		if (pyq_put(back, text, (size_t)n, LONG))
			return 1;
	return n == -ESHUTDOWN ? 0 : 2;
}

/* Two who wait for the same, whose clocks are a day apart. */
TEST_F(cost, clocks_apart)
{
	const int own = open("/proc/self/ns/time", O_RDONLY | O_CLOEXEC);
	pyq_queue *back;
	unsigned int before;
	char text[8];
	pid_t pids[2];
	int fd;

#ifdef __SANITIZE_THREAD__
	SKIP(return, "its own thread is in the way");
#endif
	if (own < 0 || unshare(CLONE_NEWTIME))
		SKIP(return, "no time namespaces here, or not for this user");
	fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_LT(0, dprintf(fd, "monotonic 86400 0\n"));
	close(fd);
	ASSERT_EQ(0, lib(pyq_create(&back, &(struct pyq_attr){ .maxsize = 4, .backend = "shm" })));
	pyq_set_spin(self->q, 0);
	pids[0] = in_child(echo(self->q, back));
	pids[1] = in_child(setns(own, CLONE_NEWTIME) || echo(self->q, back));
	ASSERT_TRUE(lib_wait_sleepers(self->q, getters, 2));
	before = __atomic_load_n(looks, __ATOMIC_RELAXED);
	for (int i = 0; i < 2000; i++) {
		ASSERT_EQ(0, lib(pyq_put(self->q, "text", 4, LONG)));
		ASSERT_EQ(4, lib(pyq_get(back, text, sizeof(text), LONG)));
	}
	EXPECT_GT(before + 1000, __atomic_load_n(looks, __ATOMIC_RELAXED));
	ASSERT_EQ(0, lib(pyq_shutdown(self->q, false)));
	EXPECT_EQ(0, exit_status(pids[0]));
	EXPECT_EQ(0, exit_status(pids[1]));
	pyq_close(back);
	close(own);
}

TEST_HARNESS_MAIN
