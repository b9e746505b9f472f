/* SPDX-License-Identifier: GPL-2.0 */
/* Limits that are low enough to be met: of files, of memory, of the module's users. */
#ifndef SOAK_LIMITS_H
#define SOAK_LIMITS_H

#include "soak.h"
#include "worker.h"

void limits_begin(struct soak *s);	/* a memory cgroup, where that can be had */
void limits_end(struct soak *s);

/* By a new worker, on itself: by chance none, or one of them. */
void limits_impose(const struct soak *s, struct worker *w);

/* For all of the user's queues, for a while; and back. */
void limits_lower(struct soak *s);
void limits_restore(struct soak *s);

/* How many of the group the kernel has killed. */
uint64_t limits_oom_kills(const struct soak *s);

#endif
