// SPDX-License-Identifier: MIT
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "alloc.h"
#include "message.h"
#include "options.h"

static const char help[] =
	"Usage: pyqueue-bench [OPTION...]\n"
	"What a put and a get cost, beside other ways to get a message through; and what a\n"
	"pool's task costs, and how late timeouts are, beside Python's multiprocessing.\n"
	"\n"
	"  --workload NAME[,NAME]  what to measure (default: everything); late: all late-...\n"
	"  --size BYTES[,BYTES]    of messages, multiples of 8 (default: 8,48)\n"
	"  --peer NAME[,NAME]      whom to measure (default: everybody)\n"
	"  --rounds N              interleaved rounds, of which the median counts (default 7)\n"
	"  --messages N            messages in a round (default: as many as take some time)\n"
	"  --json FILE             where the results go as JSON (default: standard output)\n"
	"  --help                  this text\n"
	"\n"
	"A table for people goes to standard error. Every message is written, read and\n"
	"checked. Exit status: 0, 1 if a peer is missing or fails, 2 for a wrong option.\n";

static void print_help(void)
{
	fputs(help, stdout);
	fputs("\nWorkloads:\n", stdout);
	for (size_t i = 0; i < bench_workload_count; i++)
		printf("  %-22s  %s\n", bench_workloads[i]->name, bench_workloads[i]->what);
	fputs("\nPeers:\n", stdout);
	for (size_t i = 0; i < bench_peer_count; i++)
		printf("  %-22s  %s\n", bench_peers[i]->name, bench_peers[i]->what);
}

static unsigned long number(const char *text, unsigned long most)
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

/* Is @name the whole, or what several have in common before a "-"? */
static bool is_named(const struct bench_workload *workload, const char *name)
{
	const size_t len = strlen(name);

	return !strncmp(workload->name, name, len) &&
	       (!workload->name[len] || workload->name[len] == '-');
}

static void add_workloads(struct bench_options *options, const char *name)
{
	const size_t before = options->workload_count;

	for (size_t i = 0; i < bench_workload_count; i++)
		if (is_named(bench_workloads[i], name))
			options->workloads[options->workload_count++] = bench_workloads[i];
	if (options->workload_count > before)
		return;
	fprintf(stderr, "pyqueue-bench: there is no workload '%s'; --help lists them\n", name);
	exit(2);
}

static const struct bench_peer *peer(const char *name)
{
	for (size_t i = 0; i < bench_peer_count; i++)
		if (!strcmp(bench_peers[i]->name, name))
			return bench_peers[i];
	fprintf(stderr, "pyqueue-bench: there is no peer '%s'; --help lists them\n", name);
	exit(2);
}

static size_t size(const char *text)
{
	const size_t value = number(text, BENCH_SIZE_MAX);

	if (value % BENCH_SIZE_STEP) {
		fprintf(stderr, "pyqueue-bench: %zu bytes are no multiple of %zu\n", value,
			BENCH_SIZE_STEP);
		exit(2);
	}
	return value;
}

static size_t count_words(const char *list)
{
	size_t n = 1;

	for (; *list; list++)
		n += *list == ',';
	return n;
}

/* @text is taken apart. */

static void choose_workloads(struct bench_options *options, char *text)
{
	options->workload_count = 0;
	free(options->workloads);
	options->workloads =
		bench_alloc(count_words(text) * bench_workload_count, sizeof(*options->workloads));
	for (char *word; (word = strsep(&text, ","));)
		add_workloads(options, word);
}

static void choose_sizes(struct bench_options *options, char *text)
{
	options->size_count = 0;
	free(options->sizes);
	options->sizes = bench_alloc(count_words(text), sizeof(*options->sizes));
	for (char *word; (word = strsep(&text, ","));)
		options->sizes[options->size_count++] = size(word);
}

static void choose_peers(struct bench_options *options, char *text)
{
	options->peer_count = 0;
	free(options->peers);
	options->peers = bench_alloc(count_words(text), sizeof(*options->peers));
	for (char *word; (word = strsep(&text, ","));)
		options->peers[options->peer_count++] = peer(word);
	options->by_name = true;
}

static void set_defaults(struct bench_options *options)
{
	char sizes[] = "8,48";

	*options = (struct bench_options){ .rounds = 7 };
	choose_sizes(options, sizes);
	options->workload_count = bench_workload_count;
	options->workloads = bench_alloc(bench_workload_count, sizeof(*options->workloads));
	memcpy(options->workloads, bench_workloads,
	       sizeof(*bench_workloads) * bench_workload_count);
	options->peer_count = bench_peer_count;
	options->peers = bench_alloc(bench_peer_count, sizeof(*options->peers));
	memcpy(options->peers, bench_peers, sizeof(*bench_peers) * bench_peer_count);
}

static void set(struct bench_options *options, int option)
{
	switch (option) {
	case 'w':
		choose_workloads(options, optarg);
		break;
	case 's':
		choose_sizes(options, optarg);
		break;
	case 'p':
		choose_peers(options, optarg);
		break;
	case 'r':
		options->rounds = (unsigned int)number(optarg, 1000);
		break;
	case 'm':
		options->messages = number(optarg, 1000000000);
		break;
	case 'j':
		options->json = optarg;
		break;
	case 'h':
		print_help();
		exit(0);
	default:
		fputs("'pyqueue-bench --help' lists the options\n", stderr);
		exit(2);
	}
}

void bench_options_parse(struct bench_options *options, int argc, char **argv)
{
	static const struct option table[] = {
		{ "workload", required_argument, NULL, 'w' },
		{ "size", required_argument, NULL, 's' },
		{ "peer", required_argument, NULL, 'p' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "messages", required_argument, NULL, 'm' },
		{ "json", required_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;

	set_defaults(options);
	while ((option = getopt_long(argc, argv, "h", table, NULL)) != -1)
		set(options, option);
	if (optind < argc) {
		fprintf(stderr, "pyqueue-bench: what is '%s'? --help lists the options\n",
			argv[optind]);
		exit(2);
	}
}

void bench_options_free(struct bench_options *options)
{
	free(options->workloads);
	free(options->sizes);
	free(options->peers);
}
