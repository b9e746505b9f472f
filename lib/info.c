// SPDX-License-Identifier: MIT
/* What this system offers. */
#include <string.h>

#include "priv.h"

int pyq_info(struct pyq_info *info)
{
	PYQI_NO_CANCEL;
	const struct pyqi_backend *backend;
	int err;

	memset(info, 0, sizeof(*info));
	info->features = info->text;
	err = pyqi_backend(NULL, &backend);
	if (err)
		return err;
	info->backend = backend->name;
	return backend->info(info);
}
