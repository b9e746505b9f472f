/* SPDX-License-Identifier: MIT */
/* What outlives its maker: a process that takes it away when the bench has ended. */
#ifndef PYQUEUE_BENCH_KEEPER_H
#define PYQUEUE_BENCH_KEEPER_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Take it away, should the bench end without having done so itself: a System V queue; a
 * file, or a directory that is empty when what was named after it is gone; a process, which
 * is killed before anything else. 0 or -errno
 */
int bench_keep_sysv(int id);
int bench_keep_file(const char *path);
int bench_keep_process(pid_t pid);

/* It is no more. */
void bench_forget_sysv(int id);
void bench_forget_file(const char *path);
void bench_forget_process(pid_t pid);

#ifdef __cplusplus
}
#endif

#endif
