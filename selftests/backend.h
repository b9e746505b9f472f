/* SPDX-License-Identifier: GPL-2.0 */
/* What the library works on. */
#ifndef SELFTESTS_BACKEND_H
#define SELFTESTS_BACKEND_H

#include <pyqueue.h>

#include <stdbool.h>
#include <string.h>

/* Is it about queues without the module? */
static inline bool on_shm(void)
{
	struct pyq_info info;

	return !pyq_info(&info) && !strcmp(info.backend, "shm");
}

#endif
