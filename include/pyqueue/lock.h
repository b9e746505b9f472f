/* SPDX-License-Identifier: MIT */
/*
 * What threads, or processes, wait for each other with: Lock, RLock, Condition, Event,
 * Semaphore, BoundedSemaphore and Barrier of Python's threading and multiprocessing.
 *
 *	pyq_lock lock;
 *
 *	err = pyq_lock_init(&lock, 0);
 *	err = pyq_lock_acquire(&lock, PYQ_FOREVER);
 *	counter++;
 *	err = pyq_lock_release(&lock);
 *
 * Each is a structure that the caller places: anywhere for the threads of one process.
 * For several processes it is initialised with PYQ_SHARED, once, in memory that all of
 * them have mapped as shared, such as that of pyq_shared_alloc(), which children have
 * after fork():
 *
 *	struct shared { pyq_lock lock; int counter; } *s = pyq_shared_alloc(sizeof(*s));
 *
 *	err = pyq_lock_init(&s->lock, PYQ_SHARED);
 *
 * Its contents are the library's; it must not be copied or moved. One
 * that has not been initialised, or has been destroyed, is EINVAL to each function that has
 * errors.
 * Those for processes are for processes of one PID namespace.
 *
 * Functions return 0 or a count, or a negative error number; errno is left alone, and
 * none is a cancellation point. Timeouts are those of <pyqueue/queue.h>; none ends
 * early. Signals do not end a wait: handlers run and it goes on, to the same deadline.
 * Pointers must not be NULL, unless it is said that they may.
 *
 * A process that is killed at any instant leaves nothing half done: a lock it held can
 * be had (EOWNERDEAD tells), and what it waited for goes to others. What it has taken from
 * a semaphore stays taken, and at a barrier it is missing: timeouts are for that.
 *
 * What may be lost with it is a wake-up. So who sleeps between processes looks for himself
 * four times a second, and goes on that much later if one is killed who
 *  - has let others go, and is in the few instructions before he wakes them; or
 *  - has been woken for a lock (or has released one), and a third one has taken it before
 *    the first could. Newer kernels (such as 6.1.192) wake another one then.
 * A holder of a lock that is killed is noticed at once. (Of locks that one thread holds
 * at once the kernel sees to no more than 2048.)
 *
 * In a child after fork() those without PYQ_SHARED are copies, in the state of that
 * moment: what another thread held stays held, and nobody can release it. Initialise
 * such ones anew there.
 */
#ifndef PYQUEUE_LOCK_H
#define PYQUEUE_LOCK_H

#include <pyqueue/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

/* flags of pyq_lock_init() and the others' */
#define PYQ_SHARED (1u << 8)		 /* in shared memory, for several processes */
#define PYQ_LOCK_RECURSIVE (1u << 9)	 /* who holds the lock may acquire it again: RLock */
#define PYQ_SEMAPHORE_BOUNDED (1u << 10) /* no release beyond the initial value */

/**
 * pyq_shared_alloc() - memory that is shared with the children of this process
 * @size: its bytes
 *
 * It is there in each child that is made by fork() from now on, at the same address,
 * and all see what one writes. The kernel frees it when the last of them has ended, or
 * has called pyq_shared_free(). Whole pages are allocated: put several things in one.
 *
 * Return: the memory, zeros; NULL if there is no more, or @size is 0.
 */
PYQ_API void *pyq_shared_alloc(size_t size);

/**
 * pyq_shared_free() - give it back, in this process
 * @memory: what pyq_shared_alloc() returned, or NULL
 * @size: as there
 */
PYQ_API void pyq_shared_free(void *memory, size_t size);

/**
 * struct pyq_lock - a mutex
 * @opaque: the library's
 */
struct pyq_lock {
	uint64_t opaque[10];
} __attribute__((aligned(8)));

typedef struct pyq_lock pyq_lock;

/**
 * pyq_lock_init() - make a lock; nobody holds it
 * @lock: room for it
 * @flags: PYQ_SHARED, PYQ_LOCK_RECURSIVE
 *
 * Its memory has to stay mapped in a process as long as a thread there holds it, or is
 * in a call on it: the kernel looks there when a thread ends.
 *
 * Return: 0; -EINVAL an unknown flag.
 */
PYQ_API int pyq_lock_init(pyq_lock *lock, unsigned int flags);

/**
 * pyq_lock_destroy() - end it; its memory is the caller's again
 * @lock: the lock; nobody is in a call on it, or will be
 *
 * Return: 0; -EBUSY somebody holds it; -EINVAL.
 */
PYQ_API int pyq_lock_destroy(pyq_lock *lock);

/**
 * pyq_lock_acquire() - hold the lock
 * @lock: the lock
 * @timeout: how long to wait while another thread holds it
 *
 * May sleep. Who is killed in it has not got the lock, or is a holder that has died.
 *
 * If the holder has died (its process was killed, or just the thread has ended) the
 * next one is told so by -EOWNERDEAD, and HAS the lock. What it protects may be half
 * changed: put that right and call pyq_lock_make_consistent(). If the lock is released
 * before that (also by pyq_condition_wait()) it is of no more use to anybody: all get
 * -ENOTRECOVERABLE, those who wait at a condition when they are notified (which takes the
 * lock: before it is released) or their time is over. pyq_lock_destroy() and
 * pyq_lock_init() make a new one, when all have left it.
 *
 * A second time by the holder of a lock without PYQ_LOCK_RECURSIVE it is -EDEADLK,
 * whatever the timeout, where Python would wait for ever. With PYQ_LOCK_RECURSIVE it
 * counts, and as many releases are due; of those of a holder that has died none.
 *
 * Return: 0; -EAGAIN another holds it and PYQ_NOWAIT; -ETIMEDOUT; -EOWNERDEAD the caller
 * has the lock from one who has died; -ENOTRECOVERABLE; -EDEADLK; -EINVAL a bad timeout.
 */
PYQ_API int pyq_lock_acquire(pyq_lock *lock, int64_t timeout);

/**
 * pyq_lock_release() - hold it no longer
 * @lock: the lock
 *
 * Only the thread that has acquired it can (a Lock of Python can be released by
 * others: that is a pyq_semaphore of 1).
 *
 * Return: 0; -EPERM the caller does not hold it; -EINVAL.
 */
PYQ_API int pyq_lock_release(pyq_lock *lock);

/**
 * pyq_lock_make_consistent() - what the lock protects is in order again
 * @lock: the lock, which pyq_lock_acquire() or pyq_condition_wait() has given to the
 *	caller with -EOWNERDEAD
 *
 * Return: 0; -EPERM the caller does not hold it; -EINVAL no holder has died.
 */
PYQ_API int pyq_lock_make_consistent(pyq_lock *lock);

/**
 * pyq_lock_is_mine() - does the calling thread hold it
 * @lock: the lock
 *
 * Return: the answer.
 */
PYQ_API bool pyq_lock_is_mine(const pyq_lock *lock);

/**
 * pyq_lock_locked() - does anybody hold it (now; it may not be so a moment later)
 * @lock: the lock
 *
 * Return: the answer; true as well for a holder that has died.
 */
PYQ_API bool pyq_lock_locked(const pyq_lock *lock);

/**
 * struct pyq_condition - where the holders of a lock wait for what others will do
 * @opaque: the library's
 */
struct pyq_condition {
	uint64_t opaque[8];
} __attribute__((aligned(8)));

typedef struct pyq_condition pyq_condition;

/**
 * pyq_condition_init() - make a condition; nobody waits
 * @cond: room for it
 * @flags: PYQ_SHARED
 *
 * It goes with one lock, which is passed to each call: where that lies may differ
 * between processes. Both are PYQ_SHARED, or neither.
 *
 * Return: 0; -EINVAL an unknown flag.
 */
PYQ_API int pyq_condition_init(pyq_condition *cond, unsigned int flags);

/**
 * pyq_condition_destroy() - end it; its memory is the caller's again
 * @cond: the condition; nobody is in a call on it, or will be
 *
 * Return: 0; -EBUSY somebody waits (only seen between threads); -EINVAL.
 */
PYQ_API int pyq_condition_destroy(pyq_condition *cond);

/**
 * pyq_condition_wait() - release the lock, wait until notified, acquire it again
 * @cond: the condition
 * @lock: its lock, which the caller holds; of a recursive one all levels are released,
 *	and restored
 * @timeout: how long to wait for a notify; that the lock is free again has to be
 *	waited for besides, however long it takes
 *
 * May sleep. Between threads it returns 0 when it has been notified, and only then.
 * Between processes each notify lets all go who wait (so one that is killed cannot take
 * it along): there it may well return 0 and what was waited for is not so, or no more.
 * pyq_condition_wait_for() looks, and waits again; so must whoever calls this one.
 *
 * Afterwards the caller holds the lock as before, whatever is returned, except with
 * -ENOTRECOVERABLE, -EPERM and -EINVAL. Who is killed in it has taken nothing from the
 * others.
 *
 * Return: 0; -EAGAIN not notified and PYQ_NOWAIT; -ETIMEDOUT; -EOWNERDEAD as of
 * pyq_lock_acquire(): a holder of the lock has died meanwhile; -ENOTRECOVERABLE;
 * -EPERM the caller does not hold the lock; -EINVAL a bad timeout, only one of the two
 * is PYQ_SHARED, or others wait with another lock (seen between threads).
 */
PYQ_API int pyq_condition_wait(pyq_condition *cond, pyq_lock *lock, int64_t timeout);

/**
 * pyq_condition_wait_for() - wait until something is so
 * @cond: the condition
 * @lock: its lock, which the caller holds
 * @predicate: called with the lock held, before a wait and after each
 * @arg: passed on to it
 * @timeout: how long to wait, all in all
 *
 * May sleep. The timeout is looked at only while @predicate says no. @predicate is not
 * asked after -EOWNERDEAD: what it would look at may be half changed.
 *
 * Return: 0 @predicate has said yes, and the caller holds the lock; otherwise as
 * pyq_condition_wait().
 */
PYQ_API int pyq_condition_wait_for(pyq_condition *cond, pyq_lock *lock,
				   bool (*predicate)(void *arg), void *arg, int64_t timeout);

/**
 * pyq_condition_notify() - let some who wait go on, once the lock is free
 * @cond: the condition
 * @lock: its lock, which the caller holds
 * @n: between threads: how many, those who have waited longest; between processes all
 *	go on, if it is not 0
 *
 * Does not sleep.
 *
 * Return: 0; -EPERM the caller does not hold the lock; -EINVAL as of pyq_condition_wait().
 */
PYQ_API int pyq_condition_notify(pyq_condition *cond, pyq_lock *lock, unsigned int n);

/**
 * pyq_condition_notify_all() - let all who wait go on, once the lock is free
 * @cond: the condition
 * @lock: its lock, which the caller holds
 *
 * Return: as pyq_condition_notify().
 */
PYQ_API int pyq_condition_notify_all(pyq_condition *cond, pyq_lock *lock);

/**
 * struct pyq_event - a flag that can be waited for
 * @opaque: the library's
 */
struct pyq_event {
	uint64_t opaque[4];
} __attribute__((aligned(8)));

typedef struct pyq_event pyq_event;

/**
 * pyq_event_init() - make an event; it is not set
 * @event: room for it
 * @flags: PYQ_SHARED
 *
 * Return: 0; -EINVAL an unknown flag.
 */
PYQ_API int pyq_event_init(pyq_event *event, unsigned int flags);

/**
 * pyq_event_destroy() - end it; its memory is the caller's again
 * @event: the event; nobody is in a call on it, or will be
 *
 * Return: 0; -EINVAL.
 */
PYQ_API int pyq_event_destroy(pyq_event *event);

/**
 * pyq_event_set() - set it, and let all go on who wait
 * @event: the event
 *
 * Does not sleep; may be called in a signal handler.
 *
 * Return: 0; -EINVAL.
 */
PYQ_API int pyq_event_set(pyq_event *event);

/**
 * pyq_event_clear() - it is not set any more
 * @event: the event
 *
 * Does not sleep; may be called in a signal handler. Who waited when it was set goes on
 * nevertheless.
 *
 * Return: 0; -EINVAL.
 */
PYQ_API int pyq_event_clear(pyq_event *event);

/**
 * pyq_event_is_set() - is it set (now)
 * @event: the event
 *
 * Return: the answer.
 */
PYQ_API bool pyq_event_is_set(const pyq_event *event);

/**
 * pyq_event_wait() - wait until it is set
 * @event: the event
 * @timeout: how long
 *
 * May sleep. Nothing is taken: if the caller is killed the others do not notice.
 *
 * Return: 0 it is set, or was while the caller waited; -EAGAIN it is not and
 * PYQ_NOWAIT; -ETIMEDOUT; -EINVAL a bad timeout.
 */
PYQ_API int pyq_event_wait(pyq_event *event, int64_t timeout);

/**
 * struct pyq_semaphore - a number that waits before it falls below zero
 * @opaque: the library's
 */
struct pyq_semaphore {
	uint64_t opaque[4];
} __attribute__((aligned(8)));

typedef struct pyq_semaphore pyq_semaphore;

/**
 * pyq_semaphore_init() - make a semaphore
 * @sem: room for it
 * @value: its value
 * @flags: PYQ_SHARED; PYQ_SEMAPHORE_BOUNDED: it never rises above @value
 *
 * Return: 0; -EINVAL an unknown flag.
 */
PYQ_API int pyq_semaphore_init(pyq_semaphore *sem, unsigned int value, unsigned int flags);

/**
 * pyq_semaphore_destroy() - end it; its memory is the caller's again
 * @sem: the semaphore; nobody is in a call on it, or will be
 *
 * Return: 0; -EINVAL.
 */
PYQ_API int pyq_semaphore_destroy(pyq_semaphore *sem);

/**
 * pyq_semaphore_acquire() - take one
 * @sem: the semaphore
 * @timeout: how long to wait while its value is 0
 *
 * May sleep; without a system call if there is one. It belongs to nobody: anybody may
 * release it, and what a process had that is killed stays taken.
 *
 * Return: 0; -EAGAIN there is none and PYQ_NOWAIT; -ETIMEDOUT; -EINVAL a bad timeout.
 */
PYQ_API int pyq_semaphore_acquire(pyq_semaphore *sem, int64_t timeout);

/**
 * pyq_semaphore_release() - give some back, or more
 * @sem: the semaphore
 * @n: how many, at least 1
 *
 * Does not sleep; without a system call if nobody waits; may be called in a signal
 * handler.
 *
 * Return: 0; -EOVERFLOW it is PYQ_SEMAPHORE_BOUNDED and would rise above its initial
 * value, or any above UINT_MAX: nothing is given; -EINVAL @n is 0.
 */
PYQ_API int pyq_semaphore_release(pyq_semaphore *sem, unsigned int n);

/**
 * pyq_semaphore_value() - how many there are (now)
 * @sem: the semaphore
 *
 * Return: the value.
 */
PYQ_API unsigned int pyq_semaphore_value(const pyq_semaphore *sem);

/**
 * struct pyq_barrier - where a number of parties wait until all are there
 * @opaque: the library's
 */
struct pyq_barrier {
	uint64_t opaque[4];
} __attribute__((aligned(8)));

typedef struct pyq_barrier pyq_barrier;

#define PYQ_BARRIER_PARTIES_MAX 4095u

/**
 * pyq_barrier_init() - make a barrier
 * @barrier: room for it
 * @parties: how many are to come, 1 to PYQ_BARRIER_PARTIES_MAX
 * @flags: PYQ_SHARED
 *
 * Return: 0; -EINVAL @parties is out of range, or an unknown flag.
 */
PYQ_API int pyq_barrier_init(pyq_barrier *barrier, unsigned int parties, unsigned int flags);

/**
 * pyq_barrier_destroy() - end it; its memory is the caller's again
 * @barrier: the barrier; nobody is in a call on it, or will be
 *
 * Return: 0; -EINVAL.
 */
PYQ_API int pyq_barrier_destroy(pyq_barrier *barrier);

/**
 * pyq_barrier_wait() - arrive, and wait until all have
 * @barrier: the barrier
 * @timeout: how long
 *
 * May sleep. The last one lets all go on, and the next round begins. Whose time is over
 * breaks the barrier for all.
 *
 * Who is killed while he waits has arrived: the others of this round do go on. Where he
 * is missing in the next one a timeout helps.
 *
 * Return: the how-manieth the caller was: 0 to parties - 1, in each round each number
 * once; -EPIPE the barrier is broken, has been while the caller waited, or was reset
 * (rarely also if the round was complete, and two later ones were broken before the
 * caller came to look); -ETIMEDOUT (-EAGAIN with PYQ_NOWAIT) not all have come: it is
 * broken now; -EINVAL a bad timeout.
 */
PYQ_API int pyq_barrier_wait(pyq_barrier *barrier, int64_t timeout);

/**
 * pyq_barrier_wait_action() - the same, and something is done before all go on
 * @barrier: the barrier
 * @action: called if the caller is the last, while the others still wait; it may break
 *	the barrier by pyq_barrier_abort(). NULL: nothing
 * @arg: passed on to it
 * @timeout: how long
 *
 * The timeouts of the others go on meanwhile; if one is over the barrier breaks and
 * @action has been in vain. If the process is killed in @action the others wait until
 * somebody's time is over.
 *
 * Return: as pyq_barrier_wait().
 */
PYQ_API int pyq_barrier_wait_action(pyq_barrier *barrier, void (*action)(void *arg), void *arg,
				    int64_t timeout);

/**
 * pyq_barrier_reset() - a new beginning: empty, not broken
 * @barrier: the barrier
 *
 * Who waits gets -EPIPE.
 *
 * Return: 0; -EINVAL.
 */
PYQ_API int pyq_barrier_reset(pyq_barrier *barrier);

/**
 * pyq_barrier_abort() - break it: who waits, and who comes, gets an error
 * @barrier: the barrier
 *
 * Until pyq_barrier_reset(). The error is -EPIPE.
 *
 * Return: 0; -EINVAL.
 */
PYQ_API int pyq_barrier_abort(pyq_barrier *barrier);

/**
 * pyq_barrier_broken() - is it broken (now)
 * @barrier: the barrier
 *
 * Return: the answer.
 */
PYQ_API bool pyq_barrier_broken(const pyq_barrier *barrier);

/**
 * pyq_barrier_parties() - how many are to come
 * @barrier: the barrier
 *
 * Return: as it was made.
 */
PYQ_API unsigned int pyq_barrier_parties(const pyq_barrier *barrier);

/**
 * pyq_barrier_n_waiting() - how many have come, of the round that is not complete (now)
 * @barrier: the barrier
 *
 * Return: 0 to parties.
 */
PYQ_API unsigned int pyq_barrier_n_waiting(const pyq_barrier *barrier);

#ifdef __cplusplus
}
#endif

#endif
