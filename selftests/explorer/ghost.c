// SPDX-License-Identifier: GPL-2.0
/*
 * The ring's promises (docs/ring.md), as a ghost keeps them that sees each change
 * of memory at the step that makes it: a put takes effect when its slot becomes
 * READY, a get when its slot becomes FREE.
 *
 * "Full" and "empty" are promises about a moment: it is enough that they were
 * true at one moment between the begin and the end of the attempt.
 */
#include <ring/word.h>

#include "world.h"

const char *failure;
__u64 failure_a, failure_b;
bool auditing;

#define ghost (&world.ghost)

void fail(const char *text, __u64 a, __u64 b)
{
	if (failure)
		return;
	failure = text;
	failure_a = a;
	failure_b = b;
}

/* --- what the ring holds, from the words alone */

static __u64 tail(void)
{
	return ring_header.tail & ~PYQUEUE_CLOSED;
}

static bool ring_is_closed(void)
{
	return ring_header.tail & PYQUEUE_CLOSED;
}

/* If something waits outside, before the ring is. */
static bool is_closed(void)
{
	return ring_is_closed() || ring_header.detour & PYQUEUE_DETOUR_CLOSED;
}

static __u64 word_of(__u64 position)
{
	return memory_read(WORD + (unsigned int)(position & (cast.slots - 1u)));
}

static bool is_at(__u64 word, __u64 position, enum pyqueue_state state)
{
	return pyq_word_lap(word) == (__u32)(position >> cast.order) &&
	       pyq_word_state(word) == state;
}

/* The position that a slot's word is about: the one nearest to tail. */
static __u64 position_of(unsigned int slot, __u64 word)
{
	__u64 lap = tail() >> cast.order;

	lap += (__u64)(__s64)(__s32)(pyq_word_lap(word) - (__u32)lap);
	return lap << cast.order | slot;
}

__u64 ghost_position(unsigned int slot)
{
	return position_of(slot, memory_read(WORD + slot)) - cast.start;
}

/* Past what has been taken already, and past tombstones, which anybody takes away. */
static __u64 head_helped(void)
{
	__u64 h = ring_header.head;

	while (is_at(word_of(h), h, PYQUEUE_READING) || is_at(word_of(h), h, PYQUEUE_ORPHAN) ||
	       is_at(word_of(h), h, PYQUEUE_SKIPPING) || is_at(word_of(h), h, PYQUEUE_ABORTED))
		h++;
	return h;
}

static __u64 tail_helped(void)
{
	__u64 t = tail();

	while (!ring_is_closed() && pyq_word_lap(word_of(t)) == (__u32)(t >> cast.order) &&
	       pyq_word_state(word_of(t)) != PYQUEUE_FREE)
		t++;
	return t;
}

/* No room, but what the tombstones at head are in the way of. */
static bool is_full(bool strict)
{
	__u64 t = tail_helped(), h = strict ? head_helped() : ring_header.head;
	__u64 word = word_of(t), at = t - cast.slots;

	if (t - h >= cast.maxsize)
		return true;
	if (is_at(word, t, PYQUEUE_FREE))
		return false;
	return !(is_at(word, at, PYQUEUE_ABORTED) && (__s64)(h - at) > 0);
}

/* All before it has been taken, and there is room for it, or it is on its way already. */
static bool is_next_outside(void)
{
	__u64 h = head_helped();

	if (ghost->keeper.moving && ghost->keeper.moving == h % cast.slots + 1)
		return true;
	return ghost->keeper.outside && h == tail_helped() && !is_full(true);
}

static bool is_empty(void)
{
	__u64 h = head_helped();

	return !is_at(word_of(h), h, PYQUEUE_READY) && !is_next_outside();
}

static bool is_at_its_end(void)
{
	return is_closed() && head_helped() == tail() && !ghost->keeper.outside;
}

/* Slots that are ORPHAN, and say so. */
static unsigned int orphans(void)
{
	unsigned int i, set = 0;

	if (!(ring_header.marks & PYQUEUE_MARK_ORPHAN))
		return 0;
	for (i = 0; i < cast.slots; i++)
		if (pyq_word_state(memory_read(WORD + i)) == PYQUEUE_ORPHAN)
			set |= 1u << i;
	return set;
}

bool ghost_get_ready(void)
{
	return !is_empty() || orphans() || is_at_its_end();
}

/* Then nobody puts into the ring but the kernel. */
static bool outside_first(void)
{
	return ring_header.detour & PYQUEUE_DETOUR_PUT;
}

bool ghost_put_ready(void)
{
	return is_closed() || (!outside_first() && !is_full(true));
}

unsigned int ghost_outstanding(void)
{
	unsigned int n = (unsigned int)__builtin_popcount(ghost->published);

	return n - ghost->done;
}

bool ghost_join_ready(void)
{
	return !ghost_outstanding();
}

static bool is_ready(unsigned int queue)
{
	switch ((enum side)(queue % SIDES)) {
	case GETTERS:
		return ghost_get_ready();
	case PUTTERS:
		return ghost_put_ready();
	default:
		return ghost_join_ready();
	}
}

/* The oldest message that is to be delivered next, orphans first; 0 none. */
unsigned int ghost_next_message(void)
{
	unsigned int i, best = 0;
	__u64 at = 0;
	bool orphan = false;

	for (i = 0; i < cast.slots; i++) {
		unsigned int state = pyq_word_state(memory_read(WORD + i));

		if (state != PYQUEUE_READY && state != PYQUEUE_ORPHAN)
			continue;
		if (orphan && state != PYQUEUE_ORPHAN)
			continue;
		if (!best || (state == PYQUEUE_ORPHAN && !orphan) || ghost_position(i) < at) {
			best = ghost->slot_message[i];
			at = ghost_position(i);
			orphan = state == PYQUEUE_ORPHAN;
		}
	}
	return best || !ghost->keeper.outside ? best : ghost->keeper.list[0];
}

/* --- attempts */

static void look(struct actor *a)
{
	if (a->attempt == ATTEMPT_PUT) {
		a->seen |= outside_first() || is_full(true) ? SEEN_STRICT : 0;
		a->seen |= is_full(false) ? SEEN_LOOSE : 0;
		a->seen |= is_closed() ? SEEN_CLOSED : SEEN_OPEN;
	} else if (a->attempt == ATTEMPT_GET) {
		bool none = !orphans();

		a->seen |= none ? SEEN_NO_ORPHAN : 0;
		a->seen |= none && is_empty() ? SEEN_STRICT : 0;
		a->seen |= (a->seen & SEEN_NO_ORPHAN) && is_empty() ? SEEN_LOOSE : 0;
		a->seen |= is_at_its_end() ? SEEN_CLOSED : SEEN_OPEN;
		a->seen |= ghost_next_message() > actor_part(a)->room ? SEEN_LONG : 0;
		a->orphans &= (__u8)orphans();
	} else if (a->attempt == ATTEMPT_JOIN) {
		a->seen |= ghost_join_ready() ? SEEN_STRICT : 0;
	}
}

/* It begins with its first step, not as soon as the one before it is over. */
void ghost_begin(struct actor *a, enum attempt attempt)
{
	a->attempt = (__u8)attempt;
	a->seen = 0;
	a->orphans = 0;
	a->begins = 1;
}

void ghost_before_step(struct actor *a)
{
	if (!a->begins)
		return;
	a->begins = 0;
	a->changed = 0;
	a->orphans = a->attempt == ATTEMPT_GET ? (__u8)orphans() : 0;
	look(a);
}

void ghost_end(struct actor *a, int ret)
{
	enum attempt attempt = (enum attempt)a->attempt;
	__u8 seen = a->seen;
	unsigned int i;

	if (ret == -ETIMEDOUT)
		ret = -EAGAIN;
	a->attempt = NO_ATTEMPT;
	a->begins = 0;
	a->seen = 0;
	a->orphans = 0;
	if (auditing)
		return;
	if (ret == -EOWNERDEAD)
		fail("-EOWNERDEAD to one who is alive", 0, 0);
	if (ret == -EUCLEAN)
		fail("-EUCLEAN: a sound ring is called broken", 0, 0);
	if (ret == -EBUSY)
		fail("an error (%lld) that cannot be", (__u64)(__s64)ret, 0);
	if (ret == -EMSGSIZE && !(seen & SEEN_LONG))
		fail("get: -EMSGSIZE, and no message was too long at any time", 0, 0);
	if (attempt == ATTEMPT_PUT) {
		if (ret == -ESHUTDOWN && !(seen & SEEN_CLOSED))
			fail("put: -ESHUTDOWN before the shutdown", 0, 0);
		if (ret != -ESHUTDOWN && !(seen & SEEN_OPEN))
			fail("put: begun after the shutdown, and not -ESHUTDOWN", 0, 0);
		if (ret == -EAGAIN &&
		    !(seen & SEEN_STRICT || (seen & SEEN_DISTURBED && seen & SEEN_LOOSE)))
			fail("put says full, and there was room all the time", 0, 0);
	} else if (attempt == ATTEMPT_GET) {
		if (ret == -ESHUTDOWN && !(seen & SEEN_CLOSED))
			fail("get: -ESHUTDOWN, and it was not at its end at any time", 0, 0);
		for (i = 0; ret == -ESHUTDOWN && i < cast.slots; i++)
			if (pyq_word_state(memory_read(WORD + i)) == PYQUEUE_READY)
				fail("get: -ESHUTDOWN before message %lld", ghost->slot_message[i],
				     0);
		if (ret == -EAGAIN && !(seen & SEEN_OPEN))
			fail("get: begun at the end of a shut-down queue, and -EAGAIN", 0, 0);
		if (ret == -EAGAIN &&
		    !(seen & SEEN_STRICT || (seen & SEEN_DISTURBED && seen & SEEN_LOOSE)))
			fail("get says empty, and there was something all the time", 0, 0);
	} else if (attempt == ATTEMPT_JOIN) {
		if (ret >= 0 && !(seen & SEEN_STRICT))
			fail("join says done, and it was not at any time", 0, 0);
	}
}

/* It takes effect with this step, and what follows is for others. */
static void took_effect(struct actor *a)
{
	if (a->attempt != NO_ATTEMPT)
		ghost_end(a, 0);
}

/* --- messages */

/* Whether the message in @slot comes before @position and is still to be taken. */
static bool comes_before(unsigned int slot, __u64 position)
{
	__u64 word = memory_read(WORD + slot);
	unsigned int state = pyq_word_state(word);

	return (state == PYQUEUE_READY || state == PYQUEUE_WRITING) &&
	       (__s64)(position_of(slot, word) - position) < 0;
}

static void claimed(const struct actor *by, unsigned int slot, __u64 from)
{
	__u64 position = position_of(slot, from);
	unsigned int i;

	ghost->copied &= (__u16)~(1u << ghost->slot_message[slot]);
	if (!ghost->slot_message[slot])
		fail("slot %lld: taken, and there is no message", slot, 0);
	for (i = 0; i < cast.slots; i++) {
		if (i == slot)
			continue;
		if (pyq_word_state(from) == PYQUEUE_READY && comes_before(i, position))
			fail("message %lld taken before that of slot %lld, which is older",
			     ghost->slot_message[slot], i);
		if (!(by->orphans >> i & 1))
			continue;
		if (pyq_word_state(from) == PYQUEUE_READY)
			fail("message %lld taken before %lld, which comes again and is first",
			     ghost->slot_message[slot], ghost->slot_message[i]);
		else if ((__s64)(position_of(i, memory_read(WORD + i)) - position) < 0)
			fail("message %lld comes again before %lld, which is older",
			     ghost->slot_message[slot], ghost->slot_message[i]);
	}
}

static void published(struct actor *by, unsigned int slot, __u64 position)
{
	unsigned int message = memory_read(PAYLOAD + 2 * slot) & 0xff;
	__u8 at = (__u8)(position - cast.start);
	bool moved;

	if (!message || message > MESSAGES_MAX) {
		fail("slot %lld is READY, and its payload has not been written", slot, 0);
		return;
	}
	moved = ghost->keeper.outside >> message & 1;
	if (moved)
		by = &world.actors[ghost->keeper.putter[message]];
	else if (ghost->published >> message & 1)
		fail("message %lld put twice", message, 0);
	ghost->keeper.outside &= (__u16)~(1u << message);
	/* One from outside may be published behind one that comes later; not placed there. */
	if ((by->last_message < message) == (by->last_position > at))
		fail("message %lld is not in its place among those of the same putter", message, 0);
	if (by->last_message < message) {
		by->last_message = (__u8)message;
		by->last_position = at + 1;
	}
	ghost->published |= (__u16)(1u << message);
	ghost->position[message] = at;
	ghost->slot_message[slot] = (__u8)message;
	if (!moved)
		took_effect(by);
}

/* A put takes effect here as well. */
void ghost_outside(struct actor *by, unsigned int message)
{
	ghost->published |= (__u16)(1u << message);
	ghost->keeper.outside |= (__u16)(1u << message);
	ghost->keeper.putter[message] = (__u8)actor_index(by);
	took_effect(by);
}

/* From outside: it counts as done. */
void ghost_dropped(unsigned int message)
{
	ghost->released |= (__u16)(1u << message);
	ghost->keeper.outside &= (__u16)~(1u << message);
	ghost->done++;
}

static void word_changed(struct actor *by, unsigned int slot, __u64 from, __u64 to)
{
	unsigned int was = pyq_word_state(from), is = pyq_word_state(to);
	unsigned int message = ghost->slot_message[slot];
	__u64 position = position_of(slot, from);

	if (was == PYQUEUE_WRITING && is == PYQUEUE_READY) {
		published(by, slot, position);
		return;
	}
	if (was == PYQUEUE_FREE && is == PYQUEUE_WRITING) {
		if ((__s64)(position - ring_header.head) >= (__s64)cast.maxsize)
			fail("more than maxsize messages: %lld places claimed, head at %lld",
			     position + 1 - cast.start, ring_header.head - cast.start);
		return;
	}
	if ((was == PYQUEUE_READY || was == PYQUEUE_ORPHAN) && is == PYQUEUE_READING) {
		claimed(by, slot, from);
		return;
	}
	if (!message)
		return; /* tombstones */
	if (was == PYQUEUE_READY && is == PYQUEUE_SKIPPING &&
	    ring_header.detour & PYQUEUE_DETOUR_DROP) {
		/* Dropped; it is about to be counted as done. */
		ghost->released |= (__u16)(1u << message);
		ghost->slot_message[slot] = 0;
		ghost->done++;
		return;
	}
	if (was == PYQUEUE_READING && is == PYQUEUE_FREE) {
		if (ghost->released >> message & 1)
			fail("message %lld delivered twice", message, 0);
		if (!(ghost->copied >> message & 1) &&
		    !(ring_header.detour & PYQUEUE_DETOUR_DROP))
			fail("message %lld released, and has not been copied", message, 0);
		ghost->released |= (__u16)(1u << message);
		ghost->slot_message[slot] = 0;
		took_effect(by);
	} else if (was == PYQUEUE_READING && is == PYQUEUE_READING) {
		return;
	} else if (was == PYQUEUE_READING && is == PYQUEUE_ORPHAN) {
		if (pyq_word_owner(from) != actor_part(by)->owner)
			ghost->deliveries[message]++;
		if (pyq_word_deliveries(to) != ghost->deliveries[message])
			fail("message %lld: %lld deliveries is wrong", message,
			     pyq_word_deliveries(to));
	} else {
		fail("message %lld is lost: its slot turns to state %lld", message, is);
	}
}

/* After each change of memory. */
void ghost_changed(struct actor *by, unsigned int l, __u64 from, __u64 to)
{
	struct actor *a;

	if (auditing)
		return;
	if (l >= WORD && l < LENGTH)
		word_changed(by, l - WORD, from, to);
	if (l >= SLEEPERS && l < POLLERS) {
		__s64 more = (__s64)((to & PYQUEUE_ANNOUNCED) - (from & PYQUEUE_ANNOUNCED));

		/* The same sequence: an announcement, or one taken back. */
		if (to >> PYQUEUE_SEQUENCE_SHIFT == from >> PYQUEUE_SEQUENCE_SHIFT)
			ghost->credit[l - SLEEPERS] += (__s8)more;
	}
	if (l == DONE)
		ghost->done += (__u8)(to - from);
	if (ring_header.head - cast.start > tail() - cast.start)
		fail("head is past tail", 0, 0);
	for_each_actor(a) {
		if (a->attempt == NO_ATTEMPT || a->begins)
			continue;
		if (a != by && (l < SLEEPERS || (l >= WORD && l < LENGTH)))
			a->seen |= SEEN_DISTURBED;
		look(a);
	}
}

/* What a getter has copied out of a slot that it holds (ghost_payload() has seen to that). */
void ghost_copied(unsigned int slot, __u32 len, __u64 first, __u64 second)
{
	unsigned int message = (unsigned int)(first & 0xff);
	__u64 word = memory_read(WORD + slot);

	if (second != ~first || first != message * 0x0101010101010101ULL || len != message)
		fail("delivered in part: %llx, length %lld", first, len);
	else if (message != ghost->slot_message[slot])
		fail("message %lld delivered, and %lld is in the slot", message,
		     ghost->slot_message[slot]);
	else if (pyq_word_deliveries(word) != ghost->deliveries[message])
		fail("message %lld delivered with %lld deliveries, which is wrong", message,
		     pyq_word_deliveries(word));
	ghost->copied |= (__u16)(1u << message);
}

void ghost_done(int ret)
{
	if (ret < 0)
		fail("task_done: %lld for a message that has been got", (__u64)(__s64)ret, 0);
}

/* Only its holder touches a payload; what a look before the claim reads is checked by value. */
void ghost_payload(struct actor *by, unsigned int l, bool write)
{
	__u64 word = memory_read(WORD + (l - PAYLOAD) / 2);
	__u8 owner = by->kernel ? 0 : actor_part(by)->owner;

	if (auditing || (!write && actor_part(by)->peeks))
		return;
	if (pyq_word_owner(word) != owner || pyq_word_state(word) != (write ? PYQUEUE_WRITING :
									    PYQUEUE_READING))
		fail(write ? "the payload of slot %lld written by who does not hold it" :
			     "the payload of slot %lld read by who does not hold it",
		     (l - PAYLOAD) / 2, 0);
}

/* Nothing can go on any more. Return: whether what is left is to be a queue. */
bool ghost_end_of_execution(void)
{
	const struct actor *a;
	unsigned int held = 0, i;
	bool stopped = false;

	for_each_actor(a)
		stopped |= actor_is_stuck(a);
	for_each_actor(a)
		if (a->life == DEAD && !(ghost->recovered >> actor_index(a) & 1))
			return false; /* and nobody left to recover */
	for (i = 0; i < cast.slots; i++) {
		held |= 1u << ghost->slot_message[i];
		if (pyq_word_state(memory_read(WORD + i)) == PYQUEUE_ORPHAN && !orphans())
			fail("message %lld comes again, and no mark says so",
			     ghost->slot_message[i], 0);
	}
	held = (held | ghost->keeper.outside) & ~1u;
	if (held != (unsigned int)(ghost->published & ~ghost->released))
		fail("put and not delivered: %llx; in the ring: %llx (sets of messages)",
		     ghost->published & ~ghost->released, held);
	if (ring_header.detour & PYQUEUE_DETOUR_DROP) {
		unsigned int dropped = ghost->released & ~ghost->copied;

		if (!is_empty())
			fail("shut down at once, and not empty", 0, 0);
		if (ghost->done < __builtin_popcount(dropped))
			fail("dropped: %llx (a set of messages), and only %lld are done", dropped,
			     ghost->done);
	}
	for_each_actor(a) {
		static const char *const texts[QUEUES] = {
			"actor %lld waits to get for ever, and there is something to take",
			"actor %lld waits to put for ever, and there is room",
			"actor %lld joins for ever, and nothing is unfinished",
			"actor %lld polls for ever, and there is something to take",
			"actor %lld polls for ever, and there is room",
		};

		if (a->life != ALIVE || (a->step != STEP_AWAIT && a->step != STEP_ASLEEP))
			continue;
		/* Nobody can take a tombstone away behind one who has stopped. */
		if (a->a == JOINERS && stopped)
			continue;
		if (is_ready((unsigned int)a->a))
			fail(texts[a->a], actor_index(a) + 1, 0);
	}
	return !failure;
}
