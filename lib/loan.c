// SPDX-License-Identifier: MIT
/* Places in a queue's memory on loan, where it can be mapped. */
#include "deadline.h"
#include "priv.h"

static int begin(const pyq_queue *q, unsigned int access, int64_t timeout, uint64_t *deadline)
{
	int err = pyqi_deadline(timeout, deadline);

	if (!err && !(q->access & access))
		err = -EBADF;
	if (!err && !q->backend->loans)
		err = -EOPNOTSUPP;
	return err;
}

int pyq_reserve(pyq_queue *q, struct pyq_loan *loan, int64_t timeout)
{
	uint64_t deadline;
	int err = begin(q, PYQ_WRITE, timeout, &deadline);

	loan->data = NULL;
	return err ? err : q->backend->loans->reserve(q, loan, deadline);
}

int pyq_borrow(pyq_queue *q, struct pyq_loan *loan, int64_t timeout)
{
	uint64_t deadline;
	int err = begin(q, PYQ_READ, timeout, &deadline);

	loan->data = NULL;
	return err ? err : q->backend->loans->borrow(q, loan, deadline);
}

/* A backend without loans has made none. */

int pyq_commit(pyq_queue *q, struct pyq_loan *loan, size_t len)
{
	return q->backend->loans ? q->backend->loans->commit(q, loan, len) : -EINVAL;
}

int pyq_discard(pyq_queue *q, struct pyq_loan *loan)
{
	return q->backend->loans ? q->backend->loans->discard(q, loan) : -EINVAL;
}

int pyq_release(pyq_queue *q, struct pyq_loan *loan)
{
	return q->backend->loans ? q->backend->loans->release(q, loan) : -EINVAL;
}

int pyq_give_back(pyq_queue *q, struct pyq_loan *loan)
{
	return q->backend->loans ? q->backend->loans->give_back(q, loan) : -EINVAL;
}
