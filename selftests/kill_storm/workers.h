/* SPDX-License-Identifier: GPL-2.0 */
/* Those who put and get until they are killed, or told to stop. */
#ifndef KILL_STORM_WORKERS_H
#define KILL_STORM_WORKERS_H

#include "ways.h"

/* How they end, if it is not as they should. */
enum wrong { PUT_FAILED = 1, GET_FAILED, NOT_DEAD, IN_PART, NOBODYS, BAD_LENGTH, TWICE,
	     NEVER_PUT, OUT_OF_ORDER };

static const char *const wrongs[] = {
	[PUT_FAILED] = "a put failed",
	[GET_FAILED] = "a get failed",
	[NOT_DEAD] = "a bad address was good",
	[IN_PART] = "a message came in part",
	[NOBODYS] = "a message of nobody, or of another round",
	[BAD_LENGTH] = "a message of another length",
	[TWICE] = "a message came twice",
	[NEVER_PUT] = "a message that was never put",
	[OUT_OF_ORDER] = "a message came out of order",
};

/* An address at which there is nothing; the compiler is not to know. */
static void *volatile nowhere = (void *)8;

/* To the module a bad address is an error: he dies by himself then, with nothing in hand. */
static void die_of(ssize_t ret)
{
	if (ret == -EFAULT)
		kill(getpid(), SIGKILL);
}

/* The next @n numbers of @me; the last of them from nowhere if @doomed. */
static int put_numbers(FIXTURE_DATA(storm) *self, uint32_t me, unsigned int n, bool doomed,
		       int64_t timeout)
{
	static struct message room[BATCH];
	struct account *a = self->a;
	const uint64_t first = load(&a->next[me]);
	struct pyq_msg msgs[BATCH] = { };
	ssize_t ret;

	store(&a->next[me], first + n);
	for (unsigned int i = 0; i < n; i++) {
		write_message(&room[i], me, first + i);
		msgs[i].data = &room[i];
		msgs[i].len = length_of(first + i, self->large);
		add_known(a, me, first + i, BEGUN);
	}
	if (doomed) {
		msgs[n - 1].data = nowhere;
		add_known(a, me, first + n - 1, NEVER);
	}
	for (unsigned int done = 0; done < n; done += ret) {
		if (n - done == 1)
			ret = pyq_put(self->q, msgs[done].data, msgs[done].len, timeout) ?: 1;
		else
			ret = pyq_put_many(self->q, &msgs[done], n - done, timeout);
		if (ret < 0 && doomed)
			die_of(ret);
		if (ret < 0)
			return ret;
		for (unsigned int i = done; i < done + ret; i++)
			add_known(a, me, first + i, PUT);
	}
	return 0;
}

/* One number, written where it will lie; not put after all if @discard. */
static int put_by_loan(FIXTURE_DATA(storm) *self, uint32_t me, bool doomed, bool discard)
{
	struct account *a = self->a;
	const uint64_t number = load(&a->next[me]);
	struct pyq_loan loan;
	struct message m;
	int err;

	if (length_of(number, self->large) == LARGE)
		return put_numbers(self, me, 1, doomed, PYQ_FOREVER);
	store(&a->next[me], number + 1);
	add_known(a, me, number, BEGUN | (doomed || discard ? NEVER : 0));
	write_message(&m, me, number);
	err = pyq_reserve(self->q, &loan, PYQ_FOREVER);
	if (err)
		return err;
	memcpy(doomed ? nowhere : loan.data, &m, offsetof(struct message, rest));
	if (discard)
		return pyq_discard(self->q, &loan);
	err = pyq_commit(self->q, &loan, offsetof(struct message, rest));
	if (!err)
		add_known(a, me, number, PUT);
	return err;
}

static int put_end(FIXTURE_DATA(storm) *self, uint32_t me)
{
	struct message m;

	write_message(&m, me, END);
	return pyq_put(self->q, &m, offsetof(struct message, rest), PYQ_FOREVER);
}

/* @doom: after how many turns it dies by an address, 0 for not at all. */
static void putter(FIXTURE_DATA(storm) *self, uint32_t me, unsigned int doom)
{
	struct account *a = self->a;

	for (unsigned int turn = 1; !load(&a->stop); turn++) {
		int err;

		if (load(&a->next[me]) - a->base[me] > NUMBERS - BATCH) {
			let_others_run(); /* until the round is over */
			continue;
		}
		if (self->view.hdr && turn % 4 == 0)
			err = put_by_loan(self, me, turn == doom, turn % 32 == 0);
		else
			err = put_numbers(self, me, turn % 8 == 1 ? BATCH : 1, turn == doom,
					  PYQ_FOREVER);
		if (err)
			_exit(PUT_FAILED);
		if (turn == doom)
			_exit(NOT_DEAD);
	}
	if (load(&a->stop) == STOP_AND_SAY_SO && put_end(self, me))
		_exit(PUT_FAILED);
	_exit(0);
}

/* Account for a message that a get has returned. Return: 0, or what is wrong. */
static int take(FIXTURE_DATA(storm) *self, struct hand *hand, const struct pyq_msg *msg,
		const struct message *m, unsigned int *ends)
{
	const unsigned int before = msg->deliveries - 1;
	uint16_t known;

	if (!is_whole(m, msg->len))
		return IN_PART;
	if (m->number == END) {
		++*ends;
		return 0;
	}
	if (!is_of_this_round(self->a, m->putter, m->number))
		return NOBODYS;
	if (msg->len != length_of(m->number, self->large))
		return BAD_LENGTH;
	known = __atomic_fetch_or(known_of(self->a, m->putter, m->number),
				  TAKEN | (before < 255 ? before : 255) * DELIVERIES,
				  __ATOMIC_SEQ_CST);
	if (known & TAKEN)
		return TWICE;
	if (known & NEVER || !(known & BEGUN))
		return NEVER_PUT;
	if (before || load(&self->a->given_back))
		return 0;
	/* Not out of a dead hand: in order, all together and each putter's. */
	if (msg->id < hand->last_id || m->number < hand->next[m->putter])
		return OUT_OF_ORDER;
	hand->last_id = msg->id + 1;
	hand->next[m->putter] = m->number + 1;
	return 0;
}

static int get_some(FIXTURE_DATA(storm) *self, uint32_t me, unsigned int n, bool doomed,
		    int64_t timeout, unsigned int *ends)
{
	struct hand *hand = &self->a->hands[me];
	ssize_t ret;

	for (unsigned int i = 0; i < n; i++)
		hand->msgs[i] = (struct pyq_msg){ .data = &hand->room[i], .size = LARGE };
	if (doomed) {
		hand->msgs[n - 1].data = nowhere;
		/* A large one may be given back, and then comes again as if for the first time. */
		store(&self->a->given_back, self->large);
	}
	if (n == 1)
		ret = pyq_get_msg(self->q, hand->msgs, timeout);
	else
		ret = pyq_get_many(self->q, hand->msgs, n, timeout);
	if (ret < 0 && doomed)
		die_of(ret);
	if (ret < 0)
		return ret;
	if (n == 1)
		ret = 1;
	for (int i = 0; i < ret; i++) {
		int wrong = take(self, hand, &hand->msgs[i], &hand->room[i], ends);

		if (wrong)
			return wrong;
	}
	return 0;
}

/* One message, read where it lies. */
static int get_by_loan(FIXTURE_DATA(storm) *self, uint32_t me, bool doomed, unsigned int *ends)
{
	struct hand *hand = &self->a->hands[me];
	struct pyq_loan loan;
	int err = pyq_borrow(self->q, &loan, PYQ_FOREVER);

	if (err)
		return err;
	hand->msgs[0] = (struct pyq_msg){ .len = loan.size, .id = loan.id,
					  .deliveries = loan.deliveries };
	memcpy(doomed ? nowhere : &hand->room[0], loan.data, loan.size);
	err = pyq_release(self->q, &loan);
	return err ?: take(self, hand, &hand->msgs[0], &hand->room[0], ends);
}

/*
 * The pages that a getter gets into, so that it has them. A get that sleeps in the
 * kernel gives back what it cannot write without a page fault, and takes it again: in
 * between, another getter may have it, out of its order.
 */
static void have_pages_of(struct hand *hand)
{
	for (size_t i = 0; i < sizeof(*hand); i += 4096)
		__atomic_fetch_add((char *)hand + i, 0, __ATOMIC_RELAXED);
	__atomic_fetch_add((char *)(hand + 1) - 1, 0, __ATOMIC_RELAXED);
}

static void getter(FIXTURE_DATA(storm) *self, uint32_t me, unsigned int doom)
{
	have_pages_of(&self->a->hands[me]);
	for (unsigned int turn = 1;; turn++) {
		unsigned int ends = 0;
		int ret;

		if (self->view.hdr && turn % 4 == 0)
			ret = get_by_loan(self, me, turn == doom, &ends);
		else
			ret = get_some(self, me, turn % 8 == 1 ? BATCH : 1, turn == doom,
				       PYQ_FOREVER, &ends);
		if (ret == -ESHUTDOWN)
			_exit(0);
		if (ret)
			_exit(ret < 0 ? GET_FAILED : ret);
		if (!ends)
			continue;
		/* One is for me, the others were for others. */
		while (--ends)
			if (put_end(self, 0))
				_exit(PUT_FAILED);
		_exit(0);
	}
}

static const char *how_it_ended(int how)
{
	static char text[64];

	if (how == -STAYED)
		return "it could not go the way that it was told";
	if (how < 0 && -how < (int)(sizeof(wrongs) / sizeof(wrongs[0])) && wrongs[-how])
		return wrongs[-how];
	snprintf(text, sizeof(text), "it ended with %d", how);
	return text;
}

static void revive(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self, bool doom)
{
	for (int i = 0; i < ALL; i++) {
		unsigned int when = 0;

		if (self->pids[i])
			continue;
		/* What is at a bad address kills only where the queue is mapped. */
		if (doom && self->view.hdr && rand_r(&self->seed) % 4 == 0)
			when = 1 + rand_r(&self->seed) % 50;
		self->doomed[i] = when;
		self->pids[i] = spawn();
		if (!self->pids[i])
			prepare_to_go(self);
		if (!self->pids[i] && i < PUTTERS)
			putter(self, i, when);
		if (!self->pids[i])
			getter(self, i - PUTTERS, when);
		ASSERT_LT(0, self->pids[i]);
	}
}

#endif
