/* SPDX-License-Identifier: GPL-2.0 */
/* Workers that come and go, and stand still. */
#ifndef SOAK_CREW_H
#define SOAK_CREW_H

#include "soak.h"

void crew_fill(struct soak *s);		/* where nobody is, somebody begins */
void crew_kill_one(struct soak *s);
void crew_stop_one(struct soak *s);
void crew_continue_one(struct soak *s);
void crew_continue_all(struct soak *s);
void crew_bury(struct soak *s);		/* whoever has died meanwhile */
bool crew_is_gone(const struct soak *s);

#endif
