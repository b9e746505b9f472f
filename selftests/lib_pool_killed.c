// SPDX-License-Identifier: GPL-2.0
/* A worker that is killed between two of its instructions: what it was about to say is not lost. */
#include "lib_pool.h"
#include "lib_pool_table.h"

#include <sys/ptrace.h>

/* Points at which it is killed, from the first one to the last. */
#define POINTS 12

/* More than it takes to get anywhere. */
#define STEPS 1000000

/* Says who it is, and stands still before its end. */
static int stand(struct pyq_call *call)
{
	shared->order[0] = (int)call->worker;
	__atomic_store_n(&shared->pid, getpid(), __ATOMIC_SEQ_CST);
	sem_post(&shared->begun);
	if (!pass(&shared->first))
		return -ETIMEDOUT;
	raise(SIGSTOP);
	return 0;
}

static bool stops(pid_t pid, int sig)
{
	int status;

	return waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status) && WSTOPSIG(status) == sig;
}

/* That worker, where it stands still. */
static bool hold(pid_t pid)
{
	if (ptrace(PTRACE_SEIZE, pid, 0, 0))
		return false;
	sem_post(&shared->first);
	return stops(pid, SIGSTOP);
}

static bool step(pid_t pid)
{
	return !ptrace(PTRACE_SINGLESTEP, pid, 0, 0) && stops(pid, SIGTRAP);
}

/* One instruction after the other until it is so. Return: how many; -1: never. */
#define step_until(pid, condition)                                           \
	({                                                                   \
		int n_ = 0;                                                  \
		while (n_ >= 0 && !(condition))                              \
			n_ = n_ < STEPS && step(pid) ? n_ + 1 : -1;          \
		n_;                                                          \
	})

static void end(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	while (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status))
		;
}

#define load_word(word) __atomic_load_n(word, __ATOMIC_SEQ_CST)

/*
 * The queue is full of what has been cancelled, and one task waits for room. Who makes some is
 * killed after so many instructions, or as soon as nobody is asked to tell of it any more.
 * Return: how many there were.
 */
static int make_room(struct __test_metadata *_metadata, FIXTURE_DATA(pool) *self, int kill_at)
{
	pyq_result *first, *waits;
	struct table *table;
	pid_t worker;
	int n;

	ASSERT_EQ(0, pyq_pool_create(&self->pool, &(struct pyq_pool_attr){ .workers = 1,
									     .queue_size = 2 }));
	first = start(stand);
	ASSERT_TRUE(pass(&shared->begun));
	worker = load(&shared->pid);
	ASSERT_TRUE(eventually((table = find_table(0, worker))));
	for (int i = 0; !load_word(&table->unsent) && i < 1000; i++) {
		pyq_result *r = start(nothing);

		ASSERT_EQ(0, lib(pyq_result_cancel(r)));
		pyq_result_free(r);
	}
	waits = start(square, INT(3));
	ASSERT_TRUE(hold(worker));
	ASSERT_LT(0, step_until(worker, !load_word(&table->workers[0].task)));
	ASSERT_EQ(0, pyq_pool_process(self->pool));
	ASSERT_TRUE(pyq_result_ready(first));
	ASSERT_NE(0, load_word(&table->unsent));
	for (n = 0; load_word(&table->unsent) && n != kill_at; n++)
		ASSERT_TRUE(n < STEPS && step(worker));
	end(worker);
	EXPECT_EQ(4, finish(waits)) TH_LOG("killed after %d instructions", n);
	pyq_result_free(first);
	EXPECT_EQ(0, pyq_pool_destroy(self->pool));
	self->pool = NULL;
	return n;
}

TEST_F(pool, about_to_tell_of_room)
{
	int n;

	NOT_WITH_THREADS("one that dies is the program");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	SKIP(return, "a sanitizer's instructions are too many");
#endif
	n = make_room(_metadata, self, -1);
	for (int i = 0; i < POINTS; i++)
		make_room(_metadata, self, n * i / POINTS);
}

/*
 * Two workers too many: one of them is killed after so many instructions, or as soon as it has been
 * counted out. Return: how many there were.
 */
static int leave(struct __test_metadata *_metadata, FIXTURE_DATA(pool) *self, int kill_at)
{
	pyq_result *leaves, *stay[2];
	struct table *table;
	pid_t worker;
	uint32_t number;
	int n;

	ASSERT_EQ(0, pyq_pool_create(&self->pool, &(struct pyq_pool_attr){ .workers = 3,
									     .queue_size = QUEUE_SIZE }));
	leaves = start(stand);
	ASSERT_TRUE(pass(&shared->begun));
	worker = load(&shared->pid);
	number = (uint32_t)shared->order[0];
	ASSERT_TRUE(eventually((table = find_table(number, worker))));
	for (int i = 0; i < 2; i++) {
		stay[i] = start(gate);
		ASSERT_TRUE(pass(&shared->begun));
	}
	ASSERT_TRUE(hold(worker));
	ASSERT_EQ(0, pyq_pool_resize(self->pool, 1));
	ASSERT_TRUE(eventually(load_word(&table->spare) == 2));
	for (n = 0; load_word(&table->spare) == 2 && n != kill_at; n++)
		ASSERT_TRUE(n < STEPS && step(worker));
	end(worker);
	/* The helper has seen it. */
	ASSERT_TRUE(eventually(load_word(&table->workers[number].pid) != worker));
	wait_stat(st.workers == load_word(&table->spare) + 1);
	for (int i = 0; i < 2; i++)
		sem_post(&shared->go);
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(0, finish(stay[i]));
	wait_stat(st.workers == 1);
	EXPECT_EQ(4, finish(start(square, INT(3))));
	EXPECT_EQ(1, wait_stat(true).workers) TH_LOG("killed after %d instructions", n);
	pyq_result_free(leaves);
	EXPECT_EQ(0, pyq_pool_destroy(self->pool));
	self->pool = NULL;
	return n;
}

TEST_F(pool, about_to_leave)
{
	int n;

	NOT_WITH_THREADS("one that dies is the program");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	SKIP(return, "a sanitizer's instructions are too many");
#endif
	n = leave(_metadata, self, -1);
	for (int i = 0; i < POINTS; i++)
		leave(_metadata, self, n * i / POINTS);
}

TEST_HARNESS_MAIN
