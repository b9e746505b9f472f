/* SPDX-License-Identifier: GPL-2.0 */
/* File descriptors through a unix socket (SCM_RIGHTS). */
#ifndef PYQUEUE_PASSING_H
#define PYQUEUE_PASSING_H

#include "pyqueue_test.h"

#include <sys/socket.h>

static inline int send_fd(int socket, int fd)
{
	char room[CMSG_SPACE(sizeof(int))] = "";
	struct iovec byte = { .iov_base = "", .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &byte, .msg_iovlen = 1,
		.msg_control = room, .msg_controllen = sizeof(room) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&msg);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return sendmsg(socket, &msg, 0) == 1 ? 0 : -errno;
}

/* Return: the fd, or -1. */
static inline int receive_fd(int socket)
{
	char room[CMSG_SPACE(sizeof(int))] = "", c;
	struct iovec byte = { .iov_base = &c, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &byte, .msg_iovlen = 1,
		.msg_control = room, .msg_controllen = sizeof(room) };
	int fd = -1;

	if (recvmsg(socket, &msg, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&msg))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

#endif
