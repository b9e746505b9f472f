// SPDX-License-Identifier: GPL-2.0
/*
 * Processes are killed while others are at work on the same ring, and so is
 * who recovers: what each of them has done is kept in shared memory, and in
 * the end every message has been delivered exactly once.
 */
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stepped.h"
#include "ring_test.h"

/* Owner numbers. */
enum { PUTTER = 4, GETTER = 5, VICTIM = 6 };

/*
 * Steps before which a victim is killed; nearly all end earlier by themselves.
 * A process with a sanitizer begins and ends slowly, and sees no more of this
 * than one without.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FAULT_POINTS 9
#define STEPS_APART 2
#define KILLS_ANYWHERE 5
#else
#define FAULT_POINTS 18
#define STEPS_APART 1
#define KILLS_ANYWHERE 20
#endif

/* The putter puts no more than this a round, so that there is an end. */
#define A_ROUND 64

/* Even numbers are the putter's, odd ones the victims'. */
#define VALUES (1 << 18)

static struct world {
	__u64 rounds;			/* how many have begun */
	int stop_putting, stop_getting;
	__u64 put_next;			/* the putter's next message */
	__u64 victim_next;		/* the victims' next message */
	__u8 put[VALUES];		/* is in the queue, or was */
	__u8 got[VALUES];
	__u8 held[VALUES];		/* a victim has had it in hand, and may give it back */
	__u8 unsure[VALUES];		/* its put or get was killed, who knows when */

	/* Of the victim of now: */
	__u64 steps;
	__u64 operations;
	__u64 putting, getting;		/* message + 1, or 0 */
} *world;

static struct pyq_ring ring;
static __u64 dies_at;

#define NOTE(x, v) __atomic_store_n(&(x), v, __ATOMIC_SEQ_CST)
#define ASK(x) __atomic_load_n(&(x), __ATOMIC_SEQ_CST)

/* A child that ends with whoever has begun it, however that ends. */
static pid_t begin(int (*run)(struct pyq_ring *), __u16 owner)
{
	struct pyq_ring view = ring_as(&ring, owner);
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	_exit(run(&view));
}

/* 0, or what is wrong: an exit status, or -signal. */
static int end(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		abort();
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* --- the living: what they return but 0 is a fault, and nothing goes on without them */

static int fault(const char *what, __s64 detail)
{
	fprintf(stderr, "# %s: %lld\n", what, detail);
	kill(0, SIGABRT);
	return 1;
}

static bool not_now(int ret)
{
	if (ret != -EAGAIN && ret != -EBUSY)
		return false;
	sched_yield();
	return true;
}

static int putter(struct pyq_ring *r)
{
	while (!ASK(world->stop_putting)) {
		__u64 value = world->put_next;
		struct pyq_op op = { .freed = false };
		int ret;

		if (value >= ASK(world->rounds) * A_ROUND * 2 || value >= VALUES) {
			sched_yield();
			continue;
		}
		ret = pyq_ring_claim_put(r, &op);
		if (not_now(ret))
			continue;
		if (ret)
			return fault("putter: claim_put", ret);
		if ((__s64)(op.pos - ASK(r->hdr->head)) >= (__s64)r->maxsize)
			return fault("putter: beyond the bound, position", op.pos);
		message_write(r, &op, value);
		if (pyq_ring_publish(r, &op, message_len(value), 0))
			return fault("putter: publish, position", op.pos);
		NOTE(world->put[value], 1);
		NOTE(world->put_next, value + 2);
	}
	return 0;
}

static int getter(struct pyq_ring *r)
{
	__s64 last = -1;

	for (;;) {
		bool stop = ASK(world->stop_getting);
		struct pyq_op op = { .freed = false };
		__s64 value = ring_get_op(r, &op);

		if (value == -EAGAIN && stop)
			return 0;
		if (value < 0) {
			if (!not_now(value))
				return fault("getter: get", value);
			continue;
		}
		if (value >= VALUES)
			return fault("getter: nobody has put", value);
		if (__atomic_add_fetch(&world->got[value], 1, __ATOMIC_SEQ_CST) != 1)
			return fault("getter: twice", value);
		/* Order holds for what nobody has had in hand before. */
		if (pyq_word_deliveries(op.word) || ASK(world->held[value]) || value & 1)
			continue;
		if (value <= last)
			return fault("getter: out of order", value);
		last = value;
	}
}

/* --- the victims */

static void die_at_step(const char *kind, const void *at)
{
	(void)kind, (void)at;
	if (world->steps++ == dies_at)
		kill(getpid(), SIGKILL);
}

/* The effect has taken place: noted before the next step, where he may die. */
static void note_effect(const void *at, __u64 from, __u64 to)
{
	if ((const unsigned char *)at < ring.slots)
		return; /* a word of the header */
	if (pyq_word_state(from) == PYQUEUE_WRITING && pyq_word_state(to) == PYQUEUE_READY)
		NOTE(world->put[world->putting - 1], 1);
	if (pyq_word_state(from) == PYQUEUE_READING && pyq_word_state(to) == PYQUEUE_FREE)
		__atomic_add_fetch(&world->got[world->getting - 1], 1, __ATOMIC_SEQ_CST);
}

static int claim_put(struct pyq_ring *r, struct pyq_op *op)
{
	int ret;

	do
		ret = pyq_ring_claim_put(r, op);
	while (not_now(ret));
	return ret;
}

/* There may be no more messages in this round. */
static int claim_get(struct pyq_ring *r, struct pyq_op *op)
{
	int tries, ret = -EAGAIN;

	for (tries = 0; tries < 20 && not_now(ret); tries++)
		ret = pyq_ring_claim_get(r, op, SLOT_SIZE);
	return ret;
}

static int victim_puts(struct pyq_ring *r)
{
	struct pyq_op op = { .freed = false };
	__u64 value = 2 * world->victim_next++ + 1;

	world->putting = value + 1;
	if (claim_put(r, &op))
		return 2;
	message_write(r, &op, value);
	return pyq_ring_publish(r, &op, message_len(value), 0) ? 3 : 0;
}

static int victim_buries(struct pyq_ring *r)
{
	struct pyq_op op = { .freed = false };

	if (claim_put(r, &op))
		return 2;
	return pyq_ring_abort(r, &op) ? 3 : 0;
}

/* Claims, and keeps the books: 0 claimed, -EAGAIN, or another error. */
static int victim_claims(struct pyq_ring *r, struct pyq_op *op)
{
	int ret = claim_get(r, op);
	__s64 value;

	if (ret)
		return ret;
	value = message_read(r, op);
	if (value < 0 || value >= VALUES)
		return -EILSEQ;
	NOTE(world->held[value], 1);
	world->getting = value + 1;
	return 0;
}

static int victim_gets(struct pyq_ring *r)
{
	struct pyq_op op = { .freed = false };
	int ret = victim_claims(r, &op);

	if (ret)
		return ret == -EAGAIN ? 0 : 2;
	return pyq_ring_release(r, &op) ? 3 : 0;
}

static int victim_gives_back(struct pyq_ring *r)
{
	struct pyq_op op = { .freed = false };
	int ret = victim_claims(r, &op);

	if (ret)
		return ret == -EAGAIN ? 0 : 2;
	return pyq_ring_give_back(r, &op) ? 3 : 0;
}

static int victim_looks(struct pyq_ring *r)
{
	ring_qsize(r);
	ring_unfinished(r);
	return 0;
}

/* Of somebody before him, who had a slot or two. */
static int victim_recovers(struct pyq_ring *r)
{
	return ring_recover(r, OTHER) < 0 ? 2 : 0;
}

static int (*const operations[])(struct pyq_ring *r) = {
	victim_puts, victim_buries, victim_gets, victim_gives_back, victim_looks, victim_recovers,
};

static int victim(struct pyq_ring *r)
{
	int (*operation)(struct pyq_ring *) = operations[world->rounds / FAULT_POINTS %
							 ARRAY_SIZE(operations)];
	struct pyq_ring other = ring_as(r, OTHER);
	struct pyq_op op = { .freed = false };

	/*
	 * Somebody who has died with two slots, so that there is more to settle.
	 * In this order: while one is being read there may be no room for ever.
	 */
	if (operation == victim_recovers)
		if (claim_put(&other, &op) || victim_claims(&other, &op) == -EILSEQ)
			return 9;
	dies_at = world->rounds % FAULT_POINTS * STEPS_APART;
	world->steps = 0;
	stepped.changed = note_effect;
	stepped.before = die_at_step;
	return operation(r);
}

/* One who puts and gets until he is killed from outside, at any instruction. */
static int victim_anywhere(struct pyq_ring *r)
{
	for (;;) {
		struct pyq_op op = { .freed = false };
		__u64 value = 2 * world->victim_next + 1;

		if (value >= VALUES) {
			sched_yield();
			continue;
		}
		NOTE(world->putting, value + 1);
		world->victim_next++;
		if (claim_put(r, &op))
			return 2;
		message_write(r, &op, value);
		if (pyq_ring_publish(r, &op, message_len(value), 0))
			return 3;
		NOTE(world->put[value], 1);
		NOTE(world->putting, 0);
		/* Counted by now: the getter may be the quicker one every time. */
		NOTE(world->operations, world->operations + 1);

		if (victim_claims(r, &op))
			continue;
		if (pyq_ring_release(r, &op))
			return 4;
		__atomic_add_fetch(&world->got[world->getting - 1], 1, __ATOMIC_SEQ_CST);
		NOTE(world->getting, 0);
	}
}

/* --- who survives */

FIXTURE(live) {
	pid_t putter, getter;
};

FIXTURE_VARIANT(live) {
	__u64 maxsize;
};

FIXTURE_VARIANT_ADD(live, 1) { .maxsize = 1 };
FIXTURE_VARIANT_ADD(live, 3) { .maxsize = 3 };

FIXTURE_SETUP(live)
{
	/* Nor do they go on without the harness. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, world);
	ring = ring_new_shared(variant->maxsize, 0);
	self->putter = begin(putter, PUTTER);
	self->getter = begin(getter, GETTER);
}

FIXTURE_TEARDOWN(live)
{
}

/* The living come to their end, and everything adds up. */
static void add_up(struct __test_metadata *_metadata, FIXTURE_DATA(live) *self)
{
	__u64 value;

	/* On a busy machine the victims may have been quicker than the putter. */
	while (ASK(world->put_next) < A_ROUND)
		sched_yield();
	NOTE(world->stop_putting, 1);
	EXPECT_EQ(0, end(self->putter));
	NOTE(world->stop_getting, 1);
	EXPECT_EQ(0, end(self->getter));

	EXPECT_LE(A_ROUND, world->put_next);
	for (value = 0; value < VALUES; value++) {
		if (world->got[value] == world->put[value] ||
		    (world->unsure[value] && world->got[value] <= 1))
			continue;
		EXPECT_EQ(world->put[value], world->got[value])
			TH_LOG("message %llu%s", value, world->held[value] ? ", held" : "");
		return;
	}
	EXPECT_SOUND(&ring);
	EXPECT_GOES_ON(&ring);
}

/* Each needs many turns of the processor, which others may want too: hence the time. */
TEST_F_TIMEOUT(live, killed_before_each_step, 200)
{
	unsigned int killed = 0;

	while (world->rounds < FAULT_POINTS * ARRAY_SIZE(operations)) {
		int ret = end(begin(victim, VICTIM));

		ASSERT_TRUE(ret == 0 || ret == -SIGKILL)
			TH_LOG("operation %llu, step %llu: %d", world->rounds / FAULT_POINTS,
			       world->rounds % FAULT_POINTS * STEPS_APART, ret);
		killed += ret != 0;
		ASSERT_LE(0, ring_recover(&ring, VICTIM));
		ASSERT_LE(0, ring_recover(&ring, OTHER));
		NOTE(world->rounds, world->rounds + 1);
	}
	EXPECT_LE(FAULT_POINTS, killed);
	add_up(_metadata, self);
}

TEST_F_TIMEOUT(live, killed_anywhere, 200)
{
	__u64 random = 88172645463325252ULL;

	while (world->rounds < KILLS_ANYWHERE) {
		pid_t pid = begin(victim_anywhere, VICTIM);
		unsigned int i;

		/* Some way into his work: a number of operations, and of turns more. */
		random = random * 6364136223846793005ULL + 1442695040888963407ULL;
		NOTE(world->operations, 0);
		NOTE(world->rounds, world->rounds + 1);
		while (ASK(world->operations) < (random >> 33) % 4)
			sched_yield();
		for (i = 0; i < (random >> 40) % 1000; i++)
			ASK(world->operations);
		kill(pid, SIGKILL);
		ASSERT_EQ(-SIGKILL, end(pid));
		ASSERT_LE(0, ring_recover(&ring, VICTIM));

		/* What he was at may have taken effect, or not. */
		if (world->putting)
			world->unsure[world->putting - 1] = 1;
		if (world->getting)
			world->unsure[world->getting - 1] = 1;
		world->putting = 0;
		world->getting = 0;
	}
	add_up(_metadata, self);
}

TEST_HARNESS_MAIN
