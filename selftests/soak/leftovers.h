/* SPDX-License-Identifier: GPL-2.0 */
/* Between rounds there is nothing that was not there at the beginning. */
#ifndef SOAK_LEFTOVERS_H
#define SOAK_LEFTOVERS_H

#include "soak.h"

void leftovers_begin(struct soak *s);

/* Of the process, and of the queues of its user. */
void leftovers_look(struct soak *s);

/* Of memory: it may go up and down, but not only up. */
void leftovers_weigh(struct soak *s);

/* From where to where it went. */
void leftovers_say(void);

#endif
