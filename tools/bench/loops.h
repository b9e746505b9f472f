/* SPDX-License-Identifier: MIT */
/*
 * The loops that are timed, compiled for each peer: a message costs no call of the
 * harness. A peer's file first defines
 *
 *	static BENCH_INLINE int put(void *state, const void *data, size_t size);
 *	static BENCH_INLINE int get(void *state, void *data, size_t size);
 *
 * which wait as long as they have to and return 0 or -errno (get: -EIO for a
 * message of another size), then includes this, and names BENCH_LOOPS in its
 * struct bench_peer.
 */
#include "clock.h"
#include "message.h"

/* In the order of struct bench_peer, as C++ wants it. */
#define BENCH_LOOPS                                                               \
	.put = put_one, .get = get_one, .exchange = exchange, .produce = produce, \
	.consume = consume, .bounce = bounce, .rounds = rounds

static BENCH_INLINE int exchange_sized(void *state, unsigned long n, size_t size, uint64_t *sum)
{
	uint64_t sent[BENCH_SIZE_WORDS] BENCH_PAGES, received[BENCH_SIZE_WORDS] BENCH_PAGES;
	const size_t words = size / BENCH_SIZE_STEP;

	for (unsigned long done = 0, block; done < n; done += block) {
		block = bench_block(n - done, size);
		bench_fill(sent, size, done, block);
		for (unsigned long i = 0; i < block; i++) {
			int err = put(state, sent + i * words, size);

			if (!err)
				err = get(state, received + i * words, size);
			if (err)
				return err;
		}
		*sum += bench_sum(received, size, block);
	}
	return 0;
}

static BENCH_INLINE int produce_sized(void *state, uint64_t first, unsigned long n, size_t size)
{
	uint64_t sent[BENCH_SIZE_WORDS] BENCH_PAGES;

	for (unsigned long done = 0, block; done < n; done += block) {
		block = bench_block(n - done, size);
		bench_fill(sent, size, first + done, block);
		for (unsigned long i = 0; i < block; i++) {
			int err = put(state, sent + i * (size / BENCH_SIZE_STEP), size);

			if (err)
				return err;
		}
	}
	return 0;
}

static BENCH_INLINE int consume_sized(void *state, unsigned long n, size_t size, uint64_t *sum)
{
	uint64_t received[BENCH_SIZE_WORDS] BENCH_PAGES;

	for (unsigned long done = 0, block; done < n; done += block) {
		block = bench_block(n - done, size);
		for (unsigned long i = 0; i < block; i++) {
			int err = get(state, received + i * (size / BENCH_SIZE_STEP), size);

			if (err)
				return err;
		}
		*sum += bench_sum(received, size, block);
	}
	return 0;
}

/* What the one sends comes back from the other, and only then the next one goes. */
static BENCH_INLINE int bounce_sized(void *out, void *in, bool serves, unsigned long n, size_t size,
				     uint64_t *sum, int64_t *took)
{
	uint64_t sent[BENCH_SIZE_WORDS] BENCH_PAGES, received[BENCH_SIZE_WORDS] BENCH_PAGES;
	const size_t words = size / BENCH_SIZE_STEP;

	for (unsigned long done = 0, block; done < n; done += block) {
		block = bench_block(n - done, size);
		if (serves)
			bench_fill(sent, size, done, block);
		for (unsigned long i = 0; i < block; i++) {
			const uint64_t begun = serves ? bench_wall_ns() : 0;
			int err = serves ? put(out, sent + i * words, size) : 0;

			if (!err)
				err = get(in, received + i * words, size);
			if (!err && !serves)
				err = put(out, received + i * words, size);
			if (err)
				return err;
			if (serves)
				took[done + i] = (int64_t)(bench_wall_ns() - begun);
		}
		if (serves)
			*sum += bench_sum(received, size, block);
	}
	return 0;
}

/* @depth messages into a queue and out of it, then the same with the next queue. */
static BENCH_INLINE int rounds_sized(void *const *queues, unsigned int queue_count,
				     unsigned int depth, unsigned long n, size_t size,
				     uint64_t *sum)
{
	uint64_t sent[BENCH_SIZE_WORDS] BENCH_PAGES, received[BENCH_SIZE_WORDS] BENCH_PAGES;
	const size_t words = size / BENCH_SIZE_STEP;
	unsigned int turn = 0;

	for (unsigned long done = 0, block; done < n; done += block) {
		block = bench_block(n - done, size);
		bench_fill(sent, size, done, block);
		for (unsigned long i = 0, end; i < block; i = end) {
			int err = 0;

			end = i + depth < block ? i + depth : block;
			for (unsigned long k = i; !err && k < end; k++)
				err = put(queues[turn], sent + k * words, size);
			for (unsigned long k = i; !err && k < end; k++)
				err = get(queues[turn], received + k * words, size);
			if (err)
				return err;
			if (++turn == queue_count)
				turn = 0;
		}
		*sum += bench_sum(received, size, block);
	}
	return 0;
}

/* A peer may have a use for some of these only. */
#define BENCH_LOOP __attribute__((unused))

/* A program knows the size of its messages: so does the compiler, for the usual ones. */

static BENCH_LOOP int exchange(void *state, unsigned long n, size_t size, uint64_t *sum)
{
	switch (size) {
	case 8:
		return exchange_sized(state, n, 8, sum);
	case 48:
		return exchange_sized(state, n, 48, sum);
	default:
		return exchange_sized(state, n, size, sum);
	}
}

static BENCH_LOOP int produce(void *state, uint64_t first, unsigned long n, size_t size)
{
	switch (size) {
	case 8:
		return produce_sized(state, first, n, 8);
	case 48:
		return produce_sized(state, first, n, 48);
	default:
		return produce_sized(state, first, n, size);
	}
}

static BENCH_LOOP int consume(void *state, unsigned long n, size_t size, uint64_t *sum)
{
	switch (size) {
	case 8:
		return consume_sized(state, n, 8, sum);
	case 48:
		return consume_sized(state, n, 48, sum);
	default:
		return consume_sized(state, n, size, sum);
	}
}

static BENCH_LOOP int bounce(void *out, void *in, bool serves, unsigned long n, size_t size,
			     uint64_t *sum, int64_t *took)
{
	switch (size) {
	case 8:
		return bounce_sized(out, in, serves, n, 8, sum, took);
	case 48:
		return bounce_sized(out, in, serves, n, 48, sum, took);
	default:
		return bounce_sized(out, in, serves, n, size, sum, took);
	}
}

static BENCH_LOOP int rounds(void *const *queues, unsigned int queue_count, unsigned int depth,
			     unsigned long n, size_t size, uint64_t *sum)
{
	switch (size) {
	case 8:
		return rounds_sized(queues, queue_count, depth, n, 8, sum);
	case 48:
		return rounds_sized(queues, queue_count, depth, n, 48, sum);
	default:
		return rounds_sized(queues, queue_count, depth, n, size, sum);
	}
}

/* Where the call of a function does not count. */

static BENCH_LOOP int put_one(void *state, const void *data, size_t size)
{
	return put(state, data, size);
}

static BENCH_LOOP int get_one(void *state, void *data, size_t size)
{
	return get(state, data, size);
}
