// SPDX-License-Identifier: GPL-2.0
/* Processes: several to wait for, and several threads. */
#include "lib_process.h"

#include <sys/resource.h>

/* proves: pyq_process_wait -EAGAIN, pyq_process_wait -ETIMEDOUT, pyq_process_wait -EINVAL */
TEST(wait_for_any)
{
	enum { N = 5 };
	static const int order[N] = { 3, 0, 4, 1, 2 };
	struct pyq_process ps[N], *list[N] = { NULL }, *none = NULL, fresh = { .target = return_it };
	pyq_queue *qs[N];
	size_t which = 4711;

	EXPECT_EQ(-EINVAL, lib(pyq_process_wait(list, 0, LONG, &which)));
	EXPECT_EQ(-EINVAL, lib(pyq_process_wait(&none, 1, LONG, &which)));
	for (int i = 0; i < N; i++) {
		qs[i] = new_queue(.maxsize = 1);
		ps[i] = (struct pyq_process){ .target = return_byte, .arg = qs[i] };
		list[i] = &ps[i];
		ASSERT_EQ(0, lib(pyq_process_start(&ps[i])));
	}
	EXPECT_EQ(-EAGAIN, lib(pyq_process_wait(list, N, PYQ_NOWAIT, &which)));
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_process_wait(list, N, PYQ_MILLISECONDS(2), &which)));
	EXPECT_EQ(4711, which);
	EXPECT_EQ(-EINVAL, lib(pyq_process_wait(list, N, -2, &which)));
	for (int i = 0; i < N; i++) {
		ASSERT_EQ(0, release(qs[order[i]], 10 + order[i]));
		EXPECT_EQ(0, lib(pyq_process_wait(list, N, LONG, &which)));
		ASSERT_EQ(order[i], which);
		EXPECT_EQ(10 + order[i], exitcode(list[which]));
		/* It is the first, again and again, until it is left out. */
		which = 4711;
		EXPECT_EQ(0, lib(pyq_process_wait(list, N, PYQ_NOWAIT, &which)));
		EXPECT_EQ(order[i], which);
		EXPECT_EQ(0, pyq_process_close(list[which]));
		list[which] = NULL;
	}
	EXPECT_EQ(-EINVAL, lib(pyq_process_wait(list, N, LONG, &which)));
	list[2] = &fresh;
	EXPECT_EQ(-EINVAL, lib(pyq_process_wait(list, N, LONG, &which)));
	EXPECT_EQ(2, which);
	for (int i = 0; i < N; i++)
		pyq_close(qs[i]);
}

/* More than need no memory. */
TEST(wait_for_many)
{
	enum { MANY = 100 };
	struct pyq_process *list[MANY] = { NULL };
	struct pyq_process p = { .target = return_it };
	size_t which;

	list[90] = &p;
	ASSERT_EQ(0, lib(pyq_process_start(&p)));
	EXPECT_EQ(0, lib(pyq_process_wait(list, MANY, LONG, &which)));
	EXPECT_EQ(90, which);
	EXPECT_EQ(0, pyq_process_close(&p));
}

/* poll() takes no more than a process may have files; of most there are none here. */
TEST(wait_for_one_of_more_than_files)
{
	enum { MANY = 1000 };
	const struct rlimit few = { 100, 100 };
	struct pyq_process *list[MANY] = { NULL };
	struct pyq_process p = { .target = return_byte }, ended = { .target = return_it };
	pyq_queue *q = new_queue(.maxsize = 1);
	size_t which = 4711;

	p.arg = q;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &few));
	ASSERT_EQ(0, lib(pyq_process_start(&p)));
	list[MANY - 1] = &p;
	EXPECT_EQ(-EAGAIN, lib(pyq_process_wait(list, MANY, PYQ_NOWAIT, &which)));
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_process_wait(list, MANY, PYQ_MILLISECONDS(1), &which)));
	EXPECT_EQ(4711, which);
	/* The end of the others is known: nothing is to be waited for. */
	ASSERT_EQ(0, lib(pyq_process_start(&ended)));
	ASSERT_EQ(0, lib(pyq_process_join(&ended, LONG)));
	EXPECT_EQ(0, pyq_process_close(&ended));
	for (int i = 1; i < MANY; i++)
		list[i] = i == MANY / 2 ? &p : &ended;
	EXPECT_EQ(0, lib(pyq_process_wait(list, MANY, LONG, &which)));
	EXPECT_EQ(1, which);
	memset(list, 0, sizeof(list));
	list[MANY - 1] = &p;
	ASSERT_EQ(0, release(q, 1));
	EXPECT_EQ(0, lib(pyq_process_wait(list, MANY, LONG, &which)));
	EXPECT_EQ(MANY - 1, which);
	EXPECT_EQ(0, pyq_process_close(&p));
	pyq_close(q);
}

/* One that is there twice is as good as once. */
TEST(wait_for_the_same)
{
	pyq_queue *q = new_queue(.maxsize = 1);
	struct pyq_process p = { .target = return_byte, .arg = q }, *list[] = { NULL, &p, &p, &p };
	size_t which = 4711;

	ASSERT_EQ(0, lib(pyq_process_start(&p)));
	EXPECT_EQ(-EAGAIN, lib(pyq_process_wait(list, 4, PYQ_NOWAIT, &which)));
	ASSERT_EQ(0, release(q, 1));
	EXPECT_EQ(0, lib(pyq_process_wait(list, 4, LONG, &which)));
	EXPECT_EQ(1, which);
	EXPECT_EQ(0, pyq_process_close(&p));
	pyq_close(q);
}

static void *join_it(void *p)
{
	return (void *)(intptr_t)(pyq_process_join(p, LONG) ?: exitcode(p));
}

TEST(joined_by_several_threads)
{
	pyq_queue *q = new_queue(.maxsize = 1);

	for (int round = 0; round < 20; round++) {
		struct pyq_process p = { .target = return_byte, .arg = q };
		pthread_t threads[4];
		void *value;

		ASSERT_EQ(0, pyq_process_start(&p));
		for (int i = 0; i < 4; i++)
			ASSERT_EQ(0, pthread_create(&threads[i], NULL, join_it, &p));
		ASSERT_EQ(0, release(q, 12));
		for (int i = 0; i < 4; i++) {
			ASSERT_EQ(0, pthread_join(threads[i], &value));
			EXPECT_EQ(12, (intptr_t)value);
		}
		EXPECT_EQ(0, pyq_process_close(&p));
	}
	pyq_close(q);
}

/* Of a program with threads ThreadSanitizer wants no child that does anything. */
#ifndef __SANITIZE_THREAD__
static int started;

static void *start_many(void *arg)
{
	static const char *const sh[] = { "/bin/sh", "-c", "exit 40", NULL };
	intptr_t bad = 0;

	for (int i = 0; i < 20; i++) {
		struct pyq_process p = { .target = return_it, .arg = (void *)(intptr_t)i };

		if (i % 2) {
			p.target = NULL;
			p.argv = sh;
		}
		bad += pyq_process_start(&p) || pyq_process_join(&p, LONG) ||
		       exitcode(&p) != (i % 2 ? 40 : i) || pyq_process_close(&p);
	}
	return (void *)bad;
}

static void *start_the_same(void *p)
{
	int err = pyq_process_start(p);

	if (!err)
		__atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
	return (void *)(intptr_t)(err && err != -EALREADY);
}

static void by_threads(struct __test_metadata *_metadata, void *(*f)(void *), void *arg)
{
	pthread_t threads[4];
	void *bad;

	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, f, arg));
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &bad));
		EXPECT_EQ(NULL, bad);
	}
}

TEST(started_by_several_threads)
{
	struct pyq_process p = { .target = return_it, .arg = (void *)3 };

	by_threads(_metadata, start_many, NULL);
	by_threads(_metadata, start_the_same, &p);
	EXPECT_EQ(1, started);
	EXPECT_EQ(0, lib(pyq_process_join(&p, LONG)));
	EXPECT_EQ(3, exitcode(&p));
	EXPECT_EQ(0, pyq_process_close(&p));
	EXPECT_TRUE(no_child_is_left());
}

struct cancelled {
	struct pyq_process process;
	int results[7];
	int code;
	struct pyq_process *itself;
	size_t which;
};

/*
 * Its next cancellation point is its last. AddressSanitizer does not see frames go
 * that are unwound so: nothing has its address taken in it.
 */
static void *be_cancelled(void *arg)
{
	struct cancelled *c = arg;
	struct pyq_process *p = c->itself;

	pthread_cancel(pthread_self());
	c->results[0] = pyq_process_start(p);
	c->results[1] = !pyq_process_is_alive(p);
	c->results[2] = pyq_process_exitcode(p, &c->code) != -EAGAIN;
	c->results[3] = pyq_process_terminate(p) | pyq_process_kill(p);
	c->results[4] = pyq_process_join(p, LONG);
	c->results[5] = pyq_process_wait(&c->itself, 1, LONG, &c->which);
	c->results[6] = pyq_process_exitcode(p, &c->code);
	pthread_testcancel();
	return NULL;
}

/* No function is a cancellation point. */
TEST(cancelled)
{
	pyq_queue *q = new_queue(.maxsize = 1);
	struct cancelled c = { .process = { .target = return_byte, .arg = q } };
	pthread_t thread;
	void *value;

	c.itself = &c.process;
	memset(c.results, 0xcc, sizeof(c.results));
	ASSERT_EQ(0, pthread_create(&thread, NULL, be_cancelled, &c));
	ASSERT_EQ(0, pthread_join(thread, &value));
	EXPECT_EQ(PTHREAD_CANCELED, value);
	for (int i = 0; i < 7; i++)
		EXPECT_EQ(0, c.results[i]);
	EXPECT_NE(0, c.code);
	EXPECT_EQ(0, pyq_process_close(&c.process));
	pyq_close(q);
}

static int use_queue(void *q)
{
	char c;

	return pyq_put(q, "x", 1, LONG) || pyq_get(q, &c, 1, LONG) != 1;
}

static void *use_until_told(void *arg)
{
	pyq_queue *q = arg;
	intptr_t bad = 0;

	while (!__atomic_load_n(&started, __ATOMIC_SEQ_CST))
		bad += use_queue(q);
	return (void *)bad;
}

/* Children of a program whose threads are in the middle of a queue. */
TEST(started_while_queues_are_used)
{
	pyq_queue *q = new_queue(.maxsize = 100);
	pthread_t threads[2];
	void *bad;

	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, use_until_told, q));
	for (int i = 0; i < 50; i++)
		EXPECT_EQ(0, outcome(.target = use_queue, .arg = q));
	__atomic_store_n(&started, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &bad));
		EXPECT_EQ(NULL, bad);
	}
	pyq_close(q);
}
#endif

TEST_HARNESS_MAIN
