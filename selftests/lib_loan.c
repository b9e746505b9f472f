// SPDX-License-Identifier: GPL-2.0
/* Slots on loan, and the queue: order, bound, and who is called, whichever way a loan ends. */
#include "lib_loan.h"

/* proves: promise loans, pyq_borrow -EAGAIN, pyq_commit -E2BIG */
TEST(in_place)
{
	NEEDS_LOANS();
	pyq_queue *q = new_queue(.maxsize = 3, .payload = 100);
	struct pyq_loan room, message;
	uint64_t id;

	EXPECT_EQ(112, pyq_payload(q));
	ASSERT_EQ(0, lib(pyq_reserve(q, &room, PYQ_NOWAIT)));
	EXPECT_EQ(pyq_payload(q), room.size);
	EXPECT_EQ(0, (uintptr_t)room.data % 16);
	EXPECT_EQ(-EAGAIN, lib(pyq_borrow(q, &message, PYQ_NOWAIT)));
	EXPECT_EQ(NULL, message.data);
	id = room.id;
	memset(room.data, 7, room.size);
	EXPECT_EQ(-E2BIG, lib(pyq_commit(q, &room, room.size + 1)));
	EXPECT_EQ(0, lib(pyq_commit(q, &room, room.size)));
	EXPECT_EQ(NULL, room.data);
	EXPECT_EQ(1, pyq_qsize(q));

	ASSERT_EQ(0, lib(pyq_borrow(q, &message, PYQ_NOWAIT)));
	EXPECT_EQ(112, message.size);
	EXPECT_EQ(id, message.id);
	EXPECT_EQ(1, message.deliveries);
	for (size_t i = 0; i < message.size; i++)
		ASSERT_EQ(7, ((char *)message.data)[i]);
	/* In hand, hence not in the queue. */
	EXPECT_EQ(0, pyq_qsize(q));
	EXPECT_EQ(-EAGAIN, lib(pyq_get(q, NULL, 0, PYQ_NOWAIT)));
	EXPECT_EQ(0, lib(pyq_release(q, &message)));
	EXPECT_EQ(NULL, message.data);
	EXPECT_EQ(-EAGAIN, lib(pyq_join(q, PYQ_NOWAIT)));
	EXPECT_EQ(0, lib(pyq_task_done(q, 1)));
	EXPECT_EQ(0, lib(pyq_join(q, PYQ_NOWAIT)));
	pyq_close(q);
}

/* Also of an empty message there is something to give back. */
TEST(empty_message)
{
	NEEDS_LOANS();
	pyq_queue *q = new_queue(.maxsize = 1);
	struct pyq_loan loan;

	ASSERT_EQ(0, lib(pyq_reserve(q, &loan, PYQ_NOWAIT)));
	EXPECT_EQ(0, lib(pyq_commit(q, &loan, 0)));
	ASSERT_EQ(0, lib(pyq_borrow(q, &loan, PYQ_NOWAIT)));
	EXPECT_EQ(0, loan.size);
	EXPECT_NE(NULL, loan.data);
	EXPECT_EQ(0, lib(pyq_release(q, &loan)));
	pyq_close(q);
}

/* What is committed is had in the order in which it was reserved. */
TEST(order)
{
	NEEDS_LOANS();
	pyq_queue *q = new_queue(.maxsize = 4);
	struct pyq_loan first, second;

	ASSERT_EQ(0, pyq_reserve(q, &first, PYQ_NOWAIT));
	ASSERT_EQ(0, pyq_reserve(q, &second, PYQ_NOWAIT));
	ASSERT_EQ(0, put_text(q, "third"));
	ASSERT_EQ(0, commit_text(q, &second, "second"));
	EXPECT_FALSE(takes(q, "second", PYQ_NOWAIT));
	ASSERT_EQ(0, commit_text(q, &first, "first"));
	EXPECT_TRUE(takes(q, "first", PYQ_NOWAIT));
	EXPECT_TRUE(takes(q, "second", PYQ_NOWAIT));
	EXPECT_TRUE(takes(q, "third", PYQ_NOWAIT));
	pyq_close(q);
}

/* proves: pyq_reserve -EAGAIN, pyq_reserve -ETIMEDOUT, pyq_borrow -ETIMEDOUT */
TEST(bound)
{
	NEEDS_LOANS();
	pyq_queue *q = new_queue(.maxsize = 3);
	struct pyq_loan loans[4];

	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, pyq_reserve(q, &loans[i], PYQ_NOWAIT));
	EXPECT_EQ(-EAGAIN, lib(pyq_reserve(q, &loans[3], PYQ_NOWAIT)));
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_reserve(q, &loans[3], PYQ_MILLISECONDS(5))));
	EXPECT_EQ(-EAGAIN, lib(put_text(q, "no")));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, commit_text(q, &loans[i], "yes"));
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, pyq_borrow(q, &loans[i], PYQ_NOWAIT));
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_borrow(q, &loans[3], PYQ_MILLISECONDS(5))));
	/* Three slots of four are on loan, and nothing is in the queue: one fits. */
	EXPECT_EQ(0, put_text(q, "a fourth slot"));
	EXPECT_EQ(-EAGAIN, put_text(q, "the ring has come round"));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, pyq_release(q, &loans[i]));
	EXPECT_TRUE(takes(q, "a fourth slot", PYQ_NOWAIT));
	pyq_close(q);
}

TEST(discard)
{
	NEEDS_LOANS();
	pyq_queue *q = new_queue(.maxsize = 2);
	struct pyq_loan loan;

	ASSERT_EQ(0, pyq_reserve(q, &loan, PYQ_NOWAIT));
	ASSERT_EQ(0, put_text(q, "behind"));
	EXPECT_FALSE(takes(q, "behind", PYQ_NOWAIT));
	EXPECT_EQ(0, lib(pyq_discard(q, &loan)));
	EXPECT_EQ(NULL, loan.data);
	EXPECT_EQ(1, pyq_qsize(q));
	EXPECT_TRUE(takes(q, "behind", PYQ_NOWAIT));
	EXPECT_EQ(0, lib(pyq_task_done(q, 1)));
	EXPECT_EQ(0, lib(pyq_join(q, PYQ_NOWAIT)));
	EXPECT_EQ(-EINVAL, lib(pyq_task_done(q, 1)));
	pyq_close(q);
}

TEST(give_back)
{
	NEEDS_LOANS();
	pyq_queue *q = new_queue(.maxsize = 2);
	struct pyq_loan loan;
	uint64_t id;

	ASSERT_EQ(0, put_text(q, "old"));
	ASSERT_EQ(0, put_text(q, "new"));
	ASSERT_EQ(0, pyq_borrow(q, &loan, PYQ_NOWAIT));
	id = loan.id;
	EXPECT_EQ(0, lib(pyq_give_back(q, &loan)));
	EXPECT_EQ(NULL, loan.data);
	EXPECT_EQ(2, pyq_qsize(q));
	ASSERT_EQ(0, pyq_borrow(q, &loan, PYQ_NOWAIT));
	EXPECT_EQ(id, loan.id);
	EXPECT_EQ(1, loan.deliveries);
	EXPECT_EQ(0, memcmp(loan.data, "old", 3));
	EXPECT_EQ(0, lib(pyq_release(q, &loan)));
	EXPECT_TRUE(takes(q, "new", PYQ_NOWAIT));
	pyq_close(q);
}

/* One that does not fit the ring is lent as a copy, with the same promises. */
TEST(large_message)
{
	NEEDS_LOANS();
	pyq_queue *q = new_queue(.maxsize = 2, .payload = 48);
	struct pyq_loan loan;
	char text[9000], *got;
	struct pyq_stat st;

	memset(text, 'x', sizeof(text));
	ASSERT_EQ(0, pyq_put(q, text, sizeof(text), PYQ_NOWAIT));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, lib(pyq_borrow(q, &loan, PYQ_NOWAIT)));
		ASSERT_EQ(sizeof(text), loan.size);
		got = loan.data;
		EXPECT_EQ(0, memcmp(text, got, sizeof(text)));
		if (!i) {
			EXPECT_EQ(0, lib(pyq_give_back(q, &loan)));
		}
	}
	EXPECT_EQ(0, lib(pyq_release(q, &loan)));
	ASSERT_EQ(0, pyq_stat(q, &st));
	EXPECT_EQ(0, st.qsize);
	EXPECT_EQ(0, st.large_bytes);
	pyq_close(q);
}

/* What was behind a reserved slot is dropped when that is discarded. */
TEST(discarded_after_an_immediate_shutdown)
{
	NEEDS_LOANS();
	pyq_queue *q = new_queue(.maxsize = 4, .payload = 48);
	struct pyq_loan loan;
	char text[64];

	ASSERT_EQ(0, pyq_reserve(q, &loan, PYQ_NOWAIT));
	ASSERT_EQ(0, put_text(q, "behind"));
	ASSERT_EQ(0, pyq_shutdown(q, true));
	EXPECT_EQ(0, lib(pyq_discard(q, &loan)));
	EXPECT_EQ(-ESHUTDOWN, pyq_get(q, text, sizeof(text), PYQ_NOWAIT));
	EXPECT_EQ(0, pyq_join(q, PYQ_NOWAIT));
	pyq_close(q);
}

/* More tombstones than are passed at once do not keep the rest from being dropped. */
TEST(shutdown_behind_many_tombstones)
{
	NEEDS_LOANS();
	enum { TOMBSTONES = 1100 };
	pyq_queue *q = new_queue(.maxsize = 2048, .payload = 48);
	struct pyq_loan loan, other;
	char text[64];

	ASSERT_EQ(0, pyq_reserve(q, &loan, PYQ_NOWAIT));
	for (int i = 0; i < TOMBSTONES; i++) {
		ASSERT_EQ(0, pyq_reserve(q, &other, PYQ_NOWAIT));
		ASSERT_EQ(0, pyq_discard(q, &other));
	}
	ASSERT_EQ(0, put_text(q, "behind"));
	ASSERT_EQ(0, pyq_shutdown(q, true));
	EXPECT_EQ(0, commit_text(q, &loan, "first"));
	EXPECT_EQ(-ESHUTDOWN, pyq_get(q, text, sizeof(text), PYQ_NOWAIT));
	EXPECT_EQ(0, pyq_join(q, PYQ_NOWAIT));
	pyq_close(q);
}

static ssize_t take_one(pyq_queue *q)
{
	char buf[256];

	return pyq_get(q, buf, sizeof(buf), LONG);
}

/* Who waits behind a reservation is called when it ends, whichever way. */
TEST(end_calls_getters)
{
	NEEDS_LOANS();
	for (int discard = 0; discard < 2; discard++) {
		pyq_queue *q = new_queue(.maxsize = 4);
		struct pyq_loan loan;
		pid_t getters[2];

		ASSERT_EQ(0, pyq_reserve(q, &loan, PYQ_NOWAIT));
		ASSERT_EQ(0, put_text(q, "behind"));
		ASSERT_EQ(0, put_text(q, "behind"));
		for (int i = 0; i < 2; i++)
			getters[i] = in_child(take_one(q) == 6 ? 0 : 1);
		ASSERT_TRUE(lib_wait_sleepers(q, getters, 2));
		if (discard) {
			ASSERT_EQ(0, pyq_discard(q, &loan));
		} else {
			ASSERT_EQ(0, commit_text(q, &loan, "before"));
		}
		EXPECT_EQ(0, exit_status(getters[0]));
		EXPECT_EQ(0, exit_status(getters[1]));
		pyq_close(q);
	}
}

/* Of a full queue, who waits for room is called when that comes, whichever way. */
TEST(end_calls_putters)
{
	NEEDS_LOANS();
	enum { DISCARD, BORROW, RELEASE, WAYS };

	for (int way = 0; way < WAYS; way++) {
		/* With more slots than messages it is the claim that makes room. */
		pyq_queue *q = new_queue(.maxsize = way == BORROW ? 3 : 4);
		struct pyq_loan loan;
		pid_t putter;

		for (int i = 0; i < pyq_maxsize(q) - 1; i++)
			ASSERT_EQ(0, put_text(q, "there"));
		if (way == DISCARD) {
			while (takes(q, "there", PYQ_NOWAIT))
				;
			ASSERT_EQ(0, pyq_reserve(q, &loan, PYQ_NOWAIT));
			while (!put_text(q, "there"))
				;
		} else {
			ASSERT_EQ(0, put_text(q, "there"));
		}
		if (way == RELEASE) {
			ASSERT_EQ(0, pyq_borrow(q, &loan, PYQ_NOWAIT));
		}
		putter = in_child(pyq_put(q, "more", 4, LONG) ? 1 : 0);
		ASSERT_TRUE(lib_wait_sleepers(q, putters, 1));
		if (way == DISCARD) {
			ASSERT_EQ(0, pyq_discard(q, &loan));
		} else if (way == BORROW) {
			ASSERT_EQ(0, pyq_borrow(q, &loan, PYQ_NOWAIT));
		} else {
			ASSERT_EQ(0, pyq_release(q, &loan));
		}
		EXPECT_EQ(0, exit_status(putter));
		pyq_close(q);
	}
}

/* The last reservation discarded, nothing is unfinished. */
TEST(discard_calls_joiners)
{
	NEEDS_LOANS();
	pyq_queue *q = new_queue(.maxsize = 4);
	struct pyq_loan loan;
	pid_t joiner;

	ASSERT_EQ(0, pyq_reserve(q, &loan, PYQ_NOWAIT));
	joiner = in_child(pyq_join(q, LONG) ? 1 : 0);
	ASSERT_TRUE(lib_wait_sleepers(q, joiners, 1));
	ASSERT_EQ(0, pyq_discard(q, &loan));
	EXPECT_EQ(0, exit_status(joiner));
	pyq_close(q);
}

/* Given back, it is for one who waits. */
TEST(give_back_calls)
{
	NEEDS_LOANS();
	pyq_queue *q = new_queue(.maxsize = 1);
	struct pyq_loan loan;
	pid_t getter;

	ASSERT_EQ(0, put_text(q, "once"));
	ASSERT_EQ(0, pyq_borrow(q, &loan, PYQ_NOWAIT));
	getter = in_child(take_one(q) == 4 ? 0 : 1);
	ASSERT_TRUE(lib_wait_sleepers(q, getters, 1));
	ASSERT_EQ(0, pyq_give_back(q, &loan));
	EXPECT_EQ(0, exit_status(getter));
	pyq_close(q);
}

TEST(waits)
{
	NEEDS_LOANS();
	pyq_queue *q = new_queue(.maxsize = 1);
	struct pyq_loan loan;
	pid_t other;

	other = in_child(({
		struct pyq_loan theirs;

		pyq_borrow(q, &theirs, LONG) || memcmp(theirs.data, "hello", 5) ||
			pyq_release(q, &theirs);
	}));
	ASSERT_TRUE(lib_wait_sleepers(q, getters, 1));
	ASSERT_EQ(0, put_text(q, "hello"));
	EXPECT_EQ(0, exit_status(other));

	ASSERT_EQ(0, put_text(q, "full"));
	other = in_child(({
		struct pyq_loan theirs;

		pyq_reserve(q, &theirs, LONG) || commit_text(q, &theirs, "second");
	}));
	ASSERT_TRUE(lib_wait_sleepers(q, putters, 1));
	ASSERT_EQ(0, pyq_borrow(q, &loan, PYQ_NOWAIT));
	ASSERT_EQ(0, pyq_release(q, &loan));
	EXPECT_EQ(0, exit_status(other));
	EXPECT_TRUE(takes(q, "second", PYQ_NOWAIT));
	pyq_close(q);
}

/* proves: pyq_reserve -ESHUTDOWN, pyq_borrow -ESHUTDOWN */
TEST(shut_down)
{
	NEEDS_LOANS();
	for (int immediate = 0; immediate < 2; immediate++) {
		pyq_queue *q = new_queue(.maxsize = 4);
		struct pyq_loan reserved, borrowed, loan;

		ASSERT_EQ(0, put_text(q, "one"));
		ASSERT_EQ(0, put_text(q, "two"));
		ASSERT_EQ(0, pyq_borrow(q, &borrowed, PYQ_NOWAIT));
		ASSERT_EQ(0, pyq_reserve(q, &reserved, PYQ_NOWAIT));
		ASSERT_EQ(0, pyq_shutdown(q, immediate));
		EXPECT_EQ(-ESHUTDOWN, lib(pyq_reserve(q, &loan, PYQ_NOWAIT)));
		/* Begun before: it is put, or dropped like the rest. */
		EXPECT_EQ(0, lib(commit_text(q, &reserved, "three")));
		EXPECT_EQ(0, lib(pyq_give_back(q, &borrowed)));
		if (!immediate) {
			EXPECT_TRUE(takes(q, "one", PYQ_NOWAIT));
			EXPECT_TRUE(takes(q, "two", PYQ_NOWAIT));
			EXPECT_TRUE(takes(q, "three", PYQ_NOWAIT));
			EXPECT_EQ(0, pyq_task_done(q, 3));
		}
		EXPECT_EQ(-ESHUTDOWN, lib(pyq_borrow(q, &loan, LONG)));
		EXPECT_EQ(0, lib(pyq_join(q, PYQ_NOWAIT)));
		pyq_close(q);
	}
}

static void *end_them(void *arg)
{
	pyq_queue *q = arg;
	struct pyq_loan loan;
	int i;

	for (i = 0; i < 20000; i++) {
		if (pyq_reserve(q, &loan, LONG))
			break;
		*(int *)loan.data = i;
		if (i % 3 ? pyq_commit(q, &loan, sizeof(int)) : pyq_discard(q, &loan))
			break;
		if (!(i % 3))
			continue;
		if (pyq_borrow(q, &loan, LONG))
			break;
		if (i % 5 ? pyq_release(q, &loan) : pyq_give_back(q, &loan))
			break;
		if (!(i % 5) && (pyq_borrow(q, &loan, LONG) || pyq_release(q, &loan)))
			break;
	}
	return i == 20000 ? NULL : arg;
}

/* A handle shared by threads that do all of it at once. */
TEST(threads)
{
	NEEDS_LOANS();
	pyq_queue *q = new_queue(.maxsize = 3, .payload = 48);
	pthread_t threads[4];
	void *failed;

	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, end_them, q));
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &failed);
		EXPECT_EQ(NULL, failed);
	}
	EXPECT_EQ(0, pyq_qsize(q));
	pyq_close(q);
}



TEST_HARNESS_MAIN
