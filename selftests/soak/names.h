/* SPDX-License-Identifier: GPL-2.0 */
/* The queues under the names: new ones, and the end of old ones. */
#ifndef SOAK_NAMES_H
#define SOAK_NAMES_H

#include "soak.h"

void names_begin(struct soak *s);	/* a queue for each */
void names_renew_one(struct soak *s);	/* another one for one of them */
void names_shut_one(struct soak *s);	/* it may get a new one then, or not yet */
void names_shut_all(struct soak *s);	/* those without a name too */
void names_end(struct soak *s);		/* there are none any more */

#endif
