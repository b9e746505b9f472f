// SPDX-License-Identifier: MIT
/* The results for people. */
#include <math.h>

#include "report.h"
#include "sweeps.h"

static const char *plural(unsigned long n)
{
	return n == 1 ? "" : "s";
}

static void warn_of_load(const char *whose, const double *load, long processors, FILE *to)
{
	if (bench_system_is_busy(load, processors))
		fprintf(to,
			"%s is busy: a load average of %.2f on %ld processor%s; the figures will tell\n",
			whose, load[0], processors, plural((unsigned long)processors));
}

void bench_table_system(const struct bench_system *system, FILE *to)
{
	fprintf(to, "%s, %ld processor%s, %s %s, load average at the start %.2f %.2f %.2f\n",
		system->processor, system->processors, plural((unsigned long)system->processors),
		system->kernel.sysname, system->kernel.release, system->load[0], system->load[1],
		system->load[2]);
	if (system->host_processors)
		fprintf(to, "its host: %ld processor%s, load average at the start %.2f %.2f %.2f\n",
			system->host_processors, plural((unsigned long)system->host_processors),
			system->host_load[0], system->host_load[1], system->host_load[2]);
	warn_of_load("this machine", system->load, system->processors, to);
	if (system->host_processors)
		warn_of_load("its host", system->host_load, system->host_processors, to);
}

/* With as many digits as are worth anything. */
static void column(FILE *to, double value)
{
	fprintf(to, " %8.*f", value < 10 ? 2 : value < 1000 ? 1 : 0, value);
}

/* What is said of entries and comparisons alike. */
static void columns(FILE *to, const struct bench_run *run, const struct bench_sample *seen)
{
	column(to, seen[BENCH_WALL].median);
	column(to, seen[BENCH_WALL].least);
	column(to, seen[BENCH_WALL].most);
	if (run->workload->latency) {
		column(to, seen[BENCH_P99].median);
		column(to, seen[BENCH_P999].median);
	}
	column(to, seen[BENCH_CPU].median);
}

static void row_of_entry(const struct bench_run *run, const struct bench_entry *entry, FILE *to)
{
	const struct bench_queue *queue = &entry->queues[0];
	const char *separator = "  ";
	char name[64];

	if (queue->backend)
		snprintf(name, sizeof(name), "%s (%s)", entry->peer->name, queue->backend);
	else
		snprintf(name, sizeof(name), "%s", entry->peer->name);
	fprintf(to, "  %-36s", name);
	columns(to, run, entry->cost);
	/* What it does with messages. */
	if (!run->workload->no_queue) {
		fprintf(to, "   %s", entry->peer->what);
		if (queue->capacity && queue->capacity != run->capacity)
			fprintf(to, "; holds %lu", queue->capacity);
		separator = ";";
	}
	if (!isnan(entry->calls))
		fprintf(to, "%s %.2f system calls", separator, entry->calls);
	fputc('\n', to);
}

static const char *verdict(const struct bench_comparison *comparison)
{
	return bench_ratio_is_met(comparison->ratio,
				  comparison->seen[comparison->ratio->clock].median) ?
		       "met" :
		       "NOT MET";
}

static void target(const struct bench_ratio *ratio, FILE *to)
{
	if (ratio->at_most > 0)
		fprintf(to, "at most %g wanted", ratio->at_most);
	if (ratio->at_least > 0)
		fprintf(to, "at least %g wanted", ratio->at_least);
}

static void row_of_comparison(const struct bench_run *run,
			      const struct bench_comparison *comparison, FILE *to)
{
	fprintf(to, "  %-36s", comparison->ratio->name);
	columns(to, run, comparison->seen);
	if (!comparison->ratio->over)
		fprintf(to, "   %s;", comparison->over->name);
	if (bench_ratio_has_target(comparison->ratio)) {
		fputs("   ", to);
		target(comparison->ratio, to);
		fprintf(to, ": %s", verdict(comparison));
	}
	fputc('\n', to);
}

void bench_table_run(const struct bench_run *run, FILE *to)
{
	const struct bench_workload *workload = run->workload;

	fprintf(to, "\n%s", workload->name);
	if (!workload->late)
		fprintf(to, ", %zu bytes", run->size);
	if (!run->entry_count) {
		fputs(": nobody who was asked can do it\n", to);
		return;
	}
	fprintf(to, ": %s; %s, median of %u round%s", workload->what,
		workload->unit ? workload->unit : "ns a message", run->rounds, plural(run->rounds));
	if (!workload->no_queue)
		fprintf(to, "; queues of %lu", run->capacity);
	fprintf(to, "\n  %-36s %8s %8s %8s", "", workload->latency ? "p50" : "time", "least",
		"most");
	if (workload->latency)
		fprintf(to, " %8s %8s", "p99", "p99.9");
	fprintf(to, " %8s\n", "CPU time");
	for (size_t i = 0; i < run->entry_count; i++)
		row_of_entry(run, &run->entries[i], to);
	for (size_t i = 0; i < run->comparison_count; i++)
		row_of_comparison(run, &run->comparisons[i], to);
}

struct tally {
	unsigned int targets;
	unsigned int met;
};

/* All that were looked at: they have no table of their own. */
static void judge_sweeps(const struct bench_run *runs, size_t n, struct tally *tally, FILE *to)
{
	for (size_t i = 0; i < bench_sweep_count; i++) {
		const struct bench_sweep *sweep = &bench_sweeps[i];
		double seen;
		bool met;

		if (!bench_sweep_look(sweep, runs, n, &seen))
			continue;
		met = bench_sweep_is_met(sweep, seen);
		tally->targets++;
		tally->met += met;
		fprintf(to, "%s: %s %.2f (at most %g wanted): %s\n", sweep->name, sweep->peer->name,
			seen, sweep->at_most, met ? "met" : "NOT MET");
	}
}

/* Each that is not met once more. */
static void judge_ratios(const struct bench_run *runs, size_t n, struct tally *tally, FILE *to)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < runs[i].comparison_count; k++) {
			const struct bench_comparison *comparison = &runs[i].comparisons[k];
			const struct bench_ratio *ratio = comparison->ratio;
			const double seen = comparison->seen[comparison->ratio->clock].median;

			if (!bench_ratio_has_target(ratio))
				continue;
			tally->targets++;
			if (bench_ratio_is_met(ratio, seen)) {
				tally->met++;
				continue;
			}
			fprintf(to, "NOT MET: %s, %zu bytes: %s is %.2f; ", runs[i].workload->name,
				runs[i].size, ratio->name, seen);
			target(ratio, to);
			fputc('\n', to);
		}
	}
}

/* The targets of all runs. */
void bench_table_verdict(const struct bench_run *runs, size_t n, FILE *to)
{
	struct tally tally = { 0 };

	fputc('\n', to);
	judge_sweeps(runs, n, &tally, to);
	judge_ratios(runs, n, &tally, to);
	if (tally.targets)
		fprintf(to, "%u of %u target%s met\n", tally.met, tally.targets,
			plural(tally.targets));
}
