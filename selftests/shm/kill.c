// SPDX-License-Identifier: GPL-2.0
/*
 * A process is killed before every step of every call: alone, and among others who
 * put and get. What is found then is what docs/ring.md lists for that step: a
 * message is in the queue if its slot was made READY, and gone if its slot was
 * made FREE; nothing hangs, and nothing is left behind. On either backend.
 */
#include "../lib_test.h"

#include <linux/pyqueue.h>
#include <sys/mman.h>

#include "kill.h"
#include "ring/word.h"

struct kill *kill_me;

void kill_step(void)
{
	if (kill_me && ++kill_me->steps == kill_me->at)
		kill(getpid(), SIGKILL);
}

void kill_changed(const void *at, uint64_t from, uint64_t to)
{
	const struct pyqueue_header *page = (const void *)((uintptr_t)at & ~4095UL);

	/* Not tail and the like, which are on the first page. */
	if (!kill_me || page->magic == PYQUEUE_MAGIC)
		return;
	/* Dropped. */
	if (pyq_word_state(from) == PYQUEUE_READY && pyq_word_state(to) == PYQUEUE_SKIPPING)
		kill_me->released++;
	/* A claim names its owner. */
	if (!pyq_word_owner(from))
		return;
	if (pyq_word_state(from) == PYQUEUE_WRITING && pyq_word_state(to) == PYQUEUE_READY)
		kill_me->published++;
	if (pyq_word_state(from) == PYQUEUE_READING && pyq_word_state(to) == PYQUEUE_FREE)
		kill_me->released++;
}

long __real_pyqi_ioctl(int fd, unsigned long cmd, void *arg);
long __wrap_pyqi_ioctl(int fd, unsigned long cmd, void *arg);

/* What the module does for somebody is done whole, or not at all. */
long __wrap_pyqi_ioctl(int fd, unsigned long cmd, void *arg)
{
	const struct pyqueue_fetch *fetch = arg;
	long ret;

	kill_step();
	ret = __real_pyqi_ioctl(fd, cmd, arg);
	if (kill_me && ret >= 0) {
		if (cmd == PYQUEUE_IOC_PUT)
			kill_me->published++;
		if (cmd == PYQUEUE_IOC_PUT_MANY)
			kill_me->published += ret;
		if (cmd == PYQUEUE_IOC_GET ||
		    (cmd == PYQUEUE_IOC_FETCH && fetch->flags & PYQUEUE_FETCH_RELEASE))
			kill_me->released++;
		if (cmd == PYQUEUE_IOC_GET_MANY)
			kill_me->released += ret;
	}
	kill_step();
	return ret;
}

#define MAXSIZE 4
#define LARGE 9000

static char large[LARGE], room[LARGE];

/* What a child does, and what is in the queue before. */
struct call {
	const char *name;
	int before;
	size_t len;
	int (*run)(pyq_queue *q, size_t len);
};

static int put(pyq_queue *q, size_t len)
{
	return pyq_put(q, large, len, PYQ_NOWAIT);
}

static int put_waiting(pyq_queue *q, size_t len)
{
	return pyq_put(q, large, len, PYQ_MILLISECONDS(20)) == -ETIMEDOUT ? 0 : -1;
}

static int put_many(pyq_queue *q, size_t len)
{
	struct pyq_msg msgs[3] = { };

	for (int i = 0; i < 3; i++)
		msgs[i] = (struct pyq_msg){ .data = large, .len = len };
	return pyq_put_many(q, msgs, 3, PYQ_NOWAIT) == 3 ? 0 : -1;
}

static int get(pyq_queue *q, size_t len)
{
	return pyq_get(q, room, LARGE, PYQ_NOWAIT) == (ssize_t)len ? 0 : -1;
}

static int get_waiting(pyq_queue *q, size_t len)
{
	(void)len;
	return pyq_get(q, room, LARGE, PYQ_MILLISECONDS(20)) == -ETIMEDOUT ? 0 : -1;
}

static int get_many(pyq_queue *q, size_t len)
{
	struct pyq_msg msgs[3] = { };

	(void)len;
	for (int i = 0; i < 3; i++)
		msgs[i] = (struct pyq_msg){ .data = room + i * LARGE / 3, .size = LARGE / 3 };
	return pyq_get_many(q, msgs, 3, PYQ_NOWAIT) == 3 ? 0 : -1;
}

static int reserve_and_commit(pyq_queue *q, size_t len)
{
	struct pyq_loan loan;

	return pyq_reserve(q, &loan, PYQ_NOWAIT) || pyq_commit(q, &loan, len);
}

static int reserve_and_discard(pyq_queue *q, size_t len)
{
	struct pyq_loan loan;

	(void)len;
	return pyq_reserve(q, &loan, PYQ_NOWAIT) || pyq_discard(q, &loan);
}

static int borrow_and_release(pyq_queue *q, size_t len)
{
	struct pyq_loan loan;

	return pyq_borrow(q, &loan, PYQ_NOWAIT) || loan.size != len || pyq_release(q, &loan);
}

static int borrow_and_give_back(pyq_queue *q, size_t len)
{
	struct pyq_loan loan;

	return pyq_borrow(q, &loan, PYQ_NOWAIT) || loan.size != len || pyq_give_back(q, &loan);
}

/* All at once, and left to the close. */
static int close_with_loans(pyq_queue *q, size_t len)
{
	struct pyq_loan reserved, borrowed;
	int fd = dup(pyq_fd(q));
	pyq_queue *other;

	(void)len;
	if (pyq_from_fd(&other, fd) || pyq_reserve(other, &reserved, PYQ_NOWAIT) ||
	    pyq_borrow(other, &borrowed, PYQ_NOWAIT))
		return -1;
	pyq_close(other);
	return 0;
}

static int count_and_done(pyq_queue *q, size_t len)
{
	(void)len;
	return pyq_qsize(q) == 2 && !pyq_task_done(q, 1) && pyq_join(q, PYQ_NOWAIT) == -EAGAIN ? 0 :
												 -1;
}

static int open_and_close(pyq_queue *q, size_t len)
{
	int fd = dup(pyq_fd(q));
	pyq_queue *other;

	(void)len;
	if (pyq_from_fd(&other, fd))
		return -1;
	pyq_close(other);
	return 0;
}

static const struct call calls[] = {
	{ "put", 0, 8, put },
	{ "put with others there", 3, 8, put },
	{ "put a large one", 1, LARGE, put },
	{ "put, full", MAXSIZE, 8, put_waiting },
	{ "put a large one, full", MAXSIZE, LARGE, put_waiting },
	{ "put_many", 1, 8, put_many },
	{ "get", 1, 8, get },
	{ "get, full", MAXSIZE, 8, get },
	{ "get a large one", 2, LARGE, get },
	{ "get, empty", 0, 8, get_waiting },
	{ "get_many", 4, 8, get_many },
	{ "qsize, task_done, join", 2, 8, count_and_done },
	{ "open and close", 2, LARGE, open_and_close },
	{ "reserve and commit", 1, 8, reserve_and_commit },
	{ "reserve and discard", 1, 8, reserve_and_discard },
	{ "reserve and discard, empty", 0, 8, reserve_and_discard },
	{ "borrow and release", 2, 8, borrow_and_release },
	{ "borrow and release a large one", 2, LARGE, borrow_and_release },
	{ "borrow and give back", 2, 8, borrow_and_give_back },
	{ "borrow and give back a large one", 2, LARGE, borrow_and_give_back },
	{ "close with loans", 2, 8, close_with_loans },
};

/* A queue with so many in it, of that length. */
static pyq_queue *queue_with(struct __test_metadata *_metadata, const struct call *call)
{
	pyq_queue *q = new_queue(.maxsize = MAXSIZE, .payload = 48, .max_msg = LARGE,
				 .max_bytes = 16 * 4096);

	for (int i = 0; i < call->before; i++) {
		ASSERT_EQ(0, pyq_put(q, large, call->len, PYQ_NOWAIT));
	}
	return q;
}

/* Everybody who is left takes what there is: so many, and then it works as new. */
static void check(struct __test_metadata *_metadata, pyq_queue *q, const struct call *call,
		  int expected, uint64_t at)
{
	struct pyq_stat st;

	/* Who looks has the dead seen to; so has who waits, for what they had in hand. */
	if (at % 2) {
		ASSERT_EQ(0, pyq_stat(q, &st));
	}
	for (int i = 0; i < expected; i++) {
		ASSERT_EQ(call->len, pyq_get(q, room, LARGE, PYQ_SECONDS(10)))
			TH_LOG("%s, killed at step %llu: message %d of %d", call->name,
			       (unsigned long long)at, i, expected);
	}
	ASSERT_EQ(0, pyq_stat(q, &st));
	ASSERT_EQ(-EAGAIN, pyq_get(q, room, LARGE, PYQ_NOWAIT))
		TH_LOG("%s, killed at step %llu: one more than %d", call->name,
		       (unsigned long long)at, expected);
	ASSERT_EQ(0, pyq_stat(q, &st));
	EXPECT_EQ(0, st.qsize);
	EXPECT_EQ(0, st.large_bytes);
	for (int i = 0; i < 2 * MAXSIZE; i++) {
		ASSERT_EQ(0, pyq_put(q, large, i % 2 ? LARGE : 8, PYQ_NOWAIT));
		if (i >= MAXSIZE - 1) {
			ASSERT_LT(0, pyq_get(q, room, LARGE, PYQ_NOWAIT));
		}
	}
	ASSERT_EQ(MAXSIZE - 1, pyq_qsize(q));
}

/* proves: promise kill-every-step */
TEST(alone)
{
	struct kill *kill = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				 -1, 0);
	unsigned long kills = 0;
	cpu_set_t one;

	ASSERT_NE(MAP_FAILED, kill);
	/* On one processor nobody spins, and the steps are the same each time. */
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(one), &one));
	for (size_t c = 0; c < sizeof(calls) / sizeof(calls[0]); c++) {
		int status;

		for (uint64_t at = 1;; at++) {
			pyq_queue *q = queue_with(_metadata, &calls[c]);

			*kill = (struct kill){ .at = at };
			status = exit_status(in_child(({
				kill_me = kill;
				calls[c].run(q, calls[c].len);
			})));
			ASSERT_TRUE(status == 0 || status == 128 + SIGKILL)
				TH_LOG("%s: %d at step %llu", calls[c].name, status,
				       (unsigned long long)at);
			check(_metadata, q, &calls[c],
			      calls[c].before + (int)kill->published - (int)kill->released, at);
			pyq_close(q);
			if (!status)
				break;
			kills++;
		}
	}
	TH_LOG("%lu kills", kills);
	/* 1009, or 429; fewer if the calls that time out do so before they have slept. */
	EXPECT_LT(on_shm() ? 700 : 380, kills);
}

/* The queue is shut down at once, and dropped by whoever is left. */
/* proves: promise shutdown-immediate */
TEST(shut_down)
{
	struct kill *kill = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				 -1, 0);
	unsigned long kills = 0;
	struct pyq_stat st;

	ASSERT_NE(MAP_FAILED, kill);
	for (int large_one = 0; large_one < 2; large_one++) {
		const struct call call = { .before = 3, .len = large_one ? LARGE : 8 };
		int status = 1;

		for (uint64_t at = 1; status; at++) {
			pyq_queue *q = queue_with(_metadata, &call);

			*kill = (struct kill){ .at = at };
			status = exit_status(in_child(({
				kill_me = kill;
				pyq_shutdown(q, true);
			})));
			ASSERT_TRUE(status == 0 || status == 128 + SIGKILL);
			kills += status != 0;
			ASSERT_EQ(0, pyq_stat(q, &st));
			ASSERT_EQ(0, pyq_shutdown(q, true));
			EXPECT_EQ(0, pyq_qsize(q));
			EXPECT_EQ(0, pyq_join(q, PYQ_NOWAIT))
				TH_LOG("killed at step %llu", (unsigned long long)at);
			EXPECT_EQ(-EINVAL, pyq_task_done(q, 1));
			ASSERT_EQ(0, pyq_stat(q, &st));
			EXPECT_EQ(0, st.large_bytes);
			pyq_close(q);
		}
	}
	/* The module does it in one go. */
	EXPECT_LT(on_shm() ? 50 : 2, kills);
}

static int die_with_one(pyq_queue *q)
{
	struct pyq_loan loan;

	return pyq_borrow(q, &loan, PYQ_NOWAIT) || kill(getpid(), SIGKILL);
}

static int look(pyq_queue *q, size_t len)
{
	struct pyq_stat st;

	(void)len;
	return pyq_stat(q, &st);
}

/* Some have died, each with a message; who settles that is killed. */
/* proves: promise kill-every-step */
TEST(settling)
{
	static const struct call call = { "settle", 3, 8, look };
	struct kill *kill = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				 -1, 0);
	unsigned long kills = 0;
	struct pyq_stat st;
	int status = 1;

	ASSERT_NE(MAP_FAILED, kill);
	for (uint64_t at = 1; status; at++) {
		pyq_queue *q = queue_with(_metadata, &call);

		for (int i = 0; i < call.before; i++)
			ASSERT_EQ(128 + SIGKILL, exit_status(in_child(die_with_one(q))));
		*kill = (struct kill){ .at = at };
		status = exit_status(in_child(({
			kill_me = kill;
			call.run(q, call.len);
		})));
		ASSERT_TRUE(status == 0 || status == 128 + SIGKILL);
		kills += status != 0;
		check(_metadata, q, &call, call.before, at);
		ASSERT_EQ(0, pyq_stat(q, &st));
		EXPECT_EQ(1, st.owners);
		pyq_close(q);
	}
	TH_LOG("%lu kills", kills);
	/* The module has settled it before. */
	EXPECT_LT(on_shm() ? 60 : 1, kills);
}

/* What the dead have left behind, once settled, costs nobody a step more. */
TEST(nothing_lasts)
{
	struct kill count = { 0 };
	pyq_queue *q = queue_with(_metadata, &(struct call){ 0 });
	uint64_t before;

	for (int turn = 0; turn < 2; turn++) {
		count.steps = 0;
		kill_me = &count;
		EXPECT_EQ(0, put(q, 8));
		EXPECT_EQ(0, get(q, 8));
		kill_me = NULL;
		if (turn)
			break;
		before = count.steps;
		EXPECT_EQ(0, put(q, 8));
		ASSERT_EQ(128 + SIGKILL, exit_status(in_child(({
			struct pyq_loan loan;

			pyq_borrow(q, &loan, PYQ_NOWAIT) ? 1 : kill(getpid(), SIGKILL);
		}))));
		EXPECT_EQ(8, pyq_get(q, room, LARGE, LONG));
		/* Finds that there is no more of that kind. */
		EXPECT_EQ(-EAGAIN, pyq_get(q, room, LARGE, PYQ_NOWAIT));
	}
	EXPECT_EQ(before, count.steps);
	pyq_close(q);
}

#define BUSY 3

/* Puts or gets until the queue is shut down. */
static int busy(pyq_queue *q, bool puts)
{
	ssize_t ret;

	for (unsigned int i = 0;; i++) {
		ret = puts ? pyq_put(q, large, i % 8 ? 8 : LARGE, PYQ_FOREVER) :
			     pyq_get(q, room, LARGE, PYQ_FOREVER);
		if (ret < 0)
			return ret == -ESHUTDOWN ? 0 : 1;
	}
}

static int put_among_others(pyq_queue *q, size_t len)
{
	return pyq_put(q, large, len, PYQ_SECONDS(10));
}

static int get_among_others(pyq_queue *q, size_t len)
{
	(void)len;
	return pyq_get(q, room, LARGE, PYQ_SECONDS(10)) >= 0 ? 0 : -1;
}

/*
 * Among 3 who put and 3 who get without pause. Each counts what it has published
 * and released; in the end that must be nothing more than what is there.
 */
/* proves: promise kill-every-step */
TEST(among_others)
{
	static const struct call victims[] = {
		{ "put", 0, 8, put_among_others },
		{ "put a large one", 0, LARGE, put_among_others },
		{ "get", 0, 0, get_among_others },
	};
	struct kill *kills = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				  -1, 0);
	struct kill *victim = &kills[2 * BUSY];
	pyq_queue *q = new_queue(.maxsize = MAXSIZE, .payload = 48, .max_msg = LARGE,
				 .max_bytes = 64 * 4096);
	uint64_t published = 0, released = 0, ends = 0;
	pid_t pids[2 * BUSY];
	struct pyq_stat st;

	ASSERT_NE(MAP_FAILED, kills);
	for (int i = 0; i < 2 * BUSY; i++) {
		pids[i] = in_child(({
			kill_me = &kills[i];
			busy(q, i < BUSY);
		}));
	}
	for (size_t c = 0; c < sizeof(victims) / sizeof(victims[0]); c++) {
		for (uint64_t at = 1; at < 80; at++) {
			int status;

			*victim = (struct kill){ .at = at };
			status = exit_status(in_child(({
				kill_me = victim;
				victims[c].run(q, victims[c].len);
			})));
			ASSERT_TRUE(status == 0 || status == 128 + SIGKILL)
				TH_LOG("%s: %d at step %llu", victims[c].name, status,
				       (unsigned long long)at);
			published += victim->published;
			released += victim->released;
			ends += status != 0;
		}
	}
	ASSERT_EQ(0, pyq_shutdown(q, false));
	for (int i = 0; i < 2 * BUSY; i++) {
		ASSERT_EQ(0, exit_status(pids[i])) TH_LOG("process %d", i);
		published += kills[i].published;
		released += kills[i].released;
	}
	ASSERT_EQ(0, pyq_stat(q, &st));
	TH_LOG("%llu kills, %llu messages", (unsigned long long)ends,
	       (unsigned long long)published);
	EXPECT_EQ(published - released, st.qsize);
	while (pyq_get(q, room, LARGE, PYQ_NOWAIT) >= 0)
		released++;
	EXPECT_EQ(published, released);
	ASSERT_EQ(0, pyq_stat(q, &st));
	EXPECT_EQ(0, st.large_bytes);
	/* Large ones have fewer steps where the module does most of them. */
	EXPECT_LT(on_shm() ? 100 : 40, ends);
	pyq_close(q);
}

TEST_HARNESS_MAIN
