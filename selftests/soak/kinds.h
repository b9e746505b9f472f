/* SPDX-License-Identifier: GPL-2.0 */
/* The kinds of queues there are. */
#ifndef SOAK_KINDS_H
#define SOAK_KINDS_H

#include "round.h"

struct kind {
	const char *name;
	struct pyq_attr attr;
	unsigned int large;	/* one message in so many is larger than a slot, 0 for none */
	bool module_only;
};

extern const struct kind kinds[];

/* One of those that this backend has. */
int any_kind(struct chance *c, bool shm);

#endif
