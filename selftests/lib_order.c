// SPDX-License-Identifier: GPL-2.0
/*
 * What calls order for who makes them: a put has happened, for everybody, when it returns.
 * Two who each do something and then look what the other has done do not both see nothing.
 */
#include "lib_test.h"

#define ROUNDS 100000

enum { FIRST, SECOND };

/**
 * struct pair - two threads, in rounds
 * @queues: into the first one who puts puts; into the second the other, if there is one
 * @flag: what he does otherwise
 * @at: which step each has come to
 * @saw: in each round, whether each has seen what the other did
 */
struct pair {
	pyq_queue *queues[2];
	unsigned int flag __attribute__((__aligned__(64)));
	unsigned int at[2] __attribute__((__aligned__(64)));
	bool saw[2][ROUNDS];
};

/* Both go on at once, or as soon as the other has had a processor. */
static void meet(struct pair *p, unsigned int who)
{
	const unsigned int step = p->at[who] + 1;
	unsigned int tries = 0;

	__atomic_store_n(&p->at[who], step, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&p->at[!who], __ATOMIC_SEQ_CST) < step)
		if (++tries % 1000 == 0)
			sched_yield();
}

static bool is_there(pyq_queue *q)
{
	char c;

	return pyq_get(q, &c, 1, PYQ_NOWAIT) == 1;
}

static void *first(void *arg)
{
	struct pair *p = arg;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		meet(p, FIRST);
		if (pyq_put(p->queues[0], "m", 1, PYQ_NOWAIT))
			return "not put";
		p->saw[FIRST][i] = p->queues[1] ? is_there(p->queues[1]) :
			__atomic_load_n(&p->flag, __ATOMIC_ACQUIRE) == i + 1;
		meet(p, FIRST);
		if (p->queues[1] && !p->saw[FIRST][i] && !is_there(p->queues[1]))
			return "lost";
	}
	return "";
}

static const char *second(struct pair *p)
{
	for (unsigned int i = 0; i < ROUNDS; i++) {
		meet(p, SECOND);
		if (!p->queues[1])
			__atomic_store_n(&p->flag, i + 1, __ATOMIC_SEQ_CST);
		else if (pyq_put(p->queues[1], "m", 1, PYQ_NOWAIT))
			return "not put";
		p->saw[SECOND][i] = is_there(p->queues[0]);
		meet(p, SECOND);
		if (!p->saw[SECOND][i] && !is_there(p->queues[0]))
			return "lost";
	}
	return "";
}

/* In how many rounds did both see nothing? */
static unsigned int both_missed(struct __test_metadata *_metadata, struct pair *p)
{
	unsigned int missed = 0;
	pthread_t thread;
	void *text;

	EXPECT_EQ(0, pthread_create(&thread, NULL, first, p));
	EXPECT_STREQ("", second(p));
	pthread_join(thread, &text);
	EXPECT_STREQ("", (const char *)text);
	for (unsigned int i = 0; i < ROUNDS; i++)
		missed += !p->saw[FIRST][i] && !p->saw[SECOND][i];
	return missed;
}

/* proves: promise put-has-happened */
TEST(flag_and_message)
{
	struct pair *p = calloc(1, sizeof(*p));

	ASSERT_NE(NULL, p);
	p->queues[0] = new_queue(.maxsize = 4);
	EXPECT_EQ(0, both_missed(_metadata, p));
	pyq_close(p->queues[0]);
	free(p);
}

/* proves: promise put-has-happened */
TEST(two_messages)
{
	struct pair *p = calloc(1, sizeof(*p));

	ASSERT_NE(NULL, p);
	p->queues[0] = new_queue(.maxsize = 4);
	p->queues[1] = new_queue(.maxsize = 4);
	EXPECT_EQ(0, both_missed(_metadata, p));
	pyq_close(p->queues[1]);
	pyq_close(p->queues[0]);
	free(p);
}

TEST_HARNESS_MAIN
