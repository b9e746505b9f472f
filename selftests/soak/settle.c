// SPDX-License-Identifier: GPL-2.0
#include "settle.h"
#include "account.h"

/* What becomes of the messages of one queue. */
struct sum {
	uint32_t put, undecided;
};

/* Far beyond what it takes to notice the last of the dead. */
#define LONG PYQ_SECONDS(20)

/* Everybody else is gone: only what is put is there, until the end. */
static void drain(struct soak *s, uint32_t i)
{
	struct place *place = &s->round->places[SELF];
	struct worker self = { .parent = s, .round = s->round, .place = place, .me = SELF,
			       .shm = s->shm, .q = s->handles[i], .queue = i,
			       .kind = &kinds[s->round->queues[i].kind] };
	struct pyq_stat st;
	ssize_t ret;
	int err;

	for (;;) {
		struct pyq_msg msg = { .data = place->hand[0], .size = LONGEST };

		ret = pyq_get_msg(self.q, &msg, LONG);
		if (ret < 0)
			break;
		take(&self, msg.data, msg.len, msg.deliveries);
		s->tally.drained++;
	}
	if (ret != -ESHUTDOWN)
		fail(&self, "the last get: %s", pyq_strerror(ret));
	err = pyq_stat(self.q, &st);
	if (err || st.qsize || st.large_bytes || st.getters || st.putters || st.joiners || st.broken)
		fail(&self, "drained, it has (%d) %llu messages, %llu bytes, %u and %u and %u asleep%s",
		     err, (unsigned long long)st.qsize, (unsigned long long)st.large_bytes,
		     st.getters, st.putters, st.joiners, st.broken ? ", and is broken" : "");
	if (st.owners > 1)
		fail(&self, "%u have it mapped", st.owners);
}

/* One message: it has come, or there is a reason. */
static void settle_one(struct soak *s, uint32_t place, uint32_t number, struct sum *sums)
{
	const uint32_t known = s->round->known[place][number];
	const uint32_t i = known >> QUEUE_SHIFT;
	struct queue *queue = &s->round->queues[i];

	if (!(known & (PUT | NEVER | UNDECIDED)))
		wrong(s, "message %u of place %u was begun, and nothing came of it", number, place);
	sums[i].put += !!(known & PUT);
	sums[i].undecided += !!(known & UNDECIDED);
	if (!(known & PUT) || known & TAKEN)
		return;
	if (known & IN_A_DEAD_HAND) {
		s->tally.in_dead_hands++;
	} else if (queue->immediate) {
		s->tally.dropped++;
	} else if (queue->blind_deaths) {
		queue->blind_deaths--;
		s->tally.blind++;
	} else {
		wrong(s, "message %u of place %u, put into queue %u (%s%s), is lost", number, place,
		      i, kinds[queue->kind].name, queue->shut > 1 ? ", shut down" : "");
	}
}

/* join() waits for what was not said to be done, no more and, but for the dead, no less. */
static void settle_unfinished(struct soak *s, uint32_t i, const struct sum *sum)
{
	const struct queue *queue = &s->round->queues[i];
	pyq_queue *q = s->handles[i];
	struct pyq_stat st;
	int err = pyq_stat(q, &st);

	if (err)
		wrong(s, "pyq_stat(): %s", pyq_strerror(err));
	if (st.unfinished > sum->put + sum->undecided ||
	    (!queue->immediate && st.unfinished + queue->done < sum->put))
		wrong(s, "queue %u (%s): %u put, perhaps %u more, %u said to be done, %u unfinished", i,
		      kinds[queue->kind].name, sum->put, sum->undecided, queue->done, st.unfinished);
	if (pyq_task_done(q, st.unfinished + 1) != -EINVAL)
		wrong(s, "queue %u: one task_done() too many is none", i);
	err = st.unfinished ? pyq_task_done(q, st.unfinished) : 0;
	if (!err)
		err = pyq_join(q, PYQ_NOWAIT);
	if (err)
		wrong(s, "queue %u: all is done, and join() says %s", i, pyq_strerror(err));
}

static void add_counts(struct counts *to, const struct counts *more)
{
	uint64_t *t = (uint64_t *)to;
	const uint64_t *m = (const uint64_t *)more;

	for (size_t i = 0; i < sizeof(*to) / sizeof(*t); i++)
		t[i] += m[i];
}

void settle(struct soak *s)
{
	struct sum sums[QUEUES] = { 0 };
	struct round *r = s->round;

	for (uint32_t i = 0; i < r->nr_queues; i++)
		drain(s, i);
	for (uint32_t p = 0; p < WORKERS; p++)
		for (uint32_t i = 0; i < r->places[p].next; i++)
			settle_one(s, p, i, sums);
	for (uint32_t i = 0; i < r->nr_queues; i++)
		settle_unfinished(s, i, &sums[i]);
	for (uint32_t p = 0; p < PLACES; p++)
		add_counts(&s->tally.counts, &r->places[p].counts);
}
