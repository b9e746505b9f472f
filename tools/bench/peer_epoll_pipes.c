// SPDX-License-Identifier: MIT
/* Many pipes, served by one thread with epoll. */
#include <fcntl.h>
#include <stdbool.h>
#include <sys/epoll.h>

#include "alloc.h"
#include "file.h"
#include "many.h"
#include "peers.h"

struct pipes {
	int ends[BENCH_MANY][2];
};

static void close_pipes(void *state)
{
	struct pipes *p = state;

	for (int i = 0; i < BENCH_MANY; i++) {
		close(p->ends[i][0]);
		close(p->ends[i][1]);
	}
	free(p);
}

static int open_pipes(struct bench_queue *queue)
{
	struct pipes *p;

	if (queue->size > BENCH_MANY_SIZE)
		return -EMSGSIZE;
	p = bench_alloc(1, sizeof(*p));
	queue->state = p;
	queue->capacity = 0;
	for (int i = 0; i < BENCH_MANY; i++)
		if (pipe2(p->ends[i], O_CLOEXEC | O_NONBLOCK))
			return -errno;
	return 0;
}

static int send(const struct pipes *out, struct bench_served *s, unsigned int i)
{
	uint64_t message[BENCH_MANY_SIZE / BENCH_SIZE_STEP];

	if (s->sent == s->n)
		return 0;
	bench_fill(message, s->size, s->sent++, 1);
	return bench_write(out->ends[i][1], message, s->size);
}

static int serve(int epoll, const struct pipes *out, const struct pipes *in, bool serves,
		 struct bench_served *s)
{
	struct epoll_event events[BENCH_MANY];
	int err = 0;

	for (unsigned int i = 0; i < BENCH_MANY; i++) {
		struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u32 = i };

		if (epoll_ctl(epoll, EPOLL_CTL_ADD, in->ends[i][0], &event))
			return -errno;
	}
	for (unsigned int i = 0; serves && i < BENCH_MANY && !err; i++)
		err = send(out, s, i);
	while (!err && s->back < s->n) {
		int n = epoll_wait(epoll, events, BENCH_MANY, -1);

		if (n < 0)
			return -errno;
		for (int k = 0; k < n && !err; k++) {
			const unsigned int i = events[k].data.u32;

			err = bench_read(in->ends[i][0], s->room[i], s->size);
			if (err)
				break;
			bench_served_back(s, i);
			err = serves ? send(out, s, i) :
				       bench_write(out->ends[i][1], s->room[i], s->size);
		}
	}
	return err;
}

static int loop(void *out, void *in, bool serves, unsigned long n, size_t size, uint64_t *sum)
{
	struct bench_served *s = bench_alloc(1, sizeof(*s));
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int err;

	s->n = n;
	s->size = size;
	err = epoll < 0 ? -errno : serve(epoll, out, in, serves, s);
	if (epoll >= 0)
		close(epoll);
	if (serves)
		*sum += s->sum;
	free(s);
	return err;
}

const struct bench_peer peer_epoll_pipes = {
	.name = "epoll+pipes",
	.what = "epoll_wait(), read() and write() of 64 pipes, by one thread",
	.open = open_pipes,
	.close = close_pipes,
	.loop = loop,
};
