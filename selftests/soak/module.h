/* SPDX-License-Identifier: GPL-2.0 */
/* The module goes and comes, when nobody needs it, and not before. */
#ifndef SOAK_MODULE_H
#define SOAK_MODULE_H

#include "soak.h"

void module_find(struct soak *s);	/* PYQUEUE_MODULE names its file */
void module_reload(struct soak *s);
void module_try_to_unload(struct soak *s);	/* while it is in use */

#endif
