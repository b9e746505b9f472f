/* SPDX-License-Identifier: MIT */
/*
 * From the timeouts of the public functions to points in time: a wait that is
 * interrupted, or made of several steps, then still ends when it should.
 */
#ifndef PYQI_DEADLINE_H
#define PYQI_DEADLINE_H

#include "priv.h"

/* Deadlines are CLOCK_MONOTONIC nanoseconds, except: */
#define PYQI_NOWAIT 0
#define PYQI_FOREVER UINT64_MAX

uint64_t pyqi_now(void);

static inline uint64_t pyqi_deadline_after(uint64_t now, int64_t timeout)
{
	uint64_t deadline = now + (uint64_t)timeout;

	/* The kernel's clock is signed and will never show more than this. */
	return deadline < now || deadline > INT64_MAX ? PYQI_FOREVER : deadline;
}

/**
 * pyqi_poll_until() - ppoll(), whatever signals come
 * @pfds: what to poll
 * @n: how many
 * @deadline: until when; it is over when pyqi_now() says so
 *
 * Return: how many are ready; 0: the time is over; or -errno.
 */
int pyqi_poll_until(struct pollfd *pfds, size_t n, uint64_t deadline);

int pyqi_deadline_from_now(int64_t timeout, uint64_t *deadline);

/* The first two are what they are in the library's own words. */
static inline int pyqi_deadline(int64_t timeout, uint64_t *deadline)
{
	if (timeout != PYQ_NOWAIT && timeout != PYQ_FOREVER)
		return pyqi_deadline_from_now(timeout, deadline);
	*deadline = (uint64_t)timeout;
	return 0;
}

_Static_assert((uint64_t)PYQ_NOWAIT == PYQI_NOWAIT, "not to wait");
_Static_assert((uint64_t)PYQ_FOREVER == PYQI_FOREVER, "to wait for ever");

#endif
