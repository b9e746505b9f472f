// SPDX-License-Identifier: GPL-2.0
/* Put and get, one message or several. */
#include "ways.h"

int put_within(struct worker *w, int64_t timeout)
{
	static char room[LONGEST];
	uint32_t number;
	size_t len;
	int err;

	if (!can_intend(w, 1))
		return -EAGAIN;
	number = intend(w, LONGEST, &len);
	compose(w, room, number, len);
	begin(w, PUTTING, timeout);
	err = pyq_put(w->q, room, len, timeout);
	if (err) {
		was_not_put(w, number);
		may_fail(w, "pyq_put()", err);
	} else {
		was_put(w, number, len);
	}
	return err;
}

void put_one(struct worker *w)
{
	put_within(w, any_timeout(w));
}

void put_several(struct worker *w)
{
	static char rooms[BATCH][LONGEST];
	struct pyq_msg msgs[BATCH] = { 0 };
	const unsigned int n = 2 + any(&w->chance, BATCH - 1);
	const int64_t timeout = any_timeout(w);
	uint32_t numbers[BATCH];
	ssize_t ret;

	if (!can_intend(w, n))
		return;
	for (unsigned int i = 0; i < n; i++) {
		numbers[i] = intend(w, LONGEST, &msgs[i].len);
		compose(w, rooms[i], numbers[i], msgs[i].len);
		msgs[i].data = rooms[i];
	}
	begin(w, PUTTING, timeout);
	ret = pyq_put_many(w->q, msgs, n, timeout);
	for (unsigned int i = 0; i < n; i++) {
		if ((ssize_t)i < ret)
			was_put(w, numbers[i], msgs[i].len);
		else
			was_not_put(w, numbers[i]);
	}
	if (ret <= 0 || ret > (ssize_t)n)
		may_fail(w, "pyq_put_many()", ret);
}

int get_within(struct worker *w, int64_t timeout)
{
	struct pyq_msg msg = { .data = w->place->hand[0], .size = LONGEST };
	ssize_t ret;

	begin(w, GETTING, timeout);
	ret = pyq_get_msg(w->q, &msg, timeout);
	if (ret < 0)
		may_fail(w, "pyq_get_msg()", ret);
	else
		take(w, msg.data, msg.len, msg.deliveries);
	return ret < 0 ? (int)ret : 0;
}

void get_one(struct worker *w)
{
	get_within(w, any_timeout(w));
}

void get_several(struct worker *w)
{
	struct pyq_msg msgs[BATCH] = { 0 };
	const unsigned int n = 2 + any(&w->chance, BATCH - 1);
	const int64_t timeout = any_timeout(w);
	ssize_t ret;

	for (unsigned int i = 0; i < n; i++)
		msgs[i] = (struct pyq_msg){ .data = w->place->hand[i], .size = LONGEST };
	begin(w, GETTING, timeout);
	ret = pyq_get_many(w->q, msgs, n, timeout);
	for (ssize_t i = 0; i < ret; i++)
		take(w, msgs[i].data, msgs[i].len, msgs[i].deliveries);
	if (ret <= 0)
		may_fail(w, "pyq_get_many()", ret);
}

/* Who is killed here may have had one that nobody can find: its memory has gone with it. */
void get_into_new_memory(struct worker *w)
{
	const int64_t timeout = any_timeout(w);
	void *data;
	size_t len;
	int err;

	store(&w->place->blind, w->queue + 1);
	begin(w, GETTING, timeout);
	err = pyq_get_alloc(w->q, &data, &len, timeout);
	if (err)
		may_fail(w, "pyq_get_alloc()", err);
	else
		take(w, data, len, 1);
	store(&w->place->blind, 0);
	free(data);
}
