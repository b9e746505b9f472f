// SPDX-License-Identifier: MIT
/* A System V message queue. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/msg.h>

#include "alloc.h"
#include "message.h"
#include "peers.h"
#include "keeper.h"

/**
 * struct queue - a queue, and what its messages are wrapped in
 * @id: the kernel's
 * @maker: the process that has to remove it: to be without users is not enough
 * @type: in front of each message, and never 0
 * @message: room for one. Processes have their own copies
 */
struct queue {
	int id;
	pid_t maker;
	long type;
	unsigned char message[];
};

static BENCH_INLINE int put(void *state, const void *data, size_t size)
{
	struct queue *q = state;

	memcpy(q->message, data, size);
	q->type = 1;
	return msgsnd(q->id, &q->type, size, 0) ? -errno : 0;
}

static BENCH_INLINE int get(void *state, void *data, size_t size)
{
	struct queue *q = state;
	const ssize_t len = msgrcv(q->id, &q->type, size, 0, 0);

	if (len != (ssize_t)size)
		return len < 0 ? -errno : -EIO;
	memcpy(data, q->message, size);
	return 0;
}

#include "loops.h"

static size_t longest(void)
{
	struct msginfo info;

	/* How Linux has it. */
	if (msgctl(0, IPC_INFO, (struct msqid_ds *)&info) < 0)
		return 0;
	return (size_t)info.msgmax;
}

/* More than kernel.msgmnb takes CAP_SYS_RESOURCE: else it stays as it is. */
static int make_room(int id, struct bench_queue *queue)
{
	struct msqid_ds seen;

	if (msgctl(id, IPC_STAT, &seen))
		return -errno;
	seen.msg_qbytes = queue->capacity * queue->size;
	if (msgctl(id, IPC_SET, &seen) && (errno != EPERM || msgctl(id, IPC_STAT, &seen)))
		return -errno;
	queue->capacity = seen.msg_qbytes / queue->size;
	return 0;
}

static void close_queue(void *state)
{
	struct queue *q = state;

	if (q->maker == getpid()) {
		msgctl(q->id, IPC_RMID, NULL);
		bench_forget_sysv(q->id);
	}
	free(q);
}

static int open_queue(struct bench_queue *queue)
{
	struct queue *q;
	int err;

	if (queue->size > longest())
		return -EMSGSIZE;
	q = bench_alloc(1, sizeof(*q) + queue->size);
	q->maker = getpid();
	q->id = msgget(IPC_PRIVATE, 0600);
	if (q->id < 0) {
		err = -errno;
		free(q);
		return err;
	}
	err = bench_keep_sysv(q->id);
	if (!err)
		err = make_room(q->id, queue);
	if (err)
		close_queue(q);
	else
		queue->state = q;
	return err;
}

const struct bench_peer peer_sysv = {
	.name = "sysv",
	.what = "msgsnd() and msgrcv()",
	.open = open_queue,
	.close = close_queue,
	BENCH_LOOPS,
};
