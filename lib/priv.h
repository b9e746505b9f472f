/* SPDX-License-Identifier: MIT */
/* What the files of the library share, and programs do not see. */
#ifndef PYQI_PRIV_H
#define PYQI_PRIV_H

/* Everything else is compiled with hidden visibility. */
#define PYQ_API __attribute__((visibility("default")))

#include <pthread.h>

#include <pyqueue/loan.h>

#include "mapping.h"

/*
 * errno belongs to the caller: a function that makes system calls or allocates
 * starts with this, and errno is put back when it returns.
 */
#define PYQI_KEEP_ERRNO \
	__attribute__((cleanup(pyqi_restore_errno), unused)) const int pyqi_errno = errno

static inline void pyqi_restore_errno(const int *saved)
{
	errno = *saved;
}

struct pyqi_ring_ops;

/*
 * A thread that is cancelled is not to die in the middle of something, with a lock
 * held: what may call a cancellation point of the C library starts with this.
 */
#define PYQI_NO_CANCEL                                        \
	__attribute__((cleanup(pyqi_restore_cancel), unused)) \
	const int pyqi_cancel = pyqi_disable_cancel()

static inline int pyqi_disable_cancel(void)
{
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	return before;
}

static inline void pyqi_restore_cancel(const int *before)
{
	pthread_setcancelstate(*before, NULL);
}

/* Slots on loan, of a mapped ring: what the public functions of these names do. */
struct pyqi_loan_ops {
	int (*reserve)(pyq_queue *q, struct pyq_loan *loan, uint64_t deadline);
	int (*commit)(pyq_queue *q, struct pyq_loan *loan, size_t len);
	int (*discard)(pyq_queue *q, struct pyq_loan *loan);
	int (*borrow)(pyq_queue *q, struct pyq_loan *loan, uint64_t deadline);
	int (*release)(pyq_queue *q, struct pyq_loan *loan);
	int (*give_back)(pyq_queue *q, struct pyq_loan *loan);
};

/*
 * What implements queues. The files above know handles and timeouts; a backend
 * knows how its queues are reached. Its members do what the public function of
 * their name does, with arguments that have been checked and with deadlines.
 */
struct pyqi_backend {
	const char *name; /* for pyq_info() */

	/* What only this backend has against a queue; NULL: nothing. */
	int (*check)(const struct pyq_attr *attr, const char **why);
	/* These fill in @q; attach says -ENOTTY if the fd is not this backend's. */
	int (*create)(pyq_queue *q, const struct pyq_attr *attr);
	int (*open)(pyq_queue *q, const char *name, unsigned int flags);
	int (*attach)(pyq_queue *q, int fd);
	int (*reattach)(pyq_queue *q); /* in a child; NULL: there is no need to */
	void (*close)(pyq_queue *q);

	int (*put)(pyq_queue *q, const void *data, size_t len, uint64_t deadline);
	ssize_t (*get)(pyq_queue *q, void *buf, size_t size, uint64_t deadline);
	ssize_t (*get_msg)(pyq_queue *q, struct pyq_msg *msg, uint64_t deadline);
	ssize_t (*put_many)(pyq_queue *q, const struct pyq_msg *msgs, size_t n, uint64_t deadline);
	ssize_t (*get_many)(pyq_queue *q, struct pyq_msg *msgs, size_t n, uint64_t deadline);
	ssize_t (*qsize)(pyq_queue *q);
	int (*task_done)(pyq_queue *q, unsigned int count);
	int (*join)(pyq_queue *q, uint64_t deadline);
	int (*shutdown)(pyq_queue *q, bool immediate);
	int (*stat)(pyq_queue *q, struct pyq_stat *st);
	int (*pollfd)(pyq_queue *q, unsigned int access, struct pollfd *pfd);
	const struct pyqi_loan_ops *loans; /* NULL: it has none */
	const struct pyqi_ring_ops *ring;  /* of a backend whose queues are mapped */

	bool (*has)(const char *name); /* whoever may open it */
	int (*unlink)(const char *name);
	int (*list)(int (*fn)(const struct pyq_name *name, void *arg), void *arg);
	int (*info)(struct pyq_info *info);
};

extern const struct pyqi_backend pyqi_kernel;
extern const struct pyqi_backend pyqi_shm;

/**
 * pyqi_backend() - the backend that a new handle uses
 * @wanted: its name; or NULL: what PYQUEUE_BACKEND in the environment says, and
 *	without that the kernel's if there is a /dev/pyqueue
 * @backend: out
 *
 * Return: 0, or -EINVAL: there is none of that name.
 */
int pyqi_backend(const char *wanted, const struct pyqi_backend **backend);

/**
 * pyqi_attr_check() - what pyq_attr_check() does
 * @attr: what a queue is to be like, or NULL
 * @backend: out: where it would be
 * @why: out
 *
 * Return: as pyq_attr_check().
 */
int pyqi_attr_check(const struct pyq_attr *attr, const struct pyqi_backend **backend,
		    const char **why);

/* For checks: @err, and the reason. */
static inline int pyqi_because(const char **why, int err, const char *reason)
{
	*why = reason;
	return err;
}

/* Is there a queue of that name, but not on @backend? */
bool pyqi_has_elsewhere(const struct pyqi_backend *backend, const char *name);

/*
 * Nothing in a handle changes while it is open, but after a fork and in @map:
 * that is what lets threads share it without a lock.
 */
struct pyq_queue {
	const struct pyqi_backend *backend;
	uint64_t serial; /* of all handles of this program, and its parents */
	int fd;
	unsigned int access; /* PYQ_READ, PYQ_WRITE; where the library has to see to it */
	int64_t maxsize;
	size_t max_msg;
	size_t payload; /* messages up to this many bytes are in the ring itself */
	struct pyqi_mapping map;
	pyq_queue *next; /* forked.c's */
};

/**
 * struct pyqi_renewal - how a handle becomes a child's own
 * @attach: map it, as a participant; @q->map is the parent's before
 * @detach: the reverse
 * @let_go: of what is left of the parent's; or NULL
 */
struct pyqi_renewal {
	int (*attach)(pyq_queue *q);
	void (*detach)(pyq_queue *q);
	void (*let_go)(pyq_queue *q, const struct pyqi_mapping *parents);
};

/**
 * pyqi_mapping_renew() - in a child: make the handle its own
 * @q: the handle; its mapping is not there, and what is at its address may be somebody
 *	else's by now
 * @how: what it takes
 *
 * Return: 0; -EBADF its fd is another queue; or what attach returns.
 */
int pyqi_mapping_renew(pyq_queue *q, const struct pyqi_renewal *how);

/* A slot may have room for more than a message may be. */
static inline size_t pyqi_payload(size_t slot, size_t max_msg)
{
	return slot < max_msg ? slot : max_msg;
}

#endif
