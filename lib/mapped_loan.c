// SPDX-License-Identifier: MIT
/* Slots of a mapped ring on loan. */
#include <stdlib.h>

#include "attempt.h"
#include "deadline.h"
#include "prefetch.h"

/* What struct pyq_loan does not tell. */
enum { WORD, GENERATION, KIND, FIRST };

/* Two numbers that no other memory is likely to hold; together with the queue's own. */
#define RESERVED 0x7079715265736572ULL
#define BORROWED 0x707971426f72726fULL

static void lend(pyq_queue *q, struct pyq_loan *loan, const struct pyq_op *op, uint64_t kind)
{
	*loan = (struct pyq_loan){
		.data = pyq_ring_slot(&q->map.ring, op->pos)->payload,
		.size = kind == RESERVED ? q->payload : op->len,
		.id = op->pos,
		.deliveries = kind == RESERVED ? 0 : pyq_word_deliveries(op->word) + 1u,
		.opaque = { [WORD] = op->word,
			    [GENERATION] = q->map.generation,
			    [KIND] = kind ^ q->map.id,
			    [FIRST] = PYQI_NOT_LARGE },
	};
	if (!__atomic_load_n(&q->map.lent, __ATOMIC_RELAXED))
		__atomic_store_n(&q->map.lent, true, __ATOMIC_RELAXED);
	pyqi_polls_look(q);
}

/* Does it hold a copy, of a message that does not fit a slot? */
static bool is_copy(const struct pyq_loan *loan)
{
	return loan->opaque[FIRST] != PYQI_NOT_LARGE;
}

/* Is it that, and ours? If so, @op is its claim. */
static int check(pyq_queue *q, struct pyq_loan *loan, uint64_t kind, struct pyq_op *op)
{
	if (!loan->data || loan->opaque[KIND] != (kind ^ q->map.id))
		return -EINVAL;
	if (loan->opaque[GENERATION] != pyqi_generation())
		return -ESTALE;
	if (!pyqi_is_ours(q) || pyq_word_owner(loan->opaque[WORD]) != q->map.ring.owner)
		return -EINVAL;
	*op = (struct pyq_op){ .pos = loan->id, .word = loan->opaque[WORD] };
	return 0;
}

/*
 * With an error: the loan may be a copy of one that has ended, so what it holds may be
 * gone.
 */
static void end(struct pyq_loan *loan, int err)
{
	PYQI_KEEP_ERRNO;

	if (!err && is_copy(loan))
		free(loan->data);
	*loan = (struct pyq_loan){ .data = NULL };
}

/* Has somebody ended it already, so that the slot is another message's? */
static bool is_over(pyq_queue *q, const struct pyq_op *op)
{
	return pyq_load_acquire(&pyq_ring_slot(&q->map.ring, op->pos)->word) != op->word;
}

/* --- reserve ----------------------------------------------------------------- */

static ssize_t try_reserve(pyq_queue *q, void *arg)
{
	struct pyqi_patience patience = { 0 };
	struct pyq_op *op = arg;
	int ret;

	op->freed = false;
	do {
		ret = pyqi_detour(q);
		if (!ret)
			ret = pyq_ring_claim_put(&q->map.ring, op);
	} while (pyqi_settle(q, op, &ret, &patience));
	return ret ? ret : 1;
}

static int loan_reserve(pyq_queue *q, struct pyq_loan *loan, uint64_t deadline)
{
	struct pyq_op op = { .pos = 0 };
	int err = pyqi_begin(q);
	struct pyq_ring ring;
	ssize_t ret;

	if (err)
		return err;
	ring = q->map.ring;
	if (!pyqi_claim_put_at_once(&ring, &op)) {
		ret = pyqi_put_when_ready(q, try_reserve, NULL, &op, deadline);
		if (ret < 0)
			return (int)ret;
	}
	lend(q, loan, &op, RESERVED);
	return 0;
}

static int loan_commit(pyq_queue *q, struct pyq_loan *loan, size_t len)
{
	struct pyq_op op;
	int err = check(q, loan, RESERVED, &op);

	if (err)
		return err;
	if (len > q->payload)
		return -E2BIG;
	err = is_over(q, &op) ? -EOWNERDEAD : pyq_ring_publish(&q->map.ring, &op, (uint32_t)len, 0);
	end(loan, err);
	if (!err)
		pyqi_published(q, 1);
	return err;
}

static int loan_discard(pyq_queue *q, struct pyq_loan *loan)
{
	struct pyq_op op;
	int err = check(q, loan, RESERVED, &op);

	if (err)
		return err;
	err = pyq_ring_abort(&q->map.ring, &op);
	end(loan, err);
	if (err)
		return err;
	/*
	 * If it was the next it is taken away here, and those called who wait for
	 * room or for the end; the message behind it may now be had, or dropped.
	 */
	pyqi_mapped_unfinished(q);
	pyqi_pass_on(q, &pyqi_header(q)->getters, pyqi_get_ready);
	if (pyq_load_acquire(&pyqi_header(q)->detour) & PYQUEUE_DETOUR_DROP) /* M */
		pyqi_ops(q)->drop(q);
	return 0;
}

/* --- borrow ------------------------------------------------------------------ */

static ssize_t try_borrow(pyq_queue *q, void *arg)
{
	struct pyqi_patience patience = { 0 };
	struct pyq_op *op = arg;
	int ret;

	op->freed = false;
	do {
		ret = pyqi_is_broken(q) ? -EUCLEAN :
					  pyq_ring_claim_get(&q->map.ring, op, UINT64_MAX);
	} while (pyqi_settle(q, op, &ret, &patience));
	return ret ? ret : 1;
}

/* A message that is not in its slot is copied. */
static int copy(pyq_queue *q, struct pyq_loan *loan, const struct pyq_op *op)
{
	PYQI_KEEP_ERRNO;
	uint32_t first;
	void *data;
	int err;

	if (op->len > q->max_msg)
		return pyqi_broken(q);
	data = malloc(op->len + 1u);
	if (!data)
		return pyqi_give_back(q, op) ? -EOWNERDEAD : -ENOMEM;
	err = pyqi_ops(q)->large_copy(q, op, data, &first);
	if (err) {
		free(data);
		if (err == -EUCLEAN)
			return pyqi_broken(q);
		if (err != -EOWNERDEAD && pyqi_give_back(q, op))
			err = -EOWNERDEAD;
		return err;
	}
	lend(q, loan, op, BORROWED);
	loan->data = data;
	loan->opaque[FIRST] = first;
	return 0;
}

static int loan_borrow(pyq_queue *q, struct pyq_loan *loan, uint64_t deadline)
{
	struct pyq_op op = { .pos = 0 };
	int err = pyqi_begin(q);
	struct pyq_ring ring;
	ssize_t ret;

	if (err)
		return err;
	ring = q->map.ring;
	if (!pyqi_claim_get_at_once(q, &ring, SIZE_MAX, &op)) {
		ret = pyqi_get_when_ready(q, try_borrow, NULL, &op, deadline);
		if (ret < 0)
			return (int)ret;
	}

	if (pyq_word_flags(op.word) & PYQUEUE_SLOT_INDIRECT)
		err = copy(q, loan, &op);
	else if (op.len > q->payload)
		err = pyqi_broken(q);
	else
		lend(q, loan, &op, BORROWED);
	if (err)
		return err;
	/* Where there are more slots than maxsize, there is room at once. */
	pyqi_pass_on(q, &pyqi_header(q)->putters, pyqi_put_ready);
	pyqi_pass_on(q, &pyqi_header(q)->getters, pyqi_get_ready);
	return 0;
}

static int loan_release(pyq_queue *q, struct pyq_loan *loan)
{
	struct pyq_op op;
	int err = check(q, loan, BORROWED, &op);

	if (err)
		return err;
	err = pyqi_release(q, &op, (uint32_t)loan->opaque[FIRST]);
	end(loan, err);
	if (err)
		return err;
	pyqi_prefetch(&q->map.ring, pyq_ring_slot(&q->map.ring, op.pos));
	pyqi_released(q, 1);
	return 0;
}

static int loan_give_back(pyq_queue *q, struct pyq_loan *loan)
{
	struct pyq_op op;
	int err = check(q, loan, BORROWED, &op);

	if (err)
		return err;
	err = pyqi_give_back(q, &op);
	end(loan, err);
	return err;
}

const struct pyqi_loan_ops pyqi_mapped_loans = {
	.reserve = loan_reserve,
	.commit = loan_commit,
	.discard = loan_discard,
	.borrow = loan_borrow,
	.release = loan_release,
	.give_back = loan_give_back,
};
