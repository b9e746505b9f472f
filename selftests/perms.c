// SPDX-License-Identifier: GPL-2.0
/*
 * Permissions of names, between two users and root. Each case is a child that
 * becomes somebody and tries: what users are to each other is not inherited.
 */
#include "actors.h"
#include "passing.h"

#include <sys/stat.h>

#define OTHERS 4321	/* a group that neither user has for his own */

struct person {
	uid_t uid;
	gid_t gid;
	gid_t extra;		/* one more group, or the same again */
};

static const struct person alice = { ALICE, ALICE, ALICE };
static const struct person bob = { BOB, BOB, BOB };
static const struct person root = { 0, 0, 0 };

FIXTURE(perms) {
	int dev;
};

FIXTURE_SETUP(perms)
{
	ASSERT_TRUE(own_names());
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
}

FIXTURE_TEARDOWN(perms)
{
	unlink_all(self->dev);
	close(self->dev);
}

/* A child that is @who, with a device of its own; its exit code is -errno. */
#define as(who, ...)                                                         \
	({                                                                   \
		pid_t pid_ = spawn();                                        \
		if (!pid_) {                                                 \
			struct person who_ = who;                            \
			int dev;                                             \
			if (who_.uid)                                        \
				become_member(who_.uid, who_.gid, who_.extra); \
			dev = dev_open();                                    \
			leave(dev < 0 ? dev : (__VA_ARGS__));                \
		}                                                            \
		reap(pid_);                                                  \
	})

static int listed(int dev)
{
	struct pyqueue_entry entries[64];
	struct pyqueue_list a = { .size = sizeof(a), .entries = (uintptr_t)entries,
		.count = 64, .entry_size = sizeof(entries[0]) };

	return pq_ioctl(dev, PYQUEUE_IOC_LIST, &a);
}

static int map_all(int q)
{
	void *at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, q, 0);

	return at == MAP_FAILED ? -errno : 0;
}

#define READ PYQUEUE_READ
#define WRITE PYQUEUE_WRITE
#define BOTH (PYQUEUE_READ | PYQUEUE_WRITE)

/* proves: promise permissions */
TEST_F(perms, mode_bits)
{
	static const struct person friend = { BOB, BOB, ALICE };	/* by an extra group */
	static const struct person mate = { BOB, ALICE, ALICE };	/* by his own */
	static const struct {
		unsigned int mode;
		const struct person *who;
		bool read, write;
	} cases[] = {
		{ 0600, &alice, true, true }, { 0600, &bob, false, false },
		{ 0600, &friend, false, false }, { 0600, &mate, false, false },
		{ 0400, &alice, true, false }, { 0200, &alice, false, true },
		{ 0000, &alice, false, false }, { 0000, &bob, false, false },
		{ 0640, &friend, true, false }, { 0640, &mate, true, false },
		{ 0620, &friend, false, true }, { 0660, &mate, true, true },
		{ 0660, &bob, false, false },
		{ 0604, &bob, true, false }, { 0602, &bob, false, true },
		{ 0666, &bob, true, true }, { 0666, &friend, true, true },
		/* The first class that fits is the one that counts. */
		{ 0066, &alice, false, false }, { 0606, &friend, false, false },
		{ 0606, &mate, false, false }, { 0660, &alice, true, true },
		{ 0064, &friend, true, true }, { 0046, &bob, true, true },
		/* Bits for execution give nothing. */
		{ 0711, &bob, false, false }, { 0111, &alice, false, false },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		bool read = cases[i].read, write = cases[i].write;

		EXPECT_EQ(0, as(alice, pq_create_named(dev, "door", .maxsize = 1,
						       .mode = cases[i].mode,
						       .flags = PYQUEUE_EXCL)));
		/* proves: OPEN -EACCES */
		EXPECT_EQ(read ? 0 : -EACCES, as(*cases[i].who, pq_open(dev, "door", READ)))
			TH_LOG("reading, case %u", i);
		EXPECT_EQ(write ? 0 : -EACCES, as(*cases[i].who, pq_open(dev, "door", WRITE)))
			TH_LOG("writing, case %u", i);
		EXPECT_EQ(read && write ? 0 : -EACCES,
			  as(*cases[i].who, pq_open(dev, "door", BOTH)))
			TH_LOG("both, case %u", i);
		/* CREATE of a name that exists is OPEN for both. */
		/* proves: CREATE -EACCES */
		EXPECT_EQ(read && write ? 0 : -EACCES,
			  as(*cases[i].who, pq_create_named(dev, "door", .maxsize = 1)))
			TH_LOG("create, case %u", i);
		EXPECT_EQ(read || write, as(*cases[i].who, -listed(dev)) != 0)
			TH_LOG("list, case %u", i);
		/* EXCL says nothing about whether one could. */
		EXPECT_EQ(-EEXIST, as(*cases[i].who, pq_create_named(dev, "door", .maxsize = 1,
								     .flags = PYQUEUE_EXCL)));
		EXPECT_EQ(0, as(root, pq_open(dev, "door", BOTH)));
		EXPECT_EQ(0, as(root, pq_unlink(dev, "door")));
	}
}

TEST_F(perms, mode_out_of_range)
{
	/* proves: CREATE -EINVAL */
	EXPECT_EQ(-EINVAL, as(alice, pq_create_named(dev, "door", .maxsize = 1, .mode = 01000)));
	EXPECT_EQ(-EINVAL, as(alice, pq_create_named(dev, "door", .maxsize = 1, .mode = 0100600)));
	EXPECT_EQ(-EINVAL, as(root, pq_create_named(dev, "door", .maxsize = 1, .mode = 04777)));
	EXPECT_EQ(-EINVAL, as(alice, pq_create(dev, .maxsize = 1, .mode = 0600)));
	EXPECT_EQ(0, as(root, -listed(dev)));
}

/* The umask is for files. */
TEST_F(perms, no_umask)
{
	umask(0777);
	EXPECT_EQ(0, as(alice, pq_create_named(dev, "door", .maxsize = 1, .mode = 0666)));
	EXPECT_EQ(0, as(bob, pq_open(dev, "door", BOTH)));
}

/* Rights are looked at when the queue is opened, and then they are in the fd. */
TEST_F(perms, an_fd_carries_its_rights)
{
	pid_t pid;
	int q;

	EXPECT_EQ(0, as(alice, pq_create_named(dev, "door", .maxsize = 3)));
	q = pq_open(self->dev, "door", BOTH);
	ASSERT_LE(0, q);
	pid = spawn();
	if (!pid) {
		char c;

		become(BOB, BOB);
		EXPECT_EQ(-EACCES, pq_open(self->dev, "door", READ));
		EXPECT_EQ(0, pq_put(q, "1", 1, PYQUEUE_NOWAIT));
		EXPECT_EQ(1, pq_get(q, &c, 1, PYQUEUE_NOWAIT));
		child_done();
	}
	EXPECT_EQ(0, reap(pid));
	close(q);
}

/* It is the caller who counts, not who opened the device. */
TEST_F(perms, the_device_carries_no_rights)
{
	pid_t pid;

	EXPECT_EQ(0, as(root, pq_create_named(dev, "roots", .maxsize = 1)));
	pid = spawn();
	if (!pid) {
		struct pyqueue_stat st;
		int q;

		become(ALICE, ALICE);
		EXPECT_EQ(-EACCES, pq_open(self->dev, "roots", READ));
		EXPECT_EQ(-EPERM, pq_unlink(self->dev, "roots"));
		EXPECT_EQ(0, listed(self->dev));
		q = pq_create_named(self->dev, "alices", .maxsize = 1);
		ASSERT_LE(0, q);
		st = pq_stat(q);
		EXPECT_EQ(ALICE, st.uid);
		EXPECT_EQ(ALICE, st.gid);
		EXPECT_EQ(-EPERM, pq_create_named(self->dev, "bobs", .maxsize = 1, .uid = BOB));
		child_done();
	}
	EXPECT_EQ(0, reap(pid));
}

TEST_F(perms, capability_dac_override)
{
	EXPECT_EQ(0, as(alice, pq_create_named(dev, "door", .maxsize = 1, .mode = 0)));
	EXPECT_EQ(0, as(root, pq_open(dev, "door", READ)));
	EXPECT_EQ(0, as(root, pq_open(dev, "door", WRITE)));
	EXPECT_EQ(0, as(root, pq_create_named(dev, "door", .maxsize = 1)));
	EXPECT_EQ(1, -as(root, -listed(dev)));
	EXPECT_EQ(-EACCES, as(root, (drop_capability(CAP_DAC_OVERRIDE),
				     pq_open(dev, "door", READ))));
	EXPECT_EQ(-EACCES, as(root, (drop_capability(CAP_DAC_OVERRIDE),
				     pq_open(dev, "door", WRITE))));
	EXPECT_EQ(-EACCES, as(root, (drop_capability(CAP_DAC_OVERRIDE),
				     pq_create_named(dev, "door", .maxsize = 1))));
	EXPECT_EQ(0, as(root, (drop_capability(CAP_DAC_OVERRIDE), -listed(dev))));
	/* Other capabilities are for other things. */
	EXPECT_EQ(0, as(root, (drop_capability(CAP_FOWNER), pq_open(dev, "door", BOTH))));
}

/* proves: promise permissions */
TEST_F(perms, unlink)
{
	static const struct person friend = { BOB, BOB, ALICE };

	/* To write a queue, and to be of its group, is not to own it. */
	EXPECT_EQ(0, as(alice, pq_create_named(dev, "door", .maxsize = 1, .mode = 0666)));
	/* proves: UNLINK -EPERM */
	EXPECT_EQ(-EPERM, as(bob, pq_unlink(dev, "door")));
	EXPECT_EQ(-EPERM, as(friend, pq_unlink(dev, "door")));
	EXPECT_EQ(-EPERM, as(root, (drop_capability(CAP_FOWNER), pq_unlink(dev, "door"))));
	EXPECT_EQ(1, -as(root, -listed(dev)));
	EXPECT_EQ(0, as(alice, pq_unlink(dev, "door")));

	/* The owner need not be allowed to open it. */
	EXPECT_EQ(0, as(alice, pq_create_named(dev, "door", .maxsize = 1, .mode = 0)));
	EXPECT_EQ(0, as(alice, pq_unlink(dev, "door")));

	EXPECT_EQ(0, as(alice, pq_create_named(dev, "door", .maxsize = 1)));
	EXPECT_EQ(0, as(root, (drop_capability(CAP_DAC_OVERRIDE), pq_unlink(dev, "door"))));

	/* The owner is who the name belongs to, not who made it. */
	EXPECT_EQ(0, as(root, pq_create_named(dev, "door", .maxsize = 1, .uid = ALICE)));
	EXPECT_EQ(-EPERM, as(bob, pq_unlink(dev, "door")));
	EXPECT_EQ(0, as(alice, pq_unlink(dev, "door")));
}

/* Whom a name may be given to; the first error of CREATE comes back. */
static int create_for(int dev, uid_t uid, gid_t gid)
{
	int q = pq_create_named(dev, "gift", .maxsize = 1, .flags = PYQUEUE_EXCL,
				.uid = uid, .gid = gid);
	struct pyqueue_stat st;

	if (q < 0)
		return q;
	st = pq_stat(q);
	if (st.uid != (uid == PYQUEUE_ID_CALLER ? geteuid() : uid) ||
	    st.gid != (gid == PYQUEUE_ID_CALLER ? getegid() : gid))
		return -EILSEQ;
	return pq_unlink(dev, "gift");
}

TEST_F(perms, owners)
{
	static const struct person member = { ALICE, ALICE, OTHERS };
	const uid_t own = PYQUEUE_ID_CALLER;

	EXPECT_EQ(0, as(alice, create_for(dev, own, own)));
	EXPECT_EQ(0, as(alice, create_for(dev, ALICE, ALICE)));
	EXPECT_EQ(0, as(member, create_for(dev, own, OTHERS)));
	EXPECT_EQ(0, as(member, create_for(dev, ALICE, OTHERS)));
	/* proves: CREATE -EPERM */
	EXPECT_EQ(-EPERM, as(alice, create_for(dev, BOB, own)));
	EXPECT_EQ(-EPERM, as(alice, create_for(dev, 0, own)));
	EXPECT_EQ(-EPERM, as(alice, create_for(dev, own, OTHERS)));
	EXPECT_EQ(-EPERM, as(alice, create_for(dev, own, 0)));
	EXPECT_EQ(-EPERM, as(member, create_for(dev, BOB, OTHERS)));
	EXPECT_EQ(0, as(root, -listed(dev)));

	EXPECT_EQ(-EINVAL, as(alice, pq_create(dev, .maxsize = 1, .uid = ALICE)));
	EXPECT_EQ(-EINVAL, as(alice, pq_create(dev, .maxsize = 1, .gid = ALICE)));
}

TEST_F(perms, capability_chown)
{
	int q = pq_create_named(self->dev, "gift", .maxsize = 1, .uid = ALICE, .gid = OTHERS,
				.mode = 0640);
	static const struct person member = { BOB, BOB, OTHERS };
	struct pyqueue_stat st;

	ASSERT_LE(0, q);
	st = pq_stat(q);
	EXPECT_EQ(ALICE, st.uid);
	EXPECT_EQ(OTHERS, st.gid);
	close(q);
	EXPECT_EQ(0, as(alice, pq_open(dev, "gift", BOTH)));
	EXPECT_EQ(0, as(member, pq_open(dev, "gift", READ)));
	EXPECT_EQ(-EACCES, as(member, pq_open(dev, "gift", WRITE)));
	EXPECT_EQ(-EACCES, as(bob, pq_open(dev, "gift", READ)));

	/* Whoever it belongs to, the bill is its maker's. */
	EXPECT_EQ(0, -as(alice, -(long)pq_info(dev).user_queues));

	EXPECT_EQ(0, pq_unlink(self->dev, "gift"));
	EXPECT_EQ(-EPERM, as(root, (drop_capability(CAP_CHOWN),
				    create_for(dev, ALICE, PYQUEUE_ID_CALLER))));
	EXPECT_EQ(-EPERM, as(root, (drop_capability(CAP_CHOWN),
				    create_for(dev, PYQUEUE_ID_CALLER, OTHERS))));
}

/* Others may use it, so nobody may map it, unless the creator says so. */
/* proves: promise sealed */
TEST_F(perms, sealed_by_default)
{
	static const struct {
		unsigned int mode, flags;
		bool sealed;
	} cases[] = {
		{ 0600, 0, false }, { 0400, 0, false }, { 0000, 0, false }, { 0700, 0, false },
		{ 0600, PYQUEUE_SEALED, true }, { 0600, PYQUEUE_MAPPABLE, false },
		{ 0640, 0, true }, { 0620, 0, true }, { 0604, 0, true }, { 0602, 0, true },
		{ 0666, 0, true }, { 0060, 0, true }, { 0006, 0, true },
		{ 0666, PYQUEUE_SEALED, true },
		{ 0660, PYQUEUE_MAPPABLE, false }, { 0666, PYQUEUE_MAPPABLE, false },
	};
	int q;

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pyqueue_entry entry = { };
		struct pyqueue_list a = { .size = sizeof(a), .entries = (uintptr_t)&entry,
			.count = 1, .entry_size = sizeof(entry) };
		unsigned int sealed = cases[i].sealed ? PYQUEUE_SEALED : 0;

		q = pq_create_named(self->dev, "wax", .maxsize = 1, .mode = cases[i].mode,
				    .flags = cases[i].flags);
		ASSERT_LE(0, q);
		EXPECT_EQ(sealed, pq_stat(q).flags & PYQUEUE_SEALED)
			TH_LOG("case %u", i);
		EXPECT_EQ(1, pq_ioctl(self->dev, PYQUEUE_IOC_LIST, &a));
		EXPECT_EQ(sealed, entry.flags);
		if (sealed)
			EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ | PROT_WRITE,
						   MAP_SHARED, q, 0));
		close(q);
		EXPECT_EQ(0, pq_unlink(self->dev, "wax"));
	}

	q = pq_create(self->dev, .maxsize = 1);
	EXPECT_EQ(0, pq_stat(q).flags);
	close(q);
	q = pq_create(self->dev, .maxsize = 1, .flags = PYQUEUE_SEALED);
	EXPECT_EQ(PYQUEUE_SEALED, pq_stat(q).flags);
	close(q);
	EXPECT_EQ(-EINVAL, pq_create_named(self->dev, "wax", .maxsize = 1,
					   .flags = PYQUEUE_SEALED | PYQUEUE_MAPPABLE));
}

/* A sealed queue does all that others do. */
/* proves: promise sealed */
TEST_F(perms, sealed_works)
{
	EXPECT_EQ(0, as(alice, pq_create_named(dev, "wax", .maxsize = 2, .mode = 0622)));
	EXPECT_EQ(0, as(bob, pq_put(pq_open(dev, "wax", WRITE), "1", 1, PYQUEUE_NOWAIT)));
	EXPECT_EQ(0, as(bob, pq_put(pq_open(dev, "wax", WRITE), "2", 1, PYQUEUE_NOWAIT)));
	EXPECT_EQ(-EAGAIN, as(bob, pq_put(pq_open(dev, "wax", WRITE), "3", 1, PYQUEUE_NOWAIT)));
	EXPECT_EQ(-1, as(alice, -pq_get(pq_open(dev, "wax", READ), (char[1]){}, 1,
					PYQUEUE_NOWAIT)));
	EXPECT_EQ(-1, as(alice, -pq_qsize(pq_open(dev, "wax", READ))));
}

/* LIST is what one could open, page by page. */
TEST_F(perms, list_hides)
{
	static const struct person friend = { BOB, BOB, ALICE };
	char name[16];

	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "queue %d", i);
		close(pq_create_named(self->dev, name, .maxsize = 1, .uid = ALICE, .gid = ALICE,
				      .mode = i % 4 == 0 ? 0602 : i % 4 == 1 ? 0640 : 0600));
	}
	EXPECT_EQ(40, -as(root, -listed(dev)));
	EXPECT_EQ(40, -as(alice, -listed(dev)));
	EXPECT_EQ(10, -as(friend, -listed(dev)));
	EXPECT_EQ(10, -as(bob, -listed(dev)));
	/* By pages: those that are hidden take no room. */
	EXPECT_EQ(10, -as(bob, ({
		struct pyqueue_entry entries[3];
		struct pyqueue_list a = { .size = sizeof(a), .entries = (uintptr_t)entries,
			.count = 3, .entry_size = sizeof(entries[0]) };
		int sum = 0, calls = 0, n;

		do {
			n = pq_ioctl(dev, PYQUEUE_IOC_LIST, &a);
			sum += n;
		} while (n >= 0 && a.cookie && ++calls < 100);
		n < 0 ? n : -sum;
	})));
}

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

/* --- files ----------------------------------------------------------------------- */

/* Try to get more out of file descriptor @q of process @pid than it can do. */
static int opened_again(pid_t pid, int q)
{
	static const int flags[] = { O_RDONLY, O_WRONLY, O_RDWR };
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, q);
	for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++)
		if (open(path, flags[i] | O_CLOEXEC) >= 0)
			return -EEXIST;
	return 0;
}

/*
 * A file descriptor for one direction, passed on to somebody who may not open the name: it
 * does what it is for and no more, also for root, and whatever becomes of the name and of
 * him who has passed it on.
 */
/* proves: promise permissions */
TEST_F(perms, one_way_fds_passed_on)
{
	int pair[2], *step = shared_memory(4096), reader, writer, ends[2];
	pid_t giver;
	char byte;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	giver = spawn();
	if (!giver) {
		become(ALICE, ALICE);
		pq_create_named(self->dev, "door", .maxsize = 3);
		ends[0] = pq_open(self->dev, "door", READ);
		ends[1] = pq_open(self->dev, "door", WRITE);
		EXPECT_EQ(0, opened_again(getpid(), ends[0]));
		EXPECT_EQ(0, opened_again(getpid(), ends[1]));
		EXPECT_EQ(0, send_fd(pair[0], ends[0]));
		EXPECT_EQ(0, send_fd(pair[0], ends[1]));
		store(step, ends[0]);
		pause();
	}
	reader = receive_fd(pair[1]);
	writer = receive_fd(pair[1]);
	ASSERT_TRUE(reader >= 0 && writer >= 0);
	ASSERT_TRUE(eventually(load(step)));
	EXPECT_EQ(0, opened_again(giver, load(step)));
	EXPECT_EQ(0, as(bob, opened_again(giver, load(step))));
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(giver));
	EXPECT_EQ(0, pq_unlink(self->dev, "door"));

	EXPECT_EQ(0, as(bob, ({
		fcntl(reader, F_SETFL, O_RDWR);
		fcntl(writer, F_SETFL, O_RDWR);
		opened_again(getpid(), reader) ?: opened_again(getpid(), writer);
	})));
	EXPECT_EQ(0, as(bob, pq_put(writer, "1", 1, PYQUEUE_NOWAIT)));
	EXPECT_EQ(-EBADF, as(bob, pq_get(writer, &byte, 1, PYQUEUE_NOWAIT)));
	EXPECT_EQ(-EBADF, as(bob, pq_put(reader, "1", 1, PYQUEUE_NOWAIT)));
	EXPECT_EQ(-EBADF, as(bob, pq_shutdown(reader, 0)));
	EXPECT_EQ(-EBADF, as(bob, pq_shutdown(writer, PYQUEUE_IMMEDIATE)));
	EXPECT_EQ(-EACCES, as(bob, map_all(reader)));
	EXPECT_EQ(-EACCES, as(bob, map_all(writer)));
	EXPECT_EQ(-EBADF, pq_put(reader, "1", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(ALICE, pq_stat(reader).uid);
	EXPECT_EQ(-1, as(bob, -pq_get(reader, &byte, 1, PYQUEUE_NOWAIT)));
	close(reader);
	close(writer);
	close(pair[0]);
	close(pair[1]);
}

/*
 * The mode of the device says who may open it, and so make or find queues. Nothing more:
 * who is given an open device, or a queue, can use it; and how it was opened does not
 * matter.
 */
TEST_F(perms, mode_of_the_device)
{
	int read_only = open("/dev/pyqueue", O_RDONLY | O_CLOEXEC), q;
	struct stat before;
	pid_t pid;

	ASSERT_LE(0, read_only);
	ASSERT_EQ(0, stat("/dev/pyqueue", &before));
	EXPECT_EQ(0666, before.st_mode & 07777);
	q = pq_create(self->dev, .maxsize = 1);
	ASSERT_LE(0, q);
	ASSERT_EQ(0, chmod("/dev/pyqueue", 0600));
	EXPECT_EQ(-EACCES, as(alice, 0));
	pid = spawn();
	if (!pid) {
		char path[64];

		become(ALICE, ALICE);
		EXPECT_LE(0, pq_create_named(read_only, "alices", .maxsize = 1));
		EXPECT_EQ(1, listed(read_only));
		EXPECT_EQ(0, pq_unlink(read_only, "alices"));
		EXPECT_EQ(0, pq_put(q, "1", 1, PYQUEUE_NOWAIT));
		/* To open it again is to open it. */
		snprintf(path, sizeof(path), "/proc/self/fd/%d", read_only);
		EXPECT_EQ(-1, open(path, O_RDONLY | O_CLOEXEC));
		EXPECT_EQ(EACCES, errno);
		child_done();
	}
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(0, chmod("/dev/pyqueue", before.st_mode & 07777));
	EXPECT_EQ(0, as(alice, 0));
	close(q);
	close(read_only);
}

/* Names are not files: another root directory, or other mounts, make no difference. */
TEST_F(perms, chroot_and_mounts)
{
	EXPECT_EQ(0, as(root, pq_create_named(dev, "roots", .maxsize = 1)));
	EXPECT_EQ(0, as(root, ({
		int err = unshare(CLONE_NEWNS) || chroot("/proc") || chdir("/") ? -errno : 0;

		err ?: pq_open(dev, "roots", BOTH) < 0 ? -ENOENT :
		access("/dev/pyqueue", F_OK) ? 0 : -EEXIST;
	})));
	EXPECT_EQ(-EACCES, as(bob, pq_open(dev, "roots", READ)));
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
