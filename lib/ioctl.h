/* SPDX-License-Identifier: MIT */
/* ioctl() as the kernel has it. */
#ifndef PYQI_IOCTL_H
#define PYQI_IOCTL_H

/**
 * pyqi_ioctl() - ioctl() that leaves errno alone
 * @fd: a descriptor
 * @cmd: the command
 * @arg: its argument
 *
 * Context: May sleep; no cancellation point.
 * Return: as the kernel: 0 and more, or -errno.
 */
long pyqi_ioctl(int fd, unsigned long cmd, void *arg);

#endif
