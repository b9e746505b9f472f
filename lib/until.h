/* SPDX-License-Identifier: MIT */
/*
 * A mutex, and the end of a thread, until a point in time.
 *
 * ThreadSanitizer (as of GCC 12) does not know the functions of the C library that take
 * a clock: it would not see that a mutex is locked, or a thread joined. With it these
 * ask again and again.
 */
#ifndef PYQI_UNTIL_H
#define PYQI_UNTIL_H

#include <linux/futex.h>
#include <time.h>

#include "word.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PYQI_TSAN 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define PYQI_TSAN 1
#endif

/* A robust mutex's futex: the number of its holder's thread, and the kernel's flags. */
static inline uint32_t pyqi_mutex_word(const pthread_mutex_t *mutex)
{
	return (uint32_t)__atomic_load_n(&mutex->__data.__lock, __ATOMIC_RELAXED);
}

#ifdef PYQI_TSAN

/* Return: 0, EBUSY, ...; it knows of EOWNERDEAD here, and not below. */
static inline int pyqi_mutex_try(pthread_mutex_t *mutex)
{
	int err = pthread_mutex_trylock(mutex);

	if (err == ENOTRECOVERABLE)
		__atomic_store_n(&mutex->__data.__lock, 0, __ATOMIC_RELEASE);
	return err;
}

/* Return: whether it is not yet @deadline; after a nap. */
static inline bool pyqi_nap(uint64_t deadline)
{
	const uint32_t word = 0;
	const uint64_t now = pyqi_now();

	if (now < deadline)
		pyqi_word_sleep(&word, 0, now + 100000, false);
	return now < deadline;
}

static inline int pyqi_mutex_until(pthread_mutex_t *mutex, uint64_t deadline)
{
	int err;

	do
		err = pyqi_mutex_try(mutex);
	while (err == EBUSY && pyqi_nap(deadline));
	return err == EBUSY ? ETIMEDOUT : err;
}

static inline int pyqi_join_until(pthread_t thread, uint64_t deadline)
{
	int err;

	do
		err = pthread_tryjoin_np(thread, NULL);
	while (err == EBUSY && pyqi_nap(deadline));
	return err == EBUSY ? ETIMEDOUT : err;
}

#else

static inline struct timespec pyqi_timespec(uint64_t deadline)
{
	return (struct timespec){
		.tv_sec = (time_t)(deadline / 1000000000),
		.tv_nsec = (long)(deadline % 1000000000),
	};
}

/*
 * glibc (2.36) leaves a robust mutex that it did not get in time noted as the one that
 * this thread is about to have. When the thread ends the kernel looks for its number
 * there, and changes it, whatever that memory has become. Another mutex takes the place
 * of the note, and takes it away.
 *
 * Return: @err.
 */
static inline int pyqi_mutex_missed(int err)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t other;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&other, &attr);
	pthread_mutexattr_destroy(&attr);
	pthread_mutex_lock(&other);
	pthread_mutex_unlock(&other);
	pthread_mutex_destroy(&other);
	return err;
}

/*
 * What pthread_mutex_trylock() is for, whose glibc version (2.36) leaves a mutex that is
 * not recoverable locked by whoever tries it: the next one would wait for ever. A time
 * before the beginning is over, whatever the clock, and is no system call.
 *
 * Return: 0, EBUSY, ...
 */
static inline int pyqi_mutex_try(pthread_mutex_t *mutex)
{
	const struct timespec past = { .tv_sec = -1 };
	int err;

	if (pyqi_mutex_word(mutex) & FUTEX_TID_MASK)
		return EBUSY;
	err = pthread_mutex_timedlock(mutex, &past);
	return err == ETIMEDOUT ? pyqi_mutex_missed(EBUSY) : err;
}

static inline int pyqi_mutex_until(pthread_mutex_t *mutex, uint64_t deadline)
{
	const struct timespec until = pyqi_timespec(deadline);
	int err = pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &until);

	return err == ETIMEDOUT ? pyqi_mutex_missed(err) : err;
}

static inline int pyqi_join_until(pthread_t thread, uint64_t deadline)
{
	const struct timespec until = pyqi_timespec(deadline);

	return pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until);
}

#endif

#endif
