/* SPDX-License-Identifier: MIT */
/* System calls on the way of messages, counted where they are made (calls.c). */
#ifndef PYQUEUE_BENCH_CALLS_H
#define PYQUEUE_BENCH_CALLS_H

#include <stdint.h>

/* How many there have been, in this process and its children. */
uint64_t bench_calls(void);

/* In this process alone. */
uint64_t bench_calls_of_this(void);

#endif
