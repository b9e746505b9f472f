// SPDX-License-Identifier: MIT
/*
 * The peers take turns slice by slice, each time in another order. What counts of a round
 * is the median of its slices, and a ratio is one of a round: whatever else goes on in
 * the machine meets all of them. Runs that are compared with each other take turns round by
 * round, for the same reason.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "alloc.h"
#include "message.h"
#include "progress.h"

/* Messages of the first measurement, by which the others are planned; and the most. */
#define MESSAGES_FIRST 1000
#define MESSAGES_MAX 1000000000

/* A measurement's time is right if it is too short by no more than this; or after so many tries. */
#define NEAR 1.25
#define TRIES 12

/* What some errors mean here. */
static const char *why(int err)
{
	switch (err) {
	case -EBADMSG:
		return "what came out is not what was put in";
	case -ECHILD:
		return "one of its processes died";
	case -EPROTO:
		return "a timeout ended too early";
	case -ETIME:
		return "it hangs";
	default:
		return strerror(-err);
	}
}

static int complain(const struct bench_run *run, const struct bench_peer *peer, int err)
{
	bench_progress_clear();
	fprintf(stderr, "pyqueue-bench: %s, %zu bytes: %s fails: %s\n", run->workload->name,
		run->size, peer->name, why(err));
	return err;
}

/* --- measurements ------------------------------------------------------------ */

static uint64_t expected_sum(unsigned long messages, size_t size)
{
	uint64_t sent[BENCH_SIZE_WORDS];
	uint64_t sum = 0;

	for (unsigned long done = 0, block; done < messages; done += block) {
		block = bench_block(messages - done, size);
		bench_fill(sent, size, done, block);
		sum += bench_sum(sent, size, block);
	}
	return sum;
}

static unsigned long most_messages(const struct bench_run *run, const struct bench_entry *entry)
{
	const size_t bytes = entry->peer->most_bytes;

	return bytes && bytes / run->size < MESSAGES_MAX ? bytes / run->size : MESSAGES_MAX;
}

static void plan(const struct bench_run *run, struct bench_entry *entry, double messages)
{
	const unsigned long most = most_messages(run, entry);

	entry->messages = messages < (double)most ? (unsigned long)messages : most;
	entry->expected = expected_sum(entry->messages, run->size);
}

static int measure(const struct bench_run *run, const struct bench_entry *entry,
		   struct bench_outcome *outcome)
{
	const struct bench_workload *workload = run->workload;
	int err = workload->measure(workload, entry->peer, entry->queues, entry->messages, outcome);

	if (!err && !entry->peer->moves_nothing && !workload->late &&
	    outcome->sum != entry->expected)
		err = -EBADMSG;
	return err ? complain(run, entry->peer, err) : 0;
}

/*
 * Find out how many messages take the time that a measurement should take. The first of them
 * are cold, and tell too little.
 */
static int calibrate(const struct bench_run *run, struct bench_entry *entry)
{
	unsigned int tries = 0;
	double factor;

	plan(run, entry, MESSAGES_FIRST);
	do {
		struct bench_outcome seen = { 0 };
		int err = measure(run, entry, &seen);

		if (err)
			return err;
		factor = (double)run->workload->slice_ns / (double)(seen.ns[BENCH_WALL] + 1);
		/* What a short one says of a long one is not much. */
		plan(run, entry, (double)entry->messages * (factor < 8 ? factor : 8) + 1);
	} while (factor > NEAR && ++tries < TRIES && entry->messages < most_messages(run, entry));
	return 0;
}

static int plan_all(struct bench_run *run)
{
	const unsigned int slices = run->workload->slices;
	int err = 0;

	for (size_t i = 0; !err && i < run->entry_count; i++) {
		if (run->messages)
			plan(run, &run->entries[i], (double)((run->messages - 1) / slices + 1));
		else if (run->workload->messages)
			plan(run, &run->entries[i], (double)run->workload->messages);
		else
			err = calibrate(run, &run->entries[i]);
	}
	return err;
}

/* --- rounds ------------------------------------------------------------------ */

/*
 * Source: G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number Generators",
 * 2014: SplitMix64.
 */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/*
 * Another order for each turn, and the same for the same turn: what one leaves behind, warm
 * caches or a processor to itself, is not to meet the same one each time.
 * Source: R. A. Fisher, F. Yates, in the form of R. Durstenfeld, CACM Algorithm 235.
 */
static void shuffle(size_t *order, size_t n, unsigned int turn)
{
	uint64_t state = turn;

	for (size_t i = 0; i < n; i++)
		order[i] = i;
	for (size_t i = n; i > 1; i--) {
		const size_t k = next_random(&state) % i, other = order[k];

		order[k] = order[i - 1];
		order[i - 1] = other;
	}
}

/* A slice of each peer. */
static int run_slice(const struct bench_run *run, const size_t *order)
{
	for (size_t k = 0; k < run->entry_count; k++) {
		struct bench_entry *entry = &run->entries[order[k]];
		struct bench_outcome seen = { 0 };
		int err = measure(run, entry, &seen);

		if (err)
			return err;
		entry->calls = entry->peer->calls_unseen || seen.calls == BENCH_CALLS_UNKNOWN ?
				       NAN :
				       (double)seen.calls / (double)entry->messages;
		for (int clock = 0; clock < BENCH_CLOCKS; clock++)
			bench_sample_add(&entry->slices[clock],
					 (double)seen.ns[clock] / (double)entry->messages);
	}
	return 0;
}

static int run_round(const struct bench_run *run, unsigned int round)
{
	const unsigned int slices = run->workload->slices;
	size_t *order = bench_alloc(run->entry_count + 1, sizeof(*order));
	int err = 0;

	for (size_t i = 0; i < run->entry_count; i++)
		for (int clock = 0; clock < BENCH_CLOCKS; clock++)
			run->entries[i].slices[clock].rounds = 0;
	for (unsigned int slice = 0; !err && slice < slices; slice++) {
		shuffle(order, run->entry_count, round * slices + slice);
		err = run_slice(run, order);
	}
	free(order);
	return err;
}

static void record_round(const struct bench_run *run)
{
	for (size_t i = 0; i < run->entry_count; i++) {
		const struct bench_entry *entry = &run->entries[i];

		for (int clock = 0; clock < BENCH_CLOCKS; clock++) {
			bench_sample_settle(&entry->slices[clock]);
			bench_sample_add(&entry->cost[clock], entry->slices[clock].median);
		}
	}
}

/* --- conclusions ------------------------------------------------------------- */

static const struct bench_entry *entry_of(const struct bench_run *run,
					  const struct bench_peer *peer)
{
	for (size_t i = 0; i < run->entry_count; i++)
		if (run->entries[i].peer == peer)
			return &run->entries[i];
	return NULL;
}

/* Of those that are another's work, and could be used instead. */
static const struct bench_entry *fastest(const struct bench_run *run)
{
	const struct bench_entry *best = NULL;

	for (size_t i = 0; i < run->entry_count; i++) {
		const struct bench_entry *entry = &run->entries[i];
		const struct bench_peer *peer = entry->peer;

		if (!peer->own && !peer->limit && !peer->moves_nothing &&
		    (!best || entry->cost[BENCH_WALL].median < best->cost[BENCH_WALL].median))
			best = entry;
	}
	return best;
}

/* One of the two is pyqueue. */
static bool is_on(const char *backend, const struct bench_entry *one,
		  const struct bench_entry *other)
{
	const char *its = (one->peer->own ? one : other)->queues[0].backend;

	return its && !strcmp(its, backend);
}

static void compare(struct bench_run *run, const struct bench_ratio *ratio)
{
	const struct bench_entry *over = ratio->over ? entry_of(run, ratio->over) : fastest(run);
	const struct bench_entry *under = entry_of(run, ratio->under);
	struct bench_comparison *comparison = &run->comparisons[run->comparison_count];

	if (ratio->workload != run->workload || !over || !under)
		return;
	if (run->size < ratio->least_size || (ratio->most_size && run->size > ratio->most_size))
		return;
	if (ratio->backend && !is_on(ratio->backend, over, under))
		return;
	run->comparison_count++;
	comparison->ratio = ratio;
	comparison->over = over->peer;
	comparison->seen = bench_samples(BENCH_CLOCKS, run->rounds);
	for (int clock = 0; clock < BENCH_CLOCKS; clock++) {
		for (unsigned int round = 0; round < run->rounds; round++)
			bench_sample_add(&comparison->seen[clock],
					 over->cost[clock].values[round] /
						 under->cost[clock].values[round]);
		bench_sample_settle(&comparison->seen[clock]);
	}
}

static void conclude(struct bench_run *run)
{
	for (size_t i = 0; i < run->entry_count; i++)
		for (int clock = 0; clock < BENCH_CLOCKS; clock++)
			bench_sample_settle(&run->entries[i].cost[clock]);
	for (size_t i = 0; i < bench_ratio_count; i++)
		compare(run, &bench_ratios[i]);
}

/* --- a run ------------------------------------------------------------------- */

static bool can(const struct bench_workload *workload, const struct bench_peer *peer)
{
	return workload->suits(peer) &&
	       (!peer->producers || workload->producers <= peer->producers) &&
	       (!peer->consumers || workload->consumers <= peer->consumers);
}

static bool has_size(const struct bench_run *run, const struct bench_peer *peer)
{
	const bool shared = run->workload->producers > 1 || run->workload->consumers > 1;

	return !shared || !peer->shared_size || run->size <= peer->shared_size;
}

static void close_queues(struct bench_entry *entry)
{
	while (entry->queue_count)
		entry->peer->close(entry->queues[--entry->queue_count].state);
}

/* Return: 0 or -errno. */
static int open_queues(const struct bench_run *run, struct bench_entry *entry)
{
	const struct bench_workload *workload = run->workload;
	const unsigned int wanted = workload->queues ? workload->queues : 1;
	int err = 0;

	if (!entry->queues)
		entry->queues = bench_alloc(wanted, sizeof(*entry->queues));
	while (!err && entry->queue_count < wanted) {
		struct bench_queue *queue = &entry->queues[entry->queue_count];

		queue->size = run->size;
		queue->capacity = run->capacity;
		err = entry->peer->open(queue);
		entry->queue_count += !err;
	}
	if (err)
		close_queues(entry);
	return err;
}

/* In one line. */
static void name_incapable(const struct bench_run *run, const struct bench_peer *const *peers,
			   size_t n)
{
	const char *separator = "";

	for (size_t i = 0; i < n; i++) {
		if (can(run->workload, peers[i]))
			continue;
		if (!*separator)
			bench_progress_clear();
		fprintf(stderr, "%s%s", separator, peers[i]->name);
		separator = ", ";
	}
	if (*separator)
		fprintf(stderr, " cannot do %s\n", run->workload->name);
}

static void leave_out(const struct bench_run *run, const struct bench_peer *peer, int err)
{
	bench_progress_clear();
	fprintf(stderr, "%s, %zu bytes, is without %s: %s\n", run->workload->name, run->size,
		peer->name, err == -EMSGSIZE ? "it has no messages of that size" : strerror(-err));
}

/* A peer that has a queue, but not such a one, or not so many, is not in this run. */
static int open_all(struct bench_run *run, const struct bench_peer *const *peers, size_t n)
{
	if (run->named)
		name_incapable(run, peers, n);
	for (size_t i = 0; i < n; i++) {
		struct bench_entry *entry = &run->entries[run->entry_count];
		int err;

		if (!can(run->workload, peers[i]))
			continue;
		entry->peer = peers[i];
		err = has_size(run, peers[i]) ? open_queues(run, entry) : -EMSGSIZE;
		if (err == -EMSGSIZE || (err && !peers[i]->own && run->workload->queues > 1)) {
			leave_out(run, peers[i], err);
			free(entry->queues);
			entry->queues = NULL;
			continue;
		}
		run->entry_count++;
		if (err)
			return complain(run, peers[i], err);
		entry->slices = bench_samples(BENCH_CLOCKS, run->workload->slices);
		entry->cost = bench_samples(BENCH_CLOCKS, run->rounds);
	}
	return 0;
}

static int begin(struct bench_run *run, const struct bench_peer *const *peers, size_t peer_count)
{
	int err;

	run->capacity = run->workload->capacity ? run->workload->capacity :
						  bench_capacity(run->size);
	run->entries = bench_alloc(peer_count, sizeof(*run->entries));
	run->comparisons = bench_alloc(bench_ratio_count, sizeof(*run->comparisons));
	err = open_all(run, peers, peer_count);
	return err ? err : plan_all(run);
}

/* The others' queues are not to be there while one run is at it. */
static void close_all(struct bench_run *run)
{
	for (size_t i = 0; i < run->entry_count; i++)
		close_queues(&run->entries[i]);
}

static int reopen_all(struct bench_run *run)
{
	for (size_t i = 0; i < run->entry_count; i++) {
		int err = open_queues(run, &run->entries[i]);

		if (err)
			return complain(run, run->entries[i].peer, err);
	}
	return 0;
}

/* One run's part of a round. The first does not count. */
static int take_turn(struct bench_run *run, unsigned int round, bool alone)
{
	int err = alone ? 0 : reopen_all(run);

	if (!err)
		err = run_round(run, round);
	if (!err && round)
		record_round(run);
	if (!alone)
		close_all(run);
	return err;
}

/*
 * Do what the first members of @n runs ask for, with those of @peers that can. Each is to be
 * ended with bench_run_free(), also after an error.
 *
 * Return: 0, or -errno; what went wrong has been said.
 */
int bench_runs(struct bench_run *runs, size_t n, const struct bench_peer *const *peers,
	       size_t peer_count)
{
	const bool alone = n == 1;
	int err = 0;

	for (size_t i = 0; !err && i < n; i++) {
		bench_progress_round(&runs[i], i, 0);
		err = begin(&runs[i], peers, peer_count);
		if (!alone)
			close_all(&runs[i]);
	}
	for (unsigned int round = 0; !err && round <= runs[0].rounds; round++)
		for (size_t i = 0; !err && i < n; i++) {
			bench_progress_round(&runs[i], i, round);
			err = take_turn(&runs[i], round, alone);
		}
	bench_progress_clear();
	for (size_t i = 0; i < n; i++)
		close_all(&runs[i]);
	for (size_t i = 0; !err && i < n; i++)
		conclude(&runs[i]);
	return err;
}

void bench_run_free(struct bench_run *run)
{
	for (size_t i = 0; i < run->entry_count; i++) {
		free(run->entries[i].queues);
		bench_samples_free(run->entries[i].slices);
		bench_samples_free(run->entries[i].cost);
	}
	for (size_t i = 0; i < run->comparison_count; i++)
		bench_samples_free(run->comparisons[i].seen);
	free(run->entries);
	free(run->comparisons);
}
