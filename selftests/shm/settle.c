// SPDX-License-Identifier: GPL-2.0
/*
 * Who settles what a dead one has left is killed at each step of it, and somebody sleeps who
 * is to have it, in a library in which nobody looks around by himself: he is called all the
 * same, by the next who looks. For who was killed is then one of the dead himself.
 */
#include "../lib_test.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "kill.h"

struct kill *kill_me;

void kill_step(void)
{
	if (kill_me && ++kill_me->steps == kill_me->at)
		kill(getpid(), SIGKILL);
}

void kill_changed(const void *at, uint64_t from, uint64_t to)
{
	(void)at;
	(void)from;
	(void)to;
}

static int look(pyq_queue *q)
{
	struct pyq_stat st;

	return pyq_stat(q, &st);
}

/* Takes the message, says so, and keeps it. */
static int hold(pyq_queue *q, int tell)
{
	struct pyq_loan loan;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (pyq_borrow(q, &loan, PYQ_NOWAIT) || write(tell, "", 1) != 1)
		return 1;
	for (;;)
		pause();
}

static int get(pyq_queue *q)
{
	char c;

	/* Nobody else ends it if this test fails. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pyq_get(q, &c, 1, PYQ_FOREVER) == 1 && c == 'm' ? 0 : 1;
}

/* In a futex, where nothing but a call ends its sleep. */
static bool sleeps(pid_t pid)
{
	char path[32], text[32] = "", *end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	return strtol(text, &end, 10) == SYS_futex && end != text;
}

/* -1: it goes on. */
static int exit_status_soon(pid_t pid)
{
	const int64_t until = lib_now_ns() + LONG;
	int status;
	pid_t ended;

	while (!(ended = waitpid(pid, &status, WNOHANG)) && lib_now_ns() < until)
		sched_yield();
	return ended == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* proves: promise kill-every-step */
TEST(sleeper_is_called)
{
	struct kill *kill_at = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned long kills = 0;
	int status = 1;

	ASSERT_NE(MAP_FAILED, kill_at);
	for (uint64_t at = 1; status; at++) {
		pyq_queue *q = new_queue(.maxsize = 4);
		pid_t holder, sleeper;
		int told[2];
		char byte;

		ASSERT_EQ(0, pipe(told));
		ASSERT_EQ(0, pyq_put(q, "m", 1, PYQ_NOWAIT));
		holder = in_child(hold(q, told[1]));
		ASSERT_EQ(1, read(told[0], &byte, 1));
		sleeper = in_child(get(q));
		ASSERT_TRUE(lib_wait_sleepers(q, getters, 1));
		while (!sleeps(sleeper))
			sched_yield();
		kill(holder, SIGKILL);
		ASSERT_EQ(128 + SIGKILL, exit_status(holder));

		*kill_at = (struct kill){ .at = at };
		status = exit_status(in_child(({
			kill_me = kill_at;
			look(q);
		})));
		ASSERT_TRUE(status == 0 || status == 128 + SIGKILL);
		kills += status != 0;

		ASSERT_EQ(0, look(q));
		status = exit_status_soon(sleeper) ? -1 : status;
		ASSERT_NE(-1, status) TH_LOG("who settles is killed at step %llu",
						(unsigned long long)at);
		pyq_close(q);
		close(told[0]);
		close(told[1]);
	}
	TH_LOG("%lu kills", kills);
	EXPECT_LT(30, kills);
}

TEST_HARNESS_MAIN
