// SPDX-License-Identifier: MIT
/*
 * ZeroMQ: PUSH and PULL over a UNIX socket, which is its way between processes. The
 * consumer binds, and every producer connects. Sockets belong to a context, with threads
 * that do not come through fork(): each process has its own.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>
#include <zmq.h>

#include "alloc.h"
#include "keeper.h"
#include "message.h"
#include "peers.h"

/* What a queue takes where one process has both its ends: those, and mailboxes. */
#define FILES_EACH 7
#define FILES_OTHERS 100

/**
 * struct queue - a queue, as a process sees it
 * @directory: of the socket
 * @address: of the socket, for ZeroMQ
 * @limit: messages that either end holds back
 * @maker: the process that removes the directory
 * @user: the process that @put and @get are of
 * @put: NULL, or to put with
 * @events: of that
 * @get: NULL, or to get with
 */
struct queue {
	char directory[96]; /* The socket's path has 108 at most. */
	char address[128];
	int limit;
	pid_t maker;
	pid_t user;
	void *put;
	void *events;
	void *get;
};

static unsigned int open_count;

/* Of this process, while it has sockets. */
static struct {
	void *context;
	pid_t user;
	unsigned int sockets;
} own;

static BENCH_INLINE int put(void *state, const void *data, size_t size)
{
	const int len = zmq_send(((const struct queue *)state)->put, data, size, 0);

	return len < 0 ? -errno : 0;
}

static BENCH_INLINE int get(void *state, void *data, size_t size)
{
	const int len = zmq_recv(((const struct queue *)state)->get, data, size, 0);

	if (len == (int)size)
		return 0;
	return len < 0 ? -errno : -EIO;
}

#include "loops.h"

/* --- written and read where they lie ------------------------------------------ */

static int put_in_place(struct queue *q, uint64_t number, size_t size)
{
	zmq_msg_t message;
	int err;

	if (zmq_msg_init_size(&message, size))
		return -errno;
	bench_fill(zmq_msg_data(&message), size, number, 1);
	if (zmq_msg_send(&message, q->put, 0) >= 0)
		return 0;
	err = -errno;
	zmq_msg_close(&message);
	return err;
}

static int get_in_place(struct queue *q, size_t size, uint64_t *sum)
{
	zmq_msg_t message;
	int err = 0;

	zmq_msg_init(&message);
	if (zmq_msg_recv(&message, q->get, 0) < 0)
		err = -errno;
	else if (zmq_msg_size(&message) != size)
		err = -EIO;
	else
		*sum += bench_sum(zmq_msg_data(&message), size, 1);
	zmq_msg_close(&message);
	return err;
}

static int produce_in_place(void *state, uint64_t first, unsigned long n, size_t size)
{
	int err = 0;

	for (unsigned long i = 0; !err && i < n; i++)
		err = put_in_place(state, first + i, size);
	return err;
}

static int consume_in_place(void *state, unsigned long n, size_t size, uint64_t *sum)
{
	int err = 0;

	for (unsigned long i = 0; !err && i < n; i++)
		err = get_in_place(state, size, sum);
	return err;
}

/* --- sockets ----------------------------------------------------------------- */

static void *own_context(void)
{
	if (own.context && own.user == getpid())
		return own.context;
	own.context = zmq_ctx_new();
	own.user = getpid();
	own.sockets = 0;
	if (own.context)
		zmq_ctx_set(own.context, ZMQ_MAX_SOCKETS,
			    zmq_ctx_get(own.context, ZMQ_SOCKET_LIMIT));
	return own.context;
}

static void *open_socket(int type)
{
	void *context = own_context();
	void *socket = context ? zmq_socket(context, type) : NULL;

	own.sockets += !!socket;
	return socket;
}

/* The last one takes the context with it, which sees that all is sent. */
static void close_socket(void **socket)
{
	if (!*socket)
		return;
	zmq_close(*socket);
	*socket = NULL;
	if (--own.sockets)
		return;
	while (zmq_ctx_term(own.context) && errno == EINTR)
		;
	own.context = NULL;
}

static int start_getting(struct queue *q)
{
	q->get = open_socket(ZMQ_PULL);
	if (!q->get || zmq_setsockopt(q->get, ZMQ_RCVHWM, &q->limit, sizeof(q->limit)) ||
	    zmq_bind(q->get, q->address))
		return -errno;
	return 0;
}

/* What happens to what @q puts by. */
static int watch(struct queue *q)
{
	char address[64];

	snprintf(address, sizeof(address), "inproc://%s", strrchr(q->directory, '/') + 1);
	if (zmq_socket_monitor(q->put, address,
			       ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED))
		return -errno;
	q->events = open_socket(ZMQ_PAIR);
	return q->events && !zmq_connect(q->events, address) ? 0 : -errno;
}

/* An event is its number and more, and then an address. */
static int wait_event(struct queue *q, uint16_t wanted)
{
	uint16_t number;
	char event[256];

	do {
		if (zmq_recv(q->events, event, sizeof(event), 0) < (int)sizeof(number))
			return -errno;
		memcpy(&number, event, sizeof(number));
		if (zmq_recv(q->events, event, sizeof(event), 0) < 0)
			return -errno;
	} while (number != wanted);
	return 0;
}

/* Until there is a connection: else the first message would wait for one. */
static int start_putting(struct queue *q)
{
	static const int for_ever = -1, retry_ms = 1;
	int err;

	q->put = open_socket(ZMQ_PUSH);
	if (!q->put || zmq_setsockopt(q->put, ZMQ_SNDHWM, &q->limit, sizeof(q->limit)) ||
	    zmq_setsockopt(q->put, ZMQ_LINGER, &for_ever, sizeof(for_ever)) ||
	    zmq_setsockopt(q->put, ZMQ_RECONNECT_IVL, &retry_ms, sizeof(retry_ms)))
		return -errno;
	err = watch(q);
	if (err)
		return err;
	if (zmq_connect(q->put, q->address))
		return -errno;
	return wait_event(q, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
}

static int enter(void *state, unsigned int role)
{
	struct queue *q = state;
	int err = 0;

	/* What it was before fork() is the parent's. */
	if (q->user != getpid())
		q->put = q->events = q->get = NULL;
	q->user = getpid();
	if (role & BENCH_GETS && !q->get)
		err = start_getting(q);
	if (!err && role & BENCH_PUTS && !q->put)
		err = start_putting(q);
	return err;
}

/*
 * Who gets loses what lies in the kernel's socket when the other end closes, if its own
 * half of the queue is full then, whatever lingers: so the end that puts closes last.
 */
static void leave(void *state)
{
	struct queue *q = state;

	if (q->user != getpid())
		return;
	close_socket(&q->get);
	if (q->events)
		wait_event(q, ZMQ_EVENT_DISCONNECTED);
	close_socket(&q->put);
	close_socket(&q->events);
}

/* --- queues ------------------------------------------------------------------ */

/* A directory of its own keeps others away from the socket. */
static int make_directory(struct queue *q)
{
	const char *parent = getenv("TMPDIR");
	const int len = snprintf(q->directory, sizeof(q->directory), "%s/pyqueue-bench.XXXXXX",
				 parent && *parent ? parent : "/tmp");

	if (len < 0 || (size_t)len >= sizeof(q->directory))
		return -ENAMETOOLONG;
	if (!mkdtemp(q->directory))
		return -errno;
	snprintf(q->address, sizeof(q->address), "ipc://%s/queue", q->directory);
	return 0;
}

/* Of the address it is what follows. */
static const char *path_of_socket(const struct queue *q)
{
	return q->address + strlen("ipc://");
}

static int keep(const struct queue *q)
{
	int err = bench_keep_file(q->directory);

	return err ? err : bench_keep_file(path_of_socket(q));
}

static void remove_directory(const struct queue *q)
{
	unlink(path_of_socket(q));
	rmdir(q->directory);
	bench_forget_file(path_of_socket(q));
	bench_forget_file(q->directory);
}

static bool has_files(void)
{
	struct rlimit files;

	return getrlimit(RLIMIT_NOFILE, &files) ||
	       (rlim_t)(open_count + 1) * FILES_EACH + FILES_OTHERS <= files.rlim_cur;
}

static int open_queue(struct bench_queue *queue)
{
	struct queue *q;
	int err;

	if (!has_files())
		return -EMFILE;
	q = bench_alloc(1, sizeof(*q));
	err = make_directory(q);
	if (!err) {
		err = keep(q);
		if (err)
			remove_directory(q);
	}
	if (err) {
		free(q);
		return err;
	}
	/* Half of it with either end. What is in the kernel's socket comes on top. */
	q->limit = (int)(queue->capacity + 1) / 2;
	q->maker = getpid();
	open_count++;
	queue->state = q;
	return 0;
}

static void close_queue(void *state)
{
	struct queue *q = state;

	leave(q);
	if (q->maker == getpid())
		remove_directory(q);
	open_count--;
	free(q);
}

const struct bench_peer peer_zeromq = {
	.name = "zeromq ipc",
	.what = "zmq_send() and zmq_recv()",
	.calls_unseen = true,
	.consumers = 1,
	.open = open_queue,
	.close = close_queue,
	.enter = enter,
	.leave = leave,
	BENCH_LOOPS,
};

const struct bench_peer peer_zeromq_in_place = {
	.name = "zeromq in place",
	.what = "zmq_msg_send() and zmq_msg_recv(), written and read in the message",
	.calls_unseen = true,
	.consumers = 1,
	.open = open_queue,
	.close = close_queue,
	.enter = enter,
	.leave = leave,
	.produce = produce_in_place,
	.consume = consume_in_place,
};
