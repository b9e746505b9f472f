// SPDX-License-Identifier: GPL-2.0
/* Maps of which not all goes well: items that fail, workers that die, and early ends. */
#include "lib_pool_map.h"

/* --- beside other tasks ------------------------------------------------------------------ */

/* Who waits for room gets some before a long map has all that it needs. */
TEST_F(pool, room_in_turn)
{
	const struct pyq_task task = { .function = nothing };
	pyq_result *r;
	pyq_map *map;
	int n[60];

	number(n, 60);
	begin(.workers = 1, .queue_size = 2);
	ASSERT_EQ(0, lib(pyq_pool_map_async(self->pool, gate, ITEMS(n), 1, &map)));
	for (int i = 0; i < 8; i++)
		sem_post(&shared->go);
	ASSERT_EQ(0, lib(pyq_pool_apply_async(self->pool, &task, LONG, &r)));
	EXPECT_GE(8, pyq_map_done(map));
	for (int i = 8; i < 60; i++)
		sem_post(&shared->go);
	EXPECT_EQ(0, lib(pyq_result_get(r, NULL, 0, LONG)));
	EXPECT_EQ(0, lib(pyq_map_wait(map, LONG)));
	pyq_result_free(r);
	EXPECT_EQ(0, pyq_map_free(map));
}

/* --- items that fail --------------------------------------------------------------------- */

/* Those that are divisible by 3 fail, or by 7, by a code greater than 0. */
static int fail_some(struct pyq_call *call)
{
	const int i = *(int *)call->arg;

	if (!(i % 7))
		return pyq_error(call, i + 1, "%d is bad", i);
	if (!(i % 3))
		return i % 2 ? -ENOTTY : pyq_error(call, -ENOTTY, "%d can be divided", i);
	return echo(call);
}

/* proves: pyq_map_get -EREMOTEIO */
TEST_F(pool, failing_items)
{
	char text[64];
	int n[60];
	pyq_map *map;

	number(n, 60);
	begin(.workers = 2);
	for (size_t chunk = 0; chunk < 100; chunk = chunk * 3 + 1) {
		map = NULL;
		EXPECT_EQ(-EREMOTEIO,
			  lib(pyq_pool_map(self->pool, fail_some, ITEMS(n), chunk, &map)));
		ASSERT_NE(NULL, map);
		EXPECT_EQ(60, pyq_map_done(map));
		for (int i = 0; i < 60; i++) {
			const int got = i % 7 && i % 3 ? 4 : i % 7 ? -ENOTTY : -EREMOTEIO;
			const void *data = &data;

			EXPECT_EQ(got, lib(pyq_map_get(map, (size_t)i, &data)));
			EXPECT_EQ(got < 0, !data);
			text[0] = '\0';
			if (!(i % 7))
				snprintf(text, sizeof(text), "%d is bad", i);
			else if (got < 0 && !(i % 2))
				snprintf(text, sizeof(text), "%d can be divided", i);
			EXPECT_STREQ(text, lib(pyq_map_text(map, (size_t)i)));
		}
		EXPECT_EQ(0, pyq_map_free(map));
	}
}

/* 2 fails when the last one, of a higher number, has failed. */
static int fail_late(struct pyq_call *call)
{
	const int i = *(int *)call->arg;

	if (i == 2)
		return pass(&shared->go) ? -EIO : -ETIMEDOUT;
	if (i == 9)
		sem_post(&shared->go);
	return i < 5 ? 0 : -EPERM;
}

TEST_F(pool, first_error)
{
	int n[10];
	pyq_map *map;

	number(n, 10);
	begin(.workers = 2);
	EXPECT_EQ(-EIO, lib(pyq_pool_map(self->pool, fail_late, ITEMS(n), 1, &map)));
	EXPECT_EQ(-EIO, pyq_map_get(map, 2, NULL));
	EXPECT_EQ(-EPERM, pyq_map_get(map, 9, NULL));
	EXPECT_EQ(0, pyq_map_free(map));
}

/* Texts do not take the room of results; of more than there is room for the last ones go. */
static int fail_at_length(struct pyq_call *call)
{
	char text[400];

	if (call->len)
		return echo(call);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	return pyq_error(call, -EIO, "%s", text);
}

TEST_F(pool, texts_without_room)
{
	struct pyq_item each[] = { { 0 }, { 0 }, { 0 }, { "0123456789abcdef", 16 } };
	const struct pyq_items items = { .each = each, .n = 4 };
	const void *data;
	pyq_map *map;

	begin(.workers = 1, .max_message = 64);
	EXPECT_EQ(-EIO, pyq_pool_map(self->pool, fail_at_length, &items, 4, &map));
	for (size_t i = 0; i < 3; i++) {
		EXPECT_EQ(-EIO, pyq_map_get(map, i, NULL));
		EXPECT_EQ(i ? 0 : 255, strlen(pyq_map_text(map, i)));
	}
	EXPECT_EQ(16, pyq_map_get(map, 3, &data));
	EXPECT_EQ(0, memcmp(data, "0123456789abcdef", 16));
	EXPECT_EQ(0, pyq_map_free(map));
}

/* In one message with more than a page of texts. */
TEST_F(pool, many_texts)
{
	static int n[NUMBERS];
	char text[64];
	pyq_map *map;

	for (int i = 0; i < NUMBERS; i++)
		n[i] = -1 - i;
	begin(.workers = 1);
	EXPECT_EQ(-1, pyq_pool_map(self->pool, fail, ITEMS(n), NUMBERS, &map));
	for (int i = 0; i < NUMBERS; i++) {
		snprintf(text, sizeof(text), "failed by %d", n[i]);
		EXPECT_EQ(n[i], pyq_map_get(map, (size_t)i, NULL));
		EXPECT_STREQ(text, pyq_map_text(map, (size_t)i));
	}
	EXPECT_EQ(0, pyq_map_free(map));
}

/* From the first one on there is no memory in the worker: not even for so many outcomes. */
static int use_up_memory(struct pyq_call *call)
{
	const struct rlimit little = { 4096, RLIM_INFINITY };

	if (*(int *)call->arg)
		return 0;
	if (setrlimit(RLIMIT_AS, &little))
		return 1;
	for (size_t size = 1 << 20; size; size /= 2)
		while (malloc(size))
			;
	return 0;
}

TEST_F(pool, no_memory_for_outcomes)
{
	static int n[NUMBERS];
	pyq_map *map;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	SKIP(return, "sanitizers need memory");
#endif
	NOT_WITH_THREADS("the limit is the program's");
	number(n, NUMBERS);
	begin(.workers = 1);
	EXPECT_EQ(-ENOMSG, pyq_pool_map(self->pool, use_up_memory, ITEMS(n), NUMBERS, &map));
	for (size_t i = 0; i < NUMBERS; i++) {
		EXPECT_EQ(-ENOMSG, pyq_map_get(map, i, NULL));
		EXPECT_STREQ("no memory for the result", pyq_map_text(map, i));
	}
	EXPECT_EQ(0, wait_stat(true).died);
	EXPECT_EQ(0, pyq_map_free(map));
}

/* --- workers that die ---------------------------------------------------------------------- */

/* Number 5 kills its worker, at its first runs. */
static int die_at_5(struct pyq_call *call)
{
	const int i = *(int *)call->arg;

	count(&shared->runs_of[i]);
	if (i == 5 && call->attempt <= (uint32_t)load(&shared->bad)) {
		__atomic_store_n(&shared->pid, getpid(), __ATOMIC_SEQ_CST);
		raise(SIGKILL);
	}
	return echo(call);
}

/* proves: pyq_map_get -EOWNERDEAD */
TEST_F(pool, lost_items)
{
	char text[64];
	int n[12];
	pyq_map *map;

	NOT_WITH_THREADS("they do not die alone");
	number(n, 12);
	shared->bad = 1;
	begin(.workers = 2);
	EXPECT_EQ(-EOWNERDEAD, lib(pyq_pool_map(self->pool, die_at_5, ITEMS(n), 4, &map)));
	snprintf(text, sizeof(text), "worker %d was killed by SIGKILL", shared->pid);
	for (int i = 0; i < 12; i++) {
		const bool lost = i / 4 == 1;

		EXPECT_EQ(lost ? -EOWNERDEAD : 4, lib(pyq_map_get(map, (size_t)i, NULL)));
		EXPECT_STREQ(lost ? text : "", lib(pyq_map_text(map, (size_t)i)));
		EXPECT_EQ(i != 6 && i != 7, load(&shared->runs_of[i]));
	}
	EXPECT_EQ(4, wait_stat(st.died == 1).failed);
	EXPECT_EQ(0, pyq_map_free(map));
}

/* All of the chunk again, and only these; as often as may be. */
TEST_F(pool, lost_items_again)
{
	int n[12];
	pyq_map *map;

	NOT_WITH_THREADS("they do not die alone");
	number(n, 12);
	begin(.workers = 2, .max_retries = 2);
	for (int deaths = 1; deaths <= 3; deaths++) {
		const int err = deaths == 3 ? -EOWNERDEAD : 0;

		__atomic_store_n(&shared->bad, deaths, __ATOMIC_SEQ_CST);
		memset(shared->runs_of, 0, sizeof(shared->runs_of));
		EXPECT_EQ(err, lib(pyq_pool_map(self->pool, die_at_5, ITEMS(n), 4, &map)));
		for (int i = 0; i < 12; i++) {
			const int sent = err ? 3 : deaths + 1;

			EXPECT_EQ(i / 4 == 1 && err ? err : 4, pyq_map_get(map, (size_t)i, NULL));
			EXPECT_EQ(i / 4 != 1 ? 1 :
				  i < 6	     ? sent :
					       sent - deaths,
				  load(&shared->runs_of[i]));
		}
		EXPECT_EQ(0, pyq_map_free(map));
	}
	EXPECT_EQ(5, wait_stat(st.died == 6).retried);
}

/* The pool's timeout is a chunk's. */
/* proves: pyq_map_get -ETIME */
TEST_F(pool, items_that_take_too_long)
{
	int n[3] = { 0 };
	pyq_map *map;

	NOT_WITH_THREADS("there is no timeout");
	begin(.workers = 1, .timeout = PYQ_MILLISECONDS(50), .max_retries = 3);
	EXPECT_EQ(-ETIME, lib(pyq_pool_map(self->pool, gate, ITEMS(n), 3, &map)));
	for (size_t i = 0; i < 3; i++) {
		EXPECT_EQ(-ETIME, lib(pyq_map_get(map, i, NULL)));
		EXPECT_STREQ("it ran for too long", pyq_map_text(map, i));
	}
	EXPECT_EQ(1, load(&shared->runs));
	EXPECT_EQ(0, pyq_map_free(map));
}

/* --- early ends ----------------------------------------------------------------------------- */

/* What has been sent is waited for, the rest is not run; then the arguments are the caller's. */
TEST_F(pool, freed_while_it_runs)
{
	int n[50];
	pyq_map *map;

	number(n, 50);
	begin(.workers = 1, .queue_size = 2);
	map = map_all(gate, ITEMS(n), 3);
	ASSERT_TRUE(pass(&shared->begun));
	for (int i = 0; i < 6; i++)
		sem_post(&shared->go);
	/* Nobody but this thread does the pool's work: two chunks have been sent. */
	EXPECT_EQ(0, lib(pyq_map_free(map)));
	memset(n, 0xff, sizeof(n));
	EXPECT_EQ(6, load(&shared->runs));
	EXPECT_EQ(44, wait_stat(true).failed);
	EXPECT_EQ(6, wait_stat(true).done);
	EXPECT_EQ(0, finish(start(nothing)));
}

/* One of which nothing has been sent, behind another; and the pool ends after that. */
TEST_F(pool, freed_before_it_runs)
{
	pyq_map *first, *map;
	int n[4] = { 0 };

	begin(.workers = 1, .queue_size = 1);
	first = map_all(gate, ITEMS(n), 4);
	map = map_all(counted, ITEMS(n), 1);
	EXPECT_EQ(0, lib(pyq_pool_close(self->pool)));
	EXPECT_EQ(0, lib(pyq_map_free(map)));
	for (int i = 0; i < 4; i++)
		sem_post(&shared->go);
	EXPECT_EQ(0, lib(pyq_map_free(first)));
	EXPECT_EQ(0, lib(pyq_pool_join(self->pool, LONG)));
	EXPECT_EQ(4, load(&shared->runs));
}

/* What has been begun is done to its end. */
TEST_F(pool, closed_meanwhile)
{
	int n[50];
	pyq_map *map;

	number(n, 50);
	begin(.workers = 2, .queue_size = 2);
	map = map_all(counted, ITEMS(n), 1);
	EXPECT_EQ(0, pyq_pool_close(self->pool));
	EXPECT_EQ(0, pyq_pool_join(self->pool, LONG));
	EXPECT_EQ(50, pyq_map_done(map));
	EXPECT_EQ(0, pyq_pool_destroy(self->pool));
	self->pool = NULL;
	/* It outlives its pool. */
	for (size_t at, i = 0; i < 50; i++) {
		EXPECT_EQ(1, lib(pyq_map_next(map, 0, LONG, &at)));
		EXPECT_EQ((int)i, int_of(map, i));
		EXPECT_EQ(1, load(&shared->runs_of[i]));
	}
	EXPECT_EQ(0, lib(pyq_map_wait(map, LONG)));
	EXPECT_EQ(0, lib(pyq_map_free(map)));
}

/* proves: pyq_map_get -ECANCELED */
TEST_F(pool, terminated_meanwhile)
{
	int n[50];
	pyq_map *map, *behind;
	size_t at;

	number(n, 50);
	begin(.workers = 2, .queue_size = 3);
	map = map_all(gate, ITEMS(n), 1);
	behind = map_all(gate, ITEMS(n), 1);
	ASSERT_TRUE(pass(&shared->begun));
	EXPECT_EQ(0, pyq_pool_terminate(self->pool));
	EXPECT_EQ(50, pyq_map_done(map));
	for (size_t i = 0; i < 50; i++) {
		EXPECT_EQ(-ECANCELED, lib(pyq_map_get(map, i, NULL)));
		EXPECT_EQ(-ECANCELED, lib(pyq_map_get(behind, i, NULL)));
		EXPECT_STREQ("the pool has been terminated", lib(pyq_map_text(map, i)));
		EXPECT_STREQ("the pool has been terminated", lib(pyq_map_text(behind, i)));
		EXPECT_EQ(1, lib(pyq_map_next(map, 0, PYQ_NOWAIT, &at)));
		EXPECT_EQ(i, at);
	}
	EXPECT_EQ(0, pyq_map_free(map));
	EXPECT_EQ(0, pyq_map_free(behind));
}

static int initialize_badly(void *arg)
{
	(void)arg;
	count(&shared->initialized);
	return pass(&shared->first) ? 3 : 4;
}

/* proves: pyq_pool_map_async -EOWNERDEAD, pyq_pool_map -EOWNERDEAD */
TEST_F(pool, broken_meanwhile)
{
	pyq_map *map, *none = (pyq_map *)1;
	int n[50] = { 0 };

	begin(.workers = 1, .queue_size = 2, .initializer = initialize_badly);
	map = map_all(nothing, ITEMS(n), 1);
	for (int i = 0; i < 1000; i++)
		sem_post(&shared->first);
	EXPECT_EQ(0, lib(pyq_map_wait(map, LONG)));
	ASSERT_NE(NULL, pyq_pool_broken(self->pool));
	for (size_t i = 0; i < 50; i++) {
		EXPECT_EQ(-EOWNERDEAD, pyq_map_get(map, i, NULL));
		EXPECT_STREQ(pyq_pool_broken(self->pool), pyq_map_text(map, i));
	}
	EXPECT_EQ(-EOWNERDEAD, lib(pyq_pool_map_async(self->pool, nothing, ITEMS(n), 1, &none)));
	EXPECT_EQ(NULL, none);
	EXPECT_EQ(-EOWNERDEAD, lib(pyq_pool_map(self->pool, nothing, ITEMS(n), 1, &none)));
	EXPECT_EQ(NULL, none);
	EXPECT_EQ(0, pyq_map_free(map));
}

TEST_HARNESS_MAIN
