// SPDX-License-Identifier: GPL-2.0
/* The world, and the words of the ring by number. */
#include <stdlib.h>

#include "world.h"

struct world world;
struct pyqueue_header ring_header;
unsigned char ring_slots[SLOTS_MAX * SLOT_SIZE] __attribute__((__aligned__(64)));

static void *location_at[LOCATIONS];

static struct pyqueue_slot *slot_at(unsigned int i)
{
	return (struct pyqueue_slot *)(ring_slots + i * SLOT_SIZE);
}

void memory_init(void)
{
	unsigned int i;

	location_at[TAIL] = &ring_header.tail;
	location_at[HEAD_CACHE] = &ring_header.head_cache;
	location_at[HEAD] = &ring_header.head;
	location_at[MARKS] = &ring_header.marks;
	location_at[DETOUR] = &ring_header.detour;
	location_at[DONE] = &ring_header.done;
	location_at[SKIPPED] = &ring_header.skipped;
	location_at[OVERFLOW] = &ring_header.overflow;
	location_at[SLEEPERS + GETTERS] = &ring_header.getters.sleepers;
	location_at[SLEEPERS + PUTTERS] = &ring_header.putters.sleepers;
	location_at[SLEEPERS + JOINERS] = &ring_header.joiners.sleepers;
	location_at[POLLERS + GETTERS] = &ring_header.getters.pollers;
	location_at[POLLERS + PUTTERS] = &ring_header.putters.pollers;
	location_at[POLLERS + JOINERS] = &ring_header.joiners.pollers;
	for (i = 0; i < SLOTS_MAX; i++) {
		location_at[WORD + i] = &slot_at(i)->word;
		location_at[LENGTH + i] = &slot_at(i)->len;
		location_at[PAYLOAD + 2 * i] = slot_at(i)->payload;
		location_at[PAYLOAD + 2 * i + 1] = slot_at(i)->payload + 8;
	}
}

static bool location_is_short(unsigned int l)
{
	return l == DETOUR || (l >= POLLERS && l < WORD) || (l >= LENGTH && l < PAYLOAD);
}

/* The upper half of a side's sleepers, on which they sleep. */
bool location_is_sequence(const void *at)
{
	unsigned int side;

	for (side = 0; side < SIDES; side++)
		if (at == (__u32 *)location_at[SLEEPERS + side] + 1)
			return true;
	return false;
}

unsigned int location_of(const void *at)
{
	unsigned int l;

	if (!at)
		return NOWHERE;
	for (l = 0; l < LOCATIONS; l++)
		if (location_at[l] == at)
			return l;
	abort(); /* a step is about nothing else */
}

__u64 memory_read(unsigned int l)
{
	return location_is_short(l) ? *(__u32 *)location_at[l] : *(__u64 *)location_at[l];
}

void memory_set(unsigned int l, __u64 value)
{
	if (location_is_short(l))
		*(__u32 *)location_at[l] = (__u32)value;
	else
		*(__u64 *)location_at[l] = value;
}
