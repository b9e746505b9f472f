/* SPDX-License-Identifier: MIT */
/* Messages: bytes that are really written, and really read. */
#ifndef PYQUEUE_BENCH_MESSAGE_H
#define PYQUEUE_BENCH_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

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

/* Write messages number @first to @first + @n - 1. */
static BENCH_INLINE void bench_fill(uint64_t *block, size_t size, uint64_t first, unsigned long n)
{
	const size_t words = size / BENCH_SIZE_STEP;

	for (size_t i = 0; i < n * words; i++)
		block[i] = (first * words + i + 1) * 0x9e3779b97f4a7c15ULL;
}

/*
 * Read one: a hash over every bit. One that were linear in the message's number would
 * let two copies of a message stand for its neighbours: hence the shift at the end.
 */
static BENCH_INLINE uint64_t bench_hash(const uint64_t *message, size_t size)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < size / BENCH_SIZE_STEP; i++)
		hash = (hash << 7 | hash >> 57) ^ message[i];
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
