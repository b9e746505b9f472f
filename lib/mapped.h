/* SPDX-License-Identifier: MIT */
/*
 * Messages into and out of a mapped ring, without a system call as long as
 * nobody has to sleep or to be called. A backend whose queues are mapped uses
 * these as its own members.
 */
#ifndef PYQI_MAPPED_H
#define PYQI_MAPPED_H

#include "priv.h"

int pyqi_mapped_put(pyq_queue *q, const void *data, size_t len, uint64_t deadline);
ssize_t pyqi_mapped_get(pyq_queue *q, void *buf, size_t size, uint64_t deadline);
ssize_t pyqi_mapped_get_msg(pyq_queue *q, struct pyq_msg *msg, uint64_t deadline);
ssize_t pyqi_mapped_put_many(pyq_queue *q, const struct pyq_msg *msgs, size_t n, uint64_t deadline);
ssize_t pyqi_mapped_get_many(pyq_queue *q, struct pyq_msg *msgs, size_t n, uint64_t deadline);
ssize_t pyqi_mapped_qsize(pyq_queue *q);
int pyqi_mapped_task_done(pyq_queue *q, unsigned int count);
int pyqi_mapped_join(pyq_queue *q, uint64_t deadline);
int pyqi_mapped_shutdown(pyq_queue *q, bool immediate);
uint32_t pyqi_mapped_unfinished(pyq_queue *q);

int pyqi_mapped_pollfd(pyq_queue *q, unsigned int access, struct pollfd *pfd);
extern const struct pyqi_loan_ops pyqi_mapped_loans;

/* Take and drop all messages of a queue that is shut down; they count as done. */
void pyqi_mapped_drop(pyq_queue *q);

#endif
