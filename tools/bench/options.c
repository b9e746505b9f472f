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
	"  --workload NAME[,NAME]  what to measure (default: everything). idle, robin, slots,\n"
	"                          waiters and late are all whose names begin so\n"
	"  --size BYTES[,BYTES]    of messages, multiples of 8 from 8 to 1048576 (default: 8,48).\n"
	"                          idle, robin, slots and waiters have 48, pools 16, late none\n"
	"  --peer NAME[,NAME]      whom to measure (default: everybody). Some names have blanks:\n"
	"                          --peer 'pyqueue,mutex ring'\n"
	"  --rounds N              interleaved rounds, of which the median counts, 1 to 1000\n"
	"                          (default 7)\n"
	"  --messages N            messages in a round, 1 to 1000000000 (default: as many as\n"
	"                          take some time)\n"
	"  --json FILE             where the results go as JSON: a file that is written when all\n"
	"                          is measured; - is standard output (default)\n"
	"  --help                  this text\n"
	"\n"
	"  PYQUEUE_BACKEND=kernel  in the environment: pyqueue's queues are the module's;\n"
	"                 =shm     they are in shared memory (default: what there is)\n"
	"\n"
	"A table for people goes to standard error, and where that is a terminal how far it is.\n"
	"Every message is written, read and checked. Exit status: 0, 1 if a peer is missing or\n"
	"fails or nobody can do what is to be measured, 2 for a wrong option.\n";

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

/* @what: what the option wants. */
__attribute__((noreturn)) static void refuse(const char *option, const char *text, const char *what)
{
	fprintf(stderr, "pyqueue-bench: --%s '%s': %s\n", option, text, what);
	exit(2);
}

/* Return: 0 if @text is no number from 1 to @most. */
static unsigned long number(const char *text, unsigned long most)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	return errno || end == text || *end || *text == '-' || value > most ? 0 : value;
}

/* Is @name the whole, or what several have in common before a "-"? */
static bool is_named(const struct bench_workload *workload, const char *name)
{
	const size_t len = strlen(name);

	return !strncmp(workload->name, name, len) &&
	       (!workload->name[len] || workload->name[len] == '-');
}

static void add_workload(struct bench_options *options, const struct bench_workload *workload)
{
	for (size_t i = 0; i < options->workload_count; i++)
		if (options->workloads[i] == workload)
			return;
	options->workloads[options->workload_count++] = workload;
}

static void add_workloads(struct bench_options *options, const char *name)
{
	bool known = false;

	for (size_t i = 0; i < bench_workload_count; i++) {
		if (!is_named(bench_workloads[i], name))
			continue;
		add_workload(options, bench_workloads[i]);
		known = true;
	}
	if (!known)
		refuse("workload", name, "there is no such workload; --help lists them");
}

static void add_peer(struct bench_options *options, const char *name)
{
	for (size_t i = 0; i < options->peer_count; i++)
		if (!strcmp(options->peers[i]->name, name))
			return;
	for (size_t i = 0; i < bench_peer_count; i++) {
		if (strcmp(bench_peers[i]->name, name))
			continue;
		options->peers[options->peer_count++] = bench_peers[i];
		return;
	}
	refuse("peer", name, "there is no such peer; --help lists them");
}

static void add_size(struct bench_options *options, const char *text)
{
	const size_t size = number(text, BENCH_SIZE_MAX);

	if (!size || size % BENCH_SIZE_STEP)
		refuse("size", text, "a size is a multiple of 8 from 8 to 1048576");
	for (size_t i = 0; i < options->size_count; i++)
		if (options->sizes[i] == size)
			return;
	options->sizes[options->size_count++] = size;
}

static size_t count_words(const char *list)
{
	size_t n = 1;

	for (; *list; list++)
		n += *list == ',';
	return n;
}

/* What stands before the next comma of @list, without blanks around it. NULL: that was all. */
static const char *next_word(const char *option, char **list)
{
	char *word = strsep(list, ",");
	size_t len;

	if (!word)
		return NULL;
	word += strspn(word, " \t\n");
	for (len = strlen(word); len && strchr(" \t\n", word[len - 1]); len--)
		;
	word[len] = '\0';
	if (!len)
		refuse(option, word, "something is missing, at a comma or altogether");
	return word;
}

/* @text is taken apart. Who is named twice takes part once. */

static void choose_workloads(struct bench_options *options, char *text)
{
	options->workload_count = 0;
	free(options->workloads);
	options->workloads = bench_alloc(bench_workload_count, sizeof(*options->workloads));
	for (const char *word; (word = next_word("workload", &text));)
		add_workloads(options, word);
	options->workloads_by_name = true;
}

static void choose_sizes(struct bench_options *options, char *text)
{
	options->size_count = 0;
	free(options->sizes);
	options->sizes = bench_alloc(count_words(text), sizeof(*options->sizes));
	for (const char *word; (word = next_word("size", &text));)
		add_size(options, word);
}

static void choose_peers(struct bench_options *options, char *text)
{
	options->peer_count = 0;
	free(options->peers);
	options->peers = bench_alloc(bench_peer_count, sizeof(*options->peers));
	for (const char *word; (word = next_word("peer", &text));)
		add_peer(options, word);
	options->by_name = true;
}

static unsigned long choose_number(const char *option, const char *text, unsigned long most)
{
	const unsigned long value = number(text, most);
	char wanted[64];

	if (value)
		return value;
	snprintf(wanted, sizeof(wanted), "a number from 1 to %lu is wanted", most);
	refuse(option, text, wanted);
}

/* NULL: standard output. */
static const char *choose_file(const char *text)
{
	if (!*text)
		refuse("json", text, "a file is wanted; - is standard output");
	return strcmp(text, "-") ? text : NULL;
}

static void check_backend(void)
{
	const char *backend = getenv("PYQUEUE_BACKEND");

	if (!backend || !*backend || !strcmp(backend, "kernel") || !strcmp(backend, "shm"))
		return;
	fprintf(stderr, "pyqueue-bench: PYQUEUE_BACKEND is '%s': it can be kernel or shm\n",
		backend);
	exit(2);
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
		options->rounds = (unsigned int)choose_number("rounds", optarg, 1000);
		break;
	case 'm':
		options->messages = choose_number("messages", optarg, 1000000000);
		break;
	case 'j':
		options->json = choose_file(optarg);
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
	check_backend();
}

void bench_options_free(struct bench_options *options)
{
	free(options->workloads);
	free(options->sizes);
	free(options->peers);
}
