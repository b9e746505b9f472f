#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The module under the fuzzer: the inputs that have been kept, each once; or, for so many
# minutes, others made of them. A kernel that watches itself says more (make check-debug,
# make fuzz KERNEL=6.12).
#
#	fuzz_kernel.sh [MINUTES]
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
built=$here/../build/fuzz
minutes=${1:-0}

if [ ! -e /dev/pyqueue ]; then
	echo "1..0 # SKIP there is no /dev/pyqueue"
	exit 4
fi
# What is found, and what of it makes the kernel complain, is kept outside of the guest.
mkdir -p "$built/found/kernel"
ulimit -c 0
echo "TAP version 13"
echo "1..1"
if [ "$minutes" = 0 ]; then
	set -- -runs=0 "$here/fuzz/corpus-kernel"
else
	set -- -max_total_time=$((minutes * 60)) -len_control=0 -print_final_stats=1 \
		"$built/found/kernel" "$here/fuzz/corpus-kernel"
fi
set -o pipefail
if "$built/kernel" -max_len=2000 -timeout=120 -rss_limit_mb=1000 -artifact_prefix="$built/" "$@" 2>&1 |
	sed 's/^/# /'; then
	echo "ok 1 - fuzz_kernel"
else
	echo "not ok 1 - fuzz_kernel"
	exit 1
fi
