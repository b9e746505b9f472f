/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the storm share. */
#ifndef KILL_STORM_FIXTURE_H
#define KILL_STORM_FIXTURE_H

#include "messages.h"

#include "../shm/view.h"

/*
 * Found in a dead getter's hand: it may come to somebody else yet. Without a number of
 * deliveries, if he died between the message and that.
 */
struct found {
	uint32_t putter;
	uint32_t deliveries;
	uint64_t number;
};

#define FOUND_MAX (1 << 16)

FIXTURE(storm) {
	pyq_queue *q;
	struct view view;
	struct account *a;
	bool large;
	uint64_t maxsize;
	unsigned int seed;
	unsigned int next_way;
	pid_t pids[ALL];	/* 0: nobody is in this place */
	bool doomed[ALL];
	struct found *found;
	unsigned int nr_found;
	unsigned int dead_putters, dead_getters, dead_in_get; /* this round */
	/* for the record */
	uint64_t put, kills, by_exec, by_munmap, again, in_dead_hands, not_put;
	uint64_t longest, frozen, full_held, full_tombstone, over;
};

#endif
