// SPDX-License-Identifier: GPL-2.0
/* Says what the calling user still has of pyqueue, on one line; exits 1 if it is anything. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include <linux/pyqueue.h>

int main(void)
{
	struct pyqueue_info info = { .size = sizeof(info) };
	int dev = open("/dev/pyqueue", O_RDWR | O_CLOEXEC);

	if (dev < 0 || ioctl(dev, PYQUEUE_IOC_INFO, &info)) {
		perror("/dev/pyqueue");
		return 2;
	}
	if (!info.user_queues && !info.user_bytes)
		return 0;
	printf("%llu queues and %llu bytes of them are left\n",
	       (unsigned long long)info.user_queues, (unsigned long long)info.user_bytes);
	return 1;
}
