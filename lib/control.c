// SPDX-License-Identifier: MIT
/* Everything about a queue but its messages. */
#include "deadline.h"
#include "priv.h"

ssize_t pyq_qsize(pyq_queue *q)
{
	return q->backend->qsize(q);
}

bool pyq_empty(pyq_queue *q)
{
	return pyq_qsize(q) == 0;
}

bool pyq_full(pyq_queue *q)
{
	return q->maxsize > 0 && pyq_qsize(q) >= q->maxsize;
}

int64_t pyq_maxsize(const pyq_queue *q)
{
	return q->maxsize;
}

size_t pyq_max_msg(const pyq_queue *q)
{
	return q->max_msg;
}

size_t pyq_payload(const pyq_queue *q)
{
	return q->payload;
}

int pyq_pollfd(pyq_queue *q, unsigned int access, struct pollfd *pfd)
{
	if (access != PYQ_READ && access != PYQ_WRITE)
		return -EINVAL;
	return q->backend->pollfd(q, access, pfd);
}

int pyq_task_done(pyq_queue *q, unsigned int count)
{
	return q->backend->task_done(q, count);
}

int pyq_join(pyq_queue *q, int64_t timeout)
{
	uint64_t deadline;
	int err = pyqi_deadline(timeout, &deadline);

	return err ? err : q->backend->join(q, deadline);
}

int pyq_shutdown(pyq_queue *q, bool immediate)
{
	return q->backend->shutdown(q, immediate);
}

int pyq_stat(pyq_queue *q, struct pyq_stat *st)
{
	return q->backend->stat(q, st);
}
