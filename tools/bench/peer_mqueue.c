// SPDX-License-Identifier: MIT
/* A POSIX message queue: what the kernel already has of this kind. */
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <unistd.h>

#include "peers.h"

static mqd_t queue;

static int setup(void **state)
{
	struct mq_attr attr = { .mq_maxmsg = 10, .mq_msgsize = sizeof(struct bench_message) };
	char name[32];

	*state = &queue;
	snprintf(name, sizeof(name), "/pyqueue-bench.%d", getpid());
	queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attr);
	if (queue == (mqd_t)-1)
		return -errno;
	mq_unlink(name);
	return 0;
}

static int op(void *state, unsigned long n, uint64_t *sum)
{
	const mqd_t mq = *(const mqd_t *)state;
	struct bench_message sent, received;
	ssize_t len;

	for (unsigned long i = 0; i < n; i++) {
		bench_fill(&sent, i);
		if (mq_send(mq, (const char *)&sent, sizeof(sent), 0))
			return -errno;
		len = mq_receive(mq, (char *)&received, sizeof(received), NULL);
		if (len != sizeof(received))
			return len < 0 ? -errno : -EIO;
		*sum = bench_sum(*sum, &received);
	}
	return 0;
}

static void teardown(void *state)
{
	mq_close(*(const mqd_t *)state);
}

const struct bench_peer peer_mqueue = {
	.name = "mqueue",
	.what = "mq_send() and mq_receive()",
	.required = true,
	.setup = setup,
	.op = op,
	.teardown = teardown,
};
