#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tools/bench/plot, on the results of a short run, short.json: that the pictures and the
# table are there, and that the table has the figures. Whether a picture can be read only
# its reader knows. And tools/bench/record, which draws what a command has measured.
set -u

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
top=$(cd "$here/../.." && pwd -P)
plot=$top/tools/bench/plot
record=$top/tools/bench/record
echo "TAP version 13"
if ! command -v python3 >/dev/null || ! command -v gnuplot >/dev/null; then
	echo "1..1"
	echo "not ok 1 - python3 and gnuplot are there: tools/setup/packages bench"
	exit 1
fi
echo "1..19"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0 failed=0
# ok NAME COMMAND...
ok() {
	local name=$1
	shift
	number=$((number + 1))
	if "$@" >"$work/said" 2>&1; then
		echo "ok $number - $name"
	else
		echo "not ok $number - $name"
		sed 's/^/# /' "$work/said"
		failed=1
	fi
}

# Two sizes of what has messages of any size.
pictures='throughput-8 throughput-48 cpu-8 cpu-48 pingpong-8 pingpong-48 burst-8 burst-48
	size idle pool'

ok "it draws" "$plot" "$here/short.json" --out "$work/out"
cp "$work/said" "$work/first"

# shellcheck disable=SC2317,SC2086 # "ok" calls them; several words
these_files() {
	{
		echo short.md
		printf 'short-%s.svg\n' $pictures
		printf 'short-%s.png\n' $pictures
	} | LC_ALL=C sort | diff - <(cd "$work/out" && printf '%s\n' * | LC_ALL=C sort)
}
ok "one picture of each kind and size, and no other" these_files

# shellcheck disable=SC2317
are_pictures() {
	python3 - "$work/out" <<-'END'
	import glob, re, struct, sys, xml.etree.ElementTree as xml

	for path in glob.glob(f"{sys.argv[1]}/*.svg"):
	    texts = [text.text or "" for text in xml.parse(path).iter("{http://www.w3.org/2000/svg}tspan")]
	    assert any("better" in text for text in texts), f"{path} does not say what is better"
	    title = xml.parse(path).findtext("{http://www.w3.org/2000/svg}title")
	    assert "better" in title and title.split()[0] in " ".join(texts), f"{path} is called {title!r}"
	    assert "was busy: a load average of 10.80 on 2 processors" in open(path, encoding="utf-8").read(), path
	    # What ends at x, and has bold letters of 9 pixels.
	    for text in xml.parse(path).iter("{http://www.w3.org/2000/svg}g"):
	        words = "".join(text.itertext()).strip()
	        at = re.match(r"translate\((-?[0-9.]+)", text.get("transform", ""))
	        if at and text.get("text-anchor") == "end" and "pyqueue" in words:
	            assert float(at[1]) >= 9 * len(words) + 8, f"{path}: {words!r} begins outside"
	    assert any("pyqueue" in text for text in texts), f"{path} is without pyqueue"
	for path in glob.glob(f"{sys.argv[1]}/*.png"):
	    head = open(path, "rb").read(24)
	    assert head[:8] == b"\x89PNG\r\n\x1a\n", f"{path} is no PNG"
	    assert struct.unpack(">I", head[16:20])[0] == 1280, f"{path} is not as wide as the others"
	END
}
ok "they are pictures, and say what is better" are_pictures

# shellcheck disable=SC2317
has_figures() {
	python3 - "$here/short.json" "$work/out/short.md" <<-'END'
	import json, sys

	def shown(value):
	    return "%.2f" % value if value < 10 else "%.1f" % value if value < 1000 else "%.0f" % value

	def spread(seen):
	    return f"{shown(seen['median'])} ({shown(seen['least'])} - {shown(seen['most'])})"

	tables, table = {}, None
	for line in open(sys.argv[2], encoding="utf-8"):
	    if line.startswith("### "):
	        table = tables.setdefault(line[4:].strip(), [])
	    elif line.startswith("|") and table is not None:
	        table.append([cell.strip(" *\n") for cell in line.strip("|\n").split("|")])
	runs = json.load(open(sys.argv[1], encoding="utf-8"))["runs"]
	assert len(runs) == len(tables), f"{len(runs)} runs, {len(tables)} tables"
	for run in runs:
	    size = f", {run['message_bytes']} B" if "message_bytes" in run else ""
	    head, _, *rows = tables[run["workload"] + size]
	    assert len(rows) == len(run["peers"]), run["workload"]
	    for row, peer in zip(rows, run["peers"]):
	        cells = dict(zip(head, row))
	        first = "p50" if "p50" in peer else "wall"
	        wanted = {"": peer["name"] + (f" ({peer['backend']})" if "backend" in peer else ""),
	                  "p50" if first == "p50" else "time": shown(peer[first]["median"]),
	                  "least - most": " - ".join(shown(peer[first][end]) for end in ("least", "most")),
	                  "CPU time": spread(peer["cpu"])}
	        if first == "p50":
	            wanted |= {"p99": spread(peer["p99"]), "p99.9": spread(peer["p999"])}
	        for key, value in wanted.items():
	            assert cells[key] == value, f"{run['workload']}{size}, {key!r}: {cells[key]!r}, not {value!r}"
	        if peer["name"] == "pyqueue":
	            assert cells["ratio to pyqueue"] == "1.00", row
	END
}
ok "the table has the figures of the results" has_figures

# shellcheck disable=SC2317
says_what_is_missing() {
	[ "$(grep '^plot:' "$work/first")" = \
		"plot: short: for want of runs not drawn: uneven, large, robin, slots, room, waiters, pingpong-together, pingpong-apart" ]
}
ok "it says in one line what it does not draw" says_what_is_missing

# shellcheck disable=SC2317
says_what_is_wanted() {
	"$plot" --targets "$here/short.json" >"$work/targets" &&
		grep -qx '1 of 5 met.' "$work/targets" &&
		grep -qxF '| short | 1p1c, 8 B | best peer / pyqueue (boost) | at least 2.5 | 0.91 (0.89 - 0.92) | **NOT MET** |' \
			"$work/targets" &&
		grep -qxF '| short | apply1, 16 B | cpython / pyqueue | at least 20 | 34.6 (32.7 - 36.5) | met |' "$work/targets" &&
		diff <(tail -n +2 "$work/targets") <(sed -n '/^## What is wanted/,/^## Who/p' "$work/out/short.md" | sed '1,3d;$d')
}
ok "what is wanted is in a table, met or not" says_what_is_wanted

# Of CPU time, where that is what is wanted.
# shellcheck disable=SC2317
says_what_it_is_of() {
	sed 's/"name": "cpython \/ pyqueue", /&"of": "cpu", /' "$here/short.json" >"$work/of.json"
	"$plot" --targets "$work/of.json" >"$work/targets-of" && python3 - "$work/of.json" "$work/targets-of" <<-'END'
	import json, sys

	target = next(target for run in json.load(open(sys.argv[1], encoding="utf-8"))["runs"]
	              for target in run["ratios"] if target.get("of") == "cpu")
	assert target["cpu"]["median"] != target["wall"]["median"]
	shown = f"{target['cpu']['median']:.1f} ("
	assert any("cpython / pyqueue" in line and shown in line for line in open(sys.argv[2], encoding="utf-8")), shown
	END
}
ok "a target of CPU time has that" says_what_it_is_of

# The figures that docs/performance.md speaks of are the results beside it.
# shellcheck disable=SC2317
documented() {
	diff <("$plot" --targets "$top"/docs/performance/*.json) \
		<(sed -n '/^<!-- targets -->$/,/^<!-- end -->$/p' "$top/docs/performance.md" | sed '1d;$d')
}
ok "docs/performance.md has what is wanted of its results" documented

# shellcheck disable=SC2317
ahead_is_documented() {
	diff <("$plot" --ahead "$top"/docs/performance/*.json) \
		<(sed -n '/^<!-- ahead -->$/,/^<!-- end -->$/p' "$top/docs/performance.md" | sed '1d;$d')
}
ok "docs/performance.md has who is ahead in its results" ahead_is_documented

# The others have what it takes to sleep, and are quicker.
# shellcheck disable=SC2317
says_who_is_ahead() {
	grep -qxF '| 1p1c, 8 B | pyqueue | time | boost 1.10 |' "$work/out/short.md" &&
		! grep -q '^| idle.*spsc' "$work/out/short.md"
}
ok "the table says who is ahead of pyqueue" says_who_is_ahead

# shellcheck disable=SC2317
clears_its_own() {
	mkdir "$work/mixed"
	touch "$work/mixed"/{short-throughput-240.svg,short-uneven-8.png,short-size.svg} \
		"$work/mixed"/{short-sizes-size.svg,short-cpu.svg,other-pool.svg,other.md}
	"$plot" "$here/short.json" --out "$work/mixed" &&
		[ ! -e "$work/mixed/short-throughput-240.svg" ] && [ ! -e "$work/mixed/short-uneven-8.png" ] &&
		[ -s "$work/mixed/short-size.svg" ] &&
		ls "$work/mixed"/{short-sizes-size.svg,short-cpu.svg,other-pool.svg,other.md}
}
ok "pictures of an earlier run go, those of others stay" clears_its_own

# shellcheck disable=SC2317
knows_every_peer() {
	local peer
	while IFS= read -r peer; do
		grep -qF "    \"$peer\": " "$top/tools/bench/drawing/look.py" || { echo "$peer has no look"; return 1; }
	done < <(sed -n 's/^\t\.name = "\(.*\)",$/\1/p' "$top"/tools/bench/peer_*.c*)
	python3 -B - "$top/tools/bench/drawing" <<-'END'
	import sys

	sys.path.insert(0, sys.argv[1])
	import look

	seen = {}
	for name, its in look.LOOKS.items():
	    for what in ((its.colour, its.mark), (its.colour, its.hatch, its.dash, name == "pyqueue")):
	        if its.colour == look.PYQUEUE and len(what) > 2:
	            continue
	        assert what not in seen, f"{name} looks like {seen[what]}"
	        seen[what] = name
	END
}
ok "every peer has a look of its own" knows_every_peer

# shellcheck disable=SC2317
knows_a_host() {
	sed 's/"load_at_start": \[10.80, 31.04, 17.02\]/"load_at_start": [0.1, 0.2, 0.3], "host": { "processors": 4, "load_at_start": [2.01, 0.50, 0.25] }/' \
		"$here/short.json" >"$work/hosted.json"
	"$plot" "$work/hosted.json" --out "$work/hosted" &&
		grep -qF 'load average at the start 0.1, 0.2, 0.3, of its host 2.01, 0.5, 0.25.' "$work/hosted/hosted.md" &&
		grep -qxF '**The host of this machine was busy: a load average of 2.01 on 4 processors at the start.**' \
			"$work/hosted/hosted.md" &&
		grep -q 'The host of this machine was busy' "$work/hosted/hosted-pool.svg" &&
		! grep -q 'This machine was busy' "$work/hosted/hosted-pool.svg"
}
ok "the load of a host is told" knows_a_host

# --- tools/bench/record

# shellcheck disable=SC2317
records() {
	"$record" "$work/run/short.json" cat "$here/short.json" && cmp "$work/run/short.json" "$here/short.json" &&
		[ -s "$work/run/short-pool.svg" ] && [ -s "$work/run/short.md" ]
}
ok "record keeps results, and draws them" records

# as_it_was STATUS COMMAND...: what the last case has recorded.
# shellcheck disable=SC2317
as_it_was() {
	local wanted=$1 status=0
	shift
	touch -d @0 "$work/run"/*
	"$record" "$work/run/short.json" "$@" || status=$?
	[ "$status" -eq "$wanted" ] && cmp "$work/run/short.json" "$here/short.json" &&
		[ -z "$(find "$work/run" -newermt @1 ! -name '*-failed.json' -type f)" ]
}
# shellcheck disable=SC2317
draws_nothing_old() {
	as_it_was 0 true && grep -q 'the results have gone elsewhere' "$work/said" &&
		as_it_was 0 echo 'Usage: it' && grep -qx 'Usage: it' "$work/said"
}
ok "nothing is drawn of a run that writes elsewhere, or only help" draws_nothing_old

# shellcheck disable=SC2317
keeps_the_last() {
	as_it_was 7 sh -c 'echo "{ \"half\""; exit 7' && grep -qF '{ "half"' "$work/run/short-failed.json"
}
ok "a run that fails leaves the last results" keeps_the_last

# shellcheck disable=SC2016,SC2317 # $0 is the other shell's
is_interrupted() {
	local pid status=0
	touch -d @0 "$work/run"/*
	mkfifo "$work/begun" "$work/ends"
	set -m
	"$record" "$work/run/short.json" sh -c 'echo "{"; echo >"$0"; read -r _ <"$1"' "$work/begun" "$work/ends" &
	pid=$!
	set +m
	read -r _ <"$work/begun"
	kill -INT -- "-$pid"
	wait "$pid" || status=$?
	[ "$status" -eq 130 ] && cmp "$work/run/short.json" "$here/short.json" &&
		[ -z "$(find "$work/run" -newermt @1 -type f)" ]
}
ok "so does one that is interrupted" is_interrupted

# shellcheck disable=SC2317
refuses_others() {
	sed 's/"format": 3/"format": 2/' "$here/short.json" >"$work/old.json"
	! "$plot" "$work/old.json" --out "$work/none" && [ ! -e "$work/none" ] &&
		grep -q 'has format 2, and this reads format 3: measure again' "$work/said"
}
ok "results of another format are refused" refuses_others

# shellcheck disable=SC2317
asks_for_gnuplot() {
	mkdir "$work/bin"
	ln -s "$(command -v sh)" "$(command -v dirname)" "$(command -v python3)" "$work/bin"
	! PATH=$work/bin "$plot" "$here/short.json" --out "$work/none" && [ ! -e "$work/none" ] &&
		grep -q 'apt-get install --no-install-recommends gnuplot-nox$' "$work/said"
}
ok "without gnuplot it says what to install" asks_for_gnuplot

exit $failed
