// SPDX-License-Identifier: MIT
/* The results for programs. */
#include <errno.h>
#include <math.h>
#include <gnu/libc-version.h>

#include "report.h"
#include "sweeps.h"

/* Begins an element of a list: what separates it from the last one. */
static void element(FILE *to, size_t i, const char *indent)
{
	fprintf(to, "%s\n%s{ ", i ? "," : "", indent);
}

static void string(FILE *to, const char *text)
{
	fputc('"', to);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fprintf(to, "\\%c", *text);
		else if ((unsigned char)*text < ' ')
			fprintf(to, "\\u%04x", *text);
		else
			fputc(*text, to);
	}
	fputc('"', to);
}

static void string_member(FILE *to, const char *key, const char *value)
{
	fprintf(to, "\"%s\": ", key);
	string(to, value);
	fputs(", ", to);
}

/* JSON knows no infinity, and a ratio of times too short to be seen is one. */
static void number(FILE *to, double value)
{
	if (isfinite(value))
		fprintf(to, "%.4g", value);
	else
		fputs("null", to);
}

static void number_member(FILE *to, const char *key, double value)
{
	fprintf(to, "\"%s\": ", key);
	number(to, value);
	fputs(", ", to);
}

static void sample_member(FILE *to, const char *key, const struct bench_sample *sample)
{
	fprintf(to, "\n        \"%s\": { ", key);
	number_member(to, "median", sample->median);
	number_member(to, "least", sample->least);
	number_member(to, "most", sample->most);
	number_member(to, "spread", bench_sample_spread(sample));
	fputs("\"rounds\": [", to);
	for (unsigned int i = 0; i < sample->rounds; i++) {
		fputs(i ? ", " : "", to);
		number(to, sample->values[i]);
	}
	fputs("] }", to);
}

/* Ends what entries and comparisons have in common. */
static void clocks(FILE *to, const struct bench_run *run, const struct bench_sample *seen)
{
	sample_member(to, run->workload->latency ? "p50" : "wall", &seen[BENCH_WALL]);
	fputc(',', to);
	if (run->workload->latency) {
		sample_member(to, "p99", &seen[BENCH_P99]);
		fputc(',', to);
		sample_member(to, "p999", &seen[BENCH_P999]);
		fputc(',', to);
	}
	sample_member(to, "cpu", &seen[BENCH_CPU]);
	fputs(" }", to);
}

static void entries(FILE *to, const struct bench_run *run)
{
	fprintf(to, "      \"unit\": \"%s\",\n      \"peers\": [",
		run->workload->unit ? run->workload->unit : "ns a message");
	for (size_t i = 0; i < run->entry_count; i++) {
		const struct bench_entry *entry = &run->entries[i];

		element(to, i, "      ");
		string_member(to, "name", entry->peer->name);
		if (entry->queues[0].backend)
			string_member(to, "backend", entry->queues[0].backend);
		string_member(to, "what", entry->peer->what);
		if (entry->peer->own || entry->peer->limit)
			fprintf(to, "\"%s\": true, ", entry->peer->own ? "own" : "limit");
		if (!isnan(entry->calls))
			number_member(to, "system_calls", entry->calls);
		if (entry->queues[0].capacity && !run->workload->no_queue)
			fprintf(to, "\"capacity\": %lu, ", entry->queues[0].capacity);
		fprintf(to, "\"messages\": %lu,", entry->messages * run->workload->slices);
		clocks(to, run, entry->cost);
	}
	fputs("\n      ],\n", to);
}

static void comparisons(FILE *to, const struct bench_run *run)
{
	fputs("      \"ratios\": [", to);
	for (size_t i = 0; i < run->comparison_count; i++) {
		const struct bench_comparison *comparison = &run->comparisons[i];
		const struct bench_ratio *ratio = comparison->ratio;
		const double seen = comparison->seen[ratio->clock].median;

		element(to, i, "      ");
		string_member(to, "name", ratio->name);
		string_member(to, "over", comparison->over->name);
		string_member(to, "under", ratio->under->name);
		if (ratio->clock == BENCH_CPU)
			string_member(to, "of", "cpu");
		if (ratio->at_least > 0)
			number_member(to, "at_least", ratio->at_least);
		if (ratio->at_most > 0)
			number_member(to, "at_most", ratio->at_most);
		if (bench_ratio_has_target(ratio))
			fprintf(to, "\"met\": %s, ",
				bench_ratio_is_met(ratio, seen) ? "true" : "false");
		clocks(to, run, comparison->seen);
	}
	fputs("\n      ] }", to);
}

static void one_run(FILE *to, const struct bench_run *run)
{
	string_member(to, "workload", run->workload->name);
	string_member(to, "what", run->workload->what);
	if (!run->workload->late)
		fprintf(to, "\"message_bytes\": %zu, ", run->size);
	if (!run->workload->no_queue)
		fprintf(to, "\"queue_messages\": %lu, \"queues\": %u, ", run->capacity,
			run->workload->queues ? run->workload->queues : 1);
	fprintf(to, "\"rounds\": %u,\n", run->rounds);
	entries(to, run);
	comparisons(to, run);
}

static void sweeps(FILE *to, const struct bench_run *runs, size_t n)
{
	size_t count = 0;

	fputs("  \"sweeps\": [", to);
	for (size_t i = 0; i < bench_sweep_count; i++) {
		const struct bench_sweep *sweep = &bench_sweeps[i];
		double seen;

		if (!bench_sweep_look(sweep, runs, n, &seen))
			continue;
		element(to, count++, "    ");
		string_member(to, "name", sweep->name);
		string_member(to, "peer", sweep->peer->name);
		number_member(to, "wall", seen);
		number_member(to, "at_most", sweep->at_most);
		fprintf(to, "\"met\": %s }", bench_sweep_is_met(sweep, seen) ? "true" : "false");
	}
	fputs("\n  ]\n", to);
}

static void loads(FILE *to, const double *load)
{
	fprintf(to, "[%.2f, %.2f, %.2f]", load[0], load[1], load[2]);
}

static void about_system(FILE *to, const struct bench_system *system)
{
	char made[sizeof("2026-01-01T00:00:00Z")];

	strftime(made, sizeof(made), "%FT%TZ", gmtime(&system->made));
	fputs("  \"system\": { ", to);
	string_member(to, "made", made);
	string_member(to, "compiler", __VERSION__);
	string_member(to, "libc", gnu_get_libc_version());
	string_member(to, "kernel", system->kernel.release);
	string_member(to, "machine", system->kernel.machine);
	string_member(to, "processor", system->processor);
	fprintf(to, "\"processors\": %ld, \"load_at_start\": ", system->processors);
	loads(to, system->load);
	if (system->host_processors) {
		fprintf(to, ", \"host\": { \"processors\": %ld, \"load_at_start\": ",
			system->host_processors);
		loads(to, system->host_load);
		fputs(" }", to);
	}
	fputs(" },\n", to);
}

/* 0, or -errno if @to does not take it. */
int bench_json(const struct bench_system *system, const struct bench_run *runs, size_t n, FILE *to)
{
	fputs("{\n  \"benchmark\": \"pyqueue-bench\",\n  \"format\": 3,\n", to);
	about_system(to, system);
	fputs("  \"runs\": [", to);
	for (size_t i = 0, count = 0; i < n; i++) {
		if (!runs[i].entry_count)
			continue;
		element(to, count++, "    ");
		one_run(to, &runs[i]);
	}
	fputs("\n  ],\n", to);
	sweeps(to, runs, n);
	fputs("}\n", to);
	return fflush(to) || ferror(to) ? -(errno ? errno : EIO) : 0;
}
