/* SPDX-License-Identifier: MIT */
/* Which thread this is. */
#ifndef PYQI_ME_H
#define PYQI_ME_H

#include "generation.h"

/**
 * struct pyqi_me - what a thread knows of itself
 * @generation: the process in which it does; a forked child has a copy
 * @id: its number
 */
struct pyqi_me {
	uint64_t generation;
	uint64_t id;
};

extern __attribute__((visibility("hidden"))) __thread struct pyqi_me pyqi_myself;

/* The generation; without a page that is wiped at fork the number of the process. */
uint64_t pyqi_this_process(void);

uint64_t pyqi_me_new(void);

/*
 * A number that no other thread of this PID namespace has or has had (since it was
 * booted): a kernel's thread number alone is given out again. Never 0.
 */
static inline uint64_t pyqi_me(void)
{
	if (pyqi_myself.id && pyqi_process && pyqi_generation_is(pyqi_myself.generation))
		return pyqi_myself.id;
	return pyqi_me_new();
}

#endif
