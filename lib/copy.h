/* SPDX-License-Identifier: MIT */
/* Copies of a few dozen bytes, where a call would cost as much as the copy. */
#ifndef PYQI_COPY_H
#define PYQI_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The first and the last @size bytes, which may overlap. Constant sizes: no calls. */
static inline void pyqi_copy_ends(char *to, const char *from, size_t len, const size_t size)
{
	memcpy(to, from, size);
	memcpy(to + len - size, from + len - size, size);
}

static inline void pyqi_copy(void *dest, const void *source, size_t len)
{
	const char *from = source;
	char *to = dest;

	if (len > 64) {
		memcpy(to, from, len);
	} else if (len > 48) {
		pyqi_copy_ends(to, from, len, 16);
		pyqi_copy_ends(to + 16, from + 16, len - 32, 16);
	} else if (len > 32) {
		pyqi_copy_ends(to, from, len, 16);
		memcpy(to + 16, from + 16, 16);
	} else if (len >= 16) {
		pyqi_copy_ends(to, from, len, 16);
	} else if (len >= 8) {
		pyqi_copy_ends(to, from, len, 8);
	} else if (len >= 4) {
		pyqi_copy_ends(to, from, len, 4);
	} else if (len) {
		to[0] = from[0];
		to[len / 2] = from[len / 2];
		to[len - 1] = from[len - 1];
	}
}

#endif
