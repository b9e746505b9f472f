/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests of pyq_map share. */
#ifndef LIB_POOL_MAP_H
#define LIB_POOL_MAP_H

#include "lib_pool.h"

/* ITEMS(array) */
#define ITEMS(array)                                                         \
	&(struct pyq_items){                                                 \
		.base = (array),                                             \
		.size = sizeof((array)[0]),                                  \
		.n = sizeof(array) / sizeof((array)[0]),                     \
	}

/* map_all(function, items, chunk): the map, under way */
#define map_all(function, items, chunk)                                      \
	({                                                                   \
		pyq_map *map_ = NULL;                                        \
		ASSERT_EQ(0, lib(pyq_pool_map_async(self->pool, function, items, chunk, &map_))); \
		ASSERT_NE(NULL, map_);                                       \
		map_;                                                        \
	})

/* One of its results, an int; or -1. */
static inline int int_of(const pyq_map *map, size_t i)
{
	const void *data;

	return pyq_map_get(map, i, &data) == sizeof(int) ? *(const int *)data : -1;
}

static inline void number(int *n, int count)
{
	for (int i = 0; i < count; i++)
		n[i] = i;
}

#endif
