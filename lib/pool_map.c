// SPDX-License-Identifier: MIT
/* One function, many arguments: in chunks, each of them a task. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"

/* What one argument takes in a message, beside its bytes: their number, filled up. */
#define HEAD 16

static struct pyq_item item_of(const pyq_map *map, size_t i)
{
	if (!map->items.base)
		return map->items.each[i];
	return (struct pyq_item){
		.data = (const char *)map->items.base + i * map->items.size,
		.len = map->items.size,
	};
}

size_t pyqi_pool_map_pack(const struct pyqi_pool_task *task, char *to, size_t room)
{
	size_t used = 0;

	for (size_t i = task->first; i < task->first + task->n; i++) {
		const struct pyq_item item = item_of(task->map, i);
		const uint64_t len = item.len;

		if (len > room || HEAD + pyqi_pool_filled(len) > room - used)
			return 0;
		memcpy(to + used, &len, sizeof(len));
		if (len)
			memcpy(to + used + HEAD, item.data, len);
		used += HEAD + pyqi_pool_filled(len);
	}
	return used;
}

/* @data: the result; or, with an error, NULL or a text. After the last one the map may be free. */
static void end_one(pyq_map *map, size_t i, int error, const void *data, size_t len)
{
	struct pyqi_pool_slot *slot = &map->slots[i];

	slot->error = error;
	slot->data = data;
	slot->len = len;
	__atomic_store_n(&slot->ready, true, __ATOMIC_RELEASE);
	map->order[map->ended] = i;
	if (error) {
		map->pool->stat.failed++;
		if (!map->first_error || i < map->first_failed) {
			map->first_error = error;
			map->first_failed = i;
		}
	} else {
		map->pool->stat.done++;
	}
	__atomic_store_n(&map->ended, map->ended + 1, __ATOMIC_RELEASE);
}

/* Bytes stay as long as the map. Return: their copy, or NULL. */
static const char *keep(pyq_map *map, const void *bytes, size_t len)
{
	struct pyqi_pool_block *block = malloc(sizeof(*block) + len);

	if (!block)
		return NULL;
	block->next = map->blocks;
	map->blocks = block;
	memcpy(block->bytes, bytes, len);
	return block->bytes;
}

/* The outcome at @at, of which nothing is behind @end. Return: its bytes, or 0: there is none. */
static size_t outcome_size(const char *at, const char *end)
{
	const struct pyqi_pool_outcome *o = (const void *)at;
	size_t left = (size_t)(end - at);

	if (left < sizeof(*o) || o->len > left || pyqi_pool_filled(o->len) > left - sizeof(*o))
		return 0;
	return sizeof(*o) + pyqi_pool_filled(o->len);
}

/* Where the texts are: behind so many outcomes. */
static const char *behind(const char *at, const char *end, size_t n)
{
	while (n--)
		at += outcome_size(at, end);
	return at;
}

/* Return: it, with a 0 behind it, or NULL. */
static const char *text_of(const struct pyqi_pool_outcome *o, const char *at, const char *end)
{
	const size_t left = (size_t)(end - at);

	return o->text < PYQI_POOL_TEXT && pyqi_pool_filled(o->text + 1) <= left && !at[o->text] ?
		       at :
		       NULL;
}

static void end_by_outcomes(pyq_map *map, const struct pyqi_pool_task *task, const char *at,
			    const char *end)
{
	const size_t behind_last = task->first + task->n;
	const char *texts = NULL;

	for (size_t i = task->first; i < behind_last; i++) {
		const struct pyqi_pool_outcome *o = (const void *)at;
		const size_t size = outcome_size(at, end);

		if (!size) {
			end_one(map, i, -ENOMSG, NULL, 0);
		} else if (!o->code) {
			end_one(map, i, 0, o->len ? at + sizeof(*o) : NULL, o->len);
		} else {
			const char *text;

			if (o->text && !texts)
				texts = behind(at, end, behind_last - i);
			text = o->text ? text_of(o, texts, end) : NULL;
			if (text)
				texts += pyqi_pool_filled(o->text + 1);
			end_one(map, i, o->code < 0 ? o->code : -EREMOTEIO, text, 0);
		}
		at += size;
	}
}

void pyqi_pool_map_done(pyq_pool *pool, struct pyqi_pool_task *task, const void *outcomes,
			size_t len, int error, const char *why)
{
	pyq_map *map = task->map;
	const char *bytes = NULL;

	(void)pool;
	map->under_way--;
	if (!error) {
		bytes = keep(map, outcomes, len);
		if (bytes) {
			end_by_outcomes(map, task, bytes, bytes + len);
			return;
		}
		error = -ENOMEM;
		bytes = "no memory for the results";
	} else if (why) {
		bytes = keep(map, why, strlen(why) + 1);
	}
	for (size_t i = task->first, end = i + task->n; i < end; i++)
		end_one(map, i, error, bytes, 0);
}

static void unlist(pyq_pool *pool, pyq_map *map)
{
	pyq_map **at = &pool->maps;

	if (!map->listed)
		return;
	while (*at != map)
		at = &(*at)->following;
	*at = map->following;
	map->listed = false;
}

void pyqi_pool_map_drop(pyq_pool *pool, pyq_map *map, int error, const char *why)
{
	struct pyqi_pool_task rest = {
		.map = map,
		.first = map->sent,
		.n = map->items.n - map->sent,
	};

	if (!rest.n)
		return;
	map->sent = map->items.n;
	map->under_way++;
	pyqi_pool_map_done(pool, &rest, NULL, 0, error, why);
}

/* As many of the next ones as a chunk has, and a message holds; at least one. */
static size_t next_chunk(const pyq_map *map)
{
	const size_t most = map->pool->common.attr.max_message + HEAD + 16;
	size_t n = 0, used = 0;

	while (n < map->chunk && map->sent + n < map->items.n) {
		used += HEAD + pyqi_pool_filled(item_of(map, map->sent + n).len);
		if (n && used > most)
			break;
		n++;
	}
	return n;
}

/* Send the next chunk of it, for which there is room. Return: 0, or its error: it has ended. */
static int send_next(pyq_pool *pool, pyq_map *map)
{
	struct pyqi_pool_task *task = pyqi_pool_task_new(pool);
	int err;

	pool->map_was_last = true;
	task->map = map;
	task->first = map->sent;
	task->n = next_chunk(map);
	task->function = map->function;
	task->timeout = pool->common.attr.timeout;
	task->retries_left = pool->common.attr.max_retries;
	map->sent += task->n;
	map->under_way++;
	/* Before an end: then another thread may free it. */
	if (map->sent == map->items.n)
		unlist(pool, map);
	err = pyqi_pool_send(pool, task);
	if (err) {
		pyqi_pool_map_done(pool, task, NULL, 0, err, "it could not be sent");
		pyqi_pool_task_free(pool, task);
	}
	return err;
}

/* The last room goes in turn to maps and to those who wait for it. */
static bool has_room(const pyq_pool *pool)
{
	if (!pool->free)
		return false;
	return !pool->waiters || !pool->map_was_last || pool->tasks[pool->free - 1].next_free;
}

bool pyqi_pool_map_follow(pyq_pool *pool)
{
	bool failed = false;

	while (pool->maps && has_room(pool))
		failed |= send_next(pool, pool->maps) != 0;
	return failed;
}

static void free_map(pyq_map *map)
{
	while (map->blocks) {
		struct pyqi_pool_block *block = map->blocks;

		map->blocks = block->next;
		free(block);
	}
	free(map->slots);
	free(map->order);
	free(map);
}

static int check(const pyq_map *map)
{
	for (size_t i = 0; i < map->items.n; i++) {
		const struct pyq_item item = item_of(map, i);

		if (item.len > map->pool->common.attr.max_message)
			return -E2BIG;
		if (item.len && !item.data)
			return -EINVAL;
	}
	return 0;
}

/* Under the lock: behind those that came before. */
static void begin(pyq_pool *pool, pyq_map *map)
{
	pyq_map **last = &pool->maps;

	while (*last)
		last = &(*last)->following;
	if (map->items.n) {
		*last = map;
		map->listed = true;
	}
	pool->stat.submitted += map->items.n;
	pyqi_pool_map_follow(pool);
}

/* As in Python: four chunks for each worker. */
static size_t chunk_for(const pyq_pool *pool, size_t n)
{
	const size_t target = __atomic_load_n(&pool->common.table->target, __ATOMIC_RELAXED);
	const size_t parts = (target ? target : 1) * 4;

	return n ? (n + parts - 1) / parts : 1;
}

int pyq_pool_map_async(pyq_pool *pool, pyq_function function, const struct pyq_items *items,
		       size_t chunk, pyq_map **out)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	pyq_map *map;
	int err = pyqi_pool_takes(pool, function);

	*out = NULL;
	if (err)
		return err;
	if (items->n && !items->base && !items->each)
		return -EINVAL;
	/* More than there can be: one more is added below. */
	if (items->n > SIZE_MAX / sizeof(*map->slots))
		return -ENOMEM;
	map = calloc(1, sizeof(*map));
	if (!map)
		return -ENOMEM;
	map->pool = pool;
	map->generation = pool->generation;
	map->function = function;
	map->items = *items;
	map->chunk = chunk ? chunk : chunk_for(pool, items->n);
	map->slots = calloc(items->n + 1, sizeof(*map->slots));
	map->order = calloc(items->n + 1, sizeof(*map->order));
	err = map->slots && map->order ? check(map) : -ENOMEM;
	pthread_mutex_lock(&pool->lock);
	/* Meanwhile it may have been closed. */
	if (!err)
		err = pyqi_pool_check_open(pool);
	if (!err)
		begin(pool, map);
	pthread_mutex_unlock(&pool->lock);
	if (err)
		free_map(map);
	else
		*out = map;
	return err;
}

static bool all_have_ended(pyq_pool *pool, const void *arg)
{
	const pyq_map *map = arg;

	(void)pool;
	return map->ended == map->items.n;
}

int pyq_map_wait(pyq_map *map, int64_t timeout)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;

	if (timeout < PYQ_FOREVER)
		return -EINVAL;
	if (pyq_map_done(map) == map->items.n)
		return 0;
	if (!pyqi_generation_is(map->generation))
		return -ESTALE;
	return pyqi_pool_wait(map->pool, all_have_ended, map, timeout);
}

int pyq_pool_map(pyq_pool *pool, pyq_function function, const struct pyq_items *items, size_t chunk,
		 pyq_map **map)
{
	int err;

	*map = NULL;
	/* Before anything is sent: what could not be waited for would be nobody's. */
	if (pyqi_pool_is_led_by_me(pool))
		return -EDEADLK;
	err = pyq_pool_map_async(pool, function, items, chunk, map);
	if (err)
		return err;
	/* Nothing ends that but the end of all, to which a pool comes that breaks as well. */
	pyq_map_wait(*map, PYQ_FOREVER);
	return (*map)->first_error;
}

ssize_t pyq_map_get(const pyq_map *map, size_t i, const void **data)
{
	const struct pyqi_pool_slot *slot = i < map->items.n ? &map->slots[i] : NULL;

	if (data)
		*data = NULL;
	if (!slot)
		return -EINVAL;
	if (!__atomic_load_n(&slot->ready, __ATOMIC_ACQUIRE))
		return -EAGAIN;
	if (slot->error)
		return slot->error;
	if (data)
		*data = slot->data;
	return (ssize_t)slot->len;
}

const char *pyq_map_text(const pyq_map *map, size_t i)
{
	const struct pyqi_pool_slot *slot = i < map->items.n ? &map->slots[i] : NULL;

	if (!slot || !__atomic_load_n(&slot->ready, __ATOMIC_ACQUIRE) || !slot->error)
		return "";
	return slot->data ? slot->data : "";
}

/* Or another thread has the last one. */
static bool next_has_ended(pyq_pool *pool, const void *arg)
{
	const pyq_map *map = arg;
	const size_t next = __atomic_load_n(&map->next, __ATOMIC_RELAXED);

	(void)pool;
	return next == map->items.n || __atomic_load_n(&map->slots[next].ready, __ATOMIC_ACQUIRE);
}

static bool another_has_ended(pyq_pool *pool, const void *arg)
{
	const pyq_map *map = arg;
	const size_t next = __atomic_load_n(&map->next, __ATOMIC_RELAXED);

	(void)pool;
	return next == map->items.n || pyq_map_done(map) > next;
}

int pyq_map_next(pyq_map *map, unsigned int flags, int64_t timeout, size_t *i)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	bool (*const ended)(pyq_pool *, const void *) =
		flags & PYQ_MAP_UNORDERED ? another_has_ended : next_has_ended;
	uint64_t deadline;
	size_t next;
	int err;

	if (flags & ~PYQ_MAP_UNORDERED)
		return -EOPNOTSUPP;
	if (timeout < PYQ_FOREVER)
		return -EINVAL;
	err = pyqi_deadline(timeout, &deadline);
	if (err)
		return err;
	do {
		/* All have ended: then the pool may be gone. */
		if (!ended(NULL, map)) {
			if (!pyqi_generation_is(map->generation))
				return -ESTALE;
			err = pyqi_pool_wait_until(map->pool, ended, map, deadline);
			if (err)
				return err;
		}
		next = __atomic_load_n(&map->next, __ATOMIC_RELAXED);
		if (next == map->items.n)
			return 0;
		/* Another thread may have been quicker, and then it is about the one after it. */
	} while (!ended(NULL, map) ||
		 !__atomic_compare_exchange_n(&map->next, &next, next + 1, false, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	*i = flags & PYQ_MAP_UNORDERED ? map->order[next] : next;
	return 1;
}

size_t pyq_map_done(const pyq_map *map)
{
	return __atomic_load_n(&map->ended, __ATOMIC_ACQUIRE);
}

static bool nothing_under_way(pyq_pool *pool, const void *arg)
{
	const pyq_map *map = arg;

	(void)pool;
	return !map->under_way;
}

int pyq_map_free(pyq_map *map)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	pyq_pool *pool;
	int err;

	if (!map)
		return 0;
	/* All have ended: then the pool may be gone. */
	if (pyq_map_done(map) < map->items.n && pyqi_generation_is(map->generation)) {
		pool = map->pool;
		pthread_mutex_lock(&pool->lock);
		unlist(pool, map);
		pyqi_pool_map_drop(pool, map, -ECANCELED, NULL);
		/* That may have been the last; and behind the wait the pool may be gone. */
		pyqi_pool_end_if_over(pool);
		pthread_mutex_unlock(&pool->lock);
		err = pyqi_pool_wait(pool, nothing_under_way, map, PYQ_FOREVER);
		if (err)
			return err;
	}
	free_map(map);
	return 0;
}
