/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For a library that can be killed before each of the ring's atomics, and after the
 * last. Included before all else.
 */
#ifndef SHM_KILL_H
#define SHM_KILL_H

#include <stdint.h>

/**
 * struct kill - in memory that survives who is killed
 * @at: at which step; 0 for never
 * @steps: how many have been made
 * @published: a slot became READY by a CAS
 * @released: a slot became FREE for its next lap by a CAS
 */
struct kill {
	uint64_t at;
	uint64_t steps;
	uint64_t published;
	uint64_t released;
};

/* NULL: nobody is to be killed. */
extern struct kill *kill_me;

void kill_step(void);
void kill_changed(const void *at, uint64_t from, uint64_t to);

#define pyq_step(kind, p) (kill_step(), (p))
#define pyq_changed(done, p, from, to) ((done) && (kill_changed(p, from, to), true))

#endif
