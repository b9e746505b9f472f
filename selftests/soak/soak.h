/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the parent share. */
#ifndef SOAK_SOAK_H
#define SOAK_SOAK_H

#include "kinds.h"

#include <sys/types.h>

/* Who has not moved for so long, after the call should be over, hangs. */
#define PATIENCE (60 * SEC)

/* For the summary. */
struct tally {
	uint64_t rounds, kills, oom_kills, stops, shutdowns, at_once, names, unloads, refused;
	uint64_t undecided, in_dead_hands, dropped, blind, own_left, lowered, drained, asleep, full_below;
	uint64_t slowest_stop;
	struct counts counts;
};

struct worker_process {
	pid_t pid;		/* 0: there is none */
	bool stopped;
	uint64_t moved_on;	/* when it was continued */
};

struct soak {
	bool shm;
	uint64_t seed;
	struct chance chance;
	struct round *round;
	pyq_queue *handles[QUEUES + 1];	/* NULL behind the last one */
	struct worker_process crew[WORKERS];
	bool ending;		/* nobody is replaced any more */
	bool lowered;		/* a user's limits, now */
	struct tally tally;
	const char *module;	/* the file of the module, or NULL */
	char group[64];		/* the memory cgroup of some of the workers, or "" */
	char max_queues[32];	/* the module's own limits */
	char max_bytes[32];
};

/* What is wrong, in words; the soak ends. Children end with it. */
void wrong(struct soak *s, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));

#endif
