// SPDX-License-Identifier: MIT
/* Waiting by epoll: where there is no io_uring, or it is forbidden. */
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/epoll.h>

#include "aio.h"
#include "deadline.h"
#include "descriptor.h"

/* Events fetched at once. */
#define EVENTS 64

struct epoll {
	int fd;
};

static struct epoll *of(const pyq_aio *aio)
{
	return aio->state;
}

static int begin(pyq_aio *aio)
{
	struct epoll *e = malloc(sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->fd = pyqi_opened(epoll_create1(EPOLL_CLOEXEC));
	if (e->fd < 0) {
		int err = e->fd;

		free(e);
		return err;
	}
	aio->state = e;
	return 0;
}

/* What a child took out would be missing in its parent: closing does no harm. */
static void close_own(pyq_aio *aio, struct pyqi_aio_side *side)
{
	(void)aio;
	if (side->state != PYQI_AIO_LOOSE)
		close(side->own_fd);
}

static void end(pyq_aio *aio, bool ours)
{
	(void)ours;
	pyqi_aio_each_side(aio, close_own);
	close(of(aio)->fd);
	free(aio->state);
}

/*
 * What an event is of, by name: one may come for a side that is no more, if the host has
 * closed a descriptor that is ours, so that it could not be taken out. 0 is the timer.
 */
static uint64_t name_of(const struct pyqi_aio_side *side)
{
	return side->source->serial << 1 | (pyqi_aio_access(side) == PYQ_READ);
}

static struct pyqi_aio_side *named(const pyq_aio *aio, uint64_t name)
{
	return pyqi_aio_find_by(aio, name >> 1, name & 1 ? PYQ_READ : PYQ_WRITE);
}

static int control(pyq_aio *aio, int op, int fd, uint32_t events, uint64_t name)
{
	PYQI_KEEP_ERRNO;
	struct epoll_event event = { .events = events, .data.u64 = name };

	if (!epoll_ctl(of(aio)->fd, op, fd, &event))
		return 0;
	/* Over fs.epoll.max_user_watches, which is about memory. */
	return errno == ENOSPC ? -ENOMEM : -errno;
}

static int watch(pyq_aio *aio)
{
	return control(aio, EPOLL_CTL_ADD, aio->timer_fd, EPOLLIN, 0);
}

/*
 * By a descriptor of its own for each side: both sides of a queue may have the same one;
 * and by the queue's own it could not be taken out when the handle has been closed, but
 * would be told of for as long as others have the queue open.
 */
static int arm(pyq_aio *aio, struct pyqi_aio_side *side)
{
	PYQI_KEEP_ERRNO;
	struct pollfd pfd;
	uint32_t events;
	int err = pyq_pollfd(side->source->q, pyqi_aio_access(side), &pfd);

	if (err)
		return err;
	events = (uint16_t)pfd.events | EPOLLONESHOT;
	if (side->state == PYQI_AIO_SPENT) {
		err = control(aio, EPOLL_CTL_MOD, side->own_fd, events, name_of(side));
		if (!err)
			side->state = PYQI_AIO_ARMED;
		return err;
	}
	side->own_fd = pyqi_dup(pfd.fd);
	if (side->own_fd < 0)
		return side->own_fd;
	err = control(aio, EPOLL_CTL_ADD, side->own_fd, events, name_of(side));
	if (err)
		close(side->own_fd);
	else
		side->state = PYQI_AIO_ARMED;
	return err;
}

static void disarm(pyq_aio *aio, struct pyqi_aio_side *side)
{
	PYQI_KEEP_ERRNO;

	/* If that fails it is not ours any more. */
	if (!control(aio, EPOLL_CTL_DEL, side->own_fd, 0, 0))
		close(side->own_fd);
	side->state = PYQI_AIO_LOOSE;
}

static int wait_ms(const pyq_aio *aio, struct epoll_event *events, uint64_t until)
{
	uint64_t now = until == PYQI_NOWAIT || until == PYQI_FOREVER ? 0 : pyqi_now();
	uint64_t ms = until > now ? (until - now + 999999) / 1000000 : 0;

	if (until == PYQI_FOREVER)
		return epoll_wait(of(aio)->fd, events, EVENTS, -1);
	return epoll_wait(of(aio)->fd, events, EVENTS, ms < INT_MAX ? (int)ms : INT_MAX);
}

static int wait_ns(const pyq_aio *aio, struct epoll_event *events, uint64_t until)
{
	uint64_t now = until == PYQI_NOWAIT || until == PYQI_FOREVER ? 0 : pyqi_now();
	uint64_t ns = until > now ? until - now : 0;
	struct timespec timeout = {
		.tv_sec = (time_t)(ns / 1000000000),
		.tv_nsec = (long)(ns % 1000000000),
	};

	return epoll_pwait2(of(aio)->fd, events, EVENTS, until == PYQI_FOREVER ? NULL : &timeout,
			    NULL);
}

static int wait(pyq_aio *aio, uint64_t until)
{
	PYQI_KEEP_ERRNO;
	struct epoll_event events[EVENTS];
	int n = wait_ns(aio, events, until);

	/* Before Linux 5.11, or where a container does not know it. */
	if (n < 0 && (errno == ENOSYS || errno == EPERM))
		n = wait_ms(aio, events, until);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		struct pyqi_aio_side *side;

		if (!events[i].data.u64) {
			pyqi_aio_timer_rang(aio);
			continue;
		}
		side = named(aio, events[i].data.u64);
		if (side && side->state == PYQI_AIO_ARMED)
			pyqi_aio_told(aio, side, events[i].events & EPOLLERR ? -EUCLEAN : 0);
	}
	return 0;
}

static int look(pyq_aio *aio)
{
	return aio->pending || aio->timer_fd >= 0 ? wait(aio, PYQI_NOWAIT) : 0;
}

static int fd(const pyq_aio *aio)
{
	return of(aio)->fd;
}

const struct pyqi_aio_engine pyqi_aio_epoll = {
	.name = "epoll",
	.begin = begin,
	.end = end,
	.watch = watch,
	.arm = arm,
	.disarm = disarm,
	.look = look,
	.wait = wait,
	.fd = fd,
};
