#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shm/kill.c on the module's queues: somebody is killed before every step of every call.
here=$(cd "$(dirname "$0")" && pwd -P)
PYQUEUE_BACKEND=kernel exec "$here/native/run" "$here/../build/shm/kill/kill"
