// SPDX-License-Identifier: GPL-2.0
#include "account.h"

bool can_intend(const struct worker *w, unsigned int n)
{
	return w->place->next + n <= NUMBERS;
}

/* Mostly what fits a slot. */
static size_t any_length(struct worker *w, size_t most)
{
	const size_t payload = w->kind->attr.payload;
	size_t limit = payload;

	if (w->kind->large && one_in(&w->chance, w->kind->large))
		limit = w->kind->attr.max_msg;
	if (limit > most)
		limit = most;
	return SHORTEST + any(&w->chance, (unsigned int)(limit - SHORTEST + 1));
}

uint32_t intend(struct worker *w, size_t most, size_t *len)
{
	const uint32_t number = w->place->next;

	*len = any_length(w, most);
	store(&w->round->known[w->me][number], BEGUN | w->queue << QUEUE_SHIFT);
	store(&w->place->next, number + 1);
	return number;
}

void compose(const struct worker *w, void *room, uint32_t number, size_t len)
{
	message_write(room, (struct label){ .queue = w->queue, .place = w->me, .number = number,
					    .len = (uint32_t)len });
}

static uint32_t now_known(struct worker *w, uint32_t place, uint32_t number, uint32_t what)
{
	return __atomic_fetch_or(&w->round->known[place][number], what, __ATOMIC_SEQ_CST);
}

void was_put(struct worker *w, uint32_t number, size_t len)
{
	now_known(w, w->me, number, PUT);
	w->place->counts.put++;
	w->place->counts.bytes += len;
}

void was_not_put(struct worker *w, uint32_t number)
{
	now_known(w, w->me, number, NEVER);
}

void take(struct worker *w, const void *room, size_t len, uint32_t deliveries)
{
	struct label label;
	uint32_t before;

	if (!message_is_whole(room, len))
		fail(w, "a message of %zu bytes is not as it was put", len);
	memcpy(&label, room, sizeof(label));
	if (label.queue != w->queue)
		fail(w, "a message of queue %u came out of another", label.queue);
	if (label.place >= PLACES || label.number >= load(&w->round->places[label.place].next))
		fail(w, "message %u of place %u: there is none", label.number, label.place);
	before = now_known(w, label.place, label.number, TAKEN);
	if (before & TAKEN)
		fail(w, "message %u of place %u came twice (deliveries %u)", label.number,
		     label.place, deliveries);
	if (before & NEVER || !(before & BEGUN))
		fail(w, "message %u of place %u was not put, and came", label.number, label.place);
	w->place->counts.taken++;
	w->place->counts.again += deliveries > 1;
	w->not_done++;
}
