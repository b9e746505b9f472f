#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The pyqueue command: every subcommand, pipes, exit statuses, and that no
# message is lost. Needs pyqueue in PATH, and the module unless PYQUEUE_BACKEND=shm.
set -u

backend=${PYQUEUE_BACKEND:-kernel}
if ! command -v pyqueue >/dev/null || [ "$backend" = kernel ] && [ ! -e /dev/pyqueue ]; then
	echo "TAP version 13"
	echo "1..0 # SKIP needs pyqueue in PATH, and /dev/pyqueue or PYQUEUE_BACKEND=shm"
	exit 4
fi
on_shm() { [ "$backend" = shm ]; }

work=$(mktemp -d)
cd "$work" || exit 1
q="tool test $$" # the blank is on purpose
queues=()
count=0
failed=0

clean_up() {
	local name
	for name in "${queues[@]}"; do
		pyqueue rm "$name" 2>/dev/null
	done
	rm -rf "$work"
}
trap clean_up EXIT

pass() {
	count=$((count + 1))
	echo "ok $count $1"
}

fail() {
	count=$((count + 1))
	failed=$((failed + 1))
	echo "not ok $count $1"
	shift
	printf '# %s\n' "$@"
}

# A process costs a lot in an emulated guest: what bash can do, it does itself.

# is NAME EXPECTED ACTUAL
is() {
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1" "expected: $2" "but got:  $3"
	fi
}

# has NAME TEXT PART
has() {
	if [[ $2 = *"$3"* ]]; then pass "$1"; else fail "$1" "no '$3' in: $2"; fi
}

# like NAME TEXT REGEX
like() {
	if [[ $2 =~ $3 ]]; then pass "$1"; else fail "$1" "not like '$3': $2"; fi
}

# same NAME FILE FILE
same() {
	if cmp -s "$2" "$3"; then pass "$1"; else fail "$1" "$(cmp "$2" "$3" 2>&1)"; fi
}

# runs STATUS NAME COMMAND...: its output is in out and err afterwards
runs() {
	local wanted=$1 name=$2 status
	shift 2
	"$@" >out 2>err
	status=$?
	if [ "$status" -eq "$wanted" ]; then
		pass "$name: exit status $wanted"
	else
		fail "$name: exit status $status, not $wanted" "$(<err)"
	fi
}

# says NAME TEXT: on standard error
says() { has "$1" "$(<err)" "$2"; }

# prints NAME TEXT: that is all, on standard output
prints() { is "$1" "$2" "$(<out)"; }

to_full_disk() { "$@" >/dev/full; }
from() {
	local file=$1
	shift
	"$@" <"$file"
}

# fresh MAXSIZE [OPTION...]: an empty queue $q
fresh() {
	pyqueue rm "$q" 2>/dev/null
	queues=("$q")
	pyqueue create "$q" --maxsize "$@" || fail "create --maxsize $*"
}

# value KEY JSON
value() { [[ $2 =~ \"$1\":\ ([^,}]*) ]] && echo "${BASH_REMATCH[1]}"; }

# stat_of KEY
stat_of() {
	local json
	json=$(pyqueue stat "$q" --json)
	value "$1" "$json"
}

# wait_until KEY VALUE: who sleeps is known to the queue only
wait_until() {
	local end=$((SECONDS + 20))
	until [ "$(stat_of "$1")" = "$2" ]; do
		if [ $SECONDS -ge $end ]; then
			fail "waiting for $1 to be $2"
			return 1
		fi
	done
}

as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }

echo "TAP version 13"

# --- help

runs 2 "no command" pyqueue
runs 2 "unknown command" pyqueue nonsense
says "it says where to look" "pyqueue --help"
runs 0 "--help" pyqueue --help
help=$(<out)
for command in create put get ls stat rm shutdown info; do
	has "--help lists $command" "$help" "  $command "
	runs 0 "$command --help" pyqueue "$command" --help
	like "$command --help has usage and example" "$(<out)" \
		"^Usage: pyqueue $command .*Example:.*pyqueue $command"
	runs 2 "$command --nonsense" pyqueue "$command" --nonsense
	says "$command names the option" "pyqueue: $command: unrecognized option '--nonsense'"
done
for command in put get stat rm shutdown create; do
	runs 2 "$command without a name" pyqueue "$command"
done
runs 0 "--version" pyqueue --version
like "a version" "$(<out)" '^pyqueue [0-9]+\.[0-9]+\.[0-9]+$'
runs 1 "--help into a full disk" to_full_disk pyqueue --help
says "it says so" "No space left on device"

# --- create, stat, ls, rm

fresh 5
runs 0 "create what exists" pyqueue create "$q" --maxsize 5
is "it is silent" "" "$(<out)$(<err)"
runs 0 "create with another maxsize" pyqueue create "$q" --maxsize 6
says "it says what there is" "$q: note: it existed already, and has maxsize 5"
runs 1 "create --excl" pyqueue create "$q" --maxsize 5 --excl
says "it says what to do" "pyqueue: create: $q: there is a queue of this name already: open it"
runs 2 "create without --maxsize" pyqueue create "$q"
says "it asks for it" "--maxsize N"
runs 2 "create --maxsize 3x" pyqueue create "$q" --maxsize 3x
runs 2 "create --payload -1" pyqueue create "$q" --maxsize 3 --payload -1
runs 2 "create --mode 0999" pyqueue create "$q" --maxsize 3 --mode 0999
runs 2 "create --owner nobody-of-this-name" pyqueue create "$q" --maxsize 3 --owner nobody-of-this-name
runs 2 "create --sealed --mappable" pyqueue create "$q" --maxsize 3 --sealed --mappable
runs 1 "create a/b" pyqueue create a/b --maxsize 3
says "it says what is wrong" "pyqueue: create: a/b: invalid argument"

# What plain shared memory has not.
mode=0640 sealed=true seal=(--sealed)
if on_shm; then
	mode=0660 sealed=false seal=()
	runs 1 "create --sealed" pyqueue create "$q" --maxsize 3 --sealed
	says "it says why not" "pyqueue: create: $q: PYQ_SEALED: what is in plain shared memory"
	runs 1 "create --mode 0640" pyqueue create "$q" --maxsize 3 --mode 0640
	says "it says why not" "who may get"
	runs 1 "create --maxsize 0" pyqueue create "$q" --maxsize 0
	says "it says that it needs a bound" "bound"
else
	fresh 0
	is "create --maxsize 0: no bound" 0 "$(stat_of maxsize)"
	for n in 1 2 3; do pyqueue put "$q" --nowait "$n"; done
	is "it holds them" 3 "$(stat_of qsize)"
fi
runs 1 "create --payload 1M" pyqueue create "$q" --maxsize 3 --payload 1M
says "it says how much it may be" "payload is at most 65520 bytes"
PYQUEUE_BACKEND=nonsense runs 1 "PYQUEUE_BACKEND=nonsense" pyqueue ls
says "it says what it may be" "pyqueue: ls: PYQUEUE_BACKEND is neither kernel nor shm"

fresh 7 --payload 1K --max-msg 2M --max-bytes 5M --mode "$mode" --owner 65534:65534 "${seal[@]}"
json=$(pyqueue stat "$q" --json)
for pair in maxsize=7 payload=1072 max_msg=2097152 max_bytes=5242880 mode="\"$mode\"" uid=65534 \
	gid=65534 sealed=$sealed shutdown=false qsize=0 getters=0; do
	is "stat --json: ${pair%%=*}" "${pair#*=}" "$(value "${pair%%=*}" "$json")"
done
runs 0 "stat" pyqueue stat "$q"
like "stat: maxsize" "$(<out)" $'\nmaxsize: +7\n'
is "stat: mode" "$(on_shm && echo rw-rw---- || echo rw-r-----)" "$(awk '$1 == "mode:" { print $2 }' out)"
fresh 2 --mode 0666 --mappable
is "--mappable is not sealed" false "$(stat_of sealed)"

fresh 5
odd=$'od"d\\ \xc3\xa4 \xff '$$
pyqueue create "$odd" --maxsize 3
pyqueue put "$odd" one two
queues+=("$odd")
runs 0 "ls" pyqueue ls
like "ls has a header" "$(<out)" '^NAME +QSIZE +MAXSIZE '
has "ls has the name" "$(<out)" $'\n'"$q "
has "ls has the odd name" "$(<out)" $'\n'"$odd "
runs 0 "ls --json" pyqueue ls --json
json=$(<out)
has "ls --json escapes" "$json" "{\"name\": \"od\\\"d\\\\ ä \\ufffd $$\", \"id\": "
has "ls --json has the numbers" "$json" "\"qsize\": 2, \"maxsize\": 3, \"mode\": \"0600\", \"uid\": $UID, "
scalar='("([^"\]|\\["\]|\\ufffd)*"|-?[0-9]+|true|false)'
object="\\{\"[a-z_]+\": $scalar(, \"[a-z_]+\": $scalar)*\\}"
like "ls --json is JSON" "$json" $'^\\[\n  '"$object"$'(,\n  '"$object"$')*\n\\]$'
like "stat --json is JSON" "$(pyqueue stat "$odd" --json)" "^$object\$"
like "info --json is JSON" "$(pyqueue info --json)" "^$object\$"
runs 1 "ls into a full disk" to_full_disk pyqueue ls
runs 2 "ls NAME" pyqueue ls "$q"

runs 1 "rm, one of them not there" pyqueue rm "$q" "no such queue" "$odd"
says "it says which" "pyqueue: rm: no such queue: there is no queue of this name"
json=$(pyqueue ls --json)
[[ $json != *"$q"* && $json != *od\\* ]]
is "the others are gone" 0 $?
for command in put get stat rm shutdown; do
	runs 1 "$command of no queue" pyqueue "$command" "$q" </dev/null
	says "$command says what to do" "pyqueue: $command: $q: there is no queue of this name here (in this network namespace, or in this /dev/shm): create it first"
done

runs 0 "info" pyqueue info
info=$'\n'$(<out)$'\n'
like "info: backend" "$info" $'\nbackend: +'"$backend"$'\n'
like "info: ABI version" "$info" $'\nABI version: +1\n'
like "info: features" "$info" $'\nfeatures: +names indirect'
like "info: bounds" "$info" $'\nmaxsize_max: +67108864\nmax_msg_max: +67108864\npayload_max: +65520\n'
if on_shm; then
	[[ $info != *user* ]]
	is "info: no limits of a user" 0 $?
else
	like "info: limits" "$info" $'\nmax_user_queues: +[0-9]+\nmax_user_bytes: +[0-9]+\n'
	like "info: usage" "$info" $'\nuser_queues: +[0-9]+\nuser_bytes: +[0-9]+\n'
fi

# --- put and get

runs 2 "put -1 without --" pyqueue put "$q" -1
says "it says what is missing" "pyqueue put NAME -- -1"

fresh 100
runs 0 "put arguments" pyqueue put "$q" one "two words" "" -- -dash
runs 0 "get" pyqueue get "$q"
prints "the first message" one
runs 0 "get -n 2" pyqueue get "$q" -n 2
printf 'two words\n\n' >expected
same "the next two, one of them empty" expected out
runs 0 "get --raw" pyqueue get "$q" --raw
printf -- -dash >expected
same "no newline" expected out

printf 'a\n\nb' | pyqueue put "$q"
is "lines, an empty one, a last one without newline" $'a\n\nb' "$(pyqueue get "$q" --all)"
printf 'a\nb\0c\0\0d' | pyqueue put "$q" --null
pyqueue get "$q" --all -0 >out
printf 'a\nb\0c\0\0d\0' >expected
same "put -0 and get -0" expected out
runs 0 "put of nothing" pyqueue put "$q" </dev/null
is "puts nothing" 0 "$(stat_of qsize)"
printf '' | pyqueue put "$q" --whole
is "put --whole of nothing is an empty message" 1 "$(stat_of qsize)"
runs 0 "get of an empty message" pyqueue get "$q" -0
printf '\0' >expected
same "it is empty" expected out

# All bytes, in one message, in many orders and up to the default max_msg.
head -c 1048576 /dev/urandom >data
runs 0 "put --file" pyqueue put "$q" --file data
pyqueue get "$q" --raw >out
same "1 MiB of random bytes" data out
pyqueue put "$q" --whole <data
pyqueue put "$q" -f - <data
pyqueue get "$q" -n 2 --raw >out
cat data data >expected
same "the same by --whole and -f -" expected out
printf x >>data
runs 1 "a byte too many" pyqueue put "$q" --file data
says "it names the limit" "$q: the message is longer than the queue's max_msg"
runs 1 "put --file of no file" pyqueue put "$q" --file no-such-file
says "it names the file" "pyqueue: put: no-such-file: No such file or directory"
runs 1 "put from a directory" from / pyqueue put "$q"
says "it says so" "standard input: Is a directory"
runs 1 "a line without end" from /dev/zero pyqueue put "$q"
says "it names the limit" "max_msg"
is "nothing was put" 0 "$(stat_of qsize)"
runs 2 "arguments and --file" pyqueue put "$q" --file data x
runs 2 "-0 and --whole" pyqueue put "$q" -0 --whole

# Many lines, and lines longer than any buffer.
fresh 20000
seq 1 10000 >expected
runs 0 "put 10000 lines" pyqueue put "$q" <expected
is "they are in" 10000 "$(stat_of qsize)"
pyqueue get "$q" --all >out
same "they come out in order" expected out
printf '%*d\n' 1 7 100000 7 5 7 200000 7 0 7 65535 7 65536 7 65537 7 >expected
pyqueue put "$q" <expected
pyqueue get "$q" --all >out
same "lines of many lengths" expected out

# --- full, empty, and how long

fresh 3
seq 1 5 >five
runs 3 "put --nowait of five lines into room for three" from five pyqueue put "$q" --nowait
says "it says why" "pyqueue: put: $q: not now: the queue is full"
says "it says how many are in" "put before that: 3"
runs 3 "put --timeout" pyqueue put "$q" x --timeout 0.05
says "it says why" "timed out"
runs 0 "get -n 3" pyqueue get "$q" -n 3
prints "the first three" $'1\n2\n3'
runs 3 "get --nowait" pyqueue get "$q" --nowait
runs 3 "get --timeout" pyqueue get "$q" --timeout 0.05
runs 2 "get --timeout x" pyqueue get "$q" --timeout x
runs 2 "get --timeout -1" pyqueue get "$q" --timeout -1
runs 2 "get -n 0" pyqueue get "$q" -n 0
runs 2 "get --all --follow" pyqueue get "$q" --all --follow
pyqueue put "$q" a b
runs 3 "get -n 5 --timeout with two there" pyqueue get "$q" -n 5 --timeout 0.05
prints "what there was" $'a\nb'
runs 0 "get --all of nothing" pyqueue get "$q" --all
prints "prints nothing" ""
pyqueue put "$q" a b
runs 0 "get --all --timeout" pyqueue get "$q" --all --timeout 0.05
prints "what there was" $'a\nb'
pyqueue put "$q" a b c
runs 0 "get --all -n 2" pyqueue get "$q" --all -n 2
prints "two of them" $'a\nb'
pyqueue get "$q" >/dev/null

pyqueue get "$q" >out &
wait_until getters 1
pyqueue put "$q" waited-for
wait $!
is "get waits for a put" "0 waited-for" "$? $(<out)"
pyqueue put "$q" 1 2 3
pyqueue put "$q" 4 5 &
wait_until putters 1
is "put waits for a get" $'1\n2\n3\n4\n5' "$(pyqueue get "$q" -n 5)"
wait $!
is "and ends well" 0 $?

# --- streams: nothing waits for a batch to fill

mkfifo in stream
pyqueue get "$q" --follow >stream &
getter=$!
exec 4<stream
pyqueue put "$q" <in &
putter=$!
exec 5>in
echo first >&5
read -r -t 20 line <&4
is "a line goes through before the next is written" first "$line"
echo second >&5
read -r -t 20 line <&4
is "and the next" second "$line"
exec 5>&-
wait $putter
is "put ends with its input" 0 $?
pyqueue put "$q" last
pyqueue shutdown "$q"
wait $getter
is "--follow ends with the queue" 0 $?
is "having printed what was in it" last "$(cat <&4)"
exec 4<&-

runs 4 "put into a queue that is shut down" pyqueue put "$q" x
says "it says so" "pyqueue: put: $q: the queue has been shut down"
runs 4 "get from it" pyqueue get "$q"
runs 0 "get --all from it" pyqueue get "$q" --all
runs 0 "shutdown once more" pyqueue shutdown "$q"
is "stat says so" true "$(stat_of shutdown)"

fresh 5
pyqueue put "$q" only
pyqueue shutdown "$q"
runs 4 "get -n 3 with one left" pyqueue get "$q" -n 3
prints "it is printed" only
fresh 5
pyqueue put "$q" dropped
runs 0 "shutdown --immediate" pyqueue shutdown "$q" --immediate
is "drops what is in it" 0 "$(stat_of qsize)"
pyqueue rm "$q"
fresh 1
pyqueue get "$q" 2>err &
wait_until getters 1
pyqueue shutdown "$q"
wait $!
is "shutdown wakes a get" 4 $?

# --- output that fails: a message that was taken is not lost

fresh 5
pyqueue put "$q" 1 2 3
runs 1 "get into a full disk" to_full_disk pyqueue get "$q" --all
says "it says what became of the message" "standard output: No space left on device; the message is back in $q"
is "it is still there" 3 "$(stat_of qsize)"
is "and counted once" 3 "$(stat_of unfinished)"
is "behind the others" $'2\n3\n1' "$(pyqueue get "$q" --all --done)"
is "--done counts" 0 "$(stat_of unfinished)"

pyqueue put "$q" 1 2 3
closed_output() { "$@" >&-; }
runs 1 "get with stdout closed" closed_output pyqueue get "$q" --all
says "it says so" "standard output: Bad file descriptor"
is "takes nothing" 3 "$(stat_of qsize)"
(
	exec 6> >(exec true)
	wait $! # the reader is gone
	pyqueue get "$q" --all >&6 2>err
	echo $? >status
)
is "get into a closed pipe ends by SIGPIPE" "141 " "$(<status) $(<err)"
is "takes nothing" 3 "$(stat_of qsize)"
pyqueue get "$q" --all >/dev/null

# The reader goes away while get waits.
mkfifo reader
pyqueue get "$q" >reader 2>err &
getter=$!
exec 4<reader
wait_until getters 1
exec 4<&-
pyqueue put "$q" kept
wait $getter
is "the reader goes while get waits" 141 $?
says "it says what became of the message" "Broken pipe; the message is back in $q"
is "it is there" kept "$(pyqueue get "$q" --nowait)"

pyqueue put "$q" 1
pyqueue shutdown "$q"
runs 1 "a full disk, and no way back" to_full_disk pyqueue get "$q"
says "it says that the message is lost, and why" "a message of 1 bytes from $q is lost: the queue has been shut down"

# --- killed while it waits

fresh 1
pyqueue get "$q" &
wait_until getters 1
kill -KILL $!
wait $! 2>/dev/null
pyqueue put "$q" there
is "a killed get has taken nothing" there "$(pyqueue get "$q" --nowait)"

# --- other users

if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	chmod 755 "$work"
	fresh 5
	for command in get stat shutdown put; do
		runs 1 "$command of another's queue" as_nobody pyqueue "$command" "$q" </dev/null
		says "it says why" "pyqueue: $command: $q: permission denied: the mode of the queue"
	done
	runs 1 "rm of another's queue" as_nobody pyqueue rm "$q"
	says "it says who may" "only its owner may remove a name"
	[[ $(as_nobody pyqueue ls) != *"$q"* ]]
	is "ls does not show it" 0 $?
	if ! on_shm; then
		fresh 5 --mode 0602
		runs 0 "who may only put, puts" as_nobody pyqueue put "$q" x
		runs 1 "and does not get" as_nobody pyqueue get "$q"
		runs 0 "stat" as_nobody pyqueue stat "$q"
		fresh 5 --mode 0604
		pyqueue put "$q" x y
		runs 0 "who may only get, gets" as_nobody pyqueue get "$q"
		runs 1 "and cannot give back" to_full_disk as_nobody pyqueue get "$q"
		says "it says so" "is lost"
	fi
	runs 1 "create for somebody else" as_nobody pyqueue create "$q 2" --maxsize 1 --owner 0
	says "it says who may" "CAP_CHOWN"
else
	count=$((count + 1))
	echo "ok $count other users # SKIP needs root and setpriv"
fi

echo "1..$count"
[ "$failed" -eq 0 ]
