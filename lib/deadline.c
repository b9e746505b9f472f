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
