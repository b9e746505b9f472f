/* SPDX-License-Identifier: GPL-2.0 */
/* Is the bound kept while all are at work, and is it exact when they stand still? */
#ifndef KILL_STORM_BOUND_H
#define KILL_STORM_BOUND_H

#include "death.h"
#include "watch.h"

/*
 * Never more than maxsize: tail is read first and head only grows, so what is
 * found has been so when tail was read, or less.
 */
static void look_at_bound(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self)
{
	uint64_t n = view_tail(&self->view);

	n -= view_head(&self->view);
	ASSERT_GE((int64_t)self->maxsize, (int64_t)n);
}

/* One more, if there is room. */
static bool put_or_not(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self)
{
	int err = put_numbers(self, SELF_PUTS, 1, false, PYQ_NOWAIT);

	if (!err)
		return true;
	ASSERT_EQ(-EAGAIN, err);
	/* The number has not been put: it is the next one's. */
	self->a->next[SELF_PUTS]--;
	*known_of(self->a, SELF_PUTS, self->a->next[SELF_PUTS]) = 0;
	return false;
}

/* So many until it is full. */
static int fill(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self)
{
	int n = 0;

	while (put_or_not(_metadata, self)) {
		ASSERT_GE(self->maxsize, ++n);
	}
	return n;
}

/* Somebody dies with a message in hand, and now and then one with a slot, if they get one. */
static void die_at_work(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self)
{
	for (int gets = 1; gets >= (int)self->frozen % 2; gets--) {
		unsigned int ends = 0;
		pid_t pid = spawn();
		int how;

		if (!pid && gets)
			leave(get_some(self, SELF_GETS, 1, true, PYQ_NOWAIT, &ends));
		if (!pid)
			leave(put_numbers(self, SELF_PUTS, 1, true, PYQ_NOWAIT));
		ASSERT_LT(0, pid);
		how = reap(pid);
		if (how == -EAGAIN)
			continue;
		ASSERT_TRUE(how == KILLED_BY(SIGSEGV) || how == KILLED_BY(SIGKILL))
			TH_LOG("%s", how_it_ended(how));
		self->kills++;
		self->dead_putters += !gets;
		self->dead_getters += gets;
		self->dead_in_get += gets && how == KILLED_BY(SIGSEGV);
	}
}

/*
 * A put has said "full". There are maxsize messages; or less, because the slot in
 * question is held by somebody, one lap back, or because there is a tombstone
 * behind a message: it goes when that has gone.
 */
static void check_full(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self, uint64_t qsize)
{
	const uint64_t tail = view_tail(&self->view), head = view_head(&self->view);
	const unsigned int state = pyq_word_state(view_word(&self->view, tail));
	uint64_t orphans = 0, tombstones = 0;

	for (uint64_t pos = head; pos < tail; pos++)
		tombstones += view_is(&self->view, pos, PYQUEUE_ABORTED);
	for (uint64_t i = 0; i >> self->view.hdr->order == 0; i++)
		orphans += pyq_word_state(view_word(&self->view, i)) == PYQUEUE_ORPHAN;
	ASSERT_EQ(tail - head - tombstones + orphans, qsize);
	ASSERT_GE(self->maxsize + orphans, qsize);
	if (tail - head == self->maxsize) {
		ASSERT_FALSE(view_is(&self->view, head, PYQUEUE_ABORTED));
		self->full_tombstone += qsize < self->maxsize;
	} else {
		ASSERT_TRUE(view_is_behind(&self->view, tail));
		ASSERT_TRUE(state == PYQUEUE_READING || state == PYQUEUE_ORPHAN ||
			    state == PYQUEUE_SKIPPING);
		self->full_held += qsize < self->maxsize;
	}
	self->over += qsize > self->maxsize;
}

/* All others stand still, wherever they are, so everything is exact. */
static void look_at_full(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self)
{
	struct pyq_stat st;
	int n;

	for (int i = 0; i < ALL; i++) {
		int status;

		ASSERT_EQ(0, kill(self->pids[i], SIGSTOP));
		ASSERT_EQ(self->pids[i], waitpid(self->pids[i], &status, WUNTRACED));
		if (!WIFSTOPPED(status))
			bury(_metadata, self, i, how_of(status));
	}
	ASSERT_EQ(0, pyq_stat(self->q, &st)); /* and settles what the dead have left */
	if (self->view.hdr) {
		put_or_not(_metadata, self);
		die_at_work(_metadata, self);
		ASSERT_EQ(0, pyq_stat(self->q, &st));
	}
	n = fill(_metadata, self);
	ASSERT_EQ(st.qsize + n, pyq_qsize(self->q));
	if (self->view.hdr)
		check_full(_metadata, self, st.qsize + n);
	else /* The module's: nobody stands still with a slot in hand. */
		ASSERT_EQ(self->maxsize, st.qsize + n);
	self->frozen++;
	for (int i = 0; i < ALL; i++)
		if (self->pids[i])
			ASSERT_EQ(0, kill(self->pids[i], SIGCONT));
}

#endif
