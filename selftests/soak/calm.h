/* SPDX-License-Identifier: GPL-2.0 */
/* When all is still, nobody sleeps beside what he waits for. */
#ifndef SOAK_CALM_H
#define SOAK_CALM_H

#include "soak.h"

/*
 * The round is over, and no queue has been shut down for that: those with a timeout go,
 * and those who wait as long as it takes are left.
 */
void calm(struct soak *s);

#endif
