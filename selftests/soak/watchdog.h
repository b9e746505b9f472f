/* SPDX-License-Identifier: GPL-2.0 */
/* Nobody hangs; and who does is told about. */
#ifndef SOAK_WATCHDOG_H
#define SOAK_WATCHDOG_H

#include "soak.h"

void watchdog_look(struct soak *s);

#endif
