// SPDX-License-Identifier: GPL-2.0
/* A call that comes between entering the line and falling asleep. */
#include "actors.h"
#include "sleepers.h"

#include <pthread.h>

static void nap(uint64_t ns)
{
	struct timespec ts = { .tv_nsec = ns };

	nanosleep(&ts, NULL);
}

/*
 * A sleeper that was called after it had entered the line, and before it slept,
 * kept the call when it found nothing to do. Nothing reached it again, neither a
 * message nor a shutdown. Here a crowd is called again and again for what has
 * been taken away by then. After that everybody must still get his turn.
 */
#define CROWD 32

struct door {
	const char *name;
	int (*pass)(int q);		/* waits, without a limit */
	int (*open)(int q, int n);	/* for so many; 0 or less: it was open */
	int (*shut)(int q, int n);
	bool (*settled)(int q);		/* nobody could pass, or everybody could */
};

static int finish_all(int q, int n)
{
	n = pq_stat(q).unfinished;
	return n ? !pq_task_done(q, n) : 0;
}

static int begin_one(int q, int n)
{
	n = put_up_to(q, 1);
	get_up_to(q, 1);
	return n;
}

static int pass_get(int q)
{
	return wait_in_get(q, PYQUEUE_FOREVER);
}

static int pass_put(int q)
{
	return wait_in_put(q, PYQUEUE_FOREVER);
}

static int pass_join(int q)
{
	return pq_join(q, PYQUEUE_FOREVER);
}

static bool is_empty(int q)
{
	return pq_qsize(q) == 0;
}

static bool is_full(int q)
{
	return pq_qsize(q) == CROWD;
}

static bool is_anything(int q)
{
	return true;
}

static const struct door doors[] = {
	{ "get", pass_get, put_up_to, get_up_to, is_empty },
	{ "put", pass_put, get_up_to, put_up_to, is_full },
	{ "join", pass_join, finish_all, begin_one, is_anything },
};

#define THIEVES 2

/* A door, those who wait before it, and those who shut it. */
struct hall {
	const struct door *door;
	int q;
	int over;
	int rest;		/* who passes now waits at the gate */
	int resting;
	int gate[2];
	int halt;		/* who steals now waits in the cell */
	int halted;
	int cell[2];
	int nr_thieves;
	int nr_crowd;
	pthread_t thieves[THIEVES];
	pthread_t crowd[CROWD];
};

static bool is_released(int pipe[2])
{
	char c;

	return read(pipe[0], &c, 1) == 1;
}

static bool release(int pipe[2], int n)
{
	return write(pipe[1], (char[CROWD]){ }, n) == n;
}

static void *pass(void *arg)
{
	struct hall *hall = arg;

	while (!load(&hall->over) && !hall->door->pass(hall->q)) {
		if (load(&hall->rest)) {
			count(&hall->resting);
			if (!is_released(hall->gate))
				break;
		}
	}
	return NULL;
}

static void *steal(void *arg)
{
	struct hall *hall = arg;

	while (!load(&hall->over)) {
		hall->door->shut(hall->q, 1);
		if (load(&hall->halt)) {
			count(&hall->halted);
			if (!is_released(hall->cell))
				break;
		}
	}
	return NULL;
}

static bool fill_hall(struct hall *hall, int dev, const struct door *door, int thieves)
{
	*hall = (struct hall){ .door = door };
	hall->q = pq_create(dev, .maxsize = CROWD, .payload = 48);
	if (hall->q < 0 || pipe(hall->gate) || pipe(hall->cell))
		return false;
	door->shut(hall->q, CROWD);
	for (; hall->nr_thieves < thieves; hall->nr_thieves++)
		if (pthread_create(&hall->thieves[hall->nr_thieves], NULL, steal, hall))
			return false;
	for (; hall->nr_crowd < CROWD; hall->nr_crowd++)
		if (pthread_create(&hall->crowd[hall->nr_crowd], NULL, pass, hall))
			return false;
	return true;
}

static void clear_hall(struct hall *hall)
{
	store(&hall->over, 1);
	for (int i = 0; i < hall->nr_thieves; i++)
		pthread_join(hall->thieves[i], NULL);
	hall->door->open(hall->q, CROWD);
	pq_shutdown(hall->q, 0);
	for (int i = 0; i < hall->nr_crowd; i++)
		pthread_join(hall->crowd[i], NULL);
	close(hall->gate[0]);
	close(hall->gate[1]);
	close(hall->cell[0]);
	close(hall->cell[1]);
	close(hall->q);
}

/*
 * Settled or not, somebody may have lost his processor with a slot in hand, behind which
 * nothing can be had for that long.
 */
static bool open_for_all(const struct hall *hall)
{
	int n = 0;

	return eventually(({
		int more = hall->door->open(hall->q, CROWD - n);

		n += more > 0 ? more : 0;
		n == CROWD || hall->door->open == finish_all;
	}));
}

/*
 * Nobody else is at work: who could pass has passed, and when it is opened for
 * all everybody does. Then it is shut, and they line up again.
 */
static bool all_pass(struct hall *hall)
{
	if (!eventually(hall->door->settled(hall->q)))
		return false;
	store(&hall->rest, 1);
	if (!open_for_all(hall) || !eventually(load(&hall->resting) == CROWD))
		return false;
	hall->door->shut(hall->q, CROWD);
	store(&hall->rest, 0);
	store(&hall->resting, 0);
	return release(hall->gate, CROWD);
}

/* Who sleeps beside what. */
#define LOG_HALL(hall, round)                                                \
	({                                                                   \
		struct pyqueue_stat st_ = pq_stat((hall)->q);                \
		TH_LOG("%s, round %d: %d have passed; asleep %u/%u/%u, %llu messages", \
		       (hall)->door->name, round, load(&(hall)->resting),    \
		       st_.getters, st_.putters, st_.joiners,                \
		       (unsigned long long)st_.qsize);                       \
	})

FIXTURE(called_early) {
	int dev;
	struct hall hall;
	char preemption[16];
};

/*
 * A kernel that can be preempted anywhere meets the moment often, others once
 * in a long while. The file says "none (voluntary) full".
 */
#define PREEMPTION "/sys/kernel/debug/sched/preempt"

static void preempt_anywhere(FIXTURE_DATA(called_early) *self)
{
	int fd = open(PREEMPTION, O_RDONLY | O_CLOEXEC);
	char text[64] = "", *from, *to;

	if (fd < 0)
		return;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	from = strchr(text, '(');
	to = strchr(text, ')');
	if (!from || !to || write_file(PREEMPTION, "full"))
		return;
	snprintf(self->preemption, sizeof(self->preemption), "%.*s", (int)(to - from - 1),
		 from + 1);
}

FIXTURE_SETUP(called_early)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	preempt_anywhere(self);
}

FIXTURE_TEARDOWN(called_early)
{
	before_everybody(false);
	store(&self->hall.halt, 1);
	if (self->preemption[0])
		EXPECT_EQ(0, write_file(PREEMPTION, self->preemption));
	close(self->dev);
}

/*
 * On one CPU: who opens and shuts does both before anybody else can run, and
 * leaves the crowd different times in between.
 */
TEST_F(called_early, between_two_instructions)
{
	struct hall *hall = &self->hall;

	ASSERT_TRUE(one_cpu());
	for (unsigned int i = 0; i < ARRAY_SIZE(doors); i++) {
		uint64_t end = in_ns(600 * MSEC);

		ASSERT_TRUE(before_everybody(false));
		ASSERT_TRUE(fill_hall(hall, self->dev, &doors[i], 0));
		ASSERT_TRUE(before_everybody(true));
		for (int round = 0; now_ns() < end; round++) {
			for (int j = 0; j < 20; j++) {
				int n = hall->door->open(hall->q, CROWD);

				if (n > 0)
					hall->door->shut(hall->q, n);
				nap(rand() % 200000);
			}
			ASSERT_TRUE(all_pass(hall))
				LOG_HALL(hall, round);
		}
		clear_hall(hall);
	}
}

/*
 * On all CPUs, and others snatch away what is meant for the crowd. Failed one
 * time in two.
 */
TEST_F(called_early, thieves)
{
	struct hall *hall = &self->hall;

	for (unsigned int i = 0; i < ARRAY_SIZE(doors); i++) {
		uint64_t end = in_ns(500 * MSEC);

		ASSERT_TRUE(fill_hall(hall, self->dev, &doors[i], THIEVES));
		for (int round = 0; now_ns() < end; round++) {
			uint64_t pause = in_ns(20 * MSEC);

			while (now_ns() < pause)
				hall->door->open(hall->q, 1 + rand() % CROWD);
			store(&hall->halt, 1);
			ASSERT_TRUE(eventually(load(&hall->halted) == THIEVES));
			ASSERT_TRUE(all_pass(hall))
				LOG_HALL(hall, round);
			store(&hall->halt, 0);
			store(&hall->halted, 0);
			ASSERT_TRUE(release(hall->cell, THIEVES));
		}
		clear_hall(hall);
	}
}

TEST_HARNESS_MAIN
