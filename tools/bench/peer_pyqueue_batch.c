// SPDX-License-Identifier: MIT
/* pyqueue for those who have several messages at a time. */
#include "module.h"
#include "peer_pyqueue.h"

/* Messages a call, as long as their bytes have room here. */
#define BATCH 32

static unsigned long least(unsigned long a, unsigned long b)
{
	return a < b ? a : b;
}

static unsigned long batch_of(size_t size)
{
	return least(BATCH, BENCH_SIZE_MAX / size);
}

/* What is written, and read, at a time (message.h): whole batches. */
static unsigned long block_of(unsigned long n, size_t size)
{
	const unsigned long batch = batch_of(size), block = bench_block(n, size);

	return least(n, block < batch ? batch : block);
}

/* Puts some of the @n messages at @from: how many, or -errno. */
static ssize_t put_some(pyq_queue *q, uint64_t *from, unsigned long n, size_t size)
{
	struct pyq_msg msgs[BATCH];

	n = least(n, batch_of(size));
	for (unsigned long i = 0; i < n; i++)
		msgs[i] = (struct pyq_msg){ .data = from + i * (size / BENCH_SIZE_STEP),
					    .len = size };
	return pyq_put_many(q, msgs, n, PYQ_FOREVER);
}

static ssize_t get_some(pyq_queue *q, uint64_t *to, unsigned long n, size_t size)
{
	struct pyq_msg msgs[BATCH];
	ssize_t count;

	n = least(n, batch_of(size));
	for (unsigned long i = 0; i < n; i++)
		msgs[i] =
			(struct pyq_msg){ .data = to + i * (size / BENCH_SIZE_STEP), .size = size };
	count = pyq_get_many(q, msgs, n, PYQ_FOREVER);
	for (ssize_t i = 0; i < count; i++)
		if (msgs[i].len != size)
			return -EIO;
	return count;
}

static int get_all(pyq_queue *q, uint64_t *to, unsigned long n, size_t size)
{
	for (unsigned long done = 0; done < n;) {
		ssize_t count = get_some(q, to + done * (size / BENCH_SIZE_STEP), n - done, size);

		if (count < 0)
			return (int)count;
		done += (unsigned long)count;
	}
	return 0;
}

/* Puts as many as it can and gets those. */
static int exchange_with(pyq_queue *q, unsigned long n, size_t size, uint64_t *sum)
{
	uint64_t sent[BENCH_SIZE_WORDS] BENCH_PAGES, received[BENCH_SIZE_WORDS] BENCH_PAGES;
	const size_t words = size / BENCH_SIZE_STEP;

	for (unsigned long done = 0, block; done < n; done += block) {
		block = block_of(n - done, size);
		bench_fill(sent, size, done, block);
		for (unsigned long i = 0; i < block;) {
			ssize_t count = put_some(q, sent + i * words, block - i, size);
			int err = count < 0 ? (int)count :
					      get_all(q, received + i * words, (unsigned long)count,
						      size);

			if (err)
				return err;
			i += (unsigned long)count;
		}
		*sum += bench_sum(received, size, block);
	}
	return 0;
}

static int produce_with(pyq_queue *q, uint64_t first, unsigned long n, size_t size)
{
	uint64_t sent[BENCH_SIZE_WORDS] BENCH_PAGES;

	for (unsigned long done = 0, block; done < n; done += block) {
		block = block_of(n - done, size);
		bench_fill(sent, size, first + done, block);
		for (unsigned long i = 0; i < block;) {
			ssize_t count =
				put_some(q, sent + i * (size / BENCH_SIZE_STEP), block - i, size);

			if (count < 0)
				return (int)count;
			i += (unsigned long)count;
		}
	}
	return 0;
}

static int consume_with(pyq_queue *q, unsigned long n, size_t size, uint64_t *sum)
{
	uint64_t received[BENCH_SIZE_WORDS] BENCH_PAGES;

	for (unsigned long done = 0, block; done < n; done += block) {
		int err;

		block = block_of(n - done, size);
		err = get_all(q, received, block, size);
		if (err)
			return err;
		*sum += bench_sum(received, size, block);
	}
	return 0;
}

static int exchange(void *state, unsigned long n, size_t size, uint64_t *sum)
{
	return exchange_with(state, n, size, sum);
}

static int produce(void *state, uint64_t first, unsigned long n, size_t size)
{
	return produce_with(state, first, n, size);
}

static int consume(void *state, unsigned long n, size_t size, uint64_t *sum)
{
	return consume_with(state, n, size, sum);
}

const struct bench_peer peer_pyqueue_batch = {
	.name = "pyqueue batch32",
	.what = "pyq_put_many() and pyq_get_many() of 32, or of a MiB",
	BENCH_OF_THE_LIBRARY,
	.open = bench_pyqueue_open,
	.exchange = exchange,
	.produce = produce,
	.consume = consume,
};

static pyq_queue *queue_of(const void *state)
{
	return ((const struct bench_module *)state)->q;
}

static int exchange_sealed(void *state, unsigned long n, size_t size, uint64_t *sum)
{
	return exchange_with(queue_of(state), n, size, sum);
}

static int produce_sealed(void *state, uint64_t first, unsigned long n, size_t size)
{
	return produce_with(queue_of(state), first, n, size);
}

static int consume_sealed(void *state, unsigned long n, size_t size, uint64_t *sum)
{
	return consume_with(queue_of(state), n, size, sum);
}

const struct bench_peer peer_pyqueue_sealed_batch = {
	.name = "pyqueue sealed batch32",
	.what = "pyq_put_many() and pyq_get_many(), with PYQ_SEALED",
	.own = true,
	BENCH_OF_THE_MODULE,
	.exchange = exchange_sealed,
	.produce = produce_sealed,
	.consume = consume_sealed,
};
