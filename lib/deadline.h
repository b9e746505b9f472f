/* SPDX-License-Identifier: MIT */
/*
 * From the timeouts of the public functions to points in time: a wait that is
 * interrupted, or made of several steps, then still ends when it should.
 */
#ifndef PYQI_DEADLINE_H
#define PYQI_DEADLINE_H

#include <time.h>

#include "priv.h"

/* Deadlines are CLOCK_MONOTONIC nanoseconds, except: */
#define PYQI_NOWAIT 0
#define PYQI_FOREVER UINT64_MAX

static inline uint64_t pyqi_deadline_after(uint64_t now, int64_t timeout)
{
	uint64_t deadline = now + (uint64_t)timeout;

	/* The kernel's clock is signed and will never show more than this. */
	return deadline < now || deadline > INT64_MAX ? PYQI_FOREVER : deadline;
}

static inline int pyqi_deadline(int64_t timeout, uint64_t *deadline)
{
	struct timespec now;

	if (timeout == PYQ_NOWAIT) {
		*deadline = PYQI_NOWAIT;
	} else if (timeout == PYQ_FOREVER) {
		*deadline = PYQI_FOREVER;
	} else if (timeout < 0) {
		return -EINVAL;
	} else {
		clock_gettime(CLOCK_MONOTONIC, &now);
		*deadline = pyqi_deadline_after(
			(uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec, timeout);
	}
	return 0;
}

#endif
