/* SPDX-License-Identifier: MIT */
/*
 * A slot that is wanted soon, and to be written: its lines are on another processor, and
 * it takes several messages' time to fetch them. How far ahead, when, and who asks for
 * what was measured, with one who puts and one who gets on two processors: a message takes
 * about half the time. For their first line putters who do the same gain no more, and lose
 * where there is one thread.
 */
#ifndef PYQI_PREFETCH_H
#define PYQI_PREFETCH_H

#include <ring/ring.h>

#define PYQI_AHEAD 2

/*
 * Bytes of a slot for which it is worth it. Of longer messages as many lines are under way anyway
 * as a processor can have: asking for others before makes it slower.
 */
#define PYQI_PREFETCH_MAX (2048 + PYQI_LINE)

#define PYQI_LINE 64

static inline void pyqi_prefetch_line(const char *line)
{
#if defined(__x86_64__)
	/* gcc's own for writing is one for reading, unless it is told of the processor. */
	__asm__ __volatile__("prefetchw %0" ::"m"(*line));
#else
	__builtin_prefetch(line, 1);
#endif
}

/* Beyond the last slot it is of no use, but does no harm: a prefetch never faults. */
static inline const char *pyqi_slot_ahead(const struct pyq_ring *r, const struct pyqueue_slot *slot)
{
	return (const char *)slot + PYQI_AHEAD * r->slot_size;
}

/* For who gets: the line with the word. */
static inline void pyqi_prefetch(const struct pyq_ring *r, const struct pyqueue_slot *slot)
{
	pyqi_prefetch_line(pyqi_slot_ahead(r, slot));
}

/* For who puts: the other lines, if the next messages are as long as this one, @len bytes. */
static inline void pyqi_prefetch_rest(const struct pyq_ring *r, const struct pyqueue_slot *slot,
				      size_t len)
{
	const size_t end = sizeof(*slot) + len;

	if (__builtin_expect(end <= PYQI_LINE, 1) || end > PYQI_PREFETCH_MAX)
		return;
	for (size_t at = PYQI_LINE; at < end; at += PYQI_LINE)
		pyqi_prefetch_line(pyqi_slot_ahead(r, slot) + at);
}

#endif
