/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the library's files ask of the system, as the explorer has it. Included
 * before them, with all headers that declare what is replaced here.
 */
#ifndef EXPLORER_SYSTEM_H
#define EXPLORER_SYSTEM_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "world.h"

/* The clock stands still, for each actor but he whose time is over. */
#define DEADLINE 1000000000

static inline int explorer_clock(struct timespec *now)
{
	*now = (struct timespec){ .tv_sec = actor_running()->late ? 1000 : 0 };
	return 0;
}

#define clock_gettime(clock, now) explorer_clock(now)

/*
 * The thread that polls ends as soon as it has told: there is nobody to poll the fd. Nor
 * to wake it.
 */
static inline long futex_of_thread(__u32 *state, int op)
{
	if (op == FUTEX_WAIT_PRIVATE)
		*state = 2; /* ENDS */
	return 0;
}

/*
 * A step of the scheduler, with the kernel's semantics (steps.c): WAIT compares and
 * queues as one, WAKE takes the first of the queue.
 */
static long explorer_futex(void *futex, int op, __u32 value)
{
	struct pyqueue_waiters *const sides[] = { &ring_header.getters, &ring_header.putters,
						  &ring_header.joiners };
	unsigned int queue;

	if (op & FUTEX_PRIVATE_FLAG)
		return futex_of_thread(futex, op);
	for (queue = 0; queue < QUEUES; queue++) {
		struct pyqueue_waiters *side = sides[queue % SIDES];

		if (futex == (queue < SIDES ? (__u32 *)&side->sleepers + 1 : &side->pollers))
			break;
	}
	if (op == FUTEX_WAKE) {
		/* Nobody is ever there. */
		if (!(cast.queues >> queue & 1))
			return 0;
		return (long)take_step(STEP_WAKE, NULL, queue, value);
	}
	return (long)take_step(STEP_SLEEP, NULL, queue, value);
}

#define syscall(number, futex, op, value, until, ...) \
	((void)(until), explorer_futex(futex, op, (__u32)(value)))

/* A payload is two words, whatever its length, and each a step. */
static inline bool is_in_ring(const void *at)
{
	return (const unsigned char *)at >= ring_slots &&
	       (const unsigned char *)at < ring_slots + sizeof(ring_slots);
}

static __attribute__((__noinline__)) void payload_write(void *to, const void *from)
{
	take_step(STEP_STORE, (__u64 *)to, ((const __u64 *)from)[0], 0);
	take_step(STEP_STORE, (__u64 *)to + 1, ((const __u64 *)from)[1], 0);
}

/* What is read goes to the ghost, which knows what it should be. */
static __attribute__((__noinline__)) void payload_read(const void *from, size_t len)
{
	__u64 first = take_step(STEP_LOAD, from, 0, 0);
	__u64 second = take_step(STEP_LOAD, (const __u64 *)from + 1, 0, 0);

	ghost_copied((unsigned int)((const unsigned char *)from - ring_slots) / SLOT_SIZE,
		     (__u32)len, first, second);
}

static inline void explorer_memcpy(void *to, const void *from, size_t len)
{
	if (is_in_ring(to))
		payload_write(to, from);
	else
		payload_read(from, len);
}

#define memcpy(to, from, len) explorer_memcpy(to, from, len)

/* The library's own atomics are for its handle, but for a look at a futex. */
static inline __u64 explorer_load(const void *at, size_t size)
{
	const unsigned char *header = (const unsigned char *)&ring_header;

	if ((const unsigned char *)at >= header &&
	    (const unsigned char *)at < header + sizeof(ring_header)) {
		if (location_is_sequence(at))
			return take_step(STEP_LOAD, (const __u32 *)at - 1, 0, 0) >>
			       PYQUEUE_SEQUENCE_SHIFT;
		return take_step(STEP_LOAD, at, 0, 0);
	}
	return size == sizeof(__u32) ? *(const __u32 *)at : *(const __u64 *)at;
}

/* One actor has a handle, and no signal interrupts it. */
static int explorer_errno;

#undef errno
#define errno explorer_errno

#define pthread_mutex_lock(lock) ((void)(lock))
#define pthread_mutex_unlock(lock) ((void)(lock))
#define eventfd_write(fd, value) ((void)(fd), (void)(value))
#define eventfd_read(fd, value) ((void)(fd), *(value) = 1)

/* Inlined or not is the same, but for what is left in a frame (Makefile). */
#define flatten noinline

#endif
