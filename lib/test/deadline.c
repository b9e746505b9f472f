// SPDX-License-Identifier: MIT
/* Timeouts become deadlines, and a long one does not become one in the past. */
#include <time.h>

#include "../deadline.h"

#include "test.h"

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int main(void)
{
	uint64_t before, deadline = 4711;

	CHECK(!pyqi_deadline(PYQ_NOWAIT, &deadline) && deadline == PYQI_NOWAIT);
	CHECK(!pyqi_deadline(PYQ_FOREVER, &deadline) && deadline == PYQI_FOREVER);
	deadline = 4711;
	CHECK(pyqi_deadline(-2, &deadline) == -EINVAL && deadline == 4711);
	CHECK(pyqi_deadline(INT64_MIN, &deadline) == -EINVAL && deadline == 4711);

	before = now_ns();
	CHECK(!pyqi_deadline(PYQ_SECONDS(2.5), &deadline));
	CHECK(deadline >= before + 2500000000 && deadline <= now_ns() + 2500000000);
	CHECK(!pyqi_deadline(PYQ_MILLISECONDS(10), &deadline));
	CHECK(deadline >= before + 10000000 && deadline <= now_ns() + 10000000);
	CHECK(!pyqi_deadline(1, &deadline) && deadline > before);

	CHECK(!pyqi_deadline(INT64_MAX, &deadline) && deadline == PYQI_FOREVER);
	CHECK(pyqi_deadline_after(1, INT64_MAX - 1) == INT64_MAX);
	CHECK(pyqi_deadline_after(2, INT64_MAX - 1) == PYQI_FOREVER);
	CHECK(pyqi_deadline_after(UINT64_MAX - 1, 1) == PYQI_FOREVER);
	CHECK(pyqi_deadline_after(UINT64_MAX - 1, 5) == PYQI_FOREVER);
	return failures;
}
