// SPDX-License-Identifier: GPL-2.0
/*
 * The casts: who is on stage. Parts are in order of their actors, recoverers
 * last. A putter's messages are numbered through, after those of the prefill.
 */
#include <string.h>

#include "roles.h"

/* What the ring's operations touch, by who calls them. */
#define READ_ALL	0xffffffffu
#define LOOK_GET	(IN(HEAD) | IN(SKIPPED) | IN_WORDS)
#define WRITE_GET	(LOOK_GET | IN(MARKS))
#define WRITE_PUT	(LOOK_GET | IN(TAIL) | IN(HEAD_CACHE) | IN_LENGTHS | IN_PAYLOADS)
#define READ_PUT	(IN(TAIL) | IN(HEAD_CACHE) | IN(HEAD) | IN_WORDS | IN(SKIPPED))
#define READ_GET	(IN(TAIL) | IN(HEAD) | IN(MARKS) | IN(SKIPPED) | IN_WORDS | IN_LENGTHS | \
			 IN_PAYLOADS)
#define RECOVERY	(IN(TAIL) | IN(HEAD) | IN(MARKS) | IN(SKIPPED) | IN_WORDS)

#define PUT(who, count, ...) \
	{ .name = "putter " #who, .script = script_put, .owner = who, .n = count, .batch = 1, \
	  .patience = AWAIT, .reads = READ_PUT, .writes = WRITE_PUT, ##__VA_ARGS__ }
#define GET(who, count, ...) \
	{ .name = "getter " #who, .script = script_get, .owner = who, .n = count, .batch = 1, \
	  .patience = AWAIT, .reads = READ_GET, .writes = WRITE_GET, ##__VA_ARGS__ }
#define RECOVER(who) \
	{ .name = "recoverer " #who, .script = script_recover, .owner = who, \
	  .reads = RECOVERY, .writes = RECOVERY, .idle_is_fine = true }

const struct cast casts[] = {
	{ .name = "1p1g.1slot", .maxsize = 1, .parts = { PUT(1, 2), GET(2, 2) } },
	{ .name = "2p2g.1slot", .maxsize = 1,
	  .parts = { PUT(1, 1), PUT(2, 1), GET(3, 1), GET(4, 1) } },
	{ .name = "2p2g.1slot.kill", .maxsize = 1, .kills = 1,
	  .parts = { PUT(1, 1), PUT(2, 1), GET(3, 1), GET(4, 1), RECOVER(5) } },
	{ .name = "1p1g.1slot.kill", .maxsize = 1, .kills = 1,
	  .parts = { PUT(1, 2), GET(2, 2), RECOVER(5) } },
	{ .name = "1p1g.2slots.kill", .maxsize = 2, .kills = 1,
	  .parts = { PUT(1, 2), GET(2, 2), RECOVER(5) } },
	{ .name = "1p1g.1slot.kill2", .maxsize = 1, .kills = 2,
	  .parts = { PUT(1, 2), GET(2, 2), RECOVER(5), RECOVER(6) } },
};

const unsigned int nr_casts = sizeof(casts) / sizeof(casts[0]);
struct cast cast;

void cast_begin(const struct cast *c)
{
	struct part *p;

	cast = *c;
	cast.order = 0;
	while ((1u << cast.order) < cast.maxsize)
		cast.order++;
	cast.slots = (__u8)(1u << cast.order);
	for (p = cast.parts; p < cast.parts + ACTORS_MAX && p->script; p++) {
		cast.actors++;
		cast.peeks |= p->peeks;
		cast.drops |= p->immediate;
		if (cast.sleeps) {
			p->reads = READ_ALL;
			p->writes |= IN_SLEEPERS | LOOK_GET | IN(TAIL) | IN(HEAD_CACHE);
		}
	}
	ring_views_init();
}
