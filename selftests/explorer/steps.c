// SPDX-License-Identifier: GPL-2.0
/*
 * What a step does to memory, and when it may be taken.
 *
 * Memory is x86's (TSO): a store goes to the actor's own buffer, which its loads
 * look into first; a CAS that succeeds and an OR drain it; its oldest entry may
 * reach memory at any time. A CAS that fails drains nothing, which is weaker than
 * x86: the ring says that it orders nothing. What a dead or stopped actor has
 * stored reaches memory too; that of a dead one before its recovery begins, as
 * whoever finds it dead has synchronised with its exit.
 */
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

bool step_tracing;

static bool is_payload(unsigned int l)
{
	return l >= PAYLOAD && l < LOCATIONS;
}

/* A payload is its slot's holder's alone, unless somebody looks before he claims. */
static bool is_private(unsigned int l)
{
	return is_payload(l) && !cast.peeks;
}

static void memory_write(struct actor *by, unsigned int l, __u64 value)
{
	__u64 before = memory_read(l);
	struct actor *a;

	if (is_payload(l))
		ghost_payload(by, l, true);
	memory_set(l, value);
	if (memory_read(l) == before)
		return;
	for_each_actor(a)
		if (a->life == ALIVE && actor_part(a)->patience == AWAIT &&
		    actor_part(a)->reads & IN(l))
			a->changed = 1;
	ghost_changed(by, l, before, value);
}

/* --- the store buffers */

void buffer_drain_one(struct actor *a)
{
	unsigned int l = a->buffer_location[0];
	__u64 value = a->buffer_value[0];
	unsigned int i;

	a->buffered--;
	for (i = 0; i < a->buffered; i++) {
		a->buffer_location[i] = a->buffer_location[i + 1];
		a->buffer_value[i] = a->buffer_value[i + 1];
	}
	a->buffer_location[i] = 0;
	a->buffer_value[i] = 0;
	if (step_tracing) {
		char from[64], to[64];

		trace_value(from, sizeof(from), l, memory_read(l));
		trace_value(to, sizeof(to), l, value);
		printf("#   %-12s  ..reaches memory: %s: %s -> %s\n", actor_name(a),
		       location_name(l), from, to);
	}
	memory_write(a, l, value);
}

static void buffer_drain(struct actor *a)
{
	while (a->buffered)
		buffer_drain_one(a);
}

/*
 * Whether it matters when the oldest entry reaches memory. That of a private
 * payload does not: nobody else reads it before a CAS of the same actor has
 * drained all (or, if that is missing, who reads it is caught at it).
 */
bool buffer_drains(const struct actor *a)
{
	unsigned int i;

	for (i = 0; i < a->buffered; i++)
		if (!is_private(a->buffer_location[i]))
			return true;
	return false;
}

static bool buffer_find(const struct actor *a, unsigned int l, __u64 *value)
{
	unsigned int i;

	for (i = a->buffered; i-- > 0; ) {
		if (a->buffer_location[i] == l) {
			*value = a->buffer_value[i];
			return true;
		}
	}
	return false;
}

/* --- sleeping and waking */

static void queue_remove(unsigned int n_queue, const struct actor *a)
{
	__u8 *queue = world.ghost.queue[n_queue];
	unsigned int i, n = 0;

	for (i = 0; i < ACTORS_MAX; i++)
		if (queue[i] && queue[i] != actor_index(a) + 1)
			queue[n++] = queue[i];
	while (n < ACTORS_MAX)
		queue[n++] = 0;
}

static void queue_add(unsigned int n_queue, const struct actor *a)
{
	__u8 *queue = world.ghost.queue[n_queue];

	while (*queue)
		queue++;
	*queue = actor_index(a) + 1;
}

/* Return: how many that were. */
static __u64 queue_wake(unsigned int n_queue, __u64 n)
{
	__u8 *queue = world.ghost.queue[n_queue];
	__u64 woken;

	for (woken = 0; woken < n && *queue; woken++) {
		struct actor *a = &world.actors[*queue - 1];

		a->woken = 1;
		queue_remove(n_queue, a);
	}
	return woken;
}

/* --- the steps */

static const struct actor *next_dead(const struct actor *by)
{
	const struct actor *a, *other;

	for_each_actor(a) {
		bool taken = false;

		if (a->life != DEAD || a->buffered || (world.ghost.recovered >> actor_index(a) & 1))
			continue;
		for_each_actor(other)
			taken |= other != by && other->life != DEAD &&
				 other->recovers == actor_index(a) + 1;
		if (!taken)
			return a;
	}
	return NULL;
}

bool step_is_enabled(const struct actor *a)
{
	if (a->life != ALIVE)
		return false;
	switch (a->step) {
	case STEP_AWAIT:
		return a->changed;
	case STEP_ASLEEP:
		return a->woken;
	case STEP_HOLD:
		return false;
	case STEP_LOCK:
		return !world.ghost.keeper.holder;
	case STEP_DEATH:
		return next_dead(a);
	case STEP_HEIR:
		return world.actors[a->a].life == DEAD &&
		       (!a->b || (world.ghost.recovered >> a->a & 1));
	default:
		return true;
	}
}

/* Can it still do something? One that waits for deaths cannot if there are none to be. */
static bool is_active(const struct actor *a)
{
	const struct actor *dead;

	if (a->life != ALIVE || a->step == STEP_HOLD)
		return false;
	if (a->step != STEP_DEATH && a->step != STEP_HEIR)
		return true;
	if (world.ghost.kills)
		return true;
	for_each_actor(dead)
		if (dead->life == DEAD && !(world.ghost.recovered >> actor_index(dead) & 1))
			return true;
	return a->step == STEP_HEIR && world.actors[a->a].life == DEAD;
}

/*
 * A step that commutes with all that the others may yet do need not be tried in
 * every order with theirs: it is taken at once. Which are:
 *  - a store, which goes to the actor's own buffer;
 *  - access to the payload of a slot that the actor holds: that nobody else
 *    touches it meanwhile is checked (ghost_payload()), and would still be seen,
 *    since the claim and the release around it are not local;
 *  - a load of what none of the others will ever write. What they may write is
 *    their part's; that they keep to it is checked (step_take()).
 *  - the end of a wait.
 */
bool step_is_local(const struct actor *a)
{
	const struct actor *other;

	switch (a->step) {
	case STEP_STORE:
		return a->buffered < BUFFER_MAX;
	case STEP_AWAIT:
	case STEP_ASLEEP:
	case STEP_HEIR:
		return true;
	case STEP_LOAD:
		break;
	default:
		return false;
	}
	if (is_private(a->location))
		return true;
	for_each_actor(other) {
		unsigned int i;

		if (other == a)
			continue;
		if (is_active(other) && actor_part(other)->writes & IN(a->location))
			return false;
		for (i = 0; i < other->buffered; i++)
			if (other->buffer_location[i] == a->location)
				return false;
	}
	return true;
}

static void check_part(const struct actor *a)
{
	const struct part *p = actor_part(a);

	if (actor_index(a) == AUDITOR || a->location == NOWHERE ||
	    (a->step == STEP_OR && a->a == PYQUEUE_DETOUR_BROKEN))
		return;
	if (!((a->step == STEP_LOAD ? p->reads : p->writes) & IN(a->location))) {
		printf("# %s %s %s, which its part does not say\n", actor_name(a),
		       a->step == STEP_LOAD ? "reads" : "writes", location_name(a->location));
		abort();
	}
}

static void trace(const struct actor *a, const char *what, __u64 from, __u64 to)
{
	char f[64], t[64];

	if (!step_tracing)
		return;
	trace_value(f, sizeof(f), a->location, from);
	trace_value(t, sizeof(t), a->location, to);
	printf("#   %-12s  %s %s: %s -> %s\n", actor_name(a), what, location_name(a->location),
	       f, t);
}

static __u64 step_memory(struct actor *a)
{
	__u64 seen, forwarded;
	unsigned int l = a->location;

	check_part(a);
	switch (a->step) {
	case STEP_LOAD:
		if (is_payload(l))
			ghost_payload(a, l, false);
		seen = buffer_find(a, l, &forwarded) ? forwarded : memory_read(l);
		if (step_tracing) {
			char text[64];

			trace_value(text, sizeof(text), l, seen);
			printf("#   %-12s  reads %s: %s\n", actor_name(a), location_name(l), text);
		}
		return seen;
	case STEP_STORE:
		if (a->buffered == BUFFER_MAX)
			buffer_drain_one(a);
		trace(a, "stores, buffered,", memory_read(l), a->a);
		a->buffer_location[a->buffered] = (__u8)l;
		a->buffer_value[a->buffered++] = a->a;
		return 0;
	case STEP_CAS:
		if (buffer_find(a, l, &forwarded))
			buffer_drain(a);
		seen = memory_read(l);
		if (seen != a->a) {
			if (step_tracing) {
				char text[64];

				trace_value(text, sizeof(text), l, seen);
				printf("#   %-12s  CAS fails, %s: %s\n", actor_name(a),
				       location_name(l), text);
			}
			return false;
		}
		buffer_drain(a);
		trace(a, "CAS", seen, a->b);
		memory_write(a, l, a->b);
		return true;
	case STEP_AND:
		buffer_drain(a);
		seen = memory_read(l);
		trace(a, "AND", seen, seen & a->a);
		memory_write(a, l, seen & a->a);
		return 0;
	default: /* STEP_OR */
		buffer_drain(a);
		seen = memory_read(l);
		if (l == DETOUR && a->a & PYQUEUE_DETOUR_BROKEN)
			fail("a sound ring is called broken", 0, 0);
		trace(a, "OR", seen, seen | a->a);
		memory_write(a, l, seen | a->a);
		return 0;
	}
}

/* What a futex is compared with: the upper half of a side's sleepers, or its pollers. */
static __u32 queue_value(unsigned int queue)
{
	__u64 word = memory_read(SLEEPERS + queue);

	return (__u32)(queue < SIDES ? word >> PYQUEUE_SEQUENCE_SHIFT : word);
}

/* What a system call returns that fails. */
#define FAILS ((__u64)-1)

static __u64 step_other(struct actor *a)
{
	unsigned int queue = (unsigned int)a->a;
	const struct actor *dead;

	switch (a->step) {
	case STEP_SLEEP:
		/* A system call drains, and compares as one with falling asleep. */
		buffer_drain(a);
		if (queue_value(queue) != a->b) {
			if (step_tracing)
				printf("#   %-12s  does not sleep: %s has moved\n", actor_name(a),
				       location_name(SLEEPERS + queue));
			return FAILS;
		}
		if (step_tracing)
			printf("#   %-12s  falls asleep\n", actor_name(a));
		queue_add(queue, a);
		/* What it finds when it wakes is an attempt of its own. */
		ghost_begin(a, (enum attempt)a->attempt);
		return 0;
	case STEP_ASLEEP:
		if (step_tracing)
			printf("#   %-12s  is woken\n", actor_name(a));
		a->woken = 0;
		return 0;
	case STEP_WAKE:
		buffer_drain(a);
		if (step_tracing)
			printf("#   %-12s  calls %lld of those who sleep on %s\n", actor_name(a),
			       (long long)a->b, location_name(SLEEPERS + queue));
		if (queue < SIDES && a->b <= ACTORS_MAX) { /* not everybody */
			world.ghost.credit[queue] -= (__s8)a->b;
			if (world.ghost.credit[queue] < 0)
				fail("more calls than announcements", 0, 0);
		}
		return queue_wake(queue, a->b);
	case STEP_LOCK:
	case STEP_UNLOCK:
		buffer_drain(a);
		if (step_tracing)
			printf("#   %-12s  %s the lock of what waits outside\n", actor_name(a),
			       a->step == STEP_LOCK ? "takes" : "lets go of");
		world.ghost.keeper.holder = a->step == STEP_LOCK ? (__u8)(actor_index(a) + 1) : 0;
		return 0;
	case STEP_CHECK:
	case STEP_DEATH:
		dead = next_dead(a);
		if (!dead)
			return 0;
		a->recovers = actor_index(dead) + 1;
		if (step_tracing)
			printf("#   %-12s  recovers %s\n", actor_name(a), actor_name(dead));
		return actor_index(dead) + 1;
	default: /* STEP_AWAIT, STEP_HEIR */
		if (step_tracing)
			printf("#   %-12s  goes on\n", actor_name(a));
		return 0;
	}
}

/* After it has run up to a step. */
void steps_settle(struct actor *a)
{
	a->result = 0;
	a->location = (__u8)location_of(a->at);
}

/* Take @a's step and run it up to the next. */
void step_take(struct actor *a)
{
	__u64 result;

	ghost_before_step(a);
	if (a->location != NOWHERE) {
		result = step_memory(a);
	} else {
		result = step_other(a);
		if (a->step == STEP_SLEEP && result != FAILS) {
			a->step = STEP_ASLEEP;
			a->b = 0;
			return;
		}
	}
	coroutine_resume(a, result);
	steps_settle(a);
}

static void actor_settle(struct actor *a, enum life life)
{
	unsigned int queue;

	for (queue = 0; queue < QUEUES; queue++)
		queue_remove(queue, a);
	a->life = life;
	a->step = STEP_NONE;
	a->location = NOWHERE;
	a->sp = coroutine_stack_end(a);
	a->at = NULL;
	a->a = 0;
	a->b = 0;
	a->changed = 0;
	a->attempt = NO_ATTEMPT;
	a->seen = 0;
	a->begins = 0;
	a->orphans = 0;
	a->woken = 0;
	a->late = 0;
	while (a->buffered && !buffer_drains(a))
		buffer_drain_one(a);
}

void actor_kill(struct actor *a)
{
	if (step_tracing)
		printf("#   %-12s  IS KILLED\n", actor_name(a));
	world.ghost.kills--;
	actor_settle(a, DEAD);
}

void actor_stop(struct actor *a)
{
	if (step_tracing)
		printf("#   %-12s  IS STOPPED FOR EVER\n", actor_name(a));
	world.ghost.stops--;
	actor_settle(a, STOPPED);
}

void actor_time_out(struct actor *a)
{
	a->late = actor_part(a)->patience == SLEEP_TIMED;
	if (step_tracing)
		printf("#   %-12s  %s\n", actor_name(a),
		       a->late ? "times out" : "has slept for a slice");
	queue_remove((unsigned int)a->a, a);
	coroutine_resume(a, FAILS);
	steps_settle(a);
}
