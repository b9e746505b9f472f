/* SPDX-License-Identifier: GPL-2.0 */
/* One queue in one epoll. */
#ifndef PYQUEUE_WATCHING_H
#define PYQUEUE_WATCHING_H

#include "pyqueue_test.h"

#include <sys/epoll.h>

/* An epoll that watches the queue alone. */
static inline int watching(int q, uint32_t events)
{
	struct epoll_event event = { .events = events };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	return ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, q, &event) ? -1 : ep;
}

/* The events of a watched queue; 0 if there are none within @ms. */
static inline int reported(int ep, int ms)
{
	struct epoll_event event = { };
	int n;

	do {
		n = epoll_wait(ep, &event, 1, ms);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : (int)event.events;
}

#endif
