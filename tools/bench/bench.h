/* SPDX-License-Identifier: MIT */
/*
 * pyqueue-bench: what a message costs, here and elsewhere.
 *
 * A peer is one way to get messages through, in a file of its own; peers.c
 * lists them, and nothing else has to know of a new one.
 */
#ifndef PYQUEUE_BENCH_H
#define PYQUEUE_BENCH_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define BENCH_WORDS 6

/* 48 bytes: what fits pyqueue's smallest slot */
struct bench_message {
	uint64_t word[BENCH_WORDS];
};

/* Write message number @number. */
static inline void bench_fill(struct bench_message *message, uint64_t number)
{
	for (unsigned int i = 0; i < BENCH_WORDS; i++)
		message->word[i] = (number * BENCH_WORDS + i + 1) * 0x9e3779b97f4a7c15ULL;
}

/* Read it: a sum over every bit of all messages, in their order. */
static inline uint64_t bench_sum(uint64_t sum, const struct bench_message *message)
{
	for (unsigned int i = 0; i < BENCH_WORDS; i++)
		sum = (sum << 7 | sum >> 57) ^ message->word[i];
	return sum;
}

/**
 * struct bench_peer - one way to get messages through
 * @name: how results name it
 * @what: what one message costs there, for people
 * @required: the run fails without it
 * @moves_nothing: it has no messages, only a price
 * @setup: make what it needs, @state is for the other two; 0 or -errno, and
 *	then it is missing on this machine
 * @op: send and receive messages 0 to @n - 1, one after the other: each filled
 *	by bench_fill(), and what has arrived added by bench_sum() to *@sum. This
 *	is what is timed. 0 or -errno.
 * @teardown: the reverse of @setup
 */
struct bench_peer {
	const char *name;
	const char *what;
	bool required;
	bool moves_nothing;
	int (*setup)(void **state);
	int (*op)(void *state, unsigned long n, uint64_t *sum);
	void (*teardown)(void *state);
};

extern const struct bench_peer *const bench_peers[];
extern const size_t bench_peer_count;

/**
 * struct bench_ratio - two peers to compare
 * @name: how results name it
 * @over: the peer above the line
 * @under: the one below
 * @at_least: what it should be at least; 0: no matter
 * @at_most: what it should be at most; 0: no matter
 */
struct bench_ratio {
	const char *name;
	const struct bench_peer *over;
	const struct bench_peer *under;
	double at_least;
	double at_most;
};

extern const struct bench_ratio bench_ratios[];
extern const size_t bench_ratio_count;

/**
 * struct bench_sample - what was seen, round by round
 * @rounds: how many
 * @values: one for each
 * @median: of them
 * @least: of them
 * @most: of them
 */
struct bench_sample {
	unsigned int rounds;
	double *values;
	double median;
	double least;
	double most;
};

/**
 * struct bench_report - a whole run
 * @rounds: rounds
 * @messages: messages a round
 * @costs: nanoseconds a message, for each peer; no rounds: it is missing
 * @missing: for each peer, why: an -errno
 * @ratios: for each ratio; no rounds: a peer is missing
 */
struct bench_report {
	unsigned int rounds;
	unsigned long messages;
	struct bench_sample *costs;
	int *missing;
	struct bench_sample *ratios;
};

/* sample.c */
struct bench_sample *bench_samples(size_t n, unsigned int rounds);
void bench_samples_free(struct bench_sample *samples);
void bench_sample_settle(struct bench_sample *sample);
double bench_sample_spread(const struct bench_sample *sample);

/* report.c */
void bench_report_table(const struct bench_report *report, FILE *to);
int bench_report_json(const struct bench_report *report, FILE *to);

#endif
