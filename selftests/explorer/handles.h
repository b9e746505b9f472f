/* SPDX-License-Identifier: GPL-2.0 */
/* A handle of the library for each actor, and what its files need of those that are not here. */
#ifndef EXPLORER_HANDLES_H
#define EXPLORER_HANDLES_H

#include "library.h"

/* Not inlined where that keeps a waiting actor's stack small. */
#define NOINLINE __attribute__((__noinline__))

extern const struct pyqi_backend explorer_backend, unbounded_backend;

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
			.backend = cast.unbounded ? &unbounded_backend : &explorer_backend,
			.access = PYQ_READ | PYQ_WRITE,
			.maxsize = cast.unbounded ? 0 : (int64_t)cast.maxsize,
			.max_msg = MESSAGES_MAX,
			.payload = MESSAGES_MAX,
			.map = {
				.ring = {
					.hdr = &ring_header,
					.slots = ring_slots,
					.overflow = &ring_header.overflow,
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

/* No message is larger than a slot. */
static ssize_t put_large_nowhere(pyq_queue *q, const struct pyq_msg *msg, uint64_t deadline)
{
	(void)q;
	(void)msg;
	(void)deadline;
	abort();
}

static int copy_large_nowhere(pyq_queue *q, const struct pyq_op *op, void *data, uint32_t *first)
{
	(void)q;
	(void)op;
	(void)data;
	(void)first;
	abort();
}

static int release_large_nowhere(pyq_queue *q, const struct pyq_op *op, uint32_t first)
{
	(void)q;
	(void)op;
	(void)first;
	abort();
}

/* As settle_and_call() of lib/owner.c; @dead is actor + 1. */
static NOINLINE void settle_dead(pyq_queue *q, unsigned int dead)
{
	struct pyq_op op = { .freed = false };

	if (pyq_ring_recover(&q->map.ring, &op, cast.parts[dead - 1].owner) < 0)
		fail("recovery calls a sound ring broken", 0, 0);
	if (pyq_load_acquire(&ring_header.detour) & PYQUEUE_DETOUR_DROP)
		pyqi_mapped_drop(q);
	pyqi_futex_call_everybody(q);
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

static const struct pyqi_ring_ops ring_ops = {
	.wait = pyqi_futex_wait,
	.call = pyqi_futex_call,
	.call_pollers = pyqi_futex_call_pollers,
	.call_everybody = pyqi_futex_call_everybody,
	.look_around = pyqi_owner_check,
	.drop = pyqi_mapped_drop,
	.put_large = put_large_nowhere,
	.large_copy = copy_large_nowhere,
	.large_release = release_large_nowhere,
};

const struct pyqi_backend explorer_backend = { .name = "explorer", .ring = &ring_ops };

uint32_t pyqi_owners(const pyq_queue *q)
{
	(void)q;
	return 1;
}

/* After a slice; not after a call, when it is a matter of time. */
void pyqi_owner_look(pyq_queue *q, uint64_t apart)
{
	if (apart < 250000000)
		pyqi_owner_check(q);
}

bool pyqi_owner_looks(pyq_queue *q)
{
	(void)q;
	abort();
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
