/* SPDX-License-Identifier: GPL-2.0 */
/* At the end of a round: whatever was put has come, or was in a dead hand, and once only. */
#ifndef KILL_STORM_BALANCE_H
#define KILL_STORM_BALANCE_H

#include "fixture.h"

static void settle(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self)
{
	struct account *a = self->a;
	uint64_t again = 0, not_put = 0;
	bool all_told = true;

	/* The last one that had it: the others have died before their get was over. */
	while (self->nr_found) {
		const struct found *f = &self->found[--self->nr_found];
		const uint16_t known = *known_of(a, f->putter, f->number);

		if (known & (TAKEN | IN_A_DEAD_HAND))
			continue;
		add_known(a, f->putter, f->number, IN_A_DEAD_HAND);
		if (f->deliveries)
			again += f->deliveries - 1;
		else
			all_told = false;
		self->in_dead_hands++;
	}
	for (int p = 0; p <= PUTTERS; p++) {
		for (uint64_t i = a->base[p]; i < a->next[p]; i++) {
			const uint16_t known = *known_of(a, p, i);

			self->put += !!(known & PUT);
			again += known / DELIVERIES;
			if (known & (TAKEN | IN_A_DEAD_HAND))
				continue;
			ASSERT_FALSE(known & PUT) TH_LOG("message %llu of putter %d is lost",
							 (unsigned long long)i, p);
			not_put += !(known & NEVER);
		}
		memset(a->known[p], 0, (a->next[p] - a->base[p]) * sizeof(a->known[p][0]));
		a->base[p] = a->next[p];
	}
	EXPECT_GE(BATCH * self->dead_putters, not_put);
	/* Whoever died in a get on the way to nowhere had one in hand; others, up to a batch. */
	if (all_told)
		EXPECT_LE(self->dead_in_get, again);
	EXPECT_GE(BATCH * self->dead_getters, again);
	self->again += again;
	self->not_put += not_put;
	self->dead_putters = self->dead_getters = self->dead_in_get = 0;
}

#endif
