/* SPDX-License-Identifier: GPL-2.0 */
/* What the parent does to the others during a round: one thing a call. */
#ifndef SOAK_TROUBLE_H
#define SOAK_TROUBLE_H

#include "soak.h"

void trouble(struct soak *s);

#endif
