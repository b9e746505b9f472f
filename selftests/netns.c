// SPDX-License-Identifier: GPL-2.0
/* Names belong to a network namespace, rights to the user namespace that owns it. */
#include "actors.h"

#define NAMES 5

FIXTURE(netns) {
	int dev;
	uint64_t queues;	/* of root, before the test */
};

FIXTURE_SETUP(netns)
{
	ASSERT_TRUE(own_names());
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->queues = pq_info(self->dev).user_queues;
}

FIXTURE_TEARDOWN(netns)
{
	unlink_all(self->dev);
	close(self->dev);
}

static int find(int dev, const char *name, struct pyqueue_entry *found)
{
	struct pyqueue_entry entries[32];
	struct pyqueue_list a = { .size = sizeof(a), .entries = (uintptr_t)entries,
		.count = 32, .entry_size = sizeof(entries[0]) };
	int n = pq_ioctl(dev, PYQUEUE_IOC_LIST, &a);

	for (int i = 0; i < n; i++) {
		if (!strcmp((char *)entries[i].name, name)) {
			*found = entries[i];
			return 0;
		}
	}
	return n < 0 ? n : -ENOENT;
}

static int listed(int dev)
{
	struct pyqueue_entry entries[32];
	struct pyqueue_list a = { .size = sizeof(a), .entries = (uintptr_t)entries,
		.count = 32, .entry_size = sizeof(entries[0]) };

	return pq_ioctl(dev, PYQUEUE_IOC_LIST, &a);
}

/* --- network namespaces ------------------------------------------------------ */

/* proves: promise namespaces */
TEST_F(netns, one_name_in_two)
{
	int here = pq_create_named(self->dev, "same", .maxsize = 3);
	pid_t pid;

	ASSERT_LE(0, here);
	EXPECT_EQ(0, pq_put(here, "here", 4, PYQUEUE_NOWAIT));
	pid = spawn();
	if (!pid) {
		int there, dev = self->dev;

		EXPECT_EQ(0, unshare(CLONE_NEWNET));
		/* The device that was opened over there serves here as well. */
		for (int again = 0; again < 2; again++) {
			EXPECT_EQ(-ENOENT, pq_open(dev, "same", PYQUEUE_READ));
			EXPECT_EQ(-ENOENT, pq_unlink(dev, "same"));
			EXPECT_EQ(0, listed(dev));
			there = pq_create_named(dev, "same", .maxsize = 5, .flags = PYQUEUE_EXCL);
			ASSERT_LE(0, there);
			EXPECT_NE(pq_stat(here).id, pq_stat(there).id);
			EXPECT_EQ(5, pq_stat(there).maxsize);
			EXPECT_EQ(0, pq_qsize(there));
			EXPECT_EQ(1, listed(dev));
			EXPECT_EQ(0, pq_unlink(dev, "same"));
			close(there);
			dev = dev_open();
		}
		/* An fd goes wherever its process goes. */
		EXPECT_EQ(1, pq_qsize(here));
		EXPECT_EQ(PYQUEUE_STAT_NAMED, pq_stat(here).flags);
		child_done();
	}
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(1, pq_qsize(here));
	EXPECT_EQ(1, listed(self->dev));
	close(here);
}

/* A process may go and come back. */
TEST_F(netns, there_and_back)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	ASSERT_LE(0, home);
	close(pq_create_named(self->dev, "home", .maxsize = 1));
	EXPECT_EQ(0, unshare(CLONE_NEWNET));
	EXPECT_EQ(0, listed(self->dev));
	close(pq_create_named(self->dev, "away", .maxsize = 1));
	EXPECT_EQ(0, setns(home, CLONE_NEWNET));
	EXPECT_EQ(1, listed(self->dev));
	EXPECT_EQ(-ENOENT, pq_unlink(self->dev, "away"));
	EXPECT_EQ(0, pq_unlink(self->dev, "home"));
	close(home);
	/* "away" has gone with its namespace. */
	EXPECT_TRUE(eventually(pq_info(self->dev).user_queues == self->queues));
}

/* Nobody is left in a namespace: its names go, and what they held. */
/* proves: promise namespaces */
TEST_F(netns, the_namespace_goes)
{
	uint64_t bytes = pq_info(self->dev).user_bytes;
	char big[10000] = "";
	pid_t pid = spawn();

	if (!pid) {
		char name[8];

		EXPECT_EQ(0, unshare(CLONE_NEWNET));
		for (int i = 0; i < NAMES; i++) {
			int q;

			snprintf(name, sizeof(name), "%d", i);
			q = pq_create_named(self->dev, name, .maxsize = 100);
			EXPECT_LE(0, q);
			EXPECT_EQ(0, pq_put(q, big, sizeof(big), PYQUEUE_NOWAIT));
			close(q);
		}
		EXPECT_EQ(NAMES, listed(self->dev));
		EXPECT_EQ(self->queues + NAMES, pq_info(self->dev).user_queues);
		child_done();
	}
	EXPECT_EQ(0, reap(pid));
	EXPECT_TRUE(eventually(pq_info(self->dev).user_queues == self->queues));
	EXPECT_TRUE(eventually(pq_info(self->dev).user_bytes == bytes));
}

/* The same, but somebody elsewhere has one of the queues open. */
TEST_F(netns, the_namespace_goes_and_a_queue_stays)
{
	int *number = shared_memory(4096);
	int pidfd, q = -1;
	pid_t pid;
	char c;

	pid = spawn();
	if (!pid) {
		EXPECT_EQ(0, unshare(CLONE_NEWNET));
		close(pq_create_named(self->dev, "forgotten", .maxsize = 1));
		q = pq_create_named(self->dev, "kept", .maxsize = 3);
		EXPECT_EQ(0, pq_put(q, "1", 1, PYQUEUE_NOWAIT));
		__atomic_store_n(number, q, __ATOMIC_SEQ_CST);
		pause();
	}
	ASSERT_TRUE(eventually(__atomic_load_n(number, __ATOMIC_SEQ_CST)));
	pidfd = open_pidfd(pid);
	ASSERT_LE(0, pidfd);
	q = syscall(SYS_pidfd_getfd, pidfd, *number, 0);
	ASSERT_LE(0, q);
	EXPECT_EQ(PYQUEUE_STAT_NAMED, pq_stat(q).flags);
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(pid));
	close(pidfd);

	EXPECT_TRUE(eventually(pq_info(self->dev).user_queues == self->queues + 1));
	EXPECT_TRUE(eventually(pq_stat(q).flags == 0));
	EXPECT_EQ(0, pq_put(q, "2", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(1, pq_get(q, &c, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ('1', c);
	EXPECT_EQ(1, pq_get(q, &c, 1, PYQUEUE_NOWAIT));
	close(q);
	EXPECT_TRUE(eventually(pq_info(self->dev).user_queues == self->queues));
}

/* Namespaces that come and go while their names are in use. */
TEST_F(netns, many_namespaces)
{
	pid_t pids[8];

	for (unsigned int i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = spawn();
		if (!pids[i]) {
			int q;

			EXPECT_EQ(0, unshare(CLONE_NEWNET));
			q = pq_create_named(self->dev, "x", .maxsize = 1, .flags = PYQUEUE_EXCL);
			EXPECT_LE(0, q);
			EXPECT_EQ(0, pq_put(q, "1", 1, PYQUEUE_NOWAIT));
			EXPECT_EQ(-EEXIST, pq_create_named(self->dev, "x", .maxsize = 1,
							   .flags = PYQUEUE_EXCL));
			child_done();
		}
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(pids); i++)
		EXPECT_EQ(0, reap(pids[i]));
	EXPECT_TRUE(eventually(pq_info(self->dev).user_queues == self->queues));
}

/* --- user namespaces ---------------------------------------------------------- */

/*
 * Become root of a user namespace in which @inside is @outside, and @count ids
 * from there on. Without privileges only oneself can be mapped.
 */
static int own_users(int flags, unsigned int inside, unsigned int outside, unsigned int count)
{
	char map[64];
	int err;

	if (unshare(CLONE_NEWUSER | flags))
		return -errno;
	snprintf(map, sizeof(map), "%u %u %u", inside, outside, count);
	err = write_file("/proc/self/uid_map", map);
	if (!err)
		err = write_file("/proc/self/setgroups", "deny");
	return err ?: write_file("/proc/self/gid_map", map);
}

/* A user namespace for a child of root's, with more than one id; waits for it. */
static int own_users_by(pid_t pid, int step, int *shared)
{
	char path[64];
	int err;

	if (!eventually(__atomic_load_n(shared, __ATOMIC_SEQ_CST) == step))
		return -ETIMEDOUT;
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	err = write_file(path, "0 100000 1000");
	if (!err) {
		snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
		err = write_file(path, "0 100000 1000");
	}
	__atomic_store_n(shared, step + 1, __ATOMIC_SEQ_CST);
	return err;
}

static bool unprivileged_users(void)
{
	return read_number("/proc/sys/user/max_user_namespaces") > 0 &&
		read_number("/proc/sys/kernel/unprivileged_userns_clone") != 0;
}

/* proves: promise namespaces */
TEST_F(netns, user_ids_are_translated)
{
	int *number = shared_memory(4096);
	struct pyqueue_stat st;
	int pidfd, q;
	pid_t pid;

	if (!unprivileged_users())
		SKIP(return, "users may not make user namespaces here");
	pid = spawn();
	if (!pid) {
		struct pyqueue_entry entry;

		become(ALICE, ALICE);
		EXPECT_EQ(0, own_users(CLONE_NEWNET, 0, ALICE, 1));
		EXPECT_EQ(0, getuid());
		q = pq_create_named(self->dev, "mine", .maxsize = 1);
		ASSERT_LE(0, q);
		st = pq_stat(q);
		EXPECT_EQ(0, st.uid);
		EXPECT_EQ(0, st.gid);
		EXPECT_EQ(0, find(self->dev, "mine", &entry));
		EXPECT_EQ(0, entry.uid);
		EXPECT_EQ(0, entry.gid);
		/* By the ids as they are called in here. */
		EXPECT_EQ(0, pq_unlink(self->dev, "mine"));
		close(q);
		q = pq_create_named(self->dev, "mine", .maxsize = 1, .uid = 0, .gid = 0);
		EXPECT_LE(0, q);
		/* Nobody is called that in here. */
		EXPECT_GT(0, pq_create_named(self->dev, "his", .maxsize = 1, .uid = ALICE));
		EXPECT_EQ(1, pq_info(self->dev).user_queues);
		__atomic_store_n(number, _metadata->passed ? q : -1, __ATOMIC_SEQ_CST);
		pause();
	}
	ASSERT_TRUE(eventually(__atomic_load_n(number, __ATOMIC_SEQ_CST)));
	ASSERT_LE(0, *number);
	pidfd = open_pidfd(pid);
	q = syscall(SYS_pidfd_getfd, pidfd, *number, 0);
	ASSERT_LE(0, q);
	st = pq_stat(q);
	EXPECT_EQ(ALICE, st.uid);
	EXPECT_EQ(ALICE, st.gid);
	close(pidfd);

	/* A third party, for whom neither id has a name. */
	pid_t other = spawn();

	if (!other) {
		become(BOB, BOB);
		EXPECT_EQ(0, own_users(0, 0, BOB, 1));
		st = pq_stat(q);
		EXPECT_EQ(read_number("/proc/sys/kernel/overflowuid"), st.uid);
		EXPECT_EQ(read_number("/proc/sys/kernel/overflowgid"), st.gid);
		child_done();
	}
	EXPECT_EQ(0, reap(other));
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(pid));
	close(q);
}

/* A user who is root of a user namespace is nobody special outside of it. */
/* proves: promise namespaces */
TEST_F(netns, no_rights_over_the_network_namespace_of_others)
{
	pid_t pid;

	if (!unprivileged_users())
		SKIP(return, "users may not make user namespaces here");
	close(pq_create_named(self->dev, "roots", .maxsize = 1));
	close(pq_create_named(self->dev, "alices", .maxsize = 1, .uid = ALICE, .gid = ALICE));
	pid = spawn();
	if (!pid) {
		struct pyqueue_entry entry;

		become(ALICE, ALICE);
		EXPECT_EQ(0, own_users(0, 0, ALICE, 1));
		EXPECT_EQ(0, getuid());
		EXPECT_EQ(-EACCES, pq_open(self->dev, "roots", PYQUEUE_READ));
		EXPECT_EQ(-EACCES, pq_create_named(self->dev, "roots", .maxsize = 1));
		EXPECT_EQ(-EPERM, pq_unlink(self->dev, "roots"));
		EXPECT_EQ(-ENOENT, find(self->dev, "roots", &entry));
		/* What is her own is still her own. */
		EXPECT_EQ(0, find(self->dev, "alices", &entry));
		EXPECT_EQ(0, entry.uid);
		EXPECT_LE(0, pq_open(self->dev, "alices", PYQUEUE_READ | PYQUEUE_WRITE));
		EXPECT_EQ(0, pq_unlink(self->dev, "alices"));
		child_done();
	}
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(0, pq_unlink(self->dev, "roots"));
}

/* Over the one that is its own it has all of root's rights. */
TEST_F(netns, root_of_its_own_namespaces)
{
	int *shared = shared_memory(4096);
	pid_t pid = spawn();

	if (!pid) {
		EXPECT_EQ(0, unshare(CLONE_NEWUSER | CLONE_NEWNET));
		__atomic_store_n(shared, 1, __ATOMIC_SEQ_CST);
		ASSERT_TRUE(eventually(__atomic_load_n(shared, __ATOMIC_SEQ_CST) == 2));
		ASSERT_EQ(0, setresgid(0, 0, 0));
		ASSERT_EQ(0, setresuid(0, 0, 0));
		prctl(PR_SET_PDEATHSIG, SIGKILL);

		/* CAP_CHOWN: to anybody it can name, and to no one else. */
		int q = pq_create_named(self->dev, "gift", .maxsize = 1, .mode = 0,
					.uid = 500, .gid = 501);
		struct pyqueue_stat st;

		ASSERT_LE(0, q);
		st = pq_stat(q);
		EXPECT_EQ(500, st.uid);
		EXPECT_EQ(501, st.gid);
		close(q);
		EXPECT_GT(0, pq_create_named(self->dev, "x", .maxsize = 1, .uid = 1000));
		EXPECT_GT(0, pq_create_named(self->dev, "x", .maxsize = 1, .gid = 1000));
		EXPECT_EQ(1, listed(self->dev));
		/* CAP_DAC_OVERRIDE, CAP_FOWNER */
		q = pq_open(self->dev, "gift", PYQUEUE_READ | PYQUEUE_WRITE);
		EXPECT_LE(0, q);
		EXPECT_EQ(0, pq_unlink(self->dev, "gift"));
		child_done();
	}
	EXPECT_EQ(0, own_users_by(pid, 1, shared));
	EXPECT_EQ(0, reap(pid));
}

/* The same ids to give, but in a network namespace of somebody else. */
TEST_F(netns, no_gifts_in_the_namespace_of_others)
{
	int *shared = shared_memory(4096);
	pid_t pid = spawn();

	if (!pid) {
		EXPECT_EQ(0, unshare(CLONE_NEWUSER));
		__atomic_store_n(shared, 1, __ATOMIC_SEQ_CST);
		ASSERT_TRUE(eventually(__atomic_load_n(shared, __ATOMIC_SEQ_CST) == 2));
		ASSERT_EQ(0, setresgid(0, 0, 0));
		ASSERT_EQ(0, setresuid(0, 0, 0));
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		EXPECT_EQ(-EPERM, pq_create_named(self->dev, "gift", .maxsize = 1, .uid = 500));
		EXPECT_EQ(-EPERM, pq_create_named(self->dev, "gift", .maxsize = 1, .gid = 500));
		EXPECT_LE(0, pq_create_named(self->dev, "mine", .maxsize = 1));
		EXPECT_EQ(0, pq_unlink(self->dev, "mine"));
		child_done();
	}
	EXPECT_EQ(0, own_users_by(pid, 1, shared));
	EXPECT_EQ(0, reap(pid));
}

TEST_HARNESS_MAIN
