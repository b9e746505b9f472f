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

#endif
