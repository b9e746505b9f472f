// SPDX-License-Identifier: MIT
/* A POSIX message queue: what the kernel already has of this kind. */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/resource.h>

#include "alloc.h"
#include "message.h"
#include "peers.h"

/* What everybody may have; more takes CAP_SYS_RESOURCE or another fs.mqueue.msg_max. */
#define CAPACITY_FOR_ALL 10UL

static BENCH_INLINE int put(void *state, const void *data, size_t size)
{
	const mqd_t mq = *(const mqd_t *)state;

	return mq_send(mq, (const char *)data, size, 0) ? -errno : 0;
}

static BENCH_INLINE int get(void *state, void *data, size_t size)
{
	const mqd_t mq = *(const mqd_t *)state;
	ssize_t len = mq_receive(mq, (char *)data, size, NULL);

	if (len == (ssize_t)size)
		return 0;
	return len < 0 ? -errno : -EIO;
}

#include "loops.h"

static mqd_t create(const struct bench_queue *queue)
{
	struct mq_attr attr = {
		.mq_maxmsg = (long)queue->capacity,
		.mq_msgsize = (long)queue->size,
	};
	char name[32];
	mqd_t mq;

	snprintf(name, sizeof(name), "/pyqueue-bench.%d", getpid()); /* for a moment */
	mq = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attr);
	if (mq != (mqd_t)-1)
		mq_unlink(name);
	return mq;
}

/* For fs.mqueue.msgsize_max, or for all that this user may have in such queues. */
static bool is_too_long(size_t size)
{
	struct rlimit bytes;

	return errno == EINVAL ||
	       (errno == EMFILE && !getrlimit(RLIMIT_MSGQUEUE, &bytes) && size > bytes.rlim_cur);
}

static int open_queue(struct bench_queue *queue)
{
	mqd_t *mq;
	mqd_t created;

	while ((created = create(queue)) == (mqd_t)-1) {
		if (queue->capacity == 1)
			return is_too_long(queue->size) ? -EMSGSIZE : -errno;
		queue->capacity = errno == EINVAL && queue->capacity > CAPACITY_FOR_ALL ?
					  CAPACITY_FOR_ALL :
					  queue->capacity / 2;
	}
	mq = bench_alloc(1, sizeof(*mq));
	*mq = created;
	queue->state = mq;
	return 0;
}

static void close_queue(void *state)
{
	mq_close(*(const mqd_t *)state);
	free(state);
}

const struct bench_peer peer_mqueue = {
	.name = "mqueue",
	.what = "mq_send() and mq_receive()",
	.open = open_queue,
	.close = close_queue,
	BENCH_LOOPS,
};
