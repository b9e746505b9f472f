// SPDX-License-Identifier: GPL-2.0
/* Operations of pyq_aio and those of others at the same moment: none is lost or done twice. */
#include "lib_aio.h"

/* In a system call that sleeps, or about to: not on its way to one. */
static bool is_asleep(pid_t pid)
{
	char path[64], state = 0;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	stat = fopen(path, "r");
	if (!stat || fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	if (stat)
		fclose(stat);
	return state == 'S';
}

/* Where the module does what waits: in line with those who sleep there. */
TEST_F(aio, in_line_with_sleepers)
{
	struct pyq_info info;
	struct pyq_stat st;
	char buf[8];
	pid_t sleeper;

	ASSERT_EQ(0, pyq_info(&info));
	if (!is_sealed() || variant->engine != PYQ_AIO_URING || !strstr(info.features, "uring_cmd"))
		SKIP(return, "the kernel does not do what waits");
	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf, 8, PYQ_FOREVER, 1)));
	EXPECT_EQ(0, lib(pyq_aio_submit(self->aio)));
	ASSERT_EQ(0, pyq_stat(self->q, &st));
	EXPECT_EQ(1, st.getters);
	sleeper = in_child(pyq_get(self->q, buf, 8, LONG) != 2);
	/* Who is in line, and still awake, may be the quicker one. */
	while (!pyq_stat(self->q, &st) && (st.getters < 2 || !is_asleep(sleeper)))
		sched_yield();
	/* The first message is the first one's. */
	ASSERT_EQ(0, pyq_put(self->q, "1", 1, PYQ_NOWAIT));
	EXPECT_DONE(self, 1, 1);
	ASSERT_EQ(0, pyq_stat(self->q, &st));
	EXPECT_EQ(1, st.getters);
	ASSERT_EQ(0, pyq_put(self->q, "22", 2, PYQ_NOWAIT));
	EXPECT_EQ(0, exit_status(sleeper));
	/* Who is called back, or destroyed, is in nobody's way. */
	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf, 8, PYQ_FOREVER, 2)));
	EXPECT_EQ(0, lib(pyq_aio_submit(self->aio)));
	EXPECT_EQ(1, lib(pyq_aio_cancel(self->aio, 2)));
	ASSERT_EQ(0, pyq_stat(self->q, &st));
	EXPECT_EQ(0, st.getters);
	EXPECT_DONE(self, 2, -ECANCELED);
	ASSERT_EQ(0, lib(pyq_aio_get(self->aio, self->q, buf, 8, PYQ_FOREVER, 3)));
	EXPECT_EQ(0, lib(pyq_aio_submit(self->aio)));
	EXPECT_EQ(0, lib(pyq_aio_destroy(self->aio)));
	self->aio = NULL;
	ASSERT_EQ(0, pyq_stat(self->q, &st));
	EXPECT_EQ(0, st.getters);
}

enum { RACES = 2000 };

/* What ends an operation that somebody else makes possible at the same moment. */
static int64_t end_it(pyq_aio *aio, int turn)
{
	struct pyq_completion done;

	if (pyq_aio_submit(aio) || (turn % 2 && pyq_aio_cancel(aio, 1) < 0) ||
	    pyq_aio_wait(aio, &done, 1, 1, LONG) != 1 || done.user_data != 1)
		return INT64_MIN;
	return done.result;
}

static bool has_not_been(int64_t ret)
{
	return ret == -ECANCELED || ret == -ETIMEDOUT || ret == -EAGAIN;
}

/* Cancel, or a deadline, against a put: none is lost, none comes twice. */
TEST_F(aio, get_races)
{
	int64_t ret = 0;
	int next = 0, got;
	pid_t putter = in_child(({
		int i, err = 0;

		for (i = 0; i < RACES && !err; i++)
			err = pyq_put(self->q, &i, sizeof(i), LONG);
		-err;
	}));

	for (int turn = 0; next < RACES && ret != INT64_MIN; turn++) {
		int64_t timeout = turn % 2 ? PYQ_FOREVER : turn % 64 * 1000;

		ASSERT_EQ(0, pyq_aio_get(self->aio, self->q, &got, sizeof(got), timeout, 1));
		ret = end_it(self->aio, turn);
		if (ret == sizeof(got)) {
			ASSERT_EQ(next++, got);
		} else {
			ASSERT_TRUE(has_not_been(ret));
		}
	}
	EXPECT_EQ(RACES, next);
	EXPECT_EQ(0, exit_status(putter));
	EXPECT_EQ(0, pyq_qsize(self->q));
}

/* And against a get. */
TEST_F(aio, put_races)
{
	int64_t ret = 0;
	int next = 0;
	pid_t getter = in_child(({
		int i, got, wrong = 0;

		for (i = 0; i < RACES && !wrong; i++)
			wrong = pyq_get(self->q, &got, sizeof(got), LONG) != sizeof(got) || got != i;
		wrong;
	}));

	for (int turn = 0; next < RACES && ret != INT64_MIN; turn++) {
		int64_t timeout = turn % 2 ? PYQ_FOREVER : turn % 64 * 1000;

		ASSERT_EQ(0, pyq_aio_put(self->aio, self->q, &next, sizeof(next), timeout, 1));
		ret = end_it(self->aio, turn);
		if (ret)
			ASSERT_TRUE(has_not_been(ret));
		next += !ret;
	}
	EXPECT_EQ(RACES, next);
	EXPECT_EQ(0, exit_status(getter));
	EXPECT_EQ(0, pyq_qsize(self->q));
}

TEST_HARNESS_MAIN
