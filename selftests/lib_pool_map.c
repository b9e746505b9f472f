// SPDX-License-Identifier: GPL-2.0
/* One function, many arguments: pyq_pool_map() and all that is about a pyq_map. */
#include "lib_pool_map.h"

/* --- what it is for ------------------------------------------------------------------ */

TEST_F(pool, map)
{
	const void *data;
	pyq_map *map;
	int n[100];
	size_t at;

	number(n, 100);
	begin(.workers = 2);
	ASSERT_EQ(0, lib(pyq_pool_map(self->pool, square, ITEMS(n), 0, &map)));
	EXPECT_EQ(100, lib(pyq_map_done(map)));
	for (size_t i = 0; i < 100; i++) {
		EXPECT_EQ(4, lib(pyq_map_get(map, i, &data)));
		EXPECT_EQ(0, (uintptr_t)data % 16);
		EXPECT_EQ((int)(i * i), *(const int *)data);
		EXPECT_EQ(4, lib(pyq_map_get(map, i, NULL)));
		EXPECT_STREQ("", lib(pyq_map_text(map, i)));
		EXPECT_EQ(1, lib(pyq_map_next(map, 0, PYQ_NOWAIT, &at)));
		EXPECT_EQ(i, at);
	}
	EXPECT_EQ(0, lib(pyq_map_next(map, 0, PYQ_NOWAIT, &at)));
	EXPECT_EQ(0, lib(pyq_map_next(map, 0, PYQ_FOREVER, &at)));
	EXPECT_EQ(0, lib(pyq_map_wait(map, PYQ_NOWAIT)));
	EXPECT_EQ(0, lib(pyq_map_free(map)));
	EXPECT_EQ(0, lib(pyq_map_free(NULL)));
}

/* proves: pyq_map_wait -EAGAIN, pyq_map_wait -ETIMEDOUT, pyq_map_wait -EINVAL, pyq_map_get -EAGAIN, pyq_map_get -EINVAL */
TEST_F(pool, map_async)
{
	const void *data = &data;
	int n[3] = { 7, 8, 9 };
	pyq_map *map;

	begin(.workers = 1);
	map = map_all(gate, ITEMS(n), 0);
	ASSERT_TRUE(pass(&shared->begun));
	EXPECT_EQ(0, lib(pyq_map_done(map)));
	EXPECT_EQ(-EAGAIN, lib(pyq_map_wait(map, PYQ_NOWAIT)));
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_map_wait(map, PYQ_MILLISECONDS(5))));
	EXPECT_EQ(-EINVAL, lib(pyq_map_wait(map, -2)));
	EXPECT_EQ(-EAGAIN, lib(pyq_map_get(map, 2, &data)));
	EXPECT_EQ(NULL, data);
	EXPECT_STREQ("", lib(pyq_map_text(map, 2)));
	for (int i = 0; i < 3; i++)
		sem_post(&shared->go);
	EXPECT_EQ(0, lib(pyq_map_wait(map, LONG)));
	EXPECT_EQ(-EINVAL, lib(pyq_map_wait(map, -2)));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(7 + i, int_of(map, (size_t)i));
	data = &data;
	EXPECT_EQ(-EINVAL, lib(pyq_map_get(map, 3, &data)));
	EXPECT_EQ(NULL, data);
	EXPECT_EQ(-EINVAL, lib(pyq_map_get(map, SIZE_MAX, NULL)));
	EXPECT_STREQ("", lib(pyq_map_text(map, 3)));
	EXPECT_STREQ("", lib(pyq_map_text(map, SIZE_MAX)));
	EXPECT_EQ(0, pyq_map_free(map));
}

/* Each argument has a size of its own, and is aligned. */
static int echo_aligned(struct pyq_call *call)
{
	return (uintptr_t)call->arg % 16 ? 1 : echo(call);
}

TEST_F(pool, starmap)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 100, 0, 4095, 4096, 70000 };
	static char bytes[70000];
	struct pyq_item each[10];
	const struct pyq_items items = { .each = each, .n = 10 };
	const void *data;
	pyq_map *map;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7 + i / 251);
	for (int i = 0; i < 10; i++)
		each[i] = (struct pyq_item){ sizes[i] ? bytes + i : NULL, sizes[i] - (i == 9) * 9 };
	begin(.workers = 2);
	for (size_t chunk = 0; chunk < 5; chunk++) {
		ASSERT_EQ(0, lib(pyq_pool_map(self->pool, echo_aligned, &items, chunk, &map)));
		for (size_t i = 0; i < 10; i++) {
			EXPECT_EQ((ssize_t)each[i].len, lib(pyq_map_get(map, i, &data)));
			EXPECT_EQ(!each[i].len, !data);
			if (data) {
				EXPECT_EQ(0, memcmp(data, each[i].data, each[i].len));
				EXPECT_EQ(0, (uintptr_t)data % 16);
			}
		}
		EXPECT_EQ(0, pyq_map_free(map));
	}
}

TEST_F(pool, no_items)
{
	const struct pyq_items none = { .n = 0 };
	pyq_map *map;
	size_t i;

	begin(.workers = 1);
	for (size_t chunk = 0; chunk < 3; chunk++) {
		ASSERT_EQ(0, lib(pyq_pool_map(self->pool, square, &none, chunk, &map)));
		EXPECT_EQ(0, lib(pyq_map_done(map)));
		EXPECT_EQ(0, lib(pyq_map_next(map, 0, LONG, &i)));
		EXPECT_EQ(0, lib(pyq_map_next(map, PYQ_MAP_UNORDERED, LONG, &i)));
		EXPECT_EQ(0, lib(pyq_map_wait(map, PYQ_NOWAIT)));
		EXPECT_EQ(-EINVAL, lib(pyq_map_get(map, 0, NULL)));
		EXPECT_STREQ("", lib(pyq_map_text(map, 0)));
		EXPECT_EQ(0, lib(pyq_map_free(map)));
	}
	EXPECT_EQ(0, wait_stat(true).submitted);
	EXPECT_EQ(0, finish(start(nothing)));
}

/* --- in which order --------------------------------------------------------------------- */

/* Number 0 waits, the others do not. */
static int gate_of_first(struct pyq_call *call)
{
	return *(int *)call->arg ? echo(call) : gate(call);
}

/* proves: pyq_map_next -EAGAIN, pyq_map_next -ETIMEDOUT, pyq_map_next -EINVAL, pyq_map_next -EOPNOTSUPP */
TEST_F(pool, imap)
{
	size_t i = 4711;
	pyq_map *map;
	int n[20];

	number(n, 20);
	begin(.workers = 2);
	map = map_all(gate_of_first, ITEMS(n), 1);
	wait_stat(st.done == 19);
	EXPECT_EQ(19, lib(pyq_map_done(map)));
	EXPECT_EQ(-EAGAIN, lib(pyq_map_next(map, 0, PYQ_NOWAIT, &i)));
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_map_next(map, 0, PYQ_MILLISECONDS(5), &i)));
	EXPECT_EQ(-EINVAL, lib(pyq_map_next(map, 0, -2, &i)));
	EXPECT_EQ(-EOPNOTSUPP, lib(pyq_map_next(map, 2, LONG, &i)));
	EXPECT_EQ(-EOPNOTSUPP, lib(pyq_map_next(map, ~0U, LONG, &i)));
	EXPECT_EQ(4711, i);
	sem_post(&shared->go);
	for (size_t next = 0; next < 20; next++) {
		EXPECT_EQ(1, lib(pyq_map_next(map, 0, LONG, &i)));
		EXPECT_EQ(next, i);
		EXPECT_EQ((int)next, int_of(map, next));
	}
	EXPECT_EQ(0, lib(pyq_map_next(map, 0, LONG, &i)));
	EXPECT_EQ(0, pyq_map_free(map));
}

TEST_F(pool, imap_unordered)
{
	bool seen[20] = { false };
	size_t i = 0;
	pyq_map *map;
	int n[20];

	number(n, 20);
	begin(.workers = 2);
	map = map_all(gate_of_first, ITEMS(n), 1);
	for (int next = 1; next < 20; next++) {
		ASSERT_EQ(1, lib(pyq_map_next(map, PYQ_MAP_UNORDERED, LONG, &i)));
		ASSERT_TRUE(i && i < 20 && !seen[i]);
		seen[i] = true;
		EXPECT_EQ((int)i, int_of(map, i));
	}
	EXPECT_EQ(-EAGAIN, lib(pyq_map_next(map, PYQ_MAP_UNORDERED, PYQ_NOWAIT, &i)));
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_map_next(map, PYQ_MAP_UNORDERED, 1, &i)));
	sem_post(&shared->go);
	EXPECT_EQ(1, lib(pyq_map_next(map, PYQ_MAP_UNORDERED, LONG, &i)));
	EXPECT_EQ(0, i);
	EXPECT_EQ(0, lib(pyq_map_next(map, PYQ_MAP_UNORDERED, LONG, &i)));
	EXPECT_EQ(0, pyq_map_free(map));
}

/* What has ended counts, no more and no less. */
TEST_F(pool, progress)
{
	int n[6];
	pyq_map *map;
	size_t at;

	number(n, 6);
	begin(.workers = 1);
	map = map_all(gate, ITEMS(n), 2);
	for (size_t i = 0; i < 6; i++) {
		ASSERT_TRUE(pass(&shared->begun));
		/* Two have been run and are known; a third may run. */
		EXPECT_EQ(i / 2 * 2, lib(pyq_map_done(map)));
		sem_post(&shared->go);
		if (i % 2) {
			EXPECT_EQ(1, lib(pyq_map_next(map, 0, LONG, &at)));
			EXPECT_EQ(i - 1, at);
			EXPECT_EQ(1, lib(pyq_map_next(map, 0, PYQ_NOWAIT, &at)));
			EXPECT_EQ(i, at);
		}
	}
	EXPECT_EQ(6, lib(pyq_map_done(map)));
	EXPECT_EQ(0, pyq_map_free(map));
}

/*
 * Nobody waits, somebody looks again and again: whether what waits for news takes one, or who
 * looks, none is lost.
 */
TEST_F(pool, looked_after)
{
	static int n[NUMBERS];
	pyq_map *map;

	number(n, NUMBERS);
	begin(.workers = 2);
	for (int round = 1; round <= 5; round++) {
		map = map_all(counted, ITEMS(n), 1);
		wait_stat(st.done == (uint64_t)round * NUMBERS);
		ASSERT_EQ(NUMBERS, pyq_map_done(map));
		for (int i = 0; i < NUMBERS; i++)
			EXPECT_EQ(round, load(&shared->runs_of[i]));
		EXPECT_EQ(0, pyq_map_free(map));
	}
}

/* --- chunks -------------------------------------------------------------------------------- */

/* One that waits, in a chunk with those behind it: so many chunks run at once. */
TEST_F(pool, chunks)
{
	static const struct {
		size_t chunk;
		int at_once; /* of 12 arguments, for two workers */
	} all[] = { { 0, 2 }, { 1, 2 }, { 6, 2 }, { 11, 2 }, { 12, 1 }, { 13, 1 }, { SIZE_MAX, 1 } };
	pyq_map *map;
	int n[12];

	number(n, 12);
	begin(.workers = 2);
	for (int k = 0; k < 7; k++) {
		int runs = load(&shared->runs);

		map = map_all(gate, ITEMS(n), all[k].chunk);
		for (int i = 0; i < all[k].at_once; i++)
			ASSERT_TRUE(pass(&shared->begun));
		EXPECT_EQ(runs + all[k].at_once, load(&shared->runs));
		for (int i = 0; i < 12; i++)
			sem_post(&shared->go);
		EXPECT_EQ(0, lib(pyq_map_wait(map, LONG)));
		for (int i = all[k].at_once; i < 12; i++)
			ASSERT_TRUE(pass(&shared->begun));
		for (int i = 0; i < 12; i++)
			EXPECT_EQ(i, int_of(map, (size_t)i));
		EXPECT_EQ(runs + 12, load(&shared->runs));
		EXPECT_EQ(0, pyq_map_free(map));
	}
}

/* One worker runs them in their order, each once. */
TEST_F(pool, order_within_chunks)
{
	pyq_map *map;
	int n[100];

	number(n, 100);
	begin(.workers = 1);
	ASSERT_EQ(0, pyq_pool_map(self->pool, counted, ITEMS(n), 7, &map));
	EXPECT_EQ(100, load(&shared->runs));
	for (int i = 0; i < 100; i++) {
		EXPECT_EQ(i, load(&shared->order[i]));
		EXPECT_EQ(1, load(&shared->runs_of[i]));
	}
	EXPECT_EQ(0, pyq_map_free(map));
}

/* A chunk of which a message has no room for all: fewer go at once. */
TEST_F(pool, chunks_that_do_not_fit)
{
	static const size_t most[] = { 1, 15, 16, 17, 100, 240 };
	char bytes[20 * 240];
	const void *data;
	pyq_map *map;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i + i / 251);
	for (int k = 0; k < 6; k++) {
		begin(.workers = 2, .max_message = most[k]);
		for (size_t size = most[k]; size + 3 > most[k] && size + 1 > 0; size--) {
			const struct pyq_items items = { .base = bytes, .size = size, .n = 20 };

			ASSERT_EQ(0, lib(pyq_pool_map(self->pool, echo_aligned, &items, 20, &map)));
			for (size_t i = 0; i < 20; i++) {
				EXPECT_EQ((ssize_t)size, pyq_map_get(map, i, &data));
				if (size)
					EXPECT_EQ(0, memcmp(data, bytes + i * size, size));
			}
			EXPECT_EQ(0, pyq_map_free(map));
		}
		EXPECT_EQ(0, pyq_pool_destroy(self->pool));
		self->pool = NULL;
	}
}

/* --- how much ------------------------------------------------------------------------------ */

/* Far more than tasks that can be under way: these are bounded. */
TEST_F(pool, more_items_than_queue_size)
{
	const struct pyq_task task = { .function = nothing };
	static int n[NUMBERS];
	pyq_map *map, *behind;
	pyq_result *r;
	int had_room;

	number(n, NUMBERS);
	begin(.workers = 2, .queue_size = 4);
	r = start(gate);
	map = map_all(counted, ITEMS(n), 1);
	behind = map_all(square, ITEMS(n), 100);
	/* While it looks one may come to its end: then that room is not the maps'. */
	had_room = !lib(pyq_pool_apply_async(self->pool, &task, PYQ_NOWAIT, NULL));
	EXPECT_EQ(2 * NUMBERS + 1 + had_room, (int)wait_stat(true).submitted);
	/* With one of the four places taken by what waits. */
	EXPECT_EQ(0, lib(pyq_map_wait(behind, LONG)));
	EXPECT_EQ(NUMBERS, pyq_map_done(map)) TH_LOG("sent before the other");
	for (int i = 0; i < NUMBERS; i++) {
		EXPECT_EQ(1, load(&shared->runs_of[i]));
		EXPECT_EQ(i, int_of(map, (size_t)i));
		EXPECT_EQ(i * i, int_of(behind, (size_t)i));
	}
	EXPECT_EQ(-EAGAIN, pyq_result_get(r, NULL, 0, PYQ_NOWAIT));
	sem_post(&shared->go);
	EXPECT_EQ(0, finish(r));
	EXPECT_EQ(0, pyq_map_free(map));
	EXPECT_EQ(0, pyq_map_free(behind));
}

TEST_F(pool, empty_results)
{
	const void *data;
	int n[50] = { 0 };
	pyq_map *map;

	begin(.workers = 2);
	for (size_t chunk = 0; chunk < 2; chunk++) {
		ASSERT_EQ(0, lib(pyq_pool_map(self->pool, nothing, ITEMS(n), chunk, &map)));
		for (size_t i = 0; i < 50; i++) {
			data = &data;
			EXPECT_EQ(0, lib(pyq_map_get(map, i, &data)));
			EXPECT_EQ(NULL, data);
			EXPECT_STREQ("", pyq_map_text(map, i));
		}
		EXPECT_EQ(0, pyq_map_free(map));
	}
}

static int big(struct pyq_call *call)
{
	static const char bytes[900000] = { [0] = 'b', [899999] = 'e' };

	(void)call;
	return pyq_return(call, bytes, sizeof(bytes));
}

/* More bytes than the queue of results holds at once. */
TEST_F(pool, big_results)
{
	int n[100] = { 0 };
	const char *bytes;
	pyq_map *map;

	begin(.workers = 2);
	ASSERT_EQ(0, lib(pyq_pool_map(self->pool, big, ITEMS(n), 1, &map)));
	for (size_t i = 0; i < 100; i++) {
		EXPECT_EQ(900000, lib(pyq_map_get(map, i, (const void **)&bytes)));
		EXPECT_EQ('b', bytes[0]);
		EXPECT_EQ('e', bytes[899999]);
	}
	EXPECT_EQ(0, pyq_map_free(map));
}

static int big_all_the_same(struct pyq_call *call)
{
	return big(call) == -E2BIG ? 0 : big(call);
}

/*
 * Those of a chunk have max_message together: what comes then has no room. Why is said, whether
 * the function cares or not.
 */
/* proves: pyq_map_get -ENOMSG */
TEST_F(pool, results_of_a_chunk_too_long)
{
	int n[6] = { 0 };
	pyq_map *map;

	begin(.workers = 1);
	for (int cares = 0; cares < 2; cares++) {
		const pyq_function function = cares ? big : big_all_the_same;
		const int error = cares ? -E2BIG : -ENOMSG;

		EXPECT_EQ(error, lib(pyq_pool_map(self->pool, function, ITEMS(n), 3, &map)));
		ASSERT_NE(NULL, map);
		for (size_t i = 0; i < 6; i++) {
			EXPECT_EQ(i % 3 ? error : 900000, lib(pyq_map_get(map, i, NULL)));
			EXPECT_STREQ(i % 3 ? "the result is longer than max_message" : "",
				     lib(pyq_map_text(map, i)));
		}
		EXPECT_EQ(0, pyq_map_free(map));
	}
}

/* --- what cannot be ------------------------------------------------------------------------- */

/* proves: pyq_pool_map_async -EINVAL, pyq_pool_map -EINVAL, pyq_pool_map_async -E2BIG, pyq_pool_map -E2BIG */
/* proves: pyq_pool_map_async -EFAULT, pyq_pool_map -EFAULT, pyq_pool_map_async -ENOMEM, pyq_pool_map -ENOMEM */
TEST_F(pool, bad_maps)
{
	static const char bytes[303];
	const struct pyq_item too_long[] = { { bytes, 100 }, { bytes, 0 }, { bytes, 101 } };
	const struct pyq_item without[] = { { bytes, 100 }, { NULL, 0 }, { NULL, 1 } };
	const struct pyq_items good = { .base = bytes, .size = 1, .n = 3 };

#define refuse(function, ...)                                                \
	({                                                                   \
		const struct pyq_items items_ = { __VA_ARGS__ };             \
		pyq_map *async_ = (pyq_map *)1, *map_ = (pyq_map *)1;        \
		int err_ = lib(pyq_pool_map_async(self->pool, function, &items_, 0, &async_)); \
		EXPECT_EQ(NULL, async_);                                     \
		EXPECT_EQ(err_, lib(pyq_pool_map(self->pool, function, &items_, 0, &map_))); \
		EXPECT_EQ(NULL, map_);                                       \
		err_;                                                        \
	})
	begin(.workers = 1, .max_message = 100);
	EXPECT_EQ(-EINVAL, refuse(NULL, .base = bytes, .size = 1, .n = 3));
	EXPECT_EQ(-EINVAL, refuse(nothing, .n = 1));
	EXPECT_EQ(-EINVAL, refuse(nothing, .size = 1, .n = 1));
	EXPECT_EQ(-EINVAL, refuse(nothing, .each = without, .n = 3));
	EXPECT_EQ(-E2BIG, refuse(nothing, .each = too_long, .n = 3));
	EXPECT_EQ(-E2BIG, refuse(nothing, .base = bytes, .size = 101, .n = 3));
	EXPECT_EQ(-ENOMEM, refuse(nothing, .base = bytes, .size = 0, .n = SIZE_MAX));
	if (!with_threads())
		EXPECT_EQ(-EFAULT, refuse((pyq_function)(uintptr_t)shared, .n = 0));
#undef refuse
	EXPECT_EQ(0, wait_stat(true).submitted);
	EXPECT_EQ(0, pyq_map_free(map_all(nothing, &good, 0)));
}

/* What has come is the child's, too. */
static int read_in_child(const pyq_map *done, pyq_map *map)
{
	if (int_of(done, 1) != 4 || pyq_map_text(done, 1)[0] || pyq_map_done(done) != 2)
		return 1;
	if (pyq_map_wait((pyq_map *)done, LONG) || pyq_map_free((pyq_map *)done))
		return 2;
	if (pyq_map_wait(map, LONG) != -ESTALE || pyq_map_get(map, 0, NULL) != -EAGAIN)
		return 3;
	return pyq_map_free(map);
}

TEST_F(pool, map_in_a_child)
{
	pyq_map *done, *map;
	int n[2] = { 1, 2 };

	begin(.workers = 1);
	ASSERT_EQ(0, pyq_pool_map(self->pool, square, ITEMS(n), 0, &done));
	map = map_all(gate, ITEMS(n), 0);
	EXPECT_EQ(0, exit_status(in_child(read_in_child(done, map))));
	for (int i = 0; i < 2; i++)
		sem_post(&shared->go);
	EXPECT_EQ(0, pyq_map_wait(map, LONG));
	EXPECT_EQ(0, pyq_map_free(map));
	EXPECT_EQ(0, pyq_map_free(done));
}

TEST_HARNESS_MAIN
