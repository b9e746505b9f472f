// SPDX-License-Identifier: MIT
/*
 * A slot says that its message is large, where there has been none, so that nothing is mapped;
 * and memory for them is there as soon as it has been looked whether there is some.
 */
#include "../blocks.h"
#include "../forked.h"
#include "../shm.h"

#include "test.h"

static struct pyqi_shm shm;
static unsigned int looks;

static uint64_t load(const void *word)
{
	if (word == &shm.committed)
		return looks++ ? 64 : 0;
	return *(const uint64_t *)word;
}

#undef pyq_load_acquire
#define pyq_load_acquire(word) load(word)
#include "../blocks.c"

static pyq_queue q;
static char memory[PYQUEUE_HEADER_SIZE + 64] __attribute__((aligned(64)));

int main(void)
{
	const struct pyq_op op = { .len = 5000 };
	char data[5000];
	uint32_t first;

	q.map.shm = &shm;
	q.map.nr_blocks = 64;
	q.map.block_size = PYQI_BLOCK_MIN;
	pyq_ring_init(&q.map.ring, memory, 1, 64, 1);
	CHECK(pyqi_blocks_get(&q, &op, data, &first) == -EUCLEAN);
	CHECK(looks);
	return failures;
}
