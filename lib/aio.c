// SPDX-License-Identifier: MIT
/* Operations under way: their beginning, their completions, their end. */
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "aio.h"
#include "deadline.h"
#include "descriptor.h"
#include "generation.h"
#include "spin.h"

#define ENTRIES_MAX 32768

/* Calls that look no further than they have to, before one of them tries all there is. */
#define TURNS 32

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
	/* Whatever is against it (missing, forbidden, memory locked): epoll needs none of that. */
	if (flags & PYQ_AIO_URING || !err)
		return err;
	aio->engine = &pyqi_aio_epoll;
	return aio->engine->begin(aio);
}

static void free_all(pyq_aio *aio)
{
	free(aio->done);
	free(aio->ops);
	free(aio->timers);
	free(aio->chains);
	munmap(aio->pages, aio->size);
}

/* So that its ring is zeros in a child: then the inline functions leave all to the library. */
static pyq_aio *map(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t behind = sizeof(pyq_aio) - sizeof(struct pyq_aio_ring);
	char *pages = mmap(NULL, page + behind, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	pyq_aio *aio;

	_Static_assert(offsetof(pyq_aio, pages) == sizeof(struct pyq_aio_ring), "no gap");
	if (pages == MAP_FAILED)
		return NULL;
	if (madvise(pages, page, MADV_WIPEONFORK)) {
		munmap(pages, page + behind);
		return NULL;
	}
	aio = (void *)(pages + page - sizeof(struct pyq_aio_ring));
	aio->pages = pages;
	aio->size = page + behind;
	return aio;
}

static pyq_aio *allocate(unsigned int entries)
{
	const uint32_t power = power_of_two(entries);
	pyq_aio *aio = map();

	if (!aio)
		return NULL;
	aio->entries = entries;
	aio->ring.mask = power - 1;
	aio->chain_mask = power - 1;
	aio->timer_fd = -1;
	aio->timer_set = PYQI_FOREVER;
	aio->look_at = PYQI_FOREVER;
	aio->done = calloc(power, sizeof(*aio->done));
	aio->ring.done = aio->done;
	aio->chains = calloc(power, sizeof(*aio->chains));
	aio->ops = calloc(entries, sizeof(*aio->ops));
	aio->timers = calloc(entries, sizeof(struct pyqi_aio_op *));
	if (!aio->done || !aio->chains || !aio->ops || !aio->timers) {
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
	pyqi_spin_begin(&aio->spinning, -1);
	err = begin_engine(aio, flags);
	if (err) {
		free_all(aio);
		return err;
	}
	pyqi_aio_changed(aio);
	*out = aio;
	return 0;
}

/*
 * Nobody but this process is at work on it from here on. Return: 0; 1 the kernel was, and it
 * may have ended; or an error: the kernel still is.
 */
static int call_back(pyq_aio *aio, const struct pyqi_aio_op *op)
{
	int err;

	if (!op->side->by_command || op != op->side->first)
		return 0;
	err = aio->engine->recall(aio, op);
	return err ? err : 1;
}

unsigned int pyq_aio_destroy(pyq_aio *aio)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	const bool ours = aio && pyqi_generation_is(aio->generation);
	unsigned int left;

	if (!aio)
		return 0;
	/* What the kernel does now would be known to nobody. */
	for (unsigned int i = 0; ours && i < aio->entries; i++)
		if (aio->ops[i].side)
			call_back(aio, &aio->ops[i]);
	left = pyqi_aio_completed(aio);
	aio->engine->end(aio, ours);
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

		const int called = call_back(aio, op);

		if (called < 0)
			break;
		if (called)
			continue;
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

/* Who polls is to come at once if there is something to take. */
static int set_timer(pyq_aio *aio)
{
	const uint64_t next = pyqi_aio_completed(aio) ? 1 : next_time(aio);
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

/* The kernel is to watch all that is waited for. */
static int watch_all(pyq_aio *aio)
{
	int err;

	/* More than once: one whose end was under way is loose only then. */
	do {
		pyqi_aio_arm(aio);
		err = aio->engine->look(aio);
	} while (!err && aio->lists[PYQI_AIO_TO_ARM].first);
	return err;
}

int pyq_aio_submit(pyq_aio *aio)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	int err;

	if (!pyqi_generation_is(aio->generation))
		return -ESTALE;
	pyqi_aio_try_loose(aio, true);
	err = watch_all(aio);
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

/* He may go and poll now, instead of calling again: unless there is more to take. */
static int before_polling(pyq_aio *aio, bool more)
{
	int err = 0;

	if (aio->timer_fd >= 0)
		err = more ? aio->engine->look(aio) : watch_all(aio);
	return err ? err : set_timer(aio);
}

static __attribute__((noinline)) ssize_t wait_for(pyq_aio *aio, struct pyq_completion *done,
						  size_t n, size_t least, int64_t timeout, bool all)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	bool over = timeout == PYQ_NOWAIT;
	size_t taken = 0;
	uint64_t deadline;
	int err;

	pyqi_deadline(timeout, &deadline);
	err = aio->engine->look(aio);
	for (;;) {
		uint64_t until;

		/* Who does not sleep is not told of what the ring does not show. */
		pyqi_aio_try_loose(aio, all || over);
		expire(aio);
		pyqi_aio_look_around(aio);
		taken += take(aio, done + taken, n - taken);
		if (err || over || taken >= smaller(least, taken + aio->pending))
			break;
		until = next_time(aio);
		if (deadline < until)
			until = deadline;
		if (pyqi_spin_until(&aio->spinning, until, something_ends, aio))
			continue;
		pyqi_aio_arm(aio);
		err = aio->engine->wait(aio, until);
		over = deadline != PYQI_FOREVER && pyqi_now() >= deadline;
	}
	if (!err)
		err = before_polling(aio, taken && taken == n);
	pyqi_aio_changed(aio);
	return taken || !err ? (ssize_t)taken : err;
}

ssize_t pyq_aio_wait_for(pyq_aio *aio, struct pyq_completion *done, size_t n, size_t least,
			 int64_t timeout)
{
	bool all;

	if (timeout < PYQ_FOREVER)
		return -EINVAL;
	if (!pyqi_generation_is(aio->generation))
		return -ESTALE;
	least = smaller(least, n);
	/* Those that wait are to have their turn, whatever there is elsewhere. */
	all = !least || !(++aio->turns % TURNS);
	if (!all && aio->timer_fd < 0 && pyqi_aio_completed(aio) >= least) {
		least = take(aio, done, n);
		pyqi_aio_changed(aio);
		return (ssize_t)least;
	}
	return wait_for(aio, done, n, least, timeout, all);
}

static bool is_meant(const struct pyqi_aio_op *op, const uint64_t *user_data)
{
	return op->side && (!user_data || op->user_data == *user_data);
}

/* In the order in which they came, with which the last one its side may be gone. */
static int cancel_side(pyq_aio *aio, struct pyqi_aio_op *first, const uint64_t *user_data)
{
	struct pyqi_aio_op *next;
	int n = 0;

	for (struct pyqi_aio_op *op = first; op; op = next) {
		next = op->next;
		if (!is_meant(op, user_data))
			continue;
		pyqi_aio_end(aio, op, -ECANCELED);
		n++;
	}
	return n;
}

static int cancel(pyq_aio *aio, const uint64_t *user_data)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	int n = 0, err = 0;

	if (!pyqi_generation_is(aio->generation))
		return -ESTALE;
	for (unsigned int i = 0; i < aio->entries && aio->pending; i++) {
		if (!is_meant(&aio->ops[i], user_data))
			continue;
		if (is_meant(aio->ops[i].side->first, user_data))
			err = call_back(aio, aio->ops[i].side->first);
		if (err < 0)
			break;
		if (is_meant(&aio->ops[i], user_data))
			n += cancel_side(aio, aio->ops[i].side->first, user_data);
	}
	pyqi_aio_changed(aio);
	return n || err >= 0 ? n : err;
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
	int err;

	if (!pyqi_generation_is(aio->generation))
		return -ESTALE;
	if (aio->timer_fd < 0) {
		aio->timer_fd =
			pyqi_opened(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
		if (aio->timer_fd < 0)
			return aio->timer_fd;
		err = aio->engine->watch(aio);
		if (err) {
			close(aio->timer_fd);
			aio->timer_fd = -1;
			return err;
		}
	}
	err = pyq_aio_submit(aio);
	return err ? err : aio->engine->fd(aio);
}
