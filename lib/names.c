// SPDX-License-Identifier: MIT
/* The names there are. */
#include "priv.h"

int pyq_list(int (*fn)(const struct pyq_name *name, void *arg), void *arg)
{
	return pyqi_backend()->list(fn, arg);
}
