/* SPDX-License-Identifier: MIT */
/* The results: a table for people, JSON for programs. */
#ifndef PYQUEUE_BENCH_REPORT_H
#define PYQUEUE_BENCH_REPORT_H

#include <stdio.h>

#include "run.h"
#include "system.h"

/* table.c */
void bench_table_system(const struct bench_system *system, FILE *to);
void bench_table_run(const struct bench_run *run, FILE *to);
void bench_table_verdict(const struct bench_run *runs, size_t n, FILE *to);

/* json.c */
int bench_json(const struct bench_system *system, const struct bench_run *runs, size_t n, FILE *to);

#endif
