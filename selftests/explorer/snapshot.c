// SPDX-License-Identifier: GPL-2.0
/*
 * A state as a string of bytes: memory, ghost, actors, their handles, and the live
 * part of each stack, above its stack pointer. Equal bytes are equal states, since all that
 * they point to is at fixed addresses. Different bytes may be equal states
 * (what a frame no longer needs is still in it), which costs time and nothing
 * else.
 */
#include <string.h>

#include "world.h"

_Static_assert(sizeof(struct ghost) % 8 == 0, "snapshots are in words");
_Static_assert(sizeof(struct actor) % 8 == 0, "snapshots are in words");

static size_t put(unsigned char *to, const void *from, size_t size)
{
	memcpy(to, from, size);
	return size;
}

/* In words: a slot takes 4, all of them constant or in one of its locations. */
size_t snapshot_save(unsigned char *to)
{
	const __u64 header[] = {
		ring_header.tail, ring_header.head_cache, ring_header.head, ring_header.marks,
		ring_header.detour, ring_header.done, ring_header.skipped,
		ring_header.getters.sleepers, ring_header.putters.sleepers,
		ring_header.joiners.sleepers, ring_header.getters.pollers,
		ring_header.putters.pollers, ring_header.joiners.pollers, ring_header.overflow,
	};
	unsigned char *at = to;
	const struct actor *a;

	at += put(at, header, sizeof(header));
	at += put(at, ring_slots, (size_t)cast.slots * SLOT_SIZE);
	at += put(at, &world.ghost, sizeof(world.ghost));
	at += put(at, world.actors, cast.actors * sizeof(world.actors[0]));
	at += put(at, handles_of_actors, cast.actors * handle_size);
	for_each_actor(a)
		at += put(at, a->sp, (size_t)(coroutine_stack_end(a) - (char *)a->sp));
	return (size_t)(at - to);
}

static size_t get(void *to, const unsigned char *from, size_t size)
{
	memcpy(to, from, size);
	return size;
}

void snapshot_restore(const unsigned char *at)
{
	__u64 header[14];
	struct actor *a;

	at += get(header, at, sizeof(header));
	ring_header.tail = header[0];
	ring_header.head_cache = header[1];
	ring_header.head = header[2];
	ring_header.marks = header[3];
	ring_header.detour = (__u32)header[4];
	ring_header.done = header[5];
	ring_header.skipped = header[6];
	ring_header.getters.sleepers = header[7];
	ring_header.putters.sleepers = header[8];
	ring_header.joiners.sleepers = header[9];
	ring_header.getters.pollers = (__u32)header[10];
	ring_header.putters.pollers = (__u32)header[11];
	ring_header.joiners.pollers = (__u32)header[12];
	ring_header.overflow = header[13];
	at += get(ring_slots, at, (size_t)cast.slots * SLOT_SIZE);
	at += get(&world.ghost, at, sizeof(world.ghost));
	at += get(world.actors, at, cast.actors * sizeof(world.actors[0]));
	at += get(handles_of_actors, at, cast.actors * handle_size);
	for_each_actor(a)
		at += get(a->sp, at, (size_t)(coroutine_stack_end(a) - (char *)a->sp));
}

static __u64 mix(__u64 a, __u64 b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (__u64)product ^ (__u64)(product >> 64);
}

/* Two lanes of multiply and fold; never 0. */
__u64 snapshot_hash(const unsigned char *at, size_t size)
{
	const __u64 k0 = 0x9e3779b97f4a7c15ULL, k1 = 0xd6e8feb86659fd93ULL;
	__u64 h0 = size * k0, h1 = size ^ k1, w[4];
	const unsigned char *end = at + (size & ~31UL);

	for (; at < end; at += sizeof(w)) {
		memcpy(w, at, sizeof(w));
		h0 = mix(w[0] ^ h0 ^ k0, w[1] ^ k1) + h0;
		h1 = mix(w[2] ^ h1 ^ k1, w[3] ^ k0) + h1;
	}
	memset(w, 0, sizeof(w));
	memcpy(w, at, size & 31);
	h0 = mix(w[0] ^ h0 ^ k0, w[1] ^ k1) + h0;
	h1 = mix(w[2] ^ h1 ^ k1, w[3] ^ k0) + h1;
	h0 = mix(h0 ^ k0, h1 ^ k1);
	return h0 ? h0 : 1;
}
