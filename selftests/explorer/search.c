// SPDX-License-Identifier: GPL-2.0
/*
 * Depth first through all states. Each frame of the search is a state, written
 * down, and what may happen in it.
 *
 * Two reductions. A step that is local (step_is_local()) is taken at once and alone
 * of the steps, unless that leads back to a state that the search is in the
 * middle of: so that nobody is put off for ever. And a kill is tried only right
 * after what its victim did last, since a kill commutes with all that the others
 * do: what is to be done about the dead (recovery) is a step of its own, which
 * may come any time later. After another kill, and at the begin, all are tried.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define CHOICES_MAX	48
#define DEPTH_MAX	100000
/* One state in so many: can each actor finish, or wait, with the others standing still? */
#define ALONE_ONE_IN	128
#define ALONE_ALL	10000	/* of so many first states, each */
#define ALONE_STEPS	2000
#define ALONE_TRACED	40
#define ANYBODY		0xff
/* Instead of the logarithm of how many executions begin there. */
#define IN_THE_MIDDLE	(-1)

enum choice_kind { CHOICE_STEP, CHOICE_DRAIN, CHOICE_TIMEOUT, CHOICE_KILL, CHOICE_STOP };

struct choice {
	__u8 kind, actor;
};

struct frame {
	size_t snapshot, size;	/* where it begins, and how long it is */
	__u64 key;
	double paths;
	__u8 n, next;
	__u8 last;		/* who has acted last */
	bool reduced;
	struct choice choices[CHOICES_MAX];
};

static struct frame *frames;
static unsigned int depth;
static struct bounds bounds;
static bool judged;		/* the failure is of how it ends, or of an actor alone */
static struct actor *alone;	/* that one */
static unsigned char *snapshots;
static size_t snapshots_size;

static void add(struct frame *f, enum choice_kind kind, const struct actor *a)
{
	if (f->n == CHOICES_MAX)
		abort();
	f->choices[f->n++] = (struct choice){ (__u8)kind, (__u8)actor_index(a) };
}

static bool can_be_ended(const struct actor *a)
{
	return a->life == ALIVE && !actor_part(a)->immortal && !a->kernel && a->step != STEP_DEATH &&
	       a->step != STEP_HEIR;
}

/* May its sleep end by itself? */
static bool can_time_out(const struct actor *a)
{
	return a->step == STEP_ASLEEP && !a->woken && actor_part(a)->patience >= SLEEP_TIMED;
}

static void add_kills(struct frame *f)
{
	const struct actor *a;

	for_each_actor(a) {
		if (!can_be_ended(a) || (f->last != ANYBODY && f->last != actor_index(a) &&
					 !bounds.unreduced))
			continue;
		if (world.ghost.kills)
			add(f, CHOICE_KILL, a);
		if (world.ghost.stops)
			add(f, CHOICE_STOP, a);
	}
}

/*
 * Whether it is one of the switches that are bounded: while the one who has gone on
 * last could go on. (A bug most often needs few of them.)
 */
static bool is_switch(const struct actor *a)
{
	unsigned int last = world.ghost.last;

	return bounds.switches && last && last != actor_index(a) + 1 &&
	       step_is_enabled(&world.actors[last - 1]);
}

/* What may happen but kills. Return: whether that is anything at all. */
static bool add_steps(struct frame *f, bool reduce)
{
	const struct actor *a;

	for_each_actor(a) {
		if (reduce && !bounds.unreduced && step_is_enabled(a) && step_is_local(a)) {
			add(f, CHOICE_STEP, a);
			f->reduced = true;
			return true;
		}
	}
	for_each_actor(a) {
		if (step_is_enabled(a) && (!is_switch(a) || world.ghost.switches))
			add(f, CHOICE_STEP, a);
		if (buffer_drains(a))
			add(f, CHOICE_DRAIN, a);
		if (can_time_out(a))
			add(f, CHOICE_TIMEOUT, a);
	}
	return f->n;
}

static void choose(struct choice c)
{
	struct actor *a = &world.actors[c.actor];

	switch ((enum choice_kind)c.kind) {
	case CHOICE_STEP:
		if (bounds.switches && !step_is_local(a)) {
			world.ghost.switches -= is_switch(a);
			world.ghost.last = actor_index(a) + 1;
		}
		step_take(a);
		return;
	case CHOICE_DRAIN:
		/* With those before it that do not matter. */
		do {
			unsigned int l = a->buffer_location[0];

			buffer_drain_one(a);
			if (l < PAYLOAD || cast.peeks)
				return;
		} while (a->buffered);
		return;
	case CHOICE_TIMEOUT:
		actor_time_out(a);
		return;
	case CHOICE_KILL:
		actor_kill(a);
		return;
	case CHOICE_STOP:
		actor_stop(a);
		return;
	}
}

/* Run @a and nobody else. Return: whether it comes to an end, or to a wait. */
static bool run_alone(struct actor *a)
{
	unsigned int steps;

	for (steps = 0; steps < ALONE_STEPS; steps++) {
		if (!step_is_enabled(a) || failure)
			return true;
		step_take(a);
	}
	return false;
}

static void auditor(script_fn *script)
{
	struct actor *a = &world.actors[AUDITOR];

	auditing = script == script_audit;
	memset(a, 0, sizeof(*a));
	coroutine_start(a, script);
	steps_settle(a);
	if (!run_alone(a))
		fail("a fresh participant does not finish", 0, 0);
	memset(a, 0, sizeof(*a));
	auditing = false;
}

static void check_alone(size_t snapshot)
{
	struct actor *a;

	for_each_actor(a) {
		if (!step_is_enabled(a))
			continue;
		alone = a;
		if (!run_alone(a))
			fail("actor %lld, alone, neither finishes nor waits", actor_index(a) + 1,
			     0);
		if (failure)
			return;
		snapshot_restore(snapshots + snapshot);
	}
	alone = NULL;
}

static void set_up(void)
{
	unsigned int i;

	failure = NULL;
	memset(&world, 0, sizeof(world));
	memset(&ring_header, 0, sizeof(ring_header));
	memset(ring_slots, 0, sizeof(ring_slots));
	handles_init();
	ring_header.tail = cast.start;
	ring_header.head = cast.start;
	ring_header.head_cache = cast.start;
	ring_header.done = cast.start;
	ring_header.skipped = (__u32)cast.start;
	for (i = 0; i < cast.slots; i++) {
		__u64 position = cast.start + ((i - cast.start) & (cast.slots - 1u));

		*(__u64 *)(ring_slots + i * SLOT_SIZE) =
			(position >> cast.order) << PYQUEUE_WORD_LAP_SHIFT;
	}
	auditor(script_prefill);
	for (i = 0; i < cast.actors; i++) {
		world.actors[i].location = NOWHERE;
		coroutine_start(&world.actors[i], cast.parts[i].script);
		steps_settle(&world.actors[i]);
	}
	world.ghost.kills = cast.kills;
	world.ghost.stops = cast.stops;
	world.ghost.switches = (__u8)bounds.switches;
}

/* Again from the begin, in words. */
static void print_counterexample(void)
{
	const char *what = failure;
	__u64 a = failure_a, b = failure_b;
	unsigned int i;
	struct actor *actor;

	printf("# %s: from the begin:\n", cast.name);
	set_up();
	step_tracing = true;
	for (i = 0; i < depth && frames[i].next; i++)
		choose(frames[i].choices[frames[i].next - 1]);
	if (judged && alone) {
		printf("#   and now %s alone:\n", actor_name(alone));
		for (i = 0; i < ALONE_TRACED && step_is_enabled(alone) && !failure; i++)
			step_take(alone);
	}
	step_tracing = false;
	if (judged && !alone) {
		for_each_actor(actor) {
			static const char *const lives[] = { "", "has finished", "is dead",
							     "is stopped" };
			bool waits = actor->life == ALIVE && !step_is_enabled(actor);

			printf("#   at the end %s %s\n", actor_name(actor),
			       waits ? "waits" : actor->life == ALIVE ? "could go on" :
					lives[actor->life]);
		}
	}
	printf("# %s: ", cast.name);
	printf(what, a, b);
	printf("\n");
}

/* The state as it is now becomes a frame; its snapshot has been written already. */
static void push(struct report *r, size_t snapshot, size_t size, __u64 key, unsigned int last)
{
	struct frame *f = &frames[depth];

	if (depth == DEPTH_MAX)
		abort();
	memset(f, 0, offsetof(struct frame, choices));
	f->snapshot = snapshot;
	f->size = size;
	f->key = key;
	f->last = (__u8)last;
	depth++;
	if (depth > r->deepest)
		r->deepest = depth;
	if (!add_steps(f, true)) {
		r->ends++;
		f->paths = 1;
		judged = true;
		if (ghost_end_of_execution())
			auditor(script_audit);
		if (failure)
			return;
		judged = false;
		snapshot_restore(snapshots + snapshot);
	} else if (r->states < ALONE_ALL || key % ALONE_ONE_IN == 0) {
		judged = true;
		check_alone(snapshot);
		if (failure)
			return;
		judged = false;
	}
	add_kills(f);
	if (snapshot + size + SNAPSHOT_MAX > snapshots_size) {
		snapshots_size *= 2;
		snapshots = realloc(snapshots, snapshots_size);
		if (!snapshots)
			abort();
	}
}

void search(struct report *r, const struct bounds *b)
{
	size_t size;
	__u64 key;
	bool is_new, at_top = true;

	memset(r, 0, sizeof(*r));
	bounds = *b;
	judged = false;
	alone = NULL;
	frames = malloc(DEPTH_MAX * sizeof(*frames));
	snapshots_size = 4 * SNAPSHOT_MAX;
	snapshots = malloc(snapshots_size);
	if (!frames || !snapshots)
		abort();
	visited_begin(bounds.memory);
	depth = 0;
	set_up();
	size = snapshot_save(snapshots);
	key = snapshot_hash(snapshots, size);
	*visited_find(key, &is_new) = IN_THE_MIDDLE;
	r->states = 1;
	r->complete = true;
	push(r, 0, size, key, ANYBODY);

	while (depth && !failure) {
		struct frame *f = &frames[depth - 1];
		struct choice c;
		size_t next;
		float *paths;

		if (f->next == f->n) {
			*visited_find(f->key, &is_new) = (float)log2(1 + f->paths);
			if (!--depth)
				r->paths = f->paths;
			else
				frames[depth - 1].paths += f->paths;
			at_top = false;
			continue;
		}
		if (!at_top)
			snapshot_restore(snapshots + f->snapshot);
		c = f->choices[f->next++];
		choose(c);
		at_top = false;
		r->transitions++;
		r->kills += c.kind == CHOICE_KILL;
		if (failure)
			break;
		next = f->snapshot + f->size;
		size = snapshot_save(snapshots + next);
		key = snapshot_hash(snapshots + next, size);
		paths = visited_find(key, &is_new);
		if (!is_new) {
			if (*paths >= 0) {
				f->paths += exp2(*paths) - 1;
			} else if (f->reduced && c.kind == CHOICE_STEP) {
				snapshot_restore(snapshots + f->snapshot);
				f->reduced = false;
				add_steps(f, false);
			}
			continue;
		}
		*paths = IN_THE_MIDDLE;
		r->states++;
		if ((bounds.states && r->states >= bounds.states) || visited_is_full()) {
			r->complete = false;
			break;
		}
		push(r, next, size, key,
		     c.kind == CHOICE_KILL || c.kind == CHOICE_STOP ? ANYBODY : c.actor);
		at_top = true;
	}
	if (failure) {
		r->failed = true;
		print_counterexample();
	}
	visited_end();
	free(frames);
	free(snapshots);
}
