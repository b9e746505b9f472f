# SPDX-License-Identifier: MIT
"""Lines: how it grows, of each peer; both axes logarithmic, the names at the ends."""
import math

import figures
import look
from canvas import Canvas, room
from results import ratio
from words import count

LEFT, HEIGHT, APART = 76, 380, 18
FAR = 3

# What the title says, a note, and the axis.
SWEEPS = {
    "idle": ("many queues, one in use", "One thread puts and gets.", "queues that there are"),
    "robin": ("many queues in turn", "One thread puts and gets.", "queues"),
    "slots": ("much room in a queue", "One thread puts eight and gets eight.",
              "messages that there is room for"),
    "room": ("room in a queue", "One process puts, one gets.", "messages that there is room for"),
    "waiters": ("many who wait", "One process puts.", "processes that wait to get"),
}


def _spread(wanted, least, most):
    """Places near those that are wanted, in their order, and none upon another."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed = []
    for i in order:
        placed.append(max(wanted[i], placed[-1] + APART) if placed else max(wanted[i], least))
    limit = most
    for i in reversed(range(len(placed))):
        placed[i] = min(placed[i], limit)
        limit = placed[i] - APART
    return {i: place for i, place in zip(order, placed)}


def _names(canvas, lines, x_range, y_range):
    """At the end of each line, and a stroke from there."""
    def pixel(value, ends, low, high):
        part = math.log(value / ends[0]) / math.log(ends[1] / ends[0])
        return low + part * (high - low)

    ends = [points[-1] for _, points in lines]
    wanted = [pixel(end[1], y_range, canvas.bottom, canvas.top) for end in ends]
    places = _spread(wanted, canvas.top + 6, canvas.bottom - 6)
    for i, (entry, _) in enumerate(lines):
        its = look.of(entry)
        x = pixel(ends[i][0], x_range, canvas.left, canvas.right) + 9
        canvas.add(f"set arrow from {canvas.spot(x, wanted[i])} to "
                   f"{canvas.spot(canvas.right + 18, places[i])} nohead lc rgb '{its.colour}' lw 0.8 dt '.'")
        canvas.add(f"set label '' at {canvas.spot(canvas.right + 25, places[i])} point pt {its.mark} ps 1.0 lc rgb '{its.colour}' front")
        canvas.text(canvas.right + 36, places[i], look.label(entry), bold=entry.name == "pyqueue")


def _draw(found, path, title, notes, lines, x_axis, y_axis, most=math.inf):
    """@lines: entries and their points, (x, y, least, most); an axis: its name, how a number
    is shown, and for x where the marks are; @most: what is above is not drawn."""
    x_name, show_x, tics = x_axis
    y_name, show_y = y_axis
    if not lines:
        return []
    xs = [point[0] for _, points in lines for point in points]
    ys = [y for _, points in lines for point in points for y in point[1:]]
    x_range = min(xs) / 1.3, max(xs) * 1.3
    y_range = min(ys) / 1.3, min(max(ys) * 1.3, most)
    canvas = Canvas(title, notes + [found.machine(), *found.busy()], LEFT, 44 + room(look.label(entry) for entry, _ in lines),
                    max(HEIGHT, 26 * len(lines)), gap=38)
    # pyqueue above all others.
    for entry, points in sorted(lines, key=lambda line: line[0].name == "pyqueue"):
        its = look.of(entry)
        canvas.plot(points, f"using 1:2:3:4 with yerrorlines pt {its.mark} ps 1.0 dt {its.dash} "
                    f"lw {its.width} lc rgb '{its.colour}'")
    _names(canvas, lines, x_range, y_range)
    canvas.add(f"set xrange [{x_range[0]!r}:{x_range[1]!r}]")
    canvas.add(f"set yrange [{y_range[0]!r}:{y_range[1]!r}]")
    canvas.add("set logscale xy")
    canvas.add("set border 3")
    canvas.marks("x", tics, show_x)
    canvas.marks("y", figures.decades(*y_range), lambda value: show_y(value, figures.plain))
    canvas.name_x(f"{x_name} (logarithmic)")
    canvas.text(12, canvas.top - 14, f"{y_name} (logarithmic)")
    return canvas.save(path)


def _collect(runs, entries_of, x_of, y_of):
    """A line for each of @entries_of a run: @runs have the points of all."""
    lines = {}
    for run in runs:
        for entry in entries_of(run):
            seen = entry.main
            if not seen.least:
                continue
            y, *ends = (y_of(run, ns) for ns in (seen.median, seen.least, seen.most))
            lines.setdefault(entry.name, (entry, []))[1].append(
                (x_of(run), y, min(ends), max(ends)))
    return list(lines.values())


def _rounds(runs):
    return f"Medians of {count(runs[0].rounds, 'interleaved round')}, with least and most."


def _readable(values):
    """Those that have room for their names, from the least."""
    apart = (values[-1] / values[0]) ** 0.12
    chosen = values[:1]
    for value in values[1:]:
        if value >= chosen[-1] * apart:
            chosen.append(value)
    return chosen


def _size(found, directory):
    sizes = found.sizes(["1p1c"])
    if len(sizes) < 2:
        return "size"
    runs = [found.find("1p1c", size) for size in sizes]
    lines = _collect(runs, lambda run: run.entries, lambda run: run.size,
                     lambda run, ns: run.size * 1e9 / ns)
    notes = ["One process puts, one gets. " + _rounds(runs)]
    tics = _readable(sizes)
    return _draw(found, f"{directory}/{found.prefix}-size",
                 "Bytes a second by message size: higher is better", notes, lines,
                 ("size of a message", figures.size, tics),
                 ("bytes a second",
                  lambda value, show: figures.rate(value, show) + "B/s"))


def _relative(run, own, entry):
    """How many times as long as @own."""
    each = [a / b for a, b in zip(entry.main.rounds, own.main.rounds) if a is not None and b]
    return run.size, ratio(entry.main, own.main), min(each), max(each)


# From this size on they are close together, and what is copied is most of the time.
LARGE = 4096


def _large(found, directory):
    """How far apart those are that bytes a second do not tell apart."""
    runs = [found.find("1p1c", size) for size in found.sizes(["1p1c"]) if size >= LARGE]
    runs = [run for run in runs if run.own and run.own.name == "pyqueue"]
    if len(runs) < 2:
        return "large"
    lines = {}
    for run in runs:
        for entry in run.entries:
            if entry.main.least:
                lines.setdefault(entry.name, (entry, []))[1].append(_relative(run, run.own, entry))
    # With those who are far away the others would lie on one line again.
    lines = [(entry, points) for entry, points in lines.values() if points[-1][1] <= FAR]
    return _draw(found, f"{directory}/{found.prefix}-large",
                 "Time of large messages over pyqueue's: lower is better",
                 ["One process puts, one gets. " + _rounds(runs),
                  f"Ratios are of a round. What takes more than {FAR} times as long is not drawn."],
                 lines,
                 ("size of a message", figures.size, [run.size for run in runs]),
                 ("time over pyqueue's", lambda value, show: f"{value:g}"), FAR)


def _number(run):
    return int(run.workload.rpartition("-")[2])


def _without_ways(run):
    """pyqueue's other ways hide the peers here, and are in the table."""
    return [entry for entry in run.entries if not entry.own or entry is run.own]


def _sweep(name):
    title, note, axis = SWEEPS[name]

    def picture(found, directory):
        runs = sorted((run for run in found.runs if run.workload.startswith(name + "-")),
                      key=_number)
        if len(runs) < 2:
            return name
        lines = _collect(runs, _without_ways, _number, lambda run, ns: ns)
        return _draw(found, f"{directory}/{found.prefix}-{name}", f"Time a message, {title}: lower is better",
                     [f"{note} {figures.size(runs[0].size)} a message.", _rounds(runs)], lines,
                     (axis, lambda value: f"{value:g}", [_number(run) for run in runs]),
                     (f"time {runs[0].unit.removeprefix('ns ')}", figures.time))
    return picture


PICTURES = [_size, _large] + [_sweep(name) for name in SWEEPS]
