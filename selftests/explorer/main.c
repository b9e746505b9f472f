// SPDX-License-Identifier: GPL-2.0
/*
 * explorer [-f] [-m MiB] [-s STATES] [CAST...]
 *
 *	-f	full: no bound on states but memory
 *	-m	for the set of states, 2048
 *	-s	at most so many states a cast
 *
 * Prints KTAP: one case a cast. Exit status 0 if none has failed.
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

int main(int argc, char **argv)
{
	bool full = false, failed = false;
	__u64 memory = 2048, states = 0;
	unsigned int i, n = 0, done = 0;
	int option;

	while ((option = getopt(argc, argv, "fm:s:")) != -1) {
		switch (option) {
		case 'f':
			full = true;
			break;
		case 'm':
			memory = strtoull(optarg, NULL, 0);
			break;
		case 's':
			states = strtoull(optarg, NULL, 0);
			break;
		default:
			return 2;
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	steps_init();
	for (i = 0; i < nr_casts; i++)
		n += is_wanted(&casts[i], argc - optind, argv + optind);
	if (!n) {
		fprintf(stderr, "no such cast\n");
		return 2;
	}
	printf("1..%u\n", n);
	for (i = 0; i < nr_casts; i++) {
		const struct cast *c = &casts[i];
		struct report r;
		double begun = now();

		if (!is_wanted(c, argc - optind, argv + optind))
			continue;
		cast_begin(c);
		search(&r, states ? states : full ? 0 : c->quick, memory << 20);
		failed |= r.failed;
		printf("# %-24s %s%s: %llu states, %llu transitions, %.3g executions, %llu ends, %llu kills, deepest %llu, %.1f s\n",
		       c->name, r.failed ? "failed" : r.complete ? "complete" : "bounded",
		       "", (unsigned long long)r.states, (unsigned long long)r.transitions,
		       r.paths, (unsigned long long)r.ends, (unsigned long long)r.kills,
		       (unsigned long long)r.deepest, now() - begun);
		printf("%s %u %s\n", r.failed ? "not ok" : "ok", ++done, c->name);
	}
	return failed;
}
