// SPDX-License-Identifier: GPL-2.0
/* Many short tasks, and workers that are killed all the while. */
#include "lib_pool.h"

#include <pthread.h>

#define TASKS 20000
#define WORKERS 4
#define WINDOW 500
#define EVERY (50 * 1000000)

/* How often each task has been begun, and ended, by workers; and who these are. */
struct counts {
	int begun[TASKS], ended[TASKS];
	pid_t pids[WORKERS * 16]; /* by their numbers */
};

static struct counts *counts;

static int short_task(struct pyq_call *call)
{
	static const struct timespec a_while = { .tv_nsec = 800000 };
	const int i = *(int *)call->arg;

	__atomic_store_n(&counts->pids[call->worker], getpid(), __ATOMIC_SEQ_CST);
	count(&counts->begun[i]);
	/* Half of them take a while, so that there is time for kills; the others only the pool's. */
	if (i % 2)
		clock_nanosleep(CLOCK_MONOTONIC, 0, &a_while, NULL);
	count(&counts->ended[i]);
	return pyq_return(call, &i, sizeof(i));
}

struct killer {
	unsigned int seed;
	int over, killed;
};

/* One of those who have been seen at work; the numbers of the dead are not given out so soon. */
static void *kill_them(void *arg)
{
	struct killer *k = arg;
	struct timespec next;

	clock_gettime(CLOCK_MONOTONIC, &next);
	while (!load(&k->over)) {
		const pid_t pid = __atomic_load_n(&counts->pids[rand_r(&k->seed) % WORKERS],
						  __ATOMIC_SEQ_CST);

		if (pid && !kill(pid, SIGKILL))
			k->killed++;
		next.tv_nsec += EVERY;
		next.tv_sec += next.tv_nsec / 1000000000;
		next.tv_nsec %= 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	return NULL;
}

struct outcome {
	int done, failed;
};

/* A task has ended: once, and rightly. */
static void look_at(struct __test_metadata *_metadata, pyq_result *r, int i, int retries,
		    struct outcome *all)
{
	int n = -1;
	const ssize_t ret = pyq_result_get(r, &n, sizeof(n), LONG);
	const int attempts = (int)pyq_result_attempts(r);

	if (ret == sizeof(n)) {
		all->done++;
		EXPECT_EQ(i, n);
		EXPECT_LE(1, load(&counts->ended[i]));
	} else {
		all->failed++;
		ASSERT_EQ(-EOWNERDEAD, ret) TH_LOG("task %d: %s", i, pyq_result_text(r));
		EXPECT_EQ(retries + 1, attempts);
		EXPECT_EQ(SIGKILL, pyq_result_status(r));
		EXPECT_NE(NULL, strstr(pyq_result_text(r), "SIGKILL"));
	}
	/* Each sending is begun at most once. */
	EXPECT_LE(load(&counts->begun[i]), attempts) TH_LOG("task %d", i);
	pyq_result_free(r);
}

static struct outcome run_all(struct __test_metadata *_metadata, pyq_pool *pool, int retries)
{
	static pyq_result *window[WINDOW];
	struct outcome all = { 0, 0 };

	for (int i = 0; i < TASKS + WINDOW; i++) {
		const struct pyq_task task = { .function = short_task, INT(i) };

		if (i >= WINDOW)
			look_at(_metadata, window[i % WINDOW], i - WINDOW, retries, &all);
		if (i < TASKS)
			ASSERT_EQ(0, pyq_pool_apply_async(pool, &task, LONG, &window[i % WINDOW]));
	}
	return all;
}

#define storm(retries_)                                                      \
	({                                                                   \
		struct killer killer = { .seed = (unsigned int)lib_now_ns() }; \
		struct outcome all_;                                         \
		struct pyq_pool_stat stat_;                                  \
		pthread_t thread_;                                           \
		TH_LOG("seed %u", killer.seed);                              \
		begin(.workers = WORKERS, .max_retries = retries_);          \
		ASSERT_EQ(0, pthread_create(&thread_, NULL, kill_them, &killer)); \
		all_ = run_all(_metadata, self->pool, retries_);             \
		__atomic_store_n(&killer.over, 1, __ATOMIC_SEQ_CST);         \
		pthread_join(thread_, NULL);                                 \
		stat_ = wait_stat(st.done + st.failed == TASKS);             \
		EXPECT_EQ(TASKS, stat_.submitted);                           \
		EXPECT_EQ(all_.done, (int)stat_.done);                       \
		EXPECT_EQ(all_.failed, (int)stat_.failed);                   \
		EXPECT_EQ(TASKS, all_.done + all_.failed);                   \
		EXPECT_LT(10, killer.killed);                                \
		TH_LOG("%d killed, %d died; %d done, %d failed, %d retried", killer.killed, \
		       (int)stat_.died, all_.done, all_.failed, (int)stat_.retried); \
		EXPECT_EQ(NULL, pyq_pool_broken(self->pool));                \
		EXPECT_EQ(0, pyq_pool_close(self->pool));                    \
		EXPECT_EQ(0, pyq_pool_join(self->pool, LONG));               \
		all_;                                                        \
	})

static void make_counts(void)
{
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (counts == MAP_FAILED)
		abort();
}

/* What a worker dies with fails, and is never run a second time. */
TEST_F(pool, kills)
{
	NOT_WITH_THREADS("one that dies is the program");
	make_counts();
	self->mappings++;
	storm(0);
}

/* With some tries all of them are done, but for who is very unlucky. */
TEST_F(pool, kills_and_retries)
{
	struct outcome all;

	NOT_WITH_THREADS("one that dies is the program");
	make_counts();
	self->mappings++;
	all = storm(3);
	EXPECT_LT(TASKS - 100, all.done);
}

TEST_HARNESS_MAIN
