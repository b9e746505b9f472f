/* SPDX-License-Identifier: GPL-2.0 */
/* Messages that say which they are, and of which each byte is known. */
#ifndef SOAK_MESSAGE_H
#define SOAK_MESSAGE_H

#include "basics.h"

/* The longest that any queue takes, and the shortest that says who it is. */
#define LONGEST (64u << 10)
#define SHORTEST sizeof(struct label)

struct label {
	uint32_t queue;		/* into which it was put */
	uint32_t place;		/* whose: the putter's */
	uint32_t number;	/* the putter's count of messages in this round */
	uint32_t len;		/* bytes, with this */
	uint64_t sum;		/* of all these, and of the bytes behind */
};

/* The bytes follow from what is in @label, whose sum is set. */
void message_write(void *room, struct label label);

/* All of it, as it was written. */
bool message_is_whole(const void *room, size_t len);

#endif
