// SPDX-License-Identifier: GPL-2.0
/*
 * What calls order for who makes them: of two who each do something, and then look what the
 * other has done, not both see nothing.
 */
#include "lib_test.h"

#include <stdalign.h>

#define ROUNDS 100000
#define ENOUGH 5000000000 /* ns, where two processors are not to be had */

enum { FIRST, SECOND };

/**
 * struct pair - two threads, in rounds
 * @queues: into the first one who puts puts; into the second the other, if there is one
 * @flag: what he does otherwise
 * @rounds: how many
 * @over: one of them has failed
 * @at: which step each has come to
 * @saw: in each round, whether each has seen what the other did
 */
struct pair {
	pyq_queue *queues[2];
	alignas(64) unsigned int flag;
	alignas(64) unsigned int rounds;
	bool over;
	alignas(64) unsigned int at[2];
	bool saw[2][ROUNDS];
};

/* Both go on at once, or as soon as the other has had a processor. */
static bool meet(struct pair *p, unsigned int who)
{
	const unsigned int step = p->at[who] + 1;
	unsigned int tries = 0;

	__atomic_store_n(&p->at[who], step, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&p->at[!who], __ATOMIC_SEQ_CST) < step) {
		if (__atomic_load_n(&p->over, __ATOMIC_SEQ_CST))
			return false;
		if (++tries % 1000 == 0)
			sched_yield();
	}
	return true;
}

/* Each on a processor of its own, if there are two. */
static void take_processor(unsigned int who)
{
	unsigned int cpu, left = who;
	cpu_set_t may, one;

	if (sched_getaffinity(0, sizeof(may), &may) || CPU_COUNT(&may) < 2)
		return;
	for (cpu = 0; !CPU_ISSET(cpu, &may) || left--; cpu++)
		;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

static unsigned int rounds(const struct pair *p)
{
	return __atomic_load_n(&p->rounds, __ATOMIC_SEQ_CST);
}

static bool is_there(pyq_queue *q)
{
	char c;

	return pyq_get(q, &c, 1, PYQ_NOWAIT) == 1;
}

static const char *fails(struct pair *p, const char *how)
{
	__atomic_store_n(&p->over, true, __ATOMIC_SEQ_CST);
	return how;
}

static void *first(void *arg)
{
	const int64_t until = lib_now_ns() + ENOUGH;
	struct pair *p = arg;

	take_processor(FIRST);
	for (unsigned int i = 0; i < rounds(p); i++) {
		/* Seen by the other when both have met. */
		if (lib_now_ns() > until)
			__atomic_store_n(&p->rounds, i + 1, __ATOMIC_SEQ_CST);
		if (!meet(p, FIRST))
			break;
		if (pyq_put(p->queues[0], "m", 1, PYQ_NOWAIT))
			return (void *)fails(p, "not put");
		p->saw[FIRST][i] = p->queues[1] ? is_there(p->queues[1]) :
			__atomic_load_n(&p->flag, __ATOMIC_SEQ_CST) == i + 1;
		if (!meet(p, FIRST))
			break;
		if (p->queues[1] && !p->saw[FIRST][i] && !is_there(p->queues[1]))
			return (void *)fails(p, "lost");
	}
	return "";
}

static const char *second(struct pair *p)
{
	take_processor(SECOND);
	for (unsigned int i = 0; i < rounds(p); i++) {
		if (!meet(p, SECOND))
			break;
		/* Sooner, as soon, and later than the other. */
		for (unsigned int n = i % 64; n; n--)
			__asm__ __volatile__("" ::: "memory");
		if (!p->queues[1])
			__atomic_store_n(&p->flag, i + 1, __ATOMIC_SEQ_CST);
		else if (pyq_put(p->queues[1], "m", 1, PYQ_NOWAIT))
			return fails(p, "not put");
		p->saw[SECOND][i] = is_there(p->queues[0]);
		if (!meet(p, SECOND))
			break;
		if (!p->saw[SECOND][i] && !is_there(p->queues[0]))
			return fails(p, "lost");
	}
	return "";
}

/* In how many rounds did both see nothing, with one queue, or two? */
static unsigned int both_missed(struct __test_metadata *_metadata, unsigned int queues)
{
	struct pair *p = aligned_alloc(64, sizeof(*p));
	unsigned int missed = 0, met = 0;
	pthread_t thread;
	void *text;

	if (!p)
		return ROUNDS;
	memset(p, 0, sizeof(*p));
	p->rounds = ROUNDS;
	for (unsigned int i = 0; i < queues; i++)
		p->queues[i] = new_queue(.maxsize = 4);
	EXPECT_EQ(0, pthread_create(&thread, NULL, first, p));
	EXPECT_STREQ("", second(p));
	pthread_join(thread, &text);
	EXPECT_STREQ("", (const char *)text);
	for (unsigned int i = 0; i < p->rounds; i++) {
		missed += !p->saw[FIRST][i] && !p->saw[SECOND][i];
		met += p->saw[FIRST][i] && p->saw[SECOND][i];
	}
	TH_LOG("%u rounds; in %u both saw the other", p->rounds, met);
	for (unsigned int i = 0; i < queues; i++)
		pyq_close(p->queues[i]);
	free(p);
	return missed;
}

/* proves: promise put-has-happened */
TEST(flag_and_message)
{
	EXPECT_EQ(0, both_missed(_metadata, 1));
}

/* proves: promise put-has-happened */
TEST(two_messages)
{
	EXPECT_EQ(0, both_missed(_metadata, 2));
}

TEST_HARNESS_MAIN
