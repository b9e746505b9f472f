// SPDX-License-Identifier: GPL-2.0
#include "names.h"
#include "limits.h"

static void make(struct soak *s, int name)
{
	struct round *r = s->round;
	const uint32_t i = r->nr_queues;
	struct queue *queue = &r->queues[i];
	struct pyq_attr attr;
	struct pyq_stat st;
	char text[32];
	int err;

	snprintf(text, sizeof(text), "soak-%d", name);
	queue->kind = any_kind(&s->chance, s->shm);
	queue->name = name;
	attr = kinds[queue->kind].attr;
	attr.name = text;
	attr.flags |= PYQ_EXCL;
	limits_restore(s);
	err = pyq_create(&s->handles[i], &attr);
	if (!err)
		err = pyq_stat(s->handles[i], &st);
	if (err)
		wrong(s, "%s: %s", text, pyq_strerror(err));
	r->current[name] = i;
	store(&r->nr_queues, i + 1);
	store(&queue->id, st.id);
	s->tally.names++;
}

void names_begin(struct soak *s)
{
	for (int i = 0; i < NAMES; i++)
		make(s, i);
}

static void unlink_name(struct soak *s, int name)
{
	char text[32];
	int err;

	snprintf(text, sizeof(text), "soak-%d", name);
	err = pyq_unlink(text);
	if (err)
		wrong(s, "pyq_unlink(%s): %s", text, pyq_strerror(err));
}

static void renew(struct soak *s, int name)
{
	if (s->round->nr_queues == QUEUES)
		return;
	unlink_name(s, name);
	make(s, name);
}

void names_renew_one(struct soak *s)
{
	renew(s, (int)any(&s->chance, NAMES));
}

static void shut(struct soak *s, uint32_t i, bool immediate)
{
	struct queue *queue = &s->round->queues[i];
	int err;

	store(&queue->shut, 1);
	if (immediate)
		store(&queue->immediate, 1);
	err = pyq_shutdown(s->handles[i], immediate);
	if (err)
		wrong(s, "pyq_shutdown() of queue %u: %s", i, pyq_strerror(err));
}

void names_shut_one(struct soak *s)
{
	const int name = (int)any(&s->chance, NAMES);
	const bool immediate = one_in(&s->chance, 2);

	if (s->round->nr_queues == QUEUES)
		return;
	shut(s, s->round->current[name], immediate);
	s->tally.shutdowns++;
	s->tally.at_once += immediate;
	if (!one_in(&s->chance, 4))
		renew(s, name);
}

void names_shut_all(struct soak *s)
{
	for (uint32_t i = 0; i < s->round->nr_queues; i++)
		shut(s, i, false);
}

/* Those that the killed have left are found by the list. */
static int unlink_left(const struct pyq_name *name, void *arg)
{
	struct soak *s = arg;
	int err;

	if (strncmp(name->name, "soak-", 5))
		return 0;
	if (strncmp(name->name, "soak-own-", 9))
		wrong(s, "the name %s is still there", name->name);
	err = pyq_unlink(name->name);
	if (err)
		wrong(s, "pyq_unlink(%s): %s", name->name, pyq_strerror(err));
	s->tally.own_left++;
	return 0;
}

static int say_name(const struct pyq_name *name, void *arg)
{
	if (!strncmp(name->name, "soak-", 5))
		wrong(arg, "the name %s has not gone", name->name);
	return 0;
}

void names_end(struct soak *s)
{
	int err;

	for (int i = 0; i < NAMES; i++)
		unlink_name(s, i);
	err = pyq_list(unlink_left, s);
	if (!err)
		err = pyq_list(say_name, s);
	if (err)
		wrong(s, "pyq_list(): %s", pyq_strerror(err));
}
