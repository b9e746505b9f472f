// SPDX-License-Identifier: GPL-2.0
/* The cases that KUnit has too, and one in which somebody is stopped in between. */
#include "stepped.h"
#include "ring_test.h"
#include "../../kmod/ring_cases_sleepers.h"

static struct pyqueue_waiters waiters;
static unsigned int looks;

/* He has looked who polls: others claim them, and they say it again, twice. */
static void others(const char *kind, const void *at)
{
	(void)kind, (void)at;
	if (++looks != 2)
		return;
	stepped.before = NULL;
	for (int i = 0; i < 2; i++) {
		pyq_pollers_claim(&waiters);
		pyq_pollers_announce(&waiters);
	}
}

/* Who comes late does not bring back a sequence on which somebody may be about to sleep. */
TEST(claims_pollers_late)
{
	pyq_pollers_announce(&waiters);
	stepped.before = others;
	EXPECT_FALSE(pyq_pollers_claim(&waiters));
	EXPECT_EQ(2, looks);
	EXPECT_EQ(2 * PYQUEUE_POLLED_STEP | PYQUEUE_POLLED, waiters.pollers);
}

TEST_HARNESS_MAIN
