// SPDX-License-Identifier: MIT
/* Which thread this is. */
#include <unistd.h>

#include "deadline.h"
#include "me.h"

__thread struct pyqi_me pyqi_myself;

/* The kernel's thread numbers have no more bits (PID_MAX_LIMIT). */
#define TID_BITS 22

/* In units of time in which no number is given out twice: 65 microseconds. */
#define TICK_SHIFT 16

uint64_t pyqi_this_process(void)
{
	return pyqi_process_begin() ? (uint64_t)getpid() : pyqi_generation();
}

uint64_t pyqi_me_new(void)
{
	PYQI_KEEP_ERRNO;
	const uint64_t generation = pyqi_this_process();

	if (!pyqi_myself.id || pyqi_myself.generation != generation) {
		pyqi_myself.generation = generation;
		pyqi_myself.id = (uint64_t)gettid() | pyqi_now() >> TICK_SHIFT << TID_BITS;
	}
	return pyqi_myself.id;
}
