// SPDX-License-Identifier: MIT
/* Who is compared with whom. The pairs of the module's calls come first. */
#include "ratios.h"

#define BEST(of, least, most, ...)                                                       \
	{                                                                                \
		.name = "best peer / pyqueue", .workload = &(of), .least_size = (least), \
		.most_size = (most), .under = &peer_pyqueue, __VA_ARGS__                 \
	}

/* With what that peer pays for it; in the emulator atomic operations are dear, and calls cheap. */
#define BETWEEN_PROCESSES(of, least, most, wanted)                                              \
	BEST(of, least, most, .backend = "shm", .at_least = (wanted)),                          \
		BEST(of, least, most, .backend = "kernel"),                                     \
	{                                                                                       \
		.name = "best peer / pyqueue, CPU time", .workload = &(of), .clock = BENCH_CPU, \
		.least_size = (least), .most_size = (most), .under = &peer_pyqueue,             \
		.backend = "shm", .at_least = 1,                                                \
	}

/* Those who sleep at once, as their peers do; where both processes are is made the same. */
#define ASLEEP(of, label, peer)                                                  \
	{                                                                        \
		.name = (label), .workload = &(of), .over = &(peer),             \
		.under = &peer_pyqueue_no_spin, .backend = "shm", .at_least = 1, \
	}

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
		.name = "pyqueue aio / pyqueue",
		.workload = &workload_one,
		.over = &peer_pyqueue_aio,
		.under = &peer_pyqueue,
		.at_most = 1.5,
	},
	{
		.name = "pyqueue / spsc (unsafe)",
		.workload = &workload_one,
		.over = &peer_pyqueue,
		.under = &peer_spsc,
		.at_most = 2,
	},
	{
		.name = "epoll+pipes / pyqueue aio64",
		.workload = &workload_loop64,
		.over = &peer_epoll_pipes,
		.under = &peer_pyqueue_many,
		.at_least = 1.5,
	},
	{
		.name = "epoll+pipes / pyqueue aio64",
		.workload = &workload_echo64,
		.over = &peer_epoll_pipes,
		.under = &peer_pyqueue_many,
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
		.name = "mqueue / pyqueue sealed",
		.workload = &workload_one,
		.over = &peer_mqueue,
		.under = &peer_pyqueue_sealed,
		.at_least = 1.5,
	},
	{
		.name = "mqueue / pyqueue sealed",
		.workload = &workload_1p1c,
		.over = &peer_mqueue,
		.under = &peer_pyqueue_sealed,
		.at_least = 1.5,
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
		.name = "pyqueue / cache line",
		.workload = &workload_pingpong,
		.over = &peer_pyqueue,
		.under = &peer_line,
		.backend = "shm",
		.at_most = 6,
	},
	{
		.name = "mqueue / pyqueue no spin",
		.workload = &workload_pingpong,
		.over = &peer_mqueue,
		.under = &peer_pyqueue_no_spin,
		.backend = "kernel",
		.at_least = 1,
	},
	ASLEEP(workload_pingpong_together, "mutex ring / pyqueue no spin", peer_mutex_ring),
	ASLEEP(workload_pingpong_together, "boost / pyqueue no spin", peer_boost),
	ASLEEP(workload_pingpong_apart, "mutex ring / pyqueue no spin", peer_mutex_ring),
	ASLEEP(workload_pingpong_apart, "boost / pyqueue no spin", peer_boost),
	/* What users get instead; small messages, and large ones. */
	BETWEEN_PROCESSES(workload_1p1c, 8, 240, 2.5),
	BETWEEN_PROCESSES(workload_2p2c, 8, 240, 2.5),
	BETWEEN_PROCESSES(workload_4p4c, 8, 240, 2.5),
	BETWEEN_PROCESSES(workload_8p8c, 8, 240, 2.5),
	BETWEEN_PROCESSES(workload_1p1c, 65536, 65536, 1.2),
	BETWEEN_PROCESSES(workload_2p2c, 65536, 65536, 1.2),
	BETWEEN_PROCESSES(workload_4p4c, 65536, 65536, 1.2),
	BETWEEN_PROCESSES(workload_8p8c, 65536, 65536, 1.2),
	BEST(workload_1p2c, 8, 240),
	BEST(workload_1p4c, 8, 240),
	BEST(workload_1p8c, 8, 240),
	BEST(workload_2p1c, 8, 240),
	BEST(workload_4p1c, 8, 240),
	BEST(workload_8p1c, 8, 240),
	BEST(workload_burst, 0, 0),
	BEST(workload_full, 0, 0),
	{
		.name = "cpython / pyqueue",
		.workload = &workload_apply1,
		.over = &peer_cpython,
		.under = &peer_pyqueue,
		.at_least = 20,
	},
	{
		.name = "cpython / pyqueue",
		.workload = &workload_apply1000,
		.over = &peer_cpython,
		.under = &peer_pyqueue,
		.at_least = 20,
	},
	{
		.name = "cpython / pyqueue",
		.workload = &workload_map1,
		.over = &peer_cpython,
		.under = &peer_pyqueue,
		.at_least = 20,
	},
};

const size_t bench_ratio_count = sizeof(bench_ratios) / sizeof(bench_ratios[0]);
