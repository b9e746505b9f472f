// SPDX-License-Identifier: MIT
/*
 * Several processes put, several get. All are started and wait at a line; the time is
 * from the signal to the end of the last consumer.
 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "alloc.h"
#include "calls.h"
#include "workloads.h"

/* What a process has done, in memory that it shares with its parent. */
struct part {
	int err;
	uint64_t end_ns;
	uint64_t cpu_ns;
	uint64_t sum;
};

/*
 * The line: each process writes a byte to @ready and reads @go, which is at its end
 * when the parent closes the other one.
 */
struct line {
	int ready[2];
	int go[2];
};

struct cast {
	const struct bench_workload *workload;
	const struct bench_peer *peer;
	const struct bench_queue *queue;
	const struct bench_queue *back; /* NULL but where messages come back */
	unsigned long n;
	uint64_t calls; /* before the first message */
	struct line line;
	unsigned int started;
	pid_t *pids;
	struct part *parts; /* producers first */
};

static unsigned int cast_size(const struct bench_workload *workload)
{
	return workload->producers + workload->consumers;
}

/* The first message of share @i, if @n are shared by @shares. */
static unsigned long share_begin(unsigned long n, unsigned int shares, unsigned int i)
{
	return (unsigned long)((uint64_t)n * i / shares);
}

static int play(const struct cast *cast, unsigned int i, struct part *part)
{
	const struct bench_peer *peer = cast->peer;
	const struct bench_queue *queue = cast->queue;
	const bool puts = i < cast->workload->producers;
	const unsigned int shares = puts ? cast->workload->producers : cast->workload->consumers;
	const unsigned int share = puts ? i : i - cast->workload->producers;
	const unsigned long first = share_begin(cast->n, shares, share);
	const unsigned long n = share_begin(cast->n, shares, share + 1) - first;

	if (cast->back)
		return (cast->workload == &workload_echo64 ? peer->loop : peer->bounce)(
			puts ? queue->state : cast->back->state,
			puts ? cast->back->state : queue->state, puts, cast->n, queue->size,
			&part->sum);
	if (puts)
		return peer->produce(queue->state, first, n, queue->size);
	return peer->consume(queue->state, n, queue->size, &part->sum);
}

/* In the child. */
static int run_child(const struct cast *cast, unsigned int i, struct part *part)
{
	const struct line *line = &cast->line;
	uint64_t cpu;
	char byte = 0;
	int err;

	/* It does not outlive the bench, nor wait for ever. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(BENCH_LIMIT_SECONDS);
	close(line->ready[0]);
	close(line->go[1]);
	err = cast->peer->enter ? cast->peer->enter(cast->queue->state) : 0;
	if (!err && cast->back && cast->peer->enter)
		err = cast->peer->enter(cast->back->state);
	if (write(line->ready[1], &byte, 1) != 1)
		return -errno;
	if (err)
		return err;
	if (read(line->go[0], &byte, 1))
		return -errno;

	cpu = bench_cpu_ns();
	err = play(cast, i, part);
	part->end_ns = bench_wall_ns();
	part->cpu_ns = bench_cpu_ns() - cpu;
	return err;
}

static int start_all(struct cast *cast)
{
	const unsigned int size = cast_size(cast->workload);

	for (; cast->started < size; cast->started++) {
		struct part *part = &cast->parts[cast->started];
		pid_t pid = fork();

		if (pid < 0)
			return -errno;
		if (!pid) {
			part->err = run_child(cast, cast->started, part);
			_exit(part->err ? 1 : 0);
		}
		cast->pids[cast->started] = pid;
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
static void wait_ready(struct cast *cast)
{
	char byte;

	close_end(&cast->line.ready[1]);
	for (unsigned int ready = 0; ready < cast->started; ready++)
		if (read(cast->line.ready[0], &byte, 1) != 1)
			return;
}

static void kill_all(const struct cast *cast)
{
	for (unsigned int i = 0; i < cast->started; i++)
		if (cast->pids[i])
			kill(cast->pids[i], SIGKILL);
}

/* Which one is it that has ended? */
static unsigned int find(const struct cast *cast, pid_t pid)
{
	for (unsigned int i = 0; i < cast->started; i++)
		if (cast->pids[i] == pid)
			return i;
	abort();
}

/* Why one has failed. */
static int failure(const struct part *part, int status)
{
	if (!WIFSIGNALED(status))
		return part->err;
	if (WTERMSIG(status) == SIGALRM)
		return -ETIME;
	psignal(WTERMSIG(status), "pyqueue-bench: a process has ended");
	return -ECHILD;
}

/* Wait for all. The first that fails ends the others, who would wait for it. */
static int wait_all(struct cast *cast, int err)
{
	for (unsigned int left = cast->started; left; left--) {
		int status;
		pid_t pid = wait(&status);
		unsigned int i;

		if (pid < 0)
			return -errno;
		i = find(cast, pid);
		cast->pids[i] = 0;
		if (status && !err) {
			err = failure(&cast->parts[i], status);
			kill_all(cast);
		}
	}
	return err;
}

static void add_up(const struct cast *cast, uint64_t start_ns, struct bench_outcome *outcome)
{
	uint64_t end_ns = start_ns;

	*outcome = (struct bench_outcome){ .calls = bench_calls() - cast->calls };
	for (unsigned int i = 0; i < cast->started; i++) {
		const struct part *part = &cast->parts[i];

		if (i >= cast->workload->producers && part->end_ns > end_ns)
			end_ns = part->end_ns;
		outcome->ns[BENCH_CPU] += part->cpu_ns;
		outcome->sum += part->sum;
	}
	outcome->ns[BENCH_WALL] = end_ns - start_ns;
}

static int run_cast(struct cast *cast, struct bench_outcome *outcome)
{
	uint64_t start_ns;
	int err = start_all(cast);

	if (err)
		kill_all(cast);
	else
		wait_ready(cast);
	cast->calls = bench_calls();
	start_ns = bench_wall_ns();
	close_end(&cast->line.go[1]);
	err = wait_all(cast, err);
	if (!err)
		add_up(cast, start_ns, outcome);
	return err;
}

static bool suits(const struct bench_peer *peer)
{
	return peer->produce && peer->consume;
}

static int measure_with(const struct bench_workload *workload, const struct bench_peer *peer,
			const struct bench_queue *queue, const struct bench_queue *back,
			unsigned long n, struct bench_outcome *outcome)
{
	const size_t bytes = cast_size(workload) * sizeof(struct part);
	struct cast cast = {
		.workload = workload,
		.peer = peer,
		.queue = queue,
		.back = back,
		.n = n,
		.line = { { -1, -1 }, { -1, -1 } },
	};
	int err;

	cast.parts = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (cast.parts == MAP_FAILED)
		return -errno;
	cast.pids = bench_alloc(cast_size(workload), sizeof(*cast.pids));
	if (pipe(cast.line.ready) || pipe(cast.line.go))
		err = -errno;
	else
		err = run_cast(&cast, outcome);
	for (int i = 0; i < 2; i++) {
		close_end(&cast.line.ready[i]);
		close_end(&cast.line.go[i]);
	}
	free(cast.pids);
	munmap(cast.parts, bytes);
	return err;
}

static int measure(const struct bench_workload *workload, const struct bench_peer *peer,
		   const struct bench_queue *queue, unsigned long n, struct bench_outcome *outcome)
{
	return measure_with(workload, peer, queue, NULL, n, outcome);
}

static bool can_bounce(const struct bench_peer *peer)
{
	return peer->bounce;
}

static int measure_bounces(const struct bench_workload *workload, const struct bench_peer *peer,
			   const struct bench_queue *queue, unsigned long n,
			   struct bench_outcome *outcome)
{
	struct bench_queue back = { .size = queue->size, .capacity = queue->capacity };
	int err = peer->open(&back);

	if (err)
		return err;
	err = measure_with(workload, peer, queue, &back, n, outcome);
	peer->close(back.state);
	return err;
}

/* Long enough that starting does not count, short enough for several in a round. */
#define BETWEEN_PROCESSES(label, words, np, nc)                                           \
	{                                                                                 \
		.name = (label), .what = (words), .slices = 3, .slice_ns = 100000000,     \
		.producers = (np), .consumers = (nc), .suits = suits, .measure = measure, \
	}

const struct bench_workload workload_1p1c =
	BETWEEN_PROCESSES("1p1c", "one process puts, one gets", 1, 1);
const struct bench_workload workload_2p2c =
	BETWEEN_PROCESSES("2p2c", "two processes put, two get", 2, 2);
const struct bench_workload workload_4p4c =
	BETWEEN_PROCESSES("4p4c", "four processes put, four get", 4, 4);
const struct bench_workload workload_8p8c =
	BETWEEN_PROCESSES("8p8c", "eight processes put, eight get", 8, 8);
const struct bench_workload workload_pingpong = {
	.name = "pingpong",
	.what = "two processes, there and back: each waits for the other",
	.slices = 3,
	.slice_ns = 100000000,
	.producers = 1,
	.consumers = 1,
	.suits = can_bounce,
	.measure = measure_bounces,
};

static bool can_loop(const struct bench_peer *peer)
{
	return peer->loop;
}

const struct bench_workload workload_echo64 = {
	.name = "echo64",
	.what = "two processes, 64 queues there and 64 back, a message in each pair",
	.slices = 3,
	.slice_ns = 100000000,
	.producers = 1,
	.consumers = 1,
	.suits = can_loop,
	.measure = measure_bounces,
};
