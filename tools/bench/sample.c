// SPDX-License-Identifier: MIT
/* Values of several rounds, and what is said of them. */
#include <string.h>

#include "alloc.h"
#include "sample.h"

/* @n samples with room for so many rounds. */
struct bench_sample *bench_samples(size_t n, unsigned int rounds)
{
	struct bench_sample *samples = bench_alloc(n, sizeof(*samples));
	double *values = bench_alloc(n * rounds, sizeof(*values));

	for (size_t i = 0; i < n; i++)
		samples[i].values = values + i * rounds;
	return samples;
}

void bench_samples_free(struct bench_sample *samples)
{
	if (samples)
		free(samples[0].values);
	free(samples);
}

void bench_sample_add(struct bench_sample *sample, double value)
{
	sample->values[sample->rounds++] = value;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Work out median, least and most; the values stay in the order of the rounds. */
void bench_sample_settle(struct bench_sample *sample)
{
	const unsigned int n = sample->rounds;
	double *sorted;

	if (!n)
		return;
	sorted = bench_alloc(n, sizeof(*sorted));
	memcpy(sorted, sample->values, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare);
	sample->least = sorted[0];
	sample->most = sorted[n - 1];
	sample->median = n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
	free(sorted);
}

/* From the least to the most, as a part of the median. */
double bench_sample_spread(const struct bench_sample *sample)
{
	return (sample->most - sample->least) / sample->median;
}
