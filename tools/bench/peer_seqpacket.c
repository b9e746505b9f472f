// SPDX-License-Identifier: MIT
/* A pair of UNIX sockets that keep messages apart: SOCK_SEQPACKET. */
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "alloc.h"
#include "file.h"
#include "peers.h"

enum { RECEIVES, SENDS };

static BENCH_INLINE int put(void *state, const void *data, size_t size)
{
	return bench_whole(send(((const int *)state)[SENDS], data, size, 0), size);
}

static BENCH_INLINE int get(void *state, void *data, size_t size)
{
	return bench_whole(recv(((const int *)state)[RECEIVES], data, size, 0), size);
}

#include "loops.h"

/* Of @bytes, as the kernel counts them; without CAP_NET_ADMIN up to net.core.wmem_max. */
static void make_room(const int *ends, size_t bytes)
{
	const int half = (int)((bytes + 1) / 2); /* The kernel doubles it. */

	if (setsockopt(ends[SENDS], SOL_SOCKET, SO_SNDBUFFORCE, &half, sizeof(half)))
		setsockopt(ends[SENDS], SOL_SOCKET, SO_SNDBUF, &half, sizeof(half));
}

/* As many as fit, but no more than @most: and out with them again. Return: that, or -errno. */
static long count_fitting(const int *ends, size_t size, unsigned long most, int *bytes)
{
	void *message = bench_alloc(1, size);
	long n = 0, left;
	int err = 0;

	while ((unsigned long)n < most && send(ends[SENDS], message, size, MSG_DONTWAIT) >= 0)
		n++;
	if (!n || ioctl(ends[SENDS], SIOCOUTQ, bytes))
		err = -errno;
	for (left = n; left; left--)
		if (recv(ends[RECEIVES], message, size, 0) < 0)
			err = -errno;
	free(message);
	return err ? err : n;
}

static int size_pair(const int *ends, struct bench_queue *queue)
{
	int bytes;
	long n;

	/* What one costs, with all that the kernel adds to it. */
	make_room(ends, 2 * queue->size);
	n = count_fitting(ends, queue->size, 1, &bytes);
	if (n < 0)
		return (int)n;
	make_room(ends, queue->capacity * (size_t)bytes);
	n = count_fitting(ends, queue->size, 2 * queue->capacity, &bytes);
	if (n < 0)
		return (int)n;
	queue->capacity = (unsigned long)n;
	return 0;
}

static void close_pair(void *state)
{
	int *ends = state;

	close(ends[SENDS]);
	close(ends[RECEIVES]);
	free(ends);
}

static int open_pair(struct bench_queue *queue)
{
	int *ends = bench_alloc(2, sizeof(*ends));
	int err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) {
		err = -errno;
		free(ends);
		return err;
	}
	err = size_pair(ends, queue);
	if (err)
		close_pair(ends);
	else
		queue->state = ends;
	return err;
}

const struct bench_peer peer_seqpacket = {
	.name = "seqpacket",
	.what = "send() and recv()",
	.open = open_pair,
	.close = close_pair,
	BENCH_LOOPS,
};
