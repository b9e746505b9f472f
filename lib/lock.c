// SPDX-License-Identifier: MIT
/*
 * pyq_lock: a robust mutex that knows its holder.
 *
 * Three things a robust mutex of glibc (2.36) does not do are done here. Who gets one that
 * is not recoverable lets it go again, and wakes nobody: so he does it here, and who
 * sleeps learns it too.
 *
 * If he is killed before he has let it go the kernel marks it as a dead holder's, and the
 * next one gets it as such, also from glibc, which does not look any more at what it was.
 * So that it is lost is noted here as well.
 *
 * The third: that there may be more asleep is known, between a release and the moment when
 * he who has been woken has the mutex, or has set FUTEX_WAITERS again, to that one alone.
 * If he is killed there the kernel wakes the next one in his place, but many kernels do
 * not if by then a third one has the mutex, who came along and knows of nobody; nor for
 * one who is killed between his release and the wake-up. So between processes they look
 * for themselves now and then. That the third one marked the mutex, in case, would be a
 * system call in each release while somebody is on his way.
 */
#include "lock.h"
#include "until.h"

static struct pyqi_lock *of(pyq_lock *lock)
{
	return (struct pyqi_lock *)lock;
}

static const struct pyqi_lock *of_const(const pyq_lock *lock)
{
	return (const struct pyqi_lock *)lock;
}

int pyq_lock_init(pyq_lock *public, unsigned int flags)
{
	struct pyqi_lock *lock = of(public);
	pthread_mutexattr_t attr;
	int err;

	if (flags & ~(PYQ_SHARED | PYQ_LOCK_RECURSIVE))
		return -EINVAL;

	*public = (pyq_lock){ 0 };
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	/* Levels are counted here: those of a dead holder are not the next one's. */
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	if (flags & PYQ_SHARED)
		pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	err = -pthread_mutex_init(&lock->mutex, &attr);
	pthread_mutexattr_destroy(&attr);
	if (!err)
		lock->kind = PYQI_LOCK | flags;
	return err;
}

int pyq_lock_destroy(pyq_lock *public)
{
	struct pyqi_lock *lock = of(public);
	int err;

	if (!pyqi_is_a(lock->kind, PYQI_LOCK))
		return -EINVAL;
	if (pyqi_lock_is_mine(lock))
		return -EBUSY;

	/* A dead holder is none. */
	err = pyqi_mutex_try(&lock->mutex);
	if (err == EBUSY)
		return -EBUSY;
	if (!err || err == EOWNERDEAD)
		pthread_mutex_unlock(&lock->mutex);
	pthread_mutex_destroy(&lock->mutex);
	lock->kind = 0;
	return 0;
}

/* Between processes: in slices. */
static int lock_shared(pthread_mutex_t *mutex, uint64_t deadline)
{
	uint64_t end;
	int err;

	do {
		end = pyqi_slice_end();
		err = pyqi_mutex_until(mutex, end < deadline ? end : deadline);
	} while (err == ETIMEDOUT && end < deadline);
	return err;
}

static int lock_mutex(struct pyqi_lock *lock, uint64_t deadline)
{
	pthread_mutex_t *mutex = &lock->mutex;
	int err = pyqi_mutex_try(mutex);

	if (err != EBUSY)
		return -err;
	if (deadline == PYQI_NOWAIT)
		return -EAGAIN;
	if (pyqi_is_shared(lock->kind))
		return -lock_shared(mutex, deadline);
	if (deadline == PYQI_FOREVER)
		return -pthread_mutex_lock(mutex);
	return -pyqi_mutex_until(mutex, deadline);
}

static int let_go(struct pyqi_lock *lock)
{
	if (lock->order == PYQI_INHERITED)
		lock->order = PYQI_LOST;
	__atomic_store_n(&lock->holder, 0, __ATOMIC_RELAXED);
	return -pthread_mutex_unlock(&lock->mutex);
}

/* Return: also -EOWNERDEAD and the lock is held. */
static int hold(struct pyqi_lock *lock, uint64_t depth, uint64_t deadline)
{
	int err = lock_mutex(lock, deadline);

	if (err == -EOWNERDEAD && lock->order == PYQI_LOST) {
		let_go(lock);
		err = -ENOTRECOVERABLE;
	}
	/* (The futexes of robust mutexes are always shared ones.) */
	if (err == -ENOTRECOVERABLE)
		pyqi_word_wake((uint32_t *)&lock->mutex.__data.__lock, PYQI_ALL, true);
	if (!err || err == -EOWNERDEAD) {
		lock->depth = depth;
		__atomic_store_n(&lock->holder, pyqi_me(), __ATOMIC_RELAXED);
	}
	if (err == -EOWNERDEAD)
		lock->order = PYQI_INHERITED;
	return err;
}

int pyq_lock_acquire(pyq_lock *public, int64_t timeout)
{
	struct pyqi_lock *lock = of(public);
	uint64_t deadline;
	int err = pyqi_deadline(timeout, &deadline);

	if (err)
		return err;
	if (!pyqi_is_a(lock->kind, PYQI_LOCK))
		return -EINVAL;
	if (!pyqi_lock_is_mine(lock))
		return hold(lock, 1, deadline);
	if (!(lock->kind & PYQ_LOCK_RECURSIVE))
		return -EDEADLK;
	lock->depth++;
	return 0;
}

int pyq_lock_release(pyq_lock *public)
{
	struct pyqi_lock *lock = of(public);

	if (!pyqi_is_a(lock->kind, PYQI_LOCK))
		return -EINVAL;
	if (!pyqi_lock_is_mine(lock))
		return -EPERM;
	return --lock->depth ? 0 : let_go(lock);
}

int pyq_lock_make_consistent(pyq_lock *public)
{
	struct pyqi_lock *lock = of(public);
	int err;

	if (!pyqi_is_a(lock->kind, PYQI_LOCK))
		return -EINVAL;
	if (!pyqi_lock_is_mine(lock))
		return -EPERM;
	err = -pthread_mutex_consistent(&lock->mutex);
	if (!err)
		lock->order = PYQI_IN_ORDER;
	return err;
}

bool pyq_lock_is_mine(const pyq_lock *lock)
{
	return pyqi_lock_is_mine(of_const(lock));
}

/* (A holder that dies may have cleared @holder, and not yet released the mutex.) */
bool pyq_lock_locked(const pyq_lock *public)
{
	const struct pyqi_lock *lock = of_const(public);

	return pyqi_is_a(lock->kind, PYQI_LOCK) &&
	       pyqi_mutex_word(&lock->mutex) & (FUTEX_TID_MASK | FUTEX_OWNER_DIED);
}

uint64_t pyqi_lock_leave(struct pyqi_lock *lock)
{
	const uint64_t depth = lock->depth;

	let_go(lock);
	return depth;
}

int pyqi_lock_return(struct pyqi_lock *lock, uint64_t depth)
{
	return hold(lock, depth, PYQI_FOREVER);
}
