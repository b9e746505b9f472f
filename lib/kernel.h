/* SPDX-License-Identifier: MIT */
/* What both kinds of handles of the kernel's queues do by ioctl. */
#ifndef PYQI_KERNEL_H
#define PYQI_KERNEL_H

#include "priv.h"

/* Returns a value or -errno; signals do not end it. */
int pyqi_kernel_call(int fd, unsigned long cmd, void *arg);

/**
 * pyqi_kernel_map() - if it can be mapped, do
 * @q: a handle of a queue of the kernel, with all but its mapping; its backend is
 *	another if it is mapped
 *
 * Return: 0, also if it cannot be mapped: then it goes without; or an error of the
 * library's beginning.
 */
int pyqi_kernel_map(pyq_queue *q);

int pyqi_kernel_put(pyq_queue *q, const void *data, size_t len, uint64_t deadline);
ssize_t pyqi_kernel_put_many(pyq_queue *q, const struct pyq_msg *msgs, size_t n, uint64_t deadline);
ssize_t pyqi_kernel_get_many(pyq_queue *q, struct pyq_msg *msgs, size_t n, uint64_t deadline);
int pyqi_kernel_join(pyq_queue *q, uint64_t deadline);
int pyqi_kernel_shutdown(pyq_queue *q, bool immediate);
int pyqi_kernel_stat(pyq_queue *q, struct pyq_stat *st);
int pyqi_kernel_pollfd(pyq_queue *q, unsigned int access, struct pollfd *pfd);

#endif
