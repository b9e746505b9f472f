// SPDX-License-Identifier: GPL-2.0
/*
 * io_uring: the module's own commands, and those that any file takes, by rings of each
 * kind. A ring outlives an input if nothing of that waits in it: to make one takes long.
 */
#include "kernel_world.h"

#include <liburing.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>

enum { ENTRIES = 64, TAGS = 4 };

/* Until what has been cancelled has completed; or a ring is made anew, which takes longer. */
enum { WAIT_NS = 20000000 };

static const unsigned int setups[] = {
	0,
	IORING_SETUP_SQPOLL,
	IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER,
	IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
	IORING_SETUP_SQE128,
	IORING_SETUP_SQE128 | IORING_SETUP_CQE32,
	IORING_SETUP_IOPOLL,
};

enum { KINDS = sizeof(setups) / sizeof(setups[0]) };

static struct some_uring {
	struct io_uring ring;
	bool made;
	bool fixed;		/* it has registered files */
	unsigned int waiting;	/* what has not completed */
} urings[KINDS];

/* Of commands that wait: they have to stay. */
static unsigned char arguments[2 * ENTRIES][128] __attribute__((aligned(64)));

/* What has completed, without waiting. */
static void reap(struct some_uring *u)
{
	struct io_uring_cqe *cqe;
	unsigned int head, n = 0;

	io_uring_get_events(&u->ring);
	io_uring_for_each_cqe(&u->ring, head, cqe) {
		n++;
		u->waiting -= !(cqe->flags & IORING_CQE_F_MORE);
	}
	io_uring_cq_advance(&u->ring, n);
}

static void submit(struct some_uring *u)
{
	long ret = did(io_uring_submit(&u->ring));

	u->waiting += ret > 0 ? ret : 0;
	reap(u);
}

static void end_uring(struct some_uring *u)
{
	if (u->made)
		io_uring_queue_exit(&u->ring);
	*u = (struct some_uring){ };
}

static struct some_uring *some_uring(void)
{
	struct some_uring *u = &urings[byte() % KINDS];
	struct io_uring_params params = { .flags = setups[u - urings], .sq_thread_idle = 1 };

	if (u->made)
		return u;
	u->made = !io_uring_queue_init_params(ENTRIES, &u->ring, &params);
	if (!u->made)
		return NULL;
	count(RINGS);
	return u;
}

static void prepare_command(struct io_uring_sqe *sqe, int q, uint8_t how)
{
	static const unsigned long ops[] = { PYQUEUE_IOC_PUT, PYQUEUE_IOC_GET,
		PYQUEUE_IOC_PUT_MANY, PYQUEUE_IOC_GET_MANY, PYQUEUE_IOC_TASK_DONE,
		PYQUEUE_IOC_WAKE, PYQUEUE_URING_CANCEL, PYQUEUE_IOC_STAT };
	struct pyqueue_uring payload = { .tag = byte() % TAGS };
	unsigned char *arg = arguments[world.arguments++ % (2 * ENTRIES)];
	unsigned long op = ops[how % 8];

	memset(arg, 0, sizeof(arguments[0]));
	if (op == PYQUEUE_IOC_PUT || op == PYQUEUE_IOC_GET) {
		struct pyqueue_get *get = (void *)arg;

		get->size = op == PYQUEUE_IOC_PUT ? sizeof(struct pyqueue_put) : sizeof(*get);
		get->deadline_ns = how & 64 ? PYQUEUE_FOREVER : deadline();
		get->buf = (uintptr_t)address();
		get->len = number();
	} else if (op == PYQUEUE_IOC_PUT_MANY || op == PYQUEUE_IOC_GET_MANY) {
		struct pyqueue_many *many = (void *)arg;
		struct pyqueue_msg *msg = (void *)(arg + 64);

		*msg = (struct pyqueue_msg){ .buf = (uintptr_t)buf, .len = byte() };
		*many = (struct pyqueue_many){ .size = sizeof(*many), .msgs = (uintptr_t)msg,
			.count = byte() % 3,
			.deadline_ns = how & 64 ? PYQUEUE_FOREVER : deadline() };
	} else {
		struct pyqueue_wake *wake = (void *)arg;

		*wake = (struct pyqueue_wake){ .size = sizeof(*wake), .flags = byte(),
			.count = byte() };
	}
	payload.arg = op == PYQUEUE_URING_CANCEL && how & 16 ? 0 : (uintptr_t)arg;
	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, q, NULL, 0, 0);
	sqe->cmd_op = op;
	memcpy(sqe->cmd, &payload, sizeof(payload));
	count(COMMANDS);
}

static void prepare_cancel(struct io_uring_sqe *sqe, int q, uint8_t how)
{
	unsigned int by = how & (IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_FD |
				 IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_FD_FIXED);

	if (by & IORING_ASYNC_CANCEL_FD)
		io_uring_prep_cancel_fd(sqe, q, by);
	else
		io_uring_prep_cancel64(sqe, how / 16 % TAGS, by);
}

static void prepare(struct io_uring_sqe *sqe, int q)
{
	uint8_t kind = byte(), how = byte();
	uint64_t at = how & 4 ? 0 : -1; /* -1: wherever it is */
	unsigned int events = (how & 1 ? POLLIN : 0) | (how & 2 ? POLLOUT : 0);

	switch (kind % 12) {
	case 0: io_uring_prep_poll_add(sqe, q, events); break;
	case 1: io_uring_prep_poll_multishot(sqe, q, events); break;
	case 2: io_uring_prep_read(sqe, q, address(), number() % (BUF + 5000), at); break;
	case 3: io_uring_prep_write(sqe, q, address(), number() % (BUF + 5000), at); break;
	case 4: prepare_cancel(sqe, q, how); break;
	default: prepare_command(sqe, q, how);
	}
	io_uring_sqe_set_data64(sqe, kind / 16 % TAGS);
}

/* What has been registered holds its queues, also when they have been closed. */
static void do_register(struct some_uring *u)
{
	if (u->waiting)
		return; /* it would wait for that */
	if (u->fixed)
		did(io_uring_unregister_files(&u->ring));
	u->fixed = !did(io_uring_register_files(&u->ring, world.fds, FDS));
}

void do_uring(void)
{
	struct some_uring *u = some_uring();
	uint8_t how = byte(), which = byte() % FDS;
	struct io_uring_sqe *sqe;
	bool fixed;

	if (!u)
		return;
	if (how % 64 == 63) {
		/* With all that still waits. */
		end_uring(u);
		return;
	}
	if (how % 32 == 31)
		do_register(u);
	sqe = io_uring_get_sqe(&u->ring);
	if (!sqe)
		return;
	fixed = u->fixed && how & 4;
	prepare(sqe, fixed ? which : world.fds[which]);
	if (fixed)
		sqe->flags |= IOSQE_FIXED_FILE;
	if (how % 4 == 3)
		sqe->flags |= byte() & (IOSQE_ASYNC | IOSQE_IO_LINK | IOSQE_IO_DRAIN);
	submit(u);
}

void forget_urings(void)
{
	memset(urings, 0, sizeof(urings));
}

/* Each way of cancelling, of which one is right for what waits. */
static void cancel_all(struct some_uring *u)
{
	struct io_uring_sqe *sqe;

	for (int i = 0; u->waiting && i < FDS * TAGS; i++) {
		const struct pyqueue_uring payload = { .tag = i % TAGS };

		if (world.fds[i / TAGS] < 0)
			continue;
		sqe = io_uring_get_sqe(&u->ring);
		if (!sqe)
			return;
		io_uring_prep_rw(IORING_OP_URING_CMD, sqe, world.fds[i / TAGS], NULL, 0, 0);
		sqe->cmd_op = PYQUEUE_URING_CANCEL;
		memcpy(sqe->cmd, &payload, sizeof(payload));
		submit(u);
	}
	sqe = io_uring_get_sqe(&u->ring);
	if (!sqe)
		return;
	io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
	submit(u);
}

/* What waits is cancelled, or goes with the ring. */
void end_commands(void)
{
	for (struct some_uring *u = urings; u < urings + KINDS; u++) {
		const uint64_t end = now() + WAIT_NS;

		if (u->made && u->waiting)
			cancel_all(u);
		while (u->waiting && now() < end) {
			sched_yield();
			reap(u);
		}
		if (u->waiting || (u->fixed && io_uring_unregister_files(&u->ring)))
			end_uring(u);
		u->fixed = false;
	}
}
