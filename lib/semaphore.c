// SPDX-License-Identifier: MIT
/*
 * pyq_semaphore: its value and the number of those who wait, in one 64-bit word.
 *
 *	lower half	the value; the futex
 *	upper half	how many wait
 *
 * All happens to the one word, by CAS, acquire and release: its changes have an order
 * that all agree upon, and no fence is needed. Who waits is counted by a CAS that finds
 * the value 0, and sleeps only while the lower half is 0. A release that comes before
 * that CAS makes it fail; one that comes after it sees somebody counted, and wakes. The
 * kernel compares once more between the two: who is counted and not yet asleep does not
 * sleep.
 *
 * Between threads a release of n wakes n. Nobody who is woken goes away without having
 * looked: who finds something takes it, who finds nothing has been overtaken by somebody
 * who took it, and the CAS that ends a wait whose time is over fails when there is
 * something to take. So as long as there is something, and somebody asleep, enough have
 * been woken who have yet to look. Between processes one of these can be killed: there
 * all are woken.
 *
 * Those killed while they wait stay counted, which costs a system call in each release.
 */
#include "word.h"

#define WAITING_ONE (1ULL << 32)

struct semaphore {
	uint32_t kind;
	uint32_t limit; /* most it may be */
	uint64_t word;
} __attribute__((may_alias));

_Static_assert(sizeof(struct semaphore) <= sizeof(pyq_semaphore), "room for what is in it");

static uint32_t value_of(uint64_t word)
{
	return (uint32_t)word;
}

int pyq_semaphore_init(pyq_semaphore *public, unsigned int value, unsigned int flags)
{
	struct semaphore *sem = (struct semaphore *)public;

	if (flags & ~(PYQ_SHARED | PYQ_SEMAPHORE_BOUNDED))
		return -EINVAL;
	*public = (pyq_semaphore){ 0 };
	sem->kind = PYQI_SEMAPHORE | flags;
	sem->limit = flags & PYQ_SEMAPHORE_BOUNDED ? value : UINT32_MAX;
	sem->word = value;
	return 0;
}

int pyq_semaphore_destroy(pyq_semaphore *public)
{
	struct semaphore *sem = (struct semaphore *)public;

	if (!pyqi_is_a(sem->kind, PYQI_SEMAPHORE))
		return -EINVAL;
	sem->kind = 0;
	return 0;
}

static uint64_t load(const struct semaphore *sem)
{
	return __atomic_load_n(&sem->word, __ATOMIC_RELAXED);
}

static bool change(struct semaphore *sem, uint64_t *word, uint64_t wanted)
{
	return __atomic_compare_exchange_n(&sem->word, word, wanted, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

static int wait_counted(struct semaphore *sem, uint64_t word, uint64_t deadline)
{
	int over;

	for (;;) {
		if (value_of(word)) {
			if (change(sem, &word, word - WAITING_ONE - 1))
				return 0;
			continue;
		}
		over = pyqi_time_is_over(deadline);
		if (over) {
			if (change(sem, &word, word - WAITING_ONE))
				return over;
			continue;
		}
		pyqi_word_sleep(pyqi_lower(&sem->word), 0, deadline, pyqi_is_shared(sem->kind));
		word = load(sem);
	}
}

int pyq_semaphore_acquire(pyq_semaphore *public, int64_t timeout)
{
	struct semaphore *sem = (struct semaphore *)public;
	uint64_t deadline, word;
	int err = pyqi_deadline(timeout, &deadline);

	if (err)
		return err;
	if (!pyqi_is_a(sem->kind, PYQI_SEMAPHORE))
		return -EINVAL;

	word = load(sem);
	for (;;) {
		if (value_of(word)) {
			if (change(sem, &word, word - 1))
				return 0;
		} else if (deadline == PYQI_NOWAIT) {
			return -EAGAIN;
		} else if (change(sem, &word, word + WAITING_ONE)) {
			return wait_counted(sem, word + WAITING_ONE, deadline);
		}
	}
}

int pyq_semaphore_release(pyq_semaphore *public, unsigned int n)
{
	struct semaphore *sem = (struct semaphore *)public;
	bool shared = pyqi_is_shared(sem->kind);
	uint64_t word;

	if (!pyqi_is_a(sem->kind, PYQI_SEMAPHORE) || !n)
		return -EINVAL;
	word = load(sem);
	do {
		if (n > sem->limit - value_of(word))
			return -EOVERFLOW;
	} while (!change(sem, &word, word + n));
	/* From now on others may end it: its memory is not looked at any more. */
	if (word >> 32)
		pyqi_word_wake(pyqi_lower(&sem->word), shared ? PYQI_ALL : n, shared);
	return 0;
}

unsigned int pyq_semaphore_value(const pyq_semaphore *sem)
{
	return value_of(load((const struct semaphore *)sem));
}
