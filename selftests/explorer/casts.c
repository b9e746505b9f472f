// SPDX-License-Identifier: GPL-2.0
/*
 * The casts: who is on stage. Parts are in order of their actors, recoverers
 * last. A putter's messages are numbered through, after those of the prefill.
 */
#include <string.h>

#include "roles.h"

/* What the library's calls touch, by who makes them. */
#define LOOK_GET	(IN(HEAD) | IN(SKIPPED) | IN_WORDS)
#define CALL		(IN_SLEEPERS | IN_POLLERS)
#define WRITE_GET	(LOOK_GET | IN(MARKS) | CALL)
#define WRITE_PUT	(LOOK_GET | IN(TAIL) | IN(HEAD_CACHE) | IN_LENGTHS | IN_PAYLOADS | CALL)
#define READ_PUT	(IN(TAIL) | IN(HEAD_CACHE) | IN(HEAD) | IN_WORDS | IN(SKIPPED) | \
			 IN(DETOUR) | CALL)
#define READ_GET	(IN(TAIL) | IN(HEAD) | IN(MARKS) | IN(SKIPPED) | IN(OVERFLOW) | \
			 IN(DETOUR) | IN_WORDS | IN_LENGTHS | IN_PAYLOADS | CALL)
#define RECOVERY	(IN(TAIL) | IN(HEAD) | IN(MARKS) | IN(SKIPPED) | IN(DETOUR) | IN_WORDS | \
			 CALL)

#define EVERYTHING	0xffffffffu

#define PART(what, who, count, ...) \
	.script = script_##what, .owner = who, .n = count, .batch = 1, .room = 16, \
	.patience = AWAIT, ##__VA_ARGS__ }
#define PUT(who, count, ...) \
	{ .name = "putter " #who, .reads = READ_PUT, .writes = WRITE_PUT, \
	  PART(put, who, count, ##__VA_ARGS__)
#define GET(who, count, ...) \
	{ .name = "getter " #who, .reads = READ_GET, .writes = WRITE_GET, \
	  PART(get, who, count, ##__VA_ARGS__)
/* The kernel: it does not die, and its getter copies before it claims. */
#define KERNEL_PUT(count, ...) \
	{ .name = "kernel put", .reads = READ_PUT, .writes = WRITE_PUT, .immortal = true, \
	  PART(put, 0, count, ##__VA_ARGS__)
#define KERNEL_GET(count, ...) \
	{ .name = "kernel get", .reads = READ_GET, .writes = WRITE_GET, .immortal = true, \
	  .peeks = true, PART(get, 0, count, ##__VA_ARGS__)
/* Loans: ended as is usual, or undone. */
#define RESERVE(who, count, ...) \
	{ .name = "reserver " #who, .reads = READ_PUT, .writes = WRITE_PUT, \
	  PART(reserve, who, count, ##__VA_ARGS__)
#define BORROW(who, count, ...) \
	{ .name = "borrower " #who, .reads = READ_GET | READ_PUT, \
	  .writes = WRITE_GET | IN(TAIL) | IN(HEAD_CACHE), \
	  PART(borrow, who, count, ##__VA_ARGS__)
#define ABORT(who, ...) \
	{ .name = "aborter " #who, .reads = READ_PUT | READ_GET | IN(DONE), \
	  .writes = WRITE_PUT | IN(MARKS), PART(reserve, who, 1, .undoes = true, ##__VA_ARGS__)
#define GIVE_BACK(who, ...) \
	{ .name = "giver-back " #who, .reads = READ_GET | READ_PUT, \
	  .writes = WRITE_GET | IN(TAIL) | IN(HEAD_CACHE), \
	  PART(borrow, who, 1, .undoes = true, ##__VA_ARGS__)
/* Polls, and gets when it is told; if it "holds", it is only told. */
#define POLL(who, count, ...) \
	{ .name = "poller " #who, .reads = READ_GET, .writes = WRITE_GET, \
	  PART(poll, who, count, .patience = GIVE_UP, ##__VA_ARGS__)
#define COUNT(who) \
	{ .name = "counter " #who, .reads = READ_GET, .writes = WRITE_GET, PART(count, who, 1)
#define JOIN(who, ...) \
	{ .name = "joiner " #who, .reads = READ_GET | IN(DONE), .writes = WRITE_GET, \
	  PART(join, who, 1, ##__VA_ARGS__)
#define SHUT_DOWN(who, ...) \
	{ .name = "closer " #who, .reads = READ_GET | IN(DONE), .writes = IN(TAIL) | CALL, \
	  PART(shut_down, who, 1, ##__VA_ARGS__)
#define RECOVER(who) \
	{ .name = "recoverer " #who, .reads = RECOVERY, .writes = RECOVERY, \
	  PART(recover, who, 1)
/* Uses the owner number of actor @whose, counted from 1, after its recovery. */
#define HEIR_OF(whose)	.name = "heir", .heir_of = whose, .immortal = true

#define ASLEEP		.patience = SLEEP
#define TIMED		.patience = SLEEP_TIMED
#define SLICED		.patience = SLEEP_SLICED
#define ONCE		.patience = GIVE_UP
#define HOLDS		.holds = true
#define IMMORTAL	.immortal = true
#define UNBOUNDED	.unbounded = true
#define DONE_TOO	.task_done = 1, .reads = READ_GET | IN(DONE), .writes = WRITE_GET | IN(DONE)

/* Laps as the words keep them begin again at 0 soon after: on 2^order slots. */
#define LAST_LAP(order)	(0xffffffffULL << (order))

const struct cast casts[] = {
	/* one each, on every size */
	{ .name = "1p1g.1slot.kill", .maxsize = 1, .kills = 1,
	  .parts = { PUT(1, 2), GET(2, 2), RECOVER(5) } },
	{ .name = "1p1g.2slots.kill", .maxsize = 2, .kills = 1,
	  .parts = { PUT(1, 3), GET(2, 3), RECOVER(5) } },
	{ .name = "1p1g.3slots.kill", .maxsize = 3, .kills = 1, .prefill = 2,
	  .parts = { PUT(1, 3), GET(2, 3), RECOVER(5) } },
	{ .name = "1p1g.1slot.kill2", .maxsize = 1, .kills = 2,
	  .parts = { PUT(1, 2), GET(2, 2), RECOVER(5), RECOVER(6) } },
	{ .name = "1p1g.2slots.kill2", .maxsize = 2, .kills = 2, .prefill = 1,
	  .parts = { PUT(1, 2), GET(2, 2), RECOVER(5), RECOVER(6) } },

	/* the others in between */
	{ .name = "2p1g.1slot.kill", .quick = 2, .maxsize = 1, .kills = 1,
	  .parts = { PUT(1, 1), PUT(2, 1), GET(3, 2), RECOVER(5) } },
	{ .name = "1p2g.1slot.kill", .quick = 2, .maxsize = 1, .kills = 1,
	  .parts = { PUT(1, 2), GET(2, 1), GET(3, 1), RECOVER(5) } },
	{ .name = "2g.2slots.kill", .maxsize = 2, .kills = 1, .prefill = 2,
	  .parts = { GET(1, 2), GET(2, 2), RECOVER(5) } },
	{ .name = "2g.3slots.kill2", .quick = 1, .maxsize = 3, .kills = 2, .prefill = 3,
	  .parts = { GET(1, 2, IMMORTAL), GET(2, 1), GET(3, 1), RECOVER(5), RECOVER(6) } },
	{ .name = "2p2g.1slot", .quick = 2, .maxsize = 1,
	  .parts = { PUT(1, 1), PUT(2, 1), GET(3, 1), GET(4, 1) } },
	{ .name = "2p2g.2slots", .maxsize = 2,
	  .parts = { PUT(1, 1), PUT(2, 1), GET(3, 1), GET(4, 1) } },
	{ .name = "2p2g.3slots", .quick = 2, .maxsize = 3, .prefill = 2,
	  .parts = { PUT(1, 1), PUT(2, 1), GET(3, 1), GET(4, 1) } },
	{ .name = "2p2g.1slot.kill", .quick = 1, .maxsize = 1, .kills = 1,
	  .parts = { PUT(1, 1), PUT(2, 1), GET(3, 1), GET(4, 1), RECOVER(5) } },
	{ .name = "2p2g.2slots.kill", .quick = 1, .maxsize = 2, .kills = 1,
	  .parts = { PUT(1, 1), PUT(2, 1), GET(3, 1), GET(4, 1), RECOVER(5) } },
	{ .name = "2p2g.3slots.kill", .quick = 1, .maxsize = 3, .kills = 1, .prefill = 2,
	  .parts = { PUT(1, 1), PUT(2, 1), GET(3, 1), GET(4, 1), RECOVER(5) } },

	/* tried once: "full" and "empty" are true */
	{ .name = "once.2p1g.2slots", .maxsize = 2, .prefill = 2,
	  .parts = { PUT(1, 2, ONCE), PUT(2, 1, ONCE), GET(3, 2, ONCE) } },
	{ .name = "once.3slots.kill", .quick = 2, .maxsize = 3, .prefill = 3, .kills = 1,
	  .parts = { PUT(1, 2, ONCE), GET(2, 2, ONCE), GET(3, 1, ONCE), RECOVER(5) } },

	{ .name = "once.stale", .maxsize = 2, .prefill = 2,
	  .parts = { PUT(1, 1, ONCE), PUT(2, 1), GET(3, 3) } },

	/* too little room: -EMSGSIZE is true, and claims nothing */
	{ .name = "room", .quick = 3, .maxsize = 1,
	  .parts = { PUT(1, 3), GET(2, 2, .room = 1), GET(3, 2) } },
	{ .name = "room.batch", .quick = 2, .maxsize = 2, .prefill = 1,
	  .parts = { PUT(1, 2), GET(2, 2, .batch = 2, .room = 1), GET(3, 2) } },

	/* laps wrap at 2^32 */
	{ .name = "wrap.1slot.kill", .maxsize = 1, .kills = 1, .start = LAST_LAP(0),
	  .parts = { PUT(1, 3), GET(2, 3), RECOVER(5) } },
	{ .name = "wrap.2slots.kill", .quick = 2, .maxsize = 2, .kills = 1, .start = LAST_LAP(1),
	  .prefill = 2, .parts = { PUT(1, 2), GET(2, 2), GET(3, 1), RECOVER(5) } },

	/* the kernel: owner 0 */
	{ .name = "kernel.get", .maxsize = 1, .kills = 1,
	  .parts = { PUT(1, 2), KERNEL_GET(2), RECOVER(0) } },
	{ .name = "kernel.both", .quick = 1, .maxsize = 2, .kills = 1, .prefill = 1,
	  .parts = { PUT(1, 1), GET(2, 1), KERNEL_PUT(1), KERNEL_GET(1), RECOVER(0) } },

	/* batches */
	{ .name = "batch.put", .quick = 2, .maxsize = 2,
	  .parts = { PUT(1, 3, .batch = 2), PUT(2, 1), GET(3, 4) } },
	{ .name = "batch.put.kill", .quick = 1, .maxsize = 2, .kills = 1,
	  .parts = { PUT(1, 2, .batch = 2), PUT(2, 1), GET(3, 2), RECOVER(5) } },
	{ .name = "batch.get.kill", .quick = 2, .maxsize = 2, .kills = 1, .prefill = 2,
	  .parts = { PUT(1, 1), GET(2, 2, .batch = 2), GET(3, 1), RECOVER(5) } },
	{ .name = "batch.both.kill", .quick = 1, .maxsize = 3, .kills = 1, .prefill = 1,
	  .parts = { PUT(1, 3, .batch = 3), GET(2, 3, .batch = 3), GET(3, 1), RECOVER(5) } },
	/* begins at the last slot: a batch goes around the end of the array */
	{ .name = "batch.around.kill", .maxsize = 2, .kills = 1, .start = LAST_LAP(1) + 1,
	  .parts = { PUT(1, 2, .batch = 2), GET(2, 2, .batch = 2), RECOVER(5) } },
	{ .name = "batch.around.kill2", .maxsize = 2, .kills = 2, .start = 1,
	  .parts = { PUT(1, 2, .batch = 2), GET(2, 2, .batch = 2), RECOVER(5), RECOVER(6) } },

	{ .name = "batch.helped", .maxsize = 2,
	  .parts = { PUT(1, 2, .batch = 2), PUT(2, 1), GET(3, 2) } },

	/* what is undone */
	{ .name = "abort", .quick = 2, .maxsize = 2,
	  .parts = { ABORT(1), PUT(2, 1), GET(3, 1), COUNT(4) } },
	{ .name = "abort.1slot", .quick = 2, .maxsize = 1,
	  .parts = { ABORT(1), ABORT(2), PUT(3, 1), GET(4, 1) } },
	{ .name = "abort.kill", .quick = 2, .maxsize = 2, .kills = 1,
	  .parts = { ABORT(1), PUT(2, 1), GET(3, 1), RECOVER(5) } },
	{ .name = "give_back", .maxsize = 2, .prefill = 2,
	  .parts = { GIVE_BACK(1), GET(2, 2), GET(3, 1) } },
	{ .name = "give_back.kill", .maxsize = 2, .prefill = 2, .kills = 1,
	  .parts = { GIVE_BACK(1), GET(2, 2), COUNT(3), RECOVER(5) } },
	{ .name = "give_back.put", .maxsize = 1, .prefill = 1,
	  .parts = { GIVE_BACK(1), PUT(2, 1), GET(3, 2) } },

	/* somebody counts what comes and goes */
	{ .name = "count", .quick = 2, .maxsize = 3, .prefill = 3,
	  .parts = { GET(1, 1), PUT(2, 1), COUNT(3) } },

	/* an owner number that is used again */
	{ .name = "heir.get", .maxsize = 1, .prefill = 1, .kills = 1,
	  .parts = { GET(1, 1), GET(1, 1, HEIR_OF(1)), PUT(2, 1, IMMORTAL), RECOVER(5) } },
	{ .name = "heir.put", .maxsize = 2, .kills = 1,
	  .parts = { PUT(1, 1), PUT(1, 1, HEIR_OF(1)), GET(2, 1, IMMORTAL), RECOVER(5) } },

	/* stopped for ever, wherever it is */
	{ .name = "stop.2p", .maxsize = 2, .stops = 1, .parts = { PUT(1, 1), PUT(2, 2) } },
	{ .name = "stop.1slot", .maxsize = 1, .stops = 1,
	  .parts = { PUT(1, 2), GET(2, 1), GET(3, 1) } },
	{ .name = "stop.2slots", .quick = 1, .maxsize = 2, .stops = 1, .prefill = 1,
	  .parts = { PUT(1, 1), PUT(2, 1), GET(3, 2), GET(4, 1) } },
	{ .name = "stop.kill", .maxsize = 2, .stops = 1, .kills = 1, .prefill = 1,
	  .parts = { PUT(1, 2), GET(2, 2), RECOVER(0) } },

	/* shutdown */
	{ .name = "shutdown", .maxsize = 1,
	  .parts = { PUT(1, 1), PUT(2, 1), GET(3, 3), SHUT_DOWN(4) } },
	{ .name = "shutdown.kill", .maxsize = 2, .kills = 1,
	  .parts = { PUT(1, 2), GET(2, 3), SHUT_DOWN(3, IMMORTAL), RECOVER(5) } },
	{ .name = "shutdown.batch", .maxsize = 2, .kills = 1,
	  .parts = { PUT(1, 2, .batch = 2), GET(2, 3, .batch = 2), SHUT_DOWN(3, IMMORTAL),
		     RECOVER(5) } },
	{ .name = "shutdown.now", .quick = 2, .maxsize = 2, .prefill = 1,
	  .parts = { PUT(1, 1), PUT(2, 1), SHUT_DOWN(3, .immediate = 1) } },
	{ .name = "shutdown.now.get", .quick = 2, .maxsize = 2, .prefill = 1,
	  .parts = { PUT(1, 1), GET(2, 1, DONE_TOO), SHUT_DOWN(3, .immediate = 1) } },
	{ .name = "shutdown.now.kill", .quick = 2, .maxsize = 1, .kills = 1,
	  .parts = { PUT(1, 1), GET(2, 1, DONE_TOO), SHUT_DOWN(3, .immediate = 1), RECOVER(5) } },

	/* task_done and join */
	{ .name = "join", .quick = 2, .maxsize = 2, .prefill = 1,
	  .parts = { PUT(1, 1), GET(2, 1, DONE_TOO), GET(3, 1, DONE_TOO), JOIN(4) } },
	{ .name = "join.kill", .quick = 2, .maxsize = 2, .prefill = 1, .kills = 1,
	  .parts = { PUT(1, 1), GET(2, 2, DONE_TOO, IMMORTAL), JOIN(4, IMMORTAL), RECOVER(5) } },
	{ .name = "join.abort", .maxsize = 2, .prefill = 1,
	  .parts = { ABORT(1), GET(2, 1, DONE_TOO), JOIN(4) } },
	{ .name = "join.sleep", .maxsize = 2, .prefill = 1,
	  .parts = { ABORT(1, ASLEEP), GET(2, 1, ASLEEP, DONE_TOO), JOIN(4, ASLEEP) } },

	/* asleep */
	{ .name = "sleep.1p1g", .maxsize = 1,
	  .parts = { PUT(1, 3, ASLEEP), GET(2, 3, ASLEEP) } },
	{ .name = "sleep.1p2g", .quick = 2, .maxsize = 2,
	  .parts = { PUT(1, 2, ASLEEP), GET(2, 1, ASLEEP), GET(3, 1, ASLEEP) } },
	{ .name = "sleep.2p2g", .quick = 2, .maxsize = 2,
	  .parts = { PUT(1, 1, ASLEEP), PUT(2, 1, ASLEEP), GET(3, 1, ASLEEP),
		     GET(4, 1, ASLEEP) } },
	{ .name = "sleep.2p1g", .quick = 2, .maxsize = 1,
	  .parts = { PUT(1, 1, ASLEEP), PUT(2, 1, ASLEEP), GET(3, 2, ASLEEP) } },
	{ .name = "sleep.full", .quick = 2, .maxsize = 2, .prefill = 2,
	  .parts = { PUT(1, 1, ASLEEP), PUT(2, 1, ASLEEP), GET(3, 1, ASLEEP),
		     GET(4, 1, ASLEEP) } },
	{ .name = "sleep.3slots", .maxsize = 3, .prefill = 3,
	  .parts = { PUT(1, 1, ASLEEP), GET(2, 2, ASLEEP) } },
	{ .name = "sleep.timed", .quick = 2, .maxsize = 1,
	  .parts = { PUT(1, 1, ASLEEP), GET(2, 1, TIMED), GET(3, 1, ASLEEP) } },
	{ .name = "sleep.kill", .maxsize = 1, .kills = 1,
	  .parts = { PUT(1, 1, ASLEEP), GET(2, 1, ASLEEP), RECOVER(5) } },
	{ .name = "sleep.1p2g.kill", .quick = 2, .maxsize = 1, .kills = 1,
	  .parts = { PUT(1, 1, ASLEEP), GET(2, 1, ASLEEP), GET(3, 1, ASLEEP), RECOVER(5) } },
	{ .name = "sleep.2p1g.kill", .quick = 1, .maxsize = 1, .kills = 1, .prefill = 1,
	  .parts = { PUT(1, 1, ASLEEP), PUT(2, 1, ASLEEP), GET(3, 2, ASLEEP), RECOVER(5) } },
	{ .name = "sleep.timed.put", .quick = 2, .maxsize = 1, .prefill = 1,
	  .parts = { PUT(1, 1, TIMED), PUT(2, 1, ASLEEP), GET(3, 2, ASLEEP) } },
	{ .name = "sleep.batch", .maxsize = 2,
	  .parts = { PUT(1, 2, ASLEEP, .batch = 2), GET(2, 1, ASLEEP), GET(3, 1, ASLEEP) } },
	{ .name = "sleep.give_back", .maxsize = 1, .prefill = 1,
	  .parts = { GIVE_BACK(1, ASLEEP), GET(2, 1, ASLEEP), PUT(3, 1, ASLEEP) } },
	{ .name = "sleep.abort", .quick = 2, .maxsize = 1,
	  .parts = { ABORT(1, ASLEEP), PUT(2, 1, ASLEEP), GET(3, 1, ASLEEP) } },
	/* one too small, who leaves what he was called for */
	{ .name = "sleep.room", .maxsize = 1,
	  .parts = { PUT(1, 1, ASLEEP), GET(2, 1, ASLEEP, .room = 0), GET(3, 1, ASLEEP) } },
	{ .name = "sleep.again", .quick = 2, .maxsize = 1,
	  .parts = { PUT(1, 3, ASLEEP), GET(2, 1, ASLEEP), GET(3, 2, ASLEEP) } },
	{ .name = "sleep.sliced", .quick = 2, .maxsize = 1,
	  .parts = { PUT(1, 1, ASLEEP), GET(2, 1, SLICED), GET(3, 1, ASLEEP) } },
	{ .name = "sleep.sliced.put", .quick = 2, .maxsize = 1, .prefill = 1,
	  .parts = { PUT(1, 1, SLICED), PUT(2, 1, ASLEEP), GET(3, 2, ASLEEP) } },

	/* asleep, and shut down */
	{ .name = "sleep.shutdown", .quick = 2, .maxsize = 1,
	  .parts = { PUT(1, 2, ASLEEP), GET(2, 2, ASLEEP), SHUT_DOWN(3) } },
	{ .name = "sleep.shutdown.2g", .quick = 2, .maxsize = 1,
	  .parts = { PUT(1, 1, ASLEEP), GET(2, 1, ASLEEP), GET(3, 2, ASLEEP), SHUT_DOWN(4) } },
	{ .name = "sleep.shutdown.kill", .quick = 2, .maxsize = 1, .kills = 1,
	  .parts = { PUT(1, 2, ASLEEP), GET(2, 2, ASLEEP), SHUT_DOWN(3), RECOVER(5) } },
	{ .name = "sleep.shutdown.now", .quick = 2, .maxsize = 1,
	  .parts = { PUT(1, 2, ASLEEP), GET(2, 1, ASLEEP), SHUT_DOWN(3, .immediate = 1) } },
	/* what is dropped counts as done */
	{ .name = "sleep.shutdown.join", .quick = 2, .maxsize = 1, .prefill = 1,
	  .parts = { PUT(1, 1, ASLEEP), GIVE_BACK(2, ONCE), JOIN(3, ASLEEP),
		     SHUT_DOWN(4, .immediate = 1) } },

	/* on loan, beside sleepers */
	{ .name = "loan.reserve", .quick = 2, .maxsize = 2,
	  .parts = { RESERVE(1, 1, ASLEEP), PUT(2, 1, ASLEEP), GET(3, 1, ASLEEP),
		     GET(4, 1, ASLEEP) } },
	{ .name = "loan.reserve.held", .quick = 2, .maxsize = 2,
	  .parts = { RESERVE(1, 1, ASLEEP, HOLDS), PUT(2, 2, ASLEEP), GET(3, 1, ASLEEP) } },
	{ .name = "loan.reserve.kill", .quick = 2, .maxsize = 2, .kills = 1,
	  .parts = { RESERVE(1, 1, ASLEEP), PUT(2, 1, ASLEEP), GET(3, 1, ASLEEP),
		     RECOVER(5) } },
	{ .name = "loan.reserve.held.kill", .quick = 2, .maxsize = 2, .kills = 1,
	  .parts = { RESERVE(1, 1, ASLEEP, HOLDS), PUT(2, 2, ASLEEP, IMMORTAL),
		     GET(3, 1, ASLEEP, IMMORTAL), RECOVER(5) } },
	/* committed in whatever order */
	{ .name = "loan.order", .quick = 2, .maxsize = 2,
	  .parts = { RESERVE(1, 1), RESERVE(2, 1), GET(3, 1, ASLEEP), GET(4, 1, ASLEEP) } },
	{ .name = "loan.discard", .quick = 2, .maxsize = 2,
	  .parts = { ABORT(1), PUT(2, 1, ASLEEP), GET(3, 1, ASLEEP) } },
	{ .name = "loan.discard.kill", .quick = 1, .maxsize = 2, .kills = 1,
	  .parts = { ABORT(1, ASLEEP), PUT(2, 1, ASLEEP), GET(3, 1, ASLEEP), RECOVER(5) } },
	{ .name = "loan.discard.shutdown", .quick = 2, .maxsize = 1,
	  .parts = { ABORT(1), GET(2, 1, ASLEEP), GET(3, 1, ASLEEP), SHUT_DOWN(4) } },
	{ .name = "loan.discard.shutdown.now", .quick = 2, .maxsize = 2,
	  .parts = { ABORT(1), PUT(2, 1), SHUT_DOWN(3, .immediate = 1) } },
	{ .name = "loan.borrow", .quick = 2, .maxsize = 1, .prefill = 1,
	  .parts = { BORROW(1, 1, ASLEEP), PUT(2, 1, ASLEEP), GET(3, 1, ASLEEP) } },
	{ .name = "loan.borrow.kill", .quick = 2, .maxsize = 1, .prefill = 1, .kills = 1,
	  .parts = { BORROW(1, 1, ASLEEP), PUT(2, 1, ASLEEP), GET(3, 1, ASLEEP), RECOVER(5) } },
	/* more slots than messages: there is room as soon as one is lent */
	{ .name = "loan.borrow.held", .maxsize = 3, .prefill = 3,
	  .parts = { BORROW(1, 1, HOLDS), PUT(2, 1, ASLEEP), PUT(3, 1, ASLEEP) } },
	{ .name = "loan.borrow.held.kill", .quick = 1, .maxsize = 3, .prefill = 3, .kills = 1,
	  .parts = { BORROW(1, 1, HOLDS), PUT(2, 1, ASLEEP), GET(3, 3, ASLEEP), RECOVER(5) } },
	{ .name = "loan.borrow.2g", .quick = 2, .maxsize = 2,
	  .parts = { RESERVE(1, 1), PUT(2, 1), BORROW(3, 1, ASLEEP, HOLDS), GET(4, 1, ASLEEP) } },
	/* the same: what is given back does not count any more */
	{ .name = "loan.give_back.put", .quick = 2, .maxsize = 3, .prefill = 3,
	  .parts = { GIVE_BACK(1), PUT(2, 1, ASLEEP), PUT(3, 1, ASLEEP) } },
	{ .name = "loan.give_back.kill", .quick = 2, .maxsize = 1, .prefill = 1, .kills = 1,
	  .parts = { GIVE_BACK(1, ASLEEP), GET(2, 1, ASLEEP), RECOVER(5) } },

	/* who polls, beside who sleeps */
	{ .name = "poll.alone", .maxsize = 2, .parts = { PUT(1, 1), POLL(2, 1) } },
	{ .name = "poll.told", .maxsize = 2,
	  .parts = { PUT(1, 1), POLL(2, 1, HOLDS), GET(3, 1, ASLEEP) } },
	{ .name = "poll", .maxsize = 2,
	  .parts = { PUT(1, 1), POLL(2, 1), GET(3, 1, ASLEEP) } },
	{ .name = "poll.2puts", .quick = 2, .maxsize = 1,
	  .parts = { PUT(1, 2, ASLEEP), POLL(2, 1), GET(3, 1, ASLEEP) } },
	{ .name = "poll.2pollers", .quick = 2, .maxsize = 2,
	  .parts = { PUT(1, 2), POLL(2, 1), POLL(3, 1) } },
	/* one is about to sleep while the other says again that it polls */
	{ .name = "poll.both", .maxsize = 2,
	  .parts = { PUT(1, 1), POLL(2, 1, HOLDS), POLL(3, 1, HOLDS) } },
	/* one claims late: others have since claimed, and said again that they poll */
	{ .name = "poll.late", .quick = 2, .maxsize = 2,
	  .parts = { PUT(1, 1), PUT(2, 2), POLL(3, 3), POLL(4, 1, HOLDS) } },
	{ .name = "poll.discard", .quick = 2, .maxsize = 2,
	  .parts = { ABORT(1), PUT(2, 1), POLL(3, 1) } },
	{ .name = "poll.give_back", .quick = 2, .maxsize = 1, .prefill = 1,
	  .parts = { GIVE_BACK(1), POLL(2, 1), GET(3, 1, ASLEEP) } },
	{ .name = "poll.kill", .quick = 2, .maxsize = 1, .kills = 1,
	  .parts = { PUT(1, 1), POLL(2, 1), GET(3, 1, ASLEEP), RECOVER(5) } },
	{ .name = "poll.shutdown", .quick = 2, .maxsize = 1,
	  .parts = { PUT(1, 1), POLL(2, 1), GET(3, 1, ASLEEP), SHUT_DOWN(4) } },
	{ .name = "poll.shutdown.now", .quick = 2, .maxsize = 1,
	  .parts = { PUT(1, 1), POLL(2, 1), SHUT_DOWN(4, .immediate = 1) } },

	/* without a bound: what the ring has no room for waits outside */
	{ .name = "outside.1p1g", .maxsize = 1, UNBOUNDED,
	  .parts = { PUT(1, 3), GET(2, 3) } },
	{ .name = "outside.2slots", .maxsize = 2, UNBOUNDED, .prefill = 1,
	  .parts = { PUT(1, 3), GET(2, 4) } },
	{ .name = "outside.2p1g", .quick = 2, .maxsize = 1, UNBOUNDED,
	  .parts = { PUT(1, 2), PUT(2, 1), GET(3, 3) } },
	{ .name = "outside.1p2g", .quick = 2, .maxsize = 1, UNBOUNDED, .prefill = 1,
	  .parts = { PUT(1, 2), GET(2, 2), GET(3, 1) } },
	{ .name = "outside.once", .quick = 2, .maxsize = 1, UNBOUNDED, .prefill = 1,
	  .parts = { PUT(1, 2), GET(2, 2, ONCE), GET(3, 1, ONCE) } },
	{ .name = "outside.batch", .quick = 2, .maxsize = 2, UNBOUNDED,
	  .parts = { PUT(1, 4, .batch = 2), PUT(2, 1), GET(3, 5, .batch = 2) } },
	{ .name = "outside.kill", .quick = 2, .maxsize = 1, UNBOUNDED, .kills = 1, .prefill = 1,
	  .parts = { PUT(1, 2), GET(2, 3), RECOVER(5) } },
	{ .name = "outside.sleep", .quick = 2, .maxsize = 1, UNBOUNDED,
	  .parts = { PUT(1, 3), GET(2, 2, ASLEEP), GET(3, 1, ASLEEP) } },
	{ .name = "outside.sleep.kill", .quick = 1, .maxsize = 1, UNBOUNDED, .kills = 1,
	  .parts = { PUT(1, 2), GET(2, 1, ASLEEP), GET(3, 1, ASLEEP), RECOVER(5) } },
	{ .name = "outside.held", .quick = 2, .maxsize = 1, UNBOUNDED, .prefill = 1,
	  .parts = { BORROW(1, 1), PUT(2, 1), GET(3, 1, ASLEEP) } },
	{ .name = "outside.held.kill", .quick = 2, .maxsize = 1, UNBOUNDED, .prefill = 1,
	  .kills = 1, .parts = { BORROW(1, 1), PUT(2, 1), GET(3, 2, ASLEEP), RECOVER(5) } },
	{ .name = "outside.reserve", .quick = 2, .maxsize = 1, UNBOUNDED,
	  .parts = { RESERVE(1, 1, ASLEEP), PUT(2, 2), GET(3, 3) } },
	{ .name = "outside.abort", .quick = 2, .maxsize = 1, UNBOUNDED,
	  .parts = { ABORT(1), PUT(2, 2), GET(3, 2, ASLEEP) } },
	{ .name = "outside.poll", .quick = 2, .maxsize = 1, UNBOUNDED,
	  .parts = { PUT(1, 2), POLL(2, 2) } },
	{ .name = "outside.poll.held", .quick = 2, .maxsize = 1, UNBOUNDED, .prefill = 1,
	  .parts = { BORROW(1, 1), PUT(2, 1), POLL(3, 1) } },
	{ .name = "outside.join", .quick = 2, .maxsize = 1, UNBOUNDED, .prefill = 1,
	  .parts = { PUT(1, 2), GET(2, 3, DONE_TOO), JOIN(3, ASLEEP) } },
	{ .name = "outside.shutdown", .quick = 2, .maxsize = 1, UNBOUNDED, .prefill = 1,
	  .parts = { PUT(1, 2), GET(2, 4), SHUT_DOWN(3) } },
	{ .name = "outside.shutdown.sleep", .quick = 2, .maxsize = 1, UNBOUNDED, .prefill = 1,
	  .parts = { PUT(1, 1), GET(2, 2, ASLEEP), GET(3, 2, ASLEEP), SHUT_DOWN(4) } },
	{ .name = "outside.shutdown.reserve", .quick = 2, .maxsize = 1, UNBOUNDED, .prefill = 1,
	  .parts = { PUT(1, 1), RESERVE(2, 1, ASLEEP), GET(3, 3), SHUT_DOWN(4) } },
	/* nobody gets: it is told all the same */
	{ .name = "outside.shutdown.full", .maxsize = 1, UNBOUNDED, .prefill = 1,
	  .parts = { PUT(1, 1), RESERVE(2, 1, ASLEEP), SHUT_DOWN(3) } },
	{ .name = "outside.shutdown.now", .quick = 2, .maxsize = 1, UNBOUNDED, .prefill = 1,
	  .parts = { PUT(1, 2), GET(2, 1, DONE_TOO), SHUT_DOWN(3, .immediate = 1) } },
};

const unsigned int nr_casts = sizeof(casts) / sizeof(casts[0]);
struct cast cast;

/* In which queue @p may sleep. */
static unsigned int queue_of(const struct part *p)
{
	if (p->script == script_poll)
		return 1u << (SIDES + GETTERS);
	if (p->patience < SLEEP)
		return 0;
	if (p->script == script_join)
		return 1u << JOINERS;
	return p->script == script_get || p->script == script_borrow ? 1u << GETTERS :
								       1u << PUTTERS;
}

void cast_begin(const struct cast *c)
{
	bool marks = false, drops = false, done = false;
	struct part *p;

	cast = *c;
	cast.order = 0;
	while ((1u << cast.order) < cast.maxsize)
		cast.order++;
	cast.slots = (__u8)(1u << cast.order);
	for (p = cast.parts; p < cast.parts + ACTORS_MAX && p->script; p++) {
		cast.actors++;
		cast.peeks |= p->peeks;
		cast.queues |= queue_of(p);
		drops |= p->immediate;
		done |= p->task_done;
		marks |= p->undoes || p->immediate || p->script == script_recover;
	}
	for (p = cast.parts; p < cast.parts + cast.actors; p++) {
		if (drops || cast.unbounded) {
			p->reads = EVERYTHING;
			p->writes = EVERYTHING;
		}
		/* Nobody makes a tombstone or an orphan; nobody ever sleeps there. */
		if (!marks)
			p->writes &= ~(IN(MARKS) | IN(SKIPPED));
		if (!drops && !cast.unbounded)
			p->writes &= ~IN(DETOUR);
		if (!cast.unbounded)
			p->writes &= ~IN(OVERFLOW);
		if (!drops && !done)
			p->writes &= ~IN(DONE);
		p->writes &= ~(CALL & ~((__u32)cast.queues << SLEEPERS));
	}
	cast.parts[AUDITOR].owner = 0xff;
}
