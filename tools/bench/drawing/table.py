# SPDX-License-Identifier: MIT
"""Everything that was measured, as tables in Markdown."""
import figures
from results import ratio


def number(value):
    """As many digits as are worth anything; those of ../table.c."""
    if value is None:
        return "-"
    return f"{value:.{2 if value < 10 else 1 if value < 1000 else 0}f}"


def _range(seen):
    return f"{number(seen.least)} - {number(seen.most)}"


def _columns(run):
    latency = "p50" in run.entries[0].seen if run.entries else False
    first = [("p50" if latency else "time", lambda entry: number(entry.main.median)),
             ("least - most", lambda entry: _range(entry.main))]
    middle = [(name, lambda entry, clock=clock: number(entry.seen[clock].median))
              for clock, name in (("p99", "p99"), ("p999", "p99.9")) if latency]
    last = [("CPU time", lambda entry: number(entry.seen["cpu"].median))]
    if run.own:
        last.append((f"ratio to {run.own.name}",
                     lambda entry: number(ratio(entry.main, run.own.main))))
    last.append(("system calls", lambda entry: number(entry.calls)))
    return first + middle + last


def _name(entry):
    name = f"{entry.name} ({entry.backend})" if entry.backend else entry.name
    if entry.limit:
        name += ", a limit"
    return f"**{name}**" if entry.own else name


def _table(run):
    columns = _columns(run)
    size = f", {figures.size(run.size)}" if run.size else ""
    room = f"; queues of {run.capacity}" if run.capacity else ""
    yield f"### {run.workload}{size}"
    yield ""
    yield f"{run.what[0].upper()}{run.what[1:]}; {run.unit}, medians of {run.rounds} rounds{room}."
    yield ""
    yield "| | " + " | ".join(name for name, _ in columns) + " |"
    yield "|---|" + "---:|" * len(columns)
    for entry in run.entries:
        yield f"| {_name(entry)} | " + " | ".join(show(entry) for _, show in columns) + " |"
    yield ""


def _whole(found):
    load = ", ".join(f"{load:g}" for load in found.system["load_at_start"])
    yield f"## {found.prefix}"
    yield ""
    yield f"{found.machine()}; load average at the start {load}."
    yield ""
    for run in found.runs:
        yield from _table(run)
    yield "What a message is there:"
    yield ""
    yield from (f"- {name}: {what}" for name, what in
                {entry.name: entry.what for run in found.runs for entry in run.entries}.items())
    yield ""


def write(everything, directory):
    """Of all files. Returns the table's path."""
    path = f"{directory}/table.md"
    lines = ["# What was measured", "",
             "By pyqueue-bench; docs/performance.md says how. A ratio is the median of those of "
             "the rounds.", ""]
    for found in everything:
        lines += _whole(found)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines).rstrip("\n") + "\n")
    return path
