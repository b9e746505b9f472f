/* SPDX-License-Identifier: MIT */
/* Names of queues in shared memory: files in /dev/shm. */
#ifndef PYQI_SHM_NAME_H
#define PYQI_SHM_NAME_H

#include "priv.h"

/**
 * pyqi_shm_name_make() - make a queue that can be given a name
 * @attr: what it is like, with a name; has been checked
 *
 * Return: its file, the caller's; or -errno.
 */
int pyqi_shm_name_make(const struct pyq_attr *attr);

/**
 * pyqi_shm_name_give() - give it the name, and the owner and mode that go with it
 * @fd: its file
 * @attr: as before
 *
 * The last step of all: who dies before leaves nothing.
 *
 * Return: 0; -EEXIST there is one of that name; or -errno.
 */
int pyqi_shm_name_give(int fd, const struct pyq_attr *attr);

/* Return: the file of that name, the caller's; or -errno. */
int pyqi_shm_name_open(const char *name);

/* What struct pyqi_backend says of these. */
bool pyqi_shm_name_exists(const char *name);
int pyqi_shm_name_unlink(const char *name);
int pyqi_shm_name_list(int (*fn)(const struct pyq_name *name, void *arg), void *arg);

/* What the module would say where the file system says @err. */
int pyqi_shm_name_error(int err);

#endif
