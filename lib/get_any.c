// SPDX-License-Identifier: MIT
/* A message of whichever queue has one. */
#include <stdlib.h>

#include "deadline.h"
#include "priv.h"

/* So many queues need no memory. */
#define FEW 64

/*
 * One look at each, the first after the last one's turn. Who is at its end is ready for
 * ever: it is not to be asked about any more.
 */
static ssize_t try_each(pyq_queue *const *qs, size_t n, size_t *which, void *buf, size_t size,
			struct pollfd *pfds)
{
	const size_t first = *which < n ? *which + 1 : 0;
	size_t ended = 0;

	for (size_t i = 0; i < n; i++) {
		const size_t at = (first + i) % n;
		ssize_t ret = qs[at]->backend->get(qs[at], buf, size, PYQI_NOWAIT);

		if (ret == -ESHUTDOWN) {
			ended++;
			if (pfds)
				pfds[at].fd = -1;
		} else if (ret != -EAGAIN) {
			*which = at;
			return ret;
		}
	}
	return ended == n ? -ESHUTDOWN : -EAGAIN;
}

static int prepare(pyq_queue *const *qs, size_t n, size_t *which, struct pollfd *pfds)
{
	for (size_t i = 0; i < n; i++) {
		int err = pyq_pollfd(qs[i], PYQ_READ, &pfds[i]);

		if (err) {
			*which = i;
			return err;
		}
	}
	return 0;
}

/* Return: 0 it may be worth a try; -ETIMEDOUT; or an error of the one in @which. */
static int wait_until(struct pollfd *pfds, size_t n, size_t *which, uint64_t deadline)
{
	int ret = pyqi_poll_until(pfds, n, deadline);

	if (ret < 0)
		return ret;
	/* The module's word: a broken queue's own memory may deny it. */
	for (size_t i = 0; ret > 0 && i < n; i++) {
		if (pfds[i].fd >= 0 && pfds[i].revents & (POLLERR | POLLNVAL)) {
			*which = i;
			return pfds[i].revents & POLLERR ? -EUCLEAN : -EBADF;
		}
	}
	/* Also if one is ready again and again, and others are quicker. */
	return pyqi_now() >= deadline ? -ETIMEDOUT : 0;
}

static ssize_t wait_for_any(pyq_queue *const *qs, size_t n, size_t *which, void *buf, size_t size,
			    uint64_t deadline, struct pollfd *pfds)
{
	ssize_t ret = prepare(qs, n, which, pfds);
	int over = 0;

	if (ret)
		return ret;
	/* A last look after the time is over: success comes first. */
	while ((ret = try_each(qs, n, which, buf, size, pfds)) == -EAGAIN && !over)
		over = wait_until(pfds, n, which, deadline);
	return ret == -EAGAIN ? over : ret;
}

ssize_t pyq_get_any(pyq_queue *const *qs, size_t n, size_t *which, void *buf, size_t size,
		    int64_t timeout)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	struct pollfd few[FEW], *pfds = few;
	uint64_t deadline;
	ssize_t ret = pyqi_deadline(timeout, &deadline);

	if (!ret && !n)
		ret = -EINVAL;
	if (!ret)
		ret = try_each(qs, n, which, buf, size, NULL);
	if (ret != -EAGAIN || deadline == PYQI_NOWAIT)
		return ret;
	if (n > FEW) {
		pfds = calloc(n, sizeof(*pfds));
		if (!pfds)
			return -ENOMEM;
	}
	ret = wait_for_any(qs, n, which, buf, size, deadline, pfds);
	if (pfds != few)
		free(pfds);
	return ret;
}
