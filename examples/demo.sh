#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The demo: several processes count the words of the licences that Debian ships.
#
#   producer --> [ demo-text ] --> worker-1 .. worker-4 --> [ demo-counts ] --> merge
#
# Both queues have names, so the processes need nothing from each other. What they
# have counted together is compared with what coreutils count alone.
#
# make demo runs this in the virtual machine, PYQUEUE_BACKEND=shm make demo on this
# machine, without the module.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
programs=${1:-$here/../build/examples}
PATH=$here/../build/bin:$PATH
workers=4

case $(pyqueue info | awk '$1 == "backend:" { print $2 }') in
kernel) way=/dev/pyqueue ;;
shm) way='plain shared memory, without the module' ;;
*) exit 1 ;;
esac
mapfile -t files < <(find /usr/share/common-licenses -type f | sort)
if [ ${#files[@]} -eq 0 ]; then
	echo "demo: no texts in /usr/share/common-licenses" >&2
	exit 1
fi

# Queues and processes of our own, gone when this ends, however it ends.
text=demo-text.$$ counts=demo-counts.$$
work=$(mktemp -d)
pids=()
clean_up() {
	[ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
	pyqueue rm "$text" "$counts" 2>/dev/null || true
	rm -rf "$work"
}
trap clean_up EXIT

echo "Linux $(uname -r): $workers processes count the words of ${#files[@]} licences, through $way."
echo
pyqueue create "$text" --maxsize 16
pyqueue create "$counts" --maxsize 64

for ((i = 1; i <= workers; i++)); do
	"$programs/words_consumer" "$text" "$counts" "worker-$i" &
	pids+=($!)
done
"$programs/words_producer" "$text" "${files[@]}" &
pids+=($!)

"$programs/words_merge" "$counts" "$workers" "$work/merged" >"$work/who"
for pid in "${pids[@]}"; do
	wait "$pid"
done
pids=()

echo
echo "Who did how much:"
sort "$work/who"

# The same by coreutils: "COUNT WORD" lines, most frequent first.
sort -k 1,1nr -k 2 "$work/merged" >"$work/pyqueue"
cat "${files[@]}" | tr -cs A-Za-z '\n' | tr '[:upper:]' '[:lower:]' | grep . | sort | uniq -c |
	awk '{ print $1, $2 }' | sort -k 1,1nr -k 2 >"$work/coreutils"

echo
echo "The most frequent words:"
head -n 10 "$work/pyqueue" | awk '{ printf "  %6d %s\n", $1, $2 }'

echo
if ! diff "$work/coreutils" "$work/pyqueue" >"$work/diff"; then
	echo "coreutils count differently (< coreutils, > pyqueue):"
	head -n 20 "$work/diff"
	exit 1
fi
awk '{ sum += $1 } END { print "coreutils (tr, sort, uniq -c) count the same: " sum " words, " NR " different ones." }' \
	"$work/coreutils"
