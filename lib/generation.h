/* SPDX-License-Identifier: MIT */
/*
 * Which process this is: a number that a forked child, made in whatever way,
 * finds gone. It lives in a page that the kernel wipes at fork, with the lock
 * that nobody holds in a child whatever its parent's threads were doing.
 */
#ifndef PYQI_GENERATION_H
#define PYQI_GENERATION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * struct pyqi_process - what belongs to this process alone; zeros after a fork
 * @generation: its number, 0: it has none yet
 * @lock: taken for what is done once in a process: its number, re-attaching
 * @fork_lock: taken for what a fork must not come in between (forked.h)
 */
struct pyqi_process {
	uint64_t generation;
	pthread_mutex_t lock;
	pthread_mutex_t fork_lock;
};

/* Hidden in so many words: else each look at it is by way of a table. */
extern __attribute__((visibility("hidden"))) struct pyqi_process *pyqi_process;

/**
 * pyqi_process_begin() - make the page, once
 *
 * Return: 0, -ENOMEM, or -EOPNOTSUPP: this kernel cannot wipe pages at fork
 * (before 4.14).
 */
int pyqi_process_begin(void);

/* Give this process its number. Return: the number. */
uint64_t pyqi_generation_new(void);

/* Is it this process's number? Without giving it one: then it is not. */
static inline bool pyqi_generation_is(uint64_t generation)
{
	return __atomic_load_n(&pyqi_process->generation, __ATOMIC_RELAXED) == generation;
}

static inline uint64_t pyqi_generation(void)
{
	uint64_t generation = __atomic_load_n(&pyqi_process->generation, __ATOMIC_RELAXED);

	return generation ? generation : pyqi_generation_new();
}

#endif
