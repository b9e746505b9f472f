/* SPDX-License-Identifier: MIT */
/* Where results go: a file has all of them, or what it had before. */
#ifndef PYQUEUE_BENCH_OUTPUT_H
#define PYQUEUE_BENCH_OUTPUT_H

#include <stdio.h>

/**
 * struct bench_output - results on their way
 * @to: where they are to be written
 * @path: of the file that they are to be; NULL: they are written where they belong
 * @temporary: what it is called until then
 */
struct bench_output {
	FILE *to;
	char *path;
	char *temporary;
};

/* @path NULL: standard output. Each returns 0 or -errno. */
int bench_output_try(const char *path);
int bench_output_open(struct bench_output *output, const char *path);
int bench_output_close(struct bench_output *output);

#endif
