// SPDX-License-Identifier: MIT
/*
 * Who asks for a queue that has been polled before finds a message, and before he says so it
 * is taken. The thread, called for that message, sleeps by then until the fd is not ready any
 * more: it is told that it is not.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>
#include <linux/futex.h>
#include <sys/syscall.h>

#include <pyqueue.h>

#include "test.h"

bool __real_pyqi_get_ready(pyq_queue *q);
bool __wrap_pyqi_get_ready(pyq_queue *q);

static pthread_t program, getter;
static pyq_queue *q;
static pid_t thread;
static int looks; /* of the program, once they are counted */

/* Within some seconds: does the thread sleep by this operation? */
static bool sleeps_by(int op)
{
	const time_t until = time(NULL) + 20;
	unsigned long at, by;
	char path[64];
	bool found = false;
	long number;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall",
		 __atomic_load_n(&thread, __ATOMIC_ACQUIRE));
	while (!found && time(NULL) < until) {
		FILE *file = fopen(path, "re");

		found = file && fscanf(file, "%ld %lx %lx", &number, &at, &by) == 3 &&
			number == SYS_futex && by == (unsigned long)op;
		if (file)
			fclose(file);
		sched_yield();
	}
	return found;
}

static void *get(void *arg)
{
	char text[1];

	CHECK(pyq_get(q, text, sizeof(text), PYQ_NOWAIT) == 1);
	return arg;
}

bool __wrap_pyqi_get_ready(pyq_queue *of)
{
	if (syscall(SYS_gettid) == __atomic_load_n(&thread, __ATOMIC_ACQUIRE))
		return !__atomic_load_n(&looks, __ATOMIC_ACQUIRE) && __real_pyqi_get_ready(of);
	if (!pthread_equal(pthread_self(), program)) {
		if (!thread)
			__atomic_store_n(&thread, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
		return __real_pyqi_get_ready(of);
	}
	if (!looks || looks > 2)
		return __real_pyqi_get_ready(of);
	if (__atomic_fetch_add(&looks, 1, __ATOMIC_ACQ_REL) == 1)
		return true; /* there is one: it comes below */
	/* It says by now that the fd is ready. */
	CHECK(!pyq_put(q, "x", 1, PYQ_NOWAIT));
	CHECK(sleeps_by(FUTEX_WAIT_PRIVATE));
	/* He then waits for us, to say that there is none. */
	CHECK(!pthread_create(&getter, NULL, get, NULL));
	while (__real_pyqi_get_ready(of))
		sched_yield();
	return false;
}

int main(void)
{
	struct pollfd pfd;

	program = pthread_self();
	CHECK(!pyq_create(&q, &(struct pyq_attr){ .maxsize = 1, .backend = "shm" }));
	CHECK(!pyq_pollfd(q, PYQ_READ, &pfd));
	while (!__atomic_load_n(&thread, __ATOMIC_ACQUIRE))
		sched_yield();
	CHECK(sleeps_by(FUTEX_WAIT_BITSET));
	__atomic_store_n(&looks, 1, __ATOMIC_RELEASE);
	CHECK(!pyq_pollfd(q, PYQ_READ, &pfd));
	CHECK(looks == 3);
	__atomic_store_n(&looks, 0, __ATOMIC_RELEASE);
	pthread_join(getter, NULL);
	CHECK(!poll(&pfd, 1, 0));
	/* And when there is something it does. */
	CHECK(!pyq_put(q, "x", 1, PYQ_NOWAIT));
	CHECK(poll(&pfd, 1, 20000) == 1);
	pyq_close(q);
	return failures;
}
