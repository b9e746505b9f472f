// SPDX-License-Identifier: MIT
/* pyq_aio: one message after the other, or many queues by one thread. */
#include <errno.h>
#include <pyqueue.h>
#include <stdbool.h>

#include "alloc.h"
#include "many.h"
#include "peer_pyqueue.h"

/* --- one queue, nothing has to wait ------------------------------------------------ */

struct single {
	pyq_queue *q;
	pyq_aio *aio;
};

static BENCH_INLINE int put(void *state, const void *data, size_t size)
{
	const struct single *s = state;

	return pyq_aio_put(s->aio, s->q, data, size, PYQ_FOREVER, 0);
}

static BENCH_INLINE int get(void *state, void *data, size_t size)
{
	const struct single *s = state;
	struct pyq_completion done[2];
	int err = pyq_aio_get(s->aio, s->q, data, size, PYQ_FOREVER, 0);

	if (err)
		return err;
	if (pyq_aio_wait(s->aio, done, 2, 2, PYQ_FOREVER) != 2)
		return -EIO;
	return done[0].result ? (int)done[0].result : done[1].result == (int64_t)size ? 0 : -EIO;
}

#include "loops.h"

static int create(pyq_queue **q, const struct bench_queue *queue, unsigned long capacity)
{
	return pyq_create(q, &(struct pyq_attr){ .maxsize = (int64_t)capacity,
						 .payload = bench_pyqueue_payload(queue->size) });
}

static void close_single(void *state)
{
	struct single *s = state;

	pyq_aio_destroy(s->aio);
	pyq_close(s->q);
	free(s);
}

static int open_single(struct bench_queue *queue)
{
	struct single *s = bench_alloc(1, sizeof(*s));
	int err = create(&s->q, queue, queue->capacity);

	if (!err)
		err = pyq_aio_create(&s->aio, 64, 0);
	if (err) {
		close_single(s);
		return err;
	}
	queue->backend = pyq_backend(s->q);
	queue->state = s;
	return 0;
}

const struct bench_peer peer_pyqueue_aio = {
	.name = "pyqueue aio",
	.what = "pyq_aio_put(), pyq_aio_get() and pyq_aio_wait()",
	.own = true,
	.open = open_single,
	.close = close_single,
	.exchange = exchange,
};

/* --- many queues -------------------------------------------------------------------- */

struct many {
	pyq_queue *qs[BENCH_MANY];
	unsigned int engine;
};

static void close_many(void *state)
{
	struct many *m = state;

	for (int i = 0; i < BENCH_MANY; i++)
		pyq_close(m->qs[i]);
	free(m);
}

static int open_many(struct bench_queue *queue, unsigned int engine)
{
	struct many *m;
	pyq_aio *aio;
	int err;

	if (queue->size > BENCH_MANY_SIZE)
		return -EMSGSIZE;
	m = bench_alloc(1, sizeof(*m));
	err = pyq_aio_create(&aio, 1, engine);
	/* Where there is no io_uring. */
	if (err == -ENOSYS || err == -EPERM)
		err = -ENODEV;
	pyq_aio_destroy(aio);
	m->engine = engine;
	for (int i = 0; i < BENCH_MANY && !err; i++)
		err = create(&m->qs[i], queue, 1);
	if (err) {
		close_many(m);
		return err;
	}
	queue->capacity = 1;
	queue->backend = pyq_backend(m->qs[0]);
	queue->state = m;
	return 0;
}

static int open_uring(struct bench_queue *queue)
{
	return open_many(queue, PYQ_AIO_URING);
}

static int open_epoll(struct bench_queue *queue)
{
	return open_many(queue, PYQ_AIO_EPOLL);
}

static int enter_many(void *state, unsigned int role)
{
	const struct many *m = state;

	(void)role;
	for (int i = 0; i < BENCH_MANY; i++) {
		ssize_t n = pyq_qsize(m->qs[i]);

		if (n < 0)
			return (int)n;
	}
	return 0;
}

/* A get waits on a queue before a message is put there, or into the other's. */
static int turn(pyq_aio *aio, const struct many *out, const struct many *in, bool serves,
		struct bench_served *s, unsigned int i)
{
	int err = 0;

	if (!serves)
		err = pyq_put(out->qs[i], s->room[i], s->size, PYQ_FOREVER);
	if (!err)
		err = pyq_aio_get(aio, in->qs[i], s->room[i], s->size, PYQ_FOREVER, i);
	return err;
}

static int send(const struct many *out, struct bench_served *s, unsigned int i)
{
	uint64_t message[BENCH_MANY_SIZE / BENCH_SIZE_STEP];

	if (s->sent == s->n)
		return 0;
	bench_fill(message, s->size, s->sent++, 1);
	return pyq_put(out->qs[i], message, s->size, PYQ_FOREVER);
}

static int serve(pyq_aio *aio, const struct many *out, const struct many *in, bool serves,
		 struct bench_served *s)
{
	struct pyq_completion done[BENCH_MANY];
	int err = 0;

	for (unsigned int i = 0; i < BENCH_MANY && !err; i++)
		err = pyq_aio_get(aio, in->qs[i], s->room[i], s->size, PYQ_FOREVER, i);
	for (unsigned int i = 0; serves && i < BENCH_MANY && !err; i++)
		err = send(out, s, i);
	while (!err && s->back < s->n) {
		ssize_t n = pyq_aio_wait(aio, done, BENCH_MANY, 1, PYQ_FOREVER);

		if (n < 0)
			return (int)n;
		for (ssize_t k = 0; k < n && !err; k++) {
			const unsigned int i = (unsigned int)done[k].user_data;

			if (done[k].result != (int64_t)s->size)
				return done[k].result < 0 ? (int)done[k].result : -EIO;
			bench_served_back(s, i);
			err = turn(aio, out, in, serves, s, i);
		}
		for (ssize_t k = 0; serves && k < n && !err; k++)
			err = send(out, s, (unsigned int)done[k].user_data);
	}
	return err;
}

static int loop(void *out, void *in, bool serves, unsigned long n, size_t size, uint64_t *sum)
{
	const struct many *there = out;
	struct bench_served *s = bench_alloc(1, sizeof(*s));
	pyq_aio *aio;
	int err = pyq_aio_create(&aio, 2 * BENCH_MANY, there->engine);

	s->n = n;
	s->size = size;
	if (!err)
		err = serve(aio, there, in, serves, s);
	pyq_aio_destroy(aio);
	if (serves)
		*sum += s->sum;
	free(s);
	return err;
}

const struct bench_peer peer_pyqueue_many = {
	.name = "pyqueue aio64",
	.what = "pyq_aio_get() and pyq_put() of 64 queues, by one thread on io_uring",
	.absent = "no io_uring here",
	.optional = true,
	.own = true,
	.open = open_uring,
	.close = close_many,
	.enter = enter_many,
	.leave = close_many,
	.loop = loop,
};

const struct bench_peer peer_pyqueue_many_epoll = {
	.name = "pyqueue aio64 epoll",
	.what = "the same on epoll",
	.own = true,
	.open = open_epoll,
	.close = close_many,
	.enter = enter_many,
	.leave = close_many,
	.loop = loop,
};
