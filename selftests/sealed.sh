#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The library's tests once more, on queues of the module that cannot be mapped: by ioctls
# only.
here=$(cd "$(dirname "$0")" && pwd -P)
built=${PYQUEUE_PROGRAMS:-$here/../build/selftests}
PYQUEUE_TEST_SEALED=1 exec "$here/native/run" \
	"$built/lib_aio" "$built/lib_aio_calls" "$built/lib_aio_fd" "$built/lib_aio_races" "$built/lib_errors" "$built/lib_loan" "$built/lib_order" "$built/lib_poll" "$built/lib_queue" \
	"$built/lib_storm" "$built/lib_unbounded" "$built/lib_wait"
