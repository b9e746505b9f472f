// SPDX-License-Identifier: MIT
/* Handles: how a program gets one, and gives it back. */
#include <stdlib.h>

#include "priv.h"

/*
 * The handle comes first: once a queue has been made there is nothing left that
 * can fail and leave a name behind.
 */
static pyq_queue *handle_new(void)
{
	pyq_queue *q = calloc(1, sizeof(*q));

	if (q)
		q->backend = pyqi_backend();
	return q;
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

static int attr_check(const struct pyq_attr *attr)
{
	if (!attr)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(attr->reserved) / sizeof(attr->reserved[0]); i++)
		if (attr->reserved[i])
			return -EINVAL;
	if (attr->flags & ~(PYQ_SEALED | PYQ_MAPPABLE | PYQ_EXCL))
		return -EOPNOTSUPP;
	return 0;
}

int pyq_create(pyq_queue **out, const struct pyq_attr *attr)
{
	PYQI_KEEP_ERRNO;
	pyq_queue *q;
	int err;

	*out = NULL;
	err = attr_check(attr);
	if (err)
		return err;
	q = handle_new();
	if (!q)
		return -ENOMEM;
	return handle_result(out, q, q->backend->create(q, attr));
}

int pyq_open(pyq_queue **out, const char *name, unsigned int flags)
{
	PYQI_KEEP_ERRNO;
	pyq_queue *q;

	*out = NULL;
	if (flags & ~(PYQ_READ | PYQ_WRITE))
		return -EINVAL;
	if (!flags)
		flags = PYQ_READ | PYQ_WRITE;
	q = handle_new();
	if (!q)
		return -ENOMEM;
	return handle_result(out, q, q->backend->open(q, name, flags));
}

int pyq_from_fd(pyq_queue **out, int fd)
{
	PYQI_KEEP_ERRNO;
	pyq_queue *q;

	*out = NULL;
	q = handle_new();
	if (!q)
		return -ENOMEM;
	return handle_result(out, q, q->backend->attach(q, fd));
}

int pyq_unlink(const char *name)
{
	return pyqi_backend()->unlink(name);
}

int pyq_fd(const pyq_queue *q)
{
	return q->fd;
}

void pyq_close(pyq_queue *q)
{
	PYQI_KEEP_ERRNO;

	if (!q)
		return;
	q->backend->close(q);
	free(q);
}
