// SPDX-License-Identifier: MIT
/*
 * Queues of the kernel module, mapped: messages go through the ring; sleeping, calling
 * and what does not fit a slot go through the module, and it settles what the dead have
 * left. A queue that cannot be mapped (sealed, or open for one thing only) is left to
 * kernel.c.
 */
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pyqueue.h>

#include "attempt.h"
#include "deadline.h"
#include "generation.h"
#include "kernel.h"
#include "spin.h"

/* --- sleeping and calling ---------------------------------------------------- */

static unsigned int flag_of(const pyq_queue *q, const struct pyqueue_waiters *side)
{
	const struct pyqueue_header *hdr = pyqi_header(q);

	if (side == &hdr->getters)
		return PYQUEUE_WAKE_GETTERS;
	return side == &hdr->putters ? PYQUEUE_WAKE_PUTTERS : PYQUEUE_WAKE_JOINERS;
}

static void wake(const pyq_queue *q, unsigned int whom, uint32_t count)
{
	struct pyqueue_wake args = { .size = sizeof(args), .flags = whom, .count = count };

	pyqi_kernel_call(q->fd, PYQUEUE_IOC_WAKE, &args);
}

static void call(pyq_queue *q, struct pyqueue_waiters *side, uint32_t n)
{
	wake(q, flag_of(q, side), n);
}

static void call_pollers(pyq_queue *q, struct pyqueue_waiters *side)
{
	wake(q, side == &pyqi_header(q)->getters ? PYQUEUE_WAKE_POLL_IN : PYQUEUE_WAKE_POLL_OUT, 0);
}

/* Somebody has found the ring broken: the module tells everybody. */
static void call_everybody(pyq_queue *q)
{
	wake(q, PYQUEUE_WAKE_BROKEN, 0);
}

static int await(const pyq_queue *q, const struct pyqueue_waiters *side, uint64_t deadline)
{
	struct pyqueue_await args = {
		.size = sizeof(args),
		.flags = side == &pyqi_header(q)->getters ? PYQUEUE_READ : PYQUEUE_WRITE,
		.deadline_ns = deadline,
	};

	return pyqi_kernel_call(q->fd, PYQUEUE_IOC_AWAIT, &args);
}

static ssize_t wait(pyq_queue *q, const struct pyqi_wait *what, uint64_t deadline)
{
	ssize_t ret = pyqi_spin(q, what, deadline);

	if (ret == -EAGAIN && what->asleep)
		return what->asleep(q, what->arg, deadline);
	while (ret == -EAGAIN) {
		int err = await(q, what->side, deadline);

		if (err)
			return err;
		ret = what->attempt(q, what->arg);
		/* Called, and perhaps not for this. */
		pyqi_pass_on(q, what->side, what->ready);
		/* Others may be quicker, again and again. */
		if (ret == -EAGAIN && pyqi_now() >= deadline)
			ret = -ETIMEDOUT;
	}
	return ret;
}

/* What it finds at once is in the ring. */
static int refill(pyq_queue *q, const struct pyqueue_waiters *side)
{
	return await(q, side, PYQI_NOWAIT);
}

/* The module has done it when the dead one's mapping went. */
static int look_around(pyq_queue *q)
{
	(void)q;
	return 0;
}

static void drop(pyq_queue *q)
{
	pyqi_kernel_shutdown(q, true);
}

/* --- messages that do not fit a slot ------------------------------------------- */

static ssize_t put_large(pyq_queue *q, const struct pyq_msg *msg, uint64_t deadline)
{
	int err = pyqi_kernel_put(q, msg->data, msg->len, deadline);

	return err ? err : 1;
}

static int fetch(pyq_queue *q, const struct pyq_op *op, unsigned int flags, void *data)
{
	struct pyqueue_fetch args = {
		.size = sizeof(args),
		.flags = flags,
		.position = op->pos,
		.word = op->word,
		.buf = (uintptr_t)data,
		.len = op->len,
	};

	return pyqi_kernel_call(q->fd, PYQUEUE_IOC_FETCH, &args);
}

static int large_copy(pyq_queue *q, const struct pyq_op *op, void *data, uint32_t *first)
{
	int ret = fetch(q, op, PYQUEUE_FETCH_COPY, data);

	*first = 0;
	if (ret == -EFAULT || ret == -EOWNERDEAD)
		return ret;
	/* The slot's length is what the module says, or forged. */
	return ret == (int)op->len ? 0 : -EUCLEAN;
}

static int large_release(pyq_queue *q, const struct pyq_op *op, uint32_t first)
{
	int ret = fetch(q, op, PYQUEUE_FETCH_RELEASE, NULL);

	(void)first;
	return ret < 0 ? ret : 0;
}

/* --- the rest --------------------------------------------------------------------- */

static int mapped_join(pyq_queue *q, uint64_t deadline)
{
	int err = pyqi_begin(q);

	if (err)
		return err;
	if (!pyqi_is_broken(q) && !pyqi_mapped_unfinished(q))
		return 0;
	return deadline == PYQI_NOWAIT && !pyqi_is_broken(q) ? -EAGAIN :
							       pyqi_kernel_join(q, deadline);
}

/* Map the queue behind @q->fd: a ring, with an owner number. */
static int attach(pyq_queue *q)
{
	struct pyqueue_stat st = { .size = sizeof(st) };
	struct pyqueue_owner owner = { .size = sizeof(owner) };
	void *at;
	int err = pyqi_kernel_call(q->fd, PYQUEUE_IOC_STAT, &st);

	if (err)
		return err;
	/* In a child: the program may have closed the fd, and this be another queue. */
	if (q->map.id && q->map.id != st.id)
		return -EBADF;
	if (!st.map_bytes)
		return -EPERM;
	at = mmap(NULL, st.map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, q->fd, 0);
	if (at == MAP_FAILED)
		return errno == EUSERS ? -EUSERS : -ENOMEM;
	owner.addr = (uintptr_t)at;
	err = pyqi_kernel_call(q->fd, PYQUEUE_IOC_OWNER, &owner);
	if (err) {
		munmap(at, st.map_bytes);
		return err;
	}
	/* What the header says of these may be anybody's. */
	pyq_ring_init(&q->map.ring, at, st.maxsize > 0 ? (uint64_t)st.maxsize : st.slots,
		      st.payload + (uint32_t)sizeof(struct pyqueue_slot), (uint16_t)owner.owner);
	q->map.size = st.map_bytes;
	q->map.id = st.id;
	q->map.lent = false;
	return 0;
}

static void detach(pyq_queue *q)
{
	munmap(q->map.ring.hdr, q->map.size);
}

static int reattach(pyq_queue *q)
{
	static const struct pyqi_renewal how = { .attach = attach, .detach = detach };

	return pyqi_mapping_renew(q, &how);
}

/* What concerns all of the queue: in a child it is made sure that it still is that one. */

static int mapped_shutdown(pyq_queue *q, bool immediate)
{
	int err = pyqi_begin(q);

	return err ? err : pyqi_kernel_shutdown(q, immediate);
}

static int mapped_stat(pyq_queue *q, struct pyq_stat *st)
{
	int err = pyqi_begin(q);

	return err ? err : pyqi_kernel_stat(q, st);
}

static int mapped_pollfd(pyq_queue *q, unsigned int access, struct pollfd *pfd)
{
	int err = pyqi_begin(q);

	return err ? err : pyqi_kernel_pollfd(q, access, pfd);
}

static void mapped_close(pyq_queue *q)
{
	/* In a child that has not used it the mapping is the parent's. */
	if (q->map.generation == pyqi_generation())
		detach(q);
	close(q->fd);
}

static const struct pyqi_ring_ops ring = {
	.wait = wait,
	.call = call,
	.call_pollers = call_pollers,
	.call_everybody = call_everybody,
	.refill = refill,
	.look_around = look_around,
	.drop = drop,
	.put_asleep = pyqi_kernel_put_many,
	.get_asleep = pyqi_kernel_get_many,
	.put_large = put_large,
	.large_copy = large_copy,
	.large_release = large_release,
};

static const struct pyqi_backend kernel_mapped = {
	.name = "kernel",
	.reattach = reattach,
	.close = mapped_close,
	.put = pyqi_mapped_put,
	.get = pyqi_mapped_get,
	.get_msg = pyqi_mapped_get_msg,
	.put_many = pyqi_mapped_put_many,
	.get_many = pyqi_mapped_get_many,
	.qsize = pyqi_mapped_qsize,
	.task_done = pyqi_mapped_task_done,
	.join = mapped_join,
	.shutdown = mapped_shutdown,
	.stat = mapped_stat,
	.pollfd = mapped_pollfd,
	.loans = &pyqi_mapped_loans,
	.ring = &ring,
};

int pyqi_kernel_map(pyq_queue *q)
{
	PYQI_KEEP_ERRNO;
	int err;

	if (q->access != (PYQ_READ | PYQ_WRITE))
		return 0;
	err = pyqi_process_begin();
	if (err)
		return err == -ENOMEM ? err : 0;
	if (attach(q))
		return 0;
	q->map.generation = pyqi_generation();
	q->backend = &kernel_mapped;
	pyq_set_spin(q, -1);
	return 0;
}
