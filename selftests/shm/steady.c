// SPDX-License-Identifier: GPL-2.0
/*
 * Nobody has to sleep, so nobody makes a system call. Those who put and get are
 * in a seccomp filter that ends them at any call but the one by which they leave.
 *
 * That nobody has to sleep is not left to luck: a call is made only when it is
 * certain that it finds what it wants, whatever the scheduler does. All calls are
 * waiting ones, so one that did not would sleep, which the filter notices.
 */
#include "../lib_test.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define PAYLOAD 48

#define LINE 64

/**
 * struct shared - what the processes of a case tell each other
 * @put: messages that are in the queue or have been; rounds of those who put
 * @taken: messages that have made room; rounds of those who get
 * @syscall: the number of one that was made, + 1
 */
struct shared {
	uint64_t put __attribute__((aligned(LINE)));
	uint64_t taken __attribute__((aligned(LINE)));
	int syscall __attribute__((aligned(LINE)));
};

static struct shared *shared;

#define load(p) __atomic_load_n(p, __ATOMIC_SEQ_CST)
#define store(p, value) __atomic_store_n(p, value, __ATOMIC_SEQ_CST)
#define add(p, n) __atomic_add_fetch(p, n, __ATOMIC_SEQ_CST)

/* Until it is so, without a system call; or the other one has made one. */
#define spin_until(condition)                                                \
	do {                                                                 \
		while (!(condition))                                         \
			if (load(&shared->syscall))                          \
				_exit(2);                                    \
	} while (0)

static void tell(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	store(&shared->syscall, info->si_syscall + 1);
	_exit(1);
}

/* From here on: no system call but exit_group(), and @also. */
static int no_system_calls(unsigned int also)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, also, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = 5, .filter = filter };
	struct sigaction action = { .sa_sigaction = tell, .sa_flags = SA_SIGINFO };

	if (sigaction(SIGSYS, &action, NULL) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* A child's first call makes it a participant; later ones need nothing. */
static int begin(pyq_queue *q, unsigned int also)
{
	return pyq_qsize(q) < 0 || no_system_calls(also) ? -1 : 0;
}

#define EXPECT_NO_CALLS(pid)                                                 \
	do {                                                                 \
		const pid_t child_ = pid;                                    \
		EXPECT_EQ(0, exit_status(child_))                            \
			TH_LOG("system call number %d (-1: none)",           \
			       load(&shared->syscall) - 1);                  \
	} while (0)

FIXTURE(steady) {
	pyq_queue *q;
};

FIXTURE_SETUP(steady)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	ASSERT_NE(MAP_FAILED, shared);
	/* Not a power of two: the bound is not the ring's own. */
	self->q = new_queue(.maxsize = 1000, .payload = PAYLOAD);
}

FIXTURE_TEARDOWN(steady)
{
	pyq_close(self->q);
	munmap(shared, sizeof(*shared));
}

/* That the filter does notice one, or the other cases would prove nothing. */
TEST_F(steady, a_system_call_is_noticed)
{
	EXPECT_EQ(1, exit_status(in_child(begin(self->q, SYS_exit_group) ? 3 : getppid() < 0)));
	EXPECT_EQ(SYS_getppid + 1, load(&shared->syscall));
	store(&shared->syscall, 0);
	EXPECT_EQ(1, exit_status(in_child(({
		char byte;

		begin(self->q, SYS_clock_gettime) ? 3 :
						    (int)pyq_get(self->q, &byte, 1, PYQ_FOREVER);
	}))));
	EXPECT_EQ((on_shm() ? SYS_futex : SYS_ioctl) + 1, load(&shared->syscall));
}

/* --- one process ------------------------------------------------------------ */

#define MILLION 1000000

static int put_and_get(pyq_queue *q, size_t len, int64_t timeout, unsigned int also)
{
	uint64_t out[PAYLOAD / 8] = { }, in[PAYLOAD / 8];

	if (begin(q, also))
		return 3;
	for (uint64_t i = 0; i < MILLION; i++) {
		out[0] = i;
		if (pyq_put(q, out, len, timeout) ||
		    pyq_get(q, in, sizeof(in), timeout) != (ssize_t)len || in[0] != i)
			return 4;
	}
	return 0;
}

/* proves: promise no-system-call */
TEST_F(steady, put_and_get)
{
	EXPECT_NO_CALLS(in_child(put_and_get(self->q, 8, PYQ_FOREVER, SYS_exit_group)));
	EXPECT_NO_CALLS(in_child(put_and_get(self->q, PAYLOAD, PYQ_FOREVER, SYS_exit_group)));
	EXPECT_NO_CALLS(in_child(put_and_get(self->q, 8, PYQ_NOWAIT, SYS_exit_group)));
}

/*
 * A timeout is counted from now: where user space cannot read the clock by
 * itself, the C library asks the kernel, which is none of the queue's business.
 */
/* proves: promise no-system-call */
TEST_F(steady, with_a_timeout)
{
	EXPECT_NO_CALLS(in_child(put_and_get(self->q, 8, PYQ_SECONDS(100), SYS_clock_gettime)));
}

/* Where it lies. */
static int by_loan(pyq_queue *q)
{
	struct pyq_loan loan;
	uint64_t number;

	if (begin(q, SYS_exit_group))
		return 3;
	for (uint64_t i = 0; i < MILLION; i++) {
		if (pyq_reserve(q, &loan, PYQ_FOREVER))
			return 4;
		memcpy(loan.data, &i, sizeof(i));
		if (pyq_commit(q, &loan, sizeof(i)) || pyq_borrow(q, &loan, PYQ_FOREVER))
			return 5;
		memcpy(&number, loan.data, sizeof(number));
		if (number != i || pyq_release(q, &loan))
			return 6;
	}
	return 0;
}

/* proves: promise no-system-call */
TEST_F(steady, loans)
{
	EXPECT_NO_CALLS(in_child(by_loan(self->q)));
}

#define BATCH 50

/* @n messages, from number @first on, with one call. */
static int put_batch(pyq_queue *q, uint64_t first, int n)
{
	uint64_t numbers[BATCH];
	struct pyq_msg msgs[BATCH];

	for (int i = 0; i < n; i++) {
		numbers[i] = first + i;
		msgs[i] = (struct pyq_msg){ .data = &numbers[i], .len = 8 };
	}
	return pyq_put_many(q, msgs, n, PYQ_FOREVER) != n;
}

static int get_batch(pyq_queue *q, uint64_t *sum, int n)
{
	uint64_t numbers[BATCH];
	struct pyq_msg msgs[BATCH];

	for (int i = 0; i < n; i++)
		msgs[i] = (struct pyq_msg){ .data = &numbers[i], .size = 8 };
	if (pyq_get_many(q, msgs, n, PYQ_FOREVER) != n)
		return 1;
	for (int i = 0; i < n; i++)
		*sum += numbers[i];
	return 0;
}

static int batches(pyq_queue *q)
{
	uint64_t sum = 0;

	if (begin(q, SYS_exit_group))
		return 3;
	for (int i = 0; i < MILLION / BATCH; i++)
		if (put_batch(q, i * BATCH, BATCH) || get_batch(q, &sum, BATCH))
			return 4;
	return sum == (uint64_t)MILLION * (MILLION - 1) / 2 ? 0 : 5;
}

/* proves: promise no-system-call */
TEST_F(steady, batches)
{
	EXPECT_NO_CALLS(in_child(batches(self->q)));
}

/* --- several processes ------------------------------------------------------- */

#define STREAM 300000

static int put_stream(pyq_queue *q)
{
	if (begin(q, SYS_exit_group))
		return 3;
	for (uint64_t i = 0; i < STREAM; i++) {
		spin_until(i - load(&shared->taken) < 1000);
		if (pyq_put(q, &i, sizeof(i), PYQ_FOREVER))
			return 4;
		store(&shared->put, i + 1);
	}
	return 0;
}

static int get_stream(pyq_queue *q)
{
	if (begin(q, SYS_exit_group))
		return 3;
	for (uint64_t number, i = 0; i < STREAM; i++) {
		spin_until(i < load(&shared->put));
		if (pyq_get(q, &number, sizeof(number), PYQ_FOREVER) != 8 || number != i)
			return 4;
		store(&shared->taken, i + 1);
	}
	return 0;
}

/*
 * One who puts and one who gets, at the same time. Each tells the other when a
 * call of his has returned: then the other's finds the message, or the room.
 */
/* proves: promise no-system-call */
TEST_F(steady, one_and_one)
{
	pid_t putter = in_child(put_stream(self->q));
	pid_t getter = in_child(get_stream(self->q));

	EXPECT_NO_CALLS(putter);
	EXPECT_NO_CALLS(getter);
}

#define ROUNDS 200
#define EACH 200

/*
 * Both put until the queue has as many as they may, then both take them: one by
 * one, or in batches. The other one can be in the way of a call less often than
 * PYQ_RING_TRIES.
 */
static int put_then_get(pyq_queue *q, int step, uint64_t *sum)
{
	if (begin(q, SYS_exit_group))
		return 3;
	for (uint64_t round = 0; round < ROUNDS; round++) {
		spin_until(load(&shared->taken) >= 2 * round);
		for (int i = 0; i < EACH; i += step) {
			uint64_t number = round * EACH + i;

			if (step > 1 ? put_batch(q, number, step) :
				       pyq_put(q, &number, 8, PYQ_FOREVER))
				return 4;
		}
		add(&shared->put, 1);
		spin_until(load(&shared->put) >= 2 * (round + 1));
		for (int i = 0; i < EACH; i += step)
			if (get_batch(q, sum, step))
				return 5;
		add(&shared->taken, 1);
	}
	return 0;
}

/*
 * Two at the same time, who first put and then get: a put that has returned may
 * be behind another that has not, so nobody could tell when a get finds it.
 */
/* proves: promise no-system-call */
TEST_F(steady, two_at_a_time)
{
	uint64_t *sums = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			      -1, 0);
	const uint64_t each = (uint64_t)ROUNDS * EACH;
	pid_t pids[2];

	ASSERT_NE(MAP_FAILED, sums);
	for (int i = 0; i < 2; i++) {
		pids[i] = in_child(put_then_get(self->q, i ? 25 : 1, &sums[i]));
	}
	EXPECT_NO_CALLS(pids[0]);
	EXPECT_NO_CALLS(pids[1]);
	EXPECT_EQ(each * (each - 1), sums[0] + sums[1]);
}

TEST_HARNESS_MAIN
