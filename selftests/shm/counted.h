/* SPDX-License-Identifier: GPL-2.0 */
/* For a library in which those who sleep and are called are counted. Included before all else. */
#ifndef SHM_COUNTED_H
#define SHM_COUNTED_H

#include <stdint.h>

/* A change of a word, if it is one that sleepers announce themselves in. */
void count_change(const void *at, uint64_t from, uint64_t to);

#define pyq_step(kind, p) (p)
#define pyq_changed(done, p, from, to) ((done) && (count_change(p, from, to), true))

#endif
