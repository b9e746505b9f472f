/* SPDX-License-Identifier: MIT */
/* Messages by write() and read(). */
#ifndef PYQUEUE_BENCH_FILE_H
#define PYQUEUE_BENCH_FILE_H

#include <errno.h>
#include <unistd.h>

#include "message.h"

/* 0 for a transfer that moved the whole message, or -errno. */
static BENCH_INLINE int bench_whole(ssize_t done, size_t size)
{
	if (done == (ssize_t)size)
		return 0;
	return done < 0 ? -errno : -EIO;
}

static BENCH_INLINE int bench_write(int fd, const void *data, size_t size)
{
	return bench_whole(write(fd, data, size), size);
}

static BENCH_INLINE int bench_read(int fd, void *data, size_t size)
{
	return bench_whole(read(fd, data, size), size);
}

#endif
