#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The tests of pools once more, where io_uring is forbidden.
here=$(cd "$(dirname "$0")" && pwd -P)
built=$here/../build/selftests
PYQUEUE_TEST_NO_URING=1 exec "$here/native/run" "$built"/lib_pool*
