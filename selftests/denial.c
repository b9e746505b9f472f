// SPDX-License-Identifier: GPL-2.0
/*
 * What one user can do to another by a queue that both may use, and to the machine. Each
 * attack is made, and what it cannot have is shown: the victim goes on, or has the error
 * that is documented, in time. docs/security.md says which case shows what.
 */
#include "actors.h"
#include "mapped.h"
#include "sleepers.h"
#include "trap.h"

#include <poll.h>

#define PARAMETER "/sys/module/pyqueue/parameters/max_user_bytes"
#define KB (1 << 10)
#define MB (1 << 20)

/* Somebody who has no queues. */
#define EVE 4321

/* Later than a deadline by more than a machine with other things to do needs. */
#define LATE (5 * SEC * PYQUEUE_SLOW)

static long long original;

static void restore(void)
{
	write_number(PARAMETER, original);
}

/* exit() is for the harness's own process; its tests end by _exit(), or badly. */
__attribute__((constructor)) static void remember(void)
{
	original = read_number(PARAMETER);
	if (original > 0)
		atexit(restore);
}

/* A child that is somebody; it may use EXPECT_*. */
#define as_user(uid, ...)                                                    \
	({                                                                   \
		pid_t pid_ = spawn();                                        \
		if (!pid_) {                                                 \
			become(uid, uid);                                    \
			__VA_ARGS__;                                         \
			child_done();                                        \
		}                                                            \
		pid_;                                                        \
	})

#define EXPECT_AS(uid, ...) EXPECT_EQ(0, reap(as_user(uid, __VA_ARGS__)))

FIXTURE(denial) {
	int dev;
	int *step;
};

FIXTURE_SETUP(denial)
{
	ASSERT_TRUE(own_names());
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->step = shared_memory(4096);
	ASSERT_NE(NULL, self->step);
}

FIXTURE_TEARDOWN(denial)
{
	unlink_all(self->dev);
	close(self->dev);
	restore();
}

/* --- a flood ------------------------------------------------------------------ */

/* Put messages of @len bytes until that fails. Return: why; how many in @n. */
static int put_until_it_fails(int q, size_t len, int *n)
{
	char *message = calloc(1, len);
	int err;

	for (*n = 0; !(err = pq_put(q, message, len, PYQUEUE_NOWAIT)); ++*n)
		;
	free(message);
	return err;
}

/* Who may put fills the queue; what its owner has besides he does not touch. */
TEST_F(denial, flood)
{
	EXPECT_AS(ALICE, {
		EXPECT_LE(0, pq_create_named(self->dev, "letters", .maxsize = 1000, .mode = 0622,
					     .max_msg = 64 * KB, .max_bytes = 1 * MB));
	});
	EXPECT_AS(BOB, {
		int q = pq_open(self->dev, "letters", PYQUEUE_WRITE), n;
		uint64_t bytes = pq_info(self->dev).user_bytes;
		char byte;

		ASSERT_LE(0, q);
		EXPECT_EQ(-ENOBUFS, put_until_it_fails(q, 64 * KB, &n));
		EXPECT_EQ(16, n);
		EXPECT_EQ(-EAGAIN, put_until_it_fails(q, 240, &n));
		EXPECT_EQ(984, n);
		EXPECT_EQ(bytes, pq_info(self->dev).user_bytes);
		EXPECT_EQ(-EBADF, pq_get(q, &byte, 1, PYQUEUE_NOWAIT));
		EXPECT_EQ(-EBADF, pq_task_done(q, 1));
		EXPECT_EQ(-EBADF, pq_shutdown(q, PYQUEUE_IMMEDIATE));
		EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, q, 0));
	});
	EXPECT_AS(ALICE, {
		int q = pq_open(self->dev, "letters", PYQUEUE_READ | PYQUEUE_WRITE), n;
		char *room = malloc(64 * KB);

		ASSERT_LE(0, q);
		EXPECT_GE(pq_stat(q).ring_bytes + 1 * MB + 16 * KB, pq_info(self->dev).user_bytes);
		EXPECT_LE(0, pq_create(self->dev, .maxsize = 1000));
		EXPECT_EQ(0, pq_put(pq_create(self->dev, .maxsize = 1), room, 64 * KB,
				    PYQUEUE_NOWAIT));
		for (n = 0; pq_get(q, room, 64 * KB, PYQUEUE_NOWAIT) >= 0; n++)
			;
		EXPECT_EQ(1000, n);
		EXPECT_EQ(0, pq_put(q, room, 64 * KB, PYQUEUE_NOWAIT));
	});
}

/* Without max_bytes it is all that the creator may have. Others have what is their own. */
TEST_F(denial, flood_without_max_bytes)
{
	EXPECT_AS(EVE, {
		EXPECT_LE(0, pq_create_named(self->dev, "letters", .maxsize = 1000, .mode = 0622));
	});
	ASSERT_EQ(0, write_number(PARAMETER, 4 * MB));
	EXPECT_AS(BOB, {
		int q = pq_open(self->dev, "letters", PYQUEUE_WRITE), n;

		EXPECT_EQ(-EDQUOT, put_until_it_fails(q, 1 * MB, &n));
		EXPECT_EQ(3, n);
		EXPECT_LE(0, pq_create(self->dev, .maxsize = 1000));
	});
	EXPECT_AS(EVE, {
		char *room = malloc(1 * MB);
		int q = pq_open(self->dev, "letters", PYQUEUE_READ);

		EXPECT_EQ(-EDQUOT, pq_create(self->dev, .maxsize = 8000));
		EXPECT_EQ(1 * MB, pq_get(q, room, 1 * MB, PYQUEUE_NOWAIT));
		EXPECT_LE(0, pq_create(self->dev, .maxsize = 1000));
	});
}

/* Other namespaces are no other account. */
TEST_F(denial, out_of_the_account)
{
	ASSERT_EQ(0, write_number(PARAMETER, 4 * MB));
	EXPECT_AS(EVE, {
		int q = pq_create(self->dev, .maxsize = 8000);

		ASSERT_LE(0, q);
		EXPECT_EQ(-EDQUOT, pq_create(self->dev, .maxsize = 8000));
		ASSERT_EQ(0, unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC));
		EXPECT_EQ(1, pq_info(self->dev).user_queues);
		EXPECT_EQ(-EDQUOT, pq_create(self->dev, .maxsize = 8000));
		close(q);
		EXPECT_TRUE(eventually(pq_info(self->dev).user_queues == 0));
	});
	EXPECT_AS(BOB, EXPECT_LE(0, pq_create(self->dev, .maxsize = 8000)));
}

/* Messages of those who wait for room count like those that are in the queue. */
TEST_F(denial, putters_who_wait)
{
	static char message[64 * KB], room[64 * KB];
	pid_t pids[6];
	int q, waiting, refused = 0;

	q = pq_create(self->dev, .maxsize = 1, .max_bytes = 256 * KB);
	ASSERT_LE(0, q);
	ASSERT_EQ(0, pq_put(q, message, sizeof(message), PYQUEUE_NOWAIT));
	for (unsigned int i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = spawn();
		if (!pids[i]) {
			become(BOB, BOB);
			leave(pq_put(q, message, sizeof(message), PYQUEUE_FOREVER));
		}
		if (i < 3) {
			ASSERT_TRUE(wait_sleepers(q, putters, i + 1));
			continue;
		}
		refused += reap(pids[i]) == -ENOBUFS;
	}
	EXPECT_EQ(3, refused);
	EXPECT_EQ(256 * KB, pq_stat(q).large_bytes);
	/* Killed, they have nothing any more. */
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(pids[0]));
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(pids[1]));
	EXPECT_TRUE(eventually(pq_stat(q).large_bytes == 128 * KB));
	for (waiting = 0; pq_get(q, room, sizeof(room), in_ns(PATIENCE)) > 0; waiting++)
		if (waiting)
			break;
	EXPECT_EQ(1, waiting);
	EXPECT_EQ(0, reap(pids[2]));
	EXPECT_EQ(0, pq_stat(q).large_bytes);
	close(q);
}

/*
 * Who has a queue open, or mapped, has its creator pay for it, also when she has given up all
 * that she had of it; until he goes.
 */
TEST_F(denial, kept_on_the_account)
{
	pid_t bob;

	EXPECT_AS(EVE, {
		EXPECT_EQ(0, pq_info(self->dev).user_queues);
		EXPECT_LE(0, pq_create_named(self->dev, "opened", .maxsize = 1, .mode = 0622));
		EXPECT_LE(0, pq_create_named(self->dev, "mapped", .maxsize = 1, .mode = 0666,
					     .flags = PYQUEUE_MAPPABLE));
		EXPECT_LE(0, pq_create_named(self->dev, "large", .maxsize = 1, .mode = 0622));
		EXPECT_LE(0, pq_create_named(self->dev, "alone", .maxsize = 1, .mode = 0622));
	});
	bob = as_user(BOB, {
		int q = pq_open(self->dev, "mapped", PYQUEUE_READ | PYQUEUE_WRITE);
		char *message = calloc(1, 1 * MB);

		EXPECT_NE(MAP_FAILED, map_pages(q));
		EXPECT_EQ(0, close(q));
		EXPECT_LE(0, pq_open(self->dev, "opened", PYQUEUE_WRITE));
		q = pq_open(self->dev, "large", PYQUEUE_WRITE);
		EXPECT_EQ(0, pq_put(q, message, 1 * MB, PYQUEUE_NOWAIT));
		store(self->step, _metadata->passed ? 1 : -1);
		pause();
	});
	ASSERT_TRUE(eventually(load(self->step)));
	EXPECT_EQ(1, load(self->step));
	EXPECT_AS(EVE, {
		EXPECT_EQ(0, pq_unlink(self->dev, "opened"));
		EXPECT_EQ(0, pq_unlink(self->dev, "mapped"));
		EXPECT_EQ(0, pq_unlink(self->dev, "large"));
		EXPECT_EQ(0, pq_unlink(self->dev, "alone"));
		/* What nobody has is gone. */
		EXPECT_EQ(3, pq_info(self->dev).user_queues);
		EXPECT_LE(1 * MB, pq_info(self->dev).user_bytes);
	});
	/* She has no room for it. */
	ASSERT_EQ(0, write_number(PARAMETER, 1 * MB));
	EXPECT_AS(EVE, EXPECT_EQ(-EDQUOT, pq_create(self->dev, .maxsize = 1)));
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(bob));
	EXPECT_AS(EVE, {
		EXPECT_TRUE(eventually(pq_info(self->dev).user_queues == 0));
		EXPECT_TRUE(eventually(pq_info(self->dev).user_bytes == 0));
		EXPECT_LE(0, pq_create(self->dev, .maxsize = 1));
	});
}

/* --- names --------------------------------------------------------------------- */

/* However many others there are: hidden, they cost a LIST no more than a look. */
TEST_F(denial, names)
{
	enum { MANY = 1000 };	/* more than are looked at in one go */

	EXPECT_AS(BOB, {
		for (int i = 0; i < MANY; i++) {
			char name[16];
			int q;

			snprintf(name, sizeof(name), "bob %d", i);
			q = pq_create_named(self->dev, name, .maxsize = 1);
			ASSERT_LE(0, q);
			close(q);
		}
	});
	EXPECT_AS(ALICE, {
		struct pyqueue_entry entry;
		struct pyqueue_list list = { .size = sizeof(list), .count = 1,
			.entries = (uintptr_t)&entry, .entry_size = sizeof(entry) };

		EXPECT_EQ(0, pq_ioctl(self->dev, PYQUEUE_IOC_LIST, &list));
		EXPECT_EQ(0, list.cookie);
		EXPECT_LE(0, pq_create_named(self->dev, "alice", .maxsize = 1));
		EXPECT_EQ(1, pq_ioctl(self->dev, PYQUEUE_IOC_LIST, &list));
		EXPECT_EQ(5, entry.name_len);
		EXPECT_EQ(0, memcmp("alice", entry.name, 5));
		EXPECT_EQ(-EACCES, pq_open(self->dev, "bob 0", PYQUEUE_READ));
		EXPECT_EQ(0, pq_unlink(self->dev, "alice"));
	});
}

/* Who comes first has the name. Who cares asks for a new one, or looks whose it is. */
TEST_F(denial, squatted)
{
	EXPECT_AS(BOB, {
		EXPECT_LE(0, pq_create_named(self->dev, "printer", .maxsize = 1, .mode = 0666,
					     .flags = PYQUEUE_MAPPABLE));
		EXPECT_LE(0, pq_create_named(self->dev, "closed", .maxsize = 1));
	});
	EXPECT_AS(ALICE, {
		int q = pq_create_named(self->dev, "printer", .maxsize = 1);
		struct pyqueue_stat st;

		ASSERT_LE(0, q);
		st = pq_stat(q);
		EXPECT_EQ(BOB, st.uid);
		EXPECT_NE(0, st.map_bytes);
		EXPECT_EQ(-EEXIST, pq_create_named(self->dev, "printer", .maxsize = 1,
						   .flags = PYQUEUE_EXCL));
		EXPECT_EQ(-EACCES, pq_create_named(self->dev, "closed", .maxsize = 1));
		EXPECT_EQ(-EPERM, pq_unlink(self->dev, "printer"));
	});
	/* Root can put that right. */
	EXPECT_EQ(0, pq_unlink(self->dev, "printer"));
}

/* --- a large ring that is spoilt ------------------------------------------------- */

/* Of the slots one has to go over. */
#define SLOTS (1 << 18)

/*
 * A claim of nobody's in each slot, to be helped past for ever as head and tail are moved
 * back all the time, and orphans to be looked for, of which there are none.
 */
static void forge_all(struct pyq_ring *r)
{
	for (uint64_t pos = 0; pos < SLOTS; pos++)
		store(&pyq_ring_slot(r, pos)->word, pyq_word(1, 0, 0, 0, PYQUEUE_READING));
	store(&r->hdr->head, SLOTS);
	store(&r->hdr->tail, SLOTS);
}

static int keep_busy(int q, int *ready)
{
	struct pyq_ring r = { .hdr = NULL };

	if (map_ring(q, &r) < 0)
		return 1;
	forge_all(&r);
	for (uint64_t i = 0;; i++) {
		store(&r.hdr->head, SLOTS + i % 1000);
		store(&r.hdr->tail, SLOTS + i % 1000);
		store(&r.hdr->marks, r.hdr->marks | PYQUEUE_MARK_ORPHAN);
		store(ready, 1);
	}
}

FIXTURE(spoilt) {
	int dev;
	int q;
	pid_t hostile;
};

FIXTURE_VARIANT(spoilt) {
	int (*call)(int q, uint64_t deadline);
	bool mostly_broken;	/* what it does to the ring shows that the ring is spoilt */
};

static int with_get(int q, uint64_t deadline)
{
	char room[48];

	return pq_get(q, room, sizeof(room), deadline);
}

FIXTURE_VARIANT_ADD(spoilt, get) { .call = with_get };
FIXTURE_VARIANT_ADD(spoilt, get_many) { .call = wait_in_get_many };
FIXTURE_VARIANT_ADD(spoilt, put) { .call = wait_in_put, .mostly_broken = true };
FIXTURE_VARIANT_ADD(spoilt, put_many) { .call = wait_in_put_many, .mostly_broken = true };

static bool begin_to_spoil(FIXTURE_DATA(spoilt) *self)
{
	int *ready = shared_memory(4096);

	self->q = pq_create(self->dev, .maxsize = SLOTS, .payload = 48, .max_msg = 48);
	if (self->q < 0)
		return false;
	self->hostile = child(keep_busy(self->q, ready));
	return eventually(load(ready));
}

static bool end_to_spoil(FIXTURE_DATA(spoilt) *self)
{
	return reap_killed(self->hostile) == KILLED_BY(SIGKILL) && !close(self->q);
}

FIXTURE_SETUP(spoilt)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	ASSERT_TRUE(begin_to_spoil(self));
}

FIXTURE_TEARDOWN(spoilt)
{
	EXPECT_TRUE(end_to_spoil(self));
	close(self->dev);
}

static int handled;

static void handle(int sig)
{
	count(&handled);
}

/* Or the ring has been found to be broken, which is the end, too: see what is returned. */
#define EXPECT_IN_TIME(expected, call)                                       \
	({                                                                   \
		uint64_t begun_ = now_ns();                                  \
		long ret_ = call;                                            \
		if (ret_ != -EUCLEAN)                                        \
			EXPECT_EQ(expected, ret_);                           \
		EXPECT_GT(LATE, now_ns() - begun_);                          \
		ret_;                                                        \
	})

/*
 * A ring that stands still for a while, as its spoiler does not run, is found to be broken.
 * That ends each of these calls, too, but is not what it is about: then another is spoilt,
 * and where puts find that each time, it is said.
 */
#define SPOILT_RINGS 20

#define EXPECT_FROM_SPOILT(self, expected, call)                             \
	({                                                                   \
		long what_ = EXPECT_IN_TIME(expected, call);                 \
		for (int n_ = 1; n_ < SPOILT_RINGS && what_ == -EUCLEAN; n_++) { \
			ASSERT_TRUE(end_to_spoil(self));                     \
			ASSERT_TRUE(begin_to_spoil(self));                   \
			what_ = EXPECT_IN_TIME(expected, call);              \
		}                                                            \
		if (!variant->mostly_broken) {                               \
			EXPECT_EQ(expected, what_);                          \
		}                                                            \
		if (what_ == -EUCLEAN)                                       \
			TH_LOG("found broken %d times of %d", SPOILT_RINGS, SPOILT_RINGS); \
		what_;                                                       \
	})

/* Who does not want to wait does not, whatever is done to the ring meanwhile. */
TEST_F(spoilt, at_once)
{
	EXPECT_FROM_SPOILT(self, -EAGAIN, variant->call(self->q, PYQUEUE_NOWAIT));
}

/* And who does waits to his deadline. */
TEST_F(spoilt, deadline)
{
	EXPECT_FROM_SPOILT(self, -ETIMEDOUT, variant->call(self->q, in_ns(50 * MSEC)));
}

/* A call that a signal ends. */
static long call_with_signal(int (*call)(int q, uint64_t deadline), int q, timer_t timer)
{
	const struct itimerspec soon = { .it_value.tv_nsec = 50 * MSEC };
	const struct itimerspec never = { .it_value.tv_nsec = 0 };
	long ret;

	if (timer_settime(timer, 0, &soon, NULL))
		return -EPIPE;
	ret = call(q, PYQUEUE_FOREVER);
	timer_settime(timer, 0, &never, NULL);
	return ret;
}

/* Or until a signal comes. */
TEST_F(spoilt, signal)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	timer_t timer;

	on_signal(SIGUSR1, handle, 0);
	ASSERT_EQ(0, timer_create(CLOCK_MONOTONIC, &event, &timer));
	if (EXPECT_FROM_SPOILT(self, -EINTR,
			       call_with_signal(variant->call, self->q, timer)) == -EINTR) {
		EXPECT_LE(1, load(&handled));
	}
	timer_delete(timer);
}

/*
 * Who looks at all queues, or at all files, has not chosen this one: he does not go over
 * its slots, which clears a mark that is there for nothing.
 */
TEST_F(denial, looking_around)
{
	const uint64_t marks = PYQUEUE_MARK_ORPHAN | PYQUEUE_MARK_ABORTED;
	struct pyqueue_entry entry;
	struct pyqueue_list list = { .size = sizeof(list), .count = 1,
		.entries = (uintptr_t)&entry, .entry_size = sizeof(entry) };
	int q = pq_create_named(self->dev, "large", .maxsize = 64, .payload = 48), fd;
	char path[64], text[2048];
	struct pyq_ring r = { .hdr = NULL };

	ASSERT_EQ(1, map_ring(q, &r));
	ASSERT_EQ(3, put_up_to(q, 3));
	store(&r.hdr->marks, marks);
	EXPECT_EQ(1, pq_ioctl(self->dev, PYQUEUE_IOC_LIST, &list));
	EXPECT_EQ(3, entry.qsize);
	EXPECT_EQ(marks, r.hdr->marks);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", q);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_LT(0, read(fd, text, sizeof(text) - 1));
	EXPECT_EQ(marks, r.hdr->marks);
	close(fd);

	/* Nor does it make a difference what it says. */
	store(&r.hdr->head, 1ULL << 40);
	EXPECT_EQ(1, pq_ioctl(self->dev, PYQUEUE_IOC_LIST, &list));
	EXPECT_EQ(64, entry.qsize);
	store(&r.hdr->head, 0);
	/* Who asks for this one does. */
	EXPECT_EQ(3, pq_qsize(q));
	EXPECT_EQ(PYQUEUE_MARK_ORPHAN, r.hdr->marks & marks);
	unmap_ring(q, &r);
	close(q);
}

/* --- mappings -------------------------------------------------------------------- */

/* All owner numbers: others use the queue by ioctls, and map it when he has gone. */
TEST_F(denial, owners)
{
	int q = pq_create(self->dev, .maxsize = 2, .payload = 48);
	char byte;
	pid_t bob;

	ASSERT_LE(0, q);
	bob = as_user(BOB, {
		for (int i = 0; i < PYQUEUE_OWNERS_MAX; i++)
			EXPECT_NE(MAP_FAILED, map_pages(q));
		store(self->step, _metadata->passed ? 1 : -1);
		pause();
	});
	EXPECT_TRUE(eventually(load(self->step)));
	EXPECT_EQ(PYQUEUE_OWNERS_MAX, pq_stat(q).owners);
	EXPECT_AS(ALICE, {
		EXPECT_EQ(MAP_FAILED, map_pages(q));
		EXPECT_EQ(EUSERS, errno);
		EXPECT_EQ(0, pq_put(q, "1", 1, PYQUEUE_NOWAIT));
		EXPECT_EQ(1, pq_get(q, &byte, 1, PYQUEUE_NOWAIT));
	});
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(bob));
	EXPECT_AS(ALICE, EXPECT_NE(MAP_FAILED, map_pages(q)));
	close(q);
}

/* Somebody who has mapped the queue stops himself with @claim made. */
static pid_t stopped_with(int q, int (*claim)(struct pyq_ring *r))
{
	pid_t pid = spawn();
	struct pyq_ring r = { .hdr = NULL };
	int status;

	if (!pid) {
		if (map_ring(q, &r) < 0 || claim(&r))
			_exit(1);
		raise(SIGSTOP);
		pause();
	}
	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
		return -1;
	return pid;
}

/* Ends at its deadline. */
#define EXPECT_TIMEOUT(call) EXPECT_EQ(-ETIMEDOUT, EXPECT_IN_TIME(-ETIMEDOUT, call))

/*
 * Stopped while he writes: what comes behind him cannot be had until he goes on or dies, and
 * nobody waits for it beyond his deadline.
 */
TEST_F(denial, stopped_in_put)
{
	int q = pq_create(self->dev, .maxsize = 4, .payload = 48);
	struct pollfd pfd = { .fd = q, .events = POLLIN };
	pid_t pid = stopped_with(q, claim_put);
	struct pyqueue_get got;
	char byte;

	ASSERT_LT(0, pid);
	EXPECT_EQ(3, put_up_to(q, 5));
	EXPECT_EQ(-EAGAIN, put_up_to(q, 1));
	EXPECT_TIMEOUT(pq_put(q, "1", 1, in_ns(20 * MSEC)));
	EXPECT_EQ(-EAGAIN, pq_get(q, &byte, 1, PYQUEUE_NOWAIT));
	EXPECT_TIMEOUT(pq_get(q, &byte, 1, in_ns(20 * MSEC)));
	EXPECT_TIMEOUT(pq_join(q, in_ns(20 * MSEC)));
	EXPECT_EQ(0, poll(&pfd, 1, 0));
	EXPECT_EQ(4, pq_qsize(q));
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(pid));
	for (int i = 1; i < 4; i++) {
		EXPECT_EQ(1, pq_get_full(q, &byte, 1, PYQUEUE_NOWAIT, &got));
		EXPECT_EQ(i, got.position);
	}
	EXPECT_EQ(-EAGAIN, pq_get(q, &byte, 1, PYQUEUE_NOWAIT));
	close(q);
}

/* It can be ended, too. */
TEST_F(denial, shut_down_beside_one_stopped_in_put)
{
	int q = pq_create(self->dev, .maxsize = 4, .payload = 48);
	pid_t pid = stopped_with(q, claim_put);
	char byte;

	ASSERT_LT(0, pid);
	EXPECT_EQ(3, put_up_to(q, 5));
	EXPECT_EQ(0, pq_shutdown(q, PYQUEUE_IMMEDIATE));
	EXPECT_EQ(-ESHUTDOWN, put_up_to(q, 1));
	EXPECT_TIMEOUT(pq_get(q, &byte, 1, in_ns(20 * MSEC)));
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(pid));
	EXPECT_EQ(-ESHUTDOWN, pq_get(q, &byte, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_join(q, PYQUEUE_NOWAIT));
	close(q);
}

/* Stopped while he reads: one lap goes on, until his slot's turn comes. */
TEST_F(denial, stopped_in_get)
{
	int q = pq_create(self->dev, .maxsize = 4, .payload = 48);
	struct pyqueue_get got;
	char byte;
	pid_t pid;

	ASSERT_EQ(1, put_up_to(q, 1));
	pid = stopped_with(q, claim_get);
	ASSERT_LT(0, pid);
	for (int i = 1; i < 4; i++) {
		EXPECT_EQ(1, put_up_to(q, 1));
		EXPECT_EQ(1, pq_get_full(q, &byte, 1, PYQUEUE_NOWAIT, &got));
		EXPECT_EQ(i, got.position);
	}
	EXPECT_EQ(-EAGAIN, put_up_to(q, 1));
	EXPECT_TIMEOUT(pq_put(q, "1", 1, in_ns(20 * MSEC)));
	EXPECT_TIMEOUT(pq_get(q, &byte, 1, in_ns(20 * MSEC)));
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(pid));
	EXPECT_EQ(1, pq_get_full(q, &byte, 1, PYQUEUE_NOWAIT, &got));
	EXPECT_EQ(0, got.position);
	EXPECT_EQ(2, got.deliveries);
	EXPECT_EQ(4, put_up_to(q, 5));
	close(q);
}

/* Has put a message and claimed whom to call for it. */
static int owe_a_call(struct pyq_ring *r)
{
	struct pyq_op op;

	if (pyq_ring_claim_put(r, &op) || pyq_ring_publish(r, &op, 1, 0))
		return 1;
	return pyq_sleepers_claim(&r->hdr->getters.sleepers, 1) != 1;
}

/* Stopped before he has called whom he has claimed: the next who puts calls. */
TEST_F(denial, stopped_before_a_call)
{
	int q = pq_create(self->dev, .maxsize = 4, .payload = 48);
	pid_t getter = child(wait_in_get(q, PYQUEUE_FOREVER)), pid;

	ASSERT_TRUE(wait_asleep(q, getters, 1, getter));
	pid = stopped_with(q, owe_a_call);
	ASSERT_LT(0, pid);
	EXPECT_EQ(1, pq_stat(q).getters);
	EXPECT_EQ(1, put_up_to(q, 1));
	EXPECT_EQ(0, reap(getter));
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(pid));
	close(q);
}

/* The same, of those who poll. */
static int owe_a_call_to_pollers(struct pyq_ring *r)
{
	struct pyq_op op;

	if (pyq_ring_claim_put(r, &op) || pyq_ring_publish(r, &op, 1, 0))
		return 1;
	return !pyq_pollers_claim(&r->hdr->getters);
}

/*
 * Others put, and see nobody to be called, until there is no room: then it is they who wait
 * for those who poll, in whatever way, and call them.
 */
FIXTURE(owed_to_pollers) {
	int dev;
};

FIXTURE_VARIANT(owed_to_pollers) {
	int (*wait)(int q); /* for room */
};

static int for_room(int q)
{
	return pq_await(q, PYQUEUE_WRITE, in_ns(20 * MSEC)) == -ETIMEDOUT ? 0 : -1;
}

static int for_room_by_poll(int q)
{
	struct pollfd pfd = { .fd = q, .events = POLLOUT };

	return poll(&pfd, 1, 20);
}

FIXTURE_VARIANT_ADD(owed_to_pollers, asleep) { .wait = for_room };
FIXTURE_VARIANT_ADD(owed_to_pollers, polling) { .wait = for_room_by_poll };

FIXTURE_SETUP(owed_to_pollers)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
}

FIXTURE_TEARDOWN(owed_to_pollers)
{
	close(self->dev);
}

TEST_F(owed_to_pollers, stopped_before_a_call)
{
	int q = pq_create(self->dev, .maxsize = 4, .payload = 48);
	struct pollfd pfd = { .fd = q, .events = POLLIN };
	pid_t poller = child(poll(&pfd, 1, -1) == 1 ? 0 : -1), pid;
	struct pyq_ring r;

	ASSERT_TRUE(eventually(asleep_in_poll(poller)));
	pid = stopped_with(q, owe_a_call_to_pollers);
	ASSERT_LT(0, pid);
	ASSERT_LT(0, map_ring(q, &r));
	for (int i = 1; i < 4; i++) {
		EXPECT_FALSE(pyq_pollers_any(&r.hdr->getters));
		EXPECT_EQ(1, owe_a_call_to_pollers(&r));
	}
	EXPECT_TRUE(asleep_in_poll(poller));
	EXPECT_EQ(0, variant->wait(q));
	ASSERT_TRUE(eventually(!asleep_in_poll(poller)));
	EXPECT_EQ(0, reap(poller));
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(pid));
	EXPECT_EQ(0, unmap_ring(q, &r));
	close(q);
}

/* Stopped in his sleep, as the first in line: what comes is for the next. */
TEST_F(denial, stopped_asleep)
{
	static const struct side sides[] = { { .gets = true, .wait = wait_in_get },
					     { .gets = false, .wait = wait_in_put } };

	for (unsigned int i = 0; i < ARRAY_SIZE(sides); i++) {
		int q = side_queue(self->dev, &sides[i]), status;
		pid_t first = sleeper(q, &sides[i], PYQUEUE_FOREVER, 1), second;

		ASSERT_LT(0, first);
		second = sleeper(q, &sides[i], PYQUEUE_FOREVER, 2);
		ASSERT_LT(0, second);
		ASSERT_EQ(0, kill(first, SIGSTOP));
		ASSERT_EQ(first, waitpid(first, &status, WUNTRACED));
		ASSERT_TRUE(WIFSTOPPED(status));
		EXPECT_EQ(1, sleeping(q, &sides[i]));
		EXPECT_EQ(0, let_one_go(q, &sides[i]));
		EXPECT_EQ(0, reap(second));
		/* And goes on by itself when he does. */
		EXPECT_EQ(0, kill(first, SIGCONT));
		EXPECT_TRUE(until_asleep(q, &sides[i], 1));
		EXPECT_EQ(0, let_one_go(q, &sides[i]));
		EXPECT_EQ(0, reap(first));
		close(q);
	}
}

/* --- memory that stops whoever touches it ------------------------------------------ */

/* A thread in some call. */
struct caller {
	long (*call)(void *arg);
	void *arg;
	long ret;
	int over;
	pthread_t thread;
};

static void *make_call(void *arg)
{
	struct caller *c = arg;

	c->ret = c->call(c->arg);
	store(&c->over, 1);
	return NULL;
}

static bool start_call(struct caller *c, long (*call)(void *arg), void *arg)
{
	*c = (struct caller){ .call = call, .arg = arg };
	return !pthread_create(&c->thread, NULL, make_call, c);
}

static long end_of_call(struct caller *c)
{
	if (!eventually(load(&c->over)))
		return -ETIME;
	pthread_join(c->thread, NULL);
	return c->ret;
}

/* A message in such memory. */
struct trapped_put {
	int q;
	char *buf;
	size_t len;
};

static long put_it(void *arg)
{
	const struct trapped_put *p = arg;

	return pq_put(p->q, p->buf, p->len, PYQUEUE_FOREVER);
}

static long write_it(void *arg)
{
	const struct trapped_put *p = arg;

	return write(p->q, p->buf, p->len) == (ssize_t)p->len ? 0 : -errno;
}

static long put_second(void *arg)
{
	const struct trapped_put *p = arg;
	struct pyqueue_msg msgs[] = { { .buf = (uintptr_t)"1", .len = 1 },
				      { .buf = (uintptr_t)p->buf, .len = p->len } };

	return pq_put_many(p->q, msgs, 2, PYQUEUE_FOREVER) == 2 ? 0 : -EIO;
}

FIXTURE(stalled) {
	int dev;
	int q;
	char *buf;
	struct trap trap;
};

FIXTURE_VARIANT(stalled) {
	long (*call)(void *arg);
	size_t len;
	int maxsize;
};

#define STALLED(name, call_)                                                 \
	FIXTURE_VARIANT_ADD(stalled, name##_short) {                         \
		.call = call_, .len = 200, .maxsize = 4 };                   \
	FIXTURE_VARIANT_ADD(stalled, name##_of_a_slot) {                     \
		.call = call_, .len = 900, .maxsize = 4 };                   \
	FIXTURE_VARIANT_ADD(stalled, name##_large) {                         \
		.call = call_, .len = 5000, .maxsize = 4 };                  \
	FIXTURE_VARIANT_ADD(stalled, name##_unbounded) {                     \
		.call = call_, .len = 5000, .maxsize = 0 }

STALLED(put, put_it);
STALLED(write, write_it);
STALLED(put_many, put_second);

FIXTURE_SETUP(stalled)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = variant->maxsize, .payload = 1008);
	ASSERT_LE(0, self->q);
	self->buf = fresh_pages(2);
	SET_TRAP(&self->trap, self->buf, 2, false);
}

FIXTURE_TEARDOWN(stalled)
{
	close(self->trap.uffd);
	close(self->q);
	close(self->dev);
}

/* Who puts a message that is not there, however long, has no slot meanwhile, and no lock. */
TEST_F(stalled, in_put)
{
	struct trapped_put put = { .q = self->q, .buf = self->buf, .len = variant->len };
	static char message[5000], room[5000];
	struct caller caller;
	int first = variant->call == put_second;

	ASSERT_TRUE(start_call(&caller, variant->call, &put));
	ASSERT_TRUE(eventually(trapped(&self->trap)));
	EXPECT_EQ(first, pq_qsize(self->q));
	if (first)
		EXPECT_EQ(1, get_up_to(self->q, 1));
	for (int i = 0; i < 10; i++) {
		size_t len = i % 3 ? 5000 : 1;

		EXPECT_EQ(0, pq_put(self->q, message, len, PYQUEUE_NOWAIT));
		EXPECT_EQ(len, pq_get(self->q, room, sizeof(room), PYQUEUE_NOWAIT));
	}
	EXPECT_EQ(4, put_up_to(self->q, 4));
	EXPECT_EQ(4, get_up_to(self->q, 4));
	EXPECT_EQ(first, (int)pq_stat(self->q).unfinished - 14);
	EXPECT_FALSE(load(&caller.over));
	open_trap(&self->trap);
	EXPECT_EQ(0, end_of_call(&caller));
	EXPECT_EQ(variant->len, pq_get(self->q, room, sizeof(room), PYQUEUE_NOWAIT));
}

/* But what it is going to cost is counted from its beginning. */
TEST_F(denial, stalled_in_put_counts)
{
	static char message[5000];
	int q = pq_create(self->dev, .maxsize = 4, .max_bytes = 8000);
	struct trapped_put put = { .q = q, .buf = fresh_pages(2), .len = 5000 };
	struct caller caller;
	struct trap trap;

	ASSERT_LE(0, q);
	SET_TRAP(&trap, put.buf, 2, false);
	ASSERT_TRUE(start_call(&caller, put_it, &put));
	ASSERT_TRUE(eventually(trapped(&trap)));
	EXPECT_EQ(5000, pq_stat(q).large_bytes);
	EXPECT_EQ(-ENOBUFS, pq_put(q, message, 5000, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_put(q, message, 3000, PYQUEUE_NOWAIT));
	EXPECT_EQ(1, put_up_to(q, 1));
	open_trap(&trap);
	EXPECT_EQ(0, end_of_call(&caller));
	close(trap.uffd);
	close(q);
}

/* Calls on the device, with a name, or room for names, that is not there. */
struct trapped_name {
	int dev;
	char *at;
};

static long create_it(void *arg)
{
	const struct trapped_name *n = arg;

	return pq_create(n->dev, .maxsize = 1, .mode = 0600, .name = (uintptr_t)n->at,
			 .name_len = 5);
}

static long open_it(void *arg)
{
	const struct trapped_name *n = arg;
	struct pyqueue_open a = { .size = sizeof(a), .flags = PYQUEUE_READ,
		.name = (uintptr_t)n->at, .name_len = 5 };

	return pq_ioctl(n->dev, PYQUEUE_IOC_OPEN, &a);
}

static long unlink_it(void *arg)
{
	const struct trapped_name *n = arg;
	struct pyqueue_unlink a = { .size = sizeof(a), .name = (uintptr_t)n->at, .name_len = 5 };

	return pq_ioctl(n->dev, PYQUEUE_IOC_UNLINK, &a);
}

static long list_it(void *arg)
{
	const struct trapped_name *n = arg;
	struct pyqueue_list a = { .size = sizeof(a), .entries = (uintptr_t)n->at, .count = 2,
		.entry_size = sizeof(struct pyqueue_entry) };

	return pq_ioctl(n->dev, PYQUEUE_IOC_LIST, &a);
}

/* Nobody has the lock of the names while he waits for memory of his own. */
TEST_F(denial, stalled_with_names)
{
	static const struct {
		long (*call)(void *arg);
		long ret;
	} cases[] = {
		{ create_it, -EINVAL }, { open_it, -EINVAL }, { unlink_it, -EINVAL },
		{ list_it, 1 },
	};

	close(pq_create_named(self->dev, "there", .maxsize = 1));
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct trapped_name name = { .dev = self->dev, .at = fresh_pages(1) };
		struct caller caller;
		struct trap trap;

		SET_TRAP(&trap, name.at, 1, false);
		ASSERT_TRUE(start_call(&caller, cases[i].call, &name));
		ASSERT_TRUE(eventually(trapped(&trap)));
		EXPECT_AS(ALICE, {
			EXPECT_LE(0, pq_create_named(self->dev, "new", .maxsize = 1));
			EXPECT_LE(0, pq_open(self->dev, "new", PYQUEUE_READ));
			EXPECT_EQ(0, pq_unlink(self->dev, "new"));
			EXPECT_EQ(-EACCES, pq_open(self->dev, "there", PYQUEUE_READ));
		});
		EXPECT_FALSE(load(&caller.over));
		open_trap(&trap);
		/* There are zeros now, which no name has. */
		EXPECT_EQ(cases[i].ret, end_of_call(&caller)) TH_LOG("case %u", i);
		close(trap.uffd);
	}
}

TEST_HARNESS_MAIN
