/* SPDX-License-Identifier: MIT */
/*
 * Queues in an io_uring of one's own, by liburing (2.3 and later): each function fills in
 * one SQE, as io_uring_prep_read() does. Flags and user_data are the caller's, to be set
 * afterwards; links, linked timeouts, cancellation and IOSQE_ASYNC work as with any file.
 *
 *	sqe = io_uring_get_sqe(&ring);
 *	err = pyq_prep_get(sqe, q, buf, sizeof(buf));
 *	io_uring_sqe_set_data64(sqe, 1);
 *	io_uring_submit(&ring);
 *
 * Where one fails it has not touched the SQE, which is in the ring all the same: make it a
 * io_uring_prep_nop(), or what was there last is submitted again. Cancel what is under way
 * before pyq_close().
 *
 * Not part of <pyqueue.h>, because it includes <liburing.h>: a program is linked with
 * -luring too, and liburing's header needs -std=gnu17 or _GNU_SOURCE. Programs that have no
 * ring are better served by pyq_aio (<pyqueue/aio.h>).
 */
#ifndef PYQUEUE_URING_H
#define PYQUEUE_URING_H

#include <liburing.h>
#include <string.h>

#include <pyqueue/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A message of a queue in shared memory does not go through its file. */
static inline int pyq_prep_check(const pyq_queue *q)
{
	return strcmp(pyq_backend(q), "kernel") ? -EOPNOTSUPP : 0;
}

/**
 * pyq_prep_get() - take one message
 * @sqe: to be filled in
 * @q: the queue; one of the module
 * @buf: room for the message, the operation's until it has ended
 * @size: bytes of room
 *
 * Its result (cqe->res) is the message's bytes; 0: the queue has been shut down and is
 * empty; -EMSGSIZE it is longer, and stays; -EBADMSG it has no bytes, and stays (pyq_get()
 * takes it); -EAGAIN others were quicker some hundred times: submit it again; -ECANCELED
 * nothing has been taken; -EBADF not open for getting; or that the queue is broken.
 *
 * Return: 0; -EOPNOTSUPP the queue is in shared memory, use pyq_prep_poll(): @sqe is as
 * it was.
 */
static inline int pyq_prep_get(struct io_uring_sqe *sqe, pyq_queue *q, void *buf, unsigned int size)
{
	int err = pyq_prep_check(q);

	if (!err)
		io_uring_prep_read(sqe, pyq_fd(q), buf, size, (__u64)-1);
	return err;
}

/**
 * pyq_prep_put() - put one message
 * @sqe: to be filled in
 * @q: the queue; one of the module
 * @data: the message, at least one byte; the operation's until it has ended
 * @len: its bytes
 *
 * Its result is @len; -EINVAL no bytes; -ECANCELED nothing has been put; or an error of
 * pyq_put().
 *
 * Return: 0; -EOPNOTSUPP the queue is in shared memory.
 */
static inline int pyq_prep_put(struct io_uring_sqe *sqe, pyq_queue *q, const void *data,
			       unsigned int len)
{
	int err = pyq_prep_check(q);

	if (!err)
		io_uring_prep_write(sqe, pyq_fd(q), data, len, (__u64)-1);
	return err;
}

/**
 * pyq_prep_poll() - be told when it is worth a try
 * @sqe: to be filled in
 * @q: the queue, of any kind
 * @access: PYQ_READ: when a get would not wait; PYQ_WRITE: a put
 *
 * Its result is an event of poll() (more than 0); then the synchronous functions, with
 * PYQ_NOWAIT, do the rest. For a queue that is mapped that is the fastest way.
 *
 * Return: 0, or an error of pyq_pollfd().
 */
static inline int pyq_prep_poll(struct io_uring_sqe *sqe, pyq_queue *q, unsigned int access)
{
	struct pollfd pfd;
	int err = pyq_pollfd(q, access, &pfd);

	if (!err)
		io_uring_prep_poll_add(sqe, pfd.fd, (unsigned int)pfd.events);
	return err;
}

#ifdef __cplusplus
}
#endif

#endif
