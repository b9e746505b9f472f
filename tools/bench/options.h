/* SPDX-License-Identifier: MIT */
#ifndef PYQUEUE_BENCH_OPTIONS_H
#define PYQUEUE_BENCH_OPTIONS_H

#include "workloads.h"

/**
 * struct bench_options - what the command line asks for
 * @rounds: rounds
 * @messages: messages in a round; 0: as many as take the workload's time
 * @json: where to; NULL: standard output
 * @workloads: which
 * @workload_count: how many
 * @workloads_by_name: they were chosen by name
 * @sizes: bytes of messages
 * @size_count: how many
 * @peers: who
 * @peer_count: how many
 * @by_name: the peers were chosen by name
 */
struct bench_options {
	unsigned int rounds;
	unsigned long messages;
	const char *json;
	const struct bench_workload **workloads;
	size_t workload_count;
	bool workloads_by_name;
	size_t *sizes;
	size_t size_count;
	const struct bench_peer **peers;
	size_t peer_count;
	bool by_name;
};

void bench_options_parse(struct bench_options *options, int argc, char **argv);
void bench_options_free(struct bench_options *options);

#endif
