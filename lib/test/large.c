// SPDX-License-Identifier: MIT
/*
 * Messages that do not fit a slot: where they are in the file does not depend on how large a page
 * of memory is, and what is mapped of it begins at one. So with few slots and with many.
 * And their parts do not lie together where others are in between.
 */
#include <pyqueue.h>

#include "test.h"

#define BYTES 300000

static char sent[BYTES], got[BYTES];

static void there_and_back(int64_t maxsize)
{
	pyq_queue *q;

	CHECK(!pyq_create(&q, &(struct pyq_attr){ .maxsize = maxsize, .backend = "shm" }));
	for (int i = 0; i < BYTES; i++)
		sent[i] = (char)(i * 7 + maxsize);
	CHECK(!pyq_put(q, sent, sizeof(sent), PYQ_NOWAIT));
	CHECK(pyq_get(q, got, sizeof(got), PYQ_NOWAIT) == sizeof(got));
	CHECK(!memcmp(sent, got, sizeof(got)));
	pyq_close(q);
}

#define PART 4096

static void put(pyq_queue *q, int parts, int what)
{
	for (int i = 0; i < parts * PART; i++)
		sent[i] = (char)(i / PART * 31 + i * 7 + what);
	CHECK(!pyq_put(q, sent, (size_t)parts * PART - 1, PYQ_NOWAIT));
}

static void get(pyq_queue *q, int parts, int what)
{
	memset(got, 0, sizeof(got));
	CHECK(pyq_get(q, got, sizeof(got), PYQ_NOWAIT) == parts * PART - 1);
	for (int i = 0; i < parts * PART - 1; i++)
		if (got[i] != (char)(i / PART * 31 + i * 7 + what)) {
			CHECK(!"the message that was sent");
			return;
		}
}

/* Room for seven parts: the third message is in the last and the first two, before the fourth. */
static void in_pieces(void)
{
	const struct pyq_attr attr = { .maxsize = 8, .max_bytes = 7 * PART, .backend = "shm" };
	pyq_queue *q;

	CHECK(!pyq_create(&q, &attr));
	put(q, 3, 1);
	put(q, 2, 2);
	get(q, 3, 1);
	put(q, 4, 3);
	put(q, 1, 4);
	get(q, 2, 2);
	get(q, 4, 3);
	get(q, 1, 4);
	pyq_close(q);
}

int main(void)
{
	in_pieces();
	for (int64_t maxsize = 1; maxsize <= 4096; maxsize *= 4)
		there_and_back(maxsize);
	return failures;
}
