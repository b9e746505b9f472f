# SPDX-License-Identifier: MIT
"""Bars: a group for each workload, a bar for each peer, the best on top."""
import math

import figures
import look
from canvas import FAINT, SMALL, WIDTH, Canvas, room
from results import ratio
from words import count

EVEN = ("1p1c", "2p2c", "4p4c", "8p8c")
UNEVEN = ("1p2c", "1p4c", "1p8c", "2p1c", "4p1c", "8p1c")
BUSY = EVEN + ("full", "burst", "pingpong")
POOL = ("apply1", "apply1000", "map1")

ROW, HEADER, GAP = 21, 28, 12
RIGHT = 20
# Room behind a bar for its value.
VALUE = 84


class Scale:
    """Of the axis: with a logarithm, where a line from 0 would hide the short ones."""

    def __init__(self, bars, width):
        values = [value for bar in bars for value in bar[1:] if value and value > 0]
        self.log = max(values) / min(values) > 40
        part = 1 - VALUE / width
        if self.log:
            self.least = 10.0 ** math.floor(math.log10(min(values) * 0.8))
            self.most = self.least * (max(values) / self.least) ** (1 / part)
        else:
            self.least, self.most = 0.0, max(values) / part

    def tics(self):
        return figures.decades(self.least, self.most) if self.log else figures.even(self.most)

    def clip(self, value):
        return max(value, self.least)


def _verdict(run, clock, more_is_better):
    own, best = run.own, run.best(clock)
    if not own or own.name != "pyqueue" or not best:
        return ""
    over = ratio(best.seen[clock], own.seen[clock])
    if not over:
        return ""
    if more_is_better:
        return f"pyqueue: {figures.digits(over)} × the best peer, {best.name}"
    return f"pyqueue: {figures.digits(1 / over)} × the thriftiest peer, {best.name}"


def _group(canvas, y, run, bars, scale, show, verdict):
    """Draws it at @y of the plot. Returns where the next one begins."""
    canvas.text(12, canvas.top + y + 15, f"{run.workload}: {run.what}", bold=True)
    y += HEADER
    if verdict:
        canvas.text(12, canvas.top + y + 6, verdict)
        y += ROW
    # Behind the bars, and not behind the words.
    canvas.plot([(tic, y, 0, ROW * len(bars)) for tic in scale.tics()],
                f"with vectors nohead lc rgb '{FAINT}' lw 1")
    for entry, value, least, most in bars:
        its = look.of(entry)
        middle = y + ROW / 2
        canvas.plot([(scale.clip(value), middle, scale.least, scale.clip(value), y + 2.5,
                      y + ROW - 2.5)],
                    f"using 1:2:3:4:5:6 with boxxyerror lc rgb '{its.colour}' lw 1 "
                    f"fs {its.hatch} border lc rgb '{its.colour}'")
        canvas.plot([(scale.clip(value), middle, scale.clip(least), scale.clip(most))],
                    "using 1:2:3:4 with xerrorbars pt -1 ps 0 lc rgb '#000000' lw 1.2")
        canvas.text(canvas.left - 8, canvas.top + middle, look.label(entry), "right",
                    bold=entry.name == "pyqueue")
        canvas.add(f"set label {show(value)!r} at {scale.clip(most)!r},{middle} left offset "
                   f"character 0.8,0 front noenhanced font 'sans-serif,{SMALL}'")
        y += ROW
    return y + GAP


def _bars(run, clock, value_of):
    """Those with values, as (entry, value, least, most), the best first."""
    found = []
    for entry in run.entries:
        seen = entry.seen[clock]
        if seen.median and seen.least:
            value, *ends = (value_of(ns) for ns in (seen.median, seen.least, seen.most))
            found.append((entry, value, min(ends), max(ends)))
    return sorted(found, key=lambda bar: bar[0].seen[clock].median)


def _draw(found, path, runs, title, axis, clock, value_of, show, more_is_better, note):
    groups = [(run, _bars(run, clock, value_of), _verdict(run, clock, more_is_better))
              for run in runs]
    groups = [group for group in groups if group[1]]
    if not groups:
        return []
    every = [bar for _, bars, _ in groups for bar in bars]
    left = room(look.label(bar[0]) for bar in every) + 20
    scale = Scale(every, WIDTH - left - RIGHT)
    height = sum(HEADER + ROW * (len(bars) + bool(verdict)) + GAP for _, bars, verdict in groups)
    rounds = f"Medians of {count(runs[0].rounds, 'interleaved round')}, with least and most."
    canvas = Canvas(title, [rounds, note, found.machine(), *found.busy()], left, RIGHT, height)
    y = 0
    for run, bars, verdict in groups:
        y = _group(canvas, y, run, bars, scale, show, verdict)
    canvas.add(f"set yrange [{height}:0]")
    canvas.add(f"set xrange [{scale.least!r}:{scale.most!r}]")
    if scale.log:
        canvas.add("set logscale x")
    canvas.marks("x", scale.tics(), lambda value: show(value, figures.plain), grid=False)
    canvas.name_x(axis + (" (logarithmic)" if scale.log else ""))
    return canvas.save(path)


def _each_size(found, directory, name, workloads, draw):
    """A picture for each size that was run. Or why there is none."""
    drawn = []
    for size in found.sizes(workloads):
        runs = [run for run in (found.find(workload, size) for workload in workloads) if run]
        drawn += draw(runs, size, f"{directory}/{found.prefix}-{name}-{size}")
    return drawn or name


def _throughput(name, workloads):
    def picture(found, directory):
        def draw(runs, size, path):
            capacity = (f"Queues of {runs[0].capacity} messages, where one can choose. "
                        "Hatched grey: survives no kill, and cannot sleep.")
            return _draw(found, path, runs,
                         f"Messages a second, {figures.size(size)} each: longer is better",
                         "messages a second", "wall", lambda ns: 1e9 / ns, figures.rate, True,
                         capacity)
        return _each_size(found, directory, name, workloads, draw)
    return picture


def _cpu(found, directory):
    def draw(runs, size, path):
        return _draw(found, path, runs,
                     f"CPU time a message, {figures.size(size)}: shorter is better",
                     "CPU time a message; pingpong: a round trip",
                     "cpu", lambda ns: ns, figures.time, False,
                     "Of all processes together: who waits by spinning pays here.")
    return _each_size(found, directory, "cpu", BUSY, draw)


def _pool(found, directory):
    runs = [run for run in map(found.find, POOL) if run]
    if not runs:
        return "pool"
    return _draw(found, f"{directory}/{found.prefix}-pool", runs,
                 "Tasks a second of a pool of two workers: longer is better",
                 "tasks a second", "wall", lambda ns: 1e9 / ns, figures.rate, True,
                 f"{figures.size(runs[0].size)} there and back. CPython's tasks are pickled, and "
                 "interpreted at both ends.")


PICTURES = [_throughput("throughput", EVEN), _throughput("uneven", UNEVEN), _cpu, _pool]
