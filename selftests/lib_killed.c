// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that are stopped, and killed, at any instruction of what they do with locks
 * and the like: what that leaves to the others, and that they leave alone what they have
 * let go of.
 */
#include "traced.h"

#include <sys/mman.h>

struct shared {
	pyq_lock lock;
	pyq_condition cond;
	pyq_event event;
	pyq_semaphore sem;
	pyq_barrier barrier;
};

/* All of it, for processes; used once: what the linker does for that is done. */
static void begin(struct shared *s)
{
	for (int used = 0; used < 2; used++) {
		if (pyq_lock_init(&s->lock, PYQ_SHARED) ||
		    pyq_condition_init(&s->cond, PYQ_SHARED) ||
		    pyq_event_init(&s->event, PYQ_SHARED) ||
		    pyq_semaphore_init(&s->sem, 0, PYQ_SHARED) ||
		    pyq_barrier_init(&s->barrier, 2, PYQ_SHARED))
			abort();
		if (used)
			return;
		pyq_lock_acquire(&s->lock, LONG);
		pyq_lock_make_consistent(&s->lock);
		pyq_condition_wait(&s->cond, &s->lock, 1);
		pyq_lock_release(&s->lock);
		pyq_event_set(&s->event);
		pyq_semaphore_release(&s->sem, 1);
		pyq_barrier_wait(&s->barrier, 1);
	}
}

static struct shared *new_shared(void)
{
	struct shared *s = pyq_shared_alloc(sizeof(*s));

	if (!s)
		abort();
	begin(s);
	return s;
}

/* Have it once, whoever had it before. */
static int have_it(struct shared *s)
{
	int err = pyq_lock_acquire(&s->lock, LONG);

	if (err == -EOWNERDEAD)
		err = pyq_lock_make_consistent(&s->lock);
	return err ? err : pyq_lock_release(&s->lock);
}

/* --- the memory is the others' once they have been let go ---------------------------- */

enum how { SET, RELEASE, ARRIVE, UNLOCK };

static int wait_for(struct shared *s, enum how how)
{
	switch (how) {
	case SET:
		return pyq_event_wait(&s->event, LONG);
	case RELEASE:
		return pyq_semaphore_acquire(&s->sem, LONG);
	case ARRIVE:
		return pyq_barrier_wait(&s->barrier, LONG);
	default:
		return pyq_lock_acquire(&s->lock, LONG);
	}
}

static int let_go(struct shared *s, enum how how)
{
	switch (how) {
	case SET:
		return pyq_event_set(&s->event);
	case RELEASE:
		return pyq_semaphore_release(&s->sem, 1);
	case ARRIVE:
		return pyq_barrier_wait(&s->barrier, LONG) != 1;
	default:
		return pyq_lock_release(&s->lock);
	}
}

/* Would who waits go on if he looked? */
static bool is_free(struct shared *s, enum how how)
{
	switch (how) {
	case SET:
		return pyq_event_is_set(&s->event);
	case RELEASE:
		return pyq_semaphore_value(&s->sem) > 0;
	case ARRIVE:
		return !pyq_barrier_n_waiting(&s->barrier);
	default:
		return !pyq_lock_acquire(&s->lock, PYQ_NOWAIT);
	}
}

static int let_go_of_mine(struct shared *s, enum how how)
{
	return (how == UNLOCK && pyq_lock_acquire(&s->lock, LONG)) || raise(SIGSTOP) ||
	       let_go(s, how);
}

static void *new_memory(size_t size, int *fd)
{
	void *memory;

	*fd = memfd_create("shared", MFD_CLOEXEC);
	if (ftruncate(*fd, (off_t)size))
		abort();
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	if (memory == MAP_FAILED)
		abort();
	return memory;
}

TEST(memory_gone)
{
	for (enum how how = SET; how <= UNLOCK; how++) {
		int fd;
		struct shared *s = new_memory(sizeof(*s), &fd);
		pid_t waiter, other;

		begin(s);
		other = traced_child(let_go_of_mine(s, how));
		ASSERT_TRUE(goes(other));
		waiter = in_child(wait_for(s, how));
		ASSERT_TRUE(eventually(asleep(waiter)));
		ASSERT_TRUE(killed(waiter));
		while (!is_free(s, how))
			ASSERT_TRUE(step(other));
		ASSERT_EQ(0, ftruncate(fd, 0));
		EXPECT_TRUE(goes(other) && !ptrace(PTRACE_CONT, other, 0, 0));
		EXPECT_EQ(0, exit_status(other)) TH_LOG("how %d", how);
		munmap(s, sizeof(*s));
		close(fd);
	}
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static int detach_after_the_end(pyq_thread *thread)
{
	thread->target = nothing;
	return pyq_thread_start(thread) || !eventually(!pyq_thread_is_alive(thread)) ||
	       raise(SIGSTOP) || pyq_thread_detach(thread);
}

/* A thread that has ended and is detached has been joined, for another one who does that. */
TEST(memory_of_a_thread_gone)
{
	int fd;
	pyq_thread *thread = new_memory(sizeof(*thread), &fd);
	pid_t other = traced_child(detach_after_the_end(thread));
	uint64_t before;

	ASSERT_TRUE(goes(other));
	before = load(&thread->opaque[0]);
	while (load(&thread->opaque[0]) == before)
		ASSERT_TRUE(step(other));
	ASSERT_EQ(0, ftruncate(fd, 0));
	EXPECT_TRUE(goes(other) && !ptrace(PTRACE_CONT, other, 0, 0));
	EXPECT_EQ(0, exit_status(other));
	munmap(thread, sizeof(*thread));
	close(fd);
}

/* --- notified between two instructions ----------------------------------------------- */

static int wait_for_notify(struct shared *s)
{
	int err = pyq_lock_acquire(&s->lock, LONG);

	raise(SIGSTOP);
	err = err ?: pyq_condition_wait(&s->cond, &s->lock, LONG);
	return pyq_lock_release(&s->lock) ?: -err;
}

/* Who waits has been there as soon as others can have the lock, asleep or not. */
TEST(notified_before_asleep)
{
	struct shared *s = new_shared();
	pid_t waiter = traced_child(wait_for_notify(s));

	ASSERT_TRUE(goes(waiter));
	while (pyq_lock_acquire(&s->lock, PYQ_NOWAIT))
		ASSERT_TRUE(step(waiter));
	EXPECT_EQ(0, pyq_condition_notify(&s->cond, &s->lock, 1));
	EXPECT_EQ(0, pyq_lock_release(&s->lock));
	EXPECT_TRUE(goes(waiter) && !ptrace(PTRACE_CONT, waiter, 0, 0));
	EXPECT_EQ(0, exit_status(waiter));
	pyq_shared_free(s, sizeof(*s));
}

/* --- what a kill leaves -------------------------------------------------------------- */

/*
 * Does one who sleeps look for himself (shm/Makefile)? And how many instructions lie
 * between two at which somebody is killed: each such look takes its time.
 */
#ifdef SLICE
enum { LOOK = 0, APART = 1 };
#else
enum { LOOK = 1, APART = 5 };
#endif

/* Whoever is killed while he lets somebody go, either he has or he has not. */
TEST(killed_letting_go)
{
	for (enum how how = LOOK ? SET : UNLOCK; how <= UNLOCK; how++) {
		bool more = true;
		int at;

		for (at = 0; more; at += APART) {
			struct shared *s = new_shared();
			pid_t waiter, other = traced_child(let_go_of_mine(s, how));

			ASSERT_TRUE(goes(other));
			waiter = in_child(how == UNLOCK ? -have_it(s) : wait_for(s, how));
			ASSERT_TRUE(eventually(asleep(waiter)));
			more = steps(other, at);
			ASSERT_TRUE(killed(other));
			if (how != UNLOCK && !is_free(s, how))
				EXPECT_EQ(0, let_go(s, how));
			EXPECT_EQ(0, exit_status(waiter)) TH_LOG("how %d at %d", how, at);
			pyq_shared_free(s, sizeof(*s));
		}
		EXPECT_LT(3 * APART, at);
	}
}

/* As soon as it may be had one can see that it may, or that its holder has died. */
TEST(killed_and_locked)
{
	int at, died = 0, taken = 0;
	bool more = true;

	for (at = 0; more; at += APART) {
		struct shared *s = new_shared();
		pid_t other = traced_child(have_it(s));
		bool locked;

		more = steps(other, at);
		ASSERT_TRUE(killed(other));
		locked = pyq_lock_locked(&s->lock);
		if (pyq_lock_acquire(&s->lock, PYQ_NOWAIT))
			died += locked;
		else
			taken += !locked;
		EXPECT_EQ(at / APART + 1, died + taken) TH_LOG("at %d", at);
		pyq_shared_free(s, sizeof(*s));
	}
	EXPECT_LT(0, died);
	EXPECT_LT(0, taken);
}

/* The kernel wakes one when a holder is killed. If that one is killed too, the next one. */
TEST(holder_and_woken_killed)
{
	bool more = true;
	int at;

	for (at = 0; more; at += APART) {
		struct shared *s = new_shared();
		pid_t holder, woken, other;

		holder = traced_child(let_go_of_mine(s, UNLOCK));
		ASSERT_TRUE(goes(holder));
		woken = traced_child(-have_it(s));
		ASSERT_TRUE(goes_to_sleep(woken));
		other = in_child(-have_it(s));
		ASSERT_TRUE(eventually(asleep(other)));
		ASSERT_TRUE(killed(holder));
		ASSERT_TRUE(stops(woken));
		more = steps(woken, at);
		ASSERT_TRUE(killed(woken));
		ASSERT_EQ(0, exit_status(other)) TH_LOG("at %d", at);
		pyq_shared_free(s, sizeof(*s));
	}
	EXPECT_LT(3 * APART, at);
}

static int wait_at_cond(struct shared *s)
{
	int err = pyq_lock_acquire(&s->lock, LONG);

	return err ? 1 : -pyq_condition_wait(&s->cond, &s->lock, LONG);
}

/* One who tries it, and stands where he has it. */
#define holding_a_lost(lock)                                                 \
	({                                                                   \
		pid_t pid_ = traced_child(pyq_lock_acquire(lock, PYQ_NOWAIT)); \
		while (!pyq_lock_locked(lock))                               \
			ASSERT_TRUE(step(pid_));                             \
		pid_;                                                        \
	})

/*
 * Who tries a lock that is not recoverable has it for some instructions. If he is killed in
 * those it is not recoverable all the same: for those who sleep, who come back from a
 * condition, and who come along.
 */
TEST(killed_at_a_lost_lock)
{
	for (int recursive = 0; recursive < 2; recursive++) {
		struct shared *s = new_shared();
		pid_t waiter, other, sleepers[2];

		ASSERT_EQ(0, pyq_lock_init(&s->lock, PYQ_SHARED |
							     (recursive ? PYQ_LOCK_RECURSIVE : 0)));
		waiter = traced_child(wait_at_cond(s));
		ASSERT_TRUE(goes_to_sleep(waiter));
		ASSERT_EQ(0, exit_status(in_child(pyq_lock_acquire(&s->lock, LONG))));
		ASSERT_EQ(-EOWNERDEAD, pyq_lock_acquire(&s->lock, PYQ_NOWAIT));
		ASSERT_EQ(0, pyq_condition_notify_all(&s->cond, &s->lock));
		ASSERT_EQ(0, pyq_lock_release(&s->lock));
		/* He stands behind his sleep. */
		ASSERT_TRUE(stops(waiter));

		other = holding_a_lost(&s->lock);
		for (int i = 0; i < 2; i++) {
			sleepers[i] = in_child(-pyq_lock_acquire(&s->lock, LONG));
			ASSERT_TRUE(eventually(asleep(sleepers[i])));
		}
		ASSERT_TRUE(killed(other));
		for (int i = 0; i < 2; i++)
			EXPECT_EQ(ENOTRECOVERABLE, exit_status(sleepers[i]));

		/* Again, and it is the waiter who finds it. */
		other = holding_a_lost(&s->lock);
		ASSERT_TRUE(killed(other));
		EXPECT_TRUE(goes(waiter) && !ptrace(PTRACE_CONT, waiter, 0, 0));
		EXPECT_EQ(ENOTRECOVERABLE, exit_status(waiter));

		/* And who comes along. */
		other = holding_a_lost(&s->lock);
		ASSERT_TRUE(killed(other));
		EXPECT_EQ(-ENOTRECOVERABLE, pyq_lock_acquire(&s->lock, PYQ_NOWAIT));
		EXPECT_EQ(-ENOTRECOVERABLE, pyq_lock_acquire(&s->lock, LONG));
		EXPECT_FALSE(pyq_lock_is_mine(&s->lock));
		EXPECT_EQ(-EPERM, pyq_lock_make_consistent(&s->lock));
		EXPECT_EQ(0, pyq_lock_destroy(&s->lock));
		EXPECT_EQ(0, pyq_lock_init(&s->lock, PYQ_SHARED));
		EXPECT_EQ(0, have_it(s));
		pyq_shared_free(s, sizeof(*s));
	}
}

/*
 * Who has been woken for a lock, finds another one there who has just come along, and is
 * killed before he has left his mark, takes the wake-up along: so it is with many kernels
 * (lib/lock.c). It is not lost to those who look for themselves.
 */
TEST(woken_and_killed)
{
	bool more = true;
	int at;

	if (!LOOK)
		SKIP(return, "nobody looks for himself");
	for (at = 0; more; at += APART) {
		struct shared *s = new_shared();
		pid_t woken, other;

		ASSERT_EQ(0, pyq_lock_acquire(&s->lock, PYQ_NOWAIT));
		woken = traced_child(-have_it(s));
		ASSERT_TRUE(goes_to_sleep(woken));
		other = in_child(-have_it(s));
		ASSERT_TRUE(eventually(asleep(other)));
		ASSERT_EQ(0, pyq_lock_release(&s->lock));
		ASSERT_TRUE(stops(woken));
		ASSERT_EQ(0, pyq_lock_acquire(&s->lock, PYQ_NOWAIT));
		more = steps(woken, at);
		ASSERT_TRUE(killed(woken));
		ASSERT_EQ(0, pyq_lock_release(&s->lock));
		ASSERT_EQ(0, exit_status(other)) TH_LOG("at %d", at);
		pyq_shared_free(s, sizeof(*s));
	}
	EXPECT_LT(3 * APART, at);
}

/* And so does one who has released it, if he is killed before he wakes anybody. */
TEST(released_and_killed)
{
	bool more = true;
	int at, came_along = 0;

	if (!LOOK)
		SKIP(return, "nobody looks for himself");
	for (at = 0; more; at += APART) {
		struct shared *s = new_shared();
		pid_t holder = traced_child(let_go_of_mine(s, UNLOCK)), other;
		int err;

		ASSERT_TRUE(goes(holder));
		other = in_child(-have_it(s));
		ASSERT_TRUE(eventually(asleep(other)));
		more = steps(holder, at);
		err = pyq_lock_acquire(&s->lock, PYQ_NOWAIT);
		ASSERT_TRUE(killed(holder));
		came_along += !err;
		if (!err)
			ASSERT_EQ(0, pyq_lock_release(&s->lock));
		ASSERT_EQ(0, exit_status(other)) TH_LOG("at %d", at);
		pyq_shared_free(s, sizeof(*s));
	}
	EXPECT_LT(0, came_along);
}

TEST_HARNESS_MAIN
