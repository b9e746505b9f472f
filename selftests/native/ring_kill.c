// SPDX-License-Identifier: GPL-2.0
/*
 * A process is killed before each step of each operation, another recovers,
 * and the ring keeps its promise: before the step at which the operation takes
 * effect it is as if it had never been called, after it it has been; nothing
 * is lost, nothing comes twice, the bound is exact and no slot is missing.
 *
 * fault_points.h says on which side of that step each fault point is.
 */
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stepped.h"
#include "ring_test.h"

/* What the victim has done, for who survives it. */
static struct {
	unsigned int steps;
	char step[64][24];
} *victim;

static const struct pyq_ring *victim_ring;
static unsigned int victim_dies_at;

static const char *word_name(const struct pyq_ring *r, const void *at)
{
	const struct pyqueue_header *hdr = r->hdr;
	size_t offset = (const unsigned char *)at - r->slots;

	if (at == &hdr->tail)
		return "tail";
	if (at == &hdr->head)
		return "head";
	if (at == &hdr->head_cache)
		return "head_cache";
	if (at == &hdr->marks)
		return "marks";
	if (at == &hdr->skipped)
		return "skipped";
	if (at == &hdr->done)
		return "done";
	if (at == &hdr->overflow)
		return "overflow";
	if (at == &hdr->detour)
		return "detour";
	switch (offset % r->slot_size) {
	case offsetof(struct pyqueue_slot, word):
		return "word";
	case offsetof(struct pyqueue_slot, len):
		return "len";
	case offsetof(struct pyqueue_slot, payload):
		return "payload";
	default:
		return "?";
	}
}

static void die_here(const char *kind, const void *at)
{
	unsigned int step = victim->steps++;

	if (step < ARRAY_SIZE(victim->step))
		snprintf(victim->step[step], sizeof(victim->step[0]), "%s %s", kind,
			 word_name(victim_ring, at));
	if (step == victim_dies_at)
		kill(getpid(), SIGKILL);
}

/* --- what the victim does; its payload is written and read in two parts */

static void act_put(struct pyq_ring *r)
{
	struct pyq_op op = { .freed = false };
	unsigned char *payload;

	if (pyq_ring_claim_put(r, &op))
		return;
	message_write(r, &op, 9);
	payload = pyq_ring_slot(r, op.pos)->payload;
	memset(payload + 8, 0, 8);
	stepped_before("write", payload);
	message_write(r, &op, 9);
	pyq_ring_publish(r, &op, message_len(9), 0);
}

static void act_bury(struct pyq_ring *r)
{
	ring_bury(r);
}

static void act_get(struct pyq_ring *r)
{
	struct pyq_op op = { .freed = false };

	if (pyq_ring_claim_get(r, &op, SLOT_SIZE))
		return;
	stepped_before("read", pyq_ring_slot(r, op.pos)->payload);
	message_read(r, &op);
	pyq_ring_release(r, &op);
}

static void act_give_back(struct pyq_ring *r)
{
	struct pyq_op op = { .freed = false };

	if (!pyq_ring_claim_get(r, &op, SLOT_SIZE))
		pyq_ring_give_back(r, &op);
}

static void act_get_too_long(struct pyq_ring *r)
{
	struct pyq_op op = { .freed = false };

	pyq_ring_claim_get(r, &op, 0);
}

/* Shut down right after its claim. */
static void act_void_claim(struct pyq_ring *r)
{
	struct pyq_op op = { .pos = r->hdr->tail & ~PYQUEUE_CLOSED };

	op.word = ring_word_of(r, op.pos, r->owner, PYQUEUE_WRITING);
	pyq_ring_advance_tail(r, &op);
}

static void act_qsize(struct pyq_ring *r)
{
	ring_qsize(r);
}

static void act_unfinished(struct pyq_ring *r)
{
	ring_unfinished(r);
}

static void act_task_done(struct pyq_ring *r)
{
	ring_task_done(r, 1);
}

static void act_close(struct pyq_ring *r)
{
	pyq_ring_close(r);
}

static void act_close_and_drop(struct pyq_ring *r)
{
	pyq_ring_close_and_drop(r);
}

static void act_recover(struct pyq_ring *r)
{
	ring_recover(r, THIRD);
}

/* --- what it finds */

static void make_empty(struct pyq_ring *r)
{
	(void)r;
}

static void make_one(struct pyq_ring *r)
{
	ring_put(r, 1);
}

static void make_two(struct pyq_ring *r)
{
	ring_put(r, 1);
	ring_put(r, 2);
}

static void make_full(struct pyq_ring *r)
{
	make_two(r);
	ring_put(r, 3);
}

static void make_old_head_cache(struct pyq_ring *r)
{
	make_full(r);
	while (ring_get(r) > 0)
		;
	ring_task_done(r, 3);
}

static void make_tombstone(struct pyq_ring *r)
{
	ring_bury(r);
	ring_put(r, 1);
}

static void make_tombstone_and_full(struct pyq_ring *r)
{
	ring_bury(r);
	make_two(r);
}

static void make_two_tombstones(struct pyq_ring *r)
{
	ring_bury(r);
	make_tombstone(r);
}

static void make_tombstone_between(struct pyq_ring *r)
{
	ring_put(r, 1);
	ring_bury(r);
	ring_put(r, 2);
}

static void make_orphan(struct pyq_ring *r)
{
	struct pyq_op op;

	make_two(r);
	op = ring_claim_get(r);
	pyq_ring_give_back(r, &op);
}

static void make_stale_mark(struct pyq_ring *r)
{
	ring_put(r, 1);
	pyq_ring_mark(r, PYQUEUE_MARK_ORPHAN);
}

static void make_tail_not_moved(struct pyq_ring *r)
{
	make_one(r);
	ring_set(r, r->hdr->tail, THIRD, PYQUEUE_WRITING);
}

static void make_head_not_moved(struct pyq_ring *r)
{
	make_two(r);
	ring_set(r, r->hdr->head, THIRD, PYQUEUE_READING);
}

static void make_head_not_moved_and_full(struct pyq_ring *r)
{
	make_full(r);
	ring_set(r, r->hdr->head, THIRD, PYQUEUE_READING);
}

static void make_skipping(struct pyq_ring *r)
{
	make_tombstone(r);
	ring_set(r, r->hdr->head, THIRD, PYQUEUE_SKIPPING);
}

static void make_taken(struct pyq_ring *r)
{
	make_two(r);
	ring_get(r);
}

static void make_void_claim(struct pyq_ring *r)
{
	make_one(r);
	ring_set(r, r->hdr->tail, OTHER, PYQUEUE_WRITING);
	pyq_ring_close(r);
}

/* The third one has died while he was reading, writing and taking away. */
static void make_debts(struct pyq_ring *r)
{
	ring_put(r, 1);
	ring_bury(r);
	ring_set(r, r->hdr->head, THIRD, PYQUEUE_READING);
	ring_set(r, r->hdr->head + 1, THIRD, PYQUEUE_SKIPPING);
	ring_set(r, r->hdr->head + 2, THIRD, PYQUEUE_WRITING);
}

/* --- the table */

FIXTURE(kill) {
};

FIXTURE_VARIANT(kill) {
	const char *name;
	void (*make)(struct pyq_ring *r);
	void (*act)(struct pyq_ring *r);
	const char *points;
	const char *points_where_it_wraps; /* if they are others */
	/*
	 * The queue afterwards: its messages, "*2" if it is the second delivery,
	 * and how many are unfinished. If not said, in hand is as before.
	 */
	const char *before, *in_hand, *after;
};

#define KILLED(act_name, make_name, ...)                                         \
	FIXTURE_VARIANT_ADD(kill, act_name##_##make_name) {                      \
		.name = #act_name ", " #make_name, .make = make_##make_name,     \
		.act = act_##act_name, __VA_ARGS__                               \
	}

#include "fault_points.h"

FIXTURE_SETUP(kill)
{
	victim = mmap(NULL, sizeof(*victim), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	ASSERT_NE(MAP_FAILED, victim);
}

FIXTURE_TEARDOWN(kill)
{
	munmap(victim, sizeof(*victim));
}

/* Fork somebody who dies before step @at. Returns false if he came to the end. */
static bool let_die(const struct pyq_ring *r, void (*act)(struct pyq_ring *r), unsigned int at)
{
	struct pyq_ring view = ring_as(r, OTHER);
	int status;
	pid_t pid;

	memset(victim, 0, sizeof(*victim));
	pid = fork();
	if (!pid) {
		victim_ring = r;
		victim_dies_at = at;
		stepped.before = die_here;
		act(&view);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		abort();
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return false;
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		abort(); /* a sanitizer */
	return true;
}

/* What is in the queue, in words; empties it. */
static void describe(struct pyq_ring *r, char *text, size_t size)
{
	__u64 qsize = ring_qsize(r);
	__u64 n = 0;
	__s64 value;
	size_t used = 0;

	for (;;) {
		struct pyq_op op = { .freed = false };

		value = ring_get_op(r, &op);
		if (value == -EAGAIN || value == -ESHUTDOWN)
			break;
		used += snprintf(text + used, size - used, "%s%lld", n++ ? " " : "", value);
		if (pyq_word_deliveries(op.word))
			used += snprintf(text + used, size - used, "*%u",
					 pyq_word_deliveries(op.word) + 1);
		if (n > 9)
			break;
	}
	/* Tombstones are finished once they have been at head: all, by now. */
	used += snprintf(text + used, size - used, ": %u unfinished", ring_unfinished(r));
	if (value == -ESHUTDOWN)
		used += snprintf(text + used, size - used, ", shut down");
	if (qsize != n)
		snprintf(text + used, size - used, ", but qsize %llu", qsize);
}

/* Cut the next step off the written table, with what stands before it. */
static void next_point(const char **points, char *name, size_t size, char *side)
{
	size_t n;

	*points += strspn(*points, ", ");
	while (**points == '/' || **points == '|') {
		*side = **points;
		*points += 1 + strspn(*points + 1, ", ");
	}
	n = strcspn(*points, ",/|");
	snprintf(name, size, "%.*s", (int)n, *points);
	*points += n;
	while (n && name[n - 1] == ' ')
		name[--n] = '\0';
}

static void kill_at_each_step(struct __test_metadata *_metadata,
			      const FIXTURE_VARIANT(kill) *variant, const char *all, __u64 start)
{
	const char *points = all;
	char trace[1024] = "", side = '.';
	unsigned int at;
	bool died = true;

	for (at = 0; died && at < ARRAY_SIZE(victim->step); at++) {
		struct pyq_ring r = ring_new_shared(3, start);
		const char *expected, *step;
		char text[128], written[24];

		variant->make(&r);
		died = let_die(&r, variant->act, at);
		EXPECT_LE(0, ring_recover(&r, OTHER));
		EXPECT_LE(0, ring_recover(&r, THIRD));
		EXPECT_SOUND(&r);
		describe(&r, text, sizeof(text));

		next_point(&points, written, sizeof(written), &side);
		step = died ? victim->step[at] : "end";
		expected = side == '|' ? variant->after : variant->before;
		if (side == '/' && variant->in_hand)
			expected = variant->in_hand;
		EXPECT_STREQ(written, step);
		EXPECT_STREQ(expected ?: variant->before, text)
			TH_LOG("killed before step %u, %s", at, step);
		if (!pyq_ring_is_closed(&r))
			EXPECT_GOES_ON(&r);
		snprintf(trace + strlen(trace), sizeof(trace) - strlen(trace), "%s%s",
			 at ? ", " : "", step);
		munmap(r.hdr, ring_bytes(&r));
	}
	EXPECT_STREQ("", points);
	if (_metadata->passed)
		ksft_print_msg("%s: %s\n", variant->name, all);
	else
		TH_LOG("%s: %s", variant->name, trace);
}

TEST_F(kill, before_each_step)
{
	kill_at_each_step(_metadata, variant, variant->points, 4);
}

/* The same where array, position and lap wrap. */
TEST_F(kill, before_each_step_where_it_wraps)
{
	kill_at_each_step(_metadata, variant, variant->points_where_it_wraps ?: variant->points,
			  (4ULL << 32) - 1);
}

TEST_HARNESS_MAIN
