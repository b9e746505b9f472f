// SPDX-License-Identifier: GPL-2.0
/*
 * What bounds a user: queues, bytes, memory, file descriptors. Each bound has
 * its errno, is given back by who gives up what it counts, and can be changed
 * while everything runs. What the tests change is put back, however they end.
 */
#include "actors.h"

#include <liburing.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define PARAMETERS "/sys/module/pyqueue/parameters/"
#define CGROUPS "/sys/fs/cgroup/"
#define GROUP CGROUPS "pyqueue-selftest"
#define MB (1 << 20)

/* Somebody who has no queues. */
#define EVE 4321

static const char *const changed[] = {
	PARAMETERS "max_user_queues", PARAMETERS "max_user_bytes", "/proc/sys/fs/file-max",
};

static long long original[ARRAY_SIZE(changed)];

static void restore(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(changed); i++)
		if (original[i] > 0)
			write_number(changed[i], original[i]);
	rmdir(GROUP);
}

/* exit() is for the harness's own process; its tests end by _exit(), or badly. */
__attribute__((constructor)) static void remember(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(changed); i++)
		original[i] = read_number(changed[i]);
	atexit(restore);
}

FIXTURE(limits) {
	int dev;
	int queues;		/* fds of the parameters, for those who are not root */
	int bytes;
};

FIXTURE_SETUP(limits)
{
	restore();
	ASSERT_TRUE(own_names());
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->queues = open(PARAMETERS "max_user_queues", O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, self->queues);
	self->bytes = open(PARAMETERS "max_user_bytes", O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, self->bytes);
}

FIXTURE_TEARDOWN(limits)
{
	close(self->queues);
	close(self->bytes);
	unlink_all(self->dev);
	close(self->dev);
	restore();
}

static bool set(int parameter, unsigned long long value)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%llu\n", value);

	return pwrite(parameter, text, len, 0) == len;
}

/* --- queues ------------------------------------------------------------------- */

/* proves: promise limits */
TEST_F(limits, queues)
{
	pid_t pid = spawn();

	if (!pid) {
		int one, two, three, four;
		char c;

		become(EVE, EVE);
		EXPECT_EQ(0, pq_info(self->dev).user_queues);
		EXPECT_TRUE(set(self->queues, 3));
		EXPECT_EQ(3, pq_info(self->dev).max_user_queues);
		one = pq_create(self->dev, .maxsize = 1);
		two = pq_create(self->dev, .maxsize = 1);
		three = pq_create_named(self->dev, "three", .maxsize = 1);
		ASSERT_TRUE(one >= 0 && two >= 0 && three >= 0);
		EXPECT_EQ(3, pq_info(self->dev).user_queues);
		/* proves: CREATE -ENOSPC */
		EXPECT_EQ(-ENOSPC, pq_create(self->dev, .maxsize = 1));
		EXPECT_EQ(-ENOSPC, pq_create_named(self->dev, "four", .maxsize = 1));
		EXPECT_EQ(-ENOENT, pq_open(self->dev, "four", PYQUEUE_READ));
		EXPECT_EQ(3, pq_info(self->dev).user_queues);

		/* What is there can be opened: that is no new queue. */
		four = pq_create_named(self->dev, "three", .maxsize = 1);
		EXPECT_LE(0, four);
		close(four);
		four = pq_open(self->dev, "three", PYQUEUE_READ);
		EXPECT_LE(0, four);
		close(four);
		close(fcntl(one, F_DUPFD_CLOEXEC, 0));
		EXPECT_EQ(-ENOSPC, pq_create(self->dev, .maxsize = 1));

		/* The last close of one without a name makes room ... */
		close(one);
		EXPECT_TRUE(eventually(pq_info(self->dev).user_queues == 2));
		one = pq_create(self->dev, .maxsize = 1);
		EXPECT_LE(0, one);
		/* ... but not of one that has a name. */
		close(three);
		EXPECT_EQ(-ENOSPC, pq_create(self->dev, .maxsize = 1));
		EXPECT_EQ(0, pq_unlink(self->dev, "three"));
		EXPECT_TRUE(eventually(pq_info(self->dev).user_queues == 2));
		three = pq_create(self->dev, .maxsize = 1);
		EXPECT_LE(0, three);

		/* Raised and lowered while the queues are in use. */
		EXPECT_TRUE(set(self->queues, 4));
		four = pq_create(self->dev, .maxsize = 1);
		EXPECT_LE(0, four);
		EXPECT_TRUE(set(self->queues, 1));
		EXPECT_EQ(1, pq_info(self->dev).max_user_queues);
		EXPECT_EQ(4, pq_info(self->dev).user_queues);
		EXPECT_EQ(-ENOSPC, pq_create(self->dev, .maxsize = 1));
		EXPECT_EQ(0, pq_put(four, "1", 1, PYQUEUE_NOWAIT));
		EXPECT_EQ(1, pq_get(four, &c, 1, PYQUEUE_NOWAIT));
		close(four);
		EXPECT_EQ(-ENOSPC, pq_create(self->dev, .maxsize = 1));
		child_done();
	}
	EXPECT_EQ(0, reap(pid));
}

/* One user's queues are not another's, also not in one network namespace. */
TEST_F(limits, each_user_has_his_own)
{
	pid_t pid = spawn();

	if (!pid) {
		pid_t other;

		become(EVE, EVE);
		EXPECT_TRUE(set(self->queues, 1));
		EXPECT_LE(0, pq_create(self->dev, .maxsize = 1));
		EXPECT_EQ(-ENOSPC, pq_create(self->dev, .maxsize = 1));
		/* Another process of the same user counts with her. */
		other = spawn();
		if (!other) {
			EXPECT_EQ(1, pq_info(self->dev).user_queues);
			EXPECT_EQ(-ENOSPC, pq_create(self->dev, .maxsize = 1));
			child_done();
		}
		EXPECT_EQ(0, reap(other));
		child_done();
	}
	EXPECT_EQ(0, reap(pid));
	pid = spawn();
	if (!pid) {
		become(BOB, BOB);
		EXPECT_EQ(0, pq_info(self->dev).user_queues);
		EXPECT_LE(0, pq_create(self->dev, .maxsize = 1));
		child_done();
	}
	EXPECT_EQ(0, reap(pid));
}

/* Killed, she leaves nothing on her account. */
TEST_F(limits, death_gives_back)
{
	int *ready = shared_memory(4096);
	pid_t pid = spawn();

	if (!pid) {
		char big[20000] = "";

		become(EVE, EVE);
		for (int i = 0; i < 10; i++)
			pq_put(pq_create(self->dev, .maxsize = 10), big, sizeof(big),
			       PYQUEUE_NOWAIT);
		__atomic_store_n(ready, pq_info(self->dev).user_queues, __ATOMIC_SEQ_CST);
		pause();
	}
	EXPECT_TRUE(eventually(__atomic_load_n(ready, __ATOMIC_SEQ_CST) == 10));
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(pid));
	pid = spawn();
	if (!pid) {
		become(EVE, EVE);
		EXPECT_TRUE(eventually(pq_info(self->dev).user_queues == 0));
		EXPECT_TRUE(eventually(pq_info(self->dev).user_bytes == 0));
		child_done();
	}
	EXPECT_EQ(0, reap(pid));
}

/* --- bytes --------------------------------------------------------------------- */

TEST_F(limits, bytes_of_rings)
{
	pid_t pid = spawn();

	if (!pid) {
		struct pyqueue_info info;
		int small, large;

		become(EVE, EVE);
		EXPECT_TRUE(set(self->bytes, 100000));
		small = pq_create(self->dev, .maxsize = 1);
		ASSERT_LE(0, small);
		info = pq_info(self->dev);
		EXPECT_EQ(100000, info.max_user_bytes);
		EXPECT_LE(pq_stat(small).ring_bytes, info.user_bytes);

		/* proves: CREATE -EDQUOT */
		EXPECT_EQ(-EDQUOT, pq_create(self->dev, .maxsize = 1000));
		EXPECT_EQ(-EDQUOT, pq_create_named(self->dev, "large", .maxsize = 1000));
		EXPECT_EQ(-ENOENT, pq_open(self->dev, "large", PYQUEUE_READ));
		/* The largest there is: no overflow on the way. */
		EXPECT_EQ(-EDQUOT, pq_create(self->dev, .maxsize = PYQUEUE_MAXSIZE_MAX,
					     .payload = PYQUEUE_PAYLOAD_MAX));
		EXPECT_EQ(info.user_bytes, pq_info(self->dev).user_bytes);
		EXPECT_EQ(1, pq_info(self->dev).user_queues);

		EXPECT_TRUE(set(self->bytes, 10 * MB));
		large = pq_create(self->dev, .maxsize = 1000);
		ASSERT_LE(0, large);
		EXPECT_LE(info.user_bytes + 1000 * 240, pq_info(self->dev).user_bytes);
		EXPECT_TRUE(set(self->bytes, 100000));
		EXPECT_EQ(-EDQUOT, pq_create(self->dev, .maxsize = 1));
		close(large);
		EXPECT_TRUE(eventually(pq_info(self->dev).user_bytes == info.user_bytes));
		EXPECT_LE(0, pq_create(self->dev, .maxsize = 1));
		child_done();
	}
	EXPECT_EQ(0, reap(pid));
}

/* proves: promise limits */
TEST_F(limits, bytes_of_large_messages)
{
	pid_t pid = spawn();

	if (!pid) {
		struct pyqueue_msg msgs[2];
		char *big = calloc(1, 64000);
		uint64_t empty;
		int q;

		become(EVE, EVE);
		q = pq_create(self->dev, .maxsize = 10);
		ASSERT_LE(0, q);
		empty = pq_info(self->dev).user_bytes;
		EXPECT_TRUE(set(self->bytes, empty + 80000));
		EXPECT_EQ(0, pq_put(q, big, 50000, PYQUEUE_NOWAIT));
		EXPECT_EQ(50000, pq_stat(q).large_bytes);
		EXPECT_LE(empty + 50000, pq_info(self->dev).user_bytes);

		/* At once also for who would wait: it is not the queue that is full. */
		/* proves: PUT -EDQUOT */
		EXPECT_EQ(-EDQUOT, pq_put(q, big, 50000, PYQUEUE_NOWAIT));
		EXPECT_EQ(-EDQUOT, pq_put(q, big, 50000, PYQUEUE_FOREVER));
		EXPECT_EQ(-1, write(q, big, 50000));
		EXPECT_EQ(EDQUOT, errno);
		EXPECT_EQ(1, pq_qsize(q));
		EXPECT_EQ(50000, pq_stat(q).large_bytes);

		/* Those that fit a slot have been paid for with the ring. */
		msgs[0] = (struct pyqueue_msg){ .buf = (uintptr_t)big, .len = 240 };
		msgs[1] = (struct pyqueue_msg){ .buf = (uintptr_t)big, .len = 50000 };
		EXPECT_EQ(1, pq_put_many(q, msgs, 2, PYQUEUE_NOWAIT));
		/* proves: PUT_MANY -EDQUOT */
		EXPECT_EQ(-EDQUOT, pq_put_many(q, msgs + 1, 1, PYQUEUE_NOWAIT));
		EXPECT_EQ(2, pq_qsize(q));

		EXPECT_EQ(50000, pq_get(q, big, 64000, PYQUEUE_NOWAIT));
		EXPECT_TRUE(eventually(pq_info(self->dev).user_bytes == empty));
		EXPECT_EQ(0, pq_put(q, big, 50000, PYQUEUE_NOWAIT));

		/* Lowered below what there is: it can be taken, not added to. */
		EXPECT_TRUE(set(self->bytes, 1));
		EXPECT_EQ(-EDQUOT, pq_put(q, big, 1000, PYQUEUE_NOWAIT));
		EXPECT_EQ(0, pq_put(q, big, 100, PYQUEUE_NOWAIT));
		EXPECT_EQ(240, pq_get(q, big, 64000, PYQUEUE_NOWAIT));
		EXPECT_EQ(50000, pq_get(q, big, 64000, PYQUEUE_NOWAIT));
		EXPECT_TRUE(eventually(pq_info(self->dev).user_bytes == empty));

		/* Messages that are dropped are given back, those of a closed queue too. */
		EXPECT_TRUE(set(self->bytes, empty + 80000));
		EXPECT_EQ(0, pq_put(q, big, 50000, PYQUEUE_NOWAIT));
		EXPECT_EQ(0, pq_shutdown(q, PYQUEUE_IMMEDIATE));
		EXPECT_TRUE(eventually(pq_info(self->dev).user_bytes == empty));
		close(q);
		EXPECT_TRUE(eventually(pq_info(self->dev).user_bytes == 0));
		q = pq_create(self->dev, .maxsize = 10);
		EXPECT_EQ(0, pq_put(q, big, 50000, PYQUEUE_NOWAIT));
		close(q);
		EXPECT_TRUE(eventually(pq_info(self->dev).user_bytes == 0));
		child_done();
	}
	EXPECT_EQ(0, reap(pid));
}

/* A message is on the account of the queue's creator, whoever puts it. */
TEST_F(limits, the_creator_pays)
{
	uint64_t roots = pq_info(self->dev).user_bytes;
	char *big = calloc(1, 64000);
	pid_t pid;
	int q;

	pid = spawn();
	if (!pid) {
		become(EVE, EVE);
		EXPECT_LE(0, pq_create_named(self->dev, "eves", .maxsize = 10));
		child_done();
	}
	EXPECT_EQ(0, reap(pid));
	q = pq_open(self->dev, "eves", PYQUEUE_READ | PYQUEUE_WRITE);
	ASSERT_LE(0, q);
	EXPECT_EQ(0, pq_put(q, big, 50000, PYQUEUE_NOWAIT));
	EXPECT_EQ(roots, pq_info(self->dev).user_bytes);
	pid = spawn();
	if (!pid) {
		become(EVE, EVE);
		EXPECT_LE(50000 + pq_stat(q).ring_bytes, pq_info(self->dev).user_bytes);
		EXPECT_TRUE(set(self->bytes, pq_info(self->dev).user_bytes + 10000));
		child_done();
	}
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(-EDQUOT, pq_put(q, big, 50000, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_put(q, big, 5000, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_unlink(self->dev, "eves"));
	close(q);
}

/* The queue's own bound on large messages. */
TEST_F(limits, max_bytes)
{
	int q = pq_create(self->dev, .maxsize = 10, .max_bytes = 10000);
	struct pyqueue_msg msg;
	char *big = calloc(1, 64000);

	ASSERT_LE(0, q);
	EXPECT_EQ(10000, pq_stat(q).max_bytes);
	EXPECT_EQ(0, pq_put(q, big, 6000, PYQUEUE_NOWAIT));
	/* proves: PUT -ENOBUFS */
	EXPECT_EQ(-ENOBUFS, pq_put(q, big, 6000, PYQUEUE_NOWAIT));
	EXPECT_EQ(-ENOBUFS, pq_put(q, big, 6000, PYQUEUE_FOREVER));
	msg = (struct pyqueue_msg){ .buf = (uintptr_t)big, .len = 6000 };
	/* proves: PUT_MANY -ENOBUFS */
	EXPECT_EQ(-ENOBUFS, pq_put_many(q, &msg, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(1, pq_qsize(q));
	EXPECT_EQ(6000, pq_stat(q).large_bytes);
	EXPECT_EQ(0, pq_put(q, big, 4000, PYQUEUE_NOWAIT));
	EXPECT_EQ(-ENOBUFS, pq_put(q, big, 241, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_put(q, big, 240, PYQUEUE_NOWAIT));
	EXPECT_EQ(10000, pq_stat(q).large_bytes);
	EXPECT_EQ(6000, pq_get(q, big, 64000, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_put(q, big, 5000, PYQUEUE_NOWAIT));
	EXPECT_EQ(9000, pq_stat(q).large_bytes);
	close(q);
}

/*
 * What max_bytes bounds is what messages say. Beyond it their structures count, which even
 * empty ones have that wait outside of an unbounded ring: on the creator's account.
 */
TEST_F(limits, empty_messages)
{
	enum { COST = 32, ROOM = 100000 };
	pid_t pid = spawn();

	if (!pid) {
		uint64_t empty, bytes;
		int q, n, err;

		become(EVE, EVE);
		q = pq_create(self->dev, .maxsize = 0, .max_bytes = 1);
		ASSERT_LE(0, q);
		empty = pq_info(self->dev).user_bytes;
		EXPECT_TRUE(set(self->bytes, empty + ROOM));
		/* Those in the ring have been paid for with it. */
		for (n = 0; n < (int)pq_stat(q).slots; n++)
			ASSERT_EQ(0, pq_put(q, NULL, 0, PYQUEUE_NOWAIT));
		EXPECT_EQ(empty, pq_info(self->dev).user_bytes);

		for (n = 0; !(err = pq_put(q, NULL, 0, PYQUEUE_NOWAIT)); n++)
			;
		EXPECT_EQ(-EDQUOT, err);
		EXPECT_LT(0, n);
		EXPECT_GE(ROOM / COST, n);
		EXPECT_EQ(0, pq_stat(q).large_bytes);
		bytes = pq_info(self->dev).user_bytes;
		EXPECT_LE(empty + n * COST, bytes);
		EXPECT_GE(empty + ROOM, bytes);
		/* The queue's own bound has not been met: for that it takes bytes. */
		EXPECT_EQ(-ENOBUFS, pq_put(q, "12", 2, PYQUEUE_NOWAIT));

		EXPECT_EQ(0, pq_shutdown(q, PYQUEUE_IMMEDIATE));
		EXPECT_TRUE(eventually(pq_info(self->dev).user_bytes == empty));
		child_done();
	}
	EXPECT_EQ(0, reap(pid));
}

/* A message counts as the memory that it takes, and not as what has been asked for. */
TEST_F(limits, rounded_up)
{
	enum { PAGES = 2 };
	static char bytes[PAGES * 4096];
	/* Of Linux' allocator: the next power of two; and full pages as they are. */
	const struct { uint32_t len; uint64_t cost; } sizes[] = {
		{ 1016, 32 + 1024 }, { 1017, 32 + 2048 }, { 4088, 32 + 4096 },
		{ 4089, 32 + 4096 + 16 }, { PAGES * 4088, 32 + PAGES * 4096 },
	};
	int q = pq_create(self->dev, .maxsize = 0, .payload = 48);

	ASSERT_LE(0, q);
	while (!pq_stat(q).large_bytes)
		ASSERT_EQ(0, pq_put(q, "x", 1, PYQUEUE_NOWAIT));
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t before = pq_info(self->dev).user_bytes;

		ASSERT_EQ(0, pq_put(q, bytes, sizes[i].len, PYQUEUE_NOWAIT));
		EXPECT_EQ(sizes[i].cost, pq_info(self->dev).user_bytes - before);
	}
	close(q);
}

/* --- the memory cgroup ---------------------------------------------------------- */

FIXTURE(cgroup) {
	int dev;
};

FIXTURE_SETUP(cgroup)
{
	restore();
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, write_number(PARAMETERS "max_user_bytes", 1ULL << 40));
}

FIXTURE_TEARDOWN(cgroup)
{
	close(self->dev);
	write_number(CGROUPS "cgroup.procs", 0);
	eventually(!rmdir(GROUP) || errno != EBUSY);
	restore();
}

/* A group of our own; the caller goes into it by enter(GROUP). */
static bool have_group(void)
{
	return !mkdir(GROUP, 0755) && access(GROUP "/memory.max", W_OK) == 0;
}

static int enter(const char *group)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	return write_number(path, 0);
}

static long long charged(void)
{
	return read_number(GROUP "/memory.current");
}

/* One line of memory.stat or memory.events. */
static long long group_count(const char *file, const char *what)
{
	char path[64], line[128], format[32];
	long long value = -1;
	FILE *f;

	snprintf(path, sizeof(path), GROUP "/%s", file);
	snprintf(format, sizeof(format), "%s %%lld", what);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, format, &value) == 1)
			break;
	if (f)
		fclose(f);
	return value;
}

TEST_F(cgroup, a_ring_beyond_the_limit)
{
	pid_t pid;

	if (!have_group())
		SKIP(return, "no memory controller in " CGROUPS);
	ASSERT_EQ(0, write_number(GROUP "/memory.max", 16 * MB));
	pid = spawn();
	if (!pid) {
		uint64_t queues = pq_info(self->dev).user_queues;
		uint64_t bytes = pq_info(self->dev).user_bytes;

		EXPECT_EQ(0, enter(GROUP));
		for (int i = 0; i < 3; i++) {
			/* proves: CREATE -ENOMEM */
			EXPECT_EQ(-ENOMEM, pq_create(self->dev, .maxsize = 64 * MB / 256));
			EXPECT_EQ(queues, pq_info(self->dev).user_queues);
			EXPECT_EQ(bytes, pq_info(self->dev).user_bytes);
		}
		EXPECT_LE(0, pq_create(self->dev, .maxsize = 4 * MB / 256));
		child_done();
	}
	/* And nobody was killed for it. */
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(0, group_count("memory.events", "oom_kill"));
	EXPECT_TRUE(eventually(charged() < 4 * MB));
}

TEST_F(cgroup, large_messages_beyond_the_limit)
{
	pid_t pid;

	if (!have_group())
		SKIP(return, "no memory controller in " CGROUPS);
	ASSERT_EQ(0, write_number(GROUP "/memory.max", 32 * MB));
	pid = spawn();
	if (!pid) {
		struct pyqueue_msg msg;
		int q, err, n = 0;
		char *big;

		EXPECT_EQ(0, enter(GROUP));
		q = pq_create(self->dev, .maxsize = 64, .max_msg = 4 * MB);
		ASSERT_LE(0, q);
		/* All of it is there: a page that came later might be one too many. */
		big = malloc(4 * MB);
		memset(big, 1, 4 * MB);
		do {
			err = pq_put(q, big, 4 * MB, PYQUEUE_NOWAIT);
			n += !err;
		} while (!err);
		/* proves: PUT -ENOMEM */
		EXPECT_EQ(-ENOMEM, err);
		EXPECT_LE(3, n);
		EXPECT_GE(8, n);
		EXPECT_EQ(n, pq_qsize(q));
		EXPECT_EQ(n * 4ULL * MB, pq_stat(q).large_bytes);
		msg = (struct pyqueue_msg){ .buf = (uintptr_t)big, .len = 4 * MB };
		/* proves: PUT_MANY -ENOMEM */
		EXPECT_EQ(-ENOMEM, pq_put_many(q, &msg, 1, PYQUEUE_NOWAIT));
		EXPECT_EQ(n, pq_qsize(q));
		EXPECT_EQ(0, pq_put(q, big, 1, PYQUEUE_NOWAIT));

		/* Less in the queue, more room in the group. */
		EXPECT_EQ(4 * MB, pq_get(q, big, 4 * MB, PYQUEUE_NOWAIT));
		EXPECT_EQ(0, pq_put(q, big, 3 * MB, PYQUEUE_NOWAIT));
		child_done();
	}
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(0, group_count("memory.events", "oom_kill"));
	EXPECT_TRUE(eventually(charged() < 4 * MB));
}

/* The creator's group pays for the ring and for what others put into it. */
/* proves: promise memcg */
TEST_F(cgroup, charges)
{
	long long base, ring;
	char *big;
	int q;

	if (!have_group())
		SKIP(return, "no memory controller in " CGROUPS);
	big = calloc(1, 4 * MB);
	memset(big, 1, 4 * MB);
	ASSERT_EQ(0, enter(GROUP));
	base = charged();
	q = pq_create(self->dev, .maxsize = 8 * MB / 256, .max_msg = 4 * MB);
	ASSERT_EQ(0, enter(CGROUPS));
	ASSERT_LE(0, q);
	ring = pq_stat(q).ring_bytes;
	EXPECT_LE(8 * MB, ring);
	EXPECT_LE(base + ring * 9 / 10, charged());
	EXPECT_GE(base + ring * 3 / 2, charged());
	EXPECT_TRUE(eventually(group_count("memory.stat", "kernel") >= ring * 9 / 10));

	EXPECT_EQ(0, pq_put(q, big, 4 * MB, PYQUEUE_NOWAIT));
	EXPECT_LE(base + ring * 9 / 10 + 4 * MB * 9 / 10, charged());
	EXPECT_EQ(4 * MB, pq_get(q, big, 4 * MB, PYQUEUE_NOWAIT));
	EXPECT_TRUE(eventually(charged() < base + ring * 11 / 10 + MB));
	EXPECT_EQ(0, pq_put(q, big, 4 * MB, PYQUEUE_NOWAIT));
	close(q);
	EXPECT_TRUE(eventually(charged() < base + 2 * MB));
}

/*
 * But what a put takes beside the message is the putter's: here the page tables
 * that faults on his buffer need.
 */
TEST_F(cgroup, faults_of_another_putter)
{
	long long tables;
	char *fresh;
	int q;

	if (!have_group())
		SKIP(return, "no memory controller in " CGROUPS);
	ASSERT_EQ(0, enter(GROUP));
	q = pq_create(self->dev, .maxsize = 1, .max_msg = 32 * MB);
	ASSERT_EQ(0, enter(CGROUPS));
	ASSERT_LE(0, q);
	tables = group_count("memory.stat", "pagetables");
	fresh = mmap(NULL, 32 * MB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, fresh);
	/* A kernel without huge pages does not know of them. */
	if (madvise(fresh, 32 * MB, MADV_NOHUGEPAGE))
		ASSERT_EQ(EINVAL, errno);
	ASSERT_EQ(0, pq_put(q, fresh, 32 * MB, PYQUEUE_NOWAIT));
	ASSERT_TRUE(eventually(group_count("memory.stat", "kernel") >= 32 * MB));
	EXPECT_EQ(tables, group_count("memory.stat", "pagetables"));
	munmap(fresh, 32 * MB);
	close(q);
}

/*
 * Small things, many of them: each case makes some that have such a structure, and as many that
 * the kernel needs as much for, but for that structure. What is charged in pages is not looked
 * at: rings would hide the rest.
 */
#define MANY 4000

/* What a structure takes at least. */
#define QUEUE_COST 512
#define NAME_COST 256
#define MAPPING_COST 32
#define PARKED_COST 256

static long long slabs(void)
{
	return group_count("memory.stat", "slab_unreclaimable");
}

/* The same by a member, who has the kernel look again: it does after so many changes. */
static long long slabs_now(void)
{
	const size_t size = sysconf(_SC_NPROCESSORS_CONF) * MB;
	void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (pages == MAP_FAILED || munmap(pages, size))
		return -1;
	return slabs();
}

/*
 * What it costs the group that somebody does something; he goes then, @undo is done, and
 * nothing is left of that.
 */
#define COST_OF(what, undo)                                                  \
	({                                                                   \
		long long *seen_ = shared_memory(4096);                      \
		pid_t pid_ = spawn();                                        \
		if (!pid_) {                                                 \
			const struct rlimit fds_ = { 2 * MANY, 2 * MANY };   \
			EXPECT_EQ(0, setrlimit(RLIMIT_NOFILE, &fds_));       \
			EXPECT_EQ(0, enter(GROUP));                          \
			seen_[0] = slabs_now();                              \
			what;                                                \
			seen_[1] = slabs_now();                              \
			child_done();                                        \
		}                                                            \
		EXPECT_EQ(0, reap(pid_));                                    \
		undo;                                                        \
		/* And 2 seconds later by itself. */                         \
		EXPECT_TRUE(eventually(slabs() <= seen_[0] + (seen_[1] - seen_[0]) / 8)); \
		(int)(seen_[1] - seen_[0]);                                  \
	})

/* At least so much is due to the structures: allow a little for what is counted late. */
#define EXPECT_COST(cost, more, less)                                        \
	({                                                                   \
		TH_LOG("%d bytes each, %d without", (more) / MANY, (less) / MANY); \
		EXPECT_LE((less) + MANY * (cost) * 3 / 4, more);             \
	})

#define SMALL .maxsize = 1, .payload = 48, .max_msg = 48

TEST_F(cgroup, queues_and_names)
{
	int opened, unnamed, named;

	if (!have_group())
		SKIP(return, "no memory controller in " CGROUPS);
	ASSERT_TRUE(own_names());
	close(pq_create_named(self->dev, "there", SMALL));
	opened = COST_OF(({
		for (int i = 0; i < MANY; i++)
			ASSERT_LE(0, pq_open(self->dev, "there", PYQUEUE_READ | PYQUEUE_WRITE));
	}), (void)0);
	unnamed = COST_OF(({
		for (int i = 0; i < MANY; i++)
			ASSERT_LE(0, pq_create(self->dev, SMALL));
	}), (void)0);
	named = COST_OF(({
		for (int i = 0; i < MANY; i++) {
			char name[16];

			snprintf(name, sizeof(name), "%d", i);
			ASSERT_LE(0, pq_create_named(self->dev, name, SMALL));
		}
	}), unlink_all(self->dev));
	EXPECT_COST(QUEUE_COST, unnamed, opened);
	EXPECT_COST(NAME_COST, named, unnamed);
}

TEST_F(cgroup, mappings)
{
	int q = pq_create(self->dev, SMALL), memory, mapped, others;
	size_t size;

	ASSERT_LE(0, q);
	if (!have_group())
		SKIP(return, "no memory controller in " CGROUPS);
	size = pq_stat(q).map_bytes;
	memory = memfd_create("limits", MFD_CLOEXEC);
	ASSERT_EQ(0, ftruncate(memory, size));
	others = COST_OF(({
		for (int i = 0; i < MANY; i++)
			ASSERT_NE(MAP_FAILED, mmap(NULL, size, PROT_READ | PROT_WRITE,
						   MAP_SHARED, memory, 0));
	}), (void)0);
	mapped = COST_OF(({
		for (int i = 0; i < MANY; i++)
			ASSERT_NE(MAP_FAILED, mmap(NULL, size, PROT_READ | PROT_WRITE,
						   MAP_SHARED, q, 0));
	}), (void)0);
	EXPECT_COST(MAPPING_COST, mapped, others);
	close(memory);
	close(q);
}

/* So many of a kind in a ring of io_uring, that wait. Return: whether they do. */
static bool submit_gets(int q, struct io_uring *ring)
{
	static char byte;
	static struct pyqueue_get get = { .size = sizeof(get), .deadline_ns = PYQUEUE_FOREVER };
	const struct pyqueue_uring payload = { .arg = (uintptr_t)&get };

	get.buf = (uintptr_t)&byte;
	get.len = 1;
	for (int i = 0; i < MANY; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

		io_uring_prep_rw(IORING_OP_URING_CMD, sqe, q, NULL, 0, 0);
		sqe->cmd_op = PYQUEUE_IOC_GET;
		memcpy(sqe->cmd, &payload, sizeof(payload));
	}
	return io_uring_submit(ring) == MANY && !io_uring_cq_ready(ring);
}

static bool submit_polls(int q, struct io_uring *ring)
{
	for (int i = 0; i < MANY; i++)
		io_uring_prep_poll_add(io_uring_get_sqe(ring), q, POLLIN);
	return io_uring_submit(ring) == MANY && !io_uring_cq_ready(ring);
}

/* Commands that wait. */
TEST_F(cgroup, parked)
{
	int q = pq_create(self->dev, SMALL), polled, parked;
	struct io_uring ring;

	ASSERT_LE(0, q);
	if (!have_group())
		SKIP(return, "no memory controller in " CGROUPS);
	if (!(pq_info(self->dev).features & PYQUEUE_FEAT_URING_CMD))
		SKIP(return, "commands do not wait on this kernel");
	polled = COST_OF(({
		ASSERT_EQ(0, io_uring_queue_init(MANY, &ring, 0));
		EXPECT_TRUE(submit_polls(q, &ring));
	}), (void)0);
	parked = COST_OF(({
		ASSERT_EQ(0, io_uring_queue_init(MANY, &ring, 0));
		EXPECT_TRUE(submit_gets(q, &ring));
		EXPECT_EQ(MANY, pq_stat(q).getters);
	}), (void)0);
	EXPECT_COST(PARKED_COST, parked, polled);
	close(q);
}

/* What is on the user's account for messages without bytes is about what they cost. */
TEST_F(cgroup, empty_messages)
{
	int q, cost;
	uint64_t bytes;

	if (!have_group())
		SKIP(return, "no memory controller in " CGROUPS);
	ASSERT_EQ(0, enter(GROUP));
	q = pq_create(self->dev, .maxsize = 0, .max_bytes = 1);
	ASSERT_EQ(0, enter(CGROUPS));
	ASSERT_LE(0, q);
	for (int i = 0; i < (int)pq_stat(q).slots; i++)
		ASSERT_EQ(0, pq_put(q, NULL, 0, PYQUEUE_NOWAIT));
	bytes = pq_info(self->dev).user_bytes;
	cost = COST_OF(({
		for (int i = 0; i < MANY; i++)
			ASSERT_EQ(0, pq_put(q, NULL, 0, PYQUEUE_NOWAIT));
		bytes = pq_info(self->dev).user_bytes - bytes;
		EXPECT_LE(MANY * 32, bytes);
		TH_LOG("%d bytes each on the account", (int)bytes / MANY);
	}), pq_shutdown(q, PYQUEUE_IMMEDIATE));
	EXPECT_COST(32, cost, 0);
	/* The kernel says of each whose it is, and one that watches itself more. */
	EXPECT_GE(MANY * 48 * PYQUEUE_SLOW, cost);
	close(q);
}

/* --- file descriptors -------------------------------------------------------------- */

TEST_F(limits, file_descriptors)
{
	struct rlimit before, now;
	uint64_t queues, bytes;
	int q;

	close(pq_create_named(self->dev, "there", .maxsize = 1));
	queues = pq_info(self->dev).user_queues;
	bytes = pq_info(self->dev).user_bytes;
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &before));
	now = before;
	now.rlim_cur = next_fd();
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &now));
	/* proves: CREATE -EMFILE */
	EXPECT_EQ(-EMFILE, pq_create(self->dev, .maxsize = 1));
	EXPECT_EQ(-EMFILE, pq_create_named(self->dev, "new", .maxsize = 1));
	EXPECT_EQ(-EMFILE, pq_create_named(self->dev, "there", .maxsize = 1));
	/* proves: OPEN -EMFILE */
	EXPECT_EQ(-EMFILE, pq_open(self->dev, "there", PYQUEUE_READ));
	EXPECT_EQ(queues, pq_info(self->dev).user_queues);
	EXPECT_EQ(bytes, pq_info(self->dev).user_bytes);

	now.rlim_cur++;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &now));
	EXPECT_EQ(-ENOENT, pq_open(self->dev, "new", PYQUEUE_READ));
	q = pq_open(self->dev, "there", PYQUEUE_READ);
	EXPECT_LE(0, q);
	EXPECT_EQ(-EMFILE, pq_create(self->dev, .maxsize = 1));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &before));
	close(q);
}

TEST_F(limits, files_of_the_system)
{
	int *step = shared_memory(4096);
	pid_t pid = spawn();

	if (!pid) {
		become(EVE, EVE);
		EXPECT_LE(0, pq_create_named(self->dev, "there", .maxsize = 1));
		__atomic_store_n(step, 1, __ATOMIC_SEQ_CST);
		EXPECT_TRUE(eventually(__atomic_load_n(step, __ATOMIC_SEQ_CST) == 2));
		/* proves: CREATE -ENFILE */
		EXPECT_EQ(-ENFILE, pq_create(self->dev, .maxsize = 1));
		EXPECT_EQ(-ENFILE, pq_create_named(self->dev, "new", .maxsize = 1));
		/* proves: OPEN -ENFILE */
		EXPECT_EQ(-ENFILE, pq_open(self->dev, "there", PYQUEUE_READ));
		__atomic_store_n(step, 3, __ATOMIC_SEQ_CST);
		EXPECT_TRUE(eventually(__atomic_load_n(step, __ATOMIC_SEQ_CST) == 4));
		EXPECT_EQ(1, pq_info(self->dev).user_queues);
		EXPECT_EQ(-ENOENT, pq_open(self->dev, "new", PYQUEUE_READ));
		EXPECT_LE(0, pq_open(self->dev, "there", PYQUEUE_READ));
		child_done();
	}
	EXPECT_TRUE(eventually(__atomic_load_n(step, __ATOMIC_SEQ_CST) == 1));
	EXPECT_EQ(0, write_number("/proc/sys/fs/file-max", 0));
	__atomic_store_n(step, 2, __ATOMIC_SEQ_CST);
	EXPECT_TRUE(eventually(__atomic_load_n(step, __ATOMIC_SEQ_CST) == 3));
	restore();
	__atomic_store_n(step, 4, __ATOMIC_SEQ_CST);
	EXPECT_EQ(0, reap(pid));
}

TEST_HARNESS_MAIN
