// SPDX-License-Identifier: GPL-2.0
/* Names: what may be one, how long it lives, who finds it. */
#include "actors.h"

FIXTURE(names) {
	int dev;
};

FIXTURE_SETUP(names)
{
	ASSERT_TRUE(own_names());
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
}

FIXTURE_TEARDOWN(names)
{
	unlink_all(self->dev);
	close(self->dev);
}

static long list(int dev, void *entries, unsigned int count, unsigned int entry_size,
		 uint64_t *cookie)
{
	struct pyqueue_list a = { .size = sizeof(a), .entries = (uintptr_t)entries,
		.count = count, .entry_size = entry_size, .cookie = *cookie };
	long ret = pq_ioctl(dev, PYQUEUE_IOC_LIST, &a);

	*cookie = a.cookie;
	return ret;
}

/* How many names there are, by pages of @page entries; at most @most calls. */
static long listed(int dev, unsigned int page, unsigned int most)
{
	struct pyqueue_entry entries[32];
	uint64_t cookie = 0;
	long sum = 0;

	while (most--) {
		long n = list(dev, entries, page, sizeof(entries[0]), &cookie);

		if (n < 0)
			return n;
		sum += n;
		if (!cookie)
			return sum;
	}
	return -ELOOP;
}

static int create_len(int dev, const void *name, unsigned int len)
{
	return pq_create(dev, .maxsize = 1, .name = (uintptr_t)name, .name_len = len, .mode = 0600);
}

static int open_len(int dev, const void *name, unsigned int len)
{
	return pq_ioctl(dev, PYQUEUE_IOC_OPEN, &(struct pyqueue_open){
		.size = sizeof(struct pyqueue_open), .flags = PYQUEUE_READ,
		.name = (uintptr_t)name, .name_len = len });
}

static int unlink_len(int dev, const void *name, unsigned int len)
{
	return pq_ioctl(dev, PYQUEUE_IOC_UNLINK, &(struct pyqueue_unlink){
		.size = sizeof(struct pyqueue_unlink), .name = (uintptr_t)name, .name_len = len });
}

/* --- making and opening ---------------------------------------------------- */

/* proves: promise names */
TEST_F(names, create)
{
	int q = pq_create_named(self->dev, "mine", .maxsize = 3);
	struct pyqueue_stat st;
	char c;

	ASSERT_LE(0, q);
	EXPECT_EQ(FD_CLOEXEC, fcntl(q, F_GETFD));
	EXPECT_EQ(O_RDWR, fcntl(q, F_GETFL) & O_ACCMODE);
	st = pq_stat(q);
	EXPECT_EQ(PYQUEUE_STAT_NAMED, st.flags);
	EXPECT_EQ(3, st.maxsize);
	EXPECT_EQ(0600, st.mode);
	EXPECT_EQ(getuid(), st.uid);
	EXPECT_EQ(getgid(), st.gid);
	EXPECT_EQ(0, pq_put(q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(1, pq_get(q, &c, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_unlink(self->dev, "mine"));
	close(q);
}

TEST_F(names, an_anonymous_queue_has_none)
{
	int q = pq_create(self->dev, .maxsize = 3);
	struct pyqueue_stat st = pq_stat(q);

	EXPECT_EQ(0, st.flags);
	EXPECT_EQ(0, st.mode);
	EXPECT_EQ(0, listed(self->dev, 32, 1));
	close(q);
}

/* Without EXCL the name is opened, and what it was made with stays. */
TEST_F(names, create_opens_what_exists)
{
	int one = pq_create_named(self->dev, "shared", .maxsize = 3, .payload = 112);
	int two = pq_create_named(self->dev, "shared", .maxsize = 5, .mode = 0666,
				  .flags = PYQUEUE_SEALED);
	struct pyqueue_stat st;
	char c;

	ASSERT_LE(0, one);
	ASSERT_LE(0, two);
	st = pq_stat(two);
	EXPECT_EQ(pq_stat(one).id, st.id);
	EXPECT_EQ(3, st.maxsize);
	EXPECT_EQ(112, st.payload);
	EXPECT_EQ(0600, st.mode);
	EXPECT_EQ(PYQUEUE_STAT_NAMED, st.flags);
	EXPECT_EQ(0, pq_put(one, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(1, pq_get(two, &c, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_put(two, "2", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(1, pq_get(one, &c, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(1, listed(self->dev, 32, 1));

	/* Values are checked all the same. */
	EXPECT_EQ(-EINVAL, pq_create_named(self->dev, "shared",
					   .maxsize = PYQUEUE_MAXSIZE_MAX + 1LL));
	EXPECT_EQ(-EINVAL, pq_create_named(self->dev, "shared", .maxsize = 1, .mode = 01000));
	close(one);
	close(two);
}

TEST_F(names, exclusive)
{
	int q = pq_create_named(self->dev, "once", .maxsize = 1, .flags = PYQUEUE_EXCL);

	ASSERT_LE(0, q);
	/* proves: CREATE -EEXIST */
	EXPECT_EQ(-EEXIST, pq_create_named(self->dev, "once", .maxsize = 1,
					   .flags = PYQUEUE_EXCL));
	close(q);
	EXPECT_EQ(-EEXIST, pq_create_named(self->dev, "once", .maxsize = 1,
					   .flags = PYQUEUE_EXCL));
	EXPECT_EQ(0, pq_unlink(self->dev, "once"));
	q = pq_create_named(self->dev, "once", .maxsize = 1, .flags = PYQUEUE_EXCL);
	EXPECT_LE(0, q);
	close(q);
	/* proves: CREATE -EINVAL */
	EXPECT_EQ(-EINVAL, pq_create(self->dev, .maxsize = 1, .flags = PYQUEUE_EXCL));
}

/* Whoever comes first makes it, and it is made once. */
TEST_F(names, everybody_creates_at_once)
{
	struct {
		int go;
		int made;
		uint64_t id[8];
	} *shared = shared_memory(4096);
	pid_t pids[8];

	for (int exclusive = 0; exclusive < 2; exclusive++) {
		memset(shared, 0, sizeof(*shared));
		for (unsigned int i = 0; i < ARRAY_SIZE(pids); i++) {
			pids[i] = spawn();
			if (pids[i])
				continue;
			while (!__atomic_load_n(&shared->go, __ATOMIC_SEQ_CST))
				sched_yield();
			int q = pq_create_named(self->dev, "crowd", .maxsize = 1,
						.flags = exclusive ? PYQUEUE_EXCL : 0);

			if (q >= 0) {
				__atomic_add_fetch(&shared->made, 1, __ATOMIC_SEQ_CST);
				shared->id[i] = pq_stat(q).id;
			} else {
				EXPECT_EQ(exclusive ? -EEXIST : 0, q);
			}
			child_done();
		}
		__atomic_store_n(&shared->go, 1, __ATOMIC_SEQ_CST);
		for (unsigned int i = 0; i < ARRAY_SIZE(pids); i++)
			EXPECT_EQ(0, reap(pids[i]));
		EXPECT_EQ(exclusive ? 1 : 8, shared->made);
		for (int i = 0; !exclusive && i < 8; i++)
			EXPECT_EQ(shared->id[0], shared->id[i]);
		EXPECT_EQ(1, listed(self->dev, 32, 1));
		EXPECT_EQ(0, pq_unlink(self->dev, "crowd"));
	}
}

TEST_F(names, open)
{
	int made = pq_create_named(self->dev, "door", .maxsize = 3);
	int q;
	char c;

	ASSERT_LE(0, made);
	q = pq_open(self->dev, "door", PYQUEUE_READ | PYQUEUE_WRITE);
	ASSERT_LE(0, q);
	EXPECT_EQ(FD_CLOEXEC, fcntl(q, F_GETFD));
	EXPECT_EQ(O_RDWR, fcntl(q, F_GETFL) & (O_ACCMODE | O_NONBLOCK));
	EXPECT_EQ(pq_stat(made).id, pq_stat(q).id);
	EXPECT_EQ(0, pq_put(q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(1, pq_get(q, &c, 1, PYQUEUE_NOWAIT));
	close(q);

	q = pq_open(self->dev, "door", PYQUEUE_READ | PYQUEUE_NONBLOCK);
	ASSERT_LE(0, q);
	EXPECT_EQ(O_NONBLOCK, fcntl(q, F_GETFL) & O_NONBLOCK);
	EXPECT_EQ(-1, read(q, &c, 1));
	EXPECT_EQ(EAGAIN, errno);
	close(q);

	/* proves: OPEN -ENOENT */
	EXPECT_EQ(-ENOENT, pq_open(self->dev, "window", PYQUEUE_READ));
	/* proves: OPEN -EINVAL */
	EXPECT_EQ(-EINVAL, pq_open(self->dev, "door", 0));
	EXPECT_EQ(-EINVAL, pq_open(self->dev, "door", PYQUEUE_NONBLOCK));
	close(made);
}

TEST_F(names, open_for_reading)
{
	struct pyqueue_msg msg = { .buf = (uintptr_t)"1", .len = 1 };
	int made = pq_create_named(self->dev, "in", .maxsize = 3);
	int q = pq_open(self->dev, "in", PYQUEUE_READ);
	char c;

	ASSERT_LE(0, q);
	EXPECT_EQ(O_RDONLY, fcntl(q, F_GETFL) & O_ACCMODE);
	/* proves: PUT -EBADF */
	EXPECT_EQ(-EBADF, pq_put(q, "1", 1, PYQUEUE_NOWAIT));
	/* proves: PUT_MANY -EBADF */
	EXPECT_EQ(-EBADF, pq_put_many(q, &msg, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(-1, write(q, "1", 1));
	EXPECT_EQ(EBADF, errno);
	/* proves: SHUTDOWN -EBADF */
	EXPECT_EQ(-EBADF, pq_shutdown(q, 0));
	EXPECT_EQ(-EBADF, pq_shutdown(q, PYQUEUE_IMMEDIATE));
	EXPECT_EQ(0, pq_qsize(q));

	EXPECT_EQ(0, pq_put(made, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_put(made, "2", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_put(made, "3", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(3, pq_qsize(q));
	EXPECT_EQ(1, pq_get(q, &c, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(1, read(q, &c, 1));
	msg.buf = (uintptr_t)&c;
	EXPECT_EQ(1, pq_get_many(q, &msg, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ('3', c);
	EXPECT_EQ(0, pq_task_done(q, 3));
	EXPECT_EQ(0, pq_join(q, PYQUEUE_NOWAIT));
	close(q);
	close(made);
}

TEST_F(names, open_for_writing)
{
	int made = pq_create_named(self->dev, "out", .maxsize = 3);
	int q = pq_open(self->dev, "out", PYQUEUE_WRITE);
	struct pyqueue_msg msg;
	char c;

	ASSERT_LE(0, q);
	msg = (struct pyqueue_msg){ .buf = (uintptr_t)&c, .len = 1 };
	EXPECT_EQ(O_WRONLY, fcntl(q, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(0, pq_put(q, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(1, write(q, "2", 1));
	EXPECT_EQ(1, pq_put_many(q, &msg, 1, PYQUEUE_NOWAIT));
	/* proves: GET -EBADF */
	EXPECT_EQ(-EBADF, pq_get(q, &c, 1, PYQUEUE_NOWAIT));
	/* proves: GET_MANY -EBADF */
	EXPECT_EQ(-EBADF, pq_get_many(q, &msg, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(-1, read(q, &c, 1));
	EXPECT_EQ(EBADF, errno);
	/* proves: TASK_DONE -EBADF */
	EXPECT_EQ(-EBADF, pq_task_done(q, 1));
	EXPECT_EQ(3, pq_qsize(q));
	EXPECT_EQ(-EAGAIN, pq_join(q, PYQUEUE_NOWAIT));
	/* Dropping messages is a reader's business too. */
	EXPECT_EQ(-EBADF, pq_shutdown(q, PYQUEUE_IMMEDIATE));
	EXPECT_EQ(0, pq_stat(q).flags & PYQUEUE_STAT_SHUTDOWN);
	EXPECT_EQ(0, pq_shutdown(q, 0));
	EXPECT_EQ(3, pq_qsize(made));
	close(q);
	close(made);
}

/* --- life and death --------------------------------------------------------- */

/* proves: promise names */
TEST_F(names, survive_their_creator)
{
	char text[8];
	int q;
	pid_t pid = spawn();

	if (!pid) {
		q = pq_create_named(self->dev, "heritage", .maxsize = 3);
		EXPECT_EQ(0, pq_put(q, "one", 3, PYQUEUE_NOWAIT));
		EXPECT_EQ(0, pq_put(q, "two", 3, PYQUEUE_NOWAIT));
		child_done();
	}
	EXPECT_EQ(0, reap(pid));
	q = pq_open(self->dev, "heritage", PYQUEUE_READ | PYQUEUE_WRITE);
	ASSERT_LE(0, q);
	EXPECT_EQ(2, pq_qsize(q));
	EXPECT_EQ(3, pq_get(q, text, sizeof(text), PYQUEUE_NOWAIT));
	EXPECT_EQ(0, memcmp(text, "one", 3));
	close(q);
	EXPECT_EQ(0, pq_unlink(self->dev, "heritage"));
}

TEST_F(names, unlink)
{
	uint64_t queues = pq_info(self->dev).user_queues;
	int old = pq_create_named(self->dev, "phoenix", .maxsize = 3);
	int new;
	char c;

	ASSERT_LE(0, old);
	EXPECT_EQ(0, pq_put(old, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_unlink(self->dev, "phoenix"));
	/* proves: UNLINK -ENOENT */
	EXPECT_EQ(-ENOENT, pq_unlink(self->dev, "phoenix"));
	EXPECT_EQ(-ENOENT, pq_open(self->dev, "phoenix", PYQUEUE_READ));
	EXPECT_EQ(0, listed(self->dev, 32, 1));
	EXPECT_EQ(0, pq_stat(old).flags & PYQUEUE_STAT_NAMED);

	/* The name is free at once, and who had the queue goes on with it. */
	new = pq_create_named(self->dev, "phoenix", .maxsize = 5, .flags = PYQUEUE_EXCL);
	ASSERT_LE(0, new);
	EXPECT_NE(pq_stat(old).id, pq_stat(new).id);
	EXPECT_EQ(5, pq_stat(new).maxsize);
	EXPECT_EQ(0, pq_qsize(new));
	EXPECT_EQ(0, pq_put(old, "2", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(1, pq_get(old, &c, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ('1', c);
	EXPECT_EQ(queues + 2, pq_info(self->dev).user_queues);
	close(old);
	EXPECT_TRUE(eventually(pq_info(self->dev).user_queues == queues + 1));
	EXPECT_EQ(0, pq_unlink(self->dev, "phoenix"));
	close(new);
	EXPECT_TRUE(eventually(pq_info(self->dev).user_queues == queues));
}

/* The last fd is closed first, the name goes later: nothing is left. */
TEST_F(names, unlink_of_a_closed_queue)
{
	struct pyqueue_info before = pq_info(self->dev);
	char big[5000] = "";
	int q = pq_create_named(self->dev, "empty house", .maxsize = 3);

	EXPECT_EQ(0, pq_put(q, big, sizeof(big), PYQUEUE_NOWAIT));
	close(q);
	EXPECT_EQ(before.user_queues + 1, pq_info(self->dev).user_queues);
	EXPECT_EQ(0, pq_unlink(self->dev, "empty house"));
	EXPECT_TRUE(eventually(pq_info(self->dev).user_queues == before.user_queues));
	EXPECT_TRUE(eventually(pq_info(self->dev).user_bytes == before.user_bytes));
}

/* Processes that make, open, use and unlink one name, all at the same time. */
TEST_F(names, made_and_unlinked_at_once)
{
	struct pyqueue_info before = pq_info(self->dev);
	pid_t pids[4];

	for (unsigned int i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = spawn();
		if (pids[i])
			continue;
		for (int n = 0; n < 300; n++) {
			int q = pq_create_named(self->dev, "rope", .maxsize = 1000);
			int err;

			ASSERT_LE(0, q);
			ASSERT_EQ(0, pq_put(q, "1", 1, PYQUEUE_NOWAIT));
			err = pq_unlink(self->dev, "rope");
			ASSERT_TRUE(!err || err == -ENOENT);
			close(q);
			q = pq_open(self->dev, "rope", PYQUEUE_READ);
			ASSERT_TRUE(q >= 0 || q == -ENOENT);
			close(q);
		}
		child_done();
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(pids); i++)
		EXPECT_EQ(0, reap(pids[i]));
	pq_unlink(self->dev, "rope");
	EXPECT_EQ(0, listed(self->dev, 32, 1));
	EXPECT_TRUE(eventually(pq_info(self->dev).user_queues == before.user_queues));
	EXPECT_TRUE(eventually(pq_info(self->dev).user_bytes == before.user_bytes));
}

/* --- what may be a name ------------------------------------------------------ */

TEST_F(names, bad_names)
{
	static const struct {
		const char *text;
		unsigned int len;
	} bad[] = {
		{ "", 0 }, { "/", 1 }, { "a/b", 3 }, { "/a", 2 }, { "a/", 2 },
		{ "\0", 1 }, { "a\0", 2 }, { "a\0b", 3 }, { "a\nb", 3 }, { "\t", 1 },
		{ ".", 1 }, { "..", 2 }, { "a\x1f", 2 }, { "\x01", 1 }, { "\x7f", 1 }, { "a\x1b[31m", 6 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		/* proves: CREATE -EINVAL */
		EXPECT_EQ(-EINVAL, create_len(self->dev, bad[i].text, bad[i].len))
			TH_LOG("bad name %u", i);
		/* proves: OPEN -EINVAL */
		EXPECT_EQ(-EINVAL, open_len(self->dev, bad[i].text, bad[i].len))
			TH_LOG("bad name %u", i);
		/* proves: UNLINK -EINVAL */
		EXPECT_EQ(-EINVAL, unlink_len(self->dev, bad[i].text, bad[i].len))
			TH_LOG("bad name %u", i);
	}
	EXPECT_EQ(0, listed(self->dev, 32, 1));
}

TEST_F(names, good_names)
{
	static const char *const good[] = {
		"a", "aa", "A", " ", "...", ".a", "-", "a b", "~", "\"'`$\\", "*?[", "#%&",
		"schl\xc3\xbcssel", "\xe9\x98\x9f\xe5\x88\x97", "\xff\x80",
	};
	int fds[ARRAY_SIZE(good)];

	for (unsigned int i = 0; i < ARRAY_SIZE(good); i++) {
		fds[i] = pq_create_named(self->dev, good[i], .maxsize = 1, .flags = PYQUEUE_EXCL);
		EXPECT_LE(0, fds[i])
			TH_LOG("good name %u", i);
	}
	EXPECT_EQ((long)ARRAY_SIZE(good), listed(self->dev, 32, 2));
	for (unsigned int i = 0; i < ARRAY_SIZE(good); i++) {
		int q = pq_open(self->dev, good[i], PYQUEUE_READ);

		EXPECT_LE(0, q);
		EXPECT_EQ(pq_stat(fds[i]).id, pq_stat(q).id);
		close(q);
		close(fds[i]);
		EXPECT_EQ(0, pq_unlink(self->dev, good[i]));
	}
}

TEST_F(names, length)
{
	char name[PYQUEUE_NAME_MAX + 1];
	struct pyqueue_entry entry;
	uint64_t cookie = 0;
	int q;

	memset(name, 'n', sizeof(name));
	q = create_len(self->dev, name, PYQUEUE_NAME_MAX);
	ASSERT_LE(0, q);
	close(q);
	EXPECT_EQ(1, list(self->dev, &entry, 1, sizeof(entry), &cookie));
	EXPECT_EQ(PYQUEUE_NAME_MAX, entry.name_len);
	EXPECT_EQ(0, memcmp(name, entry.name, PYQUEUE_NAME_MAX));
	/* One byte less is another name. */
	EXPECT_EQ(-ENOENT, open_len(self->dev, name, PYQUEUE_NAME_MAX - 1));
	q = open_len(self->dev, name, PYQUEUE_NAME_MAX);
	EXPECT_LE(0, q);
	close(q);
	/* proves: CREATE -ENAMETOOLONG */
	EXPECT_EQ(-ENAMETOOLONG, create_len(self->dev, name, PYQUEUE_NAME_MAX + 1));
	EXPECT_EQ(-ENAMETOOLONG, create_len(self->dev, name, ~0U));
	/* proves: OPEN -ENAMETOOLONG */
	EXPECT_EQ(-ENAMETOOLONG, open_len(self->dev, name, PYQUEUE_NAME_MAX + 1));
	/* proves: UNLINK -ENAMETOOLONG */
	EXPECT_EQ(-ENAMETOOLONG, unlink_len(self->dev, name, PYQUEUE_NAME_MAX + 1));
	EXPECT_EQ(0, unlink_len(self->dev, name, PYQUEUE_NAME_MAX));
}

/* --- LIST ------------------------------------------------------------------- */

TEST_F(names, list)
{
	struct pyqueue_entry entries[4];
	uint64_t cookie = 0;
	int one, two;

	EXPECT_EQ(0, list(self->dev, entries, 4, sizeof(entries[0]), &cookie));
	EXPECT_EQ(0, cookie);

	one = pq_create_named(self->dev, "one", .maxsize = 7);
	two = pq_create_named(self->dev, "two", .maxsize = 9, .flags = PYQUEUE_SEALED,
			      .mode = 0640, .gid = 5);
	ASSERT_LE(0, one);
	ASSERT_LE(0, two);
	EXPECT_EQ(0, pq_put(one, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_put(one, "2", 1, PYQUEUE_NOWAIT));
	memset(entries, 0xcc, sizeof(entries));
	EXPECT_EQ(2, list(self->dev, entries, 4, sizeof(entries[0]), &cookie));
	EXPECT_EQ(0, cookie);
	for (int i = 0; i < 2; i++) {
		bool first = entries[i].name[0] == 'o';
		struct pyqueue_entry expected = {
			.id = pq_stat(first ? one : two).id,
			.maxsize = first ? 7 : 9,
			.qsize = first ? 2 : 0,
			.mode = first ? 0600 : 0640,
			.uid = getuid(),
			.gid = first ? getgid() : 5,
			.flags = first ? 0 : PYQUEUE_SEALED,
			.name_len = 3,
		};

		memcpy(expected.name, first ? "one" : "two", 3);
		EXPECT_EQ(0, memcmp(&expected, &entries[i], sizeof(expected)));
	}
	EXPECT_NE(entries[0].id, entries[1].id);
	EXPECT_EQ(0xcc, *(unsigned char *)&entries[2]);
	close(one);
	close(two);
}

TEST_F(names, list_entry_sizes)
{
	unsigned char room[2][4096];
	struct pyqueue_entry *entry;
	uint64_t cookie;

	close(pq_create_named(self->dev, "one", .maxsize = 1));
	close(pq_create_named(self->dev, "two", .maxsize = 2));

	/* A program that knows more finds zeros there. */
	memset(room, 0xcc, sizeof(room));
	cookie = 0;
	EXPECT_EQ(2, list(self->dev, room, 2, sizeof(room[0]), &cookie));
	for (int i = 0; i < 2; i++) {
		entry = (struct pyqueue_entry *)room[i];
		EXPECT_EQ(3, entry->name_len);
		for (unsigned int at = sizeof(*entry); at < sizeof(room[0]); at++)
			ASSERT_EQ(0, room[i][at]);
	}
	memset(room, 0xcc, sizeof(room));
	cookie = 0;
	EXPECT_EQ(1, list(self->dev, room, 1, sizeof(*entry) + 8, &cookie));
	EXPECT_EQ(0, room[0][sizeof(*entry) + 7]);
	EXPECT_EQ(0xcc, room[0][sizeof(*entry) + 8]);

	/* proves: LIST -EINVAL */
	cookie = 0;
	EXPECT_EQ(-EINVAL, list(self->dev, room, 1, sizeof(*entry) - 8, &cookie));
	EXPECT_EQ(-EINVAL, list(self->dev, room, 1, 0, &cookie));
	EXPECT_EQ(-EINVAL, list(self->dev, room, 1, 4096 + 8, &cookie));
	EXPECT_EQ(-EINVAL, list(self->dev, room, 0, sizeof(*entry), &cookie));
	EXPECT_EQ(0, cookie);
	/* proves: LIST -EFAULT */
	EXPECT_EQ(-EFAULT, list(self->dev, NULL, 1, sizeof(*entry), &cookie));
	EXPECT_EQ(0, cookie);
}

#define MANY 100

TEST_F(names, list_by_pages)
{
	char name[16];

	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "queue %d", i);
		close(pq_create_named(self->dev, name, .maxsize = 1));
	}
	EXPECT_EQ(MANY, listed(self->dev, 1, MANY + 1));
	EXPECT_EQ(MANY, listed(self->dev, 7, MANY / 7 + 2));
	EXPECT_EQ(MANY, listed(self->dev, 25, MANY / 25 + 1));
	EXPECT_EQ(MANY, listed(self->dev, 32, MANY / 32 + 2));
}

/* Names come and go between two pages: those that stay are seen once each. */
TEST_F(names, list_while_names_change)
{
	struct pyqueue_entry entries[3];
	unsigned char seen[MANY] = { };
	uint64_t cookie = 0;
	unsigned int calls = 0;
	char name[32];

	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "%s %d", i % 4 ? "stays" : "goes", i);
		close(pq_create_named(self->dev, name, .maxsize = 1));
	}
	do {
		int n = list(self->dev, entries, 3, sizeof(entries[0]), &cookie);

		ASSERT_LE(0, n);
		for (int i = 0; i < n; i++) {
			int number;

			snprintf(name, sizeof(name), "%.*s", (int)entries[i].name_len,
				 (char *)entries[i].name);
			if (sscanf(name, "stays %d", &number) == 1)
				seen[number]++;
			else if (sscanf(name, "goes %d", &number) == 1)
				EXPECT_EQ(0, pq_unlink(self->dev, name));
		}
		/* One that goes before it was seen, and one that comes. */
		snprintf(name, sizeof(name), "goes %d", MANY / 4 * 4 - 4 * (int)calls);
		pq_unlink(self->dev, name);
		snprintf(name, sizeof(name), "comes %u", calls);
		close(pq_create_named(self->dev, name, .maxsize = 1));
		ASSERT_GT(10 * MANY, calls++);
	} while (cookie);
	for (int i = 0; i < MANY; i++)
		EXPECT_EQ(i % 4 ? 1 : 0, seen[i]);
}

TEST_HARNESS_MAIN
