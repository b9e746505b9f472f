#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tools/bench/plot, on the results of a short run, short.json: that the pictures and the
# table are there, and that the table has the figures. Whether a picture can be read only
# its reader knows.
set -u

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
plot=$here/../../tools/bench/plot
echo "TAP version 13"
if ! command -v python3 >/dev/null || ! command -v gnuplot >/dev/null; then
	echo "1..1"
	echo "not ok 1 - python3 and gnuplot are there: tools/setup/packages bench"
	exit 1
fi
echo "1..7"

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
		echo table.md
		printf 'short-%s.svg\n' $pictures
		printf 'short-%s.png\n' $pictures
	} | LC_ALL=C sort | diff - <(cd "$work/out" && printf '%s\n' * | LC_ALL=C sort)
}
ok "one picture of each kind and size, and no other" these_files

# shellcheck disable=SC2317
are_pictures() {
	python3 - "$work/out" <<-'END'
	import glob, struct, sys, xml.etree.ElementTree as xml

	for path in glob.glob(f"{sys.argv[1]}/*.svg"):
	    texts = [text.text or "" for text in xml.parse(path).iter("{http://www.w3.org/2000/svg}tspan")]
	    assert any("better" in text for text in texts), f"{path} does not say what is better"
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
	python3 - "$here/short.json" "$work/out/table.md" <<-'END'
	import json, sys

	def shown(value):
	    return "%.2f" % value if value < 10 else "%.1f" % value if value < 1000 else "%.0f" % value

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
	                  "CPU time": shown(peer["cpu"]["median"])}
	        if first == "p50":
	            wanted |= {"p99": shown(peer["p99"]["median"]), "p99.9": shown(peer["p999"]["median"])}
	        for key, value in wanted.items():
	            assert cells[key] == value, f"{run['workload']}{size}, {key!r}: {cells[key]!r}, not {value!r}"
	        if peer["name"] == "pyqueue":
	            assert cells["ratio to pyqueue"] == "1.00", row
	END
}
ok "the table has the figures of the results" has_figures

ok "it says what it does not draw" grep -qx "plot: short: no picture 'waiters': no runs of waiters-N with several N" "$work/first"

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
