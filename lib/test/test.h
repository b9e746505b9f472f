/* SPDX-License-Identifier: MIT */
/* Checks of the library's tests. A program exits with the number of those that failed, up to 1. */
#ifndef TEST_H
#define TEST_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SKIPPED 77

static int failures;

#define CHECK(condition)                                                                \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			failures = 1;                                                   \
		}                                                                       \
	} while (0)

/* No system call sets errno to this. */
#define UNTOUCHED 4711

/* The value of a call, which must not have changed errno. */
#define KEEPS_ERRNO(call)                  \
	__extension__({                    \
		errno = UNTOUCHED;         \
		__auto_type ret_ = (call); \
		CHECK(errno == UNTOUCHED); \
		ret_;                      \
	})

#endif
