/* SPDX-License-Identifier: MIT */
/* A line that says how far it is, on standard error, where that is a terminal. */
#ifndef PYQUEUE_BENCH_PROGRESS_H
#define PYQUEUE_BENCH_PROGRESS_H

#include "run.h"

/* So many of @all runs are done. */
void bench_progress_runs(size_t done, size_t all);

/* Run @i of those behind them is at @round; 0: the one that does not count. */
void bench_progress_round(const struct bench_run *run, size_t i, unsigned int round);

/* Before anything else is said. */
void bench_progress_clear(void);

#endif
