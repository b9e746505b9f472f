/* SPDX-License-Identifier: MIT */
/* System V queues outlive their makers: a process that removes them when the bench has ended. */
#ifndef PYQUEUE_BENCH_SYSV_KEEPER_H
#define PYQUEUE_BENCH_SYSV_KEEPER_H

/* Remove queue @id, should the bench end without having done so itself. 0 or -errno */
int bench_sysv_keep(int id);

/* Queue @id is no more. */
void bench_sysv_forget(int id);

#endif
