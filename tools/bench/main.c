// SPDX-License-Identifier: MIT
/*
 * pyqueue-bench: one process sends itself messages, by each peer in turn. The
 * peers take turns slice by slice. A round is many slices of each, and worth
 * their median, so that the few in which somebody else had the processor do not
 * count; a ratio is one of a round.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

static const char help[] =
	"Usage: pyqueue-bench [OPTION...]\n"
	"What a put and a get cost, beside other ways to get a message through.\n"
	"\n"
	"  --rounds N      interleaved rounds, of which the median counts (default 7)\n"
	"  --messages N    messages in a round (default 20000)\n"
	"  --json FILE     where the results go as JSON (default: standard output)\n"
	"  --help          this text\n"
	"\n"
	"A table for people goes to standard error. Every message is written, read and\n"
	"checked. Exit status: 0, 1 if a peer is missing or fails, 2 for a wrong option.\n";

/* of a round */
#define SLICES 51

struct options {
	unsigned int rounds;
	unsigned long messages;
	const char *json;
};

static unsigned long parse_number(const char *text, unsigned long most)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || !value || value > most) {
		fprintf(stderr, "pyqueue-bench: '%s' is not a number from 1 to %lu\n", text, most);
		exit(2);
	}
	return value;
}

static void parse(struct options *options, int argc, char **argv)
{
	static const struct option table[] = {
		{ "rounds", required_argument, NULL, 'r' },
		{ "messages", required_argument, NULL, 'm' },
		{ "json", required_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", table, NULL)) != -1) {
		switch (c) {
		case 'r':
			options->rounds = parse_number(optarg, 1000);
			break;
		case 'm':
			options->messages = parse_number(optarg, 1000000000);
			break;
		case 'j':
			options->json = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			exit(0);
		default:
			fputs("'pyqueue-bench --help' lists the options\n", stderr);
			exit(2);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "pyqueue-bench: what is '%s'? --help lists the options\n",
			argv[optind]);
		exit(2);
	}
}

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static uint64_t expected_sum(unsigned long messages)
{
	struct bench_message message;
	uint64_t sum = 0;

	for (unsigned long i = 0; i < messages; i++) {
		bench_fill(&message, i);
		sum = bench_sum(sum, &message);
	}
	return sum;
}

/* *@ns: what a message costs. 0, or -errno, -EBADMSG for wrong messages. */
static int measure(const struct bench_peer *peer, void *state, unsigned long messages,
		   uint64_t expected, double *ns)
{
	uint64_t sum = 0;
	double start = now_ns();
	int err = peer->op(state, messages, &sum);

	*ns = (now_ns() - start) / messages;
	if (err)
		return err;
	return peer->moves_nothing || sum == expected ? 0 : -EBADMSG;
}

static int complain(const struct bench_peer *peer, const char *what, int err)
{
	fprintf(stderr, "pyqueue-bench: %s %s: %s\n", peer->name, what, strerror(-err));
	return err;
}

/* A slice of each peer that is there, beginning with the one whose turn it is. */
static int run_slice(const struct bench_report *report, void **states, unsigned int turn,
		     unsigned long messages, uint64_t expected, struct bench_sample *slices)
{
	int err;

	for (size_t peer = 0; peer < bench_peer_count; peer++) {
		const size_t i = (turn + peer) % bench_peer_count;
		struct bench_sample *slice = &slices[i];

		if (report->missing[i])
			continue;
		err = measure(bench_peers[i], states[i], messages, expected,
			      &slice->values[slice->rounds++]);
		if (err)
			return complain(bench_peers[i], "fails", err);
	}
	return 0;
}

static int run_round(struct bench_report *report, void **states, struct bench_sample *slices)
{
	const unsigned long messages = report->messages / SLICES;
	const uint64_t expected = expected_sum(messages);
	int err = 0;

	for (size_t i = 0; i < bench_peer_count; i++)
		slices[i].rounds = 0;
	for (unsigned int turn = 0; !err && turn < SLICES; turn++)
		err = run_slice(report, states, turn, messages, expected, slices);
	for (size_t i = 0; i < bench_peer_count; i++)
		bench_sample_settle(&slices[i]);
	return err;
}

/* All rounds, and before them one that does not count. */
static int run(struct bench_report *report, void **states)
{
	struct bench_sample *slices = bench_samples(bench_peer_count, SLICES);
	int err = slices ? run_round(report, states, slices) : -ENOMEM;

	for (unsigned int round = 0; !err && round < report->rounds; round++) {
		err = run_round(report, states, slices);
		for (size_t i = 0; i < bench_peer_count; i++) {
			struct bench_sample *cost = &report->costs[i];

			if (!report->missing[i])
				cost->values[cost->rounds++] = slices[i].median;
		}
	}
	bench_samples_free(slices);
	return err;
}

static const struct bench_sample *cost_of(const struct bench_report *report,
					  const struct bench_peer *peer)
{
	for (size_t i = 0; i < bench_peer_count; i++)
		if (bench_peers[i] == peer)
			return &report->costs[i];
	abort();
}

static void conclude(struct bench_report *report)
{
	for (size_t i = 0; i < bench_peer_count; i++)
		bench_sample_settle(&report->costs[i]);
	for (size_t i = 0; i < bench_ratio_count; i++) {
		const struct bench_sample *over = cost_of(report, bench_ratios[i].over);
		const struct bench_sample *under = cost_of(report, bench_ratios[i].under);
		struct bench_sample *ratio = &report->ratios[i];

		if (!over->rounds || !under->rounds)
			continue;
		ratio->rounds = over->rounds;
		for (unsigned int round = 0; round < ratio->rounds; round++)
			ratio->values[round] = over->values[round] / under->values[round];
		bench_sample_settle(ratio);
	}
}

static int write_json(const struct bench_report *report, const char *path)
{
	FILE *to = path ? fopen(path, "we") : stdout;
	int err = to ? bench_report_json(report, to) : -errno;

	if (path && to && fclose(to) && !err)
		err = -errno;
	if (err)
		fprintf(stderr, "pyqueue-bench: %s: %s\n", path ? path : "standard output",
			strerror(-err));
	return err;
}

int main(int argc, char **argv)
{
	struct options options = { .rounds = 7, .messages = 20000 };
	struct bench_report report;
	void **states = calloc(bench_peer_count, sizeof(*states));
	int err = 0;

	parse(&options, argc, argv);
	report = (struct bench_report){
		.rounds = options.rounds,
		.messages = (options.messages + SLICES - 1) / SLICES * SLICES,
		.costs = bench_samples(bench_peer_count, options.rounds),
		.missing = calloc(bench_peer_count, sizeof(*report.missing)),
		.ratios = bench_samples(bench_ratio_count, options.rounds),
	};
	if (!states || !report.costs || !report.missing || !report.ratios)
		abort();
	for (size_t i = 0; i < bench_peer_count; i++) {
		report.missing[i] = bench_peers[i]->setup(&states[i]);
		if (report.missing[i] && bench_peers[i]->required)
			err = complain(bench_peers[i], "is missing", report.missing[i]);
	}

	if (!err)
		err = run(&report, states);
	if (!err) {
		conclude(&report);
		bench_report_table(&report, stderr);
		err = write_json(&report, options.json);
	}

	for (size_t i = 0; i < bench_peer_count; i++)
		if (!report.missing[i])
			bench_peers[i]->teardown(states[i]);
	bench_samples_free(report.costs);
	bench_samples_free(report.ratios);
	free(report.missing);
	free(states);
	return err ? 1 : 0;
}
