// SPDX-License-Identifier: MIT
/* Who takes part, and who is compared with whom. */
#include "peers.h"

const struct bench_peer *const bench_peers[] = {
	&peer_getppid, &peer_pyqueue_ioctl, &peer_pyqueue_file, &peer_mqueue, &peer_pipe,
};

const size_t bench_peer_count = sizeof(bench_peers) / sizeof(bench_peers[0]);

const struct bench_ratio bench_ratios[] = {
	{
		.name = "pyqueue ioctl / two getppid",
		.over = &peer_pyqueue_ioctl,
		.under = &peer_getppid,
		.at_most = 4,
	},
	{
		.name = "mqueue / pyqueue ioctl",
		.over = &peer_mqueue,
		.under = &peer_pyqueue_ioctl,
		.at_least = 1.2,
	},
	{
		.name = "pyqueue write+read / pyqueue ioctl",
		.over = &peer_pyqueue_file,
		.under = &peer_pyqueue_ioctl,
	},
	{
		.name = "pipe / pyqueue ioctl",
		.over = &peer_pipe,
		.under = &peer_pyqueue_ioctl,
	},
};

const size_t bench_ratio_count = sizeof(bench_ratios) / sizeof(bench_ratios[0]);
