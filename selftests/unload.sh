#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The module goes when nobody has a queue open, and takes with it what is left.
# What a cycle leaks shows in the kernel's log, or as a machine that runs full.
#
# PYQUEUE_MODULE names the file to load again; without it the one is taken that
# was built for the running kernel.
#
# shellcheck disable=SC2317 # "ok" calls them
PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

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
	for file in "$here"/../build/kmod-*/pyqueue.ko "$here"/../kmod-*/pyqueue.ko; do
		if [ "$(modinfo -F vermagic "$file" 2>/dev/null | cut -d ' ' -f 1)" = "$(uname -r)" ]; then
			echo "$file"
			return
		fi
	done
	modinfo -n pyqueue 2>/dev/null
}

[ "$(id -u)" = 0 ] || skip_all "needs root"
[ -d /sys/module/pyqueue/holders ] || skip_all "pyqueue is not loaded as a module"
command -v perl >/dev/null || skip_all "needs perl"
module=$(find_module)
[ -r "$module" ] || skip_all "no pyqueue.ko for $(uname -r) to load again"

# Without what debuggers want it loads ten times as fast.
work=$(mktemp -d)
if strip --strip-debug -o "$work/pyqueue.ko" "$module" 2>/dev/null; then
	module=$work/pyqueue.ko
fi

parameters=()
for file in /sys/module/pyqueue/parameters/*; do
	[ ! -r "$file" ] || parameters+=("${file##*/}=$(cat "$file")")
done

load() { insmod "$module" "${parameters[@]}"; }
unload() { rmmod pyqueue 2>/dev/null; }
loaded() { [ -d /sys/module/pyqueue ]; }
trap 'loaded || load; rm -rf "$work"' EXIT

# perl -e "$queue" NAME KEEP: makes a queue, by a name that is not there yet
# unless NAME is empty, puts two messages into it, closes the device, and the
# queue unless KEEP; says so and waits for the end of its input. CREATE takes a
# struct pyqueue_create.
# shellcheck disable=SC2016 # the variables are perl's
queue='
	my ($name, $keep) = @ARGV;
	my $excl = 1 << 2;
	open(my $dev, "+<", "/dev/pyqueue") or die "open: $!";
	my $arg = pack("LLqQQLL", 64, $name eq "" ? 0 : $excl, 10, 0, 0, 0, $name eq "" ? 0 : 0600) .
		($name eq "" ? pack("Q", 0) : pack("p", $name)) .
		pack("LLLL", length($name), ~0 & 0xffffffff, ~0 & 0xffffffff, 0);
	my $fd = ioctl($dev, 0x4040bd01, $arg) or die "CREATE: $!";
	open(my $q, "+<&=", int($fd)) or die "fdopen: $!";
	syswrite($q, "small") == 5 or die "write: $!";
	syswrite($q, "large" x 1000) == 5000 or die "write: $!";
	close($dev);
	close($q) unless $keep;
	syswrite(STDOUT, "ready\n");
	sysread(STDIN, my $end, 1);
'

# hold NAME KEEP [COMMAND...]: the above in the background, until release.
hold() {
	local name=$1 keep=$2 answer
	shift 2
	coproc HOLDER { exec "$@" perl -e "$queue" "$name" "$keep"; }
	# shellcheck disable=SC2153 # coproc sets it
	holder=$HOLDER_PID
	holder_in=${HOLDER[1]}
	read -rt 20 answer <&"${HOLDER[0]}" && [ "$answer" = ready ]
}

release() {
	exec {holder_in}>&-
	wait "$holder"
}

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

refused() { ! unload && loaded; }
usable() { hold '' '' && release; }
cycle() { hold left '' && release && unload && ! loaded && load; }
cycles() {
	local i
	for ((i = 0; i < 20; i++)); do
		cycle || { echo "# cycle $i failed"; return 1; }
	done
}

echo "TAP version 13"
echo "1..15"

# proves: promise unload
ok "a queue is made" hold '' keep
ok "refused while it is open" refused
release
ok "unloaded after the last close" unload
ok "loaded again" load
ok "and it works" usable

exec {device}<>/dev/pyqueue
ok "refused while the device is open" refused
exec {device}>&-

ok "a named queue is made" hold name keep
ok "refused while it is open" refused
release
# proves: promise unload
ok "unloaded with a name left" unload
ok "loaded again" load
ok "the name is gone, and free" hold name ''
release

ok "a name in another network namespace" hold elsewhere '' unshare -n
ok "unloaded while that namespace lives on" unload
release
ok "loaded again" load

# proves: promise unload
ok "20 times, with a name left each time" cycles

exit $failed
