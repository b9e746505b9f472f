// SPDX-License-Identifier: GPL-2.0
/* The library against the module: making queues, names, messages, errors. */
#include "lib_test.h"

#define NOBODY 65534

/* Names of this process alone: another run may have left some behind. */
static const char *unique(const char *text)
{
	static char names[8][64];
	static unsigned int next;
	char *name = names[next++ % 8];

	snprintf(name, sizeof(names[0]), "lib_queue %d %s", getpid(), text);
	return name;
}

TEST(create)
{
	pyq_queue *q = new_queue(.maxsize = 3);
	struct pyq_stat st;

	EXPECT_EQ(3, lib(pyq_maxsize(q)));
	EXPECT_EQ(1 << 20, lib(pyq_max_msg(q)));
	EXPECT_EQ(0, lib(pyq_qsize(q)));
	EXPECT_TRUE(lib(pyq_empty(q)));
	EXPECT_FALSE(lib(pyq_full(q)));
	EXPECT_EQ(FD_CLOEXEC, fcntl(lib(pyq_fd(q)), F_GETFD));
	ASSERT_EQ(0, lib(pyq_stat(q, &st)));
	EXPECT_EQ(3, st.maxsize);
	EXPECT_EQ(240, st.payload);
	EXPECT_EQ(on_shm() ? 64 << 20 : 0, st.max_bytes);
	EXPECT_FALSE(st.named);
	EXPECT_EQ(is_sealed(), st.sealed);
	EXPECT_FALSE(st.shutdown);
	EXPECT_FALSE(st.broken);
	errno = UNTOUCHED;
	pyq_close(q);
	EXPECT_EQ(UNTOUCHED, errno);
}

/* A slot has more room than a message may have: the bound is the message's. */
TEST(max_msg_below_the_payload)
{
	pyq_queue *q = new_queue(.maxsize = 4, .payload = 48, .max_msg = 10);
	char buf[48] = { 0 };
	struct pyq_msg msg = { .data = buf, .size = sizeof(buf), .len = 11 };

	EXPECT_EQ(10, lib(pyq_max_msg(q)));
	EXPECT_EQ(10, lib(pyq_payload(q)));
	EXPECT_EQ(-E2BIG, lib(pyq_put(q, buf, 11, PYQ_NOWAIT)));
	EXPECT_EQ(-E2BIG, lib(pyq_put_many(q, &msg, 1, PYQ_NOWAIT)));
	EXPECT_EQ(0, lib(pyq_qsize(q)));
	EXPECT_EQ(0, lib(pyq_put(q, buf, 10, PYQ_NOWAIT)));
	EXPECT_EQ(-EMSGSIZE, lib(pyq_get(q, buf, 9, PYQ_NOWAIT)));
	EXPECT_EQ(10, lib(pyq_get(q, buf, 10, PYQ_NOWAIT)));
	pyq_close(q);
}

TEST(attributes)
{
	pyq_queue *q = new_queue(.maxsize = 1000, .payload = 100, .max_msg = 5000,
				 .max_bytes = 10000, .flags = on_shm() ? 0 : PYQ_SEALED);
	struct pyq_stat st;

	ASSERT_EQ(0, lib(pyq_stat(q, &st)));
	EXPECT_EQ(1000, st.maxsize);
	EXPECT_EQ(112, st.payload); /* slots are multiples of 64 bytes */
	EXPECT_EQ(5000, st.max_msg);
	EXPECT_EQ(5000, pyq_max_msg(q));
	EXPECT_EQ(on_shm() ? 12288 : 10000, st.max_bytes); /* in blocks there */
	EXPECT_EQ(!on_shm(), st.sealed);
	pyq_close(q);
	if (on_shm()) {
		EXPECT_EQ(-EOPNOTSUPP, lib(pyq_create(&q, &(struct pyq_attr){
			.maxsize = 1, .flags = PYQ_SEALED })));
		EXPECT_EQ(-EOPNOTSUPP, lib(pyq_create(&q, &(struct pyq_attr){
			.maxsize = 1, .name = unique("half"), .mode = 0640 })));
	}
}

TEST(create_errors)
{
	char long_name[202] = "";
	const struct {
		struct pyq_attr attr;
		int err;
	} cases[] = {
		{ { .maxsize = ((int64_t)1 << 26) + 1 }, -EINVAL },
		{ { .maxsize = 1, .mode = 0600 }, -EINVAL }, /* of what? */
		{ { .maxsize = 1, .name = "x", .mode = 01777 }, -EINVAL },
		{ { .maxsize = 1, .flags = PYQ_EXCL }, -EINVAL },
		{ { .maxsize = 1, .name = "x", .flags = PYQ_SEALED | PYQ_MAPPABLE }, -EINVAL },
		{ { .maxsize = 1, .flags = 1u << 31 }, -EOPNOTSUPP },
		{ { .maxsize = 1, .payload = 65521 }, -EINVAL },
		{ { .maxsize = 1, .payload = SIZE_MAX }, -EINVAL },
		{ { .maxsize = 1, .max_msg = ((size_t)64 << 20) + 1 }, -EINVAL },
		{ { .maxsize = 1, .reserved = { [3] = 1 } }, -EINVAL },
		{ { .maxsize = 1, .name = "" }, -EINVAL },
		{ { .maxsize = 1, .name = "a/b" }, -EINVAL },
		{ { .maxsize = 1, .name = "a\nb" }, -EINVAL },
		{ { .maxsize = 1, .name = long_name }, -ENAMETOOLONG },
	};
	struct pyq_info info;
	pyq_queue *q;

	memset(long_name, 'n', sizeof(long_name) - 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		q = (pyq_queue *)long_name;
		EXPECT_EQ(cases[i].err, lib(pyq_create(&q, &cases[i].attr))) TH_LOG("case %zu", i);
		EXPECT_EQ(NULL, q);
	}
	EXPECT_EQ(-EINVAL, lib(pyq_create(&q, NULL)));
	ASSERT_EQ(0, pyq_info(&info));
	EXPECT_EQ(!on_shm(), !!strstr(info.features, "unbounded"));
	for (int64_t none = 0; none >= -1; none--) {
		EXPECT_EQ(on_shm() ? -EOPNOTSUPP : 0,
			  lib(pyq_create(&q, &(struct pyq_attr){ .maxsize = none })));
		pyq_close(q);
	}
	EXPECT_EQ(-EINVAL, lib(pyq_open(&q, "", 0)));
	EXPECT_EQ(-EINVAL, lib(pyq_open(&q, "x", 1u << 31)));
	EXPECT_EQ(-ENAMETOOLONG, lib(pyq_open(&q, long_name, 0)));
	EXPECT_EQ(-ENAMETOOLONG, lib(pyq_unlink(long_name)));
	EXPECT_EQ(-EINVAL, lib(pyq_unlink("a/b")));
}

TEST(names)
{
	const char *name = unique("names");
	struct pyq_attr attr = { .maxsize = 2, .name = name, .flags = PYQ_EXCL };
	pyq_queue *q = new_queue(.maxsize = 2, .name = name, .flags = PYQ_EXCL);
	pyq_queue *same = new_queue(.maxsize = 99, .name = name);
	pyq_queue *opened = NULL;
	struct pyq_stat st, other;
	char c;

	EXPECT_EQ(-EEXIST, lib(pyq_create(&opened, &attr)));
	ASSERT_EQ(0, lib(pyq_stat(q, &st)));
	ASSERT_EQ(0, lib(pyq_stat(same, &other)));
	EXPECT_EQ(st.id, other.id);
	EXPECT_EQ(2, pyq_maxsize(same));
	EXPECT_EQ(0600, st.mode);
	EXPECT_EQ(getuid(), st.uid);
	EXPECT_EQ(getgid(), st.gid);
	EXPECT_TRUE(st.named);

	ASSERT_EQ(0, lib(pyq_open(&opened, name, 0)));
	EXPECT_EQ(0, lib(pyq_put(opened, "x", 1, PYQ_NOWAIT)));
	EXPECT_EQ(1, lib(pyq_get(same, &c, 1, PYQ_NOWAIT)));

	/* The name goes at once, the queue with its last handle. */
	EXPECT_EQ(0, lib(pyq_unlink(name)));
	EXPECT_EQ(-ENOENT, lib(pyq_unlink(name)));
	EXPECT_EQ(0, lib(pyq_put(q, "y", 1, PYQ_NOWAIT)));
	pyq_close(q);
	EXPECT_EQ(1, lib(pyq_get(opened, &c, 1, PYQ_NOWAIT)));
	ASSERT_EQ(0, lib(pyq_stat(same, &st)));
	EXPECT_FALSE(st.named);
	pyq_close(same);
	pyq_close(opened);
	EXPECT_EQ(-ENOENT, lib(pyq_open(&opened, name, PYQ_READ)));
	EXPECT_EQ(NULL, opened);
}

TEST(rights_of_a_handle)
{
	const char *name = unique("rights");
	pyq_queue *q = new_queue(.maxsize = 2, .name = name);
	pyq_queue *getter, *putter;
	char c;

	ASSERT_EQ(0, lib(pyq_open(&getter, name, PYQ_READ)));
	ASSERT_EQ(0, lib(pyq_open(&putter, name, PYQ_WRITE)));
	EXPECT_EQ(-EBADF, lib(pyq_put(getter, "x", 1, PYQ_FOREVER)));
	EXPECT_EQ(-EBADF, lib(pyq_get(putter, &c, 1, PYQ_FOREVER)));
	EXPECT_EQ(0, lib(pyq_put(putter, "x", 1, PYQ_NOWAIT)));
	EXPECT_EQ(1, lib(pyq_get(getter, &c, 1, PYQ_NOWAIT)));
	EXPECT_EQ(-EBADF, lib(pyq_task_done(putter, 1)));
	EXPECT_EQ(0, lib(pyq_task_done(getter, 1)));
	EXPECT_EQ(-EBADF, lib(pyq_shutdown(getter, false)));
	EXPECT_EQ(-EBADF, lib(pyq_shutdown(putter, true)));
	EXPECT_EQ(0, lib(pyq_shutdown(putter, false)));
	EXPECT_EQ(0, lib(pyq_unlink(name)));
	pyq_close(getter);
	pyq_close(putter);
	pyq_close(q);
}

struct seen {
	const char *prefix;
	uint64_t mask;
	unsigned int stop_at;
	unsigned int calls;
};

static int see(const struct pyq_name *name, void *arg)
{
	struct seen *seen = arg;
	size_t len = strlen(seen->prefix);

	if (!strncmp(name->name, seen->prefix, len) && name->maxsize == 5 && name->qsize == 1 &&
	    name->mode == 0660 && name->uid == getuid() && name->gid == getgid() &&
	    name->sealed == !on_shm())
		seen->mask ^= UINT64_C(1) << atoi(name->name + len);
	return ++seen->calls == seen->stop_at ? 4711 : 0;
}

TEST(list)
{
	char prefix[64], name[80];
	struct seen seen = { .prefix = prefix };
	pyq_queue *q;

	snprintf(prefix, sizeof(prefix), "%s ", unique("list"));
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "%s%d", prefix, i);
		q = new_queue(.maxsize = 5, .name = name, .mode = 0660);
		ASSERT_EQ(0, pyq_put(q, "", 0, PYQ_NOWAIT));
		pyq_close(q);
	}
	EXPECT_EQ(0, lib(pyq_list(see, &seen)));
	EXPECT_EQ((UINT64_C(1) << 50) - 1, seen.mask);

	seen.calls = 0;
	seen.stop_at = 20;
	EXPECT_EQ(4711, lib(pyq_list(see, &seen)));
	EXPECT_EQ(20, seen.calls);

	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "%s%d", prefix, i);
		EXPECT_EQ(0, lib(pyq_unlink(name)));
	}
	seen = (struct seen){ .prefix = prefix };
	EXPECT_EQ(0, lib(pyq_list(see, &seen)));
	EXPECT_EQ(0, seen.mask);
}

struct two_names {
	const char *closed, *ours;
	int closed_seen, ours_seen;
};

static int look_for(const struct pyq_name *name, void *arg)
{
	struct two_names *names = arg;

	names->closed_seen += !strcmp(name->name, names->closed);
	names->ours_seen += !strcmp(name->name, names->ours);
	return 0;
}

/* As another user: 0, or the number of the check that failed. */
static int other_user(const char *closed, const char *ours)
{
	struct pyq_owner root = { .uid = 0, .gid = (gid_t)-1 };
	struct two_names names = { .closed = closed, .ours = ours };
	pyq_queue *q;

	if (setgid(NOBODY) || setuid(NOBODY))
		return 1;
	if (pyq_open(&q, closed, PYQ_READ) != -EACCES)
		return 2;
	if (pyq_create(&q, &(struct pyq_attr){ .maxsize = 1, .name = closed }) != -EACCES)
		return 3;
	if (pyq_unlink(closed) != -EPERM)
		return 4;
	if (pyq_create(&q, &(struct pyq_attr){ .maxsize = 1, .name = "x", .owner = &root }) != -EPERM)
		return 5;
	if (pyq_list(look_for, &names) || names.closed_seen || names.ours_seen != 1)
		return 6;
	if (pyq_open(&q, ours, 0))
		return 7;
	if (pyq_put(q, "x", 1, PYQ_NOWAIT))
		return 8;
	pyq_close(q);
	return pyq_unlink(ours) ? 9 : 0;
}

TEST(permissions)
{
	struct pyq_owner nobody = { .uid = NOBODY, .gid = (gid_t)-1 };
	const char *closed = unique("closed"), *theirs = unique("theirs");
	pyq_queue *q, *their_queue;
	struct pyq_stat st;

	if (getuid())
		SKIP(return, "needs root, to be two users");
	q = new_queue(.maxsize = 1, .name = closed);
	their_queue = new_queue(.maxsize = 1, .name = theirs, .owner = &nobody);
	ASSERT_EQ(0, pyq_stat(their_queue, &st));
	EXPECT_EQ(NOBODY, st.uid);
	EXPECT_EQ(getgid(), st.gid);
	EXPECT_EQ(0, exit_status(in_child(other_user(closed, theirs))));
	EXPECT_EQ(1, pyq_qsize(their_queue));
	EXPECT_EQ(-ENOENT, lib(pyq_unlink(theirs)));
	EXPECT_EQ(0, lib(pyq_unlink(closed)));
	pyq_close(their_queue);
	pyq_close(q);
}

/* The byte at @i of a message that has @len of them. */
static char pattern(size_t len, size_t i)
{
	return (char)(len + i * 7 + (i >> 8));
}

static void fill(char *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = pattern(len, i);
}

static bool filled(const char *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (buf[i] != pattern(len, i))
			return false;
	return true;
}

TEST(message_sizes)
{
	static const size_t sizes[] = { 0, 1, 239, 240, 241, 4096, 65536, 1 << 20 };
	pyq_queue *q = new_queue(.maxsize = 1);
	char *buf = malloc((1 << 20) + 1);
	uint64_t last_id = 0;
	void *data;
	size_t len;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct pyq_msg msg = { .data = buf, .size = 1 << 20 };

		fill(buf, sizes[i]);
		ASSERT_EQ(0, lib(pyq_put(q, sizes[i] ? buf : NULL, sizes[i], PYQ_NOWAIT)));
		if (sizes[i]) {
			msg.size = sizes[i] - 1;
			EXPECT_EQ(-EMSGSIZE, lib(pyq_get_msg(q, &msg, PYQ_FOREVER)));
			EXPECT_EQ(sizes[i], msg.len);
			EXPECT_EQ(-EMSGSIZE, lib(pyq_get(q, buf, sizes[i] - 1, PYQ_FOREVER)));
			msg.size = sizes[i];
		}
		EXPECT_EQ(1, lib(pyq_qsize(q)));
		memset(buf, 0xcc, sizes[i]);
		ASSERT_EQ((ssize_t)sizes[i], lib(pyq_get_msg(q, &msg, PYQ_NOWAIT)));
		EXPECT_EQ(sizes[i], msg.len);
		EXPECT_TRUE(filled(buf, sizes[i]));
		EXPECT_EQ(1, msg.deliveries);
		if (i) {
			EXPECT_LT(last_id, msg.id);
		}
		last_id = msg.id;

		fill(buf, sizes[i]);
		ASSERT_EQ(0, lib(pyq_put(q, buf, sizes[i], PYQ_NOWAIT)));
		ASSERT_EQ(0, lib(pyq_get_alloc(q, &data, &len, PYQ_NOWAIT)));
		EXPECT_EQ(sizes[i], len);
		EXPECT_TRUE(filled(data, len));
		EXPECT_EQ('\0', ((char *)data)[len]);
		free(data);
	}
	EXPECT_EQ(-E2BIG, lib(pyq_put(q, buf, (1 << 20) + 1, PYQ_FOREVER)));
	EXPECT_EQ(0, lib(pyq_qsize(q)));
	data = buf;
	EXPECT_EQ(-EAGAIN, lib(pyq_get_alloc(q, &data, &len, PYQ_NOWAIT)));
	EXPECT_EQ(NULL, data);
	free(buf);
	pyq_close(q);
}

TEST(bad_addresses)
{
	pyq_queue *q = new_queue(.maxsize = 2);
	char c = 'x';

	EXPECT_EQ(-EFAULT, lib(pyq_put(q, NULL, 1, PYQ_FOREVER)));
	if (is_mapped(q)) {
		EXPECT_EQ(128 + SIGSEGV, exit_status(in_child(pyq_put(q, (void *)8, 1, PYQ_FOREVER))));
	} else {
		EXPECT_EQ(-EFAULT, lib(pyq_put(q, (void *)8, 1, PYQ_FOREVER)));
	}
	EXPECT_EQ(0, lib(pyq_put(q, &c, 1, PYQ_FOREVER)));
	EXPECT_EQ(-EFAULT, lib(pyq_get(q, NULL, 1, PYQ_FOREVER)));
	if (is_mapped(q)) {
		EXPECT_EQ(128 + SIGSEGV, exit_status(in_child(pyq_get(q, (void *)8, 1, PYQ_FOREVER))));
	} else {
		EXPECT_EQ(-EFAULT, lib(pyq_get(q, (void *)8, 1, PYQ_FOREVER)));
	}
	EXPECT_EQ(1, lib(pyq_get(q, &c, 1, PYQ_FOREVER)));
	EXPECT_EQ('x', c);
	pyq_close(q);
}

TEST(bytes_of_large_messages)
{
	pyq_queue *q = new_queue(.maxsize = 10, .max_bytes = 3000);
	char buf[2000] = "";
	struct pyq_stat st;

	EXPECT_EQ(0, lib(pyq_put(q, buf, sizeof(buf), PYQ_NOWAIT)));
	EXPECT_EQ(-ENOBUFS, lib(pyq_put(q, buf, sizeof(buf), PYQ_FOREVER)));
	EXPECT_EQ(0, lib(pyq_put(q, buf, 240, PYQ_NOWAIT)));
	ASSERT_EQ(0, lib(pyq_stat(q, &st)));
	EXPECT_LE(2000, st.large_bytes);
	EXPECT_EQ(2000, lib(pyq_get(q, buf, sizeof(buf), PYQ_NOWAIT)));
	EXPECT_EQ(0, lib(pyq_put(q, buf, sizeof(buf), PYQ_NOWAIT)));
	pyq_close(q);
}

#define MANY 1000

TEST(many)
{
	static struct pyq_msg msgs[MANY];
	static char data[MANY][8];
	pyq_queue *q = new_queue(.maxsize = 700);

	for (int i = 0; i < MANY; i++) {
		msgs[i] = (struct pyq_msg){ .data = data[i], .len = sizeof(data[i]) };
		snprintf(data[i], sizeof(data[i]), "%d", i);
	}
	EXPECT_EQ(0, lib(pyq_put_many(q, NULL, 0, PYQ_FOREVER)));
	EXPECT_EQ(0, lib(pyq_get_many(q, NULL, 0, PYQ_FOREVER)));
	EXPECT_EQ(-EAGAIN, lib(pyq_get_many(q, msgs, 1, PYQ_NOWAIT)));

	EXPECT_EQ(700, lib(pyq_put_many(q, msgs, MANY, PYQ_FOREVER)));
	EXPECT_TRUE(lib(pyq_full(q)));
	EXPECT_EQ(-EAGAIN, lib(pyq_put_many(q, msgs + 700, 300, PYQ_NOWAIT)));
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_put_many(q, msgs + 700, 300, 1)));

	memset(data, 0, sizeof(data));
	for (int i = 0; i < MANY; i++)
		msgs[i] = (struct pyq_msg){ .data = data[i], .size = sizeof(data[i]) };
	EXPECT_EQ(700, lib(pyq_get_many(q, msgs, MANY, PYQ_FOREVER)));
	for (int i = 0; i < 700; i++) {
		ASSERT_EQ(i, atoi(data[i]));
		ASSERT_EQ(8, msgs[i].len);
		ASSERT_EQ(1, msgs[i].deliveries);
		if (i) {
			ASSERT_EQ(msgs[i - 1].id + 1, msgs[i].id);
		}
	}
	EXPECT_EQ(0, msgs[700].len);
	EXPECT_TRUE(lib(pyq_empty(q)));
	pyq_close(q);
}

TEST(many_stops_at_what_does_not_fit)
{
	char a[1], b[1], c[4];
	struct pyq_msg msgs[] = { { .data = a, .size = 1 }, { .data = b, .size = 1 } };
	struct pyq_msg too_big[] = { { .data = a, .len = 1 }, { .data = a, .len = 1 << 21 } };
	pyq_queue *q = new_queue(.maxsize = 5);

	EXPECT_EQ(0, lib(pyq_put(q, "1", 1, PYQ_NOWAIT)));
	EXPECT_EQ(0, lib(pyq_put(q, "four", 4, PYQ_NOWAIT)));
	EXPECT_EQ(1, lib(pyq_get_many(q, msgs, 2, PYQ_NOWAIT)));
	EXPECT_EQ(-EMSGSIZE, lib(pyq_get_many(q, msgs, 2, PYQ_NOWAIT)));
	EXPECT_EQ(4, msgs[0].len);
	EXPECT_EQ(4, lib(pyq_get(q, c, 4, PYQ_NOWAIT)));

	EXPECT_EQ(1, lib(pyq_put_many(q, too_big, 2, PYQ_NOWAIT)));
	EXPECT_EQ(-E2BIG, lib(pyq_put_many(q, too_big + 1, 1, PYQ_NOWAIT)));
	pyq_close(q);
}

TEST(from_fd)
{
	pyq_queue *q = new_queue(.maxsize = 1);
	pyq_queue *other = q;
	int pipes[2];
	int fd, dev = open("/dev/pyqueue", O_RDWR | O_CLOEXEC);
	char c;

	EXPECT_EQ(-EBADF, lib(pyq_from_fd(&other, -1)));
	EXPECT_EQ(NULL, other);
	ASSERT_EQ(0, pipe(pipes));
	EXPECT_EQ(-ENOTTY, lib(pyq_from_fd(&other, pipes[0])));
	EXPECT_EQ(0, close(pipes[0]));
	if (!on_shm()) {
		ASSERT_LE(0, dev);
		EXPECT_EQ(-ENOTTY, lib(pyq_from_fd(&other, dev)));
	}
	close(dev);

	fd = dup(pyq_fd(q));
	ASSERT_EQ(0, lib(pyq_from_fd(&other, fd)));
	EXPECT_EQ(fd, pyq_fd(other));
	EXPECT_EQ(1, pyq_maxsize(other));
	EXPECT_EQ(0, lib(pyq_put(other, "x", 1, PYQ_NOWAIT)));
	EXPECT_EQ(1, lib(pyq_get(q, &c, 1, PYQ_NOWAIT)));
	pyq_close(other);
	EXPECT_EQ(-1, fcntl(fd, F_GETFD));
	EXPECT_EQ(0, lib(pyq_put(q, "x", 1, PYQ_NOWAIT)));
	pyq_close(q);
}

TEST(info)
{
	pyq_queue *q = new_queue(.maxsize = 1);
	struct pyq_info info, less;

	memset(&info, 0xcc, sizeof(info));
	ASSERT_EQ(0, lib(pyq_info(&info)));
	EXPECT_STREQ(on_shm() ? "shm" : "kernel", info.backend);
	EXPECT_EQ(1, info.abi_version);
	EXPECT_NE(NULL, strstr(info.features, "names"));
	EXPECT_NE(NULL, strstr(info.features, "indirect"));
	EXPECT_EQ(1 << 26, info.maxsize_max);
	EXPECT_EQ(64 << 20, info.max_msg_max);
	EXPECT_EQ(65520, info.payload_max);
	EXPECT_EQ(on_shm() ? 0 : 1, info.user_queues > 0); /* nobody counts on shm */
	EXPECT_LE(info.user_queues, info.max_user_queues);
	EXPECT_LE(info.user_bytes, info.max_user_bytes);
	EXPECT_EQ(0, info.reserved[0]);
	pyq_close(q);
	ASSERT_EQ(0, lib(pyq_info(&less)));
	EXPECT_EQ(info.user_queues - !on_shm(), less.user_queues);
	EXPECT_EQ(!on_shm(), less.user_bytes < info.user_bytes);
}

static int count(const struct pyq_name *name, void *arg)
{
	(void)name;
	++*(int *)arg;
	return 0;
}

TEST(the_library_keeps_no_fd)
{
	pyq_queue *q = new_queue(.maxsize = 1);
	struct pyq_info info;
	int calls = 0;
	int before = dup(0), after;

	ASSERT_LE(0, before);
	close(before);
	pyq_close(new_queue(.maxsize = 1));
	EXPECT_EQ(0, pyq_info(&info));
	EXPECT_EQ(0, pyq_list(count, &calls));
	EXPECT_EQ(-ENOENT, pyq_unlink(unique("none")));
	after = dup(0);
	EXPECT_EQ(before, after);
	close(after);
	pyq_close(q);
}

/* Returns 0 if no call has put a file of its own where a printf() would write. */
static int without_standard_files(const char *name)
{
	struct pollfd pfd;
	pyq_queue *q, *same;
	int err;

	for (int fd = 0; fd < 3; fd++)
		close(fd);
	err = pyq_create(&q, &(struct pyq_attr){ .maxsize = 1, .name = name });
	if (!err)
		err = pyq_open(&same, name, 0);
	if (!err)
		err = pyq_pollfd(q, PYQ_READ, &pfd);
	if (!err)
		pyq_close(same);
	if (!err)
		err = pyq_create(&same, &(struct pyq_attr){ .maxsize = 1 });
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return 100 + fd;
	return -err;
}

TEST(standard_files_are_closed)
{
	const char *name = unique("standard");

	EXPECT_EQ(0, exit_status(in_child(without_standard_files(name))));
	EXPECT_EQ(0, pyq_unlink(name));
}

TEST_HARNESS_MAIN
