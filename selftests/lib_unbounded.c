// SPDX-License-Identifier: GPL-2.0
/* Queues without a bound, by the library: a put never waits, and the order is kept. */
#include "lib_test.h"

#include <limits.h>
#include <sys/mman.h>

/* A ring of 16 slots. */
#define PAYLOAD 65520
#define SLOTS 16
#define MANY 100

FIXTURE(unbounded) {
	pyq_queue *q;
};

FIXTURE_SETUP(unbounded)
{
	self->q = new_queue(.maxsize = 0, .payload = PAYLOAD);
	EXPECT_EQ(0, pyq_maxsize(self->q));
}

FIXTURE_TEARDOWN(unbounded)
{
	pyq_close(self->q);
}

static int put_number(pyq_queue *q, unsigned int number)
{
	return pyq_put(q, &number, sizeof(number), PYQ_NOWAIT);
}

static int put_numbers(pyq_queue *q, unsigned int first, unsigned int end)
{
	int err = 0;

	for (; first < end && !err; first++)
		err = put_number(q, first);
	return err;
}

#define EXPECT_NEXT(q, number)                                               \
	({                                                                   \
		unsigned int got_ = UINT_MAX;                                \
		EXPECT_EQ(4, lib(pyq_get(q, &got_, 4, PYQ_NOWAIT)))          \
			TH_LOG("instead of message %u", number);             \
		EXPECT_EQ(number, got_);                                     \
	})

TEST_F(unbounded, in_order)
{
	struct pyq_stat st;
	unsigned int n;

	ASSERT_EQ(0, put_numbers(self->q, 0, MANY));
	EXPECT_EQ(MANY, lib(pyq_qsize(self->q)));
	EXPECT_FALSE(pyq_full(self->q));
	ASSERT_EQ(0, lib(pyq_stat(self->q, &st)));
	EXPECT_EQ(0, st.maxsize);
	EXPECT_EQ(MANY, st.qsize);
	EXPECT_EQ((MANY - SLOTS) * 4, st.large_bytes);
	for (unsigned int i = 0; i < MANY; i++) {
		EXPECT_NEXT(self->q, i);
		EXPECT_EQ(MANY - 1 - i, lib(pyq_qsize(self->q)));
	}
	EXPECT_EQ(-EAGAIN, lib(pyq_get(self->q, &n, 4, PYQ_NOWAIT)));
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_get(self->q, &n, 4, 1)));
	EXPECT_TRUE(pyq_empty(self->q));
	/* Puts and gets in turn, with more in it than the ring has room for. */
	ASSERT_EQ(0, put_numbers(self->q, 0, MANY));
	for (unsigned int i = 0; i < 3 * MANY; i++) {
		EXPECT_NEXT(self->q, i);
		ASSERT_EQ(0, put_number(self->q, MANY + i));
	}
}

/* Every way in, every way out. */
TEST_F(unbounded, batches_and_loans)
{
	struct pyq_msg msgs[MANY];
	unsigned int numbers[MANY], next = 0;
	struct pyq_loan loan;
	void *data;
	size_t len;

	for (unsigned int i = 0; i < MANY; i++) {
		numbers[i] = i;
		msgs[i] = (struct pyq_msg){ .data = &numbers[i], .len = 4, .size = 4 };
	}
	ASSERT_EQ(MANY, lib(pyq_put_many(self->q, msgs, MANY, PYQ_NOWAIT)));
	memset(numbers, 0xff, sizeof(numbers));
	while (next < MANY / 2) {
		ssize_t n = lib(pyq_get_many(self->q, msgs + next, MANY / 2 - next, PYQ_NOWAIT));

		ASSERT_LT(0, n);
		for (ssize_t i = 0; i < n; i++, next++)
			EXPECT_EQ(next, numbers[next]);
	}
	for (; next < 3 * MANY / 4; next++) {
		ASSERT_EQ(0, lib(pyq_get_alloc(self->q, &data, &len, PYQ_NOWAIT)));
		EXPECT_EQ(4, len);
		EXPECT_EQ(0, memcmp(&next, data, 4));
		free(data);
	}
	for (; next < MANY && !is_sealed(); next++) {
		ASSERT_EQ(0, lib(pyq_borrow(self->q, &loan, PYQ_NOWAIT)));
		EXPECT_EQ(4, loan.size);
		EXPECT_EQ(0, memcmp(&next, loan.data, 4));
		EXPECT_EQ(0, lib(pyq_release(self->q, &loan)));
	}
}

/* Those that do not fit a slot keep their place. */
TEST_F(unbounded, large)
{
	static char buf[100000];
	unsigned int number;

	for (unsigned int i = 0; i < MANY; i++) {
		memcpy(buf, &i, 4);
		ASSERT_EQ(0, lib(pyq_put(self->q, buf, i & 1 ? 4 : sizeof(buf), PYQ_NOWAIT)));
	}
	for (unsigned int i = 0; i < MANY; i++) {
		EXPECT_EQ(i & 1 ? 4 : (ssize_t)sizeof(buf),
			  lib(pyq_get(self->q, buf, sizeof(buf), PYQ_NOWAIT)));
		memcpy(&number, buf, 4);
		EXPECT_EQ(i, number);
	}
}

/* A place in the ring, while others wait for one: not before them. */
TEST_F(unbounded, reserve)
{
	struct pyq_loan loan;

	if (is_sealed())
		SKIP(return, "nothing of a sealed queue is lent");
	ASSERT_EQ(0, put_numbers(self->q, 0, SLOTS + 1));
	EXPECT_EQ(-EAGAIN, lib(pyq_reserve(self->q, &loan, PYQ_NOWAIT)));
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_reserve(self->q, &loan, 1)));
	for (unsigned int i = 0; i < SLOTS; i++)
		EXPECT_NEXT(self->q, i);
	/* One is left, outside: it has its place first. */
	ASSERT_EQ(0, lib(pyq_reserve(self->q, &loan, PYQ_NOWAIT)));
	memcpy(loan.data, &(unsigned int){ 7 }, 4);
	EXPECT_EQ(0, lib(pyq_commit(self->q, &loan, 4)));
	EXPECT_NEXT(self->q, (unsigned int)SLOTS);
	EXPECT_NEXT(self->q, 7u);

	ASSERT_EQ(0, put_numbers(self->q, 0, SLOTS + 1));
	EXPECT_EQ(0, lib(pyq_shutdown(self->q, false)));
	EXPECT_EQ(-ESHUTDOWN, lib(pyq_reserve(self->q, &loan, PYQ_NOWAIT)));
	EXPECT_EQ(-ESHUTDOWN, lib(pyq_reserve(self->q, &loan, PYQ_FOREVER)));
}

/* Who waits for a place has it as soon as the others have theirs. */
TEST_F(unbounded, reserve_waits)
{
	struct pyq_loan loan;
	pid_t pid;

	if (is_sealed())
		SKIP(return, "nothing of a sealed queue is lent");
	ASSERT_EQ(0, put_numbers(self->q, 0, SLOTS + 1));
	pid = in_child(({
		unsigned int number = SLOTS + 1;
		int err = pyq_reserve(self->q, &loan, LONG);

		if (!err) {
			memcpy(loan.data, &number, 4);
			err = pyq_commit(self->q, &loan, 4);
		}
		err != 0;
	}));
	ASSERT_TRUE(lib_wait_sleepers(self->q, putters, 1u));
	for (unsigned int i = 0; i <= SLOTS; i++)
		EXPECT_NEXT(self->q, i);
	EXPECT_EQ(0, exit_status(pid));
	EXPECT_NEXT(self->q, SLOTS + 1u);
}

/* One in hand stops the ring where it comes round; its end lets those behind it go on. */
static void held(struct __test_metadata *_metadata, pyq_queue *q, bool give_back)
{
	struct pyq_loan loan;
	unsigned int number;
	pid_t pid;

	ASSERT_EQ(0, put_numbers(q, 0, SLOTS));
	ASSERT_EQ(0, lib(pyq_borrow(q, &loan, PYQ_NOWAIT)));
	ASSERT_EQ(0, put_number(q, SLOTS));
	for (unsigned int i = 1; i < SLOTS; i++)
		EXPECT_NEXT(q, i);
	EXPECT_EQ(-EAGAIN, lib(pyq_get(q, &number, 4, PYQ_NOWAIT)));
	pid = in_child(({
		unsigned int got = UINT_MAX;

		pyq_get(q, &got, 4, LONG) != 4 || got != (give_back ? 0 : SLOTS);
	}));
	ASSERT_TRUE(lib_wait_sleepers(q, getters, 1u));
	EXPECT_EQ(0, lib(give_back ? pyq_give_back(q, &loan) : pyq_release(q, &loan)));
	EXPECT_EQ(0, exit_status(pid));
	if (give_back)
		EXPECT_NEXT(q, (unsigned int)SLOTS);
}

TEST_F(unbounded, held_and_released)
{
	if (is_sealed())
		SKIP(return, "nothing of a sealed queue is lent");
	held(_metadata, self->q, false);
}

TEST_F(unbounded, held_and_given_back)
{
	if (is_sealed())
		SKIP(return, "nothing of a sealed queue is lent");
	held(_metadata, self->q, true);
}

TEST_F(unbounded, shut_down)
{
	unsigned int number;

	ASSERT_EQ(0, put_numbers(self->q, 0, MANY));
	EXPECT_EQ(0, lib(pyq_shutdown(self->q, false)));
	for (unsigned int i = 0; i < MANY; i++) {
		EXPECT_EQ(-ESHUTDOWN, lib(put_number(self->q, 0)));
		EXPECT_NEXT(self->q, i);
	}
	EXPECT_EQ(-ESHUTDOWN, lib(pyq_get(self->q, &number, 4, PYQ_FOREVER)));
	EXPECT_EQ(-ESHUTDOWN, lib(put_number(self->q, 0)));
}

TEST_F(unbounded, joined)
{
	pid_t pid;

	ASSERT_EQ(0, put_numbers(self->q, 0, MANY));
	pid = in_child(pyq_join(self->q, LONG) != 0);
	ASSERT_TRUE(lib_wait_sleepers(self->q, joiners, 1u));
	for (unsigned int i = 0; i < MANY; i++) {
		EXPECT_EQ(-EAGAIN, lib(pyq_join(self->q, PYQ_NOWAIT)));
		EXPECT_NEXT(self->q, i);
		EXPECT_EQ(0, lib(pyq_task_done(self->q, 1)));
	}
	EXPECT_EQ(0, exit_status(pid));
}

/* Each producer's messages in order, whatever way they take; some by batches. */
#define PRODUCERS 3
#define EACH 4000

struct numbered {
	unsigned int producer;
	unsigned int number;
};

static int produce(pyq_queue *q, unsigned int producer)
{
	for (unsigned int at = 1; at <= EACH;) {
		unsigned int n = 1 + at % 7 * (producer % 2);
		struct numbered m[8];
		struct pyq_msg msgs[8];
		ssize_t done;

		for (unsigned int i = 0; i < n; i++) {
			m[i] = (struct numbered){ producer, at + i };
			msgs[i] = (struct pyq_msg){ .data = &m[i], .len = sizeof(m[i]) };
		}
		if (at + n > EACH + 1)
			n = EACH + 1 - at;
		done = pyq_put_many(q, msgs, n, PYQ_NOWAIT);
		if (done < 1)
			return 1;
		at += (unsigned int)done;
	}
	return 0;
}

TEST_F(unbounded, many)
{
	unsigned int seen[PRODUCERS] = { 0 };
	pid_t pids[PRODUCERS];
	struct numbered m;

	for (unsigned int p = 0; p < PRODUCERS; p++)
		pids[p] = in_child(produce(self->q, p));
	for (unsigned int i = 0; i < PRODUCERS * EACH; i++) {
		ASSERT_EQ(sizeof(m), pyq_get(self->q, &m, sizeof(m), LONG));
		ASSERT_EQ(seen[m.producer] + 1, m.number) TH_LOG("of producer %u", m.producer);
		seen[m.producer]++;
	}
	for (unsigned int p = 0; p < PRODUCERS; p++)
		EXPECT_EQ(0, exit_status(pids[p]));
	EXPECT_EQ(0, pyq_qsize(self->q));
}

TEST_HARNESS_MAIN
