/* SPDX-License-Identifier: GPL-2.0 */
/* Messages that say which they are, and an account of each. */
#ifndef KILL_STORM_MESSAGES_H
#define KILL_STORM_MESSAGES_H

#include "../pyqueue_test.h"

#include <pyqueue.h>

#define PUTTERS 4
#define GETTERS 4
#define ALL (PUTTERS + GETTERS)

/* Who kills the others puts as well, under a number of his own, and gets. */
#define SELF_PUTS PUTTERS
#define SELF_GETS GETTERS

#define BATCH 3
#define LARGE 9000

/* Messages of a putter in one round. */
#define NUMBERS (1u << 20)

/*
 * What is known of a number, in memory that survives them all. A putter says that
 * it begins, and that it has put; a getter that it has taken, and with how many
 * deliveries before. A get that has returned is over, so nothing is taken twice.
 * What was put and not taken was in the hand of a getter that was killed: then it
 * is still there to be seen. What was to come from a bad address, or was discarded,
 * is never put.
 */
enum { BEGUN = 1, PUT = 2, TAKEN = 4, IN_A_DEAD_HAND = 8, NEVER = 16, DELIVERIES = 1 << 8 };

struct message {
	uint64_t number;
	uint32_t putter;
	uint32_t check[9];
	unsigned char rest[LARGE - 48];
};

/* The last message of a putter in a round: whoever gets one goes. */
#define END UINT64_MAX

/* What a getter has just got, and what the one before in its place has seen. */
struct hand {
	struct message room[BATCH];
	struct pyq_msg msgs[BATCH];
	uint64_t last_id;
	uint64_t next[PUTTERS + 1];
};

enum { GO, STOP_AND_SAY_SO, STOP };

struct account {
	int stop;
	int given_back;			/* in this round: order does not tell */
	uint64_t base[PUTTERS + 1];	/* the first number of the round */
	uint64_t next[PUTTERS + 1];	/* the number that a putter goes on with */
	struct hand hands[GETTERS + 1];
	uint16_t known[PUTTERS + 1][NUMBERS];
};

static size_t length_of(uint64_t number, bool large)
{
	return large && number % 16 == 0 ? LARGE : offsetof(struct message, rest);
}

static void write_message(struct message *m, uint32_t putter, uint64_t number)
{
	m->number = number;
	m->putter = putter;
	for (int i = 0; i < 9; i++)
		m->check[i] = number * 31 + putter + i;
	memset(m->rest, (int)(number + putter), sizeof(m->rest));
}

/* All of it, and no other's. */
static bool is_whole(const struct message *m, size_t len)
{
	const unsigned char byte = m->number + m->putter;

	for (int i = 0; i < 9; i++)
		if (m->check[i] != (uint32_t)(m->number * 31 + m->putter + i))
			return false;
	return len < LARGE || (m->rest[0] == byte &&
			       !memcmp(m->rest, m->rest + 1, sizeof(m->rest) - 1));
}

static uint16_t *known_of(struct account *a, uint32_t putter, uint64_t number)
{
	return &a->known[putter][number - a->base[putter]];
}

static void add_known(struct account *a, uint32_t putter, uint64_t number, uint16_t what)
{
	__atomic_fetch_or(known_of(a, putter, number), what, __ATOMIC_SEQ_CST);
}

static bool is_of_this_round(const struct account *a, uint32_t putter, uint64_t number)
{
	return putter <= PUTTERS && number >= a->base[putter] && number < load(&a->next[putter]);
}

#endif
