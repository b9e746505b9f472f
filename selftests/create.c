// SPDX-License-Identifier: GPL-2.0
/* The values of CREATE: what is out of range, and that the ends of each range are in it. */
#include "pyqueue_test.h"

FIXTURE(create) {
	int dev;
	struct pyqueue_info info;
	int next_fd;
};

FIXTURE_SETUP(create)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->info = pq_info(self->dev);
	self->next_fd = next_fd();
}

FIXTURE_TEARDOWN(create)
{
	close(self->dev);
}

/* No queue, no memory, no file descriptor is left of a call that failed. */
static bool nothing_left(FIXTURE_DATA(create) *self)
{
	struct pyqueue_info info = pq_info(self->dev);

	return !memcmp(&info, &self->info, sizeof(info)) && next_fd() == self->next_fd;
}

#define EXPECT_REFUSED(err, ret)                                             \
	do {                                                                 \
		EXPECT_EQ(err, ret);                                         \
		EXPECT_TRUE(nothing_left(self));                             \
	} while (0)

#define CREATE_MEMBERS(...)                                                  \
	{ .a = { .size = sizeof(struct pyqueue_create), .maxsize = 1,        \
		 .uid = PYQUEUE_ID_CALLER, .gid = PYQUEUE_ID_CALLER,         \
		 __VA_ARGS__ }, .text = #__VA_ARGS__ }
#define NAMED .name = (uintptr_t)"create-new", .name_len = 10, .mode = 0600

struct create_case {
	struct pyqueue_create a;
	const char *text;
};

/* proves: CREATE -EINVAL, PYQUEUE_MAPPABLE -EINVAL */
TEST_F(create, out_of_range)
{
	const struct create_case refused[] = {
		CREATE_MEMBERS(.maxsize = PYQUEUE_MAXSIZE_MAX + 1),
		CREATE_MEMBERS(.maxsize = 1LL << 32),
		CREATE_MEMBERS(.maxsize = INT64_MAX),
		CREATE_MEMBERS(.payload = PYQUEUE_PAYLOAD_MAX + 1),
		CREATE_MEMBERS(.payload = ~0U),
		CREATE_MEMBERS(.payload = 1U << 31),
		CREATE_MEMBERS(.max_msg = PYQUEUE_MAX_MSG_MAX + 1),
		CREATE_MEMBERS(.max_msg = 1ULL << 32),
		CREATE_MEMBERS(.max_msg = ~0ULL),
		CREATE_MEMBERS(NAMED, .mode = 01000),
		CREATE_MEMBERS(NAMED, .mode = 0100600),
		CREATE_MEMBERS(NAMED, .mode = ~0U),
		CREATE_MEMBERS(.mode = 0600),
		CREATE_MEMBERS(.uid = 12345),
		CREATE_MEMBERS(.gid = 12345),
		CREATE_MEMBERS(.flags = PYQUEUE_EXCL),
		CREATE_MEMBERS(.flags = PYQUEUE_SEALED | PYQUEUE_MAPPABLE),
		CREATE_MEMBERS(NAMED, .flags = PYQUEUE_SEALED | PYQUEUE_MAPPABLE),
		CREATE_MEMBERS(NAMED, .name_len = 0),
		CREATE_MEMBERS(.name = (uintptr_t)"a/b", .name_len = 3, .mode = 0600),
		CREATE_MEMBERS(.name = (uintptr_t)"a\nb", .name_len = 3, .mode = 0600),
		CREATE_MEMBERS(.name = (uintptr_t)"a\0b", .name_len = 3, .mode = 0600),
		CREATE_MEMBERS(.name = (uintptr_t)"\x7f", .name_len = 1, .mode = 0600),
	};

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct pyqueue_create a = refused[i].a;
		long ret = pq_ioctl(self->dev, PYQUEUE_IOC_CREATE, &a);

		EXPECT_EQ(-EINVAL, ret) TH_LOG("%s", refused[i].text);
		EXPECT_TRUE(nothing_left(self)) TH_LOG("%s", refused[i].text);
	}
	EXPECT_EQ(-ENOENT, pq_unlink(self->dev, "create-new"));
}

static int create_as(int dev, const char *name, unsigned int len)
{
	return pq_create(dev, .maxsize = 1, .name = (uintptr_t)name, .name_len = len,
			 .mode = 0600, .flags = PYQUEUE_EXCL);
}

/* proves: CREATE -ENAMETOOLONG */
TEST_F(create, name)
{
	char name[PYQUEUE_NAME_MAX + 1];
	char *edge = memory_edge(1);
	int q;

	memset(name, 'x', sizeof(name));
	EXPECT_REFUSED(-ENAMETOOLONG, create_as(self->dev, name, sizeof(name)));
	EXPECT_REFUSED(-ENAMETOOLONG, create_as(self->dev, name, ~0U));
	EXPECT_REFUSED(-EFAULT, create_as(self->dev, edge, 1));
	EXPECT_REFUSED(-EFAULT, create_as(self->dev, edge - 1, 2));
	q = create_as(self->dev, name, PYQUEUE_NAME_MAX);
	ASSERT_LE(0, q);
	close(q);
	name[PYQUEUE_NAME_MAX] = '\0';
	EXPECT_EQ(0, pq_unlink(self->dev, name));
}

/* proves: CREATE -EEXIST, PYQUEUE_EXCL -EEXIST */
TEST_F(create, exclusive)
{
	int q = create_as(self->dev, "create-new", 10);

	ASSERT_LE(0, q);
	EXPECT_EQ(-EEXIST, create_as(self->dev, "create-new", 10));
	EXPECT_EQ(-EEXIST, pq_create_named(self->dev, "create-new", .maxsize = 1,
					   .flags = PYQUEUE_EXCL | PYQUEUE_NONBLOCK));
	close(q);
	EXPECT_EQ(-EEXIST, create_as(self->dev, "create-new", 10));
	EXPECT_EQ(0, pq_unlink(self->dev, "create-new"));
	EXPECT_TRUE(nothing_left(self));
}

/* No bound is 0, whoever asks how. */
TEST_F(create, unbounded)
{
	const __s64 none[] = { 0, -1, INT64_MIN };

	EXPECT_TRUE(self->info.features & PYQUEUE_FEAT_UNBOUNDED);
	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		int q = pq_create(self->dev, .maxsize = none[i]);

		ASSERT_LE(0, q);
		EXPECT_EQ(0, pq_stat(q).maxsize);
		close(q);
	}
}

/* The ends of each range are in it. */
TEST_F(create, in_range)
{
	const struct create_case taken[] = {
		CREATE_MEMBERS(.maxsize = 2),
		CREATE_MEMBERS(.maxsize = 1000),
		CREATE_MEMBERS(.payload = 0),
		CREATE_MEMBERS(.payload = 1),
		CREATE_MEMBERS(.payload = PYQUEUE_PAYLOAD_MIN),
		CREATE_MEMBERS(.payload = PYQUEUE_PAYLOAD_MAX),
		CREATE_MEMBERS(.max_msg = 1),
		CREATE_MEMBERS(.max_msg = PYQUEUE_MAX_MSG_MAX),
		CREATE_MEMBERS(.max_bytes = 1),
		CREATE_MEMBERS(.max_bytes = ~0ULL),
		CREATE_MEMBERS(.flags = PYQUEUE_SEALED),
		CREATE_MEMBERS(.flags = PYQUEUE_MAPPABLE),
		CREATE_MEMBERS(.flags = PYQUEUE_NONBLOCK),
		CREATE_MEMBERS(NAMED, .flags = PYQUEUE_EXCL, .mode = 0777),
		CREATE_MEMBERS(NAMED, .uid = geteuid(), .gid = getegid()),
	};

	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		struct pyqueue_create a = taken[i].a;
		long q = pq_ioctl(self->dev, PYQUEUE_IOC_CREATE, &a);
		struct pyqueue_stat st;

		EXPECT_LE(0, q) TH_LOG("%s", taken[i].text);
		if (q < 0)
			continue;
		st = pq_stat(q);
		EXPECT_EQ(a.maxsize, st.maxsize);
		EXPECT_EQ(a.max_msg ?: PYQUEUE_MAX_MSG_DEFAULT, st.max_msg);
		EXPECT_EQ(a.max_bytes, st.max_bytes);
		EXPECT_EQ(0, st.payload % 64 - 48);
		EXPECT_LE(a.payload ?: PYQUEUE_PAYLOAD_DEFAULT, st.payload);
		EXPECT_GT((a.payload ?: PYQUEUE_PAYLOAD_DEFAULT) + 64, st.payload);
		EXPECT_EQ((a.flags & PYQUEUE_SEALED) || (a.mode & 077),
			  !!(st.flags & PYQUEUE_SEALED));
		EXPECT_EQ(!!(a.flags & PYQUEUE_NONBLOCK), !!(fcntl(q, F_GETFL) & O_NONBLOCK));
		EXPECT_EQ(O_RDWR, fcntl(q, F_GETFL) & O_ACCMODE);
		EXPECT_EQ(FD_CLOEXEC, fcntl(q, F_GETFD));
		if (a.name)
			EXPECT_EQ(0, pq_unlink(self->dev, "create-new"));
		close(q);
	}
	EXPECT_TRUE(nothing_left(self));
}

/*
 * The largest bound would take the memory of the machine; that it meets the
 * user's limit shows that it is in the range.
 */
TEST_F(create, largest)
{
	const unsigned long long small = 64 << 20;
	unsigned long long old, ignored;

	if (!module_parameter("max_user_bytes", &old, &small))
		SKIP(return, "max_user_bytes cannot be set");
	EXPECT_EQ(-EDQUOT, pq_create(self->dev, .maxsize = PYQUEUE_MAXSIZE_MAX, .payload = 1));
	ASSERT_TRUE(module_parameter("max_user_bytes", &ignored, &old));
	EXPECT_TRUE(nothing_left(self));
}

TEST_HARNESS_MAIN
