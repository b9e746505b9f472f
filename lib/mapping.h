/* SPDX-License-Identifier: MIT */
/*
 * A queue's memory, mapped: this process as a participant of the ring, with an
 * owner number of its own for each handle.
 */
#ifndef PYQI_MAPPING_H
#define PYQI_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <ring/batch.h>
#include <ring/sleepers.h>

struct pyqi_poll;
struct pyqi_shm;

/**
 * struct pyqi_spinning - what is known of trying before a sleep: spin.h
 * @ns: how long, which follows what has been of use
 * @max: the longest it may be
 * @left_out: how often it is left out
 * @in_vain: and how often, at least, after the shortest has been in vain once more
 */
struct pyqi_spinning {
	uint32_t ns;
	uint32_t max;
	uint32_t left_out;
	uint32_t in_vain;
};

/**
 * struct pyqi_slips - what is known of letting the other side get ahead: slip.h
 * @left_out: how often it is left out
 * @in_vain: and how often, at least, after it has been in vain once more
 */
struct pyqi_slips {
	uint32_t left_out;
	uint32_t in_vain;
};

/**
 * struct pyqi_mapping - a handle's part in a mapped ring
 * @ring: the handle's view of it; changes only after a fork
 * @shm: what the shm backend keeps behind the ring's header
 * @size: bytes mapped there
 * @dev: the file's device
 * @ino: and its number there, to know it again
 * @large: the file's end, mapped when there is the first large message: blocks.h
 * @large_at: where in the file that begins
 * @large_size: bytes of it
 * @block_at: where in it is what is known of the blocks
 * @data_at: where the blocks themselves are
 * @nr_blocks: how many
 * @block_size: bytes of each
 * @id: the queue's number
 * @generation: the process that all this belongs to
 * @locks: the file through which the owner number is held
 * @busy: held by the thread that settles what the dead have left
 * @checked: when a thread of it has last looked who is alive, in nanoseconds
 * @unable: it could not settle what one has left: it looks for itself, not for all
 * @in_vain: calls without a timeout that have found nothing
 * @spinning: what is known of trying before a sleep
 * @slips: what is known of letting the other side get ahead, as who puts and who gets
 * @lent: slots of it have been on loan
 * @polled: one of the next is there
 * @polls: what makes it pollable, for getting and for putting; NULL until asked for
 */
struct pyqi_mapping {
	struct pyq_ring ring;
	struct pyqi_shm *shm;
	size_t size;
	dev_t dev;
	ino_t ino;
	char *large;
	size_t large_at;
	size_t large_size;
	size_t block_at;
	size_t data_at;
	uint32_t nr_blocks;
	uint32_t block_size;
	uint64_t id;
	uint64_t generation;
	int locks;
	int busy;
	uint64_t checked;
	bool unable;
	unsigned int in_vain;
	struct pyqi_spinning spinning;
	struct pyqi_slips slips[2];
	bool lent;
	bool polled;
	struct pyqi_poll *polls[2];
};

#endif
