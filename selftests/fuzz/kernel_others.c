// SPDX-License-Identifier: GPL-2.0
/*
 * Other processes, which go on with the same bytes: with the same rights or those of
 * another user, or of another namespace; killed, or at their end.
 */
#include "kernel_world.h"
#include "kernel_watch.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/*
 * Those that are left are killed. Nothing else is legitimate: none touches memory that is
 * not there, and what the contract rules out is told by abort().
 */
static void expect_plain_end(pid_t pid, int status)
{
	if (WIFEXITED(status) ? !WEXITSTATUS(status) : WTERMSIG(status) == SIGKILL)
		return;
	fprintf(stderr, "a child (%d) has ended with status %#x\n", pid, status);
	abort();
}

/* All that one does ends by itself, too. */
static void end_child(pid_t *child, bool by_force)
{
	int status;

	if (by_force)
		kill(*child, SIGKILL);
	if (waitpid(*child, &status, 0) == *child)
		expect_plain_end(*child, status);
	*child = 0;
}

/* Also those whose parent is not there any more come to whoever plays the input. */
void end_children(void)
{
	int status;
	pid_t pid;

	for (int i = 0; i < CHILDREN; i++)
		if (world.children[i])
			end_child(&world.children[i], true);
	while ((pid = waitpid(-1, &status, 0)) > 0)
		expect_plain_end(pid, status);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		did(write(fd, text, strlen(text)));
		close(fd);
	}
}

/* Root there, who is the same user here. */
static void map_ids(uid_t uid, gid_t gid)
{
	char text[32];

	write_file("/proc/self/setgroups", "deny");
	snprintf(text, sizeof(text), "0 %u 1", uid);
	write_file("/proc/self/uid_map", text);
	snprintf(text, sizeof(text), "0 %u 1", gid);
	write_file("/proc/self/gid_map", text);
}

static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { };

	never(syscall(SYS_capset, &header, none));
}

static void be_somebody(uint8_t how)
{
	const uid_t uid = how & 1 ? OTHER : geteuid();
	const gid_t gid = how & 2 ? OTHER : getegid();

	if (how & 1) {
		/* Who has been another already cannot. */
		if (!setgroups(0, NULL) && !setresgid(gid, gid, gid) && !setresuid(uid, uid, uid))
			count(OTHERS);
		prctl(PR_SET_DUMPABLE, 1); /* or it may not write its own maps */
	} else if (how & 2) {
		drop_capabilities();
	}
	if (how & 4 && !unshare(CLONE_NEWUSER)) {
		count(USERNS);
		if (how & 8)
			map_ids(uid, gid);
	}
	/* This takes long, so not often. */
	if ((how & 0x70) == 0x70 && !unshare(CLONE_NEWNET))
		count(NETNS);
}

/* Of the mappings, those that have come along. */
static void look_for_maps(void)
{
	for (struct mapping *m = world.maps; m < world.maps + MAPS; m++)
		if (m->bytes && msync(m->ring.hdr, m->bytes, MS_ASYNC))
			*m = (struct mapping){ };
}

static _Noreturn void be_child(int i, pid_t parent, uint8_t how)
{
	memset(world.children, 0, sizeof(world.children));
	forget_urings();
	look_for_maps();
	watch_other(WATCH_CHILD + i);
	if (how & 1)
		be_somebody(byte());
	/* It does not survive a change of user. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	play(how >> 2);
	/* With what it has of queues, mappings and commands. */
	if (how & 2)
		kill(getpid(), SIGKILL);
	if (how % 32 < 4)
		execl("/bin/true", "true", NULL);
	end_children();
	_exit(0);
}

/* Of one input. Children's children fork, too: it would be very many. */
enum { FORKS_MOST = 64 };

void do_fork(void)
{
	int i = byte() % CHILDREN;
	uint8_t how = byte();
	pid_t parent = getpid(), pid;

	if (world.children[i]) {
		end_child(&world.children[i], how & 1);
		return;
	}
	if (__atomic_load_n(&done[FORKS], __ATOMIC_RELAXED) - world.forks >= FORKS_MOST)
		return;
	count(FORKS);
	pid = fork();
	if (!pid)
		be_child(i, parent, how);
	world.children[i] = pid < 0 ? 0 : pid;
}
