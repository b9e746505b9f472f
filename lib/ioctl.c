// SPDX-License-Identifier: MIT
/*
 * ioctl() without the C library, where one knows how: each message of a sealed queue is
 * one, and what it takes to put errno back is 3 to 8 % of it in the virtual machine.
 */
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "ioctl.h"
#include "priv.h"

#if defined(__x86_64__) && !defined(__ILP32__)

long pyqi_ioctl(int fd, unsigned long cmd, void *arg)
{
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"((long)SYS_ioctl), "D"((long)fd), "S"(cmd), "d"(arg)
			 : "rcx", "r11", "cc", "memory");
	return ret;
}

#elif defined(__aarch64__) && !defined(__ILP32__)

long pyqi_ioctl(int fd, unsigned long cmd, void *arg)
{
	register long number __asm__("x8") = SYS_ioctl;
	register long x0 __asm__("x0") = fd;
	register unsigned long x1 __asm__("x1") = cmd;
	register void *x2 __asm__("x2") = arg;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(number), "r"(x1), "r"(x2) : "cc", "memory");
	return x0;
}

#else

long pyqi_ioctl(int fd, unsigned long cmd, void *arg)
{
	PYQI_KEEP_ERRNO;
	const int ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret;
}

#endif
