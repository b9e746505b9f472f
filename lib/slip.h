/* SPDX-License-Identifier: MIT */
/*
 * Who is quicker than the other side of a queue catches up with it, and from then on both
 * want the same cache lines at the same time: each message costs several transfers of a
 * line, and so both go on at that pace. So he lets the other get ahead a little, and then
 * has many messages, or much room, without meeting anybody.
 *
 * After "temporal slipping" in: Giacomoni, Moseley, Vachharajani, FastForward for
 * Efficient Pipeline Parallelism, PPoPP 2008.
 */
#ifndef PYQI_SLIP_H
#define PYQI_SLIP_H

#include "ring_ops.h"

/**
 * pyqi_slip() - let the other side get ahead, if it is under way
 * @q: the queue
 * @wait: what the caller has been waiting for, and could be done now
 * @deadline: until when at most
 *
 * Takes three microseconds at most, and a look where messages come one at a time.
 */
void pyqi_slip(pyq_queue *q, const struct pyqi_wait *wait, uint64_t deadline);

#endif
