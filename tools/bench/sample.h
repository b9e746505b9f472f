/* SPDX-License-Identifier: MIT */
#ifndef PYQUEUE_BENCH_SAMPLE_H
#define PYQUEUE_BENCH_SAMPLE_H

#include <stddef.h>

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

struct bench_sample *bench_samples(size_t n, unsigned int rounds);
void bench_samples_free(struct bench_sample *samples);
void bench_sample_add(struct bench_sample *sample, double value);
void bench_sample_settle(struct bench_sample *sample);
double bench_sample_spread(const struct bench_sample *sample);

#endif
