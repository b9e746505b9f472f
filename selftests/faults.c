// SPDX-License-Identifier: GPL-2.0
/*
 * A get whose memory is not there: what others see meanwhile, and what is left
 * behind.
 */
#include "actors.h"
#include "sleepers.h"
#include "trap.h"

static void nap(uint64_t ns)
{
	struct timespec ts = { .tv_nsec = ns };

	nanosleep(&ts, NULL);
}

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
	ASSERT_TRUE(eventually(trapped(&trap)));
	ASSERT_EQ(1, pq_get(self->q, &byte, 1, PYQUEUE_NOWAIT));
	if (variant->signal)
		ASSERT_EQ(0, pthread_kill(getter.thread, SIGUSR1));
	open_trap(&trap);

	if (variant->ret > 0) {
		ASSERT_TRUE(eventually(load(&handled)));
		ASSERT_TRUE(eventually(pq_stat(self->q).getters == 1));
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

/* --- the others meanwhile --------------------------------------------------------- */

FIXTURE(in_a_fault) {
	int dev;
	int q;
	char *buf;
	struct pyqueue_get *arg;
	struct trap trap;
};

FIXTURE_VARIANT(in_a_fault) {
	bool split;		/* it is the struct in which the kernel stops */
};

FIXTURE_VARIANT_ADD(in_a_fault, buffer) { .split = false };
FIXTURE_VARIANT_ADD(in_a_fault, struct) { .split = true };

FIXTURE_SETUP(in_a_fault)
{
	char *args = fresh_pages(2);

	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = BOUND);
	ASSERT_LE(0, self->q);
	self->buf = fresh_pages(1);
	/* len ends the first page. */
	self->arg = (void *)(args + 4096 - offsetof(struct pyqueue_get, position));
	*self->arg = (struct pyqueue_get){ .size = sizeof(*self->arg), .len = ROOM,
		.buf = (uintptr_t)self->buf, .deadline_ns = PYQUEUE_FOREVER };
	if (variant->split)
		self->buf[0] = 0;
	SET_TRAP(&self->trap, variant->split ? args + 4096 : self->buf, 1, variant->split);
}

FIXTURE_TEARDOWN(in_a_fault)
{
	close(self->trap.uffd);
	close(self->q);
	close(self->dev);
}

/*
 * The first in the line is called, and cannot take the message: his memory is
 * not there. Who comes after him can. And he has kept his place.
 */
/* proves: promise baton */
TEST_F(in_a_fault, the_next_gets_it)
{
	struct getter first, third;
	struct pyqueue_get arg = { .size = sizeof(arg), .deadline_ns = PYQUEUE_FOREVER };
	char room[ROOM];
	pid_t second;

	ASSERT_TRUE(start(&first, self->q, self->arg));
	ASSERT_TRUE(eventually(asleep_at(load(&first.tid), "pyqueue_")));
	second = child(wait_in_get(self->q, PYQUEUE_FOREVER));
	ASSERT_TRUE(eventually(asleep_at(second, "pyqueue_")));
	ASSERT_EQ(1, put_up_to(self->q, 1));
	ASSERT_TRUE(eventually(trapped(&self->trap)));
	ASSERT_TRUE(eventually(pq_qsize(self->q) == 0));
	EXPECT_EQ(0, reap(second));
	EXPECT_FALSE(load(&first.over));

	arg.buf = (uintptr_t)room;
	arg.len = ROOM;
	ASSERT_TRUE(start(&third, self->q, &arg));
	ASSERT_TRUE(eventually(asleep_at(load(&third.tid), "pyqueue_")));
	open_trap(&self->trap);
	ASSERT_TRUE(eventually(asleep_at(first.tid, "pyqueue_")));
	ASSERT_EQ(1, put_up_to(self->q, 1));
	EXPECT_EQ(1, result(&first));
	EXPECT_EQ(1, self->arg->position);
	EXPECT_FALSE(load(&third.over));
	ASSERT_EQ(1, put_up_to(self->q, 1));
	EXPECT_EQ(1, result(&third));
	EXPECT_EQ(2, arg.position);
}

/* What is not anybody's yet is in the queue, and counts. */
/* proves: promise bound-exact */
TEST_F(in_a_fault, the_bound)
{
	struct getter getter;

	ASSERT_EQ(BOUND, put_up_to(self->q, BOUND));
	ASSERT_TRUE(start(&getter, self->q, self->arg));
	ASSERT_TRUE(eventually(trapped(&self->trap)));
	EXPECT_EQ(BOUND, pq_qsize(self->q));
	EXPECT_EQ(-EAGAIN, put_up_to(self->q, 1));
	EXPECT_EQ(BOUND, pq_qsize(self->q));
	open_trap(&self->trap);
	EXPECT_EQ(1, result(&getter));
	EXPECT_EQ(0, self->arg->position);
	EXPECT_EQ(1, self->arg->deliveries);
	EXPECT_EQ(1, put_up_to(self->q, 2));
	EXPECT_EQ(BOUND, pq_qsize(self->q));
}

/* What is given back is taken again before anybody can look. */
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

/* A stack that has not grown as far as the buffer yet. */
TEST(a_stack_that_grows)
{
	static const size_t lens[] = { 1, 200, 5000 };
	int dev = dev_open(), q = pq_create(dev, .maxsize = 4);
	char data[5000];

	ASSERT_LE(0, q);
	for (unsigned int i = 0; i < ARRAY_SIZE(lens) * 2; i++) {
		const size_t size = 4 << 20, len = lens[i / 2];
		char *room = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		char *stack, *buf;

		ASSERT_NE(MAP_FAILED, room);
		munmap(room, size);
		stack = mmap(room + size - 8192, 8192, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
		ASSERT_NE(MAP_FAILED, stack);
		stack[0] = 0;
		buf = stack - 8192;
		ASSERT_EQ(0, pq_put(q, fill_pattern(data, len, i), len, PYQUEUE_NOWAIT));
		EXPECT_EQ(len, i % 2 ? read(q, buf, 6000) : pq_get(q, buf, 6000, PYQUEUE_NOWAIT));
		EXPECT_TRUE(has_pattern(buf, len, i));
		munmap(room, size);
	}
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

/* --- a batch ------------------------------------------------------------------------ */

struct batch {
	int q;
	struct pyqueue_msg msgs[3];
	int ret;
	int over;
};

static void *put_batch(void *arg)
{
	struct batch *batch = arg;

	batch->ret = pq_put_many(batch->q, batch->msgs, 3, PYQUEUE_FOREVER);
	store(&batch->over, 1);
	return NULL;
}

/* A signal ends it with what has been put: its handler does not wait for all of it. */
TEST(batch_and_signal)
{
	int dev = dev_open(), q = pq_create(dev, .maxsize = 4);
	char *buf = fresh_pages(1), text[] = "abc";
	struct batch batch = { .q = q, .msgs = { { .buf = (uintptr_t)text, .len = 1 },
		{ .buf = (uintptr_t)buf, .len = 1 }, { .buf = (uintptr_t)text, .len = 1 } } };
	pthread_t thread;
	struct trap trap;

	ASSERT_LE(0, q);
	SET_TRAP(&trap, buf, 1, false);
	on_signal(SIGUSR1, handle, 0);
	ASSERT_EQ(0, pthread_create(&thread, NULL, put_batch, &batch));
	ASSERT_TRUE(eventually(trapped(&trap)));
	ASSERT_EQ(0, pthread_kill(thread, SIGUSR1));
	open_trap(&trap);
	ASSERT_TRUE(eventually(load(&batch.over)));
	pthread_join(thread, NULL);
	EXPECT_EQ(2, batch.ret);
	EXPECT_EQ(1, load(&handled));
	EXPECT_EQ(2, pq_qsize(q));
	close(trap.uffd);
	close(q);
	close(dev);
}

TEST_HARNESS_MAIN
