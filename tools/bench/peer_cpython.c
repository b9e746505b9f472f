// SPDX-License-Identifier: MIT
/*
 * Python's multiprocessing: what it does is in cpython.py, which the Makefile has the
 * assembler put in here, so that the bench needs no other file. Each measurement is a
 * process of its own, which reports times of its own.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "alloc.h"
#include "percentiles.h"
#include "workloads.h"

/* A process of Python is large, and keeps all of its messages. */
#define MOST_PROCESSES 8
#define MOST_BYTES (64 << 20)

__asm__(".pushsection .rodata\n"
	"cpython_script:\n"
	".incbin \"" BENCH_CPYTHON "\"\n"
	".byte 0\n"
	".popsection\n");
extern const char cpython_script[];

__attribute__((noreturn)) static void be_python(int out, const char *const *args)
{
	const char *argv[10] = { "python3", "-c", cpython_script };

	for (size_t i = 3; i < 9 && (argv[i] = args[i - 3]); i++)
		;
	/* It does not outlive the bench, nor run for ever. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(BENCH_LIMIT_SECONDS);
	dup2(out, STDOUT_FILENO);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

static int read_numbers(int in, int64_t *numbers, size_t n)
{
	FILE *from = fdopen(in, "r");
	int err = 0;

	if (!from) {
		close(in);
		return -errno;
	}
	for (size_t i = 0; !err && i < n; i++)
		err = fscanf(from, "%" SCNd64, &numbers[i]) == 1 ? 0 : -EIO;
	fclose(from);
	return err;
}

/* Run it with @args, and read @n numbers. Return: 0, -ENODEV there is none, or another -errno. */
static int ask(const char *const *args, int64_t *numbers, size_t n)
{
	int ends[2], status, err;
	pid_t pid;

	if (pipe(ends))
		return -errno;
	pid = fork();
	if (!pid) {
		close(ends[0]);
		be_python(ends[1], args);
	}
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return -EAGAIN;
	}
	err = read_numbers(ends[0], numbers, n);
	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGALRM ? -ETIME : -ECHILD;
	if (status)
		return WEXITSTATUS(status) == 127 ? -ENODEV : -ECHILD;
	return err;
}

/* A number as an argument. */
struct text {
	char of[24];
};

static const char *text(struct text *to, uint64_t number)
{
	snprintf(to->of, sizeof(to->of), "%" PRIu64, number);
	return to->of;
}

/* What all have that is not a latency. */
static int ask_for_sum(const char *const *args, struct bench_outcome *outcome)
{
	int64_t seen[3];
	int err = ask(args, seen, 3);

	if (err)
		return err;
	outcome->ns[BENCH_WALL] = (uint64_t)seen[0];
	outcome->ns[BENCH_CPU] = (uint64_t)seen[1];
	outcome->sum = (uint64_t)seen[2];
	outcome->calls = BENCH_CALLS_UNKNOWN;
	return 0;
}

static int tasks(const struct bench_workload *workload, unsigned long n, size_t size,
		 struct bench_outcome *outcome)
{
	struct text number[4];
	const char *args[] = { "tasks",
			       text(&number[0], n),
			       text(&number[1], size),
			       text(&number[2], workload->consumers),
			       text(&number[3], workload->window),
			       NULL };

	return ask_for_sum(args, outcome);
}

static int late(const struct bench_workload *workload, unsigned long n, int64_t *seen,
		struct bench_outcome *outcome)
{
	struct text number[2];
	const char *args[] = { "late", workload->late, text(&number[0], n),
			       text(&number[1], BENCH_TIMEOUT_NS), NULL };
	int64_t *numbers = bench_alloc(n + 1, sizeof(*numbers));
	int err = ask(args, numbers, n + 1);

	outcome->ns[BENCH_CPU] = (uint64_t)numbers[0];
	outcome->calls = BENCH_CALLS_UNKNOWN;
	for (unsigned long i = 0; i < n; i++)
		seen[i] = numbers[i + 1];
	free(numbers);
	return err;
}

static unsigned long capacity(const struct bench_workload *workload, size_t size)
{
	return workload->capacity ? workload->capacity : bench_capacity(size);
}

static int bounce(const struct bench_workload *workload, unsigned long n, size_t size,
		  struct bench_outcome *outcome)
{
	struct text number[3];
	const char *args[] = { "bounce", text(&number[0], n), text(&number[1], size),
			       text(&number[2], capacity(workload, size)), NULL };
	int64_t *seen = bench_alloc(n + 2, sizeof(*seen));
	int err = ask(args, seen, n + 2);

	outcome->sum = (uint64_t)seen[1];
	bench_percentiles(seen + 2, n, outcome->ns);
	outcome->ns[BENCH_CPU] = (uint64_t)seen[0];
	outcome->calls = BENCH_CALLS_UNKNOWN;
	free(seen);
	return err;
}

static int processes(const struct bench_workload *workload, unsigned long n, size_t size,
		     struct bench_outcome *outcome)
{
	struct text number[5];
	const char *args[] = { "processes",
			       text(&number[0], n),
			       text(&number[1], size),
			       text(&number[2], capacity(workload, size)),
			       text(&number[3], workload->producers),
			       text(&number[4], workload->consumers),
			       NULL };

	if (workload->latency)
		return bounce(workload, n, size, outcome);
	return ask_for_sum(args, outcome);
}

static int open_nothing(struct bench_queue *queue)
{
	const char *args[] = { "there", NULL };
	int64_t one;

	queue->capacity = 0;
	return ask(args, &one, 1);
}

static void close_nothing(void *state)
{
	(void)state;
}

const struct bench_peer peer_cpython = {
	.name = "cpython",
	.what = "multiprocessing.Queue; writes its messages before, reads them afterwards",
	.absent = "there is no python3 here that has multiprocessing; "
		  "'make bench-native' installs it",
	.producers = MOST_PROCESSES,
	.consumers = MOST_PROCESSES,
	.most_bytes = MOST_BYTES,
	.open = open_nothing,
	.close = close_nothing,
	.processes = processes,
	.tasks = tasks,
	.late = late,
};
