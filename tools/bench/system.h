/* SPDX-License-Identifier: MIT */
/* The machine that figures come from. */
#ifndef PYQUEUE_BENCH_SYSTEM_H
#define PYQUEUE_BENCH_SYSTEM_H

#include <stdbool.h>
#include <time.h>
#include <sys/utsname.h>

/* In an emulated machine: "LOAD1 LOAD5 LOAD15 PROCESSORS", of the machine that emulates it. */
#define BENCH_HOST_LOAD "PYQUEUE_BENCH_HOST_LOAD"

/**
 * struct bench_system - the machine, at the start of all runs
 * @processor: what the processor calls itself: an emulator's does not hide
 * @processors: how many
 * @kernel: name and release
 * @made: when
 * @load: load averages of the last 1, 5 and 15 minutes: who else was at work
 * @host_load: of the machine that emulates this one
 * @host_processors: that it has; 0: nothing is known of it
 */
struct bench_system {
	char processor[128];
	long processors;
	struct utsname kernel;
	time_t made;
	double load[3];
	double host_load[3];
	long host_processors;
};

/* Whether so much else to do at the start shows in the figures. */
static inline bool bench_system_is_busy(const double *load, long processors)
{
	return load[0] > 0.5 * (double)processors;
}

/* 0, or -EINVAL: what the environment says of the host cannot be read. */
int bench_system_look(struct bench_system *system);

#endif
