/* SPDX-License-Identifier: GPL-2.0 */
/* A death, and what the dead one had in hand. */
#ifndef KILL_STORM_DEATH_H
#define KILL_STORM_DEATH_H

#include "workers.h"

/* Whole messages in a dead getter's hand that nobody has taken. It is empty then. */
static void search_hand(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self, int place)
{
	struct hand *hand = &self->a->hands[place];

	for (int i = 0; i < BATCH; i++) {
		const struct message *m = &hand->room[i];

		if (is_of_this_round(self->a, m->putter, m->number) &&
		    is_whole(m, length_of(m->number, self->large)) &&
		    !(load(known_of(self->a, m->putter, m->number)) & TAKEN)) {
			ASSERT_GT(FOUND_MAX, self->nr_found);
			self->found[self->nr_found++] = (struct found){
				.putter = m->putter,
				.number = m->number,
				.deliveries = hand->msgs[i].deliveries,
			};
		}
		memset(&hand->room[i], 0, offsetof(struct message, rest));
	}
}

static void bury(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self, int i, int how)
{
	const bool by_address = how == KILLED_BY(SIGSEGV);

	ASSERT_TRUE(how == KILLED_BY(SIGKILL) || (by_address && self->doomed[i]))
		TH_LOG("%s %d: %s", i < PUTTERS ? "putter" : "getter", i, how_it_ended(how));
	self->pids[i] = 0;
	self->kills++;
	if (i < PUTTERS) {
		self->dead_putters++;
	} else {
		self->dead_getters++;
		self->dead_in_get += by_address;
		search_hand(_metadata, self, i - PUTTERS);
	}
}

static void kill_one(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self, int i)
{
	const int way = next_way(self);
	int how;

	kill(self->pids[i], way);
	how = reap(self->pids[i]);
	if (went(way, how)) {
		self->by_exec += way == BY_EXEC;
		self->by_munmap += way == BY_MUNMAP;
		how = KILLED_BY(SIGKILL);
	}
	/* It was too early for a handler. */
	if (how == KILLED_BY(way))
		how = KILLED_BY(SIGKILL);
	bury(_metadata, self, i, how);
}

#endif
