/* SPDX-License-Identifier: MIT */
/* iox-roudi, the daemon without which there is no iceoryx. */
#ifndef PYQUEUE_BENCH_ICEORYX_DAEMON_H
#define PYQUEUE_BENCH_ICEORYX_DAEMON_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Start one, and wait until it is ready. It ends when the bench does, and not before: a
 * process cannot do with another one later. @files, up to a NULL, are those that it makes
 * besides its shared memory. Return: 0, -ENODEV there is no such program, or another -errno.
 */
int bench_iceoryx_daemon_start(const char *const *files);

#ifdef __cplusplus
}
#endif

#endif
