# SPDX-License-Identifier: MIT
"""Dots on a line: how long most take, and how long a few."""
import math

import figures
import look
from canvas import SMALL, Canvas, room
from words import count

# The mark is gnuplot's, and the sign looks like it.
CLOCKS = (("p50", "●", "p50", 7), ("p99", "◆", "p99", 13), ("p999", "▲", "p99.9", 9))
ROW, HEADER = 30, 26
RIGHT, COLUMN = 216, 68


def _row(canvas, y, entry):
    its = look.of(entry)
    seen = [entry.seen[clock] for clock, *_ in CLOCKS]
    times = [sample.median for sample in seen]
    canvas.text(canvas.left - 8, canvas.top + y, look.label(entry), "right", bold=entry.name == "pyqueue")
    canvas.plot([(time, y) for time in times],
                f"with lines lc rgb '{its.colour}' lw {its.width} dt {its.dash}")
    # One below the other, as they may overlap.
    canvas.plot([(sample.median, y + 3 * i - 3, sample.least, sample.most)
                 for i, sample in enumerate(seen)],
                "using 1:2:3:4 with xerrorbars pt -1 ps 0 lc rgb '#000000' lw 1.2")
    for time, (_, _, _, mark) in zip(times, CLOCKS):
        canvas.plot([(time, y)], f"with points pt {mark} ps 1.1 lc rgb '{its.colour}'")
    for i, time in enumerate(times):
        canvas.text(canvas.right + (i + 1) * COLUMN, canvas.top + y, figures.time(time), "right",
                    size=SMALL, bold=entry.name == "pyqueue")


def _draw(found, path, run, title):
    entries = sorted((entry for entry in run.entries if entry.main.median),
                     key=lambda entry: entry.main.median)
    if not entries:
        return []
    times = [end for entry in entries for clock, *_ in CLOCKS
             for end in (entry.seen[clock].least, entry.seen[clock].most) if end]
    height = HEADER + ROW * len(entries)
    canvas = Canvas(f"{title}, {figures.size(run.size)}: left is better",
                    [f"{run.what[0].upper()}{run.what[1:]}.", f"Medians of {count(run.rounds, 'interleaved round')}, with least "
                     "and most. p99: what one in a hundred exceeds.", found.machine(), *found.busy()],
                    room(look.label(entry) for entry in entries) + 20, RIGHT, height)
    for i, (_, sign, name, _) in enumerate(CLOCKS):
        canvas.text(canvas.right + (i + 1) * COLUMN, canvas.top + HEADER / 2, f"{sign} {name}",
                    "right", bold=True)
    for i, entry in enumerate(entries):
        _row(canvas, HEADER + ROW * (i + 0.5), entry)
    least, most = min(times) / 1.3, max(times) * 1.3
    canvas.add(f"set xrange [{least!r}:{most!r}]")
    canvas.add(f"set yrange [{height}:0]")
    canvas.add("set logscale x")
    tics = figures.decades(least, most)
    if len(tics) > 5:
        tics = [tic for tic in tics if math.log10(tic) % 1 < 1e-9]
    canvas.marks("x", tics, lambda value: figures.time(value, figures.plain))
    canvas.name_x(f"time {run.unit.removeprefix('ns ')} (logarithmic)")
    return canvas.save(path)


def _picture(workload, title):
    def picture(found, directory):
        drawn = []
        for size in found.sizes([workload]):
            drawn += _draw(found, f"{directory}/{found.prefix}-{workload}-{size}",
                           found.find(workload, size), title)
        return drawn or workload
    return picture


PICTURES = [_picture("pingpong", "A round trip"),
            _picture("pingpong-together", "A round trip on one processor"),
            _picture("pingpong-apart", "A round trip between two processors"),
            _picture("burst", "From put to get, in bursts")]
