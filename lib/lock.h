/* SPDX-License-Identifier: MIT */
/* What is in a pyq_lock, and what a condition needs of it. */
#ifndef PYQI_LOCK_H
#define PYQI_LOCK_H

#include "me.h"
#include "word.h"

enum pyqi_order {
	PYQI_IN_ORDER,
	PYQI_INHERITED, /* of a dead holder, and not made consistent */
	PYQI_LOST,	/* released so: for good */
};

/**
 * struct pyqi_lock - what is in a pyq_lock
 * @kind: PYQI_LOCK and flags
 * @order: of what it protects, a pyqi_order; the holder's
 * @depth: how often the holder has acquired it; the holder's
 * @holder: pyqi_me() of the holder, or 0. It is set behind the mutex and cleared before
 *	it; what a dead one has left stays until the next one comes. Only the holder can
 *	find its own number here: so it knows, without the mutex, that it is.
 * @mutex: a robust one: the kernel releases it when its holder ends
 */
struct pyqi_lock {
	uint32_t kind;
	uint32_t order;
	uint64_t depth;
	uint64_t holder;
	pthread_mutex_t mutex;
} __attribute__((may_alias));

_Static_assert(sizeof(struct pyqi_lock) <= sizeof(pyq_lock), "room for what is in a lock");

static inline bool pyqi_lock_is_mine(const struct pyqi_lock *lock)
{
	return pyqi_is_a(lock->kind, PYQI_LOCK) &&
	       __atomic_load_n(&lock->holder, __ATOMIC_RELAXED) == pyqi_me();
}

/**
 * pyqi_lock_leave() - release all levels of a lock that the caller holds
 * @lock: the lock
 *
 * Return: how many there were, for pyqi_lock_return().
 */
uint64_t pyqi_lock_leave(struct pyqi_lock *lock);

/**
 * pyqi_lock_return() - and have them again, however long it takes
 * @lock: the lock
 * @depth: how many levels
 *
 * Return: 0; -EOWNERDEAD and it is held; -ENOTRECOVERABLE and it is not.
 */
int pyqi_lock_return(struct pyqi_lock *lock, uint64_t depth);

#endif
