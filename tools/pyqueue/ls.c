// SPDX-License-Identifier: MIT
/* pyqueue ls */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

struct names {
	struct pyq_name *entries;
	size_t count;
	size_t room;
};

static int collect(const struct pyq_name *name, void *arg)
{
	struct names *all = arg;
	struct pyq_name *entry;

	if (all->count == all->room) {
		size_t room = all->room ? 2 * all->room : 64;

		entry = realloc(all->entries, room * sizeof(*entry));
		if (!entry)
			return -ENOMEM;
		all->entries = entry;
		all->room = room;
	}
	entry = &all->entries[all->count];
	*entry = *name;
	entry->name = strdup(name->name);
	if (!entry->name)
		return -ENOMEM;
	all->count++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct pyq_name *)a)->name, ((const struct pyq_name *)b)->name);
}

static void print_table(const struct names *all)
{
	char mode[10], user[64], group[64];
	int width = 4;

	for (size_t i = 0; i < all->count; i++) {
		int len = (int)strlen(all->entries[i].name);

		width = len > width ? len : width;
	}
	printf("%-*s %10s %10s %-9s %-12s %-12s %s\n", width, "NAME", "QSIZE", "MAXSIZE", "MODE",
	       "OWNER", "GROUP", "FLAGS");
	for (size_t i = 0; i < all->count; i++) {
		const struct pyq_name *e = &all->entries[i];

		printf("%-*s %10" PRIu64 " %10" PRId64 " %-9s %-12s %-12s %s\n", width, e->name,
		       e->qsize, e->maxsize, mode_text(e->mode, mode),
		       user_text(e->uid, user, sizeof(user)),
		       group_text(e->gid, group, sizeof(group)), e->sealed ? "sealed" : "-");
	}
}

static void print_json(const struct names *all)
{
	putchar('[');
	for (size_t i = 0; i < all->count; i++) {
		const struct pyq_name *e = &all->entries[i];

		printf("%s\n  {\"name\": ", i ? "," : "");
		print_json_string(e->name);
		printf(", \"id\": %" PRIu64 ", \"qsize\": %" PRIu64 ", \"maxsize\": %" PRId64
		       ", \"mode\": \"%04o\", \"uid\": %u, \"gid\": %u, \"sealed\": %s}",
		       e->id, e->qsize, e->maxsize, (unsigned int)e->mode, (unsigned int)e->uid,
		       (unsigned int)e->gid, e->sealed ? "true" : "false");
	}
	puts(all->count ? "\n]" : "]");
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct names all = { .entries = NULL };
	bool json = false;
	int c, err;

	while ((c = next_option(argc, argv, "hj", longs)) != -1)
		json = true;
	if (optind < argc)
		usage_error("it takes no arguments; 'pyqueue stat %s' shows one queue",
			    argv[optind]);

	err = pyq_list(collect, &all);
	if (err)
		return failed(NULL, err);
	if (all.count)
		qsort(all.entries, all.count, sizeof(all.entries[0]), by_name);
	if (json)
		print_json(&all);
	else
		print_table(&all);
	for (size_t i = 0; i < all.count; i++)
		free((char *)(uintptr_t)all.entries[i].name);
	free(all.entries);
	return 0;
}

const struct command ls_command = {
	.name = "ls",
	.summary = "list the queues that you may use",
	.help = "Usage: pyqueue ls [--json]\n"
		"List the named queues that you may open, of this network namespace or this /dev/shm.\n\n"
		"  -j, --json  as JSON: an array with an object for each\n\n"
		"Example:\n"
		"  pyqueue ls --json | jq -r '.[] | select(.qsize > 0) | .name'\n",
	.run = run,
};
