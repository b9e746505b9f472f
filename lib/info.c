// SPDX-License-Identifier: MIT
/* What this system offers. */
#include <string.h>

#include "priv.h"

int pyq_info(struct pyq_info *info)
{
	memset(info, 0, sizeof(*info));
	info->backend = pyqi_backend()->name;
	info->features = info->text;
	return pyqi_backend()->info(info);
}
