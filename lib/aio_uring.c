// SPDX-License-Identifier: MIT
/*
 * Waiting by io_uring: a poll for each side on which something waits, or in shared memory
 * a wait for its futex. What there is to arm and to disarm goes in with the call that
 * waits. No multishot poll: it announces itself again at once, and so has each put make a
 * call, whether or not somebody sleeps.
 */
#include <liburing.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <unistd.h>

#include "aio.h"
#include "aio_command.h"
#include "attempt.h"
#include "deadline.h"
#include "descriptor.h"

/* Linux 6.7, and not in every liburing. */
#define OP_FUTEX_WAIT 51
#define FUTEX_OF_32_BITS 2 /* FUTEX2_SIZE_U32, and not private */

/* What is told to the kernel at once, at most. */
#define SQES_MAX 256

/* Completions looked at together. */
#define CQES 64

/**
 * struct uring - the engine's own
 * @ring: liburing's
 * @timer: its address only: whose a completion is
 * @watching: the ring polls the timer
 * @has_futex: this kernel can wait for a futex
 * @commands: the module's can wait
 */
struct uring {
	struct io_uring ring;
	char timer;
	bool watching;
	bool has_futex;
	bool commands;
};

static struct uring *of(const pyq_aio *aio)
{
	return aio->state;
}

static int begin_ring(struct io_uring *ring, uint32_t entries)
{
	struct io_uring_params params = {
		/* Nobody is interrupted for an event: it is looked for. */
		.flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_COOP_TASKRUN |
			 IORING_SETUP_TASKRUN_FLAG,
		.cq_entries = 2 * entries,
	};
	int err =
		io_uring_queue_init_params(entries < SQES_MAX ? entries : SQES_MAX, ring, &params);

	if (err != -EINVAL)
		return err;
	/* Before Linux 5.19. */
	params = (struct io_uring_params){
		.flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
		.cq_entries = 2 * entries,
	};
	return io_uring_queue_init_params(entries < SQES_MAX ? entries : SQES_MAX, ring, &params);
}

static bool can_wait_for_futexes(struct io_uring *ring)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
	bool can = probe && probe->last_op >= OP_FUTEX_WAIT &&
		   probe->ops[OP_FUTEX_WAIT].flags & IO_URING_OP_SUPPORTED;

	io_uring_free_probe(probe);
	return can;
}

static int begin(pyq_aio *aio)
{
	struct uring *u = malloc(sizeof(*u));
	int err, fd;

	if (!u)
		return -ENOMEM;
	err = begin_ring(&u->ring, aio->entries);
	if (err) {
		free(u);
		return err;
	}
	u->watching = false;
	/* Before Linux 5.11: a timeout of the wait would be an operation, and complete. */
	if (!(u->ring.features & IORING_FEAT_EXT_ARG)) {
		io_uring_queue_exit(&u->ring);
		free(u);
		return -ENOSYS;
	}
	/* In a child there is nothing at its place, so that it cannot spoil its parent's. */
	io_uring_ring_dontfork(&u->ring);
	fd = pyqi_opened(u->ring.ring_fd);
	if (fd < 0) {
		u->ring.ring_fd = -1;
		io_uring_queue_exit(&u->ring);
		free(u);
		return fd;
	}
	u->ring.ring_fd = fd;
	u->ring.enter_ring_fd = fd;
	u->has_futex = can_wait_for_futexes(&u->ring);
	u->commands = pyqi_aio_commands_wait();
	aio->state = u;
	return 0;
}

static void end(pyq_aio *aio, bool ours)
{
	if (ours)
		io_uring_queue_exit(&of(aio)->ring);
	else
		close(of(aio)->ring.ring_fd);
	free(aio->state);
}

/*
 * Told not to watch, or the futex's word had changed before it came to that, is no error.
 * That a queue is broken is the module's word: the queue's own memory may deny it.
 */
static int outcome_of(int res)
{
	if (res > 0 && res & POLLERR)
		return -EUCLEAN;
	return res == -ECANCELED || res == -EAGAIN || res == -EINTR ? 0 : res;
}

static void completion(pyq_aio *aio, const struct io_uring_cqe *cqe)
{
	void *data = io_uring_cqe_get_data(cqe);

	/* Of a removal, which had come too late. */
	if (!data)
		return;
	if (data == &of(aio)->timer) {
		of(aio)->watching = false;
		pyqi_aio_timer_rang(aio);
		return;
	}
	if (((struct pyqi_aio_side *)data)->by_command)
		pyqi_aio_command_done(aio, data, cqe->res);
	else
		pyqi_aio_told(aio, data, outcome_of(cqe->res));
}

/* Return: how many completions there were. */
static unsigned int reap(pyq_aio *aio)
{
	struct io_uring *ring = &of(aio)->ring;
	struct io_uring_cqe *cqes[CQES];
	unsigned int n, all = 0;

	/* Also what the kernel keeps because there was no place for it. */
	while ((n = io_uring_peek_batch_cqe(ring, cqes, CQES))) {
		for (unsigned int i = 0; i < n; i++)
			completion(aio, cqes[i]);
		io_uring_cq_advance(ring, n);
		all += n;
	}
	return all;
}

static struct io_uring_sqe *get_sqe(pyq_aio *aio)
{
	struct io_uring *ring = &of(aio)->ring;
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (sqe)
		return sqe;
	io_uring_submit(ring);
	return io_uring_get_sqe(ring);
}

/*
 * A queue in shared memory: as somebody who polls it (polls.c), but that the kernel sleeps
 * on the word.
 */
static void arm_futex(struct io_uring_sqe *sqe, struct pyqi_aio_side *side)
{
	pyq_queue *q = side->source->q;
	const bool get = pyqi_aio_access(side) == PYQ_READ;
	struct pyqueue_waiters *who = get ? &pyqi_header(q)->getters : &pyqi_header(q)->putters;
	uint32_t announced;

	pyq_pollers_announce(who); /* H */
	announced = pyq_load_acquire(&who->pollers);
	if (!(announced & PYQUEUE_POLLED) || (get ? pyqi_get_ready(q) : pyqi_put_ready(q))) {
		io_uring_prep_nop(sqe);
	} else {
		io_uring_prep_rw(OP_FUTEX_WAIT, sqe, FUTEX_OF_32_BITS, &who->pollers, 0, announced);
		sqe->addr3 = FUTEX_BITSET_MATCH_ANY;
	}
	side->by_futex = true;
}

static int arm(pyq_aio *aio, struct pyqi_aio_side *side)
{
	const bool by_futex = side->source->q->backend == &pyqi_shm && of(aio)->has_futex;
	const bool by_command = of(aio)->commands && pyqi_aio_command_suits(side);
	struct io_uring_sqe *sqe;
	struct pollfd pfd;
	int err = 0;

	if (side->state == PYQI_AIO_ENDING)
		return 0;
	if (!by_futex && !by_command)
		err = pyq_pollfd(side->source->q, pyqi_aio_access(side), &pfd);
	if (err)
		return err;
	sqe = get_sqe(aio);
	if (!sqe)
		return -ENOMEM;
	if (by_futex)
		arm_futex(sqe, side);
	else if (by_command)
		pyqi_aio_command_prepare(sqe, side);
	else
		io_uring_prep_poll_add(sqe, pfd.fd, (unsigned int)pfd.events);
	io_uring_sqe_set_data(sqe, side);
	side->state = PYQI_AIO_ARMED;
	return 0;
}

/* If there is no room to say so it stays as it is: it will be called in vain. */
static void disarm(pyq_aio *aio, struct pyqi_aio_side *side)
{
	struct io_uring_sqe *sqe;

	if (side->state == PYQI_AIO_SPENT) {
		side->state = PYQI_AIO_LOOSE;
		return;
	}
	sqe = get_sqe(aio);
	if (!sqe)
		return;
	io_uring_prep_cancel64(sqe, (uint64_t)(uintptr_t)side, 0);
	io_uring_sqe_set_data(sqe, NULL);
	side->state = PYQI_AIO_ENDING;
}

/* The timer of those who poll, again if it has rung. */
static int watch(pyq_aio *aio)
{
	struct io_uring_sqe *sqe;

	if (aio->timer_fd < 0 || of(aio)->watching)
		return 0;
	sqe = get_sqe(aio);
	if (!sqe)
		return -ENOMEM;
	io_uring_prep_poll_add(sqe, aio->timer_fd, POLLIN);
	io_uring_sqe_set_data(sqe, &of(aio)->timer);
	of(aio)->watching = true;
	return 0;
}

/* Not now, or interrupted, is no error. */
static int outcome(int ret)
{
	return ret >= 0 || ret == -EINTR || ret == -ETIME || ret == -EAGAIN || ret == -EBUSY ? 0 :
											       ret;
}

static bool has_more_to_tell(const pyq_aio *aio)
{
	return io_uring_sq_ready(&of(aio)->ring) || (aio->timer_fd >= 0 && !of(aio)->watching);
}

/* All goes in that there is to tell, unless the kernel takes nothing and has nothing to say. */
static int look(pyq_aio *aio)
{
	struct io_uring *ring = &of(aio)->ring;
	unsigned int heard;
	int ret;

	do {
		ret = watch(aio);
		if (!ret && io_uring_sq_ready(ring))
			ret = io_uring_submit(ring);
		heard = reap(aio);
	} while ((ret > 0 || heard || ret == -EINTR) && has_more_to_tell(aio));
	if ((ret == -EAGAIN || ret == -EBUSY) && has_more_to_tell(aio))
		return -ENOMEM;
	return outcome(ret);
}

static int wait(pyq_aio *aio, uint64_t until)
{
	struct io_uring *ring = &of(aio)->ring;
	uint64_t now = until == PYQI_FOREVER ? 0 : pyqi_now();
	uint64_t ns = until > now ? until - now : 0;
	struct __kernel_timespec timeout = {
		.tv_sec = (int64_t)(ns / 1000000000),
		.tv_nsec = (int64_t)(ns % 1000000000),
	};
	struct io_uring_cqe *cqe;
	int ret;

	ret = watch(aio);
	if (ret)
		return ret;
	if (until == PYQI_FOREVER)
		ret = io_uring_submit_and_wait(ring, 1);
	else
		ret = io_uring_submit_and_wait_timeout(ring, &cqe, 1, &timeout, NULL);
	reap(aio);
	return outcome(ret);
}

/* It has come back, and perhaps all there was on its side has ended, when this returns 0. */
static int recall(pyq_aio *aio, const struct pyqi_aio_op *first)
{
	struct io_uring_sqe *sqe = NULL;
	int err = 0;

	while (!err && first->side && first->side->by_command) {
		if (!sqe) {
			sqe = get_sqe(aio);
			if (sqe) {
				pyqi_aio_command_recall(sqe, first->side);
				io_uring_sqe_set_data(sqe, NULL);
			}
		}
		err = outcome(io_uring_submit_and_wait(&of(aio)->ring, 1));
		reap(aio);
	}
	return first->side && first->side->by_command ? err : 0;
}

static int fd(const pyq_aio *aio)
{
	return of(aio)->ring.ring_fd;
}

const struct pyqi_aio_engine pyqi_aio_uring = {
	.name = "io_uring",
	.begin = begin,
	.end = end,
	.watch = watch,
	.arm = arm,
	.disarm = disarm,
	.recall = recall,
	.look = look,
	.wait = wait,
	.fd = fd,
};
