// SPDX-License-Identifier: MIT
/* What there is to measure. */
#include "workloads.h"

const struct bench_workload *const bench_workloads[] = {
	&workload_one,	      &workload_1p1c,	     &workload_2p2c,
	&workload_4p4c,	      &workload_8p8c,	     &workload_1p2c,
	&workload_1p4c,	      &workload_1p8c,	     &workload_2p1c,
	&workload_4p1c,	      &workload_8p1c,	     &workload_pingpong,
	&workload_burst,      &workload_full,	     &workload_idle_1,
	&workload_idle_16,    &workload_idle_256,    &workload_idle_4096,
	&workload_robin_1,    &workload_robin_16,    &workload_robin_256,
	&workload_robin_4096, &workload_slots_64,    &workload_slots_1024,
	&workload_slots_8192, &workload_slots_65536, &workload_waiters_1,
	&workload_waiters_10, &workload_waiters_100, &workload_waiters_1000,
	&workload_loop64,     &workload_echo64,	     &workload_apply1,
	&workload_apply1000,  &workload_map1,	     &workload_late_get,
	&workload_late_join,  &workload_late_result, &workload_late_condition,
	&workload_late_event, &workload_late_death,
};

const size_t bench_workload_count = sizeof(bench_workloads) / sizeof(bench_workloads[0]);
