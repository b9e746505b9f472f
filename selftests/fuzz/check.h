/* SPDX-License-Identifier: GPL-2.0 */
/* What holds for each call of the library, whatever it is given. */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* No error of the system. */
#define UNTOUCHED 4711

#define REQUIRE(condition)                                                                   \
	do {                                                                                 \
		if (!(condition)) {                                                          \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                             \
		}                                                                            \
	} while (0)

static inline long check_result(const char *call, long ret, const int *errors)
{
	if (errno != UNTOUCHED) {
		fprintf(stderr, "%s: has changed errno\n", call);
		abort();
	}
	if (ret >= 0)
		return ret;
	for (; *errors; errors++)
		if (ret == -*errors)
			return ret;
	fprintf(stderr, "%s: %ld is no error of that call\n", call, ret);
	abort();
}

/* A call that returns 0 or more, or one of these errors, and leaves errno alone. */
#define CALL(call, ...) \
	check_result(#call, (errno = UNTOUCHED, (long)(call)), (const int[]){ __VA_ARGS__, 0 })

#endif
