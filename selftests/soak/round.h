/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the processes of a round share: memory that survives each of them. New for each
 * round, so that a round begins with nothing known.
 */
#ifndef SOAK_ROUND_H
#define SOAK_ROUND_H

#include "message.h"

#define WORKERS 64
#define NAMES 100

/* Who drains the queues at the end has a place as well, behind the workers'. */
#define SELF WORKERS
#define PLACES (WORKERS + 1)

/* Queues in a round: those under the names, and those that lost theirs. */
#define QUEUES 600

/* Messages of a place in a round. */
#define NUMBERS (1u << 17)

#define BATCH 8

/* One queue. @id is set last: who has opened a queue knows it by that. */
struct queue {
	uint64_t id;
	int kind;
	int name;		/* number of its name */
	int shut;		/* somebody is about to shut it down */
	int immediate;		/* at once: what is in it is dropped */
	uint32_t blind_deaths;	/* messages that the dead may have had where nobody sees them */
	uint32_t done;		/* task_done() was about to be called for so many */
};

/* What a worker counts. */
struct counts {
	uint64_t put, taken, bytes, again, opened, own_queues, aio, loans, polls, joins;
	uint64_t enomem, edquot, enobufs, enospc, emfile, timeouts;
};

/* Why a worker waits, for who looks what hangs. */
enum doing { NOTHING, OPENING, PUTTING, GETTING, LENDING, POLLING, IN_AIO, JOINING, LOOKING,
	     WITH_ITS_OWN, CLOSING };

/*
 * A worker's place. Its hand is where each message goes that it takes, before it says so:
 * what a killed one has taken and not told is still there to be seen. @blind: the queue,
 * plus 1, from which it takes one message into memory of its own, which goes with it.
 */
struct place {
	uint64_t ends_by;	/* when the call it is in is over; UINT64_MAX: not by itself */
	int doing;
	uint32_t at;		/* queue, plus 1 */
	uint32_t next;		/* number of its next message */
	uint32_t first;		/* the first one of whoever is here now */
	uint32_t blind;
	uint64_t stopped_after;	/* how long it took to see the end of the round */
	struct counts counts;
	char hand[BATCH][LONGEST];
};

/*
 * What is known of a message, beside its queue: its putter was about to put it; has put
 * it; has not, for the call failed; was killed, and nobody knows. Somebody has taken it;
 * a dead one had it in hand.
 */
enum { BEGUN = 1, PUT = 2, NEVER = 4, UNDECIDED = 8, TAKEN = 16, IN_A_DEAD_HAND = 32 };
#define QUEUE_SHIFT 8

struct round {
	int stop;
	uint64_t stopped_at;
	int lowered;		/* a user's limits have been, at some time */
	uint32_t nr_queues;
	struct queue queues[QUEUES];
	uint32_t current[NAMES];	/* queue under this name */
	char failure[512];	/* the first one; who writes it has set @failed */
	int failed;
	struct place places[PLACES];
	uint32_t known[PLACES][NUMBERS];
};

#endif
