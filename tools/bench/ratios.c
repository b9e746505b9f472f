// SPDX-License-Identifier: MIT
/* Who is compared with whom. The pairs of the module's calls come first. */
#include "ratios.h"

const struct bench_ratio bench_ratios[] = {
	{
		.name = "pyqueue ioctl / two getppid",
		.workload = &workload_one,
		.over = &peer_pyqueue_ioctl,
		.under = &peer_getppid,
		.at_most = 4,
	},
	{
		.name = "mqueue / pyqueue ioctl",
		.workload = &workload_one,
		.over = &peer_mqueue,
		.under = &peer_pyqueue_ioctl,
		.at_least = 1.2,
	},
	{
		.name = "pyqueue write+read / pyqueue ioctl",
		.workload = &workload_one,
		.over = &peer_pyqueue_file,
		.under = &peer_pyqueue_ioctl,
	},
	{
		.name = "pipe / pyqueue ioctl",
		.workload = &workload_one,
		.over = &peer_pipe,
		.under = &peer_pyqueue_ioctl,
	},
	{
		.name = "boost / pyqueue",
		.workload = &workload_one,
		.over = &peer_boost,
		.under = &peer_pyqueue,
		.at_least = 1.2,
	},
	{
		.name = "mqueue / pyqueue",
		.workload = &workload_one,
		.over = &peer_mqueue,
		.under = &peer_pyqueue,
		.backend = "shm",
		.at_least = 40,
	},
	{
		.name = "mqueue / pyqueue",
		.workload = &workload_one,
		.over = &peer_mqueue,
		.under = &peer_pyqueue,
		.backend = "kernel",
		.at_least = 15,
	},
	{
		.name = "mqueue / pyqueue",
		.workload = &workload_1p1c,
		.over = &peer_mqueue,
		.under = &peer_pyqueue,
		.backend = "kernel",
		.at_least = 10,
	},
	{
		.name = "pipe / pyqueue",
		.workload = &workload_1p1c,
		.over = &peer_pipe,
		.under = &peer_pyqueue,
		.backend = "kernel",
		.at_least = 10,
	},
	{
		.name = "pipe / pyqueue",
		.workload = &workload_pingpong,
		.over = &peer_pipe,
		.under = &peer_pyqueue,
		.backend = "kernel",
		.at_least = 1,
	},
	{
		.name = "pipe / pyqueue",
		.workload = &workload_pingpong,
		.over = &peer_pipe,
		.under = &peer_pyqueue,
		.backend = "shm",
	},
	{
		.name = "boost / pyqueue",
		.workload = &workload_1p1c,
		.over = &peer_boost,
		.under = &peer_pyqueue,
		.at_least = 2.5,
	},
	{
		.name = "boost / pyqueue",
		.workload = &workload_2p2c,
		.over = &peer_boost,
		.under = &peer_pyqueue,
		.at_least = 2,
	},
	{
		.name = "boost / pyqueue",
		.workload = &workload_4p4c,
		.over = &peer_boost,
		.under = &peer_pyqueue,
		.at_least = 2,
	},
	{
		.name = "boost / pyqueue",
		.workload = &workload_8p8c,
		.over = &peer_boost,
		.under = &peer_pyqueue,
		.at_least = 2,
	},
};

const size_t bench_ratio_count = sizeof(bench_ratios) / sizeof(bench_ratios[0]);
