// SPDX-License-Identifier: GPL-2.0
/* Who does the pool's work: for how long, and how he is woken. */
#include "lib_pool.h"

#include <pthread.h>

/* --- a look that ends ---------------------------------------------------------------------- */

/* What comes all the while; at last it is no more begun. */
#define AT_ONCE 8
#define ENOUGH 20000

struct stream {
	pyq_pool *pool;
	int called;
};

static int begun(struct pyq_call *call)
{
	(void)call;
	count(&shared->runs);
	return 0;
}

/*
 * Each has another one begun, and waits until the worker has gone on to the one after the next:
 * then the next one's result is there.
 */
static void another(pyq_result *r, void *context)
{
	struct stream *s = context;
	struct pyq_task task = { .function = begun, .callback = another, .context = s };

	(void)r;
	if (++s->called >= ENOUGH)
		return;
	if (pyq_pool_apply_async(s->pool, &task, PYQ_NOWAIT, NULL) ||
	    !eventually(load(&shared->runs) >= s->called + 2))
		abort();
}

TEST_F(pool, a_look_ends)
{
	struct stream s = { .called = 0 };
	struct pollfd pfd = { .events = POLLIN };
	int before = -1;

	begin(.workers = 1, .flags = PYQ_POOL_NO_THREAD);
	s.pool = self->pool;
	pfd.fd = pyq_pool_fd(self->pool);
	ASSERT_LE(0, pfd.fd);
	for (int i = 0; i < AT_ONCE; i++)
		pyq_result_free(start(begun, .callback = another, .context = &s));
	ASSERT_TRUE(eventually(load(&shared->runs) >= 2));
	while (s.called < ENOUGH) {
		ASSERT_NE(before, s.called);
		before = s.called;
		ASSERT_EQ(0, lib(pyq_pool_process(self->pool)));
		ASSERT_GT(ENOUGH / 2, s.called - before) TH_LOG("it went on and on");
		/* There is more, and it shows. */
		if (s.called < ENOUGH)
			ASSERT_EQ(1, poll(&pfd, 1, LONG / 1000000));
	}
	/* Nothing of it has been lost. */
	EXPECT_EQ(ENOUGH + AT_ONCE - 1, (int)wait_stat(st.done == ENOUGH + AT_ONCE - 1).done);
}

/* --- an event loop, and others who lead ---------------------------------------------------- */

static void stay(pyq_result *r, void *context)
{
	(void)r;
	(void)context;
	sem_post(&shared->begun);
	pass(&shared->first);
}

static void *wait_for_it(void *r)
{
	return (void *)(intptr_t)pyq_result_wait(r, LONG);
}

/* The loop has nothing to do as another thread does it, and polls; then that one goes. */
TEST_F(pool, loop_behind_a_leader)
{
	struct pollfd pfd = { .events = POLLIN };
	pyq_result *first, *other;
	pthread_t thread;
	void *err;

	begin(.workers = 1, .flags = PYQ_POOL_NO_THREAD);
	pfd.fd = lib(pyq_pool_fd(self->pool));
	ASSERT_LE(0, pfd.fd);
	first = start(nothing, .callback = stay);
	/* When this one has begun the first one's result is there: nobody sleeps for that. */
	other = start(gate);
	ASSERT_TRUE(pass(&shared->begun));
	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_for_it, first));
	ASSERT_TRUE(pass(&shared->begun));
	ASSERT_EQ(0, lib(pyq_pool_process(self->pool)));
	/* Who follows keeps his time, whatever the leader is at. */
	EXPECT_EQ(-EAGAIN, lib(pyq_result_wait(other, PYQ_NOWAIT)));
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_result_wait(other, PYQ_MILLISECONDS(2))));
	sem_post(&shared->first);
	ASSERT_EQ(0, pthread_join(thread, &err));
	EXPECT_EQ(NULL, err);
	sem_post(&shared->go);
	for (int64_t until = lib_now_ns() + LONG; !pyq_result_ready(other) && lib_now_ns() < until;) {
		ASSERT_EQ(1, poll(&pfd, 1, LONG / 1000000));
		ASSERT_EQ(0, lib(pyq_pool_process(self->pool)));
	}
	EXPECT_EQ(0, finish(other));
	pyq_result_free(first);
}

/* --- one whom nobody wakes ------------------------------------------------------------------- */

#define REFUSE(nr)                                                           \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),                       \
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)

/* Nothing is watched for the calling thread any more. */
static bool forbid_to_watch(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		REFUSE(SYS_io_uring_enter),
#ifdef SYS_epoll_wait
		REFUSE(SYS_epoll_wait),
#endif
		REFUSE(SYS_epoll_pwait),
		REFUSE(SYS_epoll_pwait2),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]),
		.filter = filter,
	};

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* Lets the worker go on when that one is asleep. */
static void *go_when_asleep(void *tid)
{
	const bool is = eventually(is_in(*(pid_t *)tid) == SYS_ppoll);

	sem_post(&shared->go);
	return (void *)(intptr_t)is;
}

TEST_F(pool, nothing_is_watched)
{
	const int64_t begun_at = lib_now_ns();
	pid_t me = gettid();
	pthread_t thread;
	pyq_result *r;
	void *was_asleep;

	begin(.workers = 1);
	r = start(gate);
	ASSERT_TRUE(pass(&shared->begun));
	ASSERT_EQ(0, pthread_create(&thread, NULL, go_when_asleep, &me));
	ASSERT_TRUE(forbid_to_watch());
	EXPECT_EQ(0, pyq_result_get(r, NULL, 0, LONG));
	EXPECT_GT(LONG, lib_now_ns() - begun_at);
	ASSERT_EQ(0, pthread_join(thread, &was_asleep));
	EXPECT_NE(NULL, was_asleep);
	EXPECT_EQ(-EPERM, lib(pyq_pool_process(self->pool)));
	pyq_result_free(r);
}

TEST_HARNESS_MAIN
