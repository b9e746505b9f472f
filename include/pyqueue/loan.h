/* SPDX-License-Identifier: MIT */
/*
 * pyq_loan: a place in a queue's memory, lent to the caller, so that a message is
 * written where it will lie and read where it lies.
 *
 *	struct pyq_loan room, message;
 *
 *	err = pyq_reserve(q, &room, PYQ_FOREVER);
 *	len = sprintf(room.data, "hello");
 *	err = pyq_commit(q, &room, len);
 *
 *	err = pyq_borrow(q, &message, PYQ_SECONDS(2));
 *	work_on(message.data, message.size);
 *	err = pyq_release(q, &message);
 *
 * A process that dies with a loan, or closes the queue with one, has not put what
 * it has reserved; and what it has borrowed is delivered again, with a delivery
 * count above 1, before newer messages: at once, or in shared memory as soon as
 * somebody has noticed (docs/shm.md).
 *
 * A loan keeps its slot. Messages behind a reserved one wait for it, and once the
 * ring has come round, puts wait for whatever is on loan: so do not sleep on it. In a
 * queue without a bound puts do not; there gets find the queue empty, although
 * pyq_qsize() counts what waits behind the ring. pyq_qsize() counts what is reserved, and
 * not what is borrowed: so another may be put, and what is given back can be one more
 * than maxsize.
 * It may be ended by any thread of the process that made it, once: through a copy of
 * the struct nothing is ended twice, but @data may be gone. That is for one after the
 * other: of two threads that end it at the same moment the later one may change what
 * lies there by then. Only of a message that was given back is a copy, after that, as
 * good as a new loan of the same message: keep none. In a child after a fork it is
 * nothing.
 */
#ifndef PYQUEUE_LOAN_H
#define PYQUEUE_LOAN_H

#include <pyqueue/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct pyq_loan - what is lent
 * @data: room for a message, aligned to 16 bytes; or a message, only to be read.
 *	NULL once the loan has ended
 * @size: bytes of room: the queue's payload; or of the message
 * @id: the message's number in this queue
 * @deliveries: of a message: 1, or more if a process died with it in hand
 * @reserved: 0
 * @opaque: the library's
 */
struct pyq_loan {
	void *data;
	size_t size;
	uint64_t id;
	uint32_t deliveries;
	uint32_t reserved;
	uint64_t opaque[4];
};

/**
 * pyq_reserve() - a place for a message
 * @q: the queue
 * @loan: filled in; ended by pyq_commit() or pyq_discard()
 * @timeout: how long to wait while the queue is full
 *
 * The message's place among the others is settled now. It has room for the queue's
 * payload (struct pyq_attr); pyq_put() takes larger ones. A queue without a bound is
 * full in this sense while more messages are in it than its ring has room for; neither
 * pyq_full() nor pyq_pollfd() says so: after -EAGAIN use pyq_put().
 *
 * May sleep; signals and kills as in pyq_put().
 *
 * Return: 0; -EAGAIN full and PYQ_NOWAIT; -ETIMEDOUT; -ESHUTDOWN; -EBADF not open
 * for putting; -EINVAL a bad timeout; -EOPNOTSUPP the module's queue is
 * sealed, or the handle is for one direction only; -EUCLEAN.
 */
PYQ_API int pyq_reserve(pyq_queue *q, struct pyq_loan *loan, int64_t timeout);

/**
 * pyq_commit() - put what has been written
 * @q: the queue
 * @loan: from pyq_reserve()
 * @len: bytes of the message
 *
 * Does not wait. Does what pyq_put() would have done, also if the queue has been
 * shut down meanwhile.
 *
 * Return: 0; -E2BIG @len is over @loan->size, and -EINVAL it is no loan of
 * pyq_reserve() on this handle: nothing has changed; -ESTALE it is another
 * process's; -EOWNERDEAD this process was taken for dead, or a copy has ended it:
 * nothing was put, or what there was is delivered again.
 */
PYQ_API int pyq_commit(pyq_queue *q, struct pyq_loan *loan, size_t len);

/**
 * pyq_discard() - put nothing after all
 * @q: the queue
 * @loan: from pyq_reserve()
 *
 * Return: as pyq_commit() without -E2BIG.
 */
PYQ_API int pyq_discard(pyq_queue *q, struct pyq_loan *loan);

/**
 * pyq_borrow() - the next message, where it lies
 * @q: the queue
 * @loan: filled in; ended by pyq_release() or pyq_give_back()
 * @timeout: how long to wait while the queue is empty
 *
 * A message larger than the payload is copied into memory that the loan holds.
 *
 * May sleep; signals and kills as in pyq_put().
 *
 * Return: 0; -EAGAIN empty and PYQ_NOWAIT; -ETIMEDOUT; -ESHUTDOWN shut down and
 * empty; -EBADF not open for getting; -EINVAL a bad timeout; -ENOMEM no memory for
 * that copy (of one in shared memory also no address space to map it), the message is still
 * in the queue; -EOPNOTSUPP the module's queue is
 * sealed, or the handle is for one direction only; -EUCLEAN.
 */
PYQ_API int pyq_borrow(pyq_queue *q, struct pyq_loan *loan, int64_t timeout);

/**
 * pyq_release() - the message has been dealt with, and is gone
 * @q: the queue
 * @loan: from pyq_borrow()
 *
 * pyq_task_done() is as necessary as after pyq_get().
 *
 * Return: as pyq_commit() without -E2BIG.
 */
PYQ_API int pyq_release(pyq_queue *q, struct pyq_loan *loan);

/**
 * pyq_give_back() - it has not: let another take it, before newer ones
 * @q: the queue
 * @loan: from pyq_borrow()
 *
 * Return: as pyq_commit() without -E2BIG.
 */
PYQ_API int pyq_give_back(pyq_queue *q, struct pyq_loan *loan);

#ifdef __cplusplus
}
#endif

#endif
