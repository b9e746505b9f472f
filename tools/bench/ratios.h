/* SPDX-License-Identifier: MIT */
/* Ratios: who is compared with whom, and what is wanted. */
#ifndef PYQUEUE_BENCH_RATIOS_H
#define PYQUEUE_BENCH_RATIOS_H

#include "workloads.h"

/**
 * struct bench_ratio - two peers to compare
 * @name: how results name it
 * @workload: in which workload
 * @clock: by what; the fastest peer is always by time
 * @least_size: from so many bytes a message; 0: any
 * @most_size: up to so many; 0: any
 * @over: the peer above the line; NULL: the fastest of the peers that count
 * @under: the one below
 * @backend: only where that is pyqueue's; NULL: any
 * @at_least: what it should be at least; 0: no matter
 * @at_most: what it should be at most; 0: no matter
 */
struct bench_ratio {
	const char *name;
	const struct bench_workload *workload;
	enum bench_clock clock;
	size_t least_size;
	size_t most_size;
	const struct bench_peer *over;
	const struct bench_peer *under;
	const char *backend;
	double at_least;
	double at_most;
};

extern const struct bench_ratio bench_ratios[];
extern const size_t bench_ratio_count;

static inline bool bench_ratio_has_target(const struct bench_ratio *ratio)
{
	return ratio->at_least > 0 || ratio->at_most > 0;
}

static inline bool bench_ratio_is_met(const struct bench_ratio *ratio, double value)
{
	return !(ratio->at_least > 0 && value < ratio->at_least) &&
	       !(ratio->at_most > 0 && value > ratio->at_most);
}

#endif
