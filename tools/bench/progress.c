// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <unistd.h>

#include "progress.h"

static struct {
	size_t done;
	size_t all;
	bool shown;
} progress;

void bench_progress_runs(size_t done, size_t all)
{
	progress.done = done;
	progress.all = all;
}

void bench_progress_round(const struct bench_run *run, size_t i, unsigned int round)
{
	if (!isatty(STDERR_FILENO))
		return;
	bench_progress_clear();
	fprintf(stderr, "run %zu of %zu: %s", progress.done + i + 1, progress.all,
		run->workload->name);
	if (!run->workload->late)
		fprintf(stderr, ", %zu bytes", run->size);
	if (round)
		fprintf(stderr, ", round %u of %u", round, run->rounds);
	else
		fputs(", to get warm", stderr);
	progress.shown = true;
}

void bench_progress_clear(void)
{
	if (progress.shown)
		fputs("\r\033[K", stderr);
	progress.shown = false;
}
