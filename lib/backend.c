// SPDX-License-Identifier: MIT
/* Which backend new handles use. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "priv.h"

const struct pyqi_backend *pyqi_backend(void)
{
	PYQI_KEEP_ERRNO;
	const char *wanted = secure_getenv("PYQUEUE_BACKEND");

	if (wanted && !strcmp(wanted, pyqi_shm.name))
		return &pyqi_shm;
	if (wanted && !strcmp(wanted, pyqi_kernel.name))
		return &pyqi_kernel;
	return access("/dev/pyqueue", F_OK) ? &pyqi_shm : &pyqi_kernel;
}
