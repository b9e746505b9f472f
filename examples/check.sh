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
echo "1..12"

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

# prints PROGRAM [SED]: it succeeds and prints what stands on our standard input, after SED.
prints() {
	if ! timeout 30 "$programs/$1" >"$work/out" 2>&1; then
		sed 's/^/# /' "$work/out"
		return 1
	fi
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
