#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Loads a module of KUnit suites and makes one KTAP stream of what the kernel's log says
# of them: every case, or every parameter of one, becomes "ok N SUITE.CASE[.PARAMETER]".
# Fails if one does, or if a suite or a case has not come to its end.
#
#	kunit.sh [FILE.ko]	without it, what was built with the module that is tested
set -uo pipefail

module=${1:-$(dirname "${PYQUEUE_MODULE:-.}")/pyqueue_ring_kunit.ko}
name=$(basename "$module" .ko)
name=${name//-/_}

# A kernel of make check-debug is built with KUnit: there it is a failure.
skip() {
	if [ "${PYQUEUE_SLOW:-1}" -gt 1 ]; then
		printf '1..1\nnot ok 1 %s\n' "$1"
		exit 1
	fi
	echo "1..0 # SKIP $1"
	exit 4
}

[ -e "$module" ] || skip "there is no $module: this kernel was built without KUnit"
if ! grep -qw __kunit_test_suites_init /proc/kallsyms && ! modprobe -q kunit; then
	skip "this kernel has no KUnit (CONFIG_KUNIT)"
fi

# What was in the log before is not ours.
mark="$name: kunit $$ begins"
echo "$mark" >/dev/kmsg
if ! insmod "$module"; then
	printf '1..1\nnot ok 1 insmod %s\n' "$name"
	exit 1
fi
rmmod "$name" || left=1
said=$(dmesg)
# So much has failed that the log had no room for it: then all that is there is of it.
case $said in
*"$mark"*) said=$(sed "1,/$mark/d" <<<"$said") ;;
*) lost=1 ;;
esac
if grep -q 'kunit: disabled' <<<"$said"; then
	skip "KUnit is switched off: the kernel wants the parameter kunit.enable=1"
fi

echo "KTAP version 1"
awk -v left="${left:-}" -v lost="${lost:-}" '
	function result(verdict, text) {
		print verdict " " ++count " " text
		failed += verdict != "ok"
	}

	# What a result line says, without its number and the hyphen that may follow it.
	function said(line) {
		sub(/^ *(not )?ok [0-9]+ (- )?/, "", line)
		return line
	}

	function verdict(line) {
		return line ~ /^ *not ok/ ? "not ok" : "ok"
	}

	{ sub(/^(\[[ 0-9.]+\] ?)?(\[ *[TC][0-9]+\] ?)?/, "") }

	# A suite begins; the one before should have ended.
	/^    # Subtest: / {
		if (suite != "")
			result("not ok", suite ": has not come to its end")
		suite = $3
		planned = cases = parameters = bad = bad_cases = 0
		suites++
		next
	}
	/^    1\.\.[0-9]+$/ {
		planned = substr($1, 4)
		next
	}
	/^        # Subtest: / {
		under = $3
		parameters = bad = 0
		next
	}
	/^        (not )?ok [0-9]+/ {
		parameters++
		bad += verdict($0) != "ok"
		result(verdict($0), suite "." under "." said($0))
		next
	}
	/^    (not )?ok [0-9]+/ {
		cases++
		bad_cases += verdict($0) != "ok"
		# Its parameters have said it, or else what came after them has failed.
		if (!parameters || (verdict($0) != "ok" && !bad))
			result(verdict($0), suite "." said($0))
		parameters = bad = 0
		next
	}
	/^(not )?ok [0-9]+/ && suite != "" {
		if (cases != planned)
			result("not ok", suite ": " cases " cases of " planned)
		else if (verdict($0) != "ok" && !bad_cases)
			result("not ok", suite ": " said($0))
		suite = ""
		next
	}
	/^ *(KTAP version|# .*(pass:[0-9]+ fail:|module: ))|^ *1\.\./ { next }
	{ print "# " $0 }
	END {
		if (suite != "")
			result("not ok", suite ": has not come to its end")
		if (lost)
			result("not ok", "the kernel has lost the beginning of its log")
		if (!suites)
			result("not ok", "no suite has begun")
		if (left)
			result("not ok", "the module cannot be unloaded")
		print "1.." count
		exit failed ? 1 : 0
	}' <<<"$said"
