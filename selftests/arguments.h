/* SPDX-License-Identifier: GPL-2.0 */
/* What the ioctls are given. */
#ifndef PYQUEUE_ARGUMENTS_H
#define PYQUEUE_ARGUMENTS_H

#include <linux/pyqueue.h>

/* Enough for any of them, and for a longer one of the future. */
union argument {
	struct {
		__u32 size;
		__u32 flags;
	};
	struct pyqueue_info info;
	struct pyqueue_create create;
	struct pyqueue_open open;
	struct pyqueue_unlink unlink;
	struct pyqueue_list list;
	struct pyqueue_put put;
	struct pyqueue_get get;
	struct pyqueue_many many;
	struct pyqueue_task_done task_done;
	struct pyqueue_join join;
	struct pyqueue_shutdown shutdown;
	struct pyqueue_stat stat;
	struct pyqueue_owner owner;
	struct pyqueue_wake wake;
	struct pyqueue_await await;
	struct pyqueue_fetch fetch;
	unsigned char bytes[512];
};

#endif
