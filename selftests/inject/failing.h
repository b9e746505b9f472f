/* SPDX-License-Identifier: GPL-2.0 */
/* How a function is made to fail: for those files that the linker puts between. */
#ifndef FAILING_H
#define FAILING_H

#include <errno.h>

#include "faults.h"

/* Is this the call? Return: the error, or 0. @errors end with a 0. */
int fails(const char *name, const int *errors);

#define FAILS(name, ...) fails(name, (const int[]){ __VA_ARGS__, 0 })

/* FAILING(type, what it returns then, name, parameters, arguments, errors...): it sets errno */
#define FAILING(type, failed, name, parameters, arguments, ...)              \
	type __real_##name parameters;                                       \
	type __wrap_##name parameters;                                       \
	type __wrap_##name parameters                                        \
	{                                                                    \
		const int err = FAILS(#name, __VA_ARGS__);                   \
									     \
		if (!err)                                                    \
			return __real_##name arguments;                      \
		errno = err;                                                 \
		return failed;                                               \
	}

/* One that returns the error. */
#define RETURNING(failed, name, parameters, arguments, ...)                  \
	int __real_##name parameters;                                        \
	int __wrap_##name parameters;                                        \
	int __wrap_##name parameters                                         \
	{                                                                    \
		const int err = FAILS(#name, __VA_ARGS__);                   \
									     \
		return err ? failed : __real_##name arguments;               \
	}

#endif
