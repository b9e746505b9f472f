// SPDX-License-Identifier: GPL-2.0
/* Processes and threads: what they are started and waited for with fails. */
#include "scenario.h"

#include <pyqueue/process.h>
#include <pyqueue/thread.h>

#define MANY 70

struct stage {
	pyq_queue *q, *found;
	struct pyq_process p;
	struct pyq_process_queue given;
	struct pyq_process *list[MANY];
	pyq_thread t;
	int ran;
};

/* Of those that execute a program also what execve() says. */
#define STARTING "EAGAIN ENOMEM EMFILE ENFILE ENOSYS"
/* Another thread of the program has closed it. */
#define CLOSED " EBADF"

static int return_three(void *arg)
{
	(void)arg;
	return 3;
}

static const char *const executed[] = { "sh", "-c", "exit 3", NULL };

/* --- starting -------------------------------------------------------------------------- */

static void to_fork(struct __test_metadata *_metadata, struct stage *s)
{
	s->p = (struct pyq_process){ .target = return_three };
}

static void to_execute(struct __test_metadata *_metadata, struct stage *s)
{
	s->q = new_queue(.maxsize = 4, .payload = 48);
	s->given = (struct pyq_process_queue){ "jobs", s->q };
	s->p = (struct pyq_process){ .argv = executed, .queues = &s->given, .nr_queues = 1 };
}

/* Then there are places, and an environment, to be found. */
static long start(struct stage *s)
{
	return pyq_process_start(&s->p);
}

/* It has ended as it was to; or has not been, and then another one does. */
static void starts(struct __test_metadata *_metadata, struct stage *s, long result)
{
	int code = -1;

	if (result)
		ASSERT_EQ(0, pyq_process_start(&s->p)) TH_LOG("%s", about);
	EXPECT_EQ(0, pyq_process_join(&s->p, LONG)) TH_LOG("%s", about);
	EXPECT_EQ(0, pyq_process_exitcode(&s->p, &code)) TH_LOG("%s", about);
	EXPECT_EQ(3, code) TH_LOG("%s", about);
	if (s->q)
		queue_works(_metadata, s->q);
}

static void end(struct stage *s)
{
	pyq_process_kill(&s->p);
	pyq_process_join(&s->p, LONG);
	pyq_process_close(&s->p);
	pyq_close(s->found);
	pyq_close(s->q);
}

PLAY(fork, .promised = STARTING, .set_up = to_fork, .call = start, .works = starts, .tear_down = end)
/* proves: pyq_process_start -ENFILE */
PLAY(execute, .promised = STARTING CLOSED, .set_up = to_execute, .call = start, .works = starts,
     .tear_down = end)
PLAY(execute_in_child, .promised = STARTING CLOSED " EACCES ENOENT", .place = IN_CHILD,
     .set_up = to_execute, .call = start, .works = starts, .tear_down = end)

static void to_execute_nothing(struct __test_metadata *_metadata, struct stage *s)
{
	static const char *const none[] = { "/proc/self/none", NULL };

	s->p = (struct pyq_process){ .argv = none };
}

/* Never, whatever fails on the way to that. */
static void does_not_start(struct __test_metadata *_metadata, struct stage *s, long result)
{
	EXPECT_GT(0, result) TH_LOG("%s", about);
	EXPECT_EQ(0, pyq_process_pid(&s->p)) TH_LOG("%s", about);
}

PLAY(execute_nothing, .promised = STARTING CLOSED " ENOENT", .set_up = to_execute_nothing,
     .call = start, .works = does_not_start, .tear_down = end)

/* --- waiting and signals ------------------------------------------------------------------ */

static int sleep_for_ever(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return 0;
}

static void that_sleeps(struct __test_metadata *_metadata, struct stage *s)
{
	s->p = (struct pyq_process){ .target = sleep_for_ever, .daemon = true };
	ASSERT_EQ(0, pyq_process_start(&s->p));
	for (int i = 0; i < MANY; i++)
		s->list[i] = &s->p;
}

static void that_ends(struct __test_metadata *_metadata, struct stage *s)
{
	to_fork(_metadata, s);
	ASSERT_EQ(0, pyq_process_start(&s->p));
}

static long wait_in_vain(struct stage *s)
{
	size_t which;

	return pyq_process_wait(s->list, MANY, PYQ_MILLISECONDS(2), &which);
}

static long join(struct stage *s)
{
	return pyq_process_join(&s->p, LONG);
}

static long kill_it(struct stage *s)
{
	return pyq_process_kill(&s->p);
}

static void dies(struct __test_metadata *_metadata, struct stage *s, long result)
{
	int code;

	EXPECT_EQ(0, pyq_process_kill(&s->p)) TH_LOG("%s", about);
	EXPECT_EQ(0, pyq_process_join(&s->p, LONG)) TH_LOG("%s", about);
	EXPECT_EQ(0, pyq_process_exitcode(&s->p, &code)) TH_LOG("%s", about);
	EXPECT_EQ(-SIGKILL, code) TH_LOG("%s", about);
}

static void has_ended(struct __test_metadata *_metadata, struct stage *s, long result)
{
	int code = -1;

	EXPECT_EQ(0, pyq_process_join(&s->p, LONG)) TH_LOG("%s", about);
	EXPECT_EQ(0, pyq_process_exitcode(&s->p, &code)) TH_LOG("%s", about);
	EXPECT_EQ(3, code) TH_LOG("%s", about);
}

PLAY(wait_for_many, .promised = "ETIMEDOUT ENOMEM", .most = 10, .set_up = that_sleeps,
     .call = wait_in_vain, .works = dies, .tear_down = end)
PLAY(join, .promised = "ENOMEM", .most = 10, .set_up = that_ends, .call = join,
     .works = has_ended, .tear_down = end)
PLAY(kill, .promised = "EPERM", .set_up = that_sleeps, .call = kill_it, .works = dies,
     .tear_down = end)

/* --- queues that a program was given ---------------------------------------------------------- */

static void with_variable(struct __test_metadata *_metadata, struct stage *s)
{
	char text[64];

	s->q = new_queue(.maxsize = 4, .payload = 48);
	snprintf(text, sizeof(text), "jobs:%d", pyq_fd(s->q));
	ASSERT_EQ(0, setenv("PYQUEUE_QUEUES", text, 1));
}

static long find(struct stage *s)
{
	return pyq_process_queue("jobs", &s->found);
}

static void is_found(struct __test_metadata *_metadata, struct stage *s, long result)
{
	EXPECT_EQ(result != 0, !s->found) TH_LOG("%s", about);
	if (result)
		ASSERT_EQ(0, pyq_process_queue("jobs", &s->found)) TH_LOG("%s", about);
	queue_works(_metadata, s->found);
	queue_works(_metadata, s->q);
	unsetenv("PYQUEUE_QUEUES");
}

PLAY(queue_by_name, .promised = "ENOENT EBADF EMFILE ENFILE ENOMEM EACCES EUSERS EUCLEAN "
     "EOPNOTSUPP ENOTTY", .set_up = with_variable, .call = find, .works = is_found, .tear_down = end)

/* --- threads ------------------------------------------------------------------------------------ */

static int run(void *arg)
{
	__atomic_store_n((int *)arg, 1, __ATOMIC_SEQ_CST);
	return 3;
}

static void to_run(struct __test_metadata *_metadata, struct stage *s)
{
	s->t = (pyq_thread){ .target = run, .arg = &s->ran };
}

static long start_thread(struct stage *s)
{
	return pyq_thread_start(&s->t);
}

static void runs(struct __test_metadata *_metadata, struct stage *s, long result)
{
	int code = 0;

	EXPECT_FALSE(result && s->ran) TH_LOG("%s", about);
	if (result)
		ASSERT_EQ(0, pyq_thread_start(&s->t)) TH_LOG("%s", about);
	EXPECT_EQ(0, pyq_thread_join(&s->t, LONG)) TH_LOG("%s", about);
	EXPECT_EQ(0, pyq_thread_exitcode(&s->t, &code)) TH_LOG("%s", about);
	EXPECT_EQ(3, code) TH_LOG("%s", about);
}

static void joined(struct stage *s)
{
	pyq_thread_join(&s->t, LONG);
}

static long start_and_join(struct stage *s)
{
	long ret = start_thread(s);

	return ret ? ret : pyq_thread_join(&s->t, LONG);
}

/* proves: pyq_thread_start -ENOMEM */
PLAY(thread, .promised = "ENOMEM", .most = 10, .set_up = to_run, .call = start_thread,
     .works = runs, .tear_down = joined)
PLAY(thread_join, .promised = "ENOMEM", .most = 10, .set_up = to_run, .call = start_and_join,
     .works = runs, .tear_down = joined)

TEST(all_have_failed)
{
	const char *name = faults_not_struck("malloc calloc mmap fork clone pidfd_open "
		"pidfd_send_signal waitid execve eventfd dup3 ppoll pthread_create "
		"fcntl(F_DUPFD_CLOEXEC) fcntl(F_SETFD) fstat");

	EXPECT_EQ(NULL, name) TH_LOG("%s() has never failed", name);
}

TEST_HARNESS_MAIN
