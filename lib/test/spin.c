// SPDX-License-Identifier: MIT
/* Who waits tries for as long as that has been of use, and where it is of none hardly ever. */
#include "../deadline.h"
#include "../relax.h"
#include "../slip.h"

#include "test.h"

static uint64_t clock_ns;

static uint64_t clock_now(void)
{
	return clock_ns;
}

static void wait_a_little(unsigned int times)
{
	(void)times;
	clock_ns += 100;
}

#define pyqi_now clock_now
#define pyqi_relax wait_a_little
#include "../spin.c"
#undef pyqi_now
#undef pyqi_relax

/* There is no ring here. */
void pyqi_slip(pyq_queue *q, const struct pyqi_wait *wait, uint64_t deadline)
{
	(void)q;
	(void)wait;
	(void)deadline;
}

static struct pyqi_spinning spinning;
static unsigned int tries;

static bool happens_after(void *ns)
{
	tries++;
	return clock_ns >= *(uint64_t *)ns;
}

/*
 * Waits for what happens @ns later. Return: for how long that has been tried. The clock
 * does not say that it is time for the longest.
 */
static uint64_t waits(uint64_t ns, uint64_t deadline)
{
	const uint64_t begin = clock_ns |= 1 << NOW_AND_THEN_SHIFT;
	uint64_t when = begin + ns;
	bool done;

	if (deadline < PYQI_FOREVER)
		deadline += begin;
	tries = 0;
	done = pyqi_spin_until(&spinning, deadline, happens_after, &when);
	CHECK(done == (tries && clock_ns >= when));
	return clock_ns - begin;
}

#define NEVER (PYQI_FOREVER / 2)

/* How many waits in vain go by before there is one with a try; at most 100. */
static unsigned int left_out(uint64_t deadline)
{
	unsigned int n = 0;

	for (waits(NEVER, deadline); !tries && n < 100; waits(NEVER, deadline))
		n++;
	return n;
}

int main(void)
{
	/* As long as it is of use, twice as long each time; half as long where it is not. */
	pyqi_spin_begin(&spinning, 16000);
	CHECK(waits(1000000, PYQI_FOREVER) == 8000);
	CHECK(waits(1000000, PYQI_FOREVER) == 4000);
	CHECK(waits(1000, PYQI_FOREVER) == 1000);
	CHECK(waits(5000, PYQI_FOREVER) == 5000);
	CHECK(waits(1000, PYQI_FOREVER) == 1000);
	CHECK(waits(1000000, PYQI_FOREVER) == 16000);

	/* Not beyond the deadline, which says nothing of whether a longer try is of use. */
	spinning.ns = 16000;
	CHECK(waits(1000000, 500) == 500);
	CHECK(waits(1000000, 0) == 100);
	CHECK(spinning.ns == 16000);

	/* Not below what a call takes; where that has been in vain hardly ever, and then longest. */
	pyqi_spin_begin(&spinning, 16000);
	for (int i = 0; i < 2; i++)
		waits(1000000, PYQI_FOREVER);
	CHECK(waits(1000000, PYQI_FOREVER) == 3000);
	CHECK(waits(1000000, PYQI_FOREVER) == 0 && !tries);
	CHECK(waits(1000000, PYQI_FOREVER) == 16000 && tries);
	CHECK(left_out(PYQI_FOREVER) == 3);
	CHECK(left_out(PYQI_FOREVER) == 7);
	CHECK(left_out(PYQI_FOREVER) == 15);
	CHECK(left_out(PYQI_FOREVER) == 15);

	/* Once it is of use it is tried each time. */
	for (unsigned int i = 0; i < 15; i++)
		CHECK(waits(1000, PYQI_FOREVER) == 0);
	for (int i = 0; i < 10; i++)
		CHECK(waits(1000, PYQI_FOREVER) == 1000);

	/* From there on it begins as before. */
	spinning.ns = 3000;
	CHECK(waits(1000000, PYQI_FOREVER) == 3000);
	CHECK(left_out(PYQI_FOREVER) == 1);

	/* Who has no time to sleep tries, which says nothing. */
	CHECK(waits(1000000, 2900) == 2900);
	CHECK(spinning.left_out == 3);
	CHECK(waits(1000000, 3000) == 0 && !tries);
	spinning.left_out = 3;
	CHECK(waits(1000, 2900) == 1000);
	CHECK(waits(1000, PYQI_FOREVER) == 1000);

	/* Who has some is no exception, although each try ends with his time. */
	pyqi_spin_begin(&spinning, 1000000);
	for (int i = 0; i < 50; i++)
		waits(1000000, 10000);
	CHECK(left_out(10000) <= 15);
	CHECK(left_out(10000) == 15);

	/* One time in eight, by the clock, as long as it may be. */
	pyqi_spin_begin(&spinning, 16000);
	spinning.ns = 3000;
	for (int i = 0; i < 8; i++) {
		const uint64_t begin = clock_ns = (uint64_t)i << NOW_AND_THEN_SHIFT;
		uint64_t never = PYQI_FOREVER;

		spinning.left_out = spinning.in_vain = 0;
		CHECK(!pyqi_spin_until(&spinning, PYQI_FOREVER, happens_after, &never));
		CHECK(clock_ns - begin == (i ? 3000 : 16000));
	}

	/* A wish for less than what a call takes, and for none at all. */
	pyqi_spin_begin(&spinning, 1000);
	CHECK(waits(1000000, PYQI_FOREVER) == 1000);
	CHECK(left_out(PYQI_FOREVER) == 1);
	pyqi_spin_begin(&spinning, 0);
	CHECK(waits(1000000, PYQI_FOREVER) == 0 && !tries);

	/* What another thread has wished meanwhile counts from the next time on. */
	spinning.ns = 16000;
	CHECK(waits(1000000, PYQI_FOREVER) == 0 && !tries);
	pyqi_spin_begin(&spinning, 16000);
	spinning.ns = 0;
	CHECK(waits(1000000, PYQI_FOREVER) == 3000);
	pyqi_spin_begin(&spinning, 4000);
	spinning.ns = 16000;
	CHECK(waits(1000000, PYQI_FOREVER) == 4000);
	return failures;
}
