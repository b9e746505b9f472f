/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ways to go, at any moment: a signal each. Whoever cannot go the way that it is told
 * stays, and that is wrong.
 */
#ifndef KILL_STORM_WAYS_H
#define KILL_STORM_WAYS_H

#include "../backend.h"
#include "fixture.h"

#include <sys/stat.h>

enum { BY_KILL = SIGKILL, BY_EXEC = SIGUSR1, BY_MUNMAP = SIGUSR2, BY_OOM = SIGALRM };

/* One after the other... */
static const int ways[] = { BY_KILL, BY_EXEC, BY_KILL, BY_MUNMAP };

/* ... and from this one on by the OOM killer, which takes its time over it, until it has been one. */
#define OOM_TURN 8

/* How those end who cannot. */
#define STAYED 99

static struct {
	void *at;
	size_t size;
} mapping;

#define OOM_GROUP "/sys/fs/cgroup/pyqueue-storm"

/* The file by which one enters the group that has next to no memory. */
static char oom_procs[128];

static void go_by_exec(int signal)
{
	execve("/bin/true", (char *[]){ "true", NULL }, (char *[]){ NULL });
	_exit(STAYED);
}

static void go_by_munmap(int signal)
{
	if (mapping.at && munmap(mapping.at, mapping.size))
		_exit(STAYED);
	kill(getpid(), SIGKILL);
}

static void go_by_oom(int signal)
{
	const size_t more = 32 << 20;
	int fd = open(oom_procs, O_WRONLY | O_CLOEXEC);
	char *room;

	if (fd < 0 || write(fd, "0", 1) != 1)
		_exit(STAYED);
	room = mmap(NULL, more, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	/* To populate is no promise: touched, they are there or he is not. */
	for (size_t i = 0; room != MAP_FAILED && i < more; i += 4096)
		((volatile char *)room)[i] = 1;
	_exit(STAYED);
}

/* In a new process: the queue is its own from the first call on. */
static void prepare_to_go(FIXTURE_DATA(storm) *self)
{
	unsigned long begin, end;
	char line[256];
	FILE *maps;

	pyq_qsize(self->q);
	maps = fopen("/proc/self/maps", "re");
	while (maps && fgets(line, sizeof(line), maps)) {
		if (strstr(line, "pyqueue") && strstr(line, " rw-s ") &&
		    sscanf(line, "%lx-%lx", &begin, &end) == 2) {
			mapping.at = (void *)begin;
			mapping.size = end - begin;
		}
	}
	if (maps)
		fclose(maps);
	if (self->view.hdr && !mapping.at)
		_exit(STAYED);
	signal(BY_EXEC, go_by_exec);
	signal(BY_MUNMAP, go_by_munmap);
	signal(BY_OOM, go_by_oom);
}

static long long oom_kills(void)
{
	FILE *events = fopen(OOM_GROUP "/memory.events", "re");
	char line[128];
	long long n = 0;

	while (events && fgets(line, sizeof(line), events))
		if (sscanf(line, "oom_kill %lld", &n) == 1)
			break;
	if (events)
		fclose(events);
	return n;
}

static int next_way(FIXTURE_DATA(storm) *self)
{
	unsigned int turn = self->next_way++;

	if (turn >= OOM_TURN && oom_procs[0] && !oom_kills())
		return BY_OOM;
	return ways[turn % (sizeof(ways) / sizeof(ways[0]))];
}

/* Did it end as those do who go that way? */
static bool went(int way, int how)
{
	return how == (way == BY_EXEC ? 0 : KILLED_BY(SIGKILL));
}

/* --- the group --- */

/* Where the kernel keeps the queue; elsewhere its memory would be the group's own. */
static void make_oom_group(void)
{
	FILE *limit;

	if (on_shm() || (mkdir(OOM_GROUP, 0755) && errno != EEXIST))
		return;
	limit = fopen(OOM_GROUP "/memory.max", "we");
	if (!limit)
		return;
	fputs("1M", limit);
	if (!fclose(limit))
		strcpy(oom_procs, OOM_GROUP "/cgroup.procs");
}

static void end_oom_group(void)
{
	const uint64_t until = in_ns(SEC);

	while (oom_procs[0] && rmdir(OOM_GROUP) && errno == EBUSY && now_ns() < until)
		sched_yield();
}

#endif
