/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The world that is explored: a ring, the actors, and what the ghost knows of
 * them. All of it can be written down (snapshot.c), and is the same again when
 * it is put back: nothing that an actor's behaviour depends on is elsewhere.
 */
#ifndef EXPLORER_WORLD_H
#define EXPLORER_WORLD_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <linux/pyqueue.h>

#define ACTORS_MAX	6
#define AUDITOR		ACTORS_MAX	/* not part of the search */
#define SLOTS_MAX	4
#define SLOT_SIZE	32		/* a word, a length, a payload of two words */
#define MESSAGES_MAX	15
#define BUFFER_MAX	6
#define STACK_SIZE	4096

enum side { GETTERS, PUTTERS, JOINERS, SIDES };

/* Where futexes are slept on: the sequence of each side, then the pollers of each. */
#define QUEUES		(2 * SIDES)

/* Words of the ring that can be accessed, as the explorer numbers them. */
enum location {
	TAIL, HEAD_CACHE, HEAD, MARKS, DETOUR, DONE, SKIPPED, OVERFLOW,
	SLEEPERS,			/* of each side */
	POLLERS = SLEEPERS + SIDES,	/* the same */
	WORD = POLLERS + SIDES,		/* of each slot */
	LENGTH = WORD + SLOTS_MAX,
	PAYLOAD = LENGTH + SLOTS_MAX,	/* two a slot */
	LOCATIONS = PAYLOAD + 2 * SLOTS_MAX,
	NOWHERE = 0xff,
};

/* Sets of locations: what an actor may read or write. */
#define IN(location)	(1u << (location))
#define IN_SLEEPERS	(7u << SLEEPERS)
#define IN_POLLERS	(7u << POLLERS)
#define IN_WORDS	(0xfu << WORD)
#define IN_LENGTHS	(0xfu << LENGTH)
#define IN_PAYLOADS	(0xffu << PAYLOAD)

enum life { ALIVE, FINISHED, DEAD, STOPPED };

/*
 * What an actor is trying to do, for as long as "full" or "empty" has to be true in;
 * in order of sides.
 */
enum attempt { NO_ATTEMPT, ATTEMPT_GET, ATTEMPT_PUT, ATTEMPT_JOIN };

/* What has been true at some moment of an attempt. */
#define SEEN_STRICT	1	/* full, empty, nothing unfinished */
#define SEEN_LOOSE	2	/* the same by head as it is, or without orphans */
#define SEEN_NO_ORPHAN	4
#define SEEN_DISTURBED	8	/* somebody else has changed something */
#define SEEN_OPEN	16
#define SEEN_CLOSED	32
#define SEEN_LONG	64	/* the next message is longer than there is room for */

struct actor {
	void *sp;
	const void *at;			/* the step that it is going to take */
	__u64 a, b;
	__u64 result;
	__u64 buffer_value[BUFFER_MAX];
	__u8 buffer_location[BUFFER_MAX];
	__u8 buffered;
	__u8 step, location, life;
	/* ghost */
	__u8 changed;			/* something that it may read, since it began */
	__u8 attempt, seen;
	__u8 begins;			/* the attempt, with the next step */
	__u8 orphans;			/* slots: to be taken first */
	__u8 last_position;		/* of its own messages, + 1 */
	__u8 woken;
	__u8 late;			/* its deadline is over */
	__u8 recovers;			/* actor + 1 */
	__u8 last_message;
	__u8 kernel;			/* it is in a system call, and does not die there */
	__u8 pad[3];
};

/* What waits outside of an unbounded queue's ring, and the lock of who keeps it. */
struct keeper {
	__u64 seen[2];			/* struct pyq_overflow */
	__u8 list[MESSAGES_MAX];
	__u8 n;
	__u8 putter[MESSAGES_MAX + 1];	/* of those that are or have been there */
	__u16 outside;			/* messages */
	__u8 holder;			/* actor + 1 */
	__u8 moving;			/* the slot it is being moved to, + 1 */
	__u8 pad[4];
};

struct ghost {
	struct keeper keeper;
	__u16 published, released;	/* messages */
	__u16 copied;			/* since it has been claimed */
	__u8 slot_message[SLOTS_MAX];
	__u8 position[MESSAGES_MAX + 1];
	__u8 deliveries[MESSAGES_MAX + 1];
	__u8 done;			/* task_done */
	__u8 kills, stops;		/* left */
	__u8 switches, last;		/* left; who has gone on last, actor + 1 */
	__u8 recovered;			/* actors */
	__s8 credit[SIDES];		/* announcements less calls */
	__u8 queue[QUEUES][ACTORS_MAX];	/* who sleeps, in order; actor + 1 */
	__u8 pad;
};

struct world {
	struct ghost ghost;
	struct actor actors[ACTORS_MAX + 1];
};

/* What an actor does next, once the scheduler lets it. */
enum step {
	STEP_NONE,
	STEP_LOAD,	/* at */
	STEP_STORE,	/* at, a: value; into the store buffer */
	STEP_CAS,	/* at, a: expected, b: new */
	STEP_OR,	/* at, a: bits */
	STEP_AND,	/* at, a: bits */
	STEP_LOCK,	/* the keeper's, when it is free */
	STEP_UNLOCK,
	STEP_AWAIT,	/* a: side; until memory that the actor may read has changed */
	STEP_SLEEP,	/* a: queue, b: value: FUTEX_WAIT */
	STEP_ASLEEP,	/* a: queue */
	STEP_WAKE,	/* a: queue, b: how many: FUTEX_WAKE */
	STEP_HOLD,	/* for ever, what it has on loan */
	STEP_DEATH,	/* until there is a dead one to recover: who */
	STEP_CHECK,	/* the same at once: who, + 1, or 0 */
	STEP_HEIR,	/* a: actor, b: until that one is dead and its recovery has ended */
};

__u64 take_step(enum step step, const void *at, __u64 a, __u64 b);

extern struct world world;
extern struct pyqueue_header ring_header;
extern unsigned char ring_slots[SLOTS_MAX * SLOT_SIZE];

/* --- the cast: constant during a search */

struct actor;
typedef void script_fn(struct actor *a);

/*
 * How an actor puts up with "full" and "empty": tries once; again when something has
 * changed; has the library wait, whose slices do not end by themselves; they may,
 * and with them the deadline; they may.
 */
enum patience { GIVE_UP, AWAIT, SLEEP, SLEEP_TIMED, SLEEP_SLICED };

struct part {
	const char *name;
	script_fn *script;
	__u32 reads, writes;
	__u8 owner;
	__u8 n;				/* how many messages */
	__u8 patience;
	__u8 batch;			/* at most so many at once */
	__u8 room;			/* bytes, for a message; its length is its number */
	__u8 heir_of;			/* actor + 1 */
	__u8 immediate, task_done;
	bool undoes;			/* what it has on loan */
	bool holds;			/* the same, for ever; a poller: only that it has been told */
	bool immortal;			/* neither killed nor stopped */
	bool peeks;			/* reads what it does not hold */
};

struct cast {
	const char *name;
	__u64 maxsize, start;
	bool unbounded;			/* @maxsize is the ring's */
	__u8 prefill;
	__u8 kills, stops;
	bool peeks;			/* set by cast_begin() */
	__u8 slots, order, actors;	/* the same */
	__u8 queues;			/* in which somebody may sleep; the same */
	__u8 quick;			/* in quick mode: switches at most; 0: any number */
	struct part parts[ACTORS_MAX + 1];
};

extern struct cast cast;
extern const struct cast casts[];
extern const unsigned int nr_casts;

/* casts.c */
void cast_begin(const struct cast *c);

/* snapshot.c */
size_t snapshot_save(unsigned char *to);
void snapshot_restore(const unsigned char *from);
__u64 snapshot_hash(const unsigned char *at, size_t size);
#define SNAPSHOT_MAX \
	(LOCATIONS * 8 + sizeof(struct world) + ACTORS_MAX * (STACK_SIZE + HANDLE_MAX))

/* visited.c */
void visited_begin(__u64 memory);
void visited_end(void);
float *visited_find(__u64 key, bool *is_new);
bool visited_is_full(void);

/* search.c */
struct report {
	__u64 states, transitions, kills, ends, deepest;
	double paths;
	bool complete, failed;
};

/* What of all there is is explored; 0 is no bound. */
struct bounds {
	__u64 states, memory;
	unsigned int switches;		/* from one who could go on to another */
	bool unreduced;
};

void search(struct report *report, const struct bounds *bounds);

/* actors.c: what needs the ring's and the library's code */
script_fn script_prefill, script_audit;
void handles_init(void);
extern unsigned char *const handles_of_actors;
extern const size_t handle_size;
#define HANDLE_MAX 320

/* coroutine.c */
void coroutine_start(struct actor *a, script_fn *script);
void coroutine_resume(struct actor *a, __u64 result);
struct actor *actor_running(void);
char *coroutine_stack_end(const struct actor *a);

/* memory.c */
void memory_init(void);
__u64 memory_read(unsigned int location);
void memory_set(unsigned int location, __u64 value);
unsigned int location_of(const void *at);
bool location_is_sequence(const void *at);

/* steps.c */
bool step_is_enabled(const struct actor *a);
bool step_is_local(const struct actor *a);
void steps_settle(struct actor *a);
void step_take(struct actor *a);
bool buffer_drains(const struct actor *a);
void buffer_drain_one(struct actor *a);
void actor_kill(struct actor *a);
void actor_stop(struct actor *a);
void actor_time_out(struct actor *a);
extern bool step_tracing;

/* trace.c: in words */
const char *location_name(unsigned int location);
const char *actor_name(const struct actor *a);
void trace_value(char *text, size_t size, unsigned int location, __u64 value);

/* ghost.c: promises. Called where the actors run, so they only note a failure. */
void ghost_begin(struct actor *a, enum attempt attempt);
void ghost_before_step(struct actor *a);
void ghost_end(struct actor *a, int ret);
void ghost_copied(unsigned int slot, __u32 len, __u64 first, __u64 second);
void ghost_done(int ret);
void ghost_outside(struct actor *by, unsigned int message);
void ghost_dropped(unsigned int message);
void ghost_changed(struct actor *by, unsigned int location, __u64 from, __u64 to);
void ghost_payload(struct actor *by, unsigned int location, bool write);
bool ghost_end_of_execution(void);
bool ghost_get_ready(void);
bool ghost_put_ready(void);
bool ghost_join_ready(void);
unsigned int ghost_next_message(void);
unsigned int ghost_outstanding(void);
__u64 ghost_position(unsigned int slot);
void fail(const char *text, __u64 a, __u64 b);
extern const char *failure;
extern __u64 failure_a, failure_b;
extern bool auditing;

static inline unsigned int actor_index(const struct actor *a)
{
	return (unsigned int)(a - world.actors);
}

static inline struct part *actor_part(const struct actor *a)
{
	return &cast.parts[actor_index(a)];
}

/* What it holds nobody else will have. */
static inline bool actor_is_stuck(const struct actor *a)
{
	return a->life == STOPPED || a->step == STEP_HOLD;
}

#define for_each_actor(a) \
	for (a = world.actors; a < world.actors + cast.actors; a++)

#endif
