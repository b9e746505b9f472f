// SPDX-License-Identifier: GPL-2.0
/* A pool's helper: how it begins, whom it kills, and what it does meanwhile. */
#include "lib_pool.h"

#include <sys/ptrace.h>

/* --- workers that do not stop, or have been stopped -------------------------------------- */

/* A debugger that has it, and lets it stand wherever it comes to a stop. */
static int hold(pid_t pid)
{
	int status;

	if (ptrace(PTRACE_SEIZE, pid, 0, 0))
		return 1;
	sem_post(&shared->first);
	while (waitpid(pid, &status, __WALL) == pid)
		if (!WIFSTOPPED(status))
			return 0;
	return 2;
}

/* Nobody else waits for it: others are cancelled, die, and are replaced; and it is killed as well. */
TEST_F(pool, cancel_in_a_debugger)
{
	pyq_result *held, *other;
	pid_t worker, debugger, next;

	NOT_WITH_THREADS("they are not stopped");
	begin(.workers = 2);
	held = start(gate);
	ASSERT_TRUE(pass(&shared->begun));
	worker = load(&shared->pid);
	debugger = in_child(hold(worker));
	ASSERT_TRUE(pass(&shared->first));
	other = start(gate);
	ASSERT_TRUE(pass(&shared->begun));
	EXPECT_EQ(0, lib(pyq_result_cancel(held)));
	EXPECT_EQ(0, lib(pyq_result_cancel(other)));
	EXPECT_EQ(-ECANCELED, finish(other));
	next = pid_of(self->pool, my_pid);
	EXPECT_LT(0, next);
	EXPECT_EQ(-ECANCELED, finish(held));
	EXPECT_EQ(0, exit_status(debugger));
	EXPECT_EQ(0, wait_stat(st.workers == 2).died);
}

/* Nor is the end waited for. */
TEST_F(pool, terminate_in_a_debugger)
{
	pyq_result *r;
	pid_t debugger;

	NOT_WITH_THREADS("they are not stopped");
	begin(.workers = 1);
	r = start(gate);
	ASSERT_TRUE(pass(&shared->begun));
	debugger = in_child(hold(load(&shared->pid)));
	ASSERT_TRUE(pass(&shared->first));
	EXPECT_EQ(0, lib(pyq_result_cancel(r)));
	EXPECT_EQ(0, pyq_pool_terminate(self->pool));
	EXPECT_EQ(0, pyq_pool_join(self->pool, LONG));
	pyq_result_free(r);
	EXPECT_EQ(0, exit_status(debugger));
}

static int stop_myself(struct pyq_call *call)
{
	(void)call;
	sem_post(&shared->begun);
	raise(SIGSTOP);
	return 0;
}

/* One that stands still already is late, and cancelled, as others are. */
TEST_F(pool, stopped_by_others)
{
	pyq_result *r;

	NOT_WITH_THREADS("the program would be stopped");
	begin(.workers = 1);
	EXPECT_EQ(-ETIME, finish(start(stop_myself, .timeout = 20000000)));
	ASSERT_TRUE(pass(&shared->begun));
	r = start(stop_myself);
	ASSERT_TRUE(pass(&shared->begun));
	EXPECT_EQ(0, lib(pyq_result_cancel(r)));
	EXPECT_EQ(-ECANCELED, finish(r));
	EXPECT_EQ(0, wait_stat(st.workers == 1).died);
}

TEST_HARNESS_MAIN
