// SPDX-License-Identifier: GPL-2.0
/* Workers that write where they should not: what becomes of the program, and of others. */
#include "lib_pool.h"
#include "lib_pool_table.h"

/* As in lib/pool.h. */
struct news {
	uint32_t index, serial, news;
	int32_t status;
	uint32_t reason;
	int32_t pid;
	uint64_t len;
};

struct outcome {
	int32_t code;
	uint32_t text;
	uint64_t len;
};

/* The helper writes it down there when it has forked it. */
static struct table *my_table(uint32_t worker)
{
	struct table *table = NULL;

	return eventually((table = find_table(worker, getpid()))) ? table : NULL;
}

/* --- results ---------------------------------------------------------------------------- */

/* The queue that has room for so many. */
static pyq_queue *find_queue(int64_t maxsize)
{
	struct pyq_stat st;
	pyq_queue *q;

	for (int fd = 3; fd < 256; fd++) {
		const int other = fcntl(fd, F_DUPFD_CLOEXEC, 3);

		if (other < 0)
			continue;
		if (pyq_from_fd(&q, other)) {
			close(other);
			continue;
		}
		if (!pyq_stat(q, &st) && st.maxsize == maxsize)
			return q;
		pyq_close(q);
	}
	return NULL;
}

/* Sends the argument, behind the head of what is the first task's result. */
static int answer(struct pyq_call *call)
{
	pyq_queue *news = find_queue(2 * QUEUE_SIZE + 64 + 16);
	struct {
		struct news head;
		char bytes[64];
	} message = { .head = { .serial = 1, .pid = getpid(), .len = call->len } };
	int err;

	if (!news)
		return -ENOENT;
	if (call->len)
		memcpy(message.bytes, call->arg, call->len);
	err = pyq_put(news, &message, sizeof(message.head) + call->len, PYQ_NOWAIT);
	pyq_close(news);
	return err ? err : -EIO;
}

#define WHOLE(...) { sizeof(struct outcome), { __VA_ARGS__ } }

TEST_F(pool, results_that_are_not_whole)
{
	static const struct {
		size_t len;
		struct outcome outcome;
	} answers[] = {
		WHOLE(.len = 1),
		WHOLE(.len = 1 << 28),
		WHOLE(.len = UINT64_MAX),
		WHOLE(.code = -EIO, .text = 1),
		WHOLE(.code = -EIO, .text = 1 << 28),
		WHOLE(.code = -EIO, .text = 16, .len = UINT64_MAX - 14),
		{ sizeof(struct outcome) - 1, { .code = 0 } },
		{ 0, { .code = 0 } },
	};

	NOT_WITH_THREADS("who writes astray is the program");
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		pyq_result *r;
		size_t len = 1;

		begin(.workers = 1, .queue_size = QUEUE_SIZE);
		r = start(answer, .arg = &answers[i].outcome, .len = answers[i].len);
		EXPECT_EQ(-ENOMSG, pyq_result_get(r, NULL, 0, LONG)) TH_LOG("answer %zu", i);
		EXPECT_STREQ("the worker's answer is not whole", pyq_result_text(r));
		EXPECT_EQ(NULL, pyq_result_data(r, &len));
		EXPECT_EQ(0, len);
		pyq_result_free(r);
		EXPECT_EQ(4, finish(start(square, INT(3))));
		EXPECT_EQ(0, pyq_pool_destroy(self->pool));
		self->pool = NULL;
	}
}

/* From now on there are no results. */
static int shut_down_results(struct pyq_call *call)
{
	pyq_queue *news = find_queue(2 * QUEUE_SIZE + 64 + 16);
	int err = news ? pyq_shutdown(news, true) : -ENOENT;

	(void)call;
	pyq_close(news);
	return err;
}

/* The pool is at its end then, and an event loop does not turn for ever. */
TEST_F(pool, results_that_do_not_come)
{
	struct pollfd pfd = { .events = POLLIN };
	siginfo_t info;
	pyq_result *r;

	NOT_WITH_THREADS("who writes astray is the program");
	begin(.workers = 1, .queue_size = QUEUE_SIZE, .flags = PYQ_POOL_NO_THREAD);
	pfd.fd = pyq_pool_fd(self->pool);
	ASSERT_LE(0, pfd.fd);
	r = start(shut_down_results);
	EXPECT_EQ(-EOWNERDEAD, finish(r));
	EXPECT_NE(NULL, strstr(pyq_pool_broken(self->pool), "the queue of results has failed"));
	ASSERT_EQ(0, waitid(P_ALL, 0, &info, WEXITED | WNOWAIT));
	for (int i = 0; i < 100 && poll(&pfd, 1, 0); i++)
		EXPECT_EQ(-EOWNERDEAD, lib(pyq_pool_process(self->pool)));
	EXPECT_EQ(0, poll(&pfd, 1, 0)) TH_LOG("ready for ever");
}

/* --- the table ---------------------------------------------------------------------------- */

/* The argument is a process that is not the pool's: all workers are to be that. */
static int name_another(struct pyq_call *call)
{
	struct table *table = my_table(call->worker);

	if (!table)
		return -ENOENT;
	for (int n = 0; n < 64; n++)
		table->workers[n].pid = *(pid_t *)call->arg;
	return 0;
}

/* Who is killed, and waited for, is the helper's own child. */
TEST_F(pool, numbers_of_others)
{
	pid_t other;

	NOT_WITH_THREADS("they are not killed");
	other = in_child(pause());
	begin(.workers = 2, .queue_size = QUEUE_SIZE);
	EXPECT_EQ(0, finish(start(name_another, PYQ_ARG(pid_t, other))));
	EXPECT_EQ(0, pyq_pool_terminate(self->pool));
	EXPECT_EQ(0, pyq_pool_join(self->pool, LONG));
	EXPECT_EQ(0, waitpid(other, NULL, WNOHANG)) TH_LOG("it has been killed");
	kill(other, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, exit_status(other));
}

/* What it is at is no task that there could be; then it dies. */
static int be_at_nothing(struct pyq_call *call)
{
	struct table *table = my_table(call->worker);

	if (!table)
		return -ENOENT;
	table->workers[call->worker].task = UINT64_MAX - 15;
	sem_post(&shared->begun);
	pass(&shared->go);
	_exit(1);
}

/* What it was at nobody knows: so nothing ends well, but it ends. */
TEST_F(pool, no_such_task)
{
	struct pyq_pool_stat st;
	pyq_result *r;

	NOT_WITH_THREADS("one that dies is the program");
	begin(.workers = 1, .queue_size = QUEUE_SIZE);
	r = start(be_at_nothing);
	ASSERT_TRUE(pass(&shared->begun));
	EXPECT_EQ(0, lib(pyq_pool_stat(self->pool, &st)));
	EXPECT_EQ(0, st.running);
	sem_post(&shared->go);
	EXPECT_EQ(-EOWNERDEAD, finish(r));
	EXPECT_NE(NULL, pyq_pool_broken(self->pool));
}

/* It says that the pool has ended, and dies. */
static int close_it(struct pyq_call *call)
{
	struct table *table = my_table(call->worker);

	if (!table)
		return -ENOENT;
	table->closed = 1;
	_exit(1);
}

TEST_F(pool, ended_by_a_worker)
{
	pyq_result *r, *behind;

	NOT_WITH_THREADS("one that dies is the program");
	begin(.workers = 1, .queue_size = QUEUE_SIZE);
	r = start(close_it);
	behind = start(nothing);
	EXPECT_EQ(-EOWNERDEAD, finish(r));
	EXPECT_EQ(-EOWNERDEAD, finish(behind));
	EXPECT_NE(NULL, pyq_pool_broken(self->pool));
}

TEST_HARNESS_MAIN
