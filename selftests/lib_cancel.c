// SPDX-License-Identifier: GPL-2.0
/*
 * No function of the library is a cancellation point: a thread that has been
 * cancelled comes to the end of the call that it is in, and keeps nothing that
 * others need.
 */
#include "lib_test.h"

#include <semaphore.h>

#define NAME "lib-cancel"

/**
 * struct call - what a cancelled thread does
 * @q: on this queue
 * @own: or on one that it has for itself
 * @run: what
 * @ret: what that has said
 * @cancelled: it may go on now
 */
struct call {
	pyq_queue *q;
	pyq_queue *own;
	int (*run)(struct call *call);
	int ret;
	sem_t cancelled;
};

#define RUNNING 99

static void *run(void *arg)
{
	struct call *call = arg;
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	while (sem_wait(&call->cancelled))
		;
	/* From here on it ends at the next cancellation point. */
	pthread_setcancelstate(before, NULL);
	call->ret = call->run(call);
	pthread_testcancel();
	return NULL;
}

static int create(struct call *call)
{
	return pyq_create(&call->own, &(struct pyq_attr){ .maxsize = 1 });
}

static int open_by_name(struct call *call)
{
	return pyq_open(&call->own, NAME, 0);
}

static int from_fd(struct call *call)
{
	return pyq_from_fd(&call->own, dup(pyq_fd(call->q)));
}

static int put(struct call *call)
{
	return pyq_put(call->q, "x", 1, PYQ_NOWAIT);
}

static int put_large(struct call *call)
{
	static char large[9000];

	return pyq_put(call->q, large, sizeof(large), PYQ_NOWAIT);
}

/* It takes the only message, after which the polled fd is not ready any more. */
static int get(struct call *call)
{
	char byte;

	return pyq_get(call->q, &byte, 1, PYQ_SECONDS(1)) - 1;
}

static int get_nothing(struct call *call)
{
	char byte;

	return pyq_get(call->q, &byte, 1, PYQ_MILLISECONDS(30)) + ETIMEDOUT;
}

static int stat_it(struct call *call)
{
	struct pyq_stat st;

	return pyq_stat(call->q, &st);
}

static int info(struct call *call)
{
	struct pyq_info info;

	(void)call;
	return pyq_info(&info);
}

static int count(const struct pyq_name *name, void *arg)
{
	(void)name;
	(void)arg;
	return 0;
}

static int list(struct call *call)
{
	(void)call;
	return pyq_list(count, NULL);
}

static int unlink_name(struct call *call)
{
	(void)call;
	return pyq_unlink(NAME);
}

static int pollfd(struct call *call)
{
	struct pollfd pfd;

	return pyq_pollfd(call->q, PYQ_WRITE, &pfd);
}

static int close_own(struct call *call)
{
	pyq_close(call->own);
	call->own = NULL;
	return 0;
}

FIXTURE(cancel) {
	struct call call;
};

FIXTURE_VARIANT(cancel) {
	int (*before)(struct call *call); /* by another thread */
	int (*run)(struct call *call);
};

FIXTURE_VARIANT_ADD(cancel, create) { NULL, create };
FIXTURE_VARIANT_ADD(cancel, open) { NULL, open_by_name };
FIXTURE_VARIANT_ADD(cancel, from_fd) { NULL, from_fd };
FIXTURE_VARIANT_ADD(cancel, put) { NULL, put };
FIXTURE_VARIANT_ADD(cancel, put_large) { NULL, put_large };
FIXTURE_VARIANT_ADD(cancel, get) { put, get };
FIXTURE_VARIANT_ADD(cancel, get_nothing) { NULL, get_nothing };
FIXTURE_VARIANT_ADD(cancel, stat) { NULL, stat_it };
FIXTURE_VARIANT_ADD(cancel, info) { NULL, info };
FIXTURE_VARIANT_ADD(cancel, list) { NULL, list };
FIXTURE_VARIANT_ADD(cancel, unlink) { NULL, unlink_name };
FIXTURE_VARIANT_ADD(cancel, pollfd) { NULL, pollfd };
FIXTURE_VARIANT_ADD(cancel, close) { from_fd, close_own };

FIXTURE_SETUP(cancel)
{
	struct pollfd pfd;

	pyq_unlink(NAME);
	self->call = (struct call){ .run = variant->run, .ret = RUNNING };
	self->call.q = new_queue(.maxsize = 4, .payload = 48, .max_msg = 10000, .name = NAME);
	ASSERT_EQ(0, sem_init(&self->call.cancelled, 0, 0));
	ASSERT_EQ(0, lib(pyq_pollfd(self->call.q, PYQ_READ, &pfd)));
	if (variant->before)
		ASSERT_EQ(0, variant->before(&self->call));
}

FIXTURE_TEARDOWN(cancel)
{
	pyq_close(self->call.own);
	pyq_close(self->call.q);
	pyq_unlink(NAME);
}

/* Cancelled while it runs, and what it leaves is fit for use, also in a child. */
static bool cancelled_in_call(struct call *call)
{
	pthread_t thread;
	void *result;

	/* Off the queue by itself, if it hangs. */
	alarm(20);
	if (pthread_create(&thread, NULL, run, call) || pthread_cancel(thread))
		return false;
	sem_post(&call->cancelled);
	return !pthread_join(thread, &result) && result == PTHREAD_CANCELED;
}

static int use(pyq_queue *q)
{
	char buf[10000];

	/* Until it is empty: its polled fd gets unready on the way. */
	while (pyq_get(q, buf, sizeof(buf), PYQ_NOWAIT) >= 0)
		;
	return pyq_put(q, "y", 1, PYQ_NOWAIT) || pyq_get(q, buf, 1, PYQ_NOWAIT) != 1;
}

/* proves: promise no-cancellation-point */
TEST_F(cancel, in_a_call)
{
	EXPECT_TRUE(cancelled_in_call(&self->call));
	EXPECT_EQ(0, self->call.ret);
	EXPECT_EQ(0, use(self->call.q));
	EXPECT_EQ(0, exit_status(in_child((alarm(10), use(self->call.q)))));
	alarm(0);
}

TEST_HARNESS_MAIN
