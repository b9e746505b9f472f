/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For tests that come between any two of the ring's atomics: to stop a participant
 * there, to let another do something there, or to end it there. Included before the
 * ring's headers.
 *
 * Steps are taken by the thread that the test runs in.
 */
#ifndef STEPPED_H
#define STEPPED_H

#include <linux/types.h>

static struct {
	/* Before each step: its kind, and the word that it is about to touch. */
	void (*before)(const char *kind, const void *at);
	/* After a CAS that has changed the word at @at. */
	void (*changed)(const void *at, __u64 from, __u64 to);
} stepped;

static inline void stepped_before(const char *kind, const void *at)
{
	if (stepped.before)
		stepped.before(kind, at);
}

static inline void stepped_changed(const void *at, __u64 from, __u64 to)
{
	if (stepped.changed)
		stepped.changed(at, from, to);
}

#define pyq_step(kind, p) (stepped_before(kind, p), (p))
#define pyq_changed(done, p, from, to) ((done) && (stepped_changed(p, from, to), true))

#endif
