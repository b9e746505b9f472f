/* SPDX-License-Identifier: MIT */
/* Trying for a little while, before it comes to sleeping. */
#ifndef PYQI_SPIN_H
#define PYQI_SPIN_H

#include <stdint.h>

#include "mapping.h"
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
 * @spinning: what is known of it; changes with what comes of it
 * @deadline: and until when
 * @attempt: has it happened
 * @arg: for that
 *
 * Return: what @attempt has said at last; false if there is to be no spinning.
 */
bool pyqi_spin_until(struct pyqi_spinning *spinning, uint64_t deadline, bool (*attempt)(void *arg),
		     void *arg);

/**
 * pyqi_spin_begin() - nothing is known of it yet
 * @spinning: to become so
 * @ns: how long at most; negative: as it is by default, nothing on one processor
 */
void pyqi_spin_begin(struct pyqi_spinning *spinning, int64_t ns);

#endif
