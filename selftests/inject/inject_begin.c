// SPDX-License-Identifier: GPL-2.0
/*
 * What the library does once, before main(), fails: there is no page that tells a process
 * from its children, or nobody is told of a fork. Then all that needs it says so, at each
 * call, and what does not works.
 */
#include "scenario.h"

#include <pyqueue/pool.h>
#include <pyqueue/process.h>
#include <pyqueue/thread.h>

struct stage {
	int dummy;
};

static int return_three(void *arg)
{
	(void)arg;
	return 3;
}

/* Is @err what has failed, and nothing made? */
#define REFUSED(call, out) ((call) == wanted && !(out))

static bool nothing_is_made(int wanted)
{
	struct pyq_process p = { .target = return_three };
	pyq_queue *q = NULL;

	if (!REFUSED(pyq_create(&q, &(struct pyq_attr){ .maxsize = 1, .backend = "shm" }), q))
		return false;
	if (!REFUSED(pyq_create(&q, &(struct pyq_attr){ .maxsize = 1, .name = "inject-begin",
							.backend = "shm" }), q))
		return false;
	/* A fork does not need it, and has to go on. */
	if (exit_status(fork() ?: (_exit(7), 0)) != 7)
		return false;
	return pyq_process_pid(&p) == 0;
}

/* The page: processes, pools and pyq_aio need it as well. */
static bool nothing_begins(int wanted)
{
	struct pyq_process p = { .target = return_three };
	pyq_pool *pool = NULL;
	pyq_aio *aio = NULL;

	return REFUSED(pyq_process_start(&p), p.priv.pid) &&
	       REFUSED(pyq_pool_create(&pool, NULL), pool) &&
	       REFUSED(pyq_aio_create(&aio, 4, 0), aio) &&
	       !strcmp(pyq_process_name(&p), "Process");
}

/* What has been made by no queue. */
static bool threads_and_locks_work(void)
{
	pyq_thread t = { .target = return_three };
	pyq_lock lock;
	int code = 0;

	return !pyq_thread_start(&t) && !pyq_thread_join(&t, LONG) &&
	       !pyq_thread_exitcode(&t, &code) && code == 3 && !pyq_lock_init(&lock, 0) &&
	       !pyq_lock_acquire(&lock, PYQ_NOWAIT) && !pyq_lock_release(&lock) &&
	       !pyq_lock_destroy(&lock);
}

enum { ALL_IS_WELL = 100, IS_WRONG };

/* The program once more, in which one of the calls before main() has failed. */
static int look(void)
{
	const struct strike strike = faults_disarm();
	const bool page = strcmp(strike.name, "pthread_atfork");
	const int wanted = !strcmp(strike.name, "madvise") ? -EOPNOTSUPP : -ENOMEM;

	alarm(HANGS);
	if (!strike.error)
		return ALL_IS_WELL;
	return nothing_is_made(wanted) && (!page || nothing_begins(wanted)) &&
		       threads_and_locks_work() ? 0 : IS_WRONG;
}

static int execute_again(void)
{
	const pid_t pid = fork();

	if (!pid) {
		execl("/proc/self/exe", "inject_begin", "--look", NULL);
		_exit(IS_WRONG);
	}
	return exit_status(pid);
}

TEST(before_main)
{
	struct fault fault = { .place = IN_CHILD };
	struct strike strike;
	int status;

	faults_here();
	do {
		fault.nth++;
		faults_arm(&fault);
		status = execute_again();
		strike = faults_disarm();
		EXPECT_EQ(strike.error ? 0 : ALL_IS_WELL, status)
			TH_LOG("call %u: %s()", fault.nth, strike.name);
	} while (strike.error);
	/* A page, an advice, and the handlers of a fork. */
	EXPECT_EQ(4, fault.nth);
	EXPECT_EQ(NULL, faults_not_struck("mmap madvise pthread_atfork"));
}

#define main harness_main
TEST_HARNESS_MAIN
#undef main

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--look"))
		return look();
	return harness_main(argc, argv);
}
