/* SPDX-License-Identifier: MIT */
/*
 * pyq_aio: operations on any number of queues that go on while the caller does something
 * else, by io_uring where there is one.
 *
 *	struct pyq_completion done[64];
 *	pyq_aio *aio;
 *
 *	err = pyq_aio_create(&aio, 256, 0);
 *	err = pyq_aio_get(aio, jobs, buf, sizeof(buf), PYQ_FOREVER, 1);
 *	err = pyq_aio_put(aio, results, "ready", 5, PYQ_SECONDS(2), 2);
 *	while ((n = pyq_aio_wait(aio, done, 64, 1, PYQ_FOREVER)) > 0)
 *		for (i = 0; i < n; i++)
 *			... done[i].user_data, done[i].result ...
 *
 * An operation that can be done at once is done at once, as the synchronous call
 * would, without more system calls than that. The others wait, those on the same side
 * of a queue in the order in which they came, and what has to be told to the kernel is
 * told for all of them together, by pyq_aio_submit() or the next pyq_aio_wait(). Each
 * ends with one completion.
 *
 * What an operation works on (data, room, array of messages) is the operation's until
 * its completion has been taken, and its queue has to stay open as long. A message is
 * taken out of a queue when its completion is made, never before: an operation that is
 * cancelled, times out or is destroyed has taken nothing. Of a process that is killed,
 * what it has taken is gone with it, as with pyq_get().
 *
 * A pyq_aio is for one thread at a time; its queues may be used by others as well. In a
 * child after a fork only pyq_aio_destroy() is of use. No pointer may be NULL where that is
 * not said; to close a queue on which an operation waits is an error that is not found.
 */
#ifndef PYQUEUE_AIO_H
#define PYQUEUE_AIO_H

#include <pyqueue/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * typedef pyq_aio - operations under way
 */
typedef struct pyq_aio pyq_aio;

/* flags of pyq_aio_create(): which engine; without one of them the best there is */
#define PYQ_AIO_URING (1u << 0) /* io_uring, or else an error */
#define PYQ_AIO_EPOLL (1u << 1) /* epoll */

/**
 * struct pyq_completion - how an operation has ended
 * @user_data: what the caller said at its beginning
 * @result: what the synchronous function would have returned: 0, bytes, a count or a
 *	negative error number; -ECANCELED: nothing has been put or taken. With PYQ_NOWAIT
 *	-EAGAIN also if others are in line before it
 */
struct pyq_completion {
	uint64_t user_data;
	int64_t result;
};

/**
 * pyq_aio_create() - make one
 * @aio: where it goes; NULL there after an error
 * @entries: how many operations there can be at once, with those whose completions have
 *	not been taken; 1 to 32768
 * @flags: PYQ_AIO_URING or PYQ_AIO_EPOLL, or 0
 *
 * Return: 0; -EINVAL; -EOPNOTSUPP an unknown flag; -ENOMEM; -EMFILE, -ENFILE; with
 * PYQ_AIO_URING also -ENOSYS this kernel has no io_uring (or one from before Linux 5.11),
 * -EPERM it is forbidden (sysctl kernel.io_uring_disabled, or the seccomp profile of a
 * container), or what else io_uring_setup() says.
 */
PYQ_API int pyq_aio_create(pyq_aio **aio, unsigned int entries, unsigned int flags);

/**
 * pyq_aio_destroy() - end all
 * @aio: that, or NULL
 *
 * Operations that still wait have put and taken nothing. Who must not lose what has been
 * done takes the completions before (pyq_aio_cancel_all(), then pyq_aio_wait() until it
 * says 0).
 *
 * Return: how many completions had not been taken, also of operations that had been
 * cancelled or failed: what they have done nobody will learn. 0 in a child.
 */
PYQ_API unsigned int pyq_aio_destroy(pyq_aio *aio);

/**
 * pyq_aio_engine() - what it waits with
 * @aio: that
 *
 * Return: "io_uring" or "epoll".
 */
PYQ_API const char *pyq_aio_engine(const pyq_aio *aio);

/**
 * pyq_aio_put() - put one message
 * @aio: where
 * @q: the queue
 * @data: the message
 * @len: its bytes
 * @timeout: how long the operation may wait
 * @user_data: comes back in its completion
 *
 * Does not sleep.
 *
 * Return: 0: there will be a completion; or there is no operation: -EBUSY there are as
 * many as there can be, take completions; -EINVAL a bad timeout; -ENOMEM; -ESTALE in a
 * child. What else can go wrong shows in the completion: also, if it has to wait, an error
 * of pyq_pollfd(), or that epoll has no descriptor or no room for more.
 */
PYQ_API int pyq_aio_put(pyq_aio *aio, pyq_queue *q, const void *data, size_t len, int64_t timeout,
			uint64_t user_data);

/**
 * pyq_aio_get() - take one message
 * @aio: where
 * @q: the queue
 * @buf: room for it
 * @size: bytes of room
 * @timeout: how long the operation may wait
 * @user_data: comes back in its completion
 *
 * Does not sleep.
 *
 * Return: as pyq_aio_put().
 */
PYQ_API int pyq_aio_get(pyq_aio *aio, pyq_queue *q, void *buf, size_t size, int64_t timeout,
			uint64_t user_data);

/**
 * pyq_aio_put_many() - put several messages
 * @aio: where
 * @q: the queue
 * @msgs: as for pyq_put_many()
 * @n: how many
 * @timeout: how long the first may wait
 * @user_data: comes back in the completion
 *
 * Does not sleep.
 *
 * Return: as pyq_aio_put(); -EINVAL also if @n is 0.
 */
PYQ_API int pyq_aio_put_many(pyq_aio *aio, pyq_queue *q, const struct pyq_msg *msgs, size_t n,
			     int64_t timeout, uint64_t user_data);

/**
 * pyq_aio_get_many() - take several messages
 * @aio: where
 * @q: the queue
 * @msgs: as for pyq_get_many()
 * @n: how many
 * @timeout: how long the first may wait
 * @user_data: comes back in the completion
 *
 * With one message it tells all there is to know of it, as pyq_get_msg(). Does not sleep.
 *
 * Return: as pyq_aio_put(); -EINVAL also if @n is 0.
 */
PYQ_API int pyq_aio_get_many(pyq_aio *aio, pyq_queue *q, struct pyq_msg *msgs, size_t n,
			     int64_t timeout, uint64_t user_data);

/**
 * pyq_aio_submit() - tell the kernel what is waited for
 * @aio: that
 *
 * In one system call for all, or none if there is nothing to tell. pyq_aio_wait() does
 * it as well: this is for who then waits in another way (pyq_aio_fd()), or works on.
 *
 * Return: 0; -ESTALE in a child; what else the kernel says.
 */
PYQ_API int pyq_aio_submit(pyq_aio *aio);

/**
 * pyq_aio_wait() - take completions
 * @aio: that
 * @done: where they go, in the order in which the operations ended
 * @n: how many at most
 * @least: how many to wait for; more than there are operations, or than @n, is as many
 * @timeout: how long to wait for that many
 *
 * Signals do not end it. If enough are there already it makes no system call, unless others
 * still wait: then one time in 32, and each time once there is a pyq_aio_fd().
 *
 * Return: how many, which is less than @least only if the time is over, or if waiting
 * failed after some had been taken: the next call fails if it still does; 0 none, or no
 * operation is under way; -EINVAL a bad timeout; otherwise as pyq_aio_submit().
 */
PYQ_API ssize_t pyq_aio_wait(pyq_aio *aio, struct pyq_completion *done, size_t n, size_t least,
			     int64_t timeout);

/**
 * pyq_aio_cancel() - end operations that wait
 * @aio: that
 * @user_data: which: all that were begun with it
 *
 * They complete with -ECANCELED, and have put and taken nothing; those of one side of a
 * queue in the order in which they came.
 *
 * Return: how many; 0: none of that kind waits (any more: then its completion says what
 * it has done); -ESTALE; or what the kernel says, which may have the first one.
 */
PYQ_API int pyq_aio_cancel(pyq_aio *aio, uint64_t user_data);

/**
 * pyq_aio_cancel_all() - end all operations that wait
 * @aio: that
 *
 * Return: as pyq_aio_cancel().
 */
PYQ_API int pyq_aio_cancel_all(pyq_aio *aio);

/**
 * pyq_aio_fd() - for other event loops
 * @aio: that
 *
 * Readable (POLLIN) as long as there are completions to take, and when something has
 * happened that pyq_aio_wait() with PYQ_NOWAIT has to look at; it may turn out to be
 * nothing. That holds after pyq_aio_submit(), or after pyq_aio_wait() has returned 0: one of
 * the two comes before polling whenever operations have been begun or cancelled.
 *
 * Return: the fd, which stays @aio's; -EMFILE, -ENFILE; otherwise as pyq_aio_submit().
 */
PYQ_API int pyq_aio_fd(pyq_aio *aio);

/* --- the same, compiled into the caller for what can be done at once -------------- */

/**
 * struct pyq_aio_ring - what a pyq_aio begins with: the library's, for its inline functions
 * @at_once: how many operations can be begun before which none waits
 * @idle: no operation waits
 * @head: completions taken
 * @tail: completions made
 * @mask: of @done
 * @done: the completions
 */
struct pyq_aio_ring {
	uint32_t at_once;
	uint32_t idle;
	uint32_t head;
	uint32_t tail;
	uint32_t mask;
	struct pyq_completion *done;
};

/* What they leave to the library. */
PYQ_API int pyq_aio_begin_put(pyq_aio *aio, pyq_queue *q, const void *data, size_t len,
			      int64_t timeout, uint64_t user_data);
PYQ_API int pyq_aio_begin_get(pyq_aio *aio, pyq_queue *q, void *buf, size_t size, int64_t timeout,
			      uint64_t user_data);
PYQ_API ssize_t pyq_aio_wait_for(pyq_aio *aio, struct pyq_completion *done, size_t n, size_t least,
				 int64_t timeout);

#if defined(__GNUC__) || defined(PYQ_INLINE)
#ifndef PYQ_INLINE
#define PYQ_INLINE extern __inline __attribute__((__gnu_inline__))
#endif

PYQ_INLINE int pyq_aio_put(pyq_aio *aio, pyq_queue *q, const void *data, size_t len,
			   int64_t timeout, uint64_t user_data)
{
	struct pyq_aio_ring *ring = (struct pyq_aio_ring *)aio;
	struct pyq_completion *done;
	int ret = -EAGAIN;

	if (ring->at_once && timeout >= PYQ_FOREVER)
		ret = pyq_put(q, data, len, PYQ_NOWAIT);
	if (ret == -EAGAIN)
		return pyq_aio_begin_put(aio, q, data, len, timeout, user_data);
	ring->at_once--;
	done = &ring->done[ring->tail++ & ring->mask];
	done->user_data = user_data;
	done->result = ret;
	return 0;
}

PYQ_INLINE int pyq_aio_get(pyq_aio *aio, pyq_queue *q, void *buf, size_t size, int64_t timeout,
			   uint64_t user_data)
{
	struct pyq_aio_ring *ring = (struct pyq_aio_ring *)aio;
	struct pyq_completion *done;
	ssize_t ret = -EAGAIN;

	if (ring->at_once && timeout >= PYQ_FOREVER)
		ret = pyq_get(q, buf, size, PYQ_NOWAIT);
	if (ret == -EAGAIN)
		return pyq_aio_begin_get(aio, q, buf, size, timeout, user_data);
	ring->at_once--;
	done = &ring->done[ring->tail++ & ring->mask];
	done->user_data = user_data;
	done->result = ret;
	return 0;
}

PYQ_INLINE ssize_t pyq_aio_wait(pyq_aio *aio, struct pyq_completion *done, size_t n, size_t least,
				int64_t timeout)
{
	struct pyq_aio_ring *ring = (struct pyq_aio_ring *)aio;
	const size_t there = (uint32_t)(ring->tail - ring->head);
	const size_t take = there < n ? there : n;

	if (!ring->idle || take < least || !take || timeout < PYQ_FOREVER)
		return pyq_aio_wait_for(aio, done, n, least, timeout);
	ring->at_once += (uint32_t)take;
	for (size_t i = 0; i < take; i++) {
		const struct pyq_completion *from = &ring->done[ring->head++ & ring->mask];

		/* One by one, as they were written: a load of both would wait for that. */
		done[i].user_data = from->user_data;
		done[i].result = from->result;
	}
	return (ssize_t)take;
}
#endif

#ifdef __cplusplus
}
#endif

#endif
