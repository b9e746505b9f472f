/* SPDX-License-Identifier: MIT */
/*
 * Large messages of the shm backend: chains of blocks behind the slots. A slot
 * with PYQUEUE_SLOT_INDIRECT holds the number of the first.
 *
 * A block's word says who has taken it, so that who dies leaves nothing: a block
 * that names the dead and is not part of a message in the ring is free. A message
 * in the ring keeps its blocks whoever they name, for they know its position.
 *
 *	putter: takes blocks, fills them, claims a slot, writes the position into
 *		each block, publishes
 *	getter: claims the slot, copies, puts its own name on each block, releases
 *		the slot, frees the blocks
 */
#ifndef PYQI_BLOCKS_H
#define PYQI_BLOCKS_H

#include "priv.h"

#define PYQI_NO_BLOCK UINT32_MAX

/**
 * struct pyqi_block - what is known of a block
 * @word: {version:32, owner:16, taken:16}; the version makes each taking another
 * @position: of the message it is part of, + 1; 0: of none. One that was freed
 *	keeps it: that message will never be in the ring again.
 * @next: the next of the message
 * @reserved: 0
 */
struct pyqi_block {
	__u64 word;
	__u64 position;
	__u32 next;
	__u32 reserved;
};

/* Bytes of the smallest. The others are multiples of it, and so is where each begins in the file. */
#define PYQI_BLOCK_MIN 4096

/*
 * Bytes of each block of a queue with slots of @slot_size bytes: the more, the fewer there are
 * to take and to give back. So a quarter of a slot, where that is more: a message that has no room
 * in the slot takes five or more, and leaves less than a fifth of them unused; or just four.
 */
static inline uint32_t pyqi_block_size(uint32_t slot_size)
{
	const uint32_t quarter = slot_size / 4 / PYQI_BLOCK_MIN * PYQI_BLOCK_MIN;

	return quarter ? quarter : PYQI_BLOCK_MIN;
}

/* How many blocks of @size hold @bytes of large messages. */
static inline uint64_t pyqi_blocks_for(uint64_t bytes, uint32_t size)
{
	return bytes / size + !!(bytes % size);
}

/**
 * pyqi_blocks_put() - copy a message into blocks
 * @q: the queue
 * @data: the message
 * @len: its bytes, more than 0
 * @first: out: its first block, the caller's
 *
 * Return: 0; -ENOBUFS there are not as many; -ENOMEM no memory for them; or as
 * pyqi_blocks_ready().
 */
int pyqi_blocks_put(pyq_queue *q, const void *data, size_t len, uint32_t *first);

/* Make the blocks from @first part of the message at @position, about to be published. */
void pyqi_blocks_attach(pyq_queue *q, uint32_t first, uint64_t position);

/* Give the caller's blocks from @first back. */
void pyqi_blocks_free(pyq_queue *q, uint32_t first);

/**
 * pyqi_blocks_get() - copy a message out of its blocks, and make them the caller's
 * @q: the queue
 * @op: the caller's claim of its slot
 * @data: room for @op->len bytes; NULL: do not copy
 * @first: out: its first block, to be freed once the slot is released
 *
 * Return: 0; -EUCLEAN: they are not that message's; or as pyqi_blocks_ready().
 */
int pyqi_blocks_get(pyq_queue *q, const struct pyq_op *op, void *data, uint32_t *first);

/* What these are: struct pyqi_ring_ops. */
ssize_t pyqi_blocks_put_large(pyq_queue *q, const struct pyq_msg *msg, uint64_t deadline);
int pyqi_blocks_release(pyq_queue *q, const struct pyq_op *op, uint32_t first);

/*
 * Can large messages be had? Maps them, where there have been some. Return: 0; -EBADF the
 * queue's fd is another file's; -ENOMEM no room to map them.
 */
int pyqi_blocks_ready(pyq_queue *q);

/* Free what names @dead and is part of no message; the ring has been recovered. */
void pyqi_blocks_sweep(pyq_queue *q, uint16_t dead);

/* Bytes of blocks that are taken. Return: 0, or as pyqi_blocks_ready(). */
int pyqi_blocks_bytes(pyq_queue *q, uint64_t *bytes);

/* The handle ends, or its process has. */
void pyqi_blocks_unmap(pyq_queue *q);

#endif
