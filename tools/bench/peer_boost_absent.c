// SPDX-License-Identifier: MIT
/* In the place of peer_boost.cpp, where this is built without Boost's headers. */
#include <errno.h>

#include "peers.h"

static int open_queue(struct bench_queue *queue)
{
	(void)queue;
	return -ENODEV;
}

const struct bench_peer peer_boost = {
	.name = "boost",
	.what = "Boost.Interprocess message_queue, send() and receive()",
	.absent = "pyqueue-bench was built without Boost's headers; "
		  "'make bench-native' installs them",
	.open = open_queue,
};
