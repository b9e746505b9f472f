// SPDX-License-Identifier: GPL-2.0
/*
 * What was wrong once. The cases failed before it was put right, but for those
 * of which it is said that they did not.
 */
#include "actors.h"
#include "sleepers.h"

#include <pthread.h>
#include <linux/userfaultfd.h>
#include <sys/epoll.h>

/* Beyond what a working system needs, and several fit the time of a case. */
#define LONG_ENOUGH (5 * SEC)

/* As eventually(), but a case that waits for several things says for which. */
#define before_long(condition)                                               \
	({                                                                   \
		uint64_t until_ = in_ns(LONG_ENOUGH);                        \
		bool holds_;                                                 \
		while (!(holds_ = (condition)) && now_ns() < until_)         \
			let_others_run();                                    \
		holds_;                                                      \
	})

#define load(p) __atomic_load_n(p, __ATOMIC_SEQ_CST)
#define store(p, value) __atomic_store_n(p, value, __ATOMIC_SEQ_CST)
#define count(p) __atomic_add_fetch(p, 1, __ATOMIC_SEQ_CST)

static void nap(uint64_t ns)
{
	struct timespec ts = { .tv_nsec = ns };

	nanosleep(&ts, NULL);
}

/* --- called before asleep ------------------------------------------------------ */

/*
 * A sleeper that was called after it had entered the line, and before it slept,
 * kept the call when it found nothing to do. Nothing reached it again, neither a
 * message nor a shutdown. Here a crowd is called again and again for what has
 * been taken away by then. After that everybody must still get his turn.
 */
#define CROWD 32

struct door {
	const char *name;
	int (*pass)(int q);		/* waits, without a limit */
	int (*open)(int q, int n);	/* for so many; 0 or less: it was open */
	int (*shut)(int q, int n);
	bool (*settled)(int q);		/* nobody could pass, or everybody could */
};

static int put_up_to(int q, int n)
{
	struct pyqueue_msg msgs[CROWD];

	for (int i = 0; i < n; i++)
		msgs[i] = (struct pyqueue_msg){ .buf = (uintptr_t)"1", .len = 1 };
	return pq_put_many(q, msgs, n, PYQUEUE_NOWAIT);
}

static int get_up_to(int q, int n)
{
	struct pyqueue_msg msgs[CROWD];
	char bytes[CROWD];

	for (int i = 0; i < n; i++)
		msgs[i] = (struct pyqueue_msg){ .buf = (uintptr_t)&bytes[i], .len = 1 };
	return pq_get_many(q, msgs, n, PYQUEUE_NOWAIT);
}

static int finish_all(int q, int n)
{
	n = pq_stat(q).unfinished;
	return n ? !pq_task_done(q, n) : 0;
}

static int begin_one(int q, int n)
{
	n = put_up_to(q, 1);
	get_up_to(q, 1);
	return n;
}

static int pass_get(int q)
{
	return wait_in_get(q, PYQUEUE_FOREVER);
}

static int pass_put(int q)
{
	return wait_in_put(q, PYQUEUE_FOREVER);
}

static int pass_join(int q)
{
	return pq_join(q, PYQUEUE_FOREVER);
}

static bool is_empty(int q)
{
	return pq_qsize(q) == 0;
}

static bool is_full(int q)
{
	return pq_qsize(q) == CROWD;
}

static bool is_anything(int q)
{
	return true;
}

static const struct door doors[] = {
	{ "get", pass_get, put_up_to, get_up_to, is_empty },
	{ "put", pass_put, get_up_to, put_up_to, is_full },
	{ "join", pass_join, finish_all, begin_one, is_anything },
};

#define THIEVES 2

/* A door, those who wait before it, and those who shut it. */
struct hall {
	const struct door *door;
	int q;
	int over;
	int rest;		/* who passes now waits at the gate */
	int resting;
	int gate[2];
	int halt;		/* who steals now waits in the cell */
	int halted;
	int cell[2];
	int nr_thieves;
	int nr_crowd;
	pthread_t thieves[THIEVES];
	pthread_t crowd[CROWD];
};

static bool is_released(int pipe[2])
{
	char c;

	return read(pipe[0], &c, 1) == 1;
}

static bool release(int pipe[2], int n)
{
	return write(pipe[1], (char[CROWD]){ }, n) == n;
}

static void *pass(void *arg)
{
	struct hall *hall = arg;

	while (!load(&hall->over) && !hall->door->pass(hall->q)) {
		if (load(&hall->rest)) {
			count(&hall->resting);
			if (!is_released(hall->gate))
				break;
		}
	}
	return NULL;
}

static void *steal(void *arg)
{
	struct hall *hall = arg;

	while (!load(&hall->over)) {
		hall->door->shut(hall->q, 1);
		if (load(&hall->halt)) {
			count(&hall->halted);
			if (!is_released(hall->cell))
				break;
		}
	}
	return NULL;
}

static bool fill_hall(struct hall *hall, int dev, const struct door *door, int thieves)
{
	*hall = (struct hall){ .door = door };
	hall->q = pq_create(dev, .maxsize = CROWD, .payload = 48);
	if (hall->q < 0 || pipe(hall->gate) || pipe(hall->cell))
		return false;
	door->shut(hall->q, CROWD);
	for (; hall->nr_thieves < thieves; hall->nr_thieves++)
		if (pthread_create(&hall->thieves[hall->nr_thieves], NULL, steal, hall))
			return false;
	for (; hall->nr_crowd < CROWD; hall->nr_crowd++)
		if (pthread_create(&hall->crowd[hall->nr_crowd], NULL, pass, hall))
			return false;
	return true;
}

static void clear_hall(struct hall *hall)
{
	store(&hall->over, 1);
	for (int i = 0; i < hall->nr_thieves; i++)
		pthread_join(hall->thieves[i], NULL);
	hall->door->open(hall->q, CROWD);
	pq_shutdown(hall->q, 0);
	for (int i = 0; i < hall->nr_crowd; i++)
		pthread_join(hall->crowd[i], NULL);
	close(hall->gate[0]);
	close(hall->gate[1]);
	close(hall->cell[0]);
	close(hall->cell[1]);
	close(hall->q);
}

/*
 * Nobody else is at work: who could pass has passed, and when it is opened for
 * all everybody does. Then it is shut, and they line up again.
 */
static bool all_pass(struct hall *hall)
{
	if (!before_long(hall->door->settled(hall->q)))
		return false;
	store(&hall->rest, 1);
	hall->door->open(hall->q, CROWD);
	if (!before_long(load(&hall->resting) == CROWD))
		return false;
	hall->door->shut(hall->q, CROWD);
	store(&hall->rest, 0);
	store(&hall->resting, 0);
	return release(hall->gate, CROWD);
}

/* Who sleeps beside what. */
#define LOG_HALL(hall, round)                                                \
	({                                                                   \
		struct pyqueue_stat st_ = pq_stat((hall)->q);                \
		TH_LOG("%s, round %d: %d have passed; asleep %u/%u/%u, %llu messages", \
		       (hall)->door->name, round, load(&(hall)->resting),    \
		       st_.getters, st_.putters, st_.joiners,                \
		       (unsigned long long)st_.qsize);                       \
	})

FIXTURE(called_early) {
	int dev;
	struct hall hall;
	char preemption[16];
};

/*
 * A kernel that can be preempted anywhere meets the moment often, others once
 * in a long while. The file says "none (voluntary) full".
 */
#define PREEMPTION "/sys/kernel/debug/sched/preempt"

static void preempt_anywhere(FIXTURE_DATA(called_early) *self)
{
	int fd = open(PREEMPTION, O_RDONLY | O_CLOEXEC);
	char text[64] = "", *from, *to;

	if (fd < 0)
		return;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	from = strchr(text, '(');
	to = strchr(text, ')');
	if (!from || !to || write_file(PREEMPTION, "full"))
		return;
	snprintf(self->preemption, sizeof(self->preemption), "%.*s", (int)(to - from - 1),
		 from + 1);
}

FIXTURE_SETUP(called_early)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	preempt_anywhere(self);
}

FIXTURE_TEARDOWN(called_early)
{
	before_everybody(false);
	store(&self->hall.halt, 1);
	if (self->preemption[0])
		EXPECT_EQ(0, write_file(PREEMPTION, self->preemption));
	close(self->dev);
}

/*
 * On one CPU: who opens and shuts does both before anybody else can run, and
 * leaves the crowd different times in between.
 */
TEST_F(called_early, between_two_instructions)
{
	struct hall *hall = &self->hall;

	ASSERT_TRUE(one_cpu());
	for (unsigned int i = 0; i < ARRAY_SIZE(doors); i++) {
		uint64_t end = in_ns(600 * MSEC);

		ASSERT_TRUE(before_everybody(false));
		ASSERT_TRUE(fill_hall(hall, self->dev, &doors[i], 0));
		ASSERT_TRUE(before_everybody(true));
		for (int round = 0; now_ns() < end; round++) {
			for (int j = 0; j < 20; j++) {
				int n = hall->door->open(hall->q, CROWD);

				if (n > 0)
					hall->door->shut(hall->q, n);
				nap(rand() % 200000);
			}
			ASSERT_TRUE(all_pass(hall))
				LOG_HALL(hall, round);
		}
		clear_hall(hall);
	}
}

/*
 * On all CPUs, and others snatch away what is meant for the crowd. Failed one
 * time in two.
 */
TEST_F(called_early, thieves)
{
	struct hall *hall = &self->hall;

	for (unsigned int i = 0; i < ARRAY_SIZE(doors); i++) {
		uint64_t end = in_ns(500 * MSEC);

		ASSERT_TRUE(fill_hall(hall, self->dev, &doors[i], THIEVES));
		for (int round = 0; now_ns() < end; round++) {
			uint64_t pause = in_ns(20 * MSEC);

			while (now_ns() < pause)
				hall->door->open(hall->q, 1 + rand() % CROWD);
			store(&hall->halt, 1);
			ASSERT_TRUE(before_long(load(&hall->halted) == THIEVES));
			ASSERT_TRUE(all_pass(hall))
				LOG_HALL(hall, round);
			store(&hall->halt, 0);
			store(&hall->halted, 0);
			ASSERT_TRUE(release(hall->cell, THIEVES));
		}
		clear_hall(hall);
	}
}

/* --- EPOLLEXCLUSIVE ------------------------------------------------------------ */

static int watching(int q, uint32_t events)
{
	struct epoll_event event = { .events = events };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	return ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, q, &event) ? -1 : ep;
}

/* The events of a watched queue; 0 if there are none within @ms. */
static int reported(int ep, int ms)
{
	struct epoll_event event = { };
	int n = epoll_wait(ep, &event, 1, ms);

	return n < 0 ? -errno : (int)event.events;
}

FIXTURE(exclusive) {
	int dev;
	int q;
	int ep;
	int bystander;
	pid_t pid;
};

/* A bystander who was there first, and what the other waits for. */
FIXTURE_VARIANT(exclusive) {
	uint32_t bystander;
	uint32_t waits_for;
};

FIXTURE_VARIANT_ADD(exclusive, in_beside_out) {
	.bystander = EPOLLOUT | EPOLLET, .waits_for = EPOLLIN };
FIXTURE_VARIANT_ADD(exclusive, in_beside_hup) {
	.bystander = EPOLLHUP, .waits_for = EPOLLIN };
FIXTURE_VARIANT_ADD(exclusive, out_beside_in) {
	.bystander = EPOLLIN | EPOLLET, .waits_for = EPOLLOUT };
FIXTURE_VARIANT_ADD(exclusive, out_beside_hup) {
	.bystander = EPOLLHUP, .waits_for = EPOLLOUT };

FIXTURE_SETUP(exclusive)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = 2);
	ASSERT_LE(0, self->q);
	if (variant->waits_for == EPOLLOUT)
		ASSERT_EQ(2, put_up_to(self->q, 2));
	self->bystander = watching(self->q, variant->bystander | EPOLLEXCLUSIVE);
	ASSERT_LE(0, self->bystander);
	self->ep = watching(self->q, variant->waits_for | EPOLLEXCLUSIVE);
	ASSERT_LE(0, self->ep);
	self->pid = spawn();
	if (!self->pid)
		for (;;)
			reported(self->bystander, -1);
	ASSERT_TRUE(before_long(asleep_in(self->pid, SYS_epoll_wait)));
}

FIXTURE_TEARDOWN(exclusive)
{
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(self->pid));
	close(self->ep);
	close(self->bystander);
	close(self->q);
	close(self->dev);
}

/* proves: promise poll-exclusive */
TEST_F(exclusive, beside_one_who_waits_for_something_else)
{
	const bool for_in = variant->waits_for == EPOLLIN;

	for (int i = 0; i < 10; i++) {
		EXPECT_EQ(0, reported(self->ep, 0));
		EXPECT_EQ(1, for_in ? put_up_to(self->q, 1) : get_up_to(self->q, 1));
		ASSERT_EQ(variant->waits_for, reported(self->ep, LONG_ENOUGH / MSEC));
		ASSERT_TRUE(before_long(asleep_in(self->pid, SYS_epoll_wait)));
		EXPECT_EQ(1, for_in ? get_up_to(self->q, 1) : put_up_to(self->q, 1));
	}
}

/* Exclusive is who gets a message. A shutdown is for all. */
/* proves: promise shutdown */
TEST_F(exclusive, shutdown_wakes_all)
{
	pid_t pids[4];

	for (unsigned int i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = spawn();
		if (!pids[i]) {
			int ep = watching(self->q, variant->waits_for | EPOLLEXCLUSIVE);

			leave(reported(ep, -1) & variant->waits_for ? 0 : -EILSEQ);
		}
		ASSERT_TRUE(before_long(asleep_in(pids[i], SYS_epoll_wait)));
	}
	EXPECT_EQ(0, pq_shutdown(self->q, 0));
	EXPECT_EQ(variant->waits_for, reported(self->ep, LONG_ENOUGH / MSEC) & variant->waits_for);
	for (unsigned int i = 0; i < ARRAY_SIZE(pids); i++) {
		EXPECT_TRUE(before_long(!asleep_in(pids[i], SYS_epoll_wait)));
		EXPECT_EQ(0, kill(pids[i], 0));
		if (asleep_in(pids[i], SYS_epoll_wait))
			kill(pids[i], SIGKILL);
		EXPECT_EQ(0, reap(pids[i]));
	}
}

/* --- a get in a page fault ------------------------------------------------------- */

/*
 * Memory in which the kernel stops: it must not have a message in hand then,
 * and what it does afterwards must not depend on what was there before.
 */
struct trap {
	int uffd;
	struct uffdio_range range;
};

static int set_trap(struct trap *trap, void *at, size_t size, bool for_writes_only)
{
	struct uffdio_api api = { .api = UFFD_API,
		.features = for_writes_only ? UFFD_FEATURE_PAGEFAULT_FLAG_WP : 0 };
	struct uffdio_register reg = { .range = { (uintptr_t)at, size },
		.mode = for_writes_only ? UFFDIO_REGISTER_MODE_WP : UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_writeprotect protect = { .range = reg.range,
		.mode = UFFDIO_WRITEPROTECT_MODE_WP };

	trap->range = reg.range;
	trap->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (trap->uffd < 0 || ioctl(trap->uffd, UFFDIO_API, &api) ||
	    ioctl(trap->uffd, UFFDIO_REGISTER, &reg) ||
	    (for_writes_only && ioctl(trap->uffd, UFFDIO_WRITEPROTECT, &protect)))
		return -errno;
	return 0;
}

/* Is somebody in it? Looks, and waits for nobody. */
static bool trapped(const struct trap *trap)
{
	struct uffd_msg msg;

	return read(trap->uffd, &msg, sizeof(msg)) == sizeof(msg) &&
	       msg.event == UFFD_EVENT_PAGEFAULT;
}

/* Whoever is in it goes on, and whoever comes. */
static void open_trap(struct trap *trap)
{
	ioctl(trap->uffd, UFFDIO_UNREGISTER, &trap->range);
	ioctl(trap->uffd, UFFDIO_WAKE, &trap->range);
}

/* A thread in GET. */
struct getter {
	int q;
	struct pyqueue_get *arg;
	int ret;
	int over;
	pthread_t thread;
};

static void *get(void *arg)
{
	struct getter *getter = arg;

	getter->ret = pq_ioctl(getter->q, PYQUEUE_IOC_GET, getter->arg);
	store(&getter->over, 1);
	return NULL;
}

static bool start(struct getter *getter, int q, struct pyqueue_get *arg)
{
	*getter = (struct getter){ .q = q, .arg = arg };
	return !pthread_create(&getter->thread, NULL, get, getter);
}

static int result(struct getter *getter)
{
	if (!before_long(load(&getter->over)))
		return -ETIME;
	pthread_join(getter->thread, NULL);
	return getter->ret;
}

static char *fresh_pages(int n)
{
	char *p = mmap(NULL, n * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

#define SET_TRAP(trap, at, pages, for_writes_only)                           \
	do {                                                                 \
		int err_ = set_trap(trap, at, (pages) * 4096, for_writes_only); \
		if (err_ == -ENOSYS || err_ == -EPERM)                       \
			SKIP(return, "no userfaultfd here");                 \
		ASSERT_EQ(0, err_);                                          \
	} while (0)

/* So that what is wrong with its lowest byte alone is seen. */
#define ROOM 0xf0

FIXTURE(snatched) {
	int dev;
	int q;
};

FIXTURE_VARIANT(snatched) {
	bool split;		/* it is the struct in which the kernel stops */
	uint64_t deadline;	/* in nanoseconds from now if it is neither */
	bool signal;
	int sa_flags;
	int ret;
};

#define SNATCHED(name, ...)                                                  \
	FIXTURE_VARIANT_ADD(snatched, name) { .split = false, __VA_ARGS__ }; \
	FIXTURE_VARIANT_ADD(snatched, name##_split) { .split = true, __VA_ARGS__ }

SNATCHED(at_once, .deadline = PYQUEUE_NOWAIT, .ret = -EAGAIN);
SNATCHED(time_over, .deadline = 100 * MSEC, .ret = -ETIMEDOUT);
SNATCHED(signal, .deadline = PYQUEUE_FOREVER, .signal = true, .ret = -EINTR);
SNATCHED(restart, .deadline = PYQUEUE_FOREVER, .signal = true, .sa_flags = SA_RESTART,
	 .ret = ROOM);

FIXTURE_SETUP(snatched)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = 4);
	ASSERT_LE(0, self->q);
}

FIXTURE_TEARDOWN(snatched)
{
	close(self->q);
	close(self->dev);
}

static int handled;

static void handle(int sig)
{
	count(&handled);
}

/*
 * A get that found a message waits for its memory meanwhile, and another one
 * takes the message. The first one's len is still the room that it has: the
 * program may call again with it, and a restart by the kernel does.
 */
TEST_F(snatched, len_is_still_the_room)
{
	char *args = fresh_pages(2), *buf = fresh_pages(1), byte, big[ROOM];
	struct pyqueue_get *arg = (void *)args, before;
	struct getter getter;
	struct trap trap;

	if (variant->split) {
		/* len ends the first page. */
		arg = (void *)(args + 4096 - offsetof(struct pyqueue_get, position));
		args[4096] = 0;
		buf[0] = 0;
	}
	*arg = (struct pyqueue_get){ .size = sizeof(*arg), .buf = (uintptr_t)buf, .len = ROOM,
		.deadline_ns = variant->deadline };
	if (variant->deadline && variant->deadline != PYQUEUE_FOREVER)
		arg->deadline_ns = in_ns(variant->deadline);
	before = *arg;
	SET_TRAP(&trap, variant->split ? args + 4096 : buf, 1, variant->split);
	on_signal(SIGUSR1, handle, variant->sa_flags);

	ASSERT_EQ(1, put_up_to(self->q, 1));
	ASSERT_TRUE(start(&getter, self->q, arg));
	ASSERT_TRUE(before_long(trapped(&trap)));
	ASSERT_EQ(1, pq_get(self->q, &byte, 1, PYQUEUE_NOWAIT));
	if (variant->signal)
		ASSERT_EQ(0, pthread_kill(getter.thread, SIGUSR1));
	open_trap(&trap);

	if (variant->ret > 0) {
		ASSERT_TRUE(before_long(load(&handled)));
		ASSERT_TRUE(before_long(pq_stat(self->q).getters == 1));
		EXPECT_EQ(ROOM, arg->len);
		ASSERT_EQ(0, pq_put(self->q, fill_pattern(big, ROOM, 1), ROOM, PYQUEUE_NOWAIT));
		EXPECT_EQ(ROOM, result(&getter));
		EXPECT_TRUE(has_pattern(buf, ROOM, 1));
		before.position = 1;
		before.deliveries = 1;
	} else {
		EXPECT_EQ(variant->ret, result(&getter));
		EXPECT_EQ(ROOM, arg->len);
	}
	if (!variant->split || variant->ret > 0)
		EXPECT_EQ(0, memcmp(&before, arg, sizeof(before)));
	close(trap.uffd);
}

/*
 * The same without a trap: three who race for the messages of two, into memory
 * that is not there yet.
 */
struct racer {
	int q;
	bool puts;
	int *stop;
	int failed;
	int changed;	/* failed, and len is not the room */
	int wrong;	/* failed or got as it must not be */
	pthread_t thread;
};

static void *race(void *arg)
{
	struct racer *r = arg;
	char *args = fresh_pages(2), *buf = fresh_pages(1);
	struct pyqueue_get *get = (void *)(args + 4096 - offsetof(struct pyqueue_get, position));

	for (int i = 0; !load(r->stop); i++) {
		int ret;

		madvise(buf, 4096, MADV_DONTNEED);
		madvise(args, 2 * 4096, MADV_DONTNEED);
		get->size = sizeof(*get);
		get->buf = (uintptr_t)buf;
		get->len = ROOM;
		get->deadline_ns = i % 4 ? PYQUEUE_NOWAIT : in_ns(20000);
		if (r->puts && i % 2)
			pq_put(r->q, "message", 8, PYQUEUE_NOWAIT);
		ret = pq_ioctl(r->q, PYQUEUE_IOC_GET, get);
		if (ret < 0) {
			r->failed++;
			r->changed += get->len != ROOM;
			r->wrong += ret != -EAGAIN && ret != -ETIMEDOUT;
		} else {
			r->wrong += ret != 8 || get->len != 8 || get->deliveries != 1 ||
				    memcmp(buf, "message", 8);
		}
	}
	return NULL;
}

TEST(race_into_fresh_memory)
{
	int dev = dev_open(), q = pq_create(dev, .maxsize = 2), stop = 0, failed = 0;
	struct racer racers[3] = { };

	ASSERT_LE(0, q);
	for (unsigned int i = 0; i < ARRAY_SIZE(racers); i++) {
		racers[i] = (struct racer){ .q = q, .puts = i > 0, .stop = &stop };
		ASSERT_EQ(0, pthread_create(&racers[i].thread, NULL, race, &racers[i]));
	}
	nap(500 * MSEC);
	store(&stop, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(racers); i++) {
		pthread_join(racers[i].thread, NULL);
		failed += racers[i].failed;
		EXPECT_EQ(0, racers[i].changed)
			TH_LOG("of %d", racers[i].failed);
		EXPECT_EQ(0, racers[i].wrong);
	}
	EXPECT_LT(0, failed);
	close(q);
	close(dev);
}

/* --- the bound ------------------------------------------------------------------- */

#define BOUND 3		/* less than there are slots: they do not help out */

static int full_queue(int dev)
{
	int q = pq_create(dev, .maxsize = BOUND);

	if (q >= 0 && put_up_to(q, BOUND) != BOUND)
		return -1;
	return q;
}

/* While a get waits for its buffer its message is in the queue, and counts. */
/* proves: promise bound-exact */
TEST(bound_while_a_get_faults)
{
	int dev = dev_open(), q = full_queue(dev);
	char *buf = fresh_pages(1);
	struct pyqueue_get arg = { .size = sizeof(arg), .buf = (uintptr_t)buf, .len = ROOM };
	struct getter getter;
	struct trap trap;

	ASSERT_LE(0, q);
	SET_TRAP(&trap, buf, 1, false);
	ASSERT_TRUE(start(&getter, q, &arg));
	ASSERT_TRUE(before_long(trapped(&trap)));
	EXPECT_EQ(BOUND, pq_qsize(q));
	EXPECT_EQ(-EAGAIN, put_up_to(q, 1));
	EXPECT_EQ(BOUND, pq_qsize(q));
	open_trap(&trap);
	EXPECT_EQ(1, result(&getter));
	EXPECT_EQ(0, arg.position);
	EXPECT_EQ(1, arg.deliveries);
	EXPECT_EQ(1, put_up_to(q, 2));
	EXPECT_EQ(BOUND, pq_qsize(q));
	close(trap.uffd);
	close(q);
	close(dev);
}

/* Did not fail: what was given back was taken again before anybody could look. */
/* proves: promise bound-exact */
TEST(bound_after_gets_into_fresh_memory)
{
	int dev = dev_open(), q = full_queue(dev);
	char *args = fresh_pages(2), *buf = fresh_pages(1);
	struct pyqueue_get *get = (void *)(args + 4096 - offsetof(struct pyqueue_get, position));

	ASSERT_LE(0, q);
	for (int i = 0; i < 200; i++) {
		madvise(buf, 4096, MADV_DONTNEED);
		madvise(args, 2 * 4096, MADV_DONTNEED);
		get->size = sizeof(*get);
		get->buf = (uintptr_t)buf;
		get->len = ROOM;
		ASSERT_EQ(1, pq_ioctl(q, PYQUEUE_IOC_GET, get));
		ASSERT_EQ(i, get->position);
		ASSERT_EQ(1, get->deliveries);
		ASSERT_EQ(BOUND - 1, pq_qsize(q));
		ASSERT_EQ(1, put_up_to(q, 2));
		ASSERT_EQ(BOUND, pq_qsize(q));
	}
	close(q);
	close(dev);
}

/* proves: GET -EFAULT, promise bound-exact */
TEST(bound_after_gets_without_a_buffer)
{
	int dev = dev_open(), q = full_queue(dev);
	struct pyqueue_get got;
	char byte;

	ASSERT_LE(0, q);
	for (int i = 0; i < 1000; i++) {
		ASSERT_EQ(-EFAULT, pq_get(q, NULL, 1, PYQUEUE_NOWAIT));
	}
	EXPECT_EQ(BOUND, pq_qsize(q));
	EXPECT_EQ(-EAGAIN, put_up_to(q, 1));
	EXPECT_EQ(BOUND, pq_qsize(q));
	for (int i = 0; i < BOUND; i++) {
		ASSERT_EQ(1, pq_get_full(q, &byte, 1, PYQUEUE_NOWAIT, &got));
		EXPECT_EQ(i, got.position);
		EXPECT_EQ(1, got.deliveries);
	}
	EXPECT_EQ(BOUND, put_up_to(q, BOUND + 1));
	close(q);
	close(dev);
}

/* A struct that cannot be written: the message is the next, as if for the first time. */
/* proves: GET -EFAULT */
TEST(read_only_struct)
{
	static const size_t lens[] = { 5, 5000 };	/* in a slot, and large */
	int dev = dev_open();
	char *args = fresh_pages(2), first[5000], second[5000], buf[6000];

	for (unsigned int i = 0; i < ARRAY_SIZE(lens) * 2; i++) {
		/* All of it, and all behind len. */
		size_t at = i % 2 ? 4096 - offsetof(struct pyqueue_get, position) : 4096;
		struct pyqueue_get *arg = (void *)(args + at), got;
		size_t len = lens[i / 2];
		int q = pq_create(dev, .maxsize = 4);

		ASSERT_LE(0, q);
		ASSERT_EQ(0, pq_put(q, fill_pattern(first, len, 1), len, PYQUEUE_NOWAIT));
		ASSERT_EQ(0, pq_put(q, fill_pattern(second, len, 2), len, PYQUEUE_NOWAIT));
		*arg = (struct pyqueue_get){ .size = sizeof(*arg), .buf = (uintptr_t)buf,
			.len = sizeof(buf) };
		ASSERT_EQ(0, mprotect(args + 4096, 4096, PROT_READ));
		for (int again = 0; again < 3; again++)
			EXPECT_EQ(-EFAULT, pq_ioctl(q, PYQUEUE_IOC_GET, arg));
		EXPECT_EQ(sizeof(buf), arg->len)
			TH_LOG("%zu bytes, struct at %zu", len, at);
		EXPECT_EQ(2, pq_qsize(q));
		EXPECT_EQ(len, pq_get_full(q, buf, sizeof(buf), PYQUEUE_NOWAIT, &got));
		EXPECT_TRUE(has_pattern(buf, len, 1));
		EXPECT_EQ(0, got.position);
		EXPECT_EQ(1, got.deliveries);
		EXPECT_EQ(len, pq_get_full(q, buf, sizeof(buf), PYQUEUE_NOWAIT, &got));
		EXPECT_TRUE(has_pattern(buf, len, 2));
		EXPECT_EQ(1, got.deliveries);
		ASSERT_EQ(0, mprotect(args + 4096, 4096, PROT_READ | PROT_WRITE));
		close(q);
	}
	close(dev);
}

/* --- large messages ---------------------------------------------------------------- */

#define LARGE 8192

/*
 * The message has been copied, its description cannot be: it goes back. Should
 * the kernel then try again it has to begin at the beginning of the buffer, for
 * it may be another message by then.
 */
TEST(large_message_again)
{
	int dev = dev_open(), q = pq_create(dev, .maxsize = 4, .payload = 48);
	static char data[LARGE], other[LARGE];
	char *buf = fresh_pages(4);
	struct pyqueue_get *arg = (void *)fresh_pages(1), got;
	struct getter getter;
	struct trap trap;
	bool again;

	ASSERT_LE(0, q);
	buf[0] = buf[4096] = 0;
	SET_TRAP(&trap, buf + LARGE, 2, false);
	*arg = (struct pyqueue_get){ .size = sizeof(*arg), .buf = (uintptr_t)buf,
		.len = 4 * 4096 };
	ASSERT_EQ(0, mprotect(arg, 4096, PROT_READ));
	ASSERT_EQ(0, pq_put(q, fill_pattern(data, LARGE, 1), LARGE, PYQUEUE_NOWAIT));

	ASSERT_TRUE(start(&getter, q, arg));
	ASSERT_TRUE(before_long((again = trapped(&trap)) || load(&getter.over)));
	if (again) {
		/* Now it shall succeed, and with another message. */
		ASSERT_EQ(LARGE, pq_get(q, other, LARGE, PYQUEUE_NOWAIT));
		EXPECT_TRUE(has_pattern(other, LARGE, 1));
		ASSERT_EQ(0, pq_put(q, fill_pattern(data, LARGE, 2), LARGE, PYQUEUE_NOWAIT));
		ASSERT_EQ(0, mprotect(arg, 4096, PROT_READ | PROT_WRITE));
		open_trap(&trap);
	}
	if (result(&getter) == LARGE) {
		EXPECT_TRUE(has_pattern(buf, LARGE, 2));
		EXPECT_EQ(0, pq_qsize(q));
	} else {
		EXPECT_EQ(-EFAULT, getter.ret);
		EXPECT_EQ(LARGE, pq_get_full(q, other, LARGE, PYQUEUE_NOWAIT, &got));
		EXPECT_EQ(0, memcmp(other, data, LARGE));
		EXPECT_EQ(1, got.deliveries);
	}
	close(trap.uffd);
	close(q);
	close(dev);
}

struct flicker {
	char *page;
	int stop;
	pthread_t thread;
};

static void *flicker(void *arg)
{
	struct flicker *f = arg;

	while (!load(&f->stop)) {
		mprotect(f->page, 4096, PROT_NONE);
		mprotect(f->page, 4096, PROT_READ | PROT_WRITE);
	}
	return NULL;
}

/* A buffer whose second page comes and goes: what is got is right all the same. */
TEST(large_message_into_a_flickering_buffer)
{
	int dev = dev_open(), q = pq_create(dev, .maxsize = 4, .payload = 48);
	int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC), ret, got = 0, faults = 0;
	struct flicker f = { .page = NULL };
	static char data[6000], seen[6000];
	char *buf = fresh_pages(8);
	uint64_t end;

	ASSERT_LE(0, q);
	ASSERT_LE(0, memory);
	f.page = buf + 4096;
	ASSERT_EQ(0, pthread_create(&f.thread, NULL, flicker, &f));
	end = in_ns(700 * MSEC);
	for (int seed = 0; now_ns() < end; seed++) {
		fill_pattern(data, sizeof(data), seed);
		ASSERT_EQ(0, pq_put(q, data, sizeof(data), PYQUEUE_NOWAIT));
		for (;;) {
			ret = pq_get(q, buf, 8 * 4096, PYQUEUE_NOWAIT);
			if (ret != -EFAULT)
				break;
			faults++;
		}
		ASSERT_EQ(sizeof(data), ret);
		/* Reads what the page has whether it is accessible or not. */
		ASSERT_EQ(sizeof(seen), pread(memory, seen, sizeof(seen), (uintptr_t)buf));
		ASSERT_EQ(0, memcmp(seen, data, sizeof(data)))
			TH_LOG("message %d, after %d faults", seed, faults);
		got++;
	}
	store(&f.stop, 1);
	pthread_join(f.thread, NULL);
	EXPECT_LT(0, got);
	EXPECT_EQ(0, pq_qsize(q));
	EXPECT_EQ(0, pq_stat(q).large_bytes);
	close(memory);
	close(q);
	close(dev);
}

/*
 * The largest slot: more than the kernel finds in one piece when memory is in
 * many. Did not fail: here it is not.
 */
/* proves: promise length-0-to-max */
TEST(largest_payload)
{
	static char data[PYQUEUE_PAYLOAD_MAX], buf[PYQUEUE_PAYLOAD_MAX];
	int dev = dev_open(), q = pq_create(dev, .maxsize = 4, .payload = PYQUEUE_PAYLOAD_MAX);
	int pipes[2][2];

	ASSERT_LE(0, q);
	EXPECT_EQ(PYQUEUE_PAYLOAD_MAX, pq_stat(q).payload);
	/* Some memory in single pages, every other one of which is free again. */
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, pipe2(pipes[i], O_NONBLOCK | O_CLOEXEC));
		fcntl(pipes[i][1], F_SETPIPE_SZ, 1 << 20);
	}
	for (int i = 0; write(pipes[i % 2][1], data, 4096) == 4096; i++)
		;
	close(pipes[1][0]);
	close(pipes[1][1]);
	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(0, pq_put(q, fill_pattern(data, sizeof(data), i), sizeof(data),
				    PYQUEUE_NOWAIT));
		ASSERT_EQ(0, pq_put(q, data, sizeof(data), PYQUEUE_NOWAIT));
		ASSERT_EQ(sizeof(data), pq_get(q, buf, sizeof(buf), PYQUEUE_NOWAIT));
		ASSERT_EQ(0, memcmp(data, buf, sizeof(data)));
		ASSERT_EQ(sizeof(data), pq_get(q, buf, sizeof(buf), PYQUEUE_NOWAIT));
		ASSERT_EQ(0, memcmp(data, buf, sizeof(data)));
	}
	EXPECT_EQ(0, pq_stat(q).large_bytes);
	close(pipes[0][0]);
	close(pipes[0][1]);
	close(q);
	close(dev);
}

/* --- GET_MANY ------------------------------------------------------------------------ */

#define MSGS 4

/* Of an element that was not filled nothing changes; the next call goes on with it. */
/* proves: GET_MANY -EMSGSIZE, promise buffer-too-small */
TEST(len_of_elements_not_filled)
{
	static const __u32 payloads[] = { 240, 48 };	/* in slots, and large */
	int dev = dev_open();

	for (unsigned int p = 0; p < ARRAY_SIZE(payloads); p++) {
		for (int there = 1; there <= MSGS; there++) {
			int q = pq_create(dev, .maxsize = MSGS, .payload = payloads[p]);
			struct pyqueue_msg msgs[MSGS], before[MSGS];
			char data[200], bufs[MSGS][100];

			ASSERT_LE(0, q);
			/* The last one does not fit; behind it there is nothing. */
			for (int i = 0; i < there; i++) {
				ASSERT_EQ(0, pq_put(q, fill_pattern(data, 200, i),
						    i == there - 1 ? 200 : 50, PYQUEUE_NOWAIT));
			}
			for (int i = 0; i < MSGS; i++)
				before[i] = msgs[i] = (struct pyqueue_msg){
					.buf = (uintptr_t)bufs[i], .len = 100,
					.position = ~0ULL, .deliveries = 77 };

			for (int again = 0; again < 2; again++) {
				int filled = again ? 0 : there - 1;

				ASSERT_EQ(filled ?: -EMSGSIZE,
					  pq_get_many(q, msgs, MSGS, PYQUEUE_NOWAIT));
				for (int i = 0; i < filled; i++)
					EXPECT_EQ(50, msgs[i].len);
				/* The need of the first one is told. */
				if (!filled) {
					EXPECT_EQ(200, msgs[0].len);
					msgs[0].len = 100;
				}
				for (int i = filled; i < MSGS; i++) {
					EXPECT_EQ(100, msgs[i].len)
						TH_LOG("%d there, element %d", there, i);
				}
				EXPECT_EQ(0, memcmp(&msgs[filled], &before[filled],
						    (MSGS - filled) * sizeof(msgs[0])));
				memcpy(msgs, before, sizeof(msgs));
			}
			EXPECT_EQ(1, pq_qsize(q));
			close(q);
		}
	}
	close(dev);
}

/* --- whose a name is ----------------------------------------------------------------- */

/* Its owner could map it and has not made it: mapped by him it could be spoilt. */
/* proves: promise sealed */
TEST(a_gift_is_sealed)
{
	static const struct {
		uid_t uid;
		gid_t gid;
		unsigned int flags;
		unsigned int sealed;
	} cases[] = {
		{ ALICE, PYQUEUE_ID_CALLER, 0, PYQUEUE_SEALED },
		{ ALICE, ALICE, 0, PYQUEUE_SEALED },
		{ ALICE, ALICE, PYQUEUE_MAPPABLE, 0 },
		{ PYQUEUE_ID_CALLER, ALICE, 0, 0 },
		{ 0, 0, 0, 0 },
	};
	int dev = dev_open();

	ASSERT_LE(0, dev);
	ASSERT_TRUE(own_names());
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pyqueue_entry entry = { };
		struct pyqueue_list list = { .size = sizeof(list), .count = 1,
			.entries = (uintptr_t)&entry, .entry_size = sizeof(entry) };
		int q = pq_create_named(dev, "gift", .maxsize = 1, .uid = cases[i].uid,
					.gid = cases[i].gid, .flags = cases[i].flags);

		ASSERT_LE(0, q);
		EXPECT_EQ(cases[i].sealed, pq_stat(q).flags & PYQUEUE_SEALED)
			TH_LOG("case %u", i);
		EXPECT_EQ(1, pq_ioctl(dev, PYQUEUE_IOC_LIST, &list));
		EXPECT_EQ(cases[i].sealed, entry.flags);
		EXPECT_EQ(0, pq_unlink(dev, "gift"));
		close(q);
	}
	close(dev);
}

/* Names in the network namespace of @pid, by root of the machine, until @step is 3. */
static void make_names_in(pid_t pid, int *step)
{
	static const struct { const char *name; uid_t uid; gid_t gid; } names[] = {
		{ "foreign", 0, 0 }, { "foreign-user", 0, 100500 },
		{ "foreign-group", 100500, 0 }, { "known", 100500, 100501 },
	};
	int dev = dev_open(), net, err = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	net = open(path, O_RDONLY | O_CLOEXEC);
	if (dev < 0 || net < 0 || setns(net, CLONE_NEWNET))
		_exit(1);
	for (unsigned int i = 0; i < ARRAY_SIZE(names) && err >= 0; i++)
		err = pq_create_named(dev, names[i].name, .maxsize = 1, .uid = names[i].uid,
				      .gid = names[i].gid);
	store(step, 2);
	if (err >= 0 && !eventually(load(step) == 3))
		err = -ETIME;
	unlink_all(dev);
	leave(err);
}

/*
 * Root of a user namespace, in a network namespace of its own: its capabilities
 * count for owners and groups that have a name there, and for no others.
 */
/* proves: OPEN -EACCES, CREATE -EACCES, UNLINK -EPERM, promise namespaces */
TEST(capabilities_end_where_ids_do)
{
	static const char *const foreign[] = { "foreign", "foreign-user", "foreign-group" };
	int *step = shared_memory(4096);
	pid_t pid = spawn(), maker;
	char path[64];

	if (!pid) {
		struct pyqueue_entry entries[8];
		struct pyqueue_list list = { .size = sizeof(list), .count = 8,
			.entries = (uintptr_t)entries, .entry_size = sizeof(entries[0]) };
		int dev = dev_open();

		EXPECT_EQ(0, unshare(CLONE_NEWUSER | CLONE_NEWNET));
		store(step, 1);
		ASSERT_TRUE(eventually(load(step) == 2));
		ASSERT_EQ(0, setresgid(0, 0, 0));
		ASSERT_EQ(0, setresuid(0, 0, 0));
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (unsigned int i = 0; i < ARRAY_SIZE(foreign); i++) {
			EXPECT_EQ(-EACCES, pq_open(dev, foreign[i], PYQUEUE_READ))
				TH_LOG("%s", foreign[i]);
			EXPECT_EQ(-EACCES, pq_open(dev, foreign[i], PYQUEUE_WRITE));
			EXPECT_EQ(-EACCES, pq_create_named(dev, foreign[i], .maxsize = 1));
			EXPECT_EQ(-EPERM, pq_unlink(dev, foreign[i]));
		}
		EXPECT_EQ(1, pq_ioctl(dev, PYQUEUE_IOC_LIST, &list));
		EXPECT_STREQ("known", (char *)entries[0].name);
		EXPECT_LE(0, pq_open(dev, "known", PYQUEUE_READ | PYQUEUE_WRITE));
		EXPECT_EQ(0, pq_unlink(dev, "known"));
		child_done();
	}

	ASSERT_TRUE(eventually(load(step) == 1));
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	EXPECT_EQ(0, write_file(path, "0 100000 1000"));
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	EXPECT_EQ(0, write_file(path, "0 100000 1000"));
	maker = spawn();
	if (!maker)
		make_names_in(pid, step);
	EXPECT_EQ(0, reap(pid));
	store(step, 3);
	EXPECT_EQ(0, reap(maker));
}

TEST_HARNESS_MAIN
