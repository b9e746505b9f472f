/* SPDX-License-Identifier: MIT */
/* Names of queues in shared memory: files in /dev/shm. */
#ifndef PYQI_SHM_NAME_H
#define PYQI_SHM_NAME_H

#include "priv.h"

/**
 * pyqi_shm_name_make() - make a queue with a name, or open the one that has it
 * @attr: what it is like, with a name; has been checked
 *
 * The name is there when the queue is complete: who dies before leaves nothing.
 *
 * Return: its file, the caller's; or -errno.
 */
int pyqi_shm_name_make(const struct pyq_attr *attr);

/* Return: the file of that name, the caller's; or -errno. */
int pyqi_shm_name_open(const char *name);

/* What struct pyqi_backend says of these. */
bool pyqi_shm_name_exists(const char *name);
int pyqi_shm_name_unlink(const char *name);
int pyqi_shm_name_list(int (*fn)(const struct pyq_name *name, void *arg), void *arg);

/* What the module would say where the file system says @err. */
int pyqi_shm_name_error(int err);

#endif
