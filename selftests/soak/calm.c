// SPDX-License-Identifier: GPL-2.0
#include "calm.h"
#include "crew.h"
#include "watchdog.h"

#include <poll.h>

/* In shared memory it is up to the others to find out who has died with a call to make. */
#define LONG (30 * SEC)

static bool is_still(const struct soak *s)
{
	for (int i = 0; i < WORKERS; i++)
		if (s->crew[i].pid && load(&s->round->places[i].ends_by) != UINT64_MAX)
			return false;
	return true;
}

/*
 * Would a put find room? A message that comes again lies where the next lap wants to go, and
 * a tombstone counts until it is at the head: then it is full with less than maxsize in it.
 */
static bool has_room(struct soak *s, uint32_t i)
{
	struct pollfd pfd;
	int err = pyq_pollfd(s->handles[i], PYQ_WRITE, &pfd);

	if (err)
		wrong(s, "pyq_pollfd(): %s", pyq_strerror(err));
	/* In shared memory a thread looks, which first has to begin. */
	return poll(&pfd, 1, 1000) > 0;
}

/* Does somebody wait for what is there? */
static bool is_wrong(struct soak *s, uint32_t i, struct pyq_stat *st)
{
	int err = pyq_stat(s->handles[i], st);

	if (err)
		wrong(s, "pyq_stat(): %s", pyq_strerror(err));
	if (st->getters && st->qsize)
		return true;
	if (!st->putters || st->qsize >= (uint64_t)st->maxsize)
		return false;
	if (has_room(s, i))
		return true;
	s->tally.full_below++;
	return false;
}

void calm(struct soak *s)
{
	uint64_t until;

	while (!is_still(s)) {
		crew_bury(s);
		watchdog_look(s);
		nanosleep(&(struct timespec){ .tv_nsec = MSEC }, NULL);
	}
	until = now_ns() + LONG;
	for (uint32_t i = 0; i < s->round->nr_queues; i++) {
		struct pyq_stat st;

		while (is_wrong(s, i, &st)) {
			if (now_ns() > until)
				wrong(s, "queue %u (%s): %llu messages, and asleep beside them %u who get and %u who put",
				      i, kinds[s->round->queues[i].kind].name,
				      (unsigned long long)st.qsize, st.getters, st.putters);
			sched_yield();
		}
		s->tally.asleep += st.getters + st.putters;
	}
}
