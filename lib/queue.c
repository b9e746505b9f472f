// SPDX-License-Identifier: MIT
/* Handles: how a program gets one, and gives it back. */
#include <stdlib.h>

#include "priv.h"

/*
 * The handle comes first: once a queue has been made there is nothing left that
 * can fail and leave a name behind.
 */
static int handle_new(pyq_queue **q, const struct pyqi_backend *ops)
{
	static uint64_t last_serial;

	*q = calloc(1, sizeof(**q));
	if (!*q)
		return -ENOMEM;
	(*q)->backend = ops;
	(*q)->serial = __atomic_add_fetch(&last_serial, 1, __ATOMIC_RELAXED);
	return 0;
}

static int handle_result(pyq_queue **out, pyq_queue *q, int err)
{
	if (err) {
		free(q);
		q = NULL;
	}
	*out = q;
	return err;
}

int pyq_create(pyq_queue **out, const struct pyq_attr *attr)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	const struct pyqi_backend *backend;
	const char *why;
	pyq_queue *q;
	int err;

	*out = NULL;
	err = pyqi_attr_check(attr, &backend, &why);
	if (!err)
		err = handle_new(&q, backend);
	if (err)
		return err;
	if (attr->name && pyqi_has_elsewhere(q->backend, attr->name))
		return handle_result(out, q, -EXDEV);
	return handle_result(out, q, q->backend->create(q, attr));
}

int pyq_open(pyq_queue **out, const char *name, unsigned int flags)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	const struct pyqi_backend *backend;
	pyq_queue *q;
	int err;

	*out = NULL;
	if (!name || flags & ~(PYQ_READ | PYQ_WRITE))
		return -EINVAL;
	if (!flags)
		flags = PYQ_READ | PYQ_WRITE;
	err = pyqi_backend(NULL, &backend);
	if (!err)
		err = handle_new(&q, backend);
	if (err)
		return err;
	err = q->backend->open(q, name, flags);
	if (err == -ENOENT && pyqi_has_elsewhere(q->backend, name))
		err = -EXDEV;
	return handle_result(out, q, err);
}

/* What it is shows its backend, whatever new queues would have. */
int pyq_from_fd(pyq_queue **out, int fd)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	pyq_queue *q;
	int err;

	*out = NULL;
	err = handle_new(&q, &pyqi_kernel);
	if (err)
		return err;
	err = q->backend->attach(q, fd);
	if (err == -ENOTTY) {
		q->backend = &pyqi_shm;
		err = q->backend->attach(q, fd);
	}
	return handle_result(out, q, err);
}

int pyq_unlink(const char *name)
{
	PYQI_NO_CANCEL;
	const struct pyqi_backend *backend;
	int err = name ? pyqi_backend(NULL, &backend) : -EINVAL;

	if (!err)
		err = backend->unlink(name);
	return err == -ENOENT && pyqi_has_elsewhere(backend, name) ? -EXDEV : err;
}

const char *pyq_backend(const pyq_queue *q)
{
	return q->backend->name;
}

int pyq_fd(const pyq_queue *q)
{
	return q->fd;
}

void pyq_close(pyq_queue *q)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;

	if (!q)
		return;
	q->backend->close(q);
	free(q);
}
