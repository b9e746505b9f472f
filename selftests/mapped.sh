#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Tests of shm/ on the module's queues, mapped: somebody is killed before every step of
# every call; who finds what he wants makes no system call; nobody is called who does not
# sleep.
here=$(cd "$(dirname "$0")" && pwd -P)
built=$here/../build/shm
PYQUEUE_BACKEND=kernel exec "$here/native/run" \
	"$built/kill/kill" "$built/plain/steady" "$built/called/called"
