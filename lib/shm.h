/* SPDX-License-Identifier: MIT */
/*
 * What the shm backend adds to a ring: in the first page, behind the header that
 * it has in common with the kernel's queues.
 */
#ifndef PYQI_SHM_H
#define PYQI_SHM_H

#include <stdint.h>

#include "priv.h"

#define PYQI_SHM_OFFSET 2048

/* Owner numbers are 1 to this; a handle has one. */
#define PYQI_OWNERS 4095

/**
 * struct pyqi_shm - shared by all who have the queue open
 * @owners: which owner numbers are in use, or were by somebody who died
 * @committed: blocks that have memory
 * @nr_blocks: blocks for large messages
 * @hint: where a free one may be
 * @looked: when somebody has last looked who is alive, in nanoseconds
 */
struct pyqi_shm {
	__u64 owners[(PYQI_OWNERS + 1) / 64];
	__u64 committed;
	uint32_t nr_blocks;
	uint32_t hint;
	__u64 looked;
};

_Static_assert(sizeof(struct pyqueue_header) <= PYQI_SHM_OFFSET, "the header's place");
_Static_assert(PYQI_SHM_OFFSET + sizeof(struct pyqi_shm) <= PYQUEUE_HEADER_SIZE, "its own");

#endif
