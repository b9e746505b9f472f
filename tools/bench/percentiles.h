/* SPDX-License-Identifier: MIT */
/* How long each of many took. */
#ifndef PYQUEUE_BENCH_PERCENTILES_H
#define PYQUEUE_BENCH_PERCENTILES_H

#include <stdint.h>

#include "clock.h"

/*
 * Sorts the @n values, and says their median and what few exceed, but not BENCH_CPU: each
 * times @n, as a measurement's time is divided by it.
 */
void bench_percentiles(int64_t *values, unsigned long n, uint64_t ns[BENCH_CLOCKS]);

#endif
