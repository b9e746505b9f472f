// SPDX-License-Identifier: MIT
/* Messages into a queue and out of it. */
#include <stdlib.h>

#include "deadline.h"
#include "priv.h"

/* pyq_get_alloc() gives back what a message leaves unused, from this on. */
#define SPARE_BYTES 512

/* Out of the way of those who wait for ever or not at all. */
static __attribute__((noinline)) int put_until(pyq_queue *q, const void *data, size_t len,
					       int64_t timeout)
{
	uint64_t deadline;
	int err = pyqi_deadline(timeout, &deadline);

	return err ? err : q->backend->put(q, data, len, deadline);
}

int pyq_put(pyq_queue *q, const void *data, size_t len, int64_t timeout)
{
	if (timeout == PYQ_NOWAIT || timeout == PYQ_FOREVER)
		return q->backend->put(q, data, len, (uint64_t)timeout);
	return put_until(q, data, len, timeout);
}

static __attribute__((noinline)) ssize_t get_until(pyq_queue *q, void *buf, size_t size,
						   int64_t timeout)
{
	uint64_t deadline;
	int err = pyqi_deadline(timeout, &deadline);

	return err ? err : q->backend->get(q, buf, size, deadline);
}

ssize_t pyq_get(pyq_queue *q, void *buf, size_t size, int64_t timeout)
{
	if (timeout == PYQ_NOWAIT || timeout == PYQ_FOREVER)
		return q->backend->get(q, buf, size, (uint64_t)timeout);
	return get_until(q, buf, size, timeout);
}

ssize_t pyq_get_msg(pyq_queue *q, struct pyq_msg *msg, int64_t timeout)
{
	uint64_t deadline;
	int err = pyqi_deadline(timeout, &deadline);

	if (!err && msg->reserved)
		err = -EINVAL;
	return err ? err : q->backend->get_msg(q, msg, deadline);
}

int pyq_get_alloc(pyq_queue *q, void **data, size_t *len, int64_t timeout)
{
	PYQI_KEEP_ERRNO;
	struct pyq_msg msg = { .size = q->payload };
	uint64_t deadline;
	char *fitting;
	ssize_t ret;

	*data = NULL;
	ret = pyqi_deadline(timeout, &deadline);
	if (ret)
		return (int)ret;
	for (;;) {
		/* Room first: a message that has been taken must have a place to go. */
		msg.data = malloc(msg.size + 1);
		if (!msg.data)
			return -ENOMEM;
		ret = q->backend->get_msg(q, &msg, deadline);
		if (ret >= 0)
			break;
		free(msg.data);
		if (ret != -EMSGSIZE)
			return (int)ret;
		if (msg.len <= msg.size)
			return -EUCLEAN;
		/* It stays; if another consumer takes it meanwhile, the next one counts. */
		msg.size = msg.len;
	}
	((char *)msg.data)[msg.len] = '\0';
	if (msg.size - msg.len >= SPARE_BYTES) {
		fitting = realloc(msg.data, msg.len + 1);
		if (fitting)
			msg.data = fitting;
	}
	*data = msg.data;
	if (len)
		*len = msg.len;
	return 0;
}

/* How many of @msgs, from the first, can be handed on. */
static size_t sound(const struct pyq_msg *msgs, size_t n)
{
	size_t i = 0;

	while (i < n && !msgs[i].reserved)
		i++;
	return i;
}

ssize_t pyq_put_many(pyq_queue *q, const struct pyq_msg *msgs, size_t n, int64_t timeout)
{
	size_t count = sound(msgs, n);
	uint64_t deadline;
	int err = pyqi_deadline(timeout, &deadline);

	if (!err && n && !count)
		err = -EINVAL;
	if (err || !n)
		return err;
	return q->backend->put_many(q, msgs, count, deadline);
}

ssize_t pyq_get_many(pyq_queue *q, struct pyq_msg *msgs, size_t n, int64_t timeout)
{
	size_t count = sound(msgs, n);
	uint64_t deadline;
	int err = pyqi_deadline(timeout, &deadline);

	if (!err && n && !count)
		err = -EINVAL;
	if (err || !n)
		return err;
	return q->backend->get_many(q, msgs, count, deadline);
}
