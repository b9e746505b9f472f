// SPDX-License-Identifier: GPL-2.0
/*
 * What the actors do, by the library's own functions. The scheduler comes in at each
 * step of the ring's code and at each system call, and nowhere else. A planted fault
 * is in a copy of this file and of what it includes.
 */
#include "audit.h"
#include "errands.h"
#include "handles.h"
#include "roles.h"

static void come_to_life(struct actor *a)
{
	if (actor_part(a)->heir_of)
		take_step(STEP_HEIR, NULL, actor_part(a)->heir_of - 1u, true);
}

static bool is_putter(const struct part *p)
{
	return p->script == script_put || (p->script == script_reserve && !p->undoes);
}

static __u8 first_message(const struct actor *a)
{
	unsigned int i, n = 1u + cast.prefill;

	for (i = 0; i < actor_index(a); i++)
		if (is_putter(&cast.parts[i]))
			n += cast.parts[i].n;
	return (__u8)n;
}

void script_put(struct actor *a)
{
	unsigned int at = first_message(a), end = at + actor_part(a)->n;

	come_to_life(a);
	while (at < end) {
		unsigned int most = actor_part(a)->batch;
		struct errand e = { most > 1 ? call_put_many : call_put, ATTEMPT_PUT, at,
				    most < end - at ? most : end - at, NULL };
		ssize_t ret = patiently(a, &e);

		at += ret > 0 ? (unsigned int)ret : 1;
	}
}

static void done_with(struct actor *a, unsigned int n)
{
	if (actor_part(a)->task_done)
		ghost_done(pyqi_mapped_task_done(handle_of(a), n));
}

void script_get(struct actor *a)
{
	unsigned int n = actor_part(a)->n;

	come_to_life(a);
	while (n) {
		unsigned int most = actor_part(a)->batch;
		struct errand e = { actor_part(a)->peeks ? call_get_peeking :
				    most > 1		 ? call_get_many :
							   call_get,
				    ATTEMPT_GET, 0, most < n ? most : n, NULL };
		ssize_t ret = patiently(a, &e);

		if (ret == -ESHUTDOWN)
			return;
		if (ret > 0)
			done_with(a, (unsigned int)ret);
		n -= ret > 0 ? (unsigned int)ret : 1;
	}
}

/* What is lent is not for ever, unless the part says so. */
static void hold(const struct actor *a)
{
	if (actor_part(a)->holds)
		take_step(STEP_HOLD, NULL, 0, 0);
}

void script_reserve(struct actor *a)
{
	unsigned int at = first_message(a), end = at + actor_part(a)->n;

	come_to_life(a);
	for (; at < end; at++) {
		struct pyq_loan loan = { .data = NULL };
		struct errand e = { call_reserve, ATTEMPT_PUT, at, 1, &loan };
		int err;

		if (patiently(a, &e) < 0)
			continue;
		hold(a);
		if (actor_part(a)->undoes) {
			err = pyqi_mapped_loans.discard(handle_of(a), &loan);
		} else {
			payload_write(loan.data, payload_of(at));
			err = pyqi_mapped_loans.commit(handle_of(a), &loan, at);
		}
		if (err)
			fail("a slot that was reserved: error %lld", (__u64)(__s64)err, 0);
	}
}

void script_borrow(struct actor *a)
{
	unsigned int n = actor_part(a)->n;

	come_to_life(a);
	for (; n; n--) {
		struct pyq_loan loan = { .data = NULL };
		struct errand e = { call_borrow, ATTEMPT_GET, 0, 1, &loan };
		int err;

		if (patiently(a, &e) < 0)
			continue;
		hold(a);
		if (actor_part(a)->undoes) {
			err = pyqi_mapped_loans.give_back(handle_of(a), &loan);
		} else {
			payload_read(loan.data, loan.size);
			err = pyqi_mapped_loans.release(handle_of(a), &loan);
		}
		if (err)
			fail("a message that was borrowed: error %lld", (__u64)(__s64)err, 0);
	}
}

/*
 * Polls until it is told, and takes what it is told of, if it is still there. Or takes
 * nothing: it does not poll in place of those who sleep.
 */
void script_poll(struct actor *a)
{
	unsigned int n = actor_part(a)->n;

	while (n) {
		struct errand e = { call_get, ATTEMPT_GET, 0, 1, NULL };
		struct pyqi_poll poll = {
			.q = handle_of(a),
			.side = &ring_header.getters,
			.ready = pyqi_get_ready,
		};
		ssize_t ret;

		run(&poll);
		if (actor_part(a)->holds)
			return;
		ret = patiently(a, &e);
		if (ret == -ESHUTDOWN)
			return;
		n -= ret > 0;
	}
}

void script_join(struct actor *a)
{
	struct errand e = { call_join, ATTEMPT_JOIN, 0, 1, NULL };

	patiently(a, &e);
}

void script_count(struct actor *a)
{
	const unsigned int most = cast.kills ? cast.slots : cast.maxsize; /* orphans count */

	if (pyqi_mapped_qsize(handle_of(a)) > most)
		fail("qsize is more than %lld", most, 0);
}

void script_shut_down(struct actor *a)
{
	if (cast.unbounded)
		kernel_shutdown(handle_of(a), actor_part(a)->immediate);
	else if (pyqi_mapped_shutdown(handle_of(a), actor_part(a)->immediate))
		fail("a shutdown that fails", 0, 0);
}

void script_recover(struct actor *a)
{
	for (;;)
		settle_dead(handle_of(a), (unsigned int)take_step(STEP_DEATH, NULL, 0, 0));
}
