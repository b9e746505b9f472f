// SPDX-License-Identifier: MIT
/* Which backend new handles use. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "priv.h"

static const struct pyqi_backend *const backends[] = { &pyqi_kernel, &pyqi_shm };

int pyqi_backend(const char *wanted, const struct pyqi_backend **backend)
{
	PYQI_KEEP_ERRNO;

	if (!wanted)
		wanted = secure_getenv("PYQUEUE_BACKEND");
	if (!wanted || !*wanted) {
		*backend = access("/dev/pyqueue", F_OK) ? &pyqi_shm : &pyqi_kernel;
		return 0;
	}
	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
		if (!strcmp(wanted, backends[i]->name)) {
			*backend = backends[i];
			return 0;
		}
	}
	return -EINVAL;
}

bool pyqi_has_elsewhere(const struct pyqi_backend *backend, const char *name)
{
	PYQI_KEEP_ERRNO;
	const struct pyqi_backend *other = backend == &pyqi_kernel ? &pyqi_shm : &pyqi_kernel;

	return other->has(name);
}
