// SPDX-License-Identifier: GPL-2.0
/*
 * Every ioctl, with every kind of argument that it must refuse, and that a call
 * which was refused has changed nothing.
 */
#include "arguments.h"
#include "pyqueue_test.h"

#define RESIZED(cmd, size) (((cmd) & ~IOCSIZE_MASK) | ((size) << IOCSIZE_SHIFT))
#define KERNEL_ADDRESS ((void *)0xffff888000100000UL)

struct call {
	const char *name;
	unsigned long cmd;
	size_t size;
	size_t first;		/* of the first version, if that was another */
	__u32 flags;		/* known ones */
	int pad;		/* where the padding is, or 0 */
	bool on_queue;
	bool out;		/* the kernel writes to the structure */
};

#define CALL(ioc, type) \
	.name = #ioc, .cmd = PYQUEUE_IOC_##ioc, .size = sizeof(struct pyqueue_##type)
#define PAD(type) .pad = offsetof(struct pyqueue_##type, pad)

static const struct call calls[] = {
	{ CALL(INFO, info), .out = true },
	{ CALL(CREATE, create), PAD(create),
	  .flags = PYQUEUE_SEALED | PYQUEUE_MAPPABLE | PYQUEUE_EXCL | PYQUEUE_NONBLOCK },
	{ CALL(OPEN, open), PAD(open),
	  .flags = PYQUEUE_READ | PYQUEUE_WRITE | PYQUEUE_NONBLOCK },
	{ CALL(LIST, list), .out = true },
	{ CALL(UNLINK, unlink), PAD(unlink) },
	{ CALL(STAT, stat), .first = offsetof(struct pyqueue_stat, owners), .on_queue = true,
	  .out = true },
	{ CALL(PUT, put), .on_queue = true },
	{ CALL(PUT_MANY, many), PAD(many), .on_queue = true },
	{ CALL(GET, get), PAD(get), .on_queue = true, .out = true },
	{ CALL(GET_MANY, many), PAD(many), .on_queue = true },
	{ CALL(TASK_DONE, task_done), PAD(task_done), .on_queue = true },
	{ CALL(OWNER, owner), PAD(owner), .on_queue = true, .out = true },
	{ CALL(WAKE, wake), PAD(wake), .on_queue = true,
	  .flags = PYQUEUE_WAKE_GETTERS | PYQUEUE_WAKE_PUTTERS | PYQUEUE_WAKE_JOINERS |
		   PYQUEUE_WAKE_POLL_IN | PYQUEUE_WAKE_POLL_OUT | PYQUEUE_WAKE_BROKEN },
	{ CALL(AWAIT, await), .on_queue = true, .flags = PYQUEUE_READ | PYQUEUE_WRITE },
	{ CALL(JOIN, join), .on_queue = true },
	{ CALL(SHUTDOWN, shutdown), .on_queue = true, .flags = PYQUEUE_IMMEDIATE },
};

#define for_each_call(c) \
	for (const struct call *c = calls; c < calls + ARRAY_SIZE(calls); c++)

FIXTURE(args) {
	int dev;
	int q;			/* bound 4, holds "one" and "second" */
	char name[32];		/* of another queue */
	struct pyqueue_entry entries[4];
	struct pyqueue_msg msgs[1];
	char buf[16];
	struct pyqueue_stat stat;
	struct pyqueue_info info;
	int next_fd;
	void *mapped;
};

static void remember(FIXTURE_DATA(args) *self)
{
	self->stat = pq_stat(self->q);
	self->info = pq_info(self->dev);
	self->next_fd = next_fd();
}

/* What a refused call must leave alone; anything but NULL says what it did not. */
static const char *changed(FIXTURE_DATA(args) *self)
{
	struct pyqueue_stat stat = pq_stat(self->q);
	struct pyqueue_info info = pq_info(self->dev);
	int fd;

	if (memcmp(&stat, &self->stat, sizeof(stat)))
		return "STAT";
	if (memcmp(&info, &self->info, sizeof(info)))
		return "INFO";
	if (pq_qsize(self->q) != (int)self->stat.qsize)
		return "QSIZE";
	if (next_fd() != self->next_fd)
		return "the file descriptors";
	fd = pq_open(self->dev, self->name, PYQUEUE_READ);
	if (fd < 0)
		return "the name";
	close(fd);
	return NULL;
}

/* And nobody has touched the messages. */
static bool holds_both(FIXTURE_DATA(args) *self)
{
	struct pyqueue_get out;
	char buf[16];

	return pq_get_full(self->q, buf, sizeof(buf), PYQUEUE_NOWAIT, &out) == 3 &&
	       !memcmp(buf, "one", 3) && out.deliveries == 1 &&
	       pq_get_full(self->q, buf, sizeof(buf), PYQUEUE_NOWAIT, &out) == 6 &&
	       !memcmp(buf, "second", 6) && out.deliveries == 1 &&
	       pq_get(self->q, buf, sizeof(buf), PYQUEUE_NOWAIT) == -EAGAIN;
}

FIXTURE_SETUP(args)
{
	int q;

	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = 4);
	ASSERT_LE(0, self->q);
	ASSERT_EQ(0, pq_put(self->q, "one", 3, PYQUEUE_NOWAIT));
	ASSERT_EQ(0, pq_put(self->q, "second", 6, PYQUEUE_NOWAIT));
	snprintf(self->name, sizeof(self->name), "args-%d", getpid());
	q = pq_create_named(self->dev, self->name, .maxsize = 1);
	ASSERT_LE(0, q);
	close(q);
	self->mapped = mmap(NULL, pq_stat(self->q).map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			    self->q, 0);
	ASSERT_NE(MAP_FAILED, self->mapped);
	remember(self);
}

FIXTURE_TEARDOWN(args)
{
	munmap(self->mapped, pq_stat(self->q).map_bytes);
	pq_unlink(self->dev, self->name);
	close(self->q);
	close(self->dev);
}

/* An argument with which the call succeeds. */
static void *valid(FIXTURE_DATA(args) *self, const struct call *c, union argument *a)
{
	memset(a, 0, sizeof(*a));
	a->size = c->size;
	switch (c->cmd) {
	case PYQUEUE_IOC_INFO:
	case PYQUEUE_IOC_STAT:
		/* Only the first two members are looked at. */
		memset(a, 0xcc, c->size);
		a->size = c->size;
		a->flags = 0;
		break;
	case PYQUEUE_IOC_CREATE:
		a->create.maxsize = 1;
		a->create.uid = PYQUEUE_ID_CALLER;
		a->create.gid = PYQUEUE_ID_CALLER;
		break;
	case PYQUEUE_IOC_OPEN:
		a->flags = PYQUEUE_READ | PYQUEUE_WRITE;
		a->open.name = (uintptr_t)self->name;
		a->open.name_len = strlen(self->name);
		break;
	case PYQUEUE_IOC_UNLINK:
		a->unlink.name = (uintptr_t)self->name;
		a->unlink.name_len = strlen(self->name);
		break;
	case PYQUEUE_IOC_LIST:
		a->list.entries = (uintptr_t)self->entries;
		a->list.count = ARRAY_SIZE(self->entries);
		a->list.entry_size = sizeof(self->entries[0]);
		break;
	case PYQUEUE_IOC_PUT:
		a->put.buf = (uintptr_t) "put";
		a->put.len = 3;
		break;
	case PYQUEUE_IOC_GET:
		a->get.buf = (uintptr_t)self->buf;
		a->get.len = sizeof(self->buf);
		a->get.position = ~0ULL;
		a->get.deliveries = 0xcccccccc;
		break;
	case PYQUEUE_IOC_PUT_MANY:
	case PYQUEUE_IOC_GET_MANY:
		memset(self->msgs, 0, sizeof(self->msgs));
		self->msgs[0].buf = (uintptr_t)self->buf;
		self->msgs[0].len = c->cmd == PYQUEUE_IOC_PUT_MANY ? 4 : sizeof(self->buf);
		a->many.msgs = (uintptr_t)self->msgs;
		a->many.count = 1;
		break;
	case PYQUEUE_IOC_TASK_DONE:
		a->task_done.count = 1;
		break;
	case PYQUEUE_IOC_OWNER:
		a->owner.addr = (uintptr_t)self->mapped;
		break;
	case PYQUEUE_IOC_WAKE:
		a->flags = PYQUEUE_WAKE_GETTERS;
		break;
	case PYQUEUE_IOC_AWAIT:
		a->flags = PYQUEUE_READ;
		break;
	case PYQUEUE_IOC_JOIN:
		break;
	case PYQUEUE_IOC_SHUTDOWN:
		break;
	default:
		abort();
	}
	return a;
}

/* What the call returns for valid(); a join would have to wait. */
static bool succeeds(const struct call *c, long ret)
{
	switch (c->cmd) {
	case PYQUEUE_IOC_INFO:
	case PYQUEUE_IOC_STAT:
	case PYQUEUE_IOC_PUT:
	case PYQUEUE_IOC_TASK_DONE:
	case PYQUEUE_IOC_SHUTDOWN:
	case PYQUEUE_IOC_UNLINK:
		return ret == 0;
	case PYQUEUE_IOC_JOIN:
		return ret == -EAGAIN;
	case PYQUEUE_IOC_AWAIT:
		return ret == 0 || ret == -EAGAIN;
	case PYQUEUE_IOC_GET:
		return ret == 3 || ret == 6;
	case PYQUEUE_IOC_PUT_MANY:
	case PYQUEUE_IOC_GET_MANY:
		return ret == 1;
	default:
		return ret >= 0;
	}
}

static int file_of(FIXTURE_DATA(args) *self, const struct call *c)
{
	return c->on_queue ? self->q : self->dev;
}

#define EXPECT_REFUSED(err, c, ret)                                          \
	do {                                                                 \
		long ret_ = (ret);                                           \
		const char *what_ = changed(self);                           \
		EXPECT_EQ(err, ret_) TH_LOG("%s", (c)->name);                \
		EXPECT_EQ(NULL, what_)                                       \
			TH_LOG("%s has changed %s", (c)->name, what_);       \
	} while (0)

/* The other cases differ from this one in one thing each. */
TEST_F(args, valid)
{
	union argument a;

	for_each_call(c) {
		long ret = pq_ioctl(file_of(self, c), c->cmd, valid(self, c, &a));

		EXPECT_TRUE(succeeds(c, ret)) TH_LOG("%s: %ld", c->name, ret);
		EXPECT_EQ(c->size, a.size) TH_LOG("%s", c->name);
		if (c->cmd == PYQUEUE_IOC_CREATE || c->cmd == PYQUEUE_IOC_OPEN)
			close(ret);
	}
}

/* proves: ANY -EFAULT */
TEST_F(args, bad_pointer)
{
	char *edge = memory_edge(1);

	for_each_call(c) {
		int fd = file_of(self, c);
		union argument a;
		void *half = edge - c->size + 8;

		EXPECT_REFUSED(-EFAULT, c, pq_ioctl(fd, c->cmd, NULL));
		EXPECT_REFUSED(-EFAULT, c, pq_ioctl(fd, c->cmd, edge));
		EXPECT_REFUSED(-EFAULT, c, pq_ioctl(fd, c->cmd, (void *)-1L));
		EXPECT_REFUSED(-EFAULT, c, pq_ioctl(fd, c->cmd, KERNEL_ADDRESS));
		if (c->size == 8)
			continue;
		/* Its size can be read, but not all of it. */
		valid(self, c, &a);
		memcpy(edge - c->size + 8, &a, c->size - 8);
		EXPECT_REFUSED(-EFAULT, c, pq_ioctl(fd, c->cmd, half));
	}
	EXPECT_TRUE(holds_both(self));
}

/* A structure that the kernel cannot write to: nothing is taken. */
TEST_F(args, read_only_structure)
{
	char *page = memory_edge(sizeof(union argument));
	union argument *a;

	page -= sysconf(_SC_PAGESIZE);
	a = (union argument *)page;
	for_each_call(c) {
		if (!c->out)
			continue;
		valid(self, c, a);
		ASSERT_EQ(0, mprotect(page, sizeof(*a), PROT_READ));
		EXPECT_REFUSED(-EFAULT, c, pq_ioctl(file_of(self, c), c->cmd, a));
		ASSERT_EQ(0, mprotect(page, sizeof(*a), PROT_READ | PROT_WRITE));
	}
	EXPECT_TRUE(holds_both(self));
}

/* The others do not write to it. */
TEST_F(args, read_only_is_enough)
{
	char *page = memory_edge(sizeof(union argument));
	union argument *a;

	page -= sysconf(_SC_PAGESIZE);
	a = (union argument *)page;
	for_each_call(c) {
		long ret;

		if (c->out)
			continue;
		valid(self, c, a);
		ASSERT_EQ(0, mprotect(page, sizeof(*a), PROT_READ));
		ret = pq_ioctl(file_of(self, c), c->cmd, a);
		EXPECT_TRUE(succeeds(c, ret)) TH_LOG("%s: %ld", c->name, ret);
		ASSERT_EQ(0, mprotect(page, sizeof(*a), PROT_READ | PROT_WRITE));
	}
}

/* proves: ANY -EINVAL */
TEST_F(args, size)
{
	union argument a;

	for_each_call(c) {
		int fd = file_of(self, c);
		const size_t wrong[] = { 0, 1, 4, c->size - 1, c->size + 1, c->size + 8,
					 4096, 1U << 31, ~0U };

		for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
			valid(self, c, &a);
			a.size = wrong[i];
			EXPECT_REFUSED(-EINVAL, c, pq_ioctl(fd, c->cmd, &a));
		}
		/* Two that agree with each other, but are shorter than the first version. */
		for (size_t size = 0; size < (c->first ?: c->size); size += 4) {
			valid(self, c, &a);
			a.size = size;
			EXPECT_REFUSED(-EINVAL, c, pq_ioctl(fd, RESIZED(c->cmd, size), &a));
		}
	}
	EXPECT_TRUE(holds_both(self));
}

/* A program compiled with a later version of the structure. */
TEST_F(args, longer_with_zeros)
{
	union argument a;

	for_each_call(c) {
		long ret;

		valid(self, c, &a);
		a.size = c->size + 64;
		memset(a.bytes + c->size, 0, 64);
		ret = pq_ioctl(file_of(self, c), RESIZED(c->cmd, c->size + 64), &a);
		EXPECT_TRUE(succeeds(c, ret)) TH_LOG("%s: %ld", c->name, ret);
		if (c->cmd == PYQUEUE_IOC_CREATE || c->cmd == PYQUEUE_IOC_OPEN)
			close(ret);
		if (c->cmd == PYQUEUE_IOC_INFO)
			EXPECT_EQ(PYQUEUE_ABI_VERSION, a.info.abi_version);
		if (c->cmd == PYQUEUE_IOC_STAT)
			EXPECT_EQ(2, a.stat.qsize);
		if (c->cmd == PYQUEUE_IOC_GET)
			EXPECT_EQ(ret, (long)a.get.len);
	}
}

/* proves: ANY -E2BIG */
TEST_F(args, longer_with_more)
{
	const size_t places[] = { 0, 7, 63 };
	union argument a;

	for_each_call(c) {
		for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
			valid(self, c, &a);
			a.size = c->size + 64;
			memset(a.bytes + c->size, 0, 64);
			a.bytes[c->size + places[i]] = 1;
			EXPECT_REFUSED(-E2BIG, c,
				       pq_ioctl(file_of(self, c),
						RESIZED(c->cmd, c->size + 64), &a));
		}
	}
	EXPECT_TRUE(holds_both(self));
}

/* proves: ANY -EOPNOTSUPP */
TEST_F(args, unknown_flags)
{
	union argument a;

	for_each_call(c) {
		for (int bit = 0; bit < 32; bit++) {
			if (c->flags & (1U << bit))
				continue;
			valid(self, c, &a);
			a.flags |= 1U << bit;
			EXPECT_REFUSED(-EOPNOTSUPP, c, pq_ioctl(file_of(self, c), c->cmd, &a));
		}
	}
	EXPECT_TRUE(holds_both(self));
}

TEST_F(args, padding)
{
	const __u32 values[] = { 1, 0x80000000, 0xcccccccc };
	union argument a;

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		for_each_call(c) {
			int fd = file_of(self, c);

			if (c->pad) {
				valid(self, c, &a);
				memcpy(a.bytes + c->pad, &values[i], 4);
				EXPECT_REFUSED(-EINVAL, c, pq_ioctl(fd, c->cmd, &a));
			}
			if (c->cmd == PYQUEUE_IOC_PUT_MANY || c->cmd == PYQUEUE_IOC_GET_MANY) {
				valid(self, c, &a);
				self->msgs[0].pad = values[i];
				EXPECT_REFUSED(-EINVAL, c, pq_ioctl(fd, c->cmd, &a));
			}
		}
	}
	EXPECT_TRUE(holds_both(self));
}

/* proves: ANY -ENOTTY */
TEST_F(args, wrong_file)
{
	const struct call unknown = { .name = "unknown" };
	union argument a;

	for_each_call(c) {
		int other = c->on_queue ? self->dev : self->q;

		EXPECT_REFUSED(-ENOTTY, c, pq_ioctl(other, c->cmd, valid(self, c, &a)));
		EXPECT_REFUSED(-ENOTTY, c, pq_ioctl(other, c->cmd, NULL));
	}
	EXPECT_REFUSED(-ENOTTY, &unknown, pq_ioctl(self->dev, PYQUEUE_IOC_QSIZE, NULL));
	for (int nr = 0; nr < 256; nr++) {
		unsigned long cmd = _IOWR(PYQUEUE_IOC_MAGIC, nr, __u64);

		a.size = 8;
		a.flags = 0;
		if (nr > _IOC_NR(PYQUEUE_IOC_LIST))
			EXPECT_REFUSED(-ENOTTY, &unknown, pq_ioctl(self->dev, cmd, &a));
		if (nr < _IOC_NR(PYQUEUE_IOC_PUT) || nr > _IOC_NR(PYQUEUE_IOC_FETCH))
			EXPECT_REFUSED(-ENOTTY, &unknown, pq_ioctl(self->q, cmd, &a));
	}
	for_each_call(c) {
		unsigned long cmd = (c->cmd & ~(_IOC_TYPEMASK << _IOC_TYPESHIFT)) |
				    ('p' << _IOC_TYPESHIFT);

		EXPECT_REFUSED(-ENOTTY, c, pq_ioctl(file_of(self, c), cmd, valid(self, c, &a)));
	}
	EXPECT_TRUE(holds_both(self));
}

TEST_F(args, info)
{
	struct pyqueue_info info;

	memset(&info, 0xcc, sizeof(info));
	info.size = sizeof(info);
	info.flags = 0;
	ASSERT_EQ(0, pq_ioctl(self->dev, PYQUEUE_IOC_INFO, &info));
	EXPECT_EQ(sizeof(info), info.size);
	EXPECT_EQ(0, info.flags);
	EXPECT_EQ(PYQUEUE_ABI_VERSION, info.abi_version);
	EXPECT_EQ(PYQUEUE_NAME_MAX, info.name_max);
	EXPECT_EQ(0, info.features & ~(PYQUEUE_FEAT_NAMES | PYQUEUE_FEAT_INDIRECT |
				       PYQUEUE_FEAT_MAPPING | PYQUEUE_FEAT_UNBOUNDED |
				       PYQUEUE_FEAT_URING_CMD));
	EXPECT_TRUE(info.features & PYQUEUE_FEAT_NAMES);
	EXPECT_TRUE(info.features & PYQUEUE_FEAT_INDIRECT);
	EXPECT_EQ(PYQUEUE_MAXSIZE_MAX, info.maxsize_max);
	EXPECT_EQ(PYQUEUE_MAX_MSG_MAX, info.max_msg_max);
	EXPECT_EQ(PYQUEUE_PAYLOAD_MAX, info.payload_max);
	EXPECT_EQ(PYQUEUE_MANY_MAX, info.many_max);
	EXPECT_LE(2, info.user_queues);
	EXPECT_LE(info.user_queues, info.max_user_queues);
	EXPECT_LE(info.user_bytes, info.max_user_bytes);
	EXPECT_LT(0, info.user_bytes);
}

TEST_F(args, stat)
{
	struct pyqueue_stat st, other;
	int q;

	memset(&st, 0xcc, sizeof(st));
	st.size = sizeof(st);
	st.flags = 0;
	ASSERT_EQ(0, pq_ioctl(self->q, PYQUEUE_IOC_STAT, &st));
	EXPECT_EQ(sizeof(st), st.size);
	EXPECT_EQ(0, st.flags);
	EXPECT_EQ(4, st.maxsize);
	EXPECT_EQ(2, st.qsize);
	EXPECT_EQ(2, st.unfinished);
	EXPECT_EQ(PYQUEUE_MAX_MSG_DEFAULT, st.max_msg);
	EXPECT_EQ(0, st.max_bytes);
	EXPECT_EQ(0, st.large_bytes);
	EXPECT_EQ(PYQUEUE_PAYLOAD_DEFAULT, st.payload);
	EXPECT_LE(4 * (PYQUEUE_PAYLOAD_DEFAULT + 16), st.ring_bytes);
	EXPECT_EQ(0, st.getters);
	EXPECT_EQ(0, st.putters);
	EXPECT_EQ(0, st.joiners);
	EXPECT_EQ(0, st.mode);

	/* A number is not used twice, not even that of a queue that is gone. */
	q = pq_create(self->dev, .maxsize = 1);
	ASSERT_LE(0, q);
	other = pq_stat(q);
	EXPECT_NE(st.id, other.id);
	close(q);
	q = pq_create(self->dev, .maxsize = 1);
	ASSERT_LE(0, q);
	EXPECT_NE(other.id, pq_stat(q).id);
	EXPECT_NE(st.id, pq_stat(q).id);
	close(q);
}

/* proves: LIST -EINVAL */
TEST_F(args, list)
{
	const struct call list = { .name = "LIST" };
	const struct pyqueue_list good = {
		.size = sizeof(good),
		.entries = (uintptr_t)self->entries,
		.count = ARRAY_SIZE(self->entries),
		.entry_size = sizeof(self->entries[0]),
	};
	const __u32 wrong[] = { 0, 8, sizeof(struct pyqueue_entry) - 8, 4097, ~0U };
	struct pyqueue_list a = good;
	char *edge = memory_edge(1);
	char *entries;

	a.count = 0;
	EXPECT_REFUSED(-EINVAL, &list, pq_ioctl(self->dev, PYQUEUE_IOC_LIST, &a));
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		a = good;
		a.entry_size = wrong[i];
		EXPECT_REFUSED(-EINVAL, &list, pq_ioctl(self->dev, PYQUEUE_IOC_LIST, &a));
	}
	a = good;
	a.entries = 0;
	EXPECT_REFUSED(-EFAULT, &list, pq_ioctl(self->dev, PYQUEUE_IOC_LIST, &a));
	a.entries = (uintptr_t)(edge - 100);
	EXPECT_REFUSED(-EFAULT, &list, pq_ioctl(self->dev, PYQUEUE_IOC_LIST, &a));

	/* Entries of a longer kind are filled with zeros. */
	entries = malloc(4096);
	ASSERT_NE(NULL, entries);
	memset(entries, 0xcc, 4096);
	a = good;
	a.entries = (uintptr_t)entries;
	a.count = 1;
	a.entry_size = 4096;
	ASSERT_EQ(1, pq_ioctl(self->dev, PYQUEUE_IOC_LIST, &a));
	for (size_t i = sizeof(struct pyqueue_entry); i < 4096; i++) {
		ASSERT_EQ(0, entries[i]);
	}
	free(entries);
}

/* proves: PUT_MANY -EINVAL, GET_MANY -EINVAL */
TEST_F(args, many)
{
	const struct call put_many = { .name = "PUT_MANY" }, get_many = { .name = "GET_MANY" };
	const unsigned int wrong[] = { 0, PYQUEUE_MANY_MAX + 1, 1U << 31, ~0U };
	struct pyqueue_msg *msgs = calloc(PYQUEUE_MANY_MAX + 1, sizeof(*msgs));
	char byte = 'x';
	int q;

	ASSERT_NE(NULL, msgs);
	for (int i = 0; i <= PYQUEUE_MANY_MAX; i++) {
		msgs[i].buf = (uintptr_t)&byte;
		msgs[i].len = 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		EXPECT_REFUSED(-EINVAL, &put_many,
			       pq_put_many(self->q, msgs, wrong[i], PYQUEUE_NOWAIT));
		EXPECT_REFUSED(-EINVAL, &get_many,
			       pq_get_many(self->q, msgs, wrong[i], PYQUEUE_NOWAIT));
	}
	EXPECT_TRUE(holds_both(self));

	q = pq_create(self->dev, .maxsize = 2 * PYQUEUE_MANY_MAX);
	ASSERT_LE(0, q);
	EXPECT_EQ(PYQUEUE_MANY_MAX, pq_put_many(q, msgs, PYQUEUE_MANY_MAX, PYQUEUE_NOWAIT));
	EXPECT_EQ(PYQUEUE_MANY_MAX, pq_qsize(q));
	EXPECT_EQ(PYQUEUE_MANY_MAX, pq_get_many(q, msgs, PYQUEUE_MANY_MAX, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_qsize(q));
	close(q);
	free(msgs);
}

TEST_HARNESS_MAIN
