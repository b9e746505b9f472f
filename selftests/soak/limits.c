// SPDX-License-Identifier: GPL-2.0
#include "limits.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define CGROUPS "/sys/fs/cgroup"
#define MAX_QUEUES "/sys/module/pyqueue/parameters/max_user_queues"
#define MAX_BYTES "/sys/module/pyqueue/parameters/max_user_bytes"
#define GROUPS_MEMORY "5M"

static bool write_text(const char *path, const char *text)
{
	const ssize_t len = (ssize_t)strlen(text);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, (size_t)len) == len;

	if (fd >= 0)
		close(fd);
	return ok;
}

void limits_begin(struct soak *s)
{
	char path[128];

	snprintf(s->group, sizeof(s->group), CGROUPS "/pyqueue-soak-%d", getpid());
	if (!mkdir(s->group, 0755)) {
		snprintf(path, sizeof(path), "%s/memory.max", s->group);
		if (write_text(path, GROUPS_MEMORY))
			return;
		rmdir(s->group);
	}
	s->group[0] = '\0';
}

void limits_end(struct soak *s)
{
	const uint64_t until = now_ns() + 30 * SEC;

	/* Those who were in it are gone, but may not have been seen to be so. */
	while (s->group[0] && rmdir(s->group) && errno == EBUSY && now_ns() < until)
		sched_yield();
}

uint64_t limits_oom_kills(const struct soak *s)
{
	unsigned long long n = 0;
	char path[128], line[128];
	FILE *f;

	if (!s->group[0])
		return 0;
	snprintf(path, sizeof(path), "%s/memory.events", s->group);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "oom_kill %llu", &n) == 1)
			break;
	if (f)
		fclose(f);
	return n;
}

void limits_impose(const struct soak *s, struct worker *w)
{
	char path[128];

	if (one_in(&w->chance, 8)) {
		/* Standard ones, and what few queues need. */
		const rlim_t files = 4 + any(&w->chance, 8);

		w->few_files = true;
		if (setrlimit(RLIMIT_NOFILE, &(struct rlimit){ files, files }))
			fail(w, "setrlimit: %s", strerror(errno));
	} else if (s->group[0] && one_in(&w->chance, 8)) {
		w->little_memory = true;
		snprintf(path, sizeof(path), "%s/cgroup.procs", s->group);
		if (!write_text(path, "0"))
			fail(w, "%s: %s", path, strerror(errno));
	}
}

static void read_text(struct soak *s, const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, size - 1);

	if (len <= 0)
		wrong(s, "%s: %s", path, strerror(errno));
	text[len] = '\0';
	close(fd);
}

void limits_lower(struct soak *s)
{
	if (s->shm || s->lowered)
		return;
	read_text(s, MAX_QUEUES, s->max_queues, sizeof(s->max_queues));
	read_text(s, MAX_BYTES, s->max_bytes, sizeof(s->max_bytes));
	store(&s->round->lowered, 1);
	s->lowered = true;
	s->tally.lowered++;
	if (!write_text(MAX_QUEUES, "50") || !write_text(MAX_BYTES, "100000"))
		wrong(s, "the module's parameters: %s", strerror(errno));
}

void limits_restore(struct soak *s)
{
	if (!s->lowered)
		return;
	s->lowered = false;
	if (!write_text(MAX_QUEUES, s->max_queues) || !write_text(MAX_BYTES, s->max_bytes))
		wrong(s, "the module's parameters: %s", strerror(errno));
}
