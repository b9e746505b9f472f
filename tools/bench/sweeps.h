/* SPDX-License-Identifier: MIT */
/* Sweeps: how much more a message costs in a larger run than in a smaller one. */
#ifndef PYQUEUE_BENCH_SWEEPS_H
#define PYQUEUE_BENCH_SWEEPS_H

#include "run.h"

/**
 * struct bench_sweep - two workloads of one peer to compare, by time a message
 * @name: how results name it
 * @over: the larger one
 * @under: the smaller one
 * @peer: whose
 * @at_most: what it should be at most
 */
struct bench_sweep {
	const char *name;
	const struct bench_workload *over;
	const struct bench_workload *under;
	const struct bench_peer *peer;
	double at_most;
};

extern const struct bench_sweep bench_sweeps[];
extern const size_t bench_sweep_count;

/* Return: whether both are among the @n runs; then *@seen is what came out. */
bool bench_sweep_look(const struct bench_sweep *sweep, const struct bench_run *runs, size_t n,
		      double *seen);

static inline bool bench_sweep_is_met(const struct bench_sweep *sweep, double seen)
{
	return seen <= sweep->at_most;
}

#endif
