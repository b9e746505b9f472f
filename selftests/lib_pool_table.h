/* SPDX-License-Identifier: GPL-2.0 */
/* The table that a pool shares with its workers, as in lib/pool.h. */
#ifndef LIB_POOL_TABLE_H
#define LIB_POOL_TABLE_H

#include "lib_pool.h"

struct line {
	pid_t pid;
	uint64_t task, deadline;
	uint32_t ready, left;
} __attribute__((aligned(64)));

struct table {
	uint32_t target, spare, closed, alive, unsent, no_room, room;
	uint64_t died;
	struct line workers[64];
};

#define QUEUE_SIZE 4

/* Bytes of pages with the table of a pool with that, or less; nothing else that is shared has as many. */
#define TABLE_SIZE 8192

/* That of the pool whose worker this is; NULL: it is not to be found (yet). */
static inline struct table *find_table(uint32_t worker, pid_t pid)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	struct table *found = NULL;
	unsigned long from, to;
	char line[512], rights[8];

	while (maps && !found && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3 || to - from != TABLE_SIZE ||
		    strcmp(rights, "rw-s"))
			continue;
		if (__atomic_load_n(&((struct table *)from)->workers[worker].pid,
				    __ATOMIC_SEQ_CST) == pid)
			found = (struct table *)from;
	}
	if (maps)
		fclose(maps);
	return found;
}

#endif
