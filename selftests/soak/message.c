// SPDX-License-Identifier: GPL-2.0
#include "message.h"

static uint64_t key_of(const struct label *label)
{
	return mix((uint64_t)label->queue << 32 | label->place) ^
	       mix((uint64_t)label->number << 32 | label->len);
}

/* Eight bytes at a time, and the first of the next eight at the end. */
void message_write(void *room, struct label label)
{
	const uint64_t key = key_of(&label);
	char *to = (char *)room + sizeof(label), *end = (char *)room + label.len;
	uint64_t sum = key;

	for (uint64_t i = 0; to < end; i++, to += 8) {
		const uint64_t word = mix(key + i);
		const size_t left = (size_t)(end - to);

		memcpy(to, &word, left < 8 ? left : 8);
		sum = sum * 31 + word;
	}
	label.sum = sum;
	memcpy(room, &label, sizeof(label));
}

bool message_is_whole(const void *room, size_t len)
{
	const char *from = (const char *)room + sizeof(struct label);
	const char *end = (const char *)room + len;
	struct label label;
	uint64_t key, sum;

	if (len < SHORTEST || len > LONGEST)
		return false;
	memcpy(&label, room, sizeof(label));
	if (label.len != len)
		return false;
	sum = key = key_of(&label);
	for (uint64_t i = 0; from < end; i++, from += 8) {
		const uint64_t word = mix(key + i);
		const size_t left = (size_t)(end - from);

		if (memcmp(from, &word, left < 8 ? left : 8))
			return false;
		sum = sum * 31 + word;
	}
	return label.sum == sum;
}
