// SPDX-License-Identifier: MIT
/*
 * A program with a ring of its own: messages go from a socket into a queue, and from
 * another queue out by the socket. Receiving, sending and both queues are on one ring.
 */
#include <liburing.h>
#include <pyqueue.h>
#include <pyqueue/uring.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RECEIVED = 1, QUEUE_READY, SENT };

struct proxy {
	struct io_uring ring;
	int socket;
	pyq_queue *in;	/* what has come by the socket */
	pyq_queue *out; /* what is to go by it */
	char received[64];
	char to_send[64];
};

/* --- the proxy ---------------------------------------------------------------- */

static void receive(struct proxy *p)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&p->ring);

	io_uring_prep_recv(sqe, p->socket, p->received, sizeof(p->received), 0);
	io_uring_sqe_set_data64(sqe, RECEIVED);
}

/* The next message out of the queue, or a word when there is one. */
static int send_next(struct proxy *p)
{
	ssize_t len = pyq_get(p->out, p->to_send, sizeof(p->to_send), PYQ_NOWAIT);
	struct io_uring_sqe *sqe;
	int err;

	if (len == -ESHUTDOWN)
		return shutdown(p->socket, SHUT_WR);
	if (len < 0 && !pyq_is_empty(len))
		return (int)len;
	sqe = io_uring_get_sqe(&p->ring);
	if (len < 0) {
		err = pyq_prep_poll(sqe, p->out, PYQ_READ);
		if (err)
			return err;
		io_uring_sqe_set_data64(sqe, QUEUE_READY);
	} else {
		io_uring_prep_send(sqe, p->socket, p->to_send, (size_t)len, 0);
		io_uring_sqe_set_data64(sqe, SENT);
	}
	return 0;
}

/* Return: 1 the other end has gone, 0 go on, or an error. */
static int handle(struct proxy *p, uint64_t what, int result)
{
	int err;

	if (result < 0)
		return result;
	if (what != RECEIVED)
		return send_next(p);
	if (!result)
		return pyq_shutdown(p->in, false) ? -EIO : 1;
	err = pyq_put(p->in, p->received, (size_t)result, PYQ_SECONDS(2));
	if (!err)
		receive(p);
	return err;
}

static int run(struct proxy *p)
{
	struct io_uring_cqe *cqe;
	int ret = io_uring_queue_init(8, &p->ring, 0);

	if (ret)
		return ret;
	receive(p);
	ret = send_next(p);
	while (!ret) {
		uint64_t what;
		int result;

		io_uring_submit_and_wait(&p->ring, 1);
		if (io_uring_peek_cqe(&p->ring, &cqe))
			continue;
		what = cqe->user_data;
		result = cqe->res;
		io_uring_cqe_seen(&p->ring, cqe);
		ret = handle(p, what, result);
	}
	io_uring_queue_exit(&p->ring);
	return ret < 0 ? ret : 0;
}

/* --- both ends ------------------------------------------------------------------ */

/* Somebody far away, who knows nothing of queues: asks, and prints the answers. */
static int far_end(int socket)
{
	char text[64];
	ssize_t len;

	for (int i = 0; i < 3; i++)
		if (send(socket, i == 1 ? "what?" : "why?", i == 1 ? 5 : 4, 0) < 0)
			return 1;
	for (int i = 0; i < 3; i++) {
		len = recv(socket, text, sizeof(text), 0);
		if (len <= 0)
			return 1;
		printf("%.*s\n", (int)len, text);
		fflush(stdout);
	}
	return 0;
}

/* Somebody near, who knows nothing of sockets. */
static int near_end(pyq_queue *in, pyq_queue *out)
{
	char question[64], answer[80];
	ssize_t len;

	while ((len = pyq_get(in, question, sizeof(question), PYQ_SECONDS(10))) >= 0) {
		int n = snprintf(answer, sizeof(answer), "%.*s because", (int)len, question);

		if (pyq_put(out, answer, (size_t)n, PYQ_FOREVER))
			return 1;
	}
	return len != -ESHUTDOWN;
}

int main(void)
{
	struct proxy p = { .in = NULL };
	int ends[2], status, failed = 0;
	int err = pyq_create(&p.in, &(struct pyq_attr){ .maxsize = 4 });

	if (!err)
		err = pyq_create(&p.out, &(struct pyq_attr){ .maxsize = 4 });
	if (err || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) {
		fprintf(stderr, "uring_proxy: %s\n", err ? pyq_strerror(err) : strerror(errno));
		return 1;
	}
	if (fork() == 0) {
		close(ends[0]);
		close(ends[1]);
		_exit(near_end(p.in, p.out));
	}
	if (fork() == 0) {
		close(ends[1]);
		_exit(far_end(ends[0]));
	}
	close(ends[0]);
	p.socket = ends[1];
	err = run(&p);
	if (err)
		fprintf(stderr, "uring_proxy: %s\n", strerror(-err));
	while (wait(&status) > 0)
		failed |= status;
	pyq_close(p.in);
	pyq_close(p.out);
	return err || failed;
}
