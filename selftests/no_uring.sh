#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Tests of pools once more, where io_uring is forbidden. (In shared memory all of them are
# run so, natively: see shm/Makefile.)
here=$(cd "$(dirname "$0")" && pwd -P)
built=${PYQUEUE_PROGRAMS:-$here/../build/selftests}
PYQUEUE_TEST_NO_URING=1 exec "$here/native/run" "$built/lib_pool_death" "$built/lib_pool_life" "$built/lib_pool_storm"
