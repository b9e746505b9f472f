// SPDX-License-Identifier: MIT
/* The queues on which operations wait. */
#include <stdlib.h>

#include "aio.h"
#include "attempt.h"
#include "deadline.h"
#include "owner.h"
#include "sleep.h"

/* How often to look who has died or been stopped, in nanoseconds. */
#ifndef PYQI_AIO_SLICE
#define PYQI_AIO_SLICE 100000000
#endif

static struct pyqi_aio_source **chain(const pyq_aio *aio, uint64_t serial)
{
	return &aio->chains[serial & aio->chain_mask];
}

static struct pyqi_aio_source *find(const pyq_aio *aio, uint64_t serial)
{
	struct pyqi_aio_source *source = *chain(aio, serial);

	while (source && source->serial != serial)
		source = source->next;
	return source;
}

static struct pyqi_aio_side *side_of(struct pyqi_aio_source *source, unsigned int access)
{
	return &source->sides[access == PYQ_READ];
}

struct pyqi_aio_side *pyqi_aio_find(const pyq_aio *aio, const pyq_queue *q, unsigned int access)
{
	return pyqi_aio_find_by(aio, q->serial, access);
}

struct pyqi_aio_side *pyqi_aio_find_by(const pyq_aio *aio, uint64_t serial, unsigned int access)
{
	struct pyqi_aio_source *source = find(aio, serial);

	return source ? side_of(source, access) : NULL;
}

struct pyqi_aio_side *pyqi_aio_side(pyq_aio *aio, pyq_queue *q, unsigned int access)
{
	struct pyqi_aio_source *source = find(aio, q->serial), **head = chain(aio, q->serial);

	if (!source) {
		PYQI_KEEP_ERRNO;

		source = calloc(1, sizeof(*source));
		if (!source)
			return NULL;
		source->q = q;
		source->serial = q->serial;
		source->sides[0].source = source;
		source->sides[1].source = source;
		source->next = *head;
		*head = source;
	}
	return side_of(source, access);
}

static void free_source(pyq_aio *aio, struct pyqi_aio_source *source)
{
	struct pyqi_aio_source **at = chain(aio, source->serial);

	while (*at != source)
		at = &(*at)->next;
	*at = source->next;
	free(source);
}

static bool is_idle(const struct pyqi_aio_side *side)
{
	return !side->first && side->state == PYQI_AIO_LOOSE;
}

static enum pyqi_aio_list belongs(const struct pyqi_aio_side *side)
{
	if (side->first)
		return side->state == PYQI_AIO_ARMED ? PYQI_AIO_NONE : PYQI_AIO_TO_ARM;
	if (side->state == PYQI_AIO_LOOSE || side->state == PYQI_AIO_ENDING)
		return PYQI_AIO_NONE;
	return PYQI_AIO_TO_DISARM;
}

static void enlist(pyq_aio *aio, struct pyqi_aio_side *side, enum pyqi_aio_list list)
{
	side->list = list;
	if (list == PYQI_AIO_NONE)
		return;
	side->next = NULL;
	side->previous = aio->lists[list].last;
	if (side->previous)
		side->previous->next = side;
	else
		aio->lists[list].first = side;
	aio->lists[list].last = side;
}

static void delist(pyq_aio *aio, struct pyqi_aio_side *side)
{
	if (side->list == PYQI_AIO_NONE)
		return;
	if (side->previous)
		side->previous->next = side->next;
	else
		aio->lists[side->list].first = side->next;
	if (side->next)
		side->next->previous = side->previous;
	else
		aio->lists[side->list].last = side->previous;
}

void pyqi_aio_side_changed(pyq_aio *aio, struct pyqi_aio_side *side)
{
	enum pyqi_aio_list list = belongs(side);

	if (side->list != list) {
		delist(aio, side);
		enlist(aio, side, list);
	}
	if (is_idle(&side->source->sides[0]) && is_idle(&side->source->sides[1]))
		free_source(aio, side->source);
}

void pyqi_aio_told(pyq_aio *aio, struct pyqi_aio_side *side, int result)
{
	side->state = PYQI_AIO_SPENT;
	if (result < 0 && side->first)
		pyqi_aio_fail(aio, side, result);
	else if (side->first)
		pyqi_aio_serve(aio, side);
	else
		pyqi_aio_side_changed(aio, side);
}

bool pyqi_aio_try_loose(pyq_aio *aio, bool all)
{
	const uint32_t before = aio->pending;
	struct pyqi_aio_side *next;

	for (struct pyqi_aio_side *side = aio->lists[PYQI_AIO_TO_ARM].first; side; side = next) {
		next = side->next;
		if (all || pyqi_aio_may_go(side))
			pyqi_aio_serve(aio, side);
	}
	return aio->pending != before;
}

/* Who has claimed us may have been stopped before he calls, and then nobody else calls us. */
static void call_if_ready(pyq_queue *q, bool get)
{
	struct pyqueue_header *hdr = pyqi_header(q);

	if (get ? pyqi_get_ready(q) : pyqi_put_ready(q))
		pyqi_futex_call_pollers(q, get ? &hdr->getters : &hdr->putters);
}

static void check_side(pyq_aio *aio, struct pyqi_aio_side *side)
{
	/* Where nothing waits any more the queue may be closed by now. */
	if (!side->first || side->state != PYQI_AIO_ARMED || !side->by_futex)
		return;
	pyqi_owner_check(side->source->q);
	call_if_ready(side->source->q, pyqi_aio_access(side) == PYQ_READ);
	aio->look_at = pyqi_now() + PYQI_AIO_SLICE;
}

void pyqi_aio_look_around(pyq_aio *aio)
{
	if (aio->look_at == PYQI_FOREVER || pyqi_now() < aio->look_at)
		return;
	aio->look_at = PYQI_FOREVER;
	pyqi_aio_each_side(aio, check_side);
}

void pyqi_aio_arm(pyq_aio *aio)
{
	struct pyqi_aio_side *side, *next;

	for (side = aio->lists[PYQI_AIO_TO_DISARM].first; side; side = next) {
		next = side->next;
		aio->engine->disarm(aio, side);
		pyqi_aio_side_changed(aio, side);
	}
	for (side = aio->lists[PYQI_AIO_TO_ARM].first; side; side = next) {
		int err = aio->engine->arm(aio, side);

		next = side->next;
		if (err)
			pyqi_aio_fail(aio, side, err);
		else
			pyqi_aio_side_changed(aio, side);
		if (!err && side->by_futex && aio->look_at == PYQI_FOREVER)
			aio->look_at = pyqi_now() + PYQI_AIO_SLICE;
	}
}

void pyqi_aio_each_side(pyq_aio *aio, void (*fn)(pyq_aio *aio, struct pyqi_aio_side *side))
{
	for (uint32_t i = 0; i <= aio->chain_mask; i++) {
		for (struct pyqi_aio_source *s = aio->chains[i]; s; s = s->next) {
			fn(aio, &s->sides[0]);
			fn(aio, &s->sides[1]);
		}
	}
}

void pyqi_aio_sources_free(pyq_aio *aio)
{
	for (uint32_t i = 0; i <= aio->chain_mask; i++) {
		struct pyqi_aio_source *source, *next;

		for (source = aio->chains[i]; source; source = next) {
			next = source->next;
			free(source);
		}
	}
}
