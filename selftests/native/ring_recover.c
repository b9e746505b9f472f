// SPDX-License-Identifier: GPL-2.0
/* The cases that KUnit has too. */
#include "ring_test.h"
#include "../../kmod/ring_cases_recover.h"

TEST_HARNESS_MAIN
