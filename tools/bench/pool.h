/* SPDX-License-Identifier: MIT */
/* What pyqueue does beside messages. */
#ifndef PYQUEUE_BENCH_POOL_H
#define PYQUEUE_BENCH_POOL_H

#include "workloads.h"

int bench_pyqueue_tasks(const struct bench_workload *workload, unsigned long n, size_t size,
			struct bench_outcome *outcome);
int bench_pyqueue_late(const struct bench_workload *workload, unsigned long n, int64_t *seen,
		       struct bench_outcome *outcome);
int bench_pyqueue_death(const struct bench_workload *workload, unsigned long n, int64_t *seen,
			struct bench_outcome *outcome);

#endif
