// SPDX-License-Identifier: GPL-2.0
/*
 * explorer [-f] [-u] [-m MiB] [-s STATES] [CAST...]
 *
 *	-f	full: large casts too with any number of switches
 *	-u	unreduced, to compare with: the same ends, in more states
 *	-m	memory for the set of states, 1536
 *	-s	at most so many states a cast
 *
 * Prints TAP: one case a cast. Exit status 0 if none has failed, 1 if one has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "world.h"

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool is_wanted(const struct cast *c, int n, char **names)
{
	int i;

	for (i = 0; i < n; i++)
		if (!strcmp(names[i], c->name))
			return true;
	return !n;
}

static void print_report(const struct cast *c, const struct report *r, const struct bounds *b,
			 double seconds)
{
	char how[64] = "FAILED";

	if (!r->failed && !r->complete)
		snprintf(how, sizeof(how), "bounded at %llu states", (unsigned long long)r->states);
	else if (!r->failed && b->switches)
		snprintf(how, sizeof(how), "complete up to %u switches", b->switches);
	else if (!r->failed)
		snprintf(how, sizeof(how), "complete");
	printf("# %s: %s: %llu states, %llu transitions, ", c->name, how,
	       (unsigned long long)r->states, (unsigned long long)r->transitions);
	if (!r->failed && r->complete)
		printf("%.3g executions, ", r->paths);
	printf("%llu ends, %llu kills, deepest %llu, %.1f s\n", (unsigned long long)r->ends,
	       (unsigned long long)r->kills, (unsigned long long)r->deepest, seconds);
}

int main(int argc, char **argv)
{
	struct bounds bounds = { .memory = 1536 << 20 };
	bool full = false, failed = false;
	unsigned int i, n = 0, done = 0;
	int option;

	while ((option = getopt(argc, argv, "fum:s:")) != -1) {
		switch (option) {
		case 'f':
			full = true;
			break;
		case 'u':
			bounds.unreduced = true;
			full = true;
			break;
		case 'm':
			bounds.memory = strtoull(optarg, NULL, 0) << 20;
			break;
		case 's':
			bounds.states = strtoull(optarg, NULL, 0);
			break;
		default:
			return 2;
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	memory_init();
	for (i = 0; i < nr_casts; i++)
		n += is_wanted(&casts[i], argc - optind, argv + optind);
	if (!n || (argc > optind && n != (unsigned int)(argc - optind))) {
		fprintf(stderr, "no such cast\n");
		return 2;
	}
	printf("1..%u\n", n);
	for (i = 0; i < nr_casts; i++) {
		const struct cast *c = &casts[i];
		double begun = now();
		struct report r;

		if (!is_wanted(c, argc - optind, argv + optind))
			continue;
		cast_begin(c);
		bounds.switches = full ? 0 : c->quick;
		search(&r, &bounds);
		failed |= r.failed;
		print_report(c, &r, &bounds, now() - begun);
		printf("%s %u %s\n", r.failed ? "not ok" : "ok", ++done, c->name);
	}
	return failed;
}
