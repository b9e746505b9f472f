// SPDX-License-Identifier: GPL-2.0
/* Whose a slot on loan is: one handle's of one process, until it is ended once, or they are gone. */
#include "lib_loan.h"

/* proves: pyq_commit -EINVAL, pyq_discard -EINVAL, pyq_release -EINVAL, pyq_give_back -EINVAL */
/* proves: pyq_commit -EOWNERDEAD, pyq_discard -EOWNERDEAD */
/* proves: pyq_release -EOWNERDEAD, pyq_give_back -EOWNERDEAD */
TEST(wrong_loan)
{
	NEEDS_LOANS();
	pyq_queue *q = new_queue(.maxsize = 4), *other;
	struct pyq_loan loan, copy, none = { 0 };

	ASSERT_EQ(0, pyq_from_fd(&other, dup(pyq_fd(q))));
	EXPECT_EQ(-EINVAL, lib(pyq_commit(q, &none, 0)));
	EXPECT_EQ(-EINVAL, lib(pyq_discard(q, &none)));
	EXPECT_EQ(-EINVAL, lib(pyq_release(q, &none)));
	EXPECT_EQ(-EINVAL, lib(pyq_give_back(q, &none)));

	ASSERT_EQ(0, pyq_reserve(q, &loan, PYQ_NOWAIT));
	copy = loan;
	EXPECT_EQ(-EINVAL, lib(pyq_release(q, &loan)));
	EXPECT_EQ(-EINVAL, lib(pyq_give_back(q, &loan)));
	EXPECT_EQ(-EINVAL, lib(pyq_commit(other, &loan, 1)));
	EXPECT_EQ(-EINVAL, lib(pyq_discard(other, &loan)));
	EXPECT_EQ(0, commit_text(q, &loan, "once"));
	EXPECT_EQ(-EINVAL, lib(pyq_commit(q, &loan, 1)));
	/* A copy of a loan that has ended: its slot has moved on. */
	EXPECT_EQ(-EOWNERDEAD, lib(pyq_commit(q, &copy, 1)));
	ASSERT_EQ(0, pyq_reserve(q, &loan, PYQ_NOWAIT));
	copy = loan;
	EXPECT_EQ(0, lib(pyq_discard(q, &loan)));
	EXPECT_EQ(-EOWNERDEAD, lib(pyq_discard(q, &copy)));

	ASSERT_EQ(0, pyq_borrow(q, &loan, PYQ_NOWAIT));
	copy = loan;
	EXPECT_EQ(-EINVAL, lib(pyq_commit(q, &loan, 1)));
	EXPECT_EQ(-EINVAL, lib(pyq_discard(q, &loan)));
	EXPECT_EQ(-EINVAL, lib(pyq_release(other, &loan)));
	EXPECT_EQ(0, lib(pyq_release(q, &loan)));
	EXPECT_EQ(-EINVAL, lib(pyq_release(q, &loan)));
	EXPECT_EQ(-EOWNERDEAD, lib(pyq_release(q, &copy)));
	EXPECT_EQ(0, pyq_qsize(q));
	ASSERT_EQ(0, put_text(q, "twice"));
	ASSERT_EQ(0, pyq_borrow(q, &loan, PYQ_NOWAIT));
	copy = loan;
	EXPECT_EQ(0, lib(pyq_give_back(q, &loan)));
	EXPECT_EQ(-EOWNERDEAD, lib(pyq_give_back(q, &copy)));
	EXPECT_EQ(1, pyq_qsize(q));
	pyq_close(other);
	pyq_close(q);
}

/* A copy of a loan that has ended changes nothing of what is there since. */
TEST(copied_loan)
{
	NEEDS_LOANS();
	pyq_queue *q = new_queue(.maxsize = 4, .payload = 48);
	struct pyq_loan loan, copy;
	char large[4096] = "large", text[64];

	ASSERT_EQ(0, pyq_reserve(q, &loan, PYQ_NOWAIT));
	copy = loan;
	EXPECT_EQ(0, commit_text(q, &loan, "once"));
	EXPECT_EQ(-EOWNERDEAD, lib(pyq_commit(q, &copy, 1)));
	EXPECT_EQ(4, pyq_get(q, text, sizeof(text), PYQ_NOWAIT));

	ASSERT_EQ(0, pyq_put(q, large, sizeof(large), PYQ_NOWAIT));
	ASSERT_EQ(0, pyq_borrow(q, &loan, PYQ_NOWAIT));
	copy = loan;
	EXPECT_EQ(0, lib(pyq_release(q, &loan)));
	EXPECT_EQ(-EOWNERDEAD, lib(pyq_release(q, &copy)));

	/* What is on loan when the queue is closed is counted, whatever copies did. */
	ASSERT_EQ(0, put_text(q, "again"));
	ASSERT_EQ(0, pyq_borrow(q, &loan, PYQ_NOWAIT));
	pyq_close(q);
}

/* Each handle of a process is the first of its queue: their loans look alike. */
TEST(loan_of_another_queue)
{
	NEEDS_LOANS();
	pyq_queue *q = new_queue(.maxsize = 4, .payload = 48);
	pyq_queue *other = new_queue(.maxsize = 4, .payload = 48);
	struct pyq_loan loan, others;
	char text[64];

	ASSERT_EQ(0, pyq_reserve(q, &loan, PYQ_NOWAIT));
	ASSERT_EQ(0, pyq_reserve(other, &others, PYQ_NOWAIT));
	EXPECT_EQ(-EINVAL, lib(pyq_commit(other, &loan, 1)));
	EXPECT_EQ(-EINVAL, lib(pyq_discard(other, &loan)));
	EXPECT_EQ(-EAGAIN, pyq_get(other, text, sizeof(text), PYQ_NOWAIT));
	EXPECT_EQ(0, commit_text(other, &others, "others"));
	EXPECT_EQ(0, commit_text(q, &loan, "ours"));
	EXPECT_EQ(6, pyq_get(other, text, sizeof(text), PYQ_NOWAIT));
	ASSERT_EQ(0, pyq_borrow(q, &loan, PYQ_NOWAIT));
	EXPECT_EQ(-EINVAL, lib(pyq_release(other, &loan)));
	EXPECT_EQ(-EINVAL, lib(pyq_give_back(other, &loan)));
	EXPECT_EQ(0, lib(pyq_release(q, &loan)));
	pyq_close(other);
	pyq_close(q);
}

/* proves: pyq_reserve -EBADF, pyq_borrow -EBADF, pyq_reserve -EINVAL, pyq_borrow -EINVAL */
TEST(handle_access)
{
	NEEDS_LOANS();
	char name[64];
	pyq_queue *q, *half;
	struct pyq_loan loan;

	snprintf(name, sizeof(name), "lib_loan %d", getpid());
	q = new_queue(.maxsize = 1, .name = name);
	ASSERT_EQ(0, pyq_open(&half, name, PYQ_READ));
	EXPECT_EQ(-EBADF, lib(pyq_reserve(half, &loan, PYQ_NOWAIT)));
	pyq_close(half);
	ASSERT_EQ(0, pyq_open(&half, name, PYQ_WRITE));
	EXPECT_EQ(-EBADF, lib(pyq_borrow(half, &loan, PYQ_NOWAIT)));
	EXPECT_EQ(-EINVAL, lib(pyq_reserve(half, &loan, -2)));
	EXPECT_EQ(-EINVAL, lib(pyq_borrow(half, &loan, -2)));
	pyq_close(half);
	pyq_close(q);
	EXPECT_EQ(0, pyq_unlink(name));
}

/* To die with a loan, or to close the queue with one, is the same. */
/* proves: promise loans-of-the-dead */
TEST(left_behind)
{
	NEEDS_LOANS();
	for (int dies = 0; dies < 2; dies++) {
		pyq_queue *q = new_queue(.maxsize = 8, .payload = 48);
		struct pyq_msg msg = { 0 };
		struct pyq_stat st;
		char buf[9000];

		msg.data = buf;
		msg.size = sizeof(buf);
		memset(buf, 'x', sizeof(buf));
		ASSERT_EQ(0, put_text(q, "first"));
		ASSERT_EQ(0, pyq_put(q, buf, sizeof(buf), PYQ_NOWAIT));
		ASSERT_EQ(0, put_text(q, "third"));
		/* Twice, so that it would show if a number is used again too early. */
		for (unsigned int turn = 1; turn < 3; turn++) {
			ASSERT_EQ(dies ? 128 + SIGKILL : 0, exit_status(in_child(({
				struct pyq_loan reserved, first, second;
				int bad;

				bad = pyq_borrow(q, &first, PYQ_NOWAIT) ||
				      first.deliveries != turn ||
				      pyq_borrow(q, &second, PYQ_NOWAIT) ||
				      second.deliveries != turn || second.size != sizeof(buf) ||
				      pyq_reserve(q, &reserved, PYQ_NOWAIT);
				if (dies && !bad)
					kill(getpid(), SIGKILL);
				pyq_close(q);
				bad;
			}))));
			ASSERT_EQ(0, pyq_stat(q, &st)); /* sees to the dead */
			EXPECT_EQ(3, st.qsize);
		}
		EXPECT_EQ(5, pyq_get_msg(q, &msg, LONG));
		EXPECT_EQ(3, msg.deliveries);
		EXPECT_EQ(sizeof(buf), pyq_get_msg(q, &msg, LONG));
		EXPECT_EQ(3, msg.deliveries);
		EXPECT_TRUE(takes(q, "third", LONG));
		EXPECT_EQ(0, pyq_task_done(q, 3));
		EXPECT_EQ(0, lib(pyq_join(q, LONG)));
		ASSERT_EQ(0, pyq_stat(q, &st));
		EXPECT_EQ(0, st.large_bytes);
		pyq_close(q);
	}
}

/* proves: pyq_commit -ESTALE, pyq_discard -ESTALE, pyq_release -ESTALE */
/* proves: pyq_give_back -ESTALE */
TEST(forked)
{
	NEEDS_LOANS();
	pyq_queue *q = new_queue(.maxsize = 4);
	struct pyq_loan reserved, borrowed;

	ASSERT_EQ(0, put_text(q, "one"));
	ASSERT_EQ(0, pyq_borrow(q, &borrowed, PYQ_NOWAIT));
	ASSERT_EQ(0, pyq_reserve(q, &reserved, PYQ_NOWAIT));
	for (int uses = 0; uses < 2; uses++)
		EXPECT_EQ(0, exit_status(in_child(({
			bool bad = uses && pyq_qsize(q) < 0;

			bad = bad || pyq_commit(q, &reserved, 1) != -ESTALE ||
			      pyq_discard(q, &reserved) != -ESTALE ||
			      pyq_release(q, &borrowed) != -ESTALE ||
			      pyq_give_back(q, &borrowed) != -ESTALE;
			pyq_close(q);
			bad;
		}))));
	/* The parent's are what they were. */
	EXPECT_EQ(0, commit_text(q, &reserved, "two"));
	EXPECT_EQ(0, pyq_release(q, &borrowed));
	EXPECT_TRUE(takes(q, "two", PYQ_NOWAIT));
	pyq_close(q);
}

TEST_HARNESS_MAIN
