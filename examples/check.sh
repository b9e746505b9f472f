#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Runs each example and looks at what it prints. Needs /dev/pyqueue, or
# PYQUEUE_BACKEND=shm.
#
#   examples/check.sh [DIRECTORY OF THE PROGRAMS]
#
# shellcheck disable=SC2317 # "ok" calls the functions
set -u

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
programs=${1:-$here/../build/examples}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "TAP version 13"
if [ ! -c /dev/pyqueue ] && [ "${PYQUEUE_BACKEND:-}" != shm ]; then
	echo "1..0 # SKIP no /dev/pyqueue here"
	exit 4
fi
echo "1..27"

number=0 failed=0
# ok NAME COMMAND...
ok() {
	local name=$1
	shift
	number=$((number + 1))
	if "$@"; then
		echo "ok $number - $name"
	else
		echo "not ok $number - $name"
		failed=1
	fi
}

# runs PROGRAM: it succeeds; $work/out is what it prints.
runs() {
	timeout 30 "$programs/$1" >"$work/out" 2>&1 && return
	sed 's/^/# /' "$work/out"
	return 1
}

# prints PROGRAM [SED]: it succeeds and prints what stands on our standard input, after SED.
prints() {
	runs "$1" || return
	diff - <(sed -E "${2:-}" "$work/out") >"$work/diff" || { sed 's/^/# /' "$work/diff"; return 1; }
}

ok "hello" prints hello <<END
The child says hello.
END

started=$SECONDS
ok "queue_bounded" prints queue_bounded <<END
put message 1, full: no
put message 2, full: no
put message 3, full: yes
full after 2 seconds, messages: 3
got message 1
got message 2
got message 3
empty
put message 4
put message 5
put message 6
full again, messages: 3
END
waited() { [ $((SECONDS - started)) -ge 2 ]; }
ok "the fourth put has waited" waited

ok "queue_between_processes" prints queue_between_processes <<END
writer: put message 1
writer: put message 2
writer: put message 3
writer: put message 4
writer: put message 5
reader: got message 1
reader: got message 2
reader: got message 3
reader: got message 4
reader: got message 5
reader: empty
both have ended
END

ok "process" prints process <<END
the parent begins
Process-1: I am a subprocess, and say hello
the parent ends, exit code: 3
END

# On a machine with other things to do it may be more.
times='s/^(Process-1 ran for) (0[.][2-9]|[1-9]).*/\1 0.2 or more/
	s/^(sleeper ran for) (0[.][6-9]|[1-9]).*/\1 0.6 or more/'
ok "process_subclass" prints process_subclass "$times" <<END
Process-1: alive
sleeper: alive
Process-1 ran for 0.2 or more
Process-1: not alive
sleeper: alive
sleeper ran for 0.6 or more
both have ended
END

ok "process_terminate" prints process_terminate <<END
after 0.2 seconds it has not ended
alive: yes
alive: no, exit code: -15
END

ok "exec" prints exec <<END
1 * 1 is 1
2 * 2 is 4
3 * 3 is 9
END

ok "in_place" prints in_place <<END
(1, 1), again
(2, 4)
(3, 9)
END

ok "poll_queues" prints poll_queues <<END
3 orders
1 complaint
END

ok "aio_loop" prints aio_loop <<END
1000 requests by 200 queues
END

ok "uring_proxy" prints uring_proxy <<END
why? because
what? because
why? because
END

# prints_sorted PROGRAM: as prints, but for the order of all lines before the last: threads
# run as they like.
prints_sorted() {
	LC_ALL=C sort >"$work/wanted"
	runs "$1" || return
	LC_ALL=C sort "$work/out" | diff "$work/wanted" - >"$work/diff" &&
		tail -n 1 "$work/out" | grep -q ' have ended$' && return
	sed 's/^/# /' "$work/out" "$work/diff"
	return 1
}

ok "threads" prints_sorted threads <<END
Thread-1 works on number 1
Thread-2 works on number 2
Thread-3 works on number 3
Thread-4 works on number 4
all have ended
END

ok "thread_subclass" prints_sorted thread_subclass <<END
Ann: 1 of 3
Ann: 2 of 3
Ann: 3 of 3
Thread-1: 1 of 3
Thread-1: 2 of 3
Thread-1: 3 of 3
both have ended
END

ok "mutex" prints mutex <<END
with the lock: 4000 of 4000
without it, some are lost: yes
END

ok "shared_counter" prints shared_counter <<END
its holder has died, with 1 and 0
the counter is 4000
END

ok "lock_timeout" prints lock_timeout <<END
not now
not in 0.2 seconds
but when the other one has released it
END

ok "producer_consumer" prints producer_consumer <<END
Consumer: got item 1
Consumer: got item 2
Consumer: got item 3
Consumer: got item 4
Consumer: got item 5
both have ended
END

# ten_tasks: each is done once, and never by more than three workers.
ten_tasks() {
	runs pool &&
		sed -nE 's/^worker [0-9]+ does (task [0-9]+)$/\1/p' "$work/out" | sort -V |
		diff - <(seq -f 'task %g' 10) >"$work/diff" &&
		[ "$(workers)" -le 3 ] && [ "$(tail -n 1 "$work/out")" = "all done" ] && return
	sed 's/^/# /' "$work/out" "$work/diff"
	return 1
}
workers() { sed -n 's/^worker \([0-9]*\) .*/\1/p' "$work/out" | sort -u | wc -l; }
# On a busy machine one may come too late for any; not always.
three_workers() {
	for _ in 1 2 3 4 5 6 7 8; do
		[ "$(workers)" -eq 3 ] && return
		runs pool || return
	done
	return 1
}
ok "pool" ten_tasks
ok "three workers have done them" three_workers

ok "pool_exec" prints pool_exec <<END
7 * 7 is 49
"cube" is not in its table
END

ok "pool_loop" prints pool_loop <<END
its half is 20
its half is 10
its half is 5
5 is odd
END

ok "pool_results" prints pool_results 's/worker [0-9]+ /worker PID /' <<END
apply: 49
callback: 64
error callback: 5000 is too large for me
map: 1 4 9 16 25
its task has failed: worker PID was killed by SIGKILL
map: 1 4 9 16 25
terminate: the pool has been terminated
after that: no more tasks
END

# A tree of text, and what coreutils count in it: $work/wanted.
mkdir -p "$work/tree/a/b" "$work/tree/empty"
for i in $(seq 300); do
	seq -f "file $i has  w%g,	and more" "$((i % 40))" >"$work/tree/a/b/$i"
done
printf 'no newline at the end' >"$work/tree/a/short"
printf '\303\244\303\266\303\274 one\303\244 \001 word\n' >"$work/tree/a/bytes"
ln -s b/1 "$work/tree/a/link"
counted() {
	# With an end to each last line, or a word goes over into the next file.
	find "$work/tree" -type f -exec awk 1 {} + >"$work/text"
	find "$work/tree" -type f -exec cat {} + | LC_ALL=C wc -l -c | awk '{ print $1, words, $2 }' \
		words="$(LC_ALL=C wc -w <"$work/text")"
	tr -s '[:space:]' '\n' <"$work/text" | grep . | LC_ALL=C sort | uniq -c |
		LC_ALL=C sort -k1,1nr -k2 | head -n 50
}
counted >"$work/wanted"

same() {
	diff "$work/wanted" "$work/out" >"$work/diff" && return
	sed 's/^/# /' "$work/diff" "$work/err"
	return 1
}
wordcount() { timeout 60 "$programs/wordcount" -n 50 "$@" >"$work/out" 2>"$work/err"; }
wordcount_counts() { wordcount -j 3 "$work/tree" && same && [ ! -s "$work/err" ]; }
ok "wordcount counts as coreutils do" wordcount_counts

# Two that cannot be read: one that never was there, and one that goes after it was found,
# while the only worker waits for what comes out of a FIFO.
mkfifo "$work/fifo"
wordcount_misses() {
	local pid status=0
	echo gone >"$work/tree/gone"
	wordcount -j 1 "$work/fifo" "$work/tree" "$work/nowhere" &
	pid=$!
	# shellcheck disable=SC2016 # that shell's
	timeout 20 sh -c 'exec 3>"$1" && rm "$2"' sh "$work/fifo" "$work/tree/gone"
	wait "$pid" || status=$?
	[ "$status" -eq 1 ] && same && LC_ALL=C sort "$work/err" | diff - <(
		echo "wordcount: $work/nowhere: No such file or directory"
		echo "wordcount: $work/tree/gone: No such file or directory"
	)
}
ok "wordcount counts what there is, and says what is missing" wordcount_misses

# children PID: who they are. Not every kernel has /proc/PID/task/TID/children.
children() {
	cat /proc/[0-9]*/stat 2>/dev/null |
		awk -v parent="$1" '{ pid = $1; sub(/.*\) /, ""); if ($2 == parent) print pid }'
}

# kill_workers PID FIFO: five times all workers of what timeout(1), PID, runs; and each time
# one of them is at a file, the FIFO, for somebody has opened that, and it has no end yet. No
# other worker comes and sees its end instead: their parent is stopped until that is over.
kill_workers() {
	local helper workers pid status
	for _ in 1 2 3 4 5; do
		exec 3>"$2"
		helper=$(children "$(children "$1")")
		kill -STOP "$helper"
		workers=$(children "$helper")
		# shellcheck disable=SC2086 # several words
		kill -9 $workers
		status=$?
		exec 3>&-
		kill -CONT "$helper"
		[ "$status" -eq 0 ] || return
		for pid in $workers; do
			until [ ! -d "/proc/$pid" ]; do sleep 0.01; done
		done
	done
	# Now it comes to its end, and so does the job.
	: >"$2"
}
export -f children kill_workers
wordcount_survives() {
	local pid status=0
	timeout 120 "$programs/wordcount" -n 50 -j 2 -r 20 "$work/fifo" "$work/tree" \
		>"$work/out" 2>"$work/err" &
	pid=$!
	# shellcheck disable=SC2016 # that shell's
	timeout 100 bash -c 'kill_workers "$@"' bash "$pid" "$work/fifo" || kill "$pid"
	wait "$pid" || status=$?
	[ "$status" -eq 0 ] && same && died "$(cat "$work/err")" && return
	echo "# exit status $status"
	sed 's/^/# /' "$work/err"
	return 1
}
# At least five workers, and five times a file.
died() {
	[[ $1 =~ ^wordcount:\ ([0-9]+)\ workers\ have\ died,\ ([0-9]+)\ files ]] &&
		[ "${BASH_REMATCH[1]}" -ge 5 ] && [ "${BASH_REMATCH[2]}" -ge 5 ]
}
ok "wordcount counts the same while its workers are killed" wordcount_survives

demo() {
	timeout 100 "$here/demo.sh" "$programs" >"$work/out" 2>&1 &&
		[ "$(grep -c 'worker-[1-4] took message' "$work/out")" -ge 8 ] &&
		[ "$(grep -cE '^  worker-[1-4] +[0-9]+ messages' "$work/out")" -eq 4 ] &&
		grep -q 'count the same' "$work/out" && return
	sed 's/^/# /' "$work/out"
	return 1
}
ok "demo" demo

exit $failed
