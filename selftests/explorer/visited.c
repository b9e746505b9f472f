// SPDX-License-Identifier: GPL-2.0
/*
 * The states that have been seen: 64 bits of each, and how many executions begin
 * there, as a logarithm. Two states that share their 64 bits are taken for one; with 10^8 states
 * that happens once in 3000 explorations.
 */
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

static __u64 *keys;
static float *paths;
static __u64 size, used, size_max;

static void allocate(__u64 n)
{
	size = n;
	keys = calloc(n, sizeof(*keys));
	paths = calloc(n, sizeof(*paths));
	if (!keys || !paths) {
		fprintf(stderr, "no memory for %llu states\n", (unsigned long long)n);
		exit(2);
	}
}

void visited_begin(__u64 memory)
{
	size_max = 1 << 16;
	while (2 * size_max * (sizeof(*keys) + sizeof(*paths)) <= memory)
		size_max *= 2;
	used = 0;
	allocate(1 << 16);
}

void visited_end(void)
{
	free(keys);
	free(paths);
}

static __u64 place_of(__u64 key)
{
	__u64 i = key & (size - 1);

	while (keys[i] && keys[i] != key)
		i = (i + 1) & (size - 1);
	return i;
}

static void grow(void)
{
	__u64 *old_keys = keys;
	float *old_paths = paths;
	__u64 n = size, i;

	allocate(2 * size);
	for (i = 0; i < n; i++) {
		if (old_keys[i]) {
			__u64 at = place_of(old_keys[i]);

			keys[at] = old_keys[i];
			paths[at] = old_paths[i];
		}
	}
	free(old_keys);
	free(old_paths);
}

bool visited_is_full(void)
{
	return used + used / 8 >= size_max;
}

/* The executions that begin at @key, until the next call; @is_new: it was not there. */
float *visited_find(__u64 key, bool *is_new)
{
	__u64 at;

	if (used + used / 4 >= size && size < size_max)
		grow();
	at = place_of(key);
	*is_new = !keys[at];
	if (*is_new) {
		keys[at] = key;
		used++;
	}
	return &paths[at];
}
