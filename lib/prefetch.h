/* SPDX-License-Identifier: MIT */
/*
 * A slot that is wanted soon, and to be written: its line is on another processor, and
 * it takes several messages' time to fetch it. How far ahead, and when, was measured,
 * with one who puts and one who gets on two processors: a message takes about half the
 * time. Putters who do the same gain no more, and lose where there is one thread.
 */
#ifndef PYQI_PREFETCH_H
#define PYQI_PREFETCH_H

#include <ring/ring.h>

#define PYQI_AHEAD 2

/* Beyond the last slot it is of no use, but does no harm: a prefetch never faults. */
static inline void pyqi_prefetch(const struct pyq_ring *r, const struct pyqueue_slot *slot)
{
	const char *line = (const char *)slot + PYQI_AHEAD * r->slot_size;

#if defined(__x86_64__)
	/* gcc's own for writing is one for reading, unless it is told of the processor. */
	__asm__ __volatile__("prefetchw %0" ::"m"(*line));
#else
	__builtin_prefetch(line, 1);
#endif
}

#endif
