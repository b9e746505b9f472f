// SPDX-License-Identifier: GPL-2.0
/*
 * Each operation is interrupted before each of its steps, there another
 * participant does something whole, and it goes on: nothing is lost, nothing
 * comes twice, qsize and unfinished are exact, and no answer is wrong.
 */
#include "stepped.h"
#include "ring_test.h"

#define VALUES 256

static struct {
	struct pyq_ring r;
	struct pyq_ring intruder;
	unsigned int step, interrupted_at;
	bool interrupted;
	void (*intrude)(void);
	/* What has happened. */
	__u64 next;
	__u8 put[VALUES], got[VALUES];
	bool torn;
	__u32 taken, done;
} scene;

static void before_step(const char *kind, const void *at)
{
	(void)kind, (void)at;
	if (scene.step++ != scene.interrupted_at)
		return;
	scene.interrupted = true;
	stepped.before = NULL;
	scene.intrude();
	stepped.before = before_step;
}

/* --- operations that keep the books */

static int put(struct pyq_ring *r)
{
	__u64 value = scene.next++;
	int ret = ring_put(r, value);

	if (!ret)
		scene.put[value]++;
	return ret;
}

static int get(struct pyq_ring *r)
{
	__s64 value = ring_get(r);

	if (value == -EILSEQ)
		scene.torn = true;
	if (value < 0)
		return value;
	scene.got[value]++;
	scene.taken++;
	return 0;
}

static int bury(struct pyq_ring *r)
{
	return ring_bury(r);
}

static int give_back(struct pyq_ring *r)
{
	struct pyq_op op = { .freed = false };
	int ret = pyq_ring_claim_get(r, &op, SLOT_SIZE);

	return ret ? ret : pyq_ring_give_back(r, &op);
}

static int too_long(struct pyq_ring *r)
{
	struct pyq_op op = { .freed = false };
	int ret = pyq_ring_claim_get(r, &op, 0);

	return ret == -EMSGSIZE ? 0 : ret;
}

/* Only who has taken a message: one too many may pass while a put is going on. */
static int task_done(struct pyq_ring *r)
{
	int ret;

	if (scene.done == scene.taken)
		return 0;
	ret = ring_task_done(r, 1);
	if (ret < 0)
		return ret;
	scene.done++;
	return 0;
}

static int can_put(struct pyq_ring *r)
{
	struct pyq_op op = { .freed = false };

	return pyq_ring_can_put(r, &op);
}

static int can_get(struct pyq_ring *r)
{
	struct pyq_op op = { .freed = false };

	return pyq_ring_can_get(r, &op);
}

static int qsize(struct pyq_ring *r)
{
	ring_qsize(r);
	ring_unfinished(r);
	return 0;
}

static int recover(struct pyq_ring *r)
{
	__s64 ret = ring_recover(r, OTHER);

	return ret < 0 ? ret : 0;
}

static int close_ring(struct pyq_ring *r)
{
	pyq_ring_close(r);
	return 0;
}

/* --- what the interrupted one begins with */

static void empty(void)
{
}

static void one_message(void)
{
	put(&scene.r);
}

static void two_messages(void)
{
	put(&scene.r);
	put(&scene.r);
}

static void full(void)
{
	while (!put(&scene.r))
		;
}

static void tombstone_first(void)
{
	bury(&scene.r);
	put(&scene.r);
}

static void tombstone_second(void)
{
	put(&scene.r);
	bury(&scene.r);
}

static void only_tombstones(void)
{
	__u64 i;

	for (i = 0; i < scene.r.maxsize; i++)
		bury(&scene.r);
}

static void orphan(void)
{
	two_messages();
	give_back(&scene.r);
}

/* Both marks say what is not there any more. */
static void stale_marks(void)
{
	bury(&scene.r);
	put(&scene.r);
	give_back(&scene.r);
	get(&scene.r);
	put(&scene.r);
}

static void message_taken(void)
{
	put(&scene.r);
	get(&scene.r);
	bury(&scene.r);
}

static void tail_not_moved(void)
{
	put(&scene.r);
	if (scene.r.maxsize > 1)
		ring_set(&scene.r, scene.r.hdr->tail, OTHER, PYQUEUE_WRITING);
}

static void head_not_moved(void)
{
	two_messages();
	ring_set(&scene.r, scene.r.hdr->head, OTHER, PYQUEUE_READING);
}

static void skipper_stopped(void)
{
	bury(&scene.r);
	ring_set(&scene.r, scene.r.hdr->head, OTHER, PYQUEUE_SKIPPING);
	if (scene.r.maxsize > 1)
		put(&scene.r);
}

static const struct scenery {
	const char *name;
	void (*make)(void);
} sceneries[] = {
	{ "empty", empty },
	{ "one message", one_message },
	{ "two messages", two_messages },
	{ "full", full },
	{ "a tombstone, a message", tombstone_first },
	{ "a message, a tombstone", tombstone_second },
	{ "only tombstones", only_tombstones },
	{ "an orphan", orphan },
	{ "stale marks", stale_marks },
	{ "a message taken, a tombstone", message_taken },
	{ "tail not moved", tail_not_moved },
	{ "head not moved", head_not_moved },
	{ "a skipper stopped", skipper_stopped },
};

/* --- what the other one does */

static void intrude_put(void)
{
	put(&scene.intruder);
}

static void intrude_get(void)
{
	get(&scene.intruder);
}

static void intrude_fill(void)
{
	while (!put(&scene.intruder))
		;
}

static void intrude_drain(void)
{
	while (!get(&scene.intruder))
		;
}

static void intrude_bury(void)
{
	bury(&scene.intruder);
}

static void intrude_give_back(void)
{
	give_back(&scene.intruder);
}

/* All that was read before is of an older lap, or of the one before that. */
static void intrude_laps(void)
{
	__u64 i;

	for (i = 0; i < 2 * pyq_ring_slots(&scene.r) + 1; i++) {
		put(&scene.intruder);
		get(&scene.intruder);
	}
}

static void intrude_one_lap(void)
{
	__u64 i;

	for (i = 0; i < pyq_ring_slots(&scene.r); i++) {
		put(&scene.intruder);
		get(&scene.intruder);
	}
}

static void intrude_get_put(void)
{
	get(&scene.intruder);
	put(&scene.intruder);
}

static void intrude_look(void)
{
	qsize(&scene.intruder);
}

static void intrude_close(void)
{
	pyq_ring_close(&scene.intruder);
}

static void intrude_recover_other(void)
{
	recover(&scene.intruder);
}

/* Declares the interrupted one dead, who is not. */
static void intrude_recover(void)
{
	ring_recover(&scene.intruder, ME);
}

static const struct intruder {
	const char *name;
	void (*intrude)(void);
	bool keeps_level;	/* at no time there are fewer messages than before */
} intruders[] = {
	{ "puts", intrude_put, false },
	{ "gets", intrude_get, false },
	{ "fills it", intrude_fill, false },
	{ "drains it", intrude_drain, false },
	{ "leaves a tombstone", intrude_bury, false },
	{ "gives back", intrude_give_back, false },
	{ "puts and gets for laps", intrude_laps, true },
	{ "puts and gets for one lap", intrude_one_lap, true },
	{ "gets and puts", intrude_get_put, false },
	{ "looks", intrude_look, true },
	{ "shuts down", intrude_close, false },
	{ "settles a third one's debts", intrude_recover_other, false },
	{ "declares it dead", intrude_recover, false },
};

FIXTURE(steps) {
};

FIXTURE_VARIANT(steps) {
	__u64 maxsize;
};

FIXTURE_VARIANT_ADD(steps, 1) { .maxsize = 1 };
FIXTURE_VARIANT_ADD(steps, 3) { .maxsize = 3 };
FIXTURE_VARIANT_ADD(steps, 4) { .maxsize = 4 };

FIXTURE_SETUP(steps)
{
}

FIXTURE_TEARDOWN(steps)
{
}

static bool other_is_stopped(void)
{
	__u64 i;

	for (i = 0; i < pyq_ring_slots(&scene.r); i++)
		if (pyq_word_owner(ring_load_word(&scene.r, i)) == OTHER)
			return true;
	return false;
}

static const char *judge(int (*act)(struct pyq_ring *), int ret, const struct scenery *scenery,
			 const struct intruder *intruder)
{
	bool closed = pyq_ring_is_closed(&scene.r);
	bool dead = intruder->intrude == intrude_recover;
	__u64 left = 0, all = 0;
	unsigned int i;

	switch (ret) {
	case 0:
		break;
	case -EAGAIN:
		/* A put may say full, and a get empty, only if it was so at some time. */
		if (!intruder->keeps_level || scene.r.maxsize < 3)
			break;
		if (act == put && scenery->make == empty)
			return "full, and it never was";
		if (act == get && scenery->make == two_messages)
			return "empty, and it never was";
		break;
	case -ESHUTDOWN:
		if (!closed)
			return "shut down, and it is not";
		break;
	case -EOWNERDEAD:
		if (!dead)
			return "declared dead, and by whom?";
		break;
	default:
		return "an error that cannot be";
	}

	/* Whoever was stopped before has died by now. (Else no recovery: it marks.) */
	if (other_is_stopped() && ring_recover(&scene.r, OTHER) < 0)
		return "broken";
	if (*ring_wrong(&scene.r))
		return ring_wrong(&scene.r);

	for (i = 0; i < VALUES; i++) {
		left += scene.put[i] - scene.got[i];
		all += scene.put[i];
	}
	if (ring_qsize(&scene.r) != left)
		return "qsize is not what was put and not got";
	while (!get(&scene.r))
		;
	if (scene.torn)
		return "a message in parts";
	for (i = 0; i < VALUES; i++) {
		if (scene.got[i] < scene.put[i])
			return "a message is lost";
		if (scene.got[i] > scene.put[i])
			return "a message came twice, or was never put";
	}
	if (ring_unfinished(&scene.r) != all - scene.done)
		return "unfinished is not what was put and not done";
	return closed ? "" : ring_wrong_over_laps(&scene.r);
}

/* @act once, interrupted before step @at. Returns whether it has been, and all is well. */
static bool interrupt_at(struct __test_metadata *_metadata, __u64 maxsize,
			 int (*act)(struct pyq_ring *), const struct scenery *scenery,
			 const struct intruder *intruder, unsigned int at)
{
	const char *wrong;
	int ret;

	memset(&scene, 0, sizeof(scene));
	scene.r = ring_new(maxsize, (1ULL << 32 << pyq_ring_order(maxsize)) - 2);
	scene.intruder = ring_as(&scene.r, THIRD);
	scenery->make();

	scene.interrupted_at = at;
	scene.intrude = intruder->intrude;
	stepped.before = before_step;
	ret = act(&scene.r);
	stepped.before = NULL;

	wrong = judge(act, ret, scenery, intruder);
	ring_free(&scene.r);
	EXPECT_STREQ("", wrong)
		TH_LOG("%s; before step %u another %s; result %d", scenery->name, at,
		       intruder->name, ret);
	return scene.interrupted && !*wrong;
}

/* @act in each scenery, interrupted by each intruder before each step. */
static void interrupt(struct __test_metadata *_metadata, __u64 maxsize,
		      int (*act)(struct pyq_ring *))
{
	unsigned int s, i, at;

	for (s = 0; s < ARRAY_SIZE(sceneries); s++) {
		for (i = 0; i < ARRAY_SIZE(intruders); i++) {
			at = 0;
			while (interrupt_at(_metadata, maxsize, act, &sceneries[s], &intruders[i],
					    at))
				at++;
			if (!_metadata->passed)
				return;
		}
	}
}

#define STEPS(act)                                           \
	TEST_F(steps, act)                                   \
	{                                                    \
		interrupt(_metadata, variant->maxsize, act); \
	}

STEPS(put)
STEPS(get)
STEPS(bury)
STEPS(give_back)
STEPS(too_long)
STEPS(task_done)
STEPS(can_put)
STEPS(can_get)
STEPS(qsize)
STEPS(recover)
STEPS(close_ring)

TEST_HARNESS_MAIN
