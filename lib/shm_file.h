/* SPDX-License-Identifier: MIT */
/* The file that holds a queue in shared memory: what is where, and making one. */
#ifndef PYQI_SHM_FILE_H
#define PYQI_SHM_FILE_H

#include <sys/stat.h>

#include "shm.h"

/* The first page, read at once: from then on the copy counts. */
struct pyqi_shm_page {
	struct pyqueue_header header;
	char pad[PYQI_SHM_OFFSET - sizeof(struct pyqueue_header)];
	struct pyqi_shm shm;
};

/**
 * struct pyqi_shm_layout - where things are, in bytes from the start
 * @blocks: what is known of the blocks
 * @data: the blocks
 * @end: of the file
 */
struct pyqi_shm_layout {
	size_t blocks;
	size_t data;
	size_t end;
};

struct pyqi_shm_layout pyqi_shm_layout(const struct pyqueue_header *h, uint32_t nr_blocks);

/**
 * pyqi_shm_read() - look what queue is in a file, if it is one
 * @fd: the file; stays the caller's
 * @page: out
 * @st: out: the file's own
 *
 * Return: 0: a queue of this version, and no part of it is missing; -ENOTTY none at
 * all; -EUCLEAN; -errno.
 */
int pyqi_shm_read(int fd, struct pyqi_shm_page *page, struct stat *st);

/**
 * pyqi_shm_format() - make an empty file a queue
 * @fd: the file; stays the caller's
 * @attr: what the queue is like; has been checked
 *
 * Return: 0, or -errno.
 */
int pyqi_shm_format(int fd, const struct pyq_attr *attr);

#endif
