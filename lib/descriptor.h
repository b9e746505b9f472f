/* SPDX-License-Identifier: MIT */
/* File descriptors of a host program, which may have closed its standard ones. */
#ifndef PYQI_DESCRIPTOR_H
#define PYQI_DESCRIPTOR_H

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/**
 * pyqi_dup() - another descriptor for the same file
 * @fd: a descriptor
 *
 * Return: one which is not 0, 1 or 2, with FD_CLOEXEC; or -errno.
 */
static inline int pyqi_dup(int fd)
{
	const int other = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	if (other >= 0)
		return other;
	/* To the kernel three is no number for one who may have three. */
	return errno == EINVAL ? -EMFILE : -errno;
}

/**
 * pyqi_opened() - what open(), or a function like it, has returned
 * @fd: that: a descriptor, or less than 0, and errno says why
 *
 * A program that has closed its standard output may print all the same. If the
 * number were a queue's by then, the text would go there: into the ring.
 *
 * Return: a descriptor for that file which is not 0, 1 or 2, with FD_CLOEXEC; or
 * -errno, and nothing is left open.
 */
static inline int pyqi_opened(int fd)
{
	int other;

	if (fd < 0)
		return -errno;
	if (fd > STDERR_FILENO)
		return fd;
	other = pyqi_dup(fd);
	close(fd);
	return other;
}

#endif
