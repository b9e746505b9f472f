// SPDX-License-Identifier: GPL-2.0
/*
 * What the actors do, by the library's own functions. The scheduler comes in at each
 * step of the ring's code and at each system call, and nowhere else. A planted fault
 * is in a copy of this file and of what it includes.
 */
#include "library.h"
#include "roles.h"

/* Not inlined where that keeps a waiting actor's stack small. */
#define NOINLINE __attribute__((__noinline__))

/* --- a handle for each actor; part of a state (snapshot.c) */

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

/* --- messages: a payload of two words, and the length, that all say which it is */

static const void *payload_of(unsigned int message)
{
	static __u64 payloads[MESSAGES_MAX + 1][2];

	payloads[message][0] = message * 0x0101010101010101ULL;
	payloads[message][1] = ~payloads[message][0];
	return payloads[message];
}

static struct pyq_msg message_to_put(unsigned int message)
{
	return (struct pyq_msg){ .data = (void *)(uintptr_t)payload_of(message), .len = message };
}

/* Nothing is ever written there: see payload_read(). */
static unsigned char nowhere[2 * sizeof(__u64)];

/* Look at a message as the kernel does, which may not be there any more. */
static void payload_look(struct pyq_ring *r, const struct pyq_op *op, __u64 copy[2])
{
	const __u64 *at = (const __u64 *)pyq_ring_slot(r, op->pos)->payload;

	copy[0] = pyq_load(&at[0]);
	copy[1] = pyq_load(&at[1]);
}

/* --- calls of the library */

/**
 * struct errand - what an actor calls
 * @call: how: a count, -EAGAIN, -ETIMEDOUT, or an error
 * @attempt: for the ghost
 * @message: the first of those to put
 * @n: at most so many
 * @loan: out: what is lent
 */
struct errand {
	ssize_t (*call)(struct actor *a, struct errand *e, __u64 deadline);
	enum attempt attempt;
	unsigned int message;
	unsigned int n;
	struct pyq_loan *loan;
};

static ssize_t call_put(struct actor *a, struct errand *e, __u64 deadline)
{
	int err = pyqi_mapped_put(handle_of(a), payload_of(e->message), e->message, deadline);

	return err ? err : 1;
}

static NOINLINE ssize_t call_put_many(struct actor *a, struct errand *e, __u64 deadline)
{
	struct pyq_msg msgs[SLOTS_MAX] = { { .data = NULL } };
	unsigned int i;

	for (i = 0; i < e->n; i++)
		msgs[i] = message_to_put(e->message + i);
	return pyqi_mapped_put_many(handle_of(a), msgs, e->n, deadline);
}

static NOINLINE ssize_t call_get(struct actor *a, struct errand *e, __u64 deadline)
{
	ssize_t len = pyqi_mapped_get(handle_of(a), nowhere, actor_part(a)->room, deadline);

	(void)e;
	return len < 0 ? len : 1;
}

static NOINLINE ssize_t call_get_many(struct actor *a, struct errand *e, __u64 deadline)
{
	struct pyq_msg msgs[SLOTS_MAX] = { { .data = NULL } };
	unsigned int i;

	for (i = 0; i < e->n; i++)
		msgs[i] = (struct pyq_msg){ .data = nowhere, .size = actor_part(a)->room };
	return pyqi_mapped_get_many(handle_of(a), msgs, e->n, deadline);
}

/* As the kernel (kmod/): copies before it claims, and does not wait. */
static NOINLINE ssize_t call_get_peeking(struct actor *a, struct errand *e, __u64 deadline)
{
	pyq_queue *q = handle_of(a);
	struct pyq_op op = { .freed = false };
	__u64 copy[2];
	int ret;

	(void)e;
	(void)deadline;
	do {
		ret = pyq_ring_peek(&q->map.ring, &op, actor_part(a)->room);
		if (ret)
			break;
		payload_look(&q->map.ring, &op, copy);
	} while (!pyq_ring_claim_peeked(&q->map.ring, &op));
	if (!ret) {
		ghost_copied(pyq_ring_index(&q->map.ring, op.pos), op.len, copy[0], copy[1]);
		ret = pyq_ring_release(&q->map.ring, &op);
	}
	return ret ? ret : 1;
}

static NOINLINE ssize_t call_reserve(struct actor *a, struct errand *e, __u64 deadline)
{
	int err = pyqi_mapped_loans.reserve(handle_of(a), e->loan, deadline);

	return err ? err : 1;
}

static NOINLINE ssize_t call_borrow(struct actor *a, struct errand *e, __u64 deadline)
{
	int err = pyqi_mapped_loans.borrow(handle_of(a), e->loan, deadline);

	return err ? err : 1;
}

static NOINLINE ssize_t call_join(struct actor *a, struct errand *e, __u64 deadline)
{
	int err = pyqi_mapped_join(handle_of(a), deadline);

	(void)e;
	return err ? err : 1;
}

/*
 * AWAIT: a call in which nothing has changed that the actor may read would only be
 * repeated with the same result, and has changed nothing itself (that counts as a
 * change too): so until there is a change it is not repeated, and no state is missed.
 */
static NOINLINE ssize_t patiently(struct actor *a, struct errand *e)
{
	static const __u64 deadlines[] = {
		[GIVE_UP] = PYQI_NOWAIT,       [AWAIT] = PYQI_NOWAIT,
		[SLEEP] = PYQI_FOREVER,	       [SLEEP_TIMED] = DEADLINE,
		[SLEEP_SLICED] = PYQI_FOREVER,
	};
	enum patience patience = (enum patience)actor_part(a)->patience;

	for (;;) {
		ssize_t ret;

		ghost_begin(a, e->attempt);
		ret = e->call(a, e, deadlines[patience]);
		ghost_end(a, (int)ret);
		/* It would make equal states differ; what it is for is not explored. */
		handle_of(a)->map.in_vain = 0;
		if (ret != -EAGAIN || patience != AWAIT)
			return ret;
		if (!a->changed)
			take_step(STEP_AWAIT, NULL, e->attempt - ATTEMPT_GET, 0);
	}
}

/* --- the parts */

static void come_to_life(struct actor *a)
{
	if (actor_part(a)->heir_of)
		take_step(STEP_HEIR, NULL, actor_part(a)->heir_of - 1u, true);
}

static bool is_putter(const struct part *p)
{
	return p->script == script_put || (p->script == script_reserve && !p->undoes);
}

static __u8 first_message(const struct actor *a)
{
	unsigned int i, n = 1u + cast.prefill;

	for (i = 0; i < actor_index(a); i++)
		if (is_putter(&cast.parts[i]))
			n += cast.parts[i].n;
	return (__u8)n;
}

void script_put(struct actor *a)
{
	unsigned int at = first_message(a), end = at + actor_part(a)->n;

	come_to_life(a);
	while (at < end) {
		unsigned int most = actor_part(a)->batch;
		struct errand e = { most > 1 ? call_put_many : call_put, ATTEMPT_PUT, at,
				    most < end - at ? most : end - at, NULL };
		ssize_t ret = patiently(a, &e);

		at += ret > 0 ? (unsigned int)ret : 1;
	}
}

static void done_with(struct actor *a, unsigned int n)
{
	if (actor_part(a)->task_done)
		ghost_done(pyqi_mapped_task_done(handle_of(a), n));
}

void script_get(struct actor *a)
{
	unsigned int n = actor_part(a)->n;

	come_to_life(a);
	while (n) {
		unsigned int most = actor_part(a)->batch;
		struct errand e = { actor_part(a)->peeks ? call_get_peeking :
				    most > 1		 ? call_get_many :
							   call_get,
				    ATTEMPT_GET, 0, most < n ? most : n, NULL };
		ssize_t ret = patiently(a, &e);

		if (ret == -ESHUTDOWN)
			return;
		if (ret > 0)
			done_with(a, (unsigned int)ret);
		n -= ret > 0 ? (unsigned int)ret : 1;
	}
}

/* What is lent is not for ever, unless the part says so. */
static void hold(const struct actor *a)
{
	if (actor_part(a)->holds)
		take_step(STEP_HOLD, NULL, 0, 0);
}

void script_reserve(struct actor *a)
{
	unsigned int at = first_message(a), end = at + actor_part(a)->n;

	come_to_life(a);
	for (; at < end; at++) {
		struct pyq_loan loan = { .data = NULL };
		struct errand e = { call_reserve, ATTEMPT_PUT, at, 1, &loan };
		int err;

		if (patiently(a, &e) < 0)
			continue;
		hold(a);
		if (actor_part(a)->undoes) {
			err = pyqi_mapped_loans.discard(handle_of(a), &loan);
		} else {
			payload_write(loan.data, payload_of(at));
			err = pyqi_mapped_loans.commit(handle_of(a), &loan, at);
		}
		if (err)
			fail("a slot that was reserved: error %lld", (__u64)(__s64)err, 0);
	}
}

void script_borrow(struct actor *a)
{
	unsigned int n = actor_part(a)->n;

	come_to_life(a);
	for (; n; n--) {
		struct pyq_loan loan = { .data = NULL };
		struct errand e = { call_borrow, ATTEMPT_GET, 0, 1, &loan };
		int err;

		if (patiently(a, &e) < 0)
			continue;
		hold(a);
		if (actor_part(a)->undoes) {
			err = pyqi_mapped_loans.give_back(handle_of(a), &loan);
		} else {
			payload_read(loan.data, loan.size);
			err = pyqi_mapped_loans.release(handle_of(a), &loan);
		}
		if (err)
			fail("a message that was borrowed: error %lld", (__u64)(__s64)err, 0);
	}
}

/*
 * Polls until it is told, and takes what it is told of, if it is still there. Or takes
 * nothing: it does not poll in place of those who sleep.
 */
void script_poll(struct actor *a)
{
	unsigned int n = actor_part(a)->n;

	while (n) {
		struct errand e = { call_get, ATTEMPT_GET, 0, 1, NULL };
		struct pyqi_poll poll = {
			.q = handle_of(a),
			.side = &ring_header.getters,
			.ready = pyqi_get_ready,
		};
		ssize_t ret;

		run(&poll);
		if (actor_part(a)->holds)
			return;
		ret = patiently(a, &e);
		if (ret == -ESHUTDOWN)
			return;
		n -= ret > 0;
	}
}

void script_join(struct actor *a)
{
	struct errand e = { call_join, ATTEMPT_JOIN, 0, 1, NULL };

	patiently(a, &e);
}

void script_count(struct actor *a)
{
	const unsigned int most = cast.kills ? cast.slots : cast.maxsize; /* orphans count */

	if (pyqi_mapped_qsize(handle_of(a)) > most)
		fail("qsize is more than %lld", most, 0);
}

void script_shut_down(struct actor *a)
{
	if (pyqi_mapped_shutdown(handle_of(a), actor_part(a)->immediate))
		fail("a shutdown that fails", 0, 0);
}

void script_recover(struct actor *a)
{
	for (;;)
		settle_dead(handle_of(a), (unsigned int)take_step(STEP_DEATH, NULL, 0, 0));
}

/* --- before and after: on the ring itself */

static int direct_put(struct actor *a, unsigned int message)
{
	struct pyq_ring *r = ring_of(a);
	struct pyq_op op = { .freed = false };
	int ret = pyq_ring_claim_put(r, &op);

	if (ret)
		return ret;
	payload_write(pyq_ring_slot(r, op.pos)->payload, payload_of(message));
	return pyq_ring_publish(r, &op, message, 0);
}

/* The message, or -errno. */
static int direct_get(struct actor *a)
{
	struct pyq_ring *r = ring_of(a);
	struct pyq_op op = { .freed = false };
	__u64 copy[2];
	int ret = pyq_ring_claim_get(r, &op, 16);

	if (ret)
		return ret;
	payload_look(r, &op, copy);
	ret = pyq_ring_release(r, &op);
	if (ret)
		return ret;
	if (copy[1] != ~copy[0] || op.len != (copy[0] & 0xff))
		return -EILSEQ;
	return (int)op.len;
}

void script_prefill(struct actor *a)
{
	unsigned int i;

	for (i = 1; i <= cast.prefill; i++)
		direct_put(a, i);
}

/* At the end of an execution: is what is left a queue? */
void script_audit(struct actor *a)
{
	bool stopped = false, closed = pyq_ring_is_closed(ring_of(a));
	struct pyq_op op = { .freed = false };
	unsigned int left, round, i, unfinished = ghost_outstanding();
	const struct actor *other;
	int ret;

	for_each_actor(other)
		stopped |= actor_is_stuck(other);
	left = (unsigned int)__builtin_popcount(world.ghost.published & ~world.ghost.released);
	if (!stopped && pyq_ring_qsize(ring_of(a), &op) != left)
		fail("qsize is %lld, and there are %lld", pyq_ring_qsize(ring_of(a), &op), left);

	for (;;) {
		unsigned int next = ghost_next_message();

		ret = direct_get(a);
		if (ret < 0)
			break;
		if ((unsigned int)ret != next)
			fail("left in the ring: message %lld, and %lld should be first",
			     (__u64)ret, next);
		left--;
	}
	if (stopped)
		return;
	if (left)
		fail("%lld messages are left that nobody gets (error %lld)", left,
		     (__u64)(__s64)ret);
	if (ret != (closed ? -ESHUTDOWN : -EAGAIN))
		fail("error %lld of an empty queue", (__u64)(__s64)ret, 0);
	/* Tombstones are counted when head comes to them. */
	if (pyq_ring_unfinished(ring_of(a), &op) != unfinished)
		fail("unfinished is %lld, and should be %lld",
		     pyq_ring_unfinished(ring_of(a), &op), unfinished);
	if (closed)
		return;
	for (round = 0; round < 2; round++) {
		for (i = 1; i <= cast.maxsize; i++) {
			ret = direct_put(a, i);
			if (ret)
				fail("a fresh participant cannot put message %lld: %lld", i,
				     (__u64)(__s64)ret);
		}
		ret = direct_put(a, i);
		if (ret != -EAGAIN)
			fail("one more than maxsize can be put: %lld", (__u64)(__s64)ret, 0);
		for (i = 1; i <= cast.maxsize; i++) {
			ret = direct_get(a);
			if (ret != (int)i)
				fail("a fresh participant gets %lld for message %lld",
				     (__u64)(__s64)ret, i);
		}
	}
}
