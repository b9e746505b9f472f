// SPDX-License-Identifier: MIT
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "alloc.h"
#include "calls.h"
#include "cast.h"
#include "percentiles.h"

/*
 * The line: each process writes a byte to @ready and reads @go, which is at its end
 * when the parent closes the other one. Nobody ends before all have closed @end: what
 * that takes is not the others' time.
 */
struct line {
	int ready[2];
	int go[2];
	int end[2];
};

/**
 * struct troupe - a cast at work
 * @cast: which
 * @size: processes
 * @started: so many have been
 * @line: where they wait
 * @pids: theirs; 0 behind the end of one
 * @parts: what they have done
 */
struct troupe {
	const struct bench_cast *cast;
	unsigned int size;
	unsigned int started;
	struct line line;
	pid_t *pids;
	struct bench_part *parts;
};

void *bench_share_memory(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		fputs("pyqueue-bench: out of memory\n", stderr);
		exit(1);
	}
	return memory;
}

void bench_unshare_memory(void *memory, size_t bytes)
{
	munmap(memory, bytes);
}

static int enter(const struct bench_cast *cast, bool puts)
{
	const struct bench_peer *peer = cast->peer;
	int err = 0;

	if (!peer->enter)
		return 0;
	err = peer->enter(cast->queue->state, puts ? BENCH_PUTS : BENCH_GETS);
	if (!err && cast->back)
		err = peer->enter(cast->back->state, puts ? BENCH_GETS : BENCH_PUTS);
	return err;
}

static void leave(const struct bench_cast *cast)
{
	if (!cast->peer->leave)
		return;
	cast->peer->leave(cast->queue->state);
	if (cast->back)
		cast->peer->leave(cast->back->state);
}

/* Of the processors that this process may use the first two. 0 or -errno. */
static int place(enum bench_placement placement, unsigned int i)
{
	unsigned int skip = placement == BENCH_APART ? i % 2 : 0;
	cpu_set_t all, one;

	if (placement == BENCH_ANYWHERE)
		return 0;
	if (sched_getaffinity(0, sizeof(all), &all))
		return -errno;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all) || skip--)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		return sched_setaffinity(0, sizeof(one), &one) ? -errno : 0;
	}
	return -ENODEV;
}

/* In the child. */
static int run_child(const struct troupe *troupe, unsigned int i, struct bench_part *part)
{
	const struct bench_cast *cast = troupe->cast;
	const struct line *line = &troupe->line;
	uint64_t cpu, calls;
	char byte = 0;
	int err;

	/* It does not outlive the bench, nor wait for ever. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(BENCH_LIMIT_SECONDS);
	close(line->ready[0]);
	close(line->go[1]);
	err = place(cast->workload->placement, i);
	if (!err)
		err = enter(cast, i < cast->workload->producers);
	if (write(line->ready[1], &byte, 1) != 1)
		return -errno;
	if (err)
		return err;
	if (read(line->go[0], &byte, 1))
		return -errno;

	calls = bench_calls_of_this();
	cpu = bench_cpu_ns();
	err = cast->play(cast, i, part);
	part->end_ns = bench_wall_ns();
	part->cpu_ns = bench_cpu_ns() - cpu;
	part->calls = bench_calls_of_this() - calls;
	close(line->end[1]);
	if (read(line->end[0], &byte, 1))
		return -errno;
	leave(cast);
	if (!err && part->seen)
		bench_percentiles(part->seen, part->seen_count, part->latency);
	free(part->seen);
	return err;
}

static int start_all(struct troupe *troupe)
{
	for (; troupe->started < troupe->size; troupe->started++) {
		struct bench_part *part = &troupe->parts[troupe->started];
		pid_t pid = fork();

		if (pid < 0)
			return -errno;
		if (!pid) {
			part->err = run_child(troupe, troupe->started, part);
			_exit(part->err ? 1 : 0);
		}
		troupe->pids[troupe->started] = pid;
	}
	return 0;
}

static void close_end(int *end)
{
	if (*end >= 0)
		close(*end);
	*end = -1;
}

/* Until all are at the line, or have ended instead, which will show. */
static void wait_ready(struct troupe *troupe)
{
	char byte;

	close_end(&troupe->line.ready[1]);
	close_end(&troupe->line.end[1]);
	for (unsigned int ready = 0; ready < troupe->started; ready++)
		if (read(troupe->line.ready[0], &byte, 1) != 1)
			return;
}

static void kill_all(const struct troupe *troupe)
{
	for (unsigned int i = 0; i < troupe->started; i++)
		if (troupe->pids[i])
			kill(troupe->pids[i], SIGKILL);
}

/* Which one is it that has ended? */
static unsigned int find(const struct troupe *troupe, pid_t pid)
{
	for (unsigned int i = 0; i < troupe->started; i++)
		if (troupe->pids[i] == pid)
			return i;
	/* A child of the peer's own. */
	return troupe->started;
}

/* Why one has failed. */
static int failure(const struct bench_part *part, int status)
{
	if (!WIFSIGNALED(status))
		return part->err;
	if (WTERMSIG(status) == SIGALRM)
		return -ETIME;
	psignal(WTERMSIG(status), "pyqueue-bench: a process has ended");
	return -ECHILD;
}

/* Wait for all. The first that fails ends the others, who would wait for it. */
static int wait_all(struct troupe *troupe, int err)
{
	for (unsigned int left = troupe->started; left;) {
		int status;
		pid_t pid = wait(&status);
		unsigned int i;

		if (pid < 0)
			return -errno;
		i = find(troupe, pid);
		if (i == troupe->started)
			continue;
		left--;
		troupe->pids[i] = 0;
		if (status && !err) {
			err = failure(&troupe->parts[i], status);
			kill_all(troupe);
		}
	}
	return err;
}

static void add_up(const struct troupe *troupe, uint64_t start_ns, struct bench_outcome *outcome)
{
	const struct bench_workload *workload = troupe->cast->workload;
	uint64_t end_ns = start_ns;

	*outcome = (struct bench_outcome){ .calls = 0 };
	for (unsigned int i = 0; i < troupe->started; i++) {
		const struct bench_part *part = &troupe->parts[i];

		if (i >= workload->producers && part->end_ns > end_ns)
			end_ns = part->end_ns;
		for (int clock = 0; clock < BENCH_CLOCKS; clock++)
			outcome->ns[clock] += part->latency[clock];
		outcome->ns[BENCH_CPU] += part->cpu_ns;
		outcome->calls += part->calls;
		outcome->sum += part->sum;
	}
	if (!workload->latency)
		outcome->ns[BENCH_WALL] = end_ns - start_ns;
}

static int run_troupe(struct troupe *troupe, struct bench_outcome *outcome)
{
	uint64_t start_ns;
	int err = start_all(troupe);

	if (err)
		kill_all(troupe);
	else
		wait_ready(troupe);
	start_ns = bench_wall_ns();
	close_end(&troupe->line.go[1]);
	err = wait_all(troupe, err);
	if (!err)
		add_up(troupe, start_ns, outcome);
	return err;
}

int bench_cast_run(const struct bench_cast *cast, struct bench_outcome *outcome)
{
	const unsigned int size = cast->workload->producers + cast->workload->consumers;
	struct troupe troupe = {
		.cast = cast,
		.size = size,
		.line = { { -1, -1 }, { -1, -1 }, { -1, -1 } },
		.pids = bench_alloc(size, sizeof(*troupe.pids)),
		.parts = bench_share_memory(size * sizeof(*troupe.parts)),
	};
	int err;

	if (pipe(troupe.line.ready) || pipe(troupe.line.go) || pipe(troupe.line.end))
		err = -errno;
	else
		err = run_troupe(&troupe, outcome);
	for (int i = 0; i < 2; i++) {
		close_end(&troupe.line.ready[i]);
		close_end(&troupe.line.go[i]);
		close_end(&troupe.line.end[i]);
	}
	free(troupe.pids);
	bench_unshare_memory(troupe.parts, size * sizeof(*troupe.parts));
	return err;
}
