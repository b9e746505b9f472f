// SPDX-License-Identifier: GPL-2.0
#include "leftovers.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

static unsigned int files;		/* open in the beginning */
static struct statvfs shm_at_first;
static bool shm_is_ours;

/* The first rounds, which find how much it is, and the last ones. */
#define FEW 5

/* In KiB. @more: beyond that it is a leak. */
static struct weight {
	const char *name;
	long more;
	bool whole_machine;	/* others count too, if there are any */
	long first, last[FEW];
} weights[] = {
	{ .name = "VmRSS", .more = 2048 },
	{ .name = "SUnreclaim", .more = 8192, .whole_machine = true },
	{ .name = "VmallocUsed", .more = 4096, .whole_machine = true },
	{ .name = "Percpu", .more = 4096, .whole_machine = true },
	{ .name = "KernelStack", .more = 4096, .whole_machine = true },
	{ .name = "PageTables", .more = 4096, .whole_machine = true },
	{ .name = "Shmem", .more = 8192, .whole_machine = true },
};
static unsigned int weighed;

static unsigned int entries(const char *path)
{
	unsigned int n = 0;
	DIR *dir = opendir(path);

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

void leftovers_begin(struct soak *s)
{
	struct stat here, everybody;

	files = entries("/proc/self/fd");
	/* own-shm has made one, and nobody else writes there. */
	shm_is_ours = s->shm && !stat("/dev/shm", &here) &&
		      !stat("/proc/1/root/dev/shm", &everybody) && here.st_dev != everybody.st_dev;
	statvfs("/dev/shm", &shm_at_first);
}

static void look_at_user(struct soak *s)
{
	const uint64_t until = now_ns() + 30 * SEC;
	struct pyq_info info;
	int err;

	/* The last files are closed a moment after those who had them open. */
	do {
		err = pyq_info(&info);
		if (err)
			wrong(s, "pyq_info(): %s", pyq_strerror(err));
		if (!info.user_queues && !info.user_bytes)
			return;
		sched_yield();
	} while (now_ns() < until);
	wrong(s, "%llu queues and %llu bytes of them are left",
	      (unsigned long long)info.user_queues, (unsigned long long)info.user_bytes);
}

static void look_at_shm(struct soak *s)
{
	struct statvfs now;

	if (!shm_is_ours || statvfs("/dev/shm", &now))
		return;
	if (now.f_bfree != shm_at_first.f_bfree || now.f_ffree != shm_at_first.f_ffree)
		wrong(s, "in /dev/shm %lld files and %lld blocks are left",
		      (long long)(shm_at_first.f_ffree - now.f_ffree),
		      (long long)(shm_at_first.f_bfree - now.f_bfree));
}

void leftovers_look(struct soak *s)
{
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
		wrong(s, "there are children left");
	if (entries("/proc/self/task") != 3)
		wrong(s, "there are threads left");
	if (entries("/proc/self/fd") != files)
		wrong(s, "%u files were open in the beginning, and now %u", files,
		      entries("/proc/self/fd"));
	look_at_user(s);
	look_at_shm(s);
}

static long read_weight(const char *path, const char *name)
{
	const size_t len = strlen(name);
	char line[256];
	long value = -1;
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, len) && line[len] == ':')
			value = strtol(line + len + 1, NULL, 10);
	if (f)
		fclose(f);
	return value;
}

static long least(const struct weight *w)
{
	long value = w->last[0];

	for (unsigned int i = 1; i < FEW; i++)
		if (w->last[i] < value)
			value = w->last[i];
	return value;
}

void leftovers_weigh(struct soak *s)
{
	for (size_t i = 0; i < COUNT(weights); i++) {
		struct weight *w = &weights[i];
		long now;

		/* This machine is not ours alone; the virtual one is. */
		if (w->whole_machine && s->shm)
			continue;
		now = read_weight(w->whole_machine ? "/proc/meminfo" : "/proc/self/status", w->name);
		if (now < 0)
			wrong(s, "there is no %s", w->name);
		w->last[weighed % FEW] = now;
		if (weighed < 2 * FEW) {
			if (now > w->first)
				w->first = now;
		} else if (least(w) > w->first + w->more) {
			wrong(s, "%s was at most %ld KiB in the first %d rounds, and at least %ld in the last %d",
			      w->name, w->first, 2 * FEW, least(w), FEW);
		}
	}
	weighed++;
}

void leftovers_say(void)
{
	if (weighed < 2 * FEW)
		return;
	for (size_t i = 0; i < COUNT(weights); i++)
		if (weights[i].first)
			printf("# %s: at most %ld KiB in the first %d rounds, at least %ld in the last %d\n",
			       weights[i].name, weights[i].first, 2 * FEW, least(&weights[i]), FEW);
}
