// SPDX-License-Identifier: MIT
/*
 * pyq_condition: two ways to wait, both without the C library's condition variable,
 * whose inner state a killed process leaves as it was.
 *
 * Between threads each who waits has a place in a line, on his stack. The line is
 * changed only with the lock held. A notify takes the first out and marks them; who is
 * marked returns 0, asleep already or not yet, or with his time just over. A place
 * stays as long as it can be looked at: its owner cannot leave without the lock, which
 * he who notifies holds until he has woken him.
 *
 * Between processes nobody has a place that could be lost with him. There is a sequence
 * number; who waits reads it before he releases the lock, and sleeps while it is that.
 * A notify, with the lock held, comes before (and is not meant for him) or after (and
 * the number is another one): it cannot come between his look and his sleep, for the
 * kernel compares once more. All go on each time. (2^32 notifies in the course of one
 * such moment would not be seen.)
 */
#include "lock.h"

struct place {
	struct place *next;
	struct place *before;
	uint32_t notified;
};

/**
 * struct condition - what is in a pyq_condition
 * @kind: PYQI_CONDITION and flags
 * @sequence: between processes: counts notifies, a futex
 * @waiting: between processes: how many wait, and who were killed in it. So never too
 *	few: who waits counts himself before he releases the lock
 * @line: between threads: those who wait, in a ring; the first; NULL: nobody
 * @lock: between threads: with which lock they do
 */
struct condition {
	uint32_t kind;
	uint32_t sequence;
	uint32_t waiting;
	struct place *line;
	struct pyqi_lock *lock;
} __attribute__((may_alias));

_Static_assert(sizeof(struct condition) <= sizeof(pyq_condition), "room for what is in it");

int pyq_condition_init(pyq_condition *cond, unsigned int flags)
{
	if (flags & ~PYQ_SHARED)
		return -EINVAL;
	*cond = (pyq_condition){ 0 };
	((struct condition *)cond)->kind = PYQI_CONDITION | flags;
	return 0;
}

int pyq_condition_destroy(pyq_condition *public)
{
	struct condition *cond = (struct condition *)public;

	if (!pyqi_is_a(cond->kind, PYQI_CONDITION))
		return -EINVAL;
	if (__atomic_load_n(&cond->line, __ATOMIC_RELAXED))
		return -EBUSY;
	cond->kind = 0;
	return 0;
}

/* Return: 0 the caller holds the lock, and it is one for this condition. */
static int check(const struct condition *cond, const struct pyqi_lock *lock)
{
	if (!pyqi_is_a(cond->kind, PYQI_CONDITION) || !pyqi_is_a(lock->kind, PYQI_LOCK) ||
	    pyqi_is_shared(cond->kind) != pyqi_is_shared(lock->kind))
		return -EINVAL;
	if (!pyqi_lock_is_mine(lock))
		return -EPERM;
	if (__atomic_load_n(&cond->line, __ATOMIC_RELAXED) &&
	    __atomic_load_n(&cond->lock, __ATOMIC_RELAXED) != lock)
		return -EINVAL;
	return 0;
}

static void set_line(struct condition *cond, struct place *first)
{
	__atomic_store_n(&cond->line, first, __ATOMIC_RELAXED);
}

static void join_line(struct condition *cond, struct place *me)
{
	struct place *first = cond->line;

	if (!first) {
		me->next = me->before = me;
		set_line(cond, me);
		return;
	}
	me->next = first;
	me->before = first->before;
	me->before->next = first->before = me;
}

static void leave_line(struct condition *cond, struct place *place)
{
	place->next->before = place->before;
	place->before->next = place->next;
	if (cond->line == place)
		set_line(cond, place->next == place ? NULL : place->next);
}

/* Return: how the wait has ended; the lock is held again, but for -ENOTRECOVERABLE. */
static int both(int how, int lock)
{
	return lock ? lock : how;
}

static int wait_in_line(struct condition *cond, struct pyqi_lock *lock, uint64_t deadline)
{
	struct place me = { .notified = 0 };
	uint64_t depth;
	int over = 0, err;

	__atomic_store_n(&cond->lock, lock, __ATOMIC_RELAXED);
	join_line(cond, &me);
	depth = pyqi_lock_leave(lock);
	while (!__atomic_load_n(&me.notified, __ATOMIC_ACQUIRE)) {
		over = pyqi_time_is_over(deadline);
		if (over)
			break;
		pyqi_word_sleep(&me.notified, 0, deadline, false);
	}
	err = pyqi_lock_return(lock, depth);
	/*
	 * Without the lock nobody looks at the line, or leaves it in order: all who are in
	 * it get this. It is empty when the last of them has gone, and both can be used
	 * with a new lock.
	 */
	if (err == -ENOTRECOVERABLE) {
		set_line(cond, NULL);
		return err;
	}
	if (__atomic_load_n(&me.notified, __ATOMIC_RELAXED))
		return both(0, err);
	leave_line(cond, &me);
	return both(over, err);
}

static int wait_for_sequence(struct condition *cond, struct pyqi_lock *lock, uint64_t deadline)
{
	uint32_t sequence = __atomic_load_n(&cond->sequence, __ATOMIC_RELAXED);
	uint64_t depth;
	int over = 0, err;

	__atomic_add_fetch(&cond->waiting, 1, __ATOMIC_RELAXED);
	depth = pyqi_lock_leave(lock);
	while (__atomic_load_n(&cond->sequence, __ATOMIC_RELAXED) == sequence && !over) {
		over = pyqi_time_is_over(deadline);
		if (!over)
			pyqi_word_sleep(&cond->sequence, sequence, deadline, true);
	}
	err = pyqi_lock_return(lock, depth);
	__atomic_sub_fetch(&cond->waiting, 1, __ATOMIC_RELAXED);
	if (__atomic_load_n(&cond->sequence, __ATOMIC_RELAXED) != sequence)
		over = 0;
	return both(over, err);
}

static int wait_until(struct condition *cond, struct pyqi_lock *lock, uint64_t deadline)
{
	return pyqi_is_shared(cond->kind) ? wait_for_sequence(cond, lock, deadline) :
					    wait_in_line(cond, lock, deadline);
}

int pyq_condition_wait(pyq_condition *public, pyq_lock *public_lock, int64_t timeout)
{
	struct condition *cond = (struct condition *)public;
	struct pyqi_lock *lock = (struct pyqi_lock *)public_lock;
	uint64_t deadline;
	int err = pyqi_deadline(timeout, &deadline);

	if (!err)
		err = check(cond, lock);
	return err ? err : wait_until(cond, lock, deadline);
}

int pyq_condition_wait_for(pyq_condition *public, pyq_lock *public_lock,
			   bool (*predicate)(void *arg), void *arg, int64_t timeout)
{
	struct condition *cond = (struct condition *)public;
	struct pyqi_lock *lock = (struct pyqi_lock *)public_lock;
	uint64_t deadline;
	int err = pyqi_deadline(timeout, &deadline);

	if (!err)
		err = check(cond, lock);
	while (!err && !predicate(arg)) {
		err = pyqi_time_is_over(deadline);
		if (!err)
			err = wait_until(cond, lock, deadline);
		/* Time was over, and it may be so all the same. */
		if (err == -ETIMEDOUT)
			return predicate(arg) ? 0 : err;
	}
	return err;
}

static void notify_line(struct condition *cond, unsigned int n)
{
	while (n-- && cond->line) {
		struct place *first = cond->line;

		leave_line(cond, first);
		__atomic_store_n(&first->notified, 1, __ATOMIC_RELEASE);
		pyqi_word_wake(&first->notified, 1, false);
	}
}

int pyq_condition_notify(pyq_condition *public, pyq_lock *lock, unsigned int n)
{
	struct condition *cond = (struct condition *)public;
	int err = check(cond, (struct pyqi_lock *)lock);

	if (err || !n)
		return err;
	if (!pyqi_is_shared(cond->kind)) {
		notify_line(cond, n);
	} else if (__atomic_load_n(&cond->waiting, __ATOMIC_RELAXED)) {
		__atomic_add_fetch(&cond->sequence, 1, __ATOMIC_RELAXED);
		pyqi_word_wake(&cond->sequence, PYQI_ALL, true);
	}
	return 0;
}

int pyq_condition_notify_all(pyq_condition *cond, pyq_lock *lock)
{
	return pyq_condition_notify(cond, lock, UINT32_MAX);
}
