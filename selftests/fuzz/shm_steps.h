/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For a library whose shared memory is spoilt before any of the ring's atomics. Included
 * before all else.
 */
#ifndef SHM_STEPS_H
#define SHM_STEPS_H

void shm_step(void);

#define pyq_step(kind, p) (shm_step(), (p))
#define pyq_changed(done, p, from, to) (done)

#endif
