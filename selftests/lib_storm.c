// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that put and get without pause and are killed at any moment, on
 * whatever backend there is. Every message is accounted for, the bound is kept,
 * what comes to one getter comes in order, and nobody hangs. Here are the rounds;
 * kill_storm/ has the rest.
 *
 *	PYQUEUE_STORM=SECONDS	how long a case takes (default 1.5)
 */
#include "kill_storm/balance.h"
#include "kill_storm/bound.h"
#include "kill_storm/death.h"
#include "kill_storm/fixture.h"
#include "kill_storm/watch.h"
#include "kill_storm/ways.h"
#include "kill_storm/workers.h"

#include <sys/resource.h>

/* How long a round is. */
#define ROUND (SEC / 2)

/* Longer than any test: there is a watch of our own, which also says what it sees. */
#define A_DAY (24 * 3600)

FIXTURE_VARIANT(storm) {
	int maxsize;
	bool large;
};

FIXTURE_VARIANT_ADD(storm, small) { .maxsize = 4 };
FIXTURE_VARIANT_ADD(storm, large) { .maxsize = 4, .large = true };
/* One slot more than messages: only the bound says that it is full. */
FIXTURE_VARIANT_ADD(storm, bound_3) { .maxsize = 3 };

FIXTURE_SETUP(storm)
{
	self->large = variant->large;
	self->maxsize = variant->maxsize;
	self->seed = 1;
	self->a = shared_memory(sizeof(*self->a));
	ASSERT_NE(NULL, self->a);
	self->found = malloc(FOUND_MAX * sizeof(*self->found));
	ASSERT_NE(NULL, self->found);
	ASSERT_EQ(0, pyq_create(&self->q, &(struct pyq_attr){
		.maxsize = variant->maxsize, .payload = 48,
		.flags = getenv("PYQUEUE_TEST_SEALED") ? PYQ_SEALED : 0 }));
	self->view = view_of(pyq_fd(self->q));
	make_oom_group();
	/* Those who are to die by a signal leave no file. */
	ASSERT_EQ(0, setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }));
}

FIXTURE_TEARDOWN(storm)
{
	end_oom_group();
	pyq_close(self->q);
	free(self->found);
}

static bool is_window_full(const struct account *a)
{
	for (int i = 0; i <= PUTTERS; i++)
		if (load(&a->next[i]) - a->base[i] > NUMBERS / 4 * 3)
			return true;
	return false;
}

static void rage(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self, uint64_t ns)
{
	const uint64_t end = in_ns(ns);

	for (unsigned int turn = 1; now_ns() < end && !is_window_full(self->a); turn++) {
		revive(_metadata, self, true);
		for (int n = rand_r(&self->seed) % 500; n > 0; n--) {
			if (self->view.hdr)
				look_at_bound(_metadata, self);
			else
				now_ns();
		}
		if (turn % 16 == 0)
			look_at_full(_metadata, self);
		else
			kill_one(_metadata, self, rand_r(&self->seed) % ALL);
	}
}

/* Those who are left take all there is, and go. Nobody else helps them. */
static void calm(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self, bool last)
{
	uint64_t begin;

	for (int i = 0; i < ALL; i++)
		if (self->pids[i] && self->doomed[i])
			kill_one(_metadata, self, i);
	revive(_metadata, self, false);
	begin = now_ns();
	store(&self->a->stop, last ? STOP : STOP_AND_SAY_SO);
	for (int i = 0; i < PUTTERS; i++)
		see_off(_metadata, self, i);
	if (last)
		ASSERT_EQ(0, pyq_shutdown(self->q, false));
	for (int i = PUTTERS; i < ALL; i++)
		see_off(_metadata, self, i);
	store(&self->a->stop, GO);
	store(&self->a->given_back, 0);
	if (now_ns() - begin > self->longest)
		self->longest = now_ns() - begin;
}

/* What may still be there: nobody had noticed who died with it. Return: so many. */
static int drain(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self)
{
	unsigned int ends = 0;
	int n = 0, ret;

	while (!(ret = get_some(self, SELF_GETS, 1, false, PYQ_NOWAIT, &ends)))
		n++;
	ASSERT_TRUE(ret == -EAGAIN || ret == -ESHUTDOWN) TH_LOG("get: %d", ret);
	ASSERT_EQ(0, ends);
	return n;
}

/* Nobody is there any more. The queue is as new. */
static void check_queue(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self, bool last)
{
	struct pyq_stat st;

	ASSERT_EQ(0, pyq_stat(self->q, &st));
	ASSERT_EQ(drain(_metadata, self), st.qsize);
	ASSERT_EQ(0, pyq_stat(self->q, &st));
	EXPECT_EQ(0, st.qsize);
	EXPECT_EQ(0, st.large_bytes);
	EXPECT_EQ(0, st.getters);
	EXPECT_EQ(0, st.putters);
	if (last)
		return;
	ASSERT_EQ(self->maxsize, fill(_metadata, self));
	/* In each of its slots: with one less there is room for one. */
	for (unsigned int ends = 0, i = 0; i < 4 * self->maxsize; i++) {
		ASSERT_EQ(0, get_some(self, SELF_GETS, 1, false, PYQ_NOWAIT, &ends));
		ASSERT_EQ(1, fill(_metadata, self));
		ASSERT_EQ(self->maxsize, pyq_qsize(self->q));
	}
	ASSERT_EQ(self->maxsize, drain(_metadata, self));
}

/* Has somebody gone in each of the ways that there are? */
static bool went_all_ways(const FIXTURE_DATA(storm) *self)
{
	return self->by_exec && self->by_munmap && (!oom_procs[0] || oom_kills());
}

/* proves: promise kill-storm, promise no-hang, promise bound-exact */
TEST_F_TIMEOUT(storm, kills, A_DAY)
{
	const char *seconds = getenv("PYQUEUE_STORM");
	const uint64_t begin = now_ns();
	const uint64_t ns = (seconds ? atof(seconds) : 1.5) * SEC;
	const uint64_t round = ns / 2 < ROUND ? ns / 2 : ROUND;
	bool last;

	do {
		const uint64_t over = now_ns() - begin + round;

		/* A busy machine may need longer, but not for ever. */
		last = over >= ns && (went_all_ways(self) || over >= 20 * ns);
		rage(_metadata, self, round);
		calm(_metadata, self, last);
		check_queue(_metadata, self, last);
		settle(_metadata, self);
	} while (!last && _metadata->passed);
	TH_LOG("%llu put, %llu killed: %llu not put, %llu came again, %llu in dead hands; then %llu ms at most",
	       (unsigned long long)self->put, (unsigned long long)self->kills,
	       (unsigned long long)self->not_put, (unsigned long long)self->again,
	       (unsigned long long)self->in_dead_hands,
	       (unsigned long long)(self->longest / MSEC));
	TH_LOG("stopped %llu times: over the bound by orphans %llu, full below it: %llu held, %llu tombstones",
	       (unsigned long long)self->frozen, (unsigned long long)self->over,
	       (unsigned long long)self->full_held, (unsigned long long)self->full_tombstone);
	TH_LOG("by exec %llu, by munmap %llu, by the OOM killer %lld",
	       (unsigned long long)self->by_exec, (unsigned long long)self->by_munmap,
	       oom_procs[0] ? oom_kills() : 0);
	EXPECT_LT(0, self->put);
	EXPECT_LT(0, self->kills);
	EXPECT_TRUE(went_all_ways(self));
	EXPECT_EQ(!on_shm(), oom_procs[0] != '\0') TH_LOG("no memory controller of cgroup2");
}

TEST_HARNESS_MAIN
