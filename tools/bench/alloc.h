/* SPDX-License-Identifier: MIT */
#ifndef PYQUEUE_BENCH_ALLOC_H
#define PYQUEUE_BENCH_ALLOC_H

#include <stdio.h>
#include <stdlib.h>

/* Zeros. A benchmark that is out of memory is over. */
static inline void *bench_alloc(size_t n, size_t size)
{
	void *memory = calloc(n ? n : 1, size);

	if (!memory) {
		fputs("pyqueue-bench: out of memory\n", stderr);
		exit(1);
	}
	return memory;
}

#endif
