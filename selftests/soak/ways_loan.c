// SPDX-License-Identifier: GPL-2.0
/* Messages written and read where they lie. */
#include "ways.h"

/* Now and then it takes its time over it: who is killed meanwhile has it in hand. */
static void work_on_it(struct worker *w)
{
	if (one_in(&w->chance, 16))
		nanosleep(&(struct timespec){ .tv_nsec = any(&w->chance, 3000000) }, NULL);
}

void put_by_loan(struct worker *w)
{
	const int64_t timeout = any_timeout(w);
	struct pyq_loan loan;
	uint32_t number;
	size_t len;
	int err;

	if (!can_intend(w, 1))
		return;
	begin(w, LENDING, timeout);
	err = pyq_reserve(w->q, &loan, timeout);
	if (err) {
		may_fail(w, "pyq_reserve()", err);
		return;
	}
	number = intend(w, loan.size, &len);
	work_on_it(w);
	compose(w, loan.data, number, len);
	w->place->counts.loans++;
	if (one_in(&w->chance, 8)) {
		was_not_put(w, number);
		err = pyq_discard(w->q, &loan);
		if (err)
			fail(w, "pyq_discard(): %s", pyq_strerror(err));
		return;
	}
	err = pyq_commit(w->q, &loan, len);
	if (err)
		fail(w, "pyq_commit(): %s", pyq_strerror(err));
	was_put(w, number, len);
}

void get_by_loan(struct worker *w)
{
	const int64_t timeout = any_timeout(w);
	char *const hand = w->place->hand[0];
	struct pyq_loan loan;
	uint32_t deliveries;
	size_t len;
	int err;

	begin(w, LENDING, timeout);
	err = pyq_borrow(w->q, &loan, timeout);
	if (err) {
		may_fail(w, "pyq_borrow()", err);
		return;
	}
	w->place->counts.loans++;
	work_on_it(w);
	if (one_in(&w->chance, 8)) {
		err = pyq_give_back(w->q, &loan);
		if (err)
			fail(w, "pyq_give_back(): %s", pyq_strerror(err));
		return;
	}
	if (loan.size > LONGEST)
		fail(w, "a message of %zu bytes on loan", loan.size);
	len = loan.size;
	deliveries = loan.deliveries;
	memcpy(hand, loan.data, len);
	err = pyq_release(w->q, &loan);
	if (err)
		fail(w, "pyq_release(): %s", pyq_strerror(err));
	take(w, hand, len, deliveries);
}
