// SPDX-License-Identifier: MIT
/*
 * words_merge RESULTS CONSUMERS FILE
 *
 * Adds up what so many consumers have put into the queue RESULTS. The sum goes to
 * FILE, a line "COUNT WORD" for each word; who did how much, to standard output.
 */
#include <pyqueue.h>
#include <stdio.h>

#include "words.h"

static struct words words;

static int fail(const char *what, long err)
{
	fprintf(stderr, "words_merge: %s: %s\n", what, pyq_strerror(err));
	return 1;
}

int main(int argc, char **argv)
{
	char line[128], name[64], word[64];
	unsigned long messages, counted, count;
	int consumers, err;
	pyq_queue *results;
	ssize_t len;
	FILE *file;

	if (argc != 4) {
		fprintf(stderr, "Usage: words_merge RESULTS CONSUMERS FILE\n");
		return 2;
	}
	err = pyq_open(&results, argv[1], PYQ_READ);
	if (err)
		return fail(argv[1], err);

	consumers = atoi(argv[2]);
	while (consumers > 0) {
		len = pyq_get(results, line, sizeof(line) - 1, PYQ_SECONDS(120));
		if (len < 0)
			return fail(argv[1], len);
		line[len] = '\0';
		if (sscanf(line, "= %63s %lu %lu", name, &messages, &counted) == 3) {
			printf("  %-10s %6lu messages %8lu words\n", name, messages, counted);
			consumers--;
		} else if (sscanf(line, "%lu %63s", &count, word) == 2) {
			words_add(&words, word, strlen(word), count);
		} else {
			fprintf(stderr, "words_merge: what is '%s'?\n", line);
			return 1;
		}
	}
	pyq_close(results);

	file = fopen(argv[3], "we");
	if (!file)
		return fail(argv[3], -errno);
	for (size_t i = 0; i < WORDS_SLOTS; i++)
		if (words.slots[i].text)
			fprintf(file, "%lu %s\n", words.slots[i].count, words.slots[i].text);
	if (fclose(file))
		return fail(argv[3], -errno);
	return 0;
}
