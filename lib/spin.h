/* SPDX-License-Identifier: MIT */
/* Trying for a little while, before it comes to sleeping. */
#ifndef PYQI_SPIN_H
#define PYQI_SPIN_H

#include "ring_ops.h"

/*
 * Try for as long as it has been of use lately, and not beyond @deadline. What a
 * handle's threads do to each other's time does not matter.
 *
 * Return: what the attempt returns.
 */
ssize_t pyqi_spin(pyq_queue *q, const struct pyqi_wait *wait, uint64_t deadline);

/**
 * pyqi_spin_until() - the same for whatever else somebody waits for
 * @spin: how long it has been of use, in nanoseconds; changes with what comes of it
 * @max: how long at most
 * @deadline: and until when
 * @attempt: has it happened
 * @arg: for that
 *
 * Return: what @attempt has said at last; false if there is to be no spinning.
 */
bool pyqi_spin_until(uint32_t *spin, uint32_t max, uint64_t deadline, bool (*attempt)(void *arg),
		     void *arg);

/* How long at most, if nobody has said otherwise: nothing on one processor. */
uint32_t pyqi_spin_default(void);

#endif
