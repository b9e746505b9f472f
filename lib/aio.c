// SPDX-License-Identifier: MIT
/* Operations under way: their beginning, their completions, their end. */
#include <stdlib.h>
#include <unistd.h>
#include <sys/timerfd.h>

#include "aio.h"
#include "deadline.h"
#include "descriptor.h"
#include "generation.h"
#include "spin.h"

#define ENTRIES_MAX 32768

/* Calls that find enough at once, before one of them looks what else has happened. */
#define IN_VAIN 32

static uint32_t power_of_two(uint32_t n)
{
	uint32_t power = 1;

	while (power < n)
		power *= 2;
	return power;
}

static int begin_engine(pyq_aio *aio, unsigned int flags)
{
	int err = -ENOSYS;

	if (!(flags & PYQ_AIO_EPOLL)) {
		aio->engine = &pyqi_aio_uring;
		err = aio->engine->begin(aio);
	}
	if (flags & PYQ_AIO_URING || (err != -ENOSYS && err != -EPERM))
		return err;
	aio->engine = &pyqi_aio_epoll;
	return aio->engine->begin(aio);
}

static void free_all(pyq_aio *aio)
{
	free(aio->ring.done);
	free(aio->ops);
	free(aio->timers);
	free(aio->chains);
	free(aio);
}

static pyq_aio *allocate(unsigned int entries)
{
	const uint32_t power = power_of_two(entries);
	pyq_aio *aio = calloc(1, sizeof(*aio));

	if (!aio)
		return NULL;
	aio->entries = entries;
	aio->ring.mask = power - 1;
	aio->chain_mask = power - 1;
	aio->timer_fd = -1;
	aio->timer_set = PYQI_FOREVER;
	aio->look_at = PYQI_FOREVER;
	aio->ring.done = calloc(power, sizeof(*aio->ring.done));
	aio->chains = calloc(power, sizeof(*aio->chains));
	aio->ops = calloc(entries, sizeof(*aio->ops));
	aio->timers = calloc(entries, sizeof(struct pyqi_aio_op *));
	if (!aio->ring.done || !aio->chains || !aio->ops || !aio->timers) {
		free_all(aio);
		return NULL;
	}
	for (unsigned int i = 0; i < entries; i++) {
		aio->ops[i].next = aio->free;
		aio->free = &aio->ops[i];
	}
	return aio;
}

int pyq_aio_create(pyq_aio **out, unsigned int entries, unsigned int flags)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	pyq_aio *aio;
	int err;

	*out = NULL;
	if (flags & ~(PYQ_AIO_URING | PYQ_AIO_EPOLL))
		return -EOPNOTSUPP;
	if (flags == (PYQ_AIO_URING | PYQ_AIO_EPOLL) || !entries || entries > ENTRIES_MAX)
		return -EINVAL;
	err = pyqi_process_begin();
	if (err)
		return err;
	aio = allocate(entries);
	if (!aio)
		return -ENOMEM;
	aio->generation = pyqi_generation();
	aio->spin_max = pyqi_spin_default();
	aio->spin = aio->spin_max / 2;
	err = begin_engine(aio, flags);
	if (err) {
		free_all(aio);
		return err;
	}
	pyqi_aio_changed(aio);
	*out = aio;
	return 0;
}

unsigned int pyq_aio_destroy(pyq_aio *aio)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	unsigned int left;

	if (!aio)
		return 0;
	left = pyqi_aio_completed(aio);
	aio->engine->end(aio, pyqi_generation_is(aio->generation));
	if (aio->timer_fd >= 0)
		close(aio->timer_fd);
	pyqi_aio_sources_free(aio);
	free_all(aio);
	return left;
}

const char *pyq_aio_engine(const pyq_aio *aio)
{
	return aio->engine->name;
}

/* Operations whose time is over: what can be done after all is. */
static void expire(pyq_aio *aio)
{
	uint64_t now;

	if (!aio->nr_timers)
		return;
	now = pyqi_now();
	while (aio->nr_timers && aio->timers[0]->deadline <= now) {
		struct pyqi_aio_op *op = aio->timers[0];

		pyqi_aio_serve(aio, op->side);
		if (aio->nr_timers && aio->timers[0] == op && op->deadline <= now)
			pyqi_aio_end(aio, op, -ETIMEDOUT);
	}
}

void pyqi_aio_timer_rang(pyq_aio *aio)
{
	uint64_t times;

	/* Nothing is to be read if it has been set anew: then it will ring again. */
	if (read(aio->timer_fd, &times, sizeof(times)) == sizeof(times))
		aio->timer_set = PYQI_FOREVER;
}

/* When there is something to be done, whatever happens or does not. */
static uint64_t next_time(const pyq_aio *aio)
{
	const uint64_t next = pyqi_aio_timer_next(aio);

	return next < aio->look_at ? next : aio->look_at;
}

static int set_timer(pyq_aio *aio)
{
	const uint64_t next = next_time(aio);
	struct itimerspec at = { { 0, 0 }, { 0, 0 } };

	if (aio->timer_fd < 0 || next == aio->timer_set)
		return 0;
	if (next != PYQI_FOREVER) {
		at.it_value.tv_sec = (time_t)(next / 1000000000);
		at.it_value.tv_nsec = (long)(next % 1000000000);
	}
	if (timerfd_settime(aio->timer_fd, TFD_TIMER_ABSTIME, &at, NULL))
		return -errno;
	aio->timer_set = next;
	return 0;
}

int pyq_aio_submit(pyq_aio *aio)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	int err;

	if (!pyqi_generation_is(aio->generation))
		return -ESTALE;
	/* More than once: one whose end was under way is loose only then. */
	do {
		pyqi_aio_try_loose(aio, true);
		pyqi_aio_arm(aio);
		err = aio->engine->look(aio);
	} while (!err && aio->lists[PYQI_AIO_TO_ARM].first);
	pyqi_aio_changed(aio);
	return err ? err : set_timer(aio);
}

static size_t take(pyq_aio *aio, struct pyq_completion *done, size_t n)
{
	size_t taken = 0;

	while (taken < n && pyqi_aio_completed(aio))
		done[taken++] = aio->ring.done[aio->ring.head++ & aio->ring.mask];
	return taken;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool something_ends(void *arg)
{
	return pyqi_aio_try_loose(arg, false);
}

static __attribute__((noinline)) ssize_t wait_for(pyq_aio *aio, struct pyq_completion *done,
						  size_t n, size_t least, int64_t timeout)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	bool over = timeout == PYQ_NOWAIT, all = over;
	size_t taken = 0;
	uint64_t deadline;
	int err;

	pyqi_deadline(timeout, &deadline);
	err = aio->engine->look(aio);
	for (;;) {
		uint64_t until;

		/* Who does not sleep is not told of what the ring does not show. */
		pyqi_aio_try_loose(aio, all);
		expire(aio);
		pyqi_aio_look_around(aio);
		taken += take(aio, done + taken, n - taken);
		if (err || over || taken >= smaller(least, taken + aio->pending))
			break;
		until = next_time(aio);
		if (deadline < until)
			until = deadline;
		if (pyqi_spin_until(&aio->spin, aio->spin_max, until, something_ends, aio))
			continue;
		pyqi_aio_arm(aio);
		err = aio->engine->wait(aio, until);
		over = deadline != PYQI_FOREVER && pyqi_now() >= deadline;
	}
	if (!err)
		err = set_timer(aio);
	pyqi_aio_changed(aio);
	return taken || !err ? (ssize_t)taken : err;
}

ssize_t pyq_aio_wait_for(pyq_aio *aio, struct pyq_completion *done, size_t n, size_t least,
			 int64_t timeout)
{
	if (timeout < PYQ_FOREVER)
		return -EINVAL;
	if (!pyqi_generation_is(aio->generation))
		return -ESTALE;
	least = smaller(least, n);
	/* Not always: those that wait are to have their turn. */
	if (pyqi_aio_completed(aio) >= least && least && ++aio->in_vain % IN_VAIN) {
		least = take(aio, done, n);
		pyqi_aio_changed(aio);
		return (ssize_t)least;
	}
	return wait_for(aio, done, n, least, timeout);
}

static int cancel(pyq_aio *aio, const uint64_t *user_data)
{
	int n = 0;

	if (!pyqi_generation_is(aio->generation))
		return -ESTALE;
	for (unsigned int i = 0; i < aio->entries && aio->pending; i++) {
		struct pyqi_aio_op *op = &aio->ops[i];

		if (!op->side || (user_data && op->user_data != *user_data))
			continue;
		pyqi_aio_end(aio, op, -ECANCELED);
		n++;
	}
	pyqi_aio_changed(aio);
	return n;
}

int pyq_aio_cancel(pyq_aio *aio, uint64_t user_data)
{
	return cancel(aio, &user_data);
}

int pyq_aio_cancel_all(pyq_aio *aio)
{
	return cancel(aio, NULL);
}

int pyq_aio_fd(pyq_aio *aio)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	int err = 0, fd;

	if (!pyqi_generation_is(aio->generation))
		return -ESTALE;
	if (aio->timer_fd < 0) {
		fd = pyqi_opened(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
		if (fd < 0)
			return fd;
		err = aio->engine->watch(aio, fd);
		if (err) {
			close(fd);
			return err;
		}
		aio->timer_fd = fd;
		err = set_timer(aio);
	}
	return err ? err : aio->engine->fd(aio);
}
