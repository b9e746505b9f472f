// SPDX-License-Identifier: MIT
/* What there is to measure. */
#include "workloads.h"

const struct bench_workload *const bench_workloads[] = {
	&workload_one,	      &workload_1p1c,	     &workload_2p2c,	       &workload_4p4c,
	&workload_8p8c,	      &workload_pingpong,    &workload_loop64,	       &workload_echo64,
	&workload_apply1,     &workload_apply1000,   &workload_map1,	       &workload_late_get,
	&workload_late_join,  &workload_late_result, &workload_late_condition, &workload_late_event,
	&workload_late_death,
};

const size_t bench_workload_count = sizeof(bench_workloads) / sizeof(bench_workloads[0]);
