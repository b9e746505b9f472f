/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Other processes and other users, for tests in which several take part.
 *
 * A child made with spawn() may use EXPECT_* and ends with child_done(); reap()
 * is 0 if all of them held. Nothing here sleeps to let others go first: the
 * tests wait for what they need to see, with the harness's timeout behind them.
 */
#ifndef PYQUEUE_ACTORS_H
#define PYQUEUE_ACTORS_H

#include "pyqueue_test.h"

#include <grp.h>
#include <poll.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* Two users with no rights. */
#define ALICE 1234
#define BOB 65534

/* The end of a child that has used EXPECT_*. */
#define child_done() _exit(_metadata->passed ? 0 : 1)

static inline int reap_killed(pid_t pid)
{
	kill(pid, SIGKILL);
	return reap(pid);
}

static inline int open_pidfd(pid_t pid)
{
	return syscall(SYS_pidfd_open, pid, 0);
}

/* Does thread @pid sleep in system call @nr right now? */
static inline bool asleep_in(pid_t pid, long nr)
{
	char path[64], text[32] = "", *end;
	int fd;

	if (!off_cpu(pid))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	/* "running" has no number in it. */
	return strtol(text, &end, 10) == nr && end != text;
}

/* Be somebody else for good, and in one more group unless @extra is @gid. */
static inline void become_member(uid_t uid, gid_t gid, gid_t extra)
{
	if (setgroups(extra != gid, &extra) || setresgid(gid, gid, gid) ||
	    setresuid(uid, uid, uid))
		_exit(1);
	/* These two do not survive a change of user. */
	prctl(PR_SET_DUMPABLE, 1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static inline void become(uid_t uid, gid_t gid)
{
	become_member(uid, gid, gid);
}

/* Root without one of root's capabilities. */
static inline void drop_capability(int capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		_exit(1);
	data[CAP_TO_INDEX(capability)].effective &= ~CAP_TO_MASK(capability);
	data[CAP_TO_INDEX(capability)].permitted &= ~CAP_TO_MASK(capability);
	if (syscall(SYS_capset, &header, data))
		_exit(1);
}

/* Names for the calling test alone. */
static inline bool own_names(void)
{
	return !unshare(CLONE_NEWNET);
}

/*
 * Unlink all names that there are. A namespace takes its names with it, but not
 * at once, and the next test counts this user's queues.
 */
static inline void unlink_all(int dev)
{
	struct pyqueue_entry entry;
	struct pyqueue_list a = { .size = sizeof(a), .entries = (uintptr_t)&entry,
		.count = 1, .entry_size = sizeof(entry) };

	do {
		if (pq_ioctl(dev, PYQUEUE_IOC_LIST, &a) == 1)
			pq_ioctl(dev, PYQUEUE_IOC_UNLINK, &(struct pyqueue_unlink){
				.size = sizeof(struct pyqueue_unlink),
				.name = (uintptr_t)entry.name, .name_len = entry.name_len });
	} while (a.cookie);
}

/* Write a short text into a file of /proc or /sys. */
static inline int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t done;
	int err = 0;

	if (fd < 0)
		return -errno;
	done = write(fd, text, strlen(text));
	if (done < 0)
		err = -errno;
	else if ((size_t)done != strlen(text))
		err = -EIO;
	close(fd);
	return err;
}

static inline int write_number(const char *path, unsigned long long number)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", number);
	return write_file(path, text);
}

static inline long long read_number(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[32] = "";

	if (fd < 0)
		return -errno;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return strtoll(text, NULL, 10);
}

#endif
