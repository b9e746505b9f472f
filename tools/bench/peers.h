/* SPDX-License-Identifier: MIT */
#ifndef PYQUEUE_BENCH_PEERS_H
#define PYQUEUE_BENCH_PEERS_H

#include "bench.h"

extern const struct bench_peer peer_getppid;
extern const struct bench_peer peer_pyqueue_ioctl;
extern const struct bench_peer peer_pyqueue_file;
extern const struct bench_peer peer_mqueue;
extern const struct bench_peer peer_pipe;

#endif
