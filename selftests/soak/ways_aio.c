// SPDX-License-Identifier: GPL-2.0
/* Several operations at once, by either engine; some of them cancelled. */
#include "ways.h"

struct operation {
	bool puts, ended;
	uint32_t number;
	size_t len;
	struct pyq_msg msg;
};

struct job {
	struct operation ops[BATCH];
	unsigned int begun, ended;
};

static int64_t its_timeout(struct worker *w)
{
	const int64_t timeout = any_timeout(w);

	return one_in(&w->chance, 4) ? PYQ_FOREVER : timeout;
}

/* Return: whether it has begun. */
static bool begin_one(struct worker *w, pyq_aio *aio, struct job *job)
{
	static char rooms[BATCH][LONGEST];
	const unsigned int i = job->begun;
	struct operation *op = &job->ops[i];
	const int64_t timeout = its_timeout(w);
	int err;

	op->puts = one_in(&w->chance, 2) && can_intend(w, 1);
	if (op->puts) {
		op->number = intend(w, LONGEST, &op->len);
		compose(w, rooms[i], op->number, op->len);
		err = pyq_aio_put(aio, w->q, rooms[i], op->len, timeout, i);
		if (err)
			was_not_put(w, op->number);
	} else {
		op->msg = (struct pyq_msg){ .data = w->place->hand[i], .size = LONGEST };
		err = pyq_aio_get_many(aio, w->q, &op->msg, 1, timeout, i);
	}
	if (err) {
		may_fail(w, "pyq_aio_put() or _get_many()", err);
		return false;
	}
	job->begun++;
	return true;
}

static void end_one(struct worker *w, struct job *job, const struct pyq_completion *done)
{
	struct operation *op;

	if (done->user_data >= job->begun || job->ops[done->user_data].ended)
		fail(w, "a completion of no operation");
	op = &job->ops[done->user_data];
	op->ended = true;
	job->ended++;
	if (op->puts && !done->result)
		was_put(w, op->number, op->len);
	else if (op->puts)
		was_not_put(w, op->number);
	else if (done->result == 1)
		take(w, op->msg.data, op->msg.len, op->msg.deliveries);
	if (done->result < 0 && done->result != -ECANCELED)
		may_fail(w, "an operation of pyq_aio", done->result);
}

/* Return: whether any came. */
static bool complete(struct worker *w, pyq_aio *aio, struct job *job, size_t least,
		     int64_t timeout)
{
	struct pyq_completion done[BATCH];
	ssize_t n = pyq_aio_wait(aio, done, BATCH, least, timeout);

	for (ssize_t i = 0; i < n; i++)
		end_one(w, job, &done[i]);
	if (n < 0)
		may_fail(w, "pyq_aio_wait()", n);
	return n > 0;
}

void work_by_aio(struct worker *w)
{
	static const unsigned int engines[] = { 0, PYQ_AIO_URING, PYQ_AIO_EPOLL };
	const unsigned int engine = engines[any(&w->chance, COUNT(engines))];
	struct job job = { 0 };
	pyq_aio *aio;
	int err;

	begin(w, IN_AIO, PYQ_SECONDS(1));
	err = pyq_aio_create(&aio, BATCH, engine);
	/* There is none, or it is forbidden. */
	if (engine == PYQ_AIO_URING && (err == -ENOSYS || err == -EPERM))
		return;
	if (err) {
		may_fail(w, "pyq_aio_create()", err);
		return;
	}
	w->place->counts.aio++;
	for (unsigned int n = 1 + any(&w->chance, BATCH); n > 0; n--)
		if (!begin_one(w, aio, &job))
			break;
	for (unsigned int turns = any(&w->chance, 4); turns > 0 && job.ended < job.begun; turns--)
		complete(w, aio, &job, 1, PYQ_MILLISECONDS(5));
	if (one_in(&w->chance, 2) && job.begun) {
		err = pyq_aio_cancel(aio, any(&w->chance, job.begun));
		if (err < 0)
			may_fail(w, "pyq_aio_cancel()", err);
	}
	begin(w, IN_AIO, PYQ_SECONDS(1));
	err = pyq_aio_cancel_all(aio);
	if (err < 0)
		may_fail(w, "pyq_aio_cancel_all()", err);
	while (complete(w, aio, &job, BATCH, PYQ_FOREVER)) {
	}
	if (job.ended != job.begun)
		fail(w, "%u operations begun, %u ended", job.begun, job.ended);
	if (pyq_aio_destroy(aio))
		fail(w, "pyq_aio_destroy(): there were completions left");
}
