// SPDX-License-Identifier: MIT
/* The queues on which operations wait. */
#include <stdlib.h>

#include "aio.h"

static struct pyqi_aio_source **chain(const pyq_aio *aio, const pyq_queue *q)
{
	/* Addresses from malloc() differ from bit 4 on. */
	const uint64_t hash = (uint64_t)(uintptr_t)q * UINT64_C(0x9e3779b97f4a7c15);

	return &aio->chains[hash >> 32 & aio->chain_mask];
}

static struct pyqi_aio_source *find(const pyq_aio *aio, const pyq_queue *q)
{
	struct pyqi_aio_source *source = *chain(aio, q);

	while (source && (source->q != q || source->serial != q->serial))
		source = source->next;
	return source;
}

static struct pyqi_aio_side *side_of(struct pyqi_aio_source *source, unsigned int access)
{
	return &source->sides[access == PYQ_READ];
}

struct pyqi_aio_side *pyqi_aio_find(const pyq_aio *aio, const pyq_queue *q, unsigned int access)
{
	struct pyqi_aio_source *source = find(aio, q);

	return source ? side_of(source, access) : NULL;
}

int pyqi_aio_side(pyq_aio *aio, pyq_queue *q, unsigned int access, struct pyqi_aio_side **side)
{
	struct pyqi_aio_source *source = find(aio, q), **head = chain(aio, q);
	struct pollfd pfd;
	int err = pyq_pollfd(q, access, &pfd);

	if (err)
		return err;
	if (!source) {
		source = calloc(1, sizeof(*source));
		if (!source)
			return -ENOMEM;
		source->q = q;
		source->serial = q->serial;
		source->sides[0].source = source;
		source->sides[1].source = source;
		source->next = *head;
		*head = source;
	}
	*side = side_of(source, access);
	(*side)->pfd = pfd;
	return 0;
}

static bool is_idle(const struct pyqi_aio_side *side)
{
	return !side->first && side->state == PYQI_AIO_UNARMED && !side->changing;
}

static void free_if_idle(pyq_aio *aio, struct pyqi_aio_source *source)
{
	struct pyqi_aio_source **at = chain(aio, source->q);

	if (!is_idle(&source->sides[0]) || !is_idle(&source->sides[1]))
		return;
	while (*at != source)
		at = &(*at)->next;
	*at = source->next;
	free(source);
}

void pyqi_aio_side_changes(pyq_aio *aio, struct pyqi_aio_side *side)
{
	if (side->changing)
		return;
	side->changing = true;
	side->change = NULL;
	if (aio->changes)
		aio->last_change->change = side;
	else
		aio->changes = side;
	aio->last_change = side;
}

void pyqi_aio_disarmed(pyq_aio *aio, struct pyqi_aio_side *side)
{
	side->state = PYQI_AIO_UNARMED;
	/* Also if nothing waits any more: then it goes. */
	pyqi_aio_side_changes(aio, side);
}

void pyqi_aio_changes(pyq_aio *aio)
{
	struct pyqi_aio_side *side;

	while ((side = aio->changes)) {
		const bool wanted = side->first;
		int err = 0;

		if ((wanted && side->state == PYQI_AIO_UNARMED) ||
		    (!wanted && side->state == PYQI_AIO_ARMED))
			err = aio->engine->change(aio, side);
		if (err)
			pyqi_aio_fail(aio, side, err);
		aio->changes = side->change;
		side->changing = false;
		free_if_idle(aio, side->source);
	}
}

void pyqi_aio_each_side(pyq_aio *aio, void (*fn)(struct pyqi_aio_side *side))
{
	for (uint32_t i = 0; i <= aio->chain_mask; i++) {
		for (struct pyqi_aio_source *s = aio->chains[i]; s; s = s->next) {
			fn(&s->sides[0]);
			fn(&s->sides[1]);
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
