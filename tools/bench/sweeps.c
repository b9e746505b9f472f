// SPDX-License-Identifier: MIT
/*
 * What a queue costs should not grow with what is not used of it. The runs take turns, and a
 * ratio is one of a round, as in ratios.c.
 */
#include "sweeps.h"

#define SWEEP(large, small, label, most)                                                \
	{                                                                               \
		.name = (label), .over = &workload_##large, .under = &workload_##small, \
		.peer = &peer_pyqueue, .at_most = (most),                               \
	}

const struct bench_sweep bench_sweeps[] = {
	SWEEP(idle_16, idle_1, "idle-16 / idle-1", 1.2),
	SWEEP(idle_256, idle_1, "idle-256 / idle-1", 1.2),
	SWEEP(idle_4096, idle_1, "idle-4096 / idle-1", 1.2),
	SWEEP(robin_4096, robin_1, "robin-4096 / robin-1", 2.5),
	SWEEP(slots_65536, slots_64, "slots-65536 / slots-64", 1.2),
};

const size_t bench_sweep_count = sizeof(bench_sweeps) / sizeof(bench_sweeps[0]);

/* A peer's rounds in a workload; NULL: it was not there. */
static const struct bench_sample *cost(const struct bench_run *runs, size_t n,
				       const struct bench_workload *workload,
				       const struct bench_peer *peer)
{
	for (size_t i = 0; i < n; i++) {
		if (runs[i].workload != workload)
			continue;
		for (size_t k = 0; k < runs[i].entry_count; k++)
			if (runs[i].entries[k].peer == peer)
				return &runs[i].entries[k].cost[BENCH_WALL];
	}
	return NULL;
}

bool bench_sweep_look(const struct bench_sweep *sweep, const struct bench_run *runs, size_t n,
		      double *seen)
{
	const struct bench_sample *over = cost(runs, n, sweep->over, sweep->peer);
	const struct bench_sample *under = cost(runs, n, sweep->under, sweep->peer);
	struct bench_sample *ratio;

	if (!over || !under)
		return false;
	ratio = bench_samples(1, over->rounds);
	for (unsigned int round = 0; round < over->rounds; round++)
		bench_sample_add(ratio, over->values[round] / under->values[round]);
	bench_sample_settle(ratio);
	*seen = ratio->median;
	bench_samples_free(ratio);
	return true;
}
