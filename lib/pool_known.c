// SPDX-License-Identifier: MIT
/* Which functions the workers know: those that the program had when the pool was made. */
#include <errno.h>
#include <link.h>
#include <stdlib.h>

#include "pool.h"

/* Places there is room for; another thread may load something in between. */
struct places {
	uintptr_t (*at)[2];
	size_t n, room;
};

static int add(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct places *places = arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
			continue;
		if (places->n < places->room) {
			places->at[places->n][0] = info->dlpi_addr + p->p_vaddr;
			places->at[places->n][1] = info->dlpi_addr + p->p_vaddr + p->p_memsz;
		}
		places->n++;
	}
	return 0;
}

int pyqi_pool_know(pyq_pool *pool)
{
	struct places places = { .room = 16 };

	for (;;) {
		free(places.at);
		places.at = calloc(places.room, sizeof(*places.at));
		if (!places.at)
			return -ENOMEM;
		places.n = 0;
		dl_iterate_phdr(add, &places);
		if (places.n <= places.room)
			break;
		places.room = places.n;
	}
	pool->known = places.at;
	pool->nr_known = places.n;
	return 0;
}

bool pyqi_pool_knows(const pyq_pool *pool, pyq_function function)
{
	for (size_t i = 0; i < pool->nr_known; i++)
		if ((uintptr_t)function >= pool->known[i][0] &&
		    (uintptr_t)function < pool->known[i][1])
			return true;
	return false;
}
