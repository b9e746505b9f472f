// SPDX-License-Identifier: MIT
/* pyqueue without copies: messages are written where they will lie, and read there. */
#include "peer_pyqueue.h"

static int put(pyq_queue *q, uint64_t number, size_t size)
{
	struct pyq_loan room;
	int err = pyq_reserve(q, &room, PYQ_FOREVER);

	if (err)
		return err;
	bench_fill(room.data, size, number, 1);
	return pyq_commit(q, &room, size);
}

static int get(pyq_queue *q, size_t size, uint64_t *sum)
{
	struct pyq_loan message;
	int err = pyq_borrow(q, &message, PYQ_FOREVER);

	if (err)
		return err;
	if (message.size == size)
		*sum += bench_sum(message.data, size, 1);
	else
		err = -EIO;
	return err ? err : pyq_release(q, &message);
}

static int exchange(void *state, unsigned long n, size_t size, uint64_t *sum)
{
	int err = 0;

	for (unsigned long i = 0; !err && i < n; i++) {
		err = put(state, i, size);
		if (!err)
			err = get(state, size, sum);
	}
	return err;
}

static int produce(void *state, uint64_t first, unsigned long n, size_t size)
{
	int err = 0;

	for (unsigned long i = 0; !err && i < n; i++)
		err = put(state, first + i, size);
	return err;
}

static int consume(void *state, unsigned long n, size_t size, uint64_t *sum)
{
	int err = 0;

	for (unsigned long i = 0; !err && i < n; i++)
		err = get(state, size, sum);
	return err;
}

/* What does not fit a slot is not lent. */
static int open_queue(struct bench_queue *queue)
{
	return bench_pyqueue_payload(queue->size) == queue->size ? bench_pyqueue_open(queue) :
								   -EMSGSIZE;
}

const struct bench_peer peer_pyqueue_zero_copy = {
	.name = "pyqueue zero copy",
	.what = "pyq_reserve() and pyq_commit(), pyq_borrow() and pyq_release()",
	BENCH_OF_THE_LIBRARY,
	.open = open_queue,
	.exchange = exchange,
	.produce = produce,
	.consume = consume,
};
