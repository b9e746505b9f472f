// SPDX-License-Identifier: MIT
/* Operations: at once if that can be, or in line. */
#include "aio.h"
#include "attempt.h"
#include "deadline.h"

static unsigned int access_of(enum pyqi_aio_kind kind)
{
	return kind == PYQI_AIO_GET || kind == PYQI_AIO_GET_MANY ? PYQ_READ : PYQ_WRITE;
}

static inline int64_t attempt(pyq_queue *q, enum pyqi_aio_kind kind, void *data, size_t n)
{
	switch (kind) {
	case PYQI_AIO_PUT:
		return q->backend->put(q, data, n, PYQI_NOWAIT);
	case PYQI_AIO_GET:
		return q->backend->get(q, data, n, PYQI_NOWAIT);
	case PYQI_AIO_PUT_MANY:
		return pyq_put_many(q, data, n, PYQ_NOWAIT);
	default:
		return pyq_get_many(q, data, n, PYQ_NOWAIT);
	}
}

static void enqueue(pyq_aio *aio, struct pyqi_aio_side *side, struct pyqi_aio_op *op)
{
	op->side = side;
	op->next = NULL;
	op->previous = side->last;
	if (side->last)
		side->last->next = op;
	else
		side->first = op;
	side->last = op;
	aio->pending++;
	if (op->deadline != PYQI_FOREVER)
		pyqi_aio_timer_add(aio, op);
	pyqi_aio_side_changed(aio, side);
}

static void dequeue(pyq_aio *aio, struct pyqi_aio_op *op)
{
	struct pyqi_aio_side *side = op->side;

	if (op->previous)
		op->previous->next = op->next;
	else
		side->first = op->next;
	if (op->next)
		op->next->previous = op->previous;
	else
		side->last = op->previous;
	aio->pending--;
	if (op->timer != PYQI_AIO_NO_TIMER)
		pyqi_aio_timer_remove(aio, op);
	op->side = NULL;
}

static void finish(pyq_aio *aio, struct pyqi_aio_op *op, int64_t result)
{
	dequeue(aio, op);
	pyqi_aio_complete(aio, op->user_data, result);
	op->next = aio->free;
	aio->free = op;
}

void pyqi_aio_end(pyq_aio *aio, struct pyqi_aio_op *op, int64_t result)
{
	struct pyqi_aio_side *side = op->side;

	finish(aio, op, result);
	pyqi_aio_side_changed(aio, side);
}

/* What the ring is like: of those who get what is at head, of those who put at tail. */
static void look_at_ring(const struct pyqi_aio_side *side, uint64_t *seen)
{
	const struct pyq_ring *ring = &side->source->q->map.ring;
	const __u64 *end = pyqi_aio_access(side) == PYQ_WRITE ? &ring->hdr->tail : &ring->hdr->head;

	seen[0] = pyq_load(&ring->hdr->head);
	seen[1] = pyq_load(&pyq_ring_slot(ring, pyq_load(end))->word);
}

bool pyqi_aio_may_go(const struct pyqi_aio_side *side)
{
	uint64_t now[2];

	if (!side->source->q->backend->ring)
		return false;
	look_at_ring(side, now);
	return now[0] != side->seen[0] || now[1] != side->seen[1];
}

void pyqi_aio_first_done(pyq_aio *aio, struct pyqi_aio_side *side, int64_t result)
{
	finish(aio, side->first, result);
	pyqi_aio_serve(aio, side);
}

void pyqi_aio_serve(pyq_aio *aio, struct pyqi_aio_side *side)
{
	struct pyqi_aio_op *op;

	/* Not twice at once. */
	if (side->by_command)
		return;
	while ((op = side->first)) {
		int64_t ret;

		if (side->source->q->backend->ring)
			look_at_ring(side, side->seen);
		ret = attempt(side->source->q, op->kind, op->data, op->n);

		if (ret == -EAGAIN)
			break;
		finish(aio, op, ret);
	}
	pyqi_aio_side_changed(aio, side);
}

void pyqi_aio_fail(pyq_aio *aio, struct pyqi_aio_side *side, int err)
{
	while (side->first)
		finish(aio, side->first, err);
	pyqi_aio_side_changed(aio, side);
}

/* It cannot be done now, or others are before it. */
static int wait_in_line(pyq_aio *aio, pyq_queue *q, const struct pyqi_aio_op *what, int64_t timeout)
{
	struct pyqi_aio_op *op = aio->free;
	struct pyqi_aio_side *side;
	uint64_t deadline;
	int err = pyqi_deadline(timeout, &deadline);

	if (err)
		return err;
	side = pyqi_aio_side(aio, q, access_of(what->kind));
	if (!side)
		return -ENOMEM;
	aio->free = op->next;
	*op = *what;
	op->deadline = deadline;
	op->timer = PYQI_AIO_NO_TIMER;
	enqueue(aio, side, op);
	pyqi_aio_changed(aio);
	return 0;
}

/* Are others in line before it? */
static bool has_line(const pyq_aio *aio, const pyq_queue *q, unsigned int access)
{
	const struct pyqi_aio_side *side = aio->pending ? pyqi_aio_find(aio, q, access) : NULL;

	return side && side->first;
}

static int begin(pyq_aio *aio, pyq_queue *q, const struct pyqi_aio_op *what, int64_t timeout)
{
	int64_t ret = -EAGAIN;

	if (!pyqi_generation_is(aio->generation))
		return -ESTALE;
	if (timeout < PYQ_FOREVER)
		return -EINVAL;
	if (aio->pending + pyqi_aio_completed(aio) >= aio->entries)
		return -EBUSY;
	if (!has_line(aio, q, access_of(what->kind)))
		ret = attempt(q, what->kind, what->data, what->n);
	if (ret == -EAGAIN && timeout != PYQ_NOWAIT)
		return wait_in_line(aio, q, what, timeout);
	pyqi_aio_complete(aio, what->user_data, ret);
	pyqi_aio_changed(aio);
	return 0;
}

int pyq_aio_begin_put(pyq_aio *aio, pyq_queue *q, const void *data, size_t len, int64_t timeout,
		      uint64_t user_data)
{
	const struct pyqi_aio_op op = {
		.kind = PYQI_AIO_PUT,
		.user_data = user_data,
		.data = (void *)(uintptr_t)data,
		.n = len,
	};

	return begin(aio, q, &op, timeout);
}

int pyq_aio_begin_get(pyq_aio *aio, pyq_queue *q, void *buf, size_t size, int64_t timeout,
		      uint64_t user_data)
{
	const struct pyqi_aio_op op = {
		.kind = PYQI_AIO_GET,
		.user_data = user_data,
		.data = buf,
		.n = size,
	};

	return begin(aio, q, &op, timeout);
}

int pyq_aio_put_many(pyq_aio *aio, pyq_queue *q, const struct pyq_msg *msgs, size_t n,
		     int64_t timeout, uint64_t user_data)
{
	const struct pyqi_aio_op op = {
		.kind = PYQI_AIO_PUT_MANY,
		.user_data = user_data,
		.data = (void *)(uintptr_t)msgs,
		.n = n,
	};

	return n ? begin(aio, q, &op, timeout) : -EINVAL;
}

int pyq_aio_get_many(pyq_aio *aio, pyq_queue *q, struct pyq_msg *msgs, size_t n, int64_t timeout,
		     uint64_t user_data)
{
	const struct pyqi_aio_op op = {
		.kind = PYQI_AIO_GET_MANY,
		.user_data = user_data,
		.data = msgs,
		.n = n,
	};

	return n ? begin(aio, q, &op, timeout) : -EINVAL;
}
