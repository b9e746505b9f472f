/* SPDX-License-Identifier: MIT */
/* Copies of a few dozen bytes, where a call would cost as much as the copy. */
#ifndef PYQI_COPY_H
#define PYQI_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PYQI_COPY_SHORT 128

/* A chunk at each end; they may overlap. Constant sizes: no calls. */
#define PYQI_COPY_ENDS(to, from, len, size)                                           \
	do {                                                                          \
		memcpy((to), (from), (size));                                         \
		memcpy((to) + (len) - (size), (from) + (len) - (size), (size));       \
	} while (0)

static inline void pyqi_copy(void *dest, const void *source, size_t len)
{
	const char *from = source;
	char *to = dest;

	if (len > PYQI_COPY_SHORT) {
		memcpy(to, from, len);
	} else if (len >= 16) {
		for (size_t i = 0; i + 16 < len; i += 16)
			memcpy(to + i, from + i, 16);
		memcpy(to + len - 16, from + len - 16, 16);
	} else if (len >= 8) {
		PYQI_COPY_ENDS(to, from, len, 8);
	} else if (len >= 4) {
		PYQI_COPY_ENDS(to, from, len, 4);
	} else if (len) {
		to[0] = from[0];
		to[len / 2] = from[len / 2];
		to[len - 1] = from[len - 1];
	}
}

#endif
