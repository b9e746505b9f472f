/* SPDX-License-Identifier: MIT */
/* Messages by write() and read(), for the peers that are two file descriptors. */
#ifndef PYQUEUE_BENCH_FILE_H
#define PYQUEUE_BENCH_FILE_H

#include <unistd.h>

#include "bench.h"

/* 0 for a transfer that moved the whole message, or -errno. */
static inline int bench_whole(ssize_t done)
{
	if (done == sizeof(struct bench_message))
		return 0;
	return done < 0 ? -errno : -EIO;
}

static inline int bench_write_read(int out, int in, unsigned long n, uint64_t *sum)
{
	struct bench_message sent, received;
	int err;

	for (unsigned long i = 0; i < n; i++) {
		bench_fill(&sent, i);
		err = bench_whole(write(out, &sent, sizeof(sent)));
		if (err)
			return err;
		err = bench_whole(read(in, &received, sizeof(received)));
		if (err)
			return err;
		*sum = bench_sum(*sum, &received);
	}
	return 0;
}

#endif
