#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The soak (soak/), which needs root and a module that can be loaded again.
#
#	selftests/soak.sh [OPTION...]	those of the soak; without any it takes some seconds
#
# PYQUEUE_MODULE names the file of the module; without it that is one that was built
# for the running kernel.
PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
soak=$here/../build/soak/soak

skip_all() {
	echo "TAP version 13"
	echo "1..0 # SKIP $*"
	exit 4
}

# The vermagic of a module begins with the release of its kernel.
find_module() {
	local file
	if [ -n "${PYQUEUE_MODULE:-}" ]; then
		echo "$PYQUEUE_MODULE"
		return
	fi
	for file in "$here"/../build/kmod-*/pyqueue.ko; do
		if [ "$(modinfo -F vermagic "$file" 2>/dev/null | cut -d ' ' -f 1)" = "$(uname -r)" ]; then
			echo "$file"
			return
		fi
	done
}

[ -x "$soak" ] || skip_all "no $soak: make -C selftests/soak"
[ "$(id -u)" = 0 ] || skip_all "needs root"
[ -d /sys/module/pyqueue/holders ] || skip_all "pyqueue is not loaded as a module"
module=$(find_module)
[ -r "$module" ] || skip_all "no pyqueue.ko for $(uname -r) to load again"

# Without what debuggers want it loads ten times as fast.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
strip --strip-debug -o "$work/pyqueue.ko" "$module" || exit 1
PYQUEUE_BACKEND=kernel PYQUEUE_MODULE=$work/pyqueue.ko "$soak" "$@"
