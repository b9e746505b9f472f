/* SPDX-License-Identifier: GPL-2.0 */
/* What a fuzzer's bytes are read as, from the first on. When there are no more they are 0. */
#ifndef INPUT_H
#define INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct input {
	const uint8_t *at;
	const uint8_t *end;
};

static inline bool input_is_over(const struct input *in)
{
	return in->at == in->end;
}

static inline uint8_t input_byte(struct input *in)
{
	return input_is_over(in) ? 0 : *in->at++;
}

/* @bytes of a number, the lowest first. */
static inline uint64_t input_number(struct input *in, unsigned int bytes)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < bytes; i++)
		value |= (uint64_t)input_byte(in) << 8 * i;
	return value;
}

/* At most @size bytes, as many as the first of them says. Return: how many. */
static inline size_t input_bytes(struct input *in, void *buf, size_t size)
{
	const size_t left = (size_t)(in->end - in->at);
	size_t n = input_byte(in);

	n = n < size ? n : size;
	n = left && n > left - 1 ? left - 1 : n;
	n = left ? n : 0;
	memcpy(buf, in->at, n);
	in->at += n;
	return n;
}

#endif
