/* SPDX-License-Identifier: GPL-2.0 */
/* A queue's ring, mapped and worked on without the library. */
#ifndef PYQUEUE_MAPPED_H
#define PYQUEUE_MAPPED_H

#include "pyqueue_test.h"

#include <ring/batch.h>
#include <ring/sleepers.h>

/* Which owner number the mapping at @at has, or -errno. */
static inline int owner_of(int q, const void *at)
{
	struct pyqueue_owner a = { .size = sizeof(a), .addr = (uintptr_t)at };
	long err = pq_ioctl(q, PYQUEUE_IOC_OWNER, &a);

	return err ? err : (int)a.owner;
}

static inline int pq_wake(int q, unsigned int whom, unsigned int count)
{
	struct pyqueue_wake a = { .size = sizeof(a), .flags = whom, .count = count };

	return pq_ioctl(q, PYQUEUE_IOC_WAKE, &a);
}

static inline int pq_await(int q, unsigned int side, uint64_t deadline)
{
	struct pyqueue_await a = { .size = sizeof(a), .flags = side, .deadline_ns = deadline };

	return pq_ioctl(q, PYQUEUE_IOC_AWAIT, &a);
}

static inline int pq_fetch(int q, unsigned int flags, const struct pyq_op *op, void *buf,
			   size_t len)
{
	struct pyqueue_fetch a = { .size = sizeof(a), .flags = flags, .position = op->pos,
		.word = op->word, .buf = (uintptr_t)buf, .len = len };

	return pq_ioctl(q, PYQUEUE_IOC_FETCH, &a);
}

/* All of queue @q, or MAP_FAILED. */
static inline void *map_pages(int q)
{
	return mmap(NULL, pq_stat(q).map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, q, 0);
}

/* Become a participant. Return: the owner number, or -errno. */
static inline int map_ring(int q, struct pyq_ring *r)
{
	struct pyqueue_stat st = pq_stat(q);
	void *at = map_pages(q);
	int owner;

	if (at == MAP_FAILED)
		return -errno;
	owner = owner_of(q, at);
	pyq_ring_init(r, at, st.maxsize ?: st.slots, st.payload + sizeof(struct pyqueue_slot), owner);
	return owner;
}

static inline int unmap_ring(int q, struct pyq_ring *r)
{
	return munmap(r->hdr, pq_stat(q).map_bytes);
}

/* --- what somebody has in hand who dies --------------------------------------- */

/* A slot that he writes to. */
static inline int claim_put(struct pyq_ring *r)
{
	struct pyq_op op;

	return pyq_ring_claim_put(r, &op);
}

/* A message that he reads. */
static inline int claim_get(struct pyq_ring *r)
{
	struct pyq_op op = { .freed = false };

	return pyq_ring_claim_get(r, &op, UINT64_MAX);
}

#endif
