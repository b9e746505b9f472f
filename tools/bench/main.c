// SPDX-License-Identifier: MIT
/*
 * pyqueue-bench: what a message costs, here and elsewhere.
 *
 * Peers (peers.h) do workloads (workloads.h) with messages of several sizes; a run
 * (run.h) is one workload at one size, and ratios.c says what is compared in it.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>

#include "alloc.h"
#include "options.h"
#include "output.h"
#include "progress.h"
#include "report.h"

/* As many files as there may be: some queues are two. And bytes in POSIX message queues. */
static void allow_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	/* Root may; others keep what they have. */
	setrlimit(RLIMIT_MSGQUEUE, &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY });
}

/* 0, or -errno: @peer is not to be had here. For which sizes it is there runs find out. */
static int try_peer(const struct bench_peer *peer, size_t size)
{
	struct bench_queue queue = { .size = size, .capacity = bench_capacity(size) };
	int err = peer->open(&queue);

	if (!err)
		peer->close(queue.state);
	return err == -EMSGSIZE ? 0 : err;
}

/* Leave out the optional peers that this machine does not have, and say so in one line. */
static void leave_out(struct bench_options *options)
{
	const char *separator = "not part of this run: ";
	size_t left = 0;

	for (size_t i = 0; i < options->peer_count; i++) {
		const struct bench_peer *peer = options->peers[i];

		if (!peer->optional || try_peer(peer, options->sizes[0]) != -ENODEV) {
			options->peers[left++] = peer;
			continue;
		}
		fprintf(stderr, "%s%s (%s)", separator, peer->name, peer->absent);
		separator = ", ";
	}
	if (left < options->peer_count)
		fputc('\n', stderr);
	options->peer_count = left;
}

/* Said once, and not of each of pyqueue's ways. */
static bool has_backend(const struct bench_options *options)
{
	const char *backend = getenv("PYQUEUE_BACKEND");

	if (!backend || strcmp(backend, "kernel") || !access("/dev/pyqueue", F_OK))
		return true;
	for (size_t i = 0; i < options->peer_count; i++) {
		if (!options->peers[i]->own)
			continue;
		fputs("pyqueue-bench: PYQUEUE_BACKEND is kernel, and there is no /dev/pyqueue:"
		      " load the module, or measure queues in shared memory (shm)\n",
		      stderr);
		return false;
	}
	return true;
}

/* Return: whether all others are there. */
static bool all_there(const struct bench_options *options)
{
	bool there = true;

	for (size_t i = 0; i < options->peer_count; i++) {
		const struct bench_peer *peer = options->peers[i];
		const int err = try_peer(peer, options->sizes[0]);

		if (!err)
			continue;
		fprintf(stderr, "pyqueue-bench: %s is missing: %s\n", peer->name,
			err == -ENODEV && peer->absent ? peer->absent : strerror(-err));
		there = false;
	}
	return there;
}

/* Those that follow the first of @n runs and are to take turns with it, and that one. */
static size_t family(const struct bench_run *runs, size_t n)
{
	const char *name = runs[0].workload->family;
	size_t count = 1;

	while (name && count < n && runs[count].workload->family &&
	       !strcmp(name, runs[count].workload->family))
		count++;
	return count;
}

/* One workload with messages of each size. Return: how many runs there are now. */
static size_t plan_workload(const struct bench_options *options,
			    const struct bench_workload *workload, struct bench_run *runs, size_t n)
{
	const size_t sizes = workload->size ? 1 : options->size_count;

	for (size_t s = 0; s < sizes; s++)
		runs[n++] = (struct bench_run){
			.workload = workload,
			.size = workload->size ? workload->size : options->sizes[s],
			.rounds = options->rounds,
			.messages = options->messages,
			.named = options->by_name,
		};
	return n;
}

/* What is to be done, each family in one place. Return: how many runs that are. */
static size_t plan_runs(const struct bench_options *options, struct bench_run *runs)
{
	bool *planned = bench_alloc(options->workload_count, sizeof(*planned));
	size_t n = 0;

	for (size_t w = 0; w < options->workload_count; w++) {
		const char *name = options->workloads[w]->family;

		if (planned[w])
			continue;
		for (size_t k = w; k < options->workload_count; k++) {
			const struct bench_workload *workload = options->workloads[k];

			if (k != w &&
			    (!name || !workload->family || strcmp(name, workload->family)))
				continue;
			planned[k] = true;
			n = plan_workload(options, workload, runs, n);
		}
	}
	free(planned);
	return n;
}

/* After an error *@done is how many there is something of: those before the family of it. */
static int run_all(const struct bench_options *options, struct bench_run *runs, size_t *done)
{
	const size_t n = plan_runs(options, runs);

	while (*done < n) {
		const size_t count = family(&runs[*done], n - *done);
		int err;

		bench_progress_runs(*done, n);
		err = bench_runs(&runs[*done], count, options->peers, options->peer_count);
		for (size_t i = 0; i < count; i++) {
			if (err)
				bench_run_free(&runs[*done + i]);
			else
				bench_table_run(&runs[*done + i], stderr);
		}
		if (err)
			return err;
		*done += count;
	}
	return 0;
}

/* How many have somebody. */
static size_t count_peopled(const struct bench_run *runs, size_t n)
{
	size_t peopled = 0;

	for (size_t i = 0; i < n; i++)
		peopled += runs[i].entry_count > 0;
	return peopled;
}

/* Of everything, some may be what nobody does with messages of such a size. */
static bool in_vain(const struct bench_options *options, const struct bench_run *runs, size_t n)
{
	const size_t peopled = count_peopled(runs, n);

	return !peopled || (peopled < n && (options->by_name || options->workloads_by_name));
}

static int write_json(const struct bench_system *system, const struct bench_run *runs, size_t n,
		      const char *path)
{
	struct bench_output output;
	int err = bench_output_open(&output, path);

	if (!err) {
		int closed;

		err = bench_json(system, runs, n, output.to);
		closed = bench_output_close(&output);
		err = err ? err : closed;
	}
	if (err)
		fprintf(stderr, "pyqueue-bench: %s: %s\n", path ? path : "standard output",
			strerror(-err));
	return err;
}

/* Exits if something is wrong that can be known before anything is measured. */
static void try_all(const struct bench_options *options, struct bench_system *system)
{
	int err = bench_output_try(options->json);

	if (err) {
		fprintf(stderr, "pyqueue-bench: --json %s: %s; nothing has been measured\n",
			options->json, strerror(-err));
		exit(2);
	}
	if (bench_system_look(system)) {
		fprintf(stderr,
			"pyqueue-bench: " BENCH_HOST_LOAD " is '%s': three load averages and a"
			" number of processors are wanted\n",
			getenv(BENCH_HOST_LOAD));
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct bench_options options;
	struct bench_system system;
	struct bench_run *runs;
	size_t done = 0;
	int err;

	bench_options_parse(&options, argc, argv);
	try_all(&options, &system);
	allow_files();
	bench_table_system(&system, stderr);
	runs = bench_alloc(options.workload_count * options.size_count, sizeof(*runs));

	if (!options.by_name)
		leave_out(&options);
	err = has_backend(&options) && all_there(&options) ? run_all(&options, runs, &done) :
							     -ENODEV;
	if (count_peopled(runs, done)) {
		bench_table_verdict(runs, done, stderr);
		if (write_json(&system, runs, done, options.json))
			err = -EIO;
	}
	if (!err && in_vain(&options, runs, done))
		err = -ENODEV;

	for (size_t i = 0; i < done; i++)
		bench_run_free(&runs[i]);
	free(runs);
	bench_options_free(&options);
	return err ? 1 : 0;
}
