/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/* The slot word: lap:32 | owner:16 | deliveries:8 | flags:4 | state:4. */
#ifndef PYQ_RING_WORD_H
#define PYQ_RING_WORD_H

#include <linux/pyqueue.h>

static inline __u32 pyq_word_lap(__u64 word)
{
	return (__u32)(word >> PYQUEUE_WORD_LAP_SHIFT);
}

static inline __u16 pyq_word_owner(__u64 word)
{
	return (__u16)(word >> PYQUEUE_WORD_OWNER_SHIFT);
}

static inline __u8 pyq_word_deliveries(__u64 word)
{
	return (__u8)(word >> PYQUEUE_WORD_DELIVERIES_SHIFT);
}

static inline unsigned int pyq_word_flags(__u64 word)
{
	return (word >> PYQUEUE_WORD_FLAGS_SHIFT) & 0xf;
}

static inline unsigned int pyq_word_state(__u64 word)
{
	return word & 0xf;
}

static inline __u64 pyq_word(__u32 lap, __u16 owner, __u8 deliveries, unsigned int flags,
			     enum pyqueue_state state)
{
	return (__u64)lap << PYQUEUE_WORD_LAP_SHIFT | (__u64)owner << PYQUEUE_WORD_OWNER_SHIFT |
	       (__u64)deliveries << PYQUEUE_WORD_DELIVERIES_SHIFT |
	       (__u64)flags << PYQUEUE_WORD_FLAGS_SHIFT | state;
}

/* The same message in another state and in another's hands. */
static inline __u64 pyq_word_turn(__u64 word, __u16 owner, enum pyqueue_state state)
{
	const __u64 kept = ~(0xffffULL << PYQUEUE_WORD_OWNER_SHIFT | 0xfULL);

	return (word & kept) | (__u64)owner << PYQUEUE_WORD_OWNER_SHIFT | state;
}

/* Ready for the position one lap on. */
static inline __u64 pyq_word_freed(__u64 word)
{
	return ((word >> PYQUEUE_WORD_LAP_SHIFT) + 1) << PYQUEUE_WORD_LAP_SHIFT;
}

#endif
