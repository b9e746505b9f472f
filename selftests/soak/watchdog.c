// SPDX-License-Identifier: GPL-2.0
#include "watchdog.h"

#include <fcntl.h>

static const char *const doings[] = {
	[NOTHING] = "nothing yet", [OPENING] = "opening a queue", [PUTTING] = "putting",
	[GETTING] = "getting", [LENDING] = "borrowing or reserving", [POLLING] = "polling",
	[IN_AIO] = "in pyq_aio", [JOINING] = "joining", [LOOKING] = "looking around",
	[WITH_ITS_OWN] = "with a queue of its own", [CLOSING] = "closing",
};

static void say_file(pid_t pid, const char *file)
{
	char path[64], text[2048];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	if (len <= 0)
		return;
	text[len] = '\0';
	for (char *save, *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		printf("#     %s: %s\n", file, line);
}

static void say_queue(struct soak *s, uint32_t i)
{
	const struct queue *queue = &s->round->queues[i];
	struct pyq_stat st;

	printf("#   queue %u: %s%s%s\n", i, kinds[queue->kind].name,
	       queue->shut ? ", shut down" : "", queue->immediate ? " at once" : "");
	if (!pyq_stat(s->handles[i], &st))
		printf("#     qsize %llu, asleep %u getters %u putters %u joiners, unfinished %u, mapped %u\n",
		       (unsigned long long)st.qsize, st.getters, st.putters, st.joiners,
		       st.unfinished, st.owners);
}

static void say_worker(struct soak *s, uint32_t i)
{
	const struct place *place = &s->round->places[i];
	const pid_t pid = s->crew[i].pid;

	printf("#   place %u, process %d%s: %s\n", i, pid,
	       s->crew[i].stopped ? ", stopped" : "", doings[place->doing]);
	say_file(pid, "wchan");
	say_file(pid, "syscall");
	say_file(pid, "stack");
	if (place->at)
		say_queue(s, place->at - 1);
}

/* When it has to have moved, if it is not over before: at the end nobody waits for ever. */
static uint64_t moves_by(const struct soak *s, uint32_t i)
{
	uint64_t by = load(&s->round->places[i].ends_by);

	if (by == UINT64_MAX && s->ending)
		by = s->round->stopped_at;
	if (by < s->crew[i].moved_on)
		by = s->crew[i].moved_on;
	return by;
}

void watchdog_look(struct soak *s)
{
	const uint64_t now = now_ns();
	int hang = 0;

	for (uint32_t i = 0; i < WORKERS; i++) {
		const uint64_t by = moves_by(s, i);

		if (!s->crew[i].pid || s->crew[i].stopped || now < by || now - by < PATIENCE)
			continue;
		if (!hang++)
			printf("# who hangs:\n");
		say_worker(s, i);
	}
	if (!hang)
		return;
	for (uint32_t i = 0; i < WORKERS; i++)
		if (s->crew[i].pid && s->crew[i].stopped)
			say_worker(s, i);
	wrong(s, "%d workers hang", hang);
}
