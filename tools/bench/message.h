/* SPDX-License-Identifier: MIT */
/* Messages: bytes that are really written, and really read. */
#ifndef PYQUEUE_BENCH_MESSAGE_H
#define PYQUEUE_BENCH_MESSAGE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Sizes are whole words of 64 bits. */
#define BENCH_SIZE_STEP sizeof(uint64_t)
#define BENCH_SIZE_MAX (1 << 20)
#define BENCH_SIZE_WORDS (BENCH_SIZE_MAX / BENCH_SIZE_STEP)

/*
 * Messages are written, and read, a block at a time. A copy of what has been written
 * just before waits for the stores, much longer than a put takes, and how long depends
 * on how wide stores and loads happen to be: that is not what is to be compared.
 */
#define BENCH_BLOCK 4096

/*
 * For what is copied from and to. Some processors take four times as long for a large copy if
 * its two ends lie unluckily within their pages: so they lie in each run as in the last.
 */
#define BENCH_PAGES __attribute__((aligned(4096)))

#define BENCH_INLINE inline __attribute__((always_inline))

/* How many of @n messages make the next block: at least one. */
static BENCH_INLINE unsigned long bench_block(unsigned long n, size_t size)
{
	const unsigned long most = size < BENCH_BLOCK ? BENCH_BLOCK / size : 1;

	return n < most ? n : most;
}

/*
 * Eight words at a time: one after the other would take several times as long as the copy of a
 * large message, and that is not what is to be compared.
 */
typedef uint64_t bench_pair __attribute__((vector_size(2 * sizeof(uint64_t))));
#define BENCH_PAIRS 4
#define BENCH_STEP (2 * BENCH_PAIRS)
#define BENCH_UNROLL _Pragma("GCC unroll 4")

static BENCH_INLINE uint64_t bench_word(uint64_t number)
{
	return (number + 1) * 0x9e3779b97f4a7c15ULL;
}

/* Write messages number @first to @first + @n - 1. */
static BENCH_INLINE void bench_fill(uint64_t *block, size_t size, uint64_t first, unsigned long n)
{
	const uint64_t number = first * (size / BENCH_SIZE_STEP);
	const size_t words = n * (size / BENCH_SIZE_STEP);
	bench_pair next[BENCH_PAIRS];
	size_t i = 0;

	if (words >= BENCH_STEP) {
		BENCH_UNROLL
		for (size_t k = 0; k < BENCH_PAIRS; k++) {
			const bench_pair pair = { bench_word(number + 2 * k),
						  bench_word(number + 2 * k + 1) };

			next[k] = pair;
		}
		for (; i + BENCH_STEP <= words; i += BENCH_STEP) {
			BENCH_UNROLL
			for (size_t k = 0; k < BENCH_PAIRS; k++) {
				memcpy(block + i + 2 * k, &next[k], sizeof(next[k]));
				next[k] += bench_word(BENCH_STEP - 1);
			}
		}
	}
	for (; i < words; i++)
		block[i] = bench_word(number + i);
}

static BENCH_INLINE uint64_t bench_mix(uint64_t hash, uint64_t word)
{
	return (hash << 7 | hash >> 57) ^ word;
}

/*
 * Read one: a hash over every bit and, of a long message, its order. One that were linear in the
 * message's number would let two copies of a message stand for its neighbours: hence the end.
 * Source: J. G. Fletcher, "An Arithmetic Checksum for Serial Transmissions", 1982: sums of sums.
 */
static BENCH_INLINE uint64_t bench_hash(const uint64_t *message, size_t size)
{
	const size_t words = size / BENCH_SIZE_STEP;
	bench_pair next, sum[BENCH_PAIRS] = { { 0 } }, sums[BENCH_PAIRS] = { { 0 } };
	uint64_t hash = 0;
	size_t i = 0;

	if (words >= BENCH_STEP) {
		for (; i + BENCH_STEP <= words; i += BENCH_STEP) {
			BENCH_UNROLL
			for (size_t k = 0; k < BENCH_PAIRS; k++) {
				memcpy(&next, message + i + 2 * k, sizeof(next));
				sum[k] += next;
				sums[k] += sum[k];
			}
		}
		BENCH_UNROLL
		for (size_t k = 0; k < BENCH_PAIRS; k++) {
			hash = bench_mix(bench_mix(hash, sum[k][0]), sum[k][1]);
			hash = bench_mix(bench_mix(hash, sums[k][0]), sums[k][1]);
		}
	}
	for (; i < words; i++)
		hash = bench_mix(hash, message[i]);
	return hash ^ hash >> 32;
}

/* The sum of the hashes of @n: consumers share the messages in any order. */
static BENCH_INLINE uint64_t bench_sum(const uint64_t *block, size_t size, unsigned long n)
{
	uint64_t sum = 0;

	for (unsigned long i = 0; i < n; i++)
		sum += bench_hash(block + i * (size / BENCH_SIZE_STEP), size);
	return sum;
}

#endif
