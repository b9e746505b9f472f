// SPDX-License-Identifier: MIT
#include <stdlib.h>

#include "percentiles.h"

static int compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void bench_percentiles(int64_t *values, unsigned long n, uint64_t ns[BENCH_CLOCKS])
{
	qsort(values, n, sizeof(*values), compare);
	ns[BENCH_WALL] = (uint64_t)values[n / 2] * n;
	ns[BENCH_P99] = (uint64_t)values[n - 1 - n / 100] * n;
	ns[BENCH_P999] = (uint64_t)values[n - 1 - n / 1000] * n;
}
