// SPDX-License-Identifier: MIT
/* The names there are. */
#include "priv.h"

int pyq_list(int (*fn)(const struct pyq_name *name, void *arg), void *arg)
{
	PYQI_NO_CANCEL;
	const struct pyqi_backend *backend;
	int err = pyqi_backend(NULL, &backend);

	return err ? err : backend->list(fn, arg);
}
