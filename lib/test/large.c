// SPDX-License-Identifier: MIT
/*
 * Messages that do not fit a slot: where they are in the file does not depend on how large a page
 * of memory is, and what is mapped of it begins at one. So with few slots and with many.
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

int main(void)
{
	for (int64_t maxsize = 1; maxsize <= 4096; maxsize *= 4)
		there_and_back(maxsize);
	return failures;
}
