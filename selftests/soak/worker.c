// SPDX-License-Identifier: GPL-2.0
#include "soak.h"
#include "ways.h"

#include <stdarg.h>

void fail(struct worker *w, const char *format, ...)
{
	va_list args;
	size_t said;

	/* Others may find the same; the first one is to be read. */
	if (!__atomic_exchange_n(&w->round->failed, 1, __ATOMIC_SEQ_CST)) {
		said = (size_t)snprintf(w->round->failure, sizeof(w->round->failure),
					"place %u, queue %u (%s): ", w->me, w->queue,
					w->kind ? w->kind->name : "none");
		va_start(args, format);
		vsnprintf(w->round->failure + said, sizeof(w->round->failure) - said, format, args);
		va_end(args);
	}
	if (w->parent)
		wrong(w->parent, "%s", w->round->failure);
	_exit(1);
}

bool is_over(const struct worker *w)
{
	return load(&w->round->stop);
}

void begin(struct worker *w, enum doing doing, int64_t timeout)
{
	store(&w->place->doing, doing);
	store(&w->place->ends_by,
	      timeout == PYQ_FOREVER ? UINT64_MAX : now_ns() + (uint64_t)timeout);
}

int64_t any_timeout(struct worker *w)
{
	if (one_in(&w->chance, 2))
		return PYQ_NOWAIT;
	if (one_in(&w->chance, 60))
		return PYQ_FOREVER;
	return PYQ_MILLISECONDS(any(&w->chance, 8)) + any(&w->chance, 1000000);
}

void may_fail(struct worker *w, const char *call, long err)
{
	struct counts *counts = &w->place->counts;
	const struct queue *queue = &w->round->queues[w->queue];

	switch (err) {
	case -EAGAIN:
		return;
	case -ETIMEDOUT:
		counts->timeouts++;
		return;
	case -ESHUTDOWN:
		w->leave = true;
		if (load(&queue->shut))
			return;
		break;
	case -ENOBUFS:
		counts->enobufs++;
		if (w->kind->attr.max_bytes)
			return;
		break;
	case -EDQUOT:
		counts->edquot++;
		if (load(&w->round->lowered))
			return;
		break;
	case -ENOSPC:
		counts->enospc++;
		if (load(&w->round->lowered))
			return;
		break;
	case -ENOMEM:
		counts->enomem++;
		if (w->little_memory)
			return;
		break;
	case -EMFILE:
		counts->emfile++;
		if (w->few_files)
			return;
		break;
	}
	fail(w, "%s: %ld, %s", call, err, pyq_strerror(err));
}

typedef void way(struct worker *w);

/* Those that are there more than once are more frequent. */
static way *const all_ways[] = {
	put_one, put_one, put_several, get_one, get_one, get_several, get_into_new_memory,
	get_from_either, put_by_loan, put_by_loan, get_by_loan, get_by_loan, poll_and_work,
	poll_both_sides, work_by_aio, say_done, look_around, have_a_queue_of_its_own,
};

/* Of one that nobody has mapped, or by a handle for one direction, nothing is lent. */
static way *const unmapped_ways[] = {
	put_one, put_one, put_several, get_one, get_one, get_several, get_into_new_memory,
	get_from_either, poll_and_work, poll_both_sides, work_by_aio, say_done, look_around,
};

static way *const getters_ways[] = { get_one, get_several, get_into_new_memory, look_around };
static way *const putters_ways[] = { put_one, put_several, look_around };

/* It has opened a queue: which one is it? The parent says so when it has made it. */
static bool find_queue(struct worker *w, int name)
{
	const struct round *r = w->round;
	struct pyq_stat st;
	int err = pyq_stat(w->q, &st);

	while (!err && !is_over(w)) {
		for (uint32_t i = load(&r->nr_queues); i-- > 0;) {
			if (load(&r->queues[i].id) != st.id || r->queues[i].name != name)
				continue;
			w->queue = i;
			w->kind = &kinds[r->queues[i].kind];
			return true;
		}
		sched_yield();
	}
	if (err)
		may_fail(w, "pyq_stat()", err);
	return false;
}

/* All want the first ones, or nobody would meet. */
bool open_some(struct worker *w, unsigned int access)
{
	const int name = (int)any(&w->chance, one_in(&w->chance, 2) ? NAMES / 10 : NAMES);
	char text[32];
	int err;

	snprintf(text, sizeof(text), "soak-%d", name);
	begin(w, OPENING, PYQ_NOWAIT);
	err = pyq_open(&w->q, text, access);
	if (err == -ENOENT) /* just now it gets a new one */
		return false;
	if (err) {
		may_fail(w, "pyq_open()", err);
		return false;
	}
	if (find_queue(w, name))
		return true;
	pyq_close(w->q);
	return false;
}

static unsigned int any_access(struct worker *w)
{
	if (!one_in(&w->chance, 6))
		return PYQ_READ | PYQ_WRITE;
	return one_in(&w->chance, 2) ? PYQ_READ : PYQ_WRITE;
}

static void work(struct worker *w, unsigned int access)
{
	const bool sealed = w->kind->attr.flags & PYQ_SEALED;
	way *const *ways = all_ways;
	unsigned int n = COUNT(all_ways);

	if (access == PYQ_READ) {
		ways = getters_ways;
		n = COUNT(getters_ways);
	} else if (access == PYQ_WRITE) {
		ways = putters_ways;
		n = COUNT(putters_ways);
	} else if (sealed) {
		ways = unmapped_ways;
		n = COUNT(unmapped_ways);
	}
	for (unsigned int turns = 1 + any(&w->chance, 300); turns > 0; turns--) {
		if (w->leave || is_over(w))
			return;
		ways[any(&w->chance, n)](w);
	}
}

void worker_run(struct worker *w)
{
	while (!is_over(w)) {
		const unsigned int access = any_access(w);

		if (!open_some(w, access))
			continue;
		w->place->counts.opened++;
		w->leave = false;
		w->not_done = 0;
		store(&w->place->at, w->queue + 1);
		work(w, access);
		begin(w, CLOSING, PYQ_NOWAIT);
		pyq_close(w->q);
		store(&w->place->at, 0);
		w->kind = NULL;
	}
	w->place->stopped_after = now_ns() - load(&w->round->stopped_at);
	_exit(0);
}
