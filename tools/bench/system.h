/* SPDX-License-Identifier: MIT */
/* The machine that figures come from. */
#ifndef PYQUEUE_BENCH_SYSTEM_H
#define PYQUEUE_BENCH_SYSTEM_H

#include <sys/utsname.h>

/**
 * struct bench_system - the machine, at the start of all runs
 * @processor: what the processor calls itself: an emulator's does not hide
 * @processors: how many
 * @kernel: name and release
 * @load: load averages of the last 1, 5 and 15 minutes: who else was at work
 */
struct bench_system {
	char processor[128];
	long processors;
	struct utsname kernel;
	double load[3];
};

void bench_system_look(struct bench_system *system);

#endif
