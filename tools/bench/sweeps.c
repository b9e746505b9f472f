// SPDX-License-Identifier: MIT
/*
 * What a queue costs should not grow with what is not used of it. The runs are one after the
 * other, and so it is their medians that are compared.
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

/* The median of a peer in a workload; 0: it was not there. */
static double median(const struct bench_run *runs, size_t n, const struct bench_workload *workload,
		     const struct bench_peer *peer)
{
	for (size_t i = 0; i < n; i++) {
		if (runs[i].workload != workload)
			continue;
		for (size_t k = 0; k < runs[i].entry_count; k++)
			if (runs[i].entries[k].peer == peer)
				return runs[i].entries[k].cost[BENCH_WALL].median;
	}
	return 0;
}

bool bench_sweep_look(const struct bench_sweep *sweep, const struct bench_run *runs, size_t n,
		      double *seen)
{
	const double over = median(runs, n, sweep->over, sweep->peer);
	const double under = median(runs, n, sweep->under, sweep->peer);

	if (!(over > 0) || !(under > 0))
		return false;
	*seen = over / under;
	return true;
}
