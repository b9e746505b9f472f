// SPDX-License-Identifier: GPL-2.0
/* Waiting by poll() and epoll, and then taking what there is. */
#include "ways.h"

#include <poll.h>
#include <sys/epoll.h>

#define WAIT_MS 5

/* What was there may be another's by now. */
static void work(struct worker *w, bool put)
{
	for (unsigned int n = 1 + any(&w->chance, 4); n > 0 && !w->leave; n--)
		if (put ? put_within(w, PYQ_NOWAIT) : get_within(w, PYQ_NOWAIT))
			return;
}

void poll_and_work(struct worker *w)
{
	const bool put = one_in(&w->chance, 2);
	struct pollfd pfd;
	int err;

	begin(w, POLLING, PYQ_MILLISECONDS(WAIT_MS));
	err = pyq_pollfd(w->q, put ? PYQ_WRITE : PYQ_READ, &pfd);
	if (err) {
		may_fail(w, "pyq_pollfd()", err);
		return;
	}
	w->place->counts.polls++;
	if (poll(&pfd, 1, WAIT_MS) > 0)
		work(w, put);
}

static bool watch(struct worker *w, int epoll, unsigned int access, struct pollfd *pfd)
{
	struct epoll_event event = { .data.u32 = access };
	int err = pyq_pollfd(w->q, access, pfd);

	if (err) {
		may_fail(w, "pyq_pollfd()", err);
		return false;
	}
	event.events = (uint32_t)pfd->events;
	if (!epoll_ctl(epoll, EPOLL_CTL_ADD, pfd->fd, &event))
		return true;
	/* Of the module's queues both sides are one fd. */
	event.events |= EPOLLIN | EPOLLOUT;
	if (errno == EEXIST && !epoll_ctl(epoll, EPOLL_CTL_MOD, pfd->fd, &event))
		return true;
	may_fail(w, "epoll_ctl()", -errno);
	return false;
}

void poll_both_sides(struct worker *w)
{
	struct epoll_event events[2];
	struct pollfd pfds[2];
	int epoll, n;

	begin(w, POLLING, PYQ_MILLISECONDS(WAIT_MS));
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0) {
		may_fail(w, "epoll_create1()", -errno);
		return;
	}
	if (watch(w, epoll, PYQ_READ, &pfds[0]) && watch(w, epoll, PYQ_WRITE, &pfds[1])) {
		w->place->counts.polls++;
		n = epoll_wait(epoll, events, 2, WAIT_MS);
		if (n > 0 && !w->leave)
			work(w, one_in(&w->chance, 2));
	}
	close(epoll);
}
