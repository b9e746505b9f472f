// SPDX-License-Identifier: MIT
/* The results: a table for people, JSON for programs. */
#include <string.h>
#include <unistd.h>
#include <sys/utsname.h>

#include "bench.h"

static bool has_target(const struct bench_ratio *ratio)
{
	return ratio->at_least > 0 || ratio->at_most > 0;
}

static bool is_met(const struct bench_ratio *ratio, double value)
{
	return !(ratio->at_least > 0 && value < ratio->at_least) &&
	       !(ratio->at_most > 0 && value > ratio->at_most);
}

void bench_report_table(const struct bench_report *report, FILE *to)
{
	fprintf(to, "ns a message of %zu bytes, one process; median of %u rounds of %lu\n",
		sizeof(struct bench_message), report->rounds, report->messages);
	for (size_t i = 0; i < bench_peer_count; i++) {
		const struct bench_sample *cost = &report->costs[i];

		if (cost->rounds)
			fprintf(to, "  %-36s %8.0f   %.0f to %.0f   %s\n", bench_peers[i]->name,
				cost->median, cost->least, cost->most, bench_peers[i]->what);
		else
			fprintf(to, "  %-36s  missing   %s\n", bench_peers[i]->name,
				strerror(-report->missing[i]));
	}
	for (size_t i = 0; i < bench_ratio_count; i++) {
		const struct bench_ratio *ratio = &bench_ratios[i];
		const struct bench_sample *seen = &report->ratios[i];

		if (!seen->rounds)
			continue;
		fprintf(to, "  %-36s %8.2f   %.2f to %.2f", ratio->name, seen->median, seen->least,
			seen->most);
		if (ratio->at_most > 0)
			fprintf(to, "   at most %g wanted", ratio->at_most);
		if (ratio->at_least > 0)
			fprintf(to, "   at least %g wanted", ratio->at_least);
		if (has_target(ratio))
			fprintf(to, ": %s", is_met(ratio, seen->median) ? "met" : "NOT MET");
		fputc('\n', to);
	}
}

static void json_string(FILE *to, const char *text)
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

static void json_member(FILE *to, const char *key, const char *value)
{
	fprintf(to, "\"%s\": ", key);
	json_string(to, value);
}

static void json_sample(FILE *to, const struct bench_sample *sample)
{
	fprintf(to, "\"median\": %.4g, \"least\": %.4g, \"most\": %.4g, \"spread\": %.3g, ",
		sample->median, sample->least, sample->most, bench_sample_spread(sample));
	fputs("\"rounds\": [", to);
	for (unsigned int i = 0; i < sample->rounds; i++)
		fprintf(to, "%s%.4g", i ? ", " : "", sample->values[i]);
	fputc(']', to);
}

/* What the processor calls itself: an emulator's does not hide. */
static void processor(char *name, size_t size)
{
	FILE *cpuinfo = fopen("/proc/cpuinfo", "re");
	char line[256];

	snprintf(name, size, "unknown");
	while (cpuinfo && fgets(line, sizeof(line), cpuinfo)) {
		char *value = strchr(line, ':');

		if (strncmp(line, "model name", 10) || !value)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(name, size, "%s", value + 1 + strspn(value + 1, " "));
		break;
	}
	if (cpuinfo)
		fclose(cpuinfo);
}

static void json_system(FILE *to)
{
	struct utsname system;
	char cpu[128];

	uname(&system);
	processor(cpu, sizeof(cpu));
	fputs("  \"system\": { ", to);
	json_member(to, "kernel", system.release);
	fputs(", ", to);
	json_member(to, "machine", system.machine);
	fputs(", ", to);
	json_member(to, "processor", cpu);
	fprintf(to, ", \"processors\": %ld },\n", sysconf(_SC_NPROCESSORS_ONLN));
}

static void json_peers(const struct bench_report *report, FILE *to)
{
	fputs("  \"peers\": [\n", to);
	for (size_t i = 0; i < bench_peer_count; i++) {
		fputs("    { ", to);
		json_member(to, "name", bench_peers[i]->name);
		fputs(", ", to);
		json_member(to, "what", bench_peers[i]->what);
		fputs(", \"unit\": \"ns a message\", ", to);
		if (report->costs[i].rounds)
			json_sample(to, &report->costs[i]);
		else
			json_member(to, "missing", strerror(-report->missing[i]));
		fprintf(to, " }%s\n", i + 1 < bench_peer_count ? "," : "");
	}
	fputs("  ],\n", to);
}

static void json_ratios(const struct bench_report *report, FILE *to)
{
	const char *separator = "";

	fputs("  \"ratios\": [", to);
	for (size_t i = 0; i < bench_ratio_count; i++) {
		const struct bench_ratio *ratio = &bench_ratios[i];
		const struct bench_sample *seen = &report->ratios[i];

		if (!seen->rounds)
			continue;
		fprintf(to, "%s\n    { ", separator);
		separator = ",";
		json_member(to, "name", ratio->name);
		fputs(", ", to);
		if (ratio->at_least > 0)
			fprintf(to, "\"at_least\": %g, ", ratio->at_least);
		if (ratio->at_most > 0)
			fprintf(to, "\"at_most\": %g, ", ratio->at_most);
		if (has_target(ratio))
			fprintf(to, "\"met\": %s, ",
				is_met(ratio, seen->median) ? "true" : "false");
		json_sample(to, seen);
		fputs(" }", to);
	}
	fputs("\n  ]\n", to);
}

/* 0, or -errno if @to does not take it. */
int bench_report_json(const struct bench_report *report, FILE *to)
{
	fputs("{\n  \"benchmark\": \"pyqueue-bench\",\n  \"format\": 1,\n", to);
	json_system(to);
	fprintf(to,
		"  \"workload\": { \"name\": \"one process\", \"message_bytes\": %zu, "
		"\"messages\": %lu, \"rounds\": %u },\n",
		sizeof(struct bench_message), report->messages, report->rounds);
	json_peers(report, to);
	json_ratios(report, to);
	fputs("}\n", to);
	return fflush(to) || ferror(to) ? -(errno ? errno : EIO) : 0;
}
