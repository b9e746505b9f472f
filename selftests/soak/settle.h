/* SPDX-License-Identifier: GPL-2.0 */
/* At the end of a round: what is left is taken, and each message accounted for. */
#ifndef SOAK_SETTLE_H
#define SOAK_SETTLE_H

#include "soak.h"

void settle(struct soak *s);

#endif
