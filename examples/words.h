/* SPDX-License-Identifier: MIT */
/* Counted words, for the demo: a hash table of letters in lower case. */
#ifndef WORDS_H
#define WORDS_H

#include <stdlib.h>
#include <string.h>

#define WORDS_SLOTS 32768

struct word {
	char *text;
	unsigned long count;
};

struct words {
	struct word slots[WORDS_SLOTS];
	unsigned long used;
	unsigned long total;
};

static inline void words_add(struct words *words, const char *text, size_t len, unsigned long count)
{
	unsigned long slot = 5381;

	for (size_t i = 0; i < len; i++)
		slot = slot * 33 + (unsigned char)text[i];
	for (;; slot++) {
		struct word *word = &words->slots[slot % WORDS_SLOTS];

		if (!word->text) {
			word->text = strndup(text, len);
			if (!word->text || ++words->used == WORDS_SLOTS)
				abort();
		} else if (strncmp(word->text, text, len) || word->text[len]) {
			continue;
		}
		word->count += count;
		words->total += count;
		return;
	}
}

/* Every run of letters is a word; they become lower case on the way. ASCII's letters. */
static inline void words_count(struct words *words, char *text, size_t len)
{
	size_t start = 0;

	for (size_t i = 0; i <= len; i++) {
		char c = i < len ? (char)(text[i] | 0x20) : ' ';

		if (c >= 'a' && c <= 'z') {
			text[i] = c;
			continue;
		}
		if (i > start)
			words_add(words, text + start, i - start, 1);
		start = i + 1;
	}
}

#endif
