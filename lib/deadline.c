// SPDX-License-Identifier: MIT
/* From timeouts to points in time. */
#include <time.h>

#include "deadline.h"

int pyqi_deadline_from_now(int64_t timeout, uint64_t *deadline)
{
	struct timespec now;

	if (timeout < 0)
		return -EINVAL;
	clock_gettime(CLOCK_MONOTONIC, &now);
	*deadline = pyqi_deadline_after((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec,
					timeout);
	return 0;
}
