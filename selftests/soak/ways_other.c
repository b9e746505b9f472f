// SPDX-License-Identifier: GPL-2.0
/* What is neither putting nor getting. */
#include "ways.h"

void say_done(struct worker *w)
{
	int err;

	if (w->not_done && one_in(&w->chance, 2)) {
		add(&w->round->queues[w->queue].done, w->not_done);
		err = pyq_task_done(w->q, w->not_done);
		if (err)
			fail(w, "pyq_task_done(%u): %s", w->not_done, pyq_strerror(err));
		w->not_done = 0;
	}
	begin(w, JOINING, PYQ_MILLISECONDS(3));
	err = pyq_join(w->q, PYQ_MILLISECONDS(any(&w->chance, 3)));
	w->place->counts.joins += !err;
	if (err && err != -EAGAIN && err != -ETIMEDOUT)
		fail(w, "pyq_join(): %s", pyq_strerror(err));
}

static int look_at_name(const struct pyq_name *name, void *arg)
{
	unsigned int *names = arg;

	*names += !strncmp(name->name, "soak-", 5);
	return 0;
}

void look_around(struct worker *w)
{
	struct pyq_info info;
	unsigned int names = 0;
	struct pyq_stat st;
	ssize_t size;
	int err;

	begin(w, LOOKING, PYQ_NOWAIT);
	size = pyq_qsize(w->q);
	if (size < 0)
		fail(w, "pyq_qsize(): %s", pyq_strerror(size));
	pyq_empty(w->q);
	pyq_full(w->q);
	err = pyq_stat(w->q, &st);
	if (err)
		may_fail(w, "pyq_stat()", err);
	else if (st.id != w->round->queues[w->queue].id || st.broken)
		fail(w, "pyq_stat(): it is another queue, or broken");
	err = pyq_info(&info);
	if (err)
		may_fail(w, "pyq_info()", err);
	if (!one_in(&w->chance, 8))
		return;
	err = pyq_list(look_at_name, &names);
	if (err)
		may_fail(w, "pyq_list()", err);
	else if (names > NAMES + WORKERS * 100)
		fail(w, "pyq_list(): there are %u names", names);
}

/* Who is killed here may leave the name; the parent knows it by its beginning. */
void have_a_queue_of_its_own(struct worker *w)
{
	struct pyq_attr attr = kinds[any_kind(&w->chance, w->shm)].attr;
	char name[64], text[24] = "", back[24] = "";
	pyq_queue *q;
	int err;

	snprintf(name, sizeof(name), "soak-own-%d-%u", getpid(), any(&w->chance, 100));
	if (one_in(&w->chance, 2)) {
		attr.name = name;
		attr.flags |= PYQ_EXCL;
	}
	begin(w, WITH_ITS_OWN, PYQ_NOWAIT);
	err = pyq_create(&q, &attr);
	if (err) {
		may_fail(w, "pyq_create()", err);
		return;
	}
	w->place->counts.own_queues++;
	snprintf(text, sizeof(text), "%d", getpid());
	err = pyq_put(q, text, sizeof(text), PYQ_NOWAIT);
	if (err)
		may_fail(w, "pyq_put(), the first,", err);
	else if (pyq_get(q, back, sizeof(back), PYQ_NOWAIT) != (ssize_t)sizeof(text) ||
		 memcmp(text, back, sizeof(text)))
		fail(w, "a queue of its own has another message in it");
	err = attr.name ? pyq_unlink(name) : 0;
	if (err)
		may_fail(w, "pyq_unlink()", err);
	pyq_close(q);
}
