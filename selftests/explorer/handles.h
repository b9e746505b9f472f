/* SPDX-License-Identifier: GPL-2.0 */
/* A handle of the library for each actor, and what its files need of those that are not here. */
#ifndef EXPLORER_HANDLES_H
#define EXPLORER_HANDLES_H

#include "library.h"

/* Not inlined where that keeps a waiting actor's stack small. */
#define NOINLINE __attribute__((__noinline__))

/* Part of a state (snapshot.c). */
static struct pyq_queue handles[ACTORS_MAX + 1];

unsigned char *const handles_of_actors = (unsigned char *)handles;
const size_t handle_size = sizeof(handles[0]);
_Static_assert(sizeof(handles[0]) <= HANDLE_MAX && sizeof(handles[0]) % 8 == 0,
	       "snapshots are in words");

void handles_init(void)
{
	unsigned int i;

	for (i = 0; i <= ACTORS_MAX; i++)
		handles[i] = (struct pyq_queue){
			.access = PYQ_READ | PYQ_WRITE,
			.maxsize = (int64_t)cast.maxsize,
			.max_msg = MESSAGES_MAX,
			.payload = MESSAGES_MAX,
			.map = {
				.ring = {
					.hdr = &ring_header,
					.slots = ring_slots,
					.maxsize = cast.maxsize,
					.slot_size = SLOT_SIZE,
					.order = cast.order,
					.owner = cast.parts[i].owner,
				},
				.generation = 1,
			},
		};
}

static pyq_queue *handle_of(const struct actor *a)
{
	return &handles[actor_index(a)];
}

static struct pyq_ring *ring_of(const struct actor *a)
{
	return &handle_of(a)->map.ring;
}

/* --- what the library's files need of the others */

static struct pyqi_process process = { .generation = 1 };
struct pyqi_process *pyqi_process = &process;

uint64_t pyqi_generation_new(void)
{
	abort();
}

int pyqi_blocks_put(pyq_queue *q, const void *data, size_t len, uint32_t *first)
{
	(void)q;
	(void)data;
	(void)len;
	(void)first;
	abort();
}

void pyqi_blocks_attach(pyq_queue *q, uint32_t first, uint64_t position)
{
	(void)q;
	(void)first;
	(void)position;
	abort();
}

void pyqi_blocks_free(pyq_queue *q, uint32_t first)
{
	(void)q;
	(void)first;
	abort();
}

int pyqi_blocks_get(pyq_queue *q, const struct pyq_op *op, void *data, uint32_t *first)
{
	(void)q;
	(void)op;
	(void)data;
	(void)first;
	abort();
}

/* As settle() of lib/owner.c; @dead is actor + 1. */
static NOINLINE void settle_dead(pyq_queue *q, unsigned int dead)
{
	struct pyq_op op = { .freed = false };

	if (pyq_ring_recover(&q->map.ring, &op, cast.parts[dead - 1].owner) < 0)
		fail("recovery calls a sound ring broken", 0, 0);
	if (pyq_load_acquire(&ring_header.detour) & PYQUEUE_DETOUR_DROP)
		pyqi_mapped_drop(q);
	pyqi_wake_everybody(q);
	world.ghost.recovered |= (__u8)(1u << (dead - 1));
	actor_running()->recovers = 0;
}

/* One look for all of the dead, where the library tries a lock for each owner. */
int pyqi_owner_check(pyq_queue *q)
{
	unsigned int dead;

	while (cast.kills && (dead = (unsigned int)take_step(STEP_CHECK, NULL, 0, 0)))
		settle_dead(q, dead);
	return 0;
}

/* Slices have no length here. */
bool pyqi_owner_watch(pyq_queue *q)
{
	(void)q;
	return false;
}

void pyqi_owner_unwatch(pyq_queue *q)
{
	(void)q;
	abort();
}

/* Nobody forks. */
void pyqi_forked_wait(void)
{
}

void pyqi_forked_go_on(void)
{
}

#endif
