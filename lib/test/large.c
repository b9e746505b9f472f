// SPDX-License-Identifier: MIT
/*
 * Messages that do not fit a slot: where they are in the file does not depend on how large a page
 * of memory is, and what is mapped of it begins at one. So with few slots and with many.
 * And their parts do not lie together where others are in between.
 */
#include <stdlib.h>

#include <pyqueue.h>

#include "test.h"

#define BYTES 300000

static char sent[BYTES], got[BYTES];

static void there_and_back(int64_t maxsize, size_t payload)
{
	const struct pyq_attr attr = { .maxsize = maxsize, .payload = payload, .backend = "shm" };
	pyq_queue *q;

	CHECK(!pyq_create(&q, &attr));
	for (int i = 0; i < BYTES; i++)
		sent[i] = (char)(i * 7 + maxsize);
	CHECK(!pyq_put(q, sent, sizeof(sent), PYQ_NOWAIT));
	CHECK(pyq_get(q, got, sizeof(got), PYQ_NOWAIT) == sizeof(got));
	CHECK(!memcmp(sent, got, sizeof(got)));
	pyq_close(q);
}

/* Bytes of one or some blocks. */
static int part;

static void put(pyq_queue *q, int parts, int what)
{
	for (int i = 0; i < parts * part; i++)
		sent[i] = (char)(i / part * 31 + i * 7 + what);
	CHECK(!pyq_put(q, sent, (size_t)(parts * part) - 1, PYQ_NOWAIT));
}

static void get(pyq_queue *q, int parts, int what)
{
	memset(got, 0, sizeof(got));
	CHECK(pyq_get(q, got, sizeof(got), PYQ_NOWAIT) == parts * part - 1);
	for (int i = 0; i < parts * part - 1; i++)
		if (got[i] != (char)(i / part * 31 + i * 7 + what)) {
			CHECK(!"the message that was sent");
			return;
		}
}

/* Room for seven parts: the third message is in the last two and the first two. */
static void in_pieces(size_t payload, int part_size)
{
	const struct pyq_attr attr = {
		.maxsize = 8,
		.payload = payload,
		.max_bytes = 7 * (uint64_t)part_size,
		.backend = "shm",
	};
	struct pyq_stat stat;
	pyq_queue *q;

	part = part_size;
	CHECK(!pyq_create(&q, &attr));
	put(q, 3, 1);
	put(q, 2, 2);
	CHECK(!pyq_stat(q, &stat) && stat.max_bytes == 7 * (uint64_t)part);
	CHECK(stat.large_bytes == 5 * (uint64_t)part);
	get(q, 3, 1);
	put(q, 4, 3);
	get(q, 2, 2);
	put(q, 2, 4);
	get(q, 4, 3);
	CHECK(pyq_put(q, sent, (size_t)part * 5 + 1, PYQ_NOWAIT) == -ENOBUFS);
	get(q, 2, 4);
	pyq_close(q);
}

/* If nothing else is asked for there is room for four of the largest, whatever their blocks are. */
static void four(size_t max_msg)
{
	const struct pyq_attr attr = {
		.maxsize = 8,
		.payload = 65520,
		.max_msg = max_msg,
		.backend = "shm",
	};
	char *message = calloc(1, max_msg);
	pyq_queue *q;

	CHECK(message);
	CHECK(!pyq_create(&q, &attr));
	for (int i = 0; i < 4; i++)
		CHECK(!pyq_put(q, message, max_msg, PYQ_NOWAIT));
	CHECK(pyq_put(q, message, max_msg, PYQ_NOWAIT) == -ENOBUFS);
	pyq_close(q);
	free(message);
}

/* The smallest message that has no room in a slot takes a few blocks, which are @bytes. */
static void smallest(size_t payload, uint64_t bytes)
{
	const struct pyq_attr attr = { .maxsize = 1, .payload = payload, .backend = "shm" };
	struct pyq_stat stat;
	pyq_queue *q;

	CHECK(!pyq_create(&q, &attr));
	CHECK(!pyq_put(q, sent, pyq_payload(q) + 1, PYQ_NOWAIT));
	CHECK(!pyq_stat(q, &stat) && stat.large_bytes == bytes);
	pyq_close(q);
}

int main(void)
{
	four(20000001);
	smallest(0, 4096);
	smallest(20000, 5 * 4096);
	smallest(40000, 5 * 8192);
	smallest(65520, 4 * 16384);
	in_pieces(0, 4096);
	in_pieces(20000, 4 * 4096);
	in_pieces(40000, 4 * 8192);
	in_pieces(65520, 4 * 16384);
	for (int64_t maxsize = 1; maxsize <= 4096; maxsize *= 4)
		there_and_back(maxsize, 0);
	for (int64_t maxsize = 1; maxsize <= 64; maxsize *= 4)
		there_and_back(maxsize, 65520);
	return failures;
}
