// SPDX-License-Identifier: MIT
/* From timeouts to points in time. */
#include <time.h>

#include "deadline.h"

uint64_t pyqi_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int pyqi_deadline_from_now(int64_t timeout, uint64_t *deadline)
{
	if (timeout < 0)
		return -EINVAL;
	*deadline = pyqi_deadline_after(pyqi_now(), timeout);
	return 0;
}

int pyqi_poll_until(struct pollfd *pfds, size_t n, uint64_t deadline)
{
	for (;;) {
		const uint64_t now = deadline == PYQI_FOREVER ? 0 : pyqi_now();
		const uint64_t ns = deadline > now ? deadline - now : 0;
		const struct timespec timeout = {
			.tv_sec = (time_t)(ns / 1000000000),
			.tv_nsec = (long)(ns % 1000000000),
		};
		int ret = ppoll(pfds, n, deadline == PYQI_FOREVER ? NULL : &timeout, NULL);

		if (ret > 0)
			return ret;
		if (ret < 0 && errno != EINTR)
			return -errno;
		if (pyqi_now() >= deadline)
			return 0;
	}
}
