/* SPDX-License-Identifier: MIT */
/*
 * Sleeping while a 32-bit word has a value, for the locks and threads: futexes.
 *
 * Between processes a sleep is cut into slices. Who changes the word and is killed
 * before he has woken anybody leaves sleepers behind; they see the change when their
 * slice is over.
 */
#ifndef PYQI_WORD_H
#define PYQI_WORD_H

#include "deadline.h"

#include <pyqueue/lock.h>

/**
 * pyqi_word_sleep() - sleep while *@word is @value
 * @word: the word
 * @value: that
 * @deadline: until when at most
 * @shared: between processes
 *
 * May return at any time: the caller looks again, then at the time.
 */
void pyqi_word_sleep(const uint32_t *word, uint32_t value, uint64_t deadline, bool shared);

/* Wake up to @n who sleep there. The word itself is not looked at: it may be gone. */
void pyqi_word_wake(const uint32_t *word, uint32_t n, bool shared);

/* Wake all. */
#define PYQI_ALL UINT32_MAX

/* When the slice that begins now is over. */
uint64_t pyqi_slice_end(void);

/* Return: 0 there is time left; -EAGAIN there was none; -ETIMEDOUT it is over. */
static inline int pyqi_time_is_over(uint64_t deadline)
{
	if (deadline == PYQI_NOWAIT)
		return -EAGAIN;
	return deadline != PYQI_FOREVER && pyqi_now() >= deadline ? -ETIMEDOUT : 0;
}

/* The lower and the upper half of a word that is changed as a whole. */
static inline const uint32_t *pyqi_lower(const uint64_t *word)
{
	return (const uint32_t *)word + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

/*
 * What an initialised object begins with: which kind it is, and flags in the bits that
 * the public ones have.
 */
enum pyqi_kind {
	PYQI_LOCK = 0x4c4b0000,
	PYQI_CONDITION = 0x434e0000,
	PYQI_EVENT = 0x45560000,
	PYQI_SEMAPHORE = 0x534d0000,
	PYQI_BARRIER = 0x42520000,
};

#define PYQI_FLAGS 0xffffu

static inline bool pyqi_is_a(uint32_t kind, enum pyqi_kind wanted)
{
	return (kind & ~PYQI_FLAGS) == (uint32_t)wanted;
}

static inline bool pyqi_is_shared(uint32_t kind)
{
	return kind & PYQ_SHARED;
}

#endif
