# SPDX-License-Identifier: MIT
"""Everything that was measured, as tables in Markdown."""
import comparisons
import figures
from results import ratio
from words import count, number


def _range(seen):
    return f"{number(seen.least)} - {number(seen.most)}"


def _spread(seen):
    return f"{number(seen.median)} ({_range(seen)})"


def _columns(run):
    latency = "p50" in run.entries[0].seen if run.entries else False
    first = [("p50" if latency else "time", lambda entry: number(entry.main.median)),
             ("least - most", lambda entry: _range(entry.main))]
    middle = [(name, lambda entry, clock=clock: _spread(entry.seen[clock]))
              for clock, name in (("p99", "p99"), ("p999", "p99.9")) if latency]
    last = [("CPU time", lambda entry: _spread(entry.seen["cpu"]))]
    if run.own:
        last.append((f"ratio to {run.own.name}",
                     lambda entry: number(ratio(entry.main, run.own.main))))
    last.append(("system calls", lambda entry: number(entry.calls)))
    if any(entry.capacity not in (None, run.capacity) for entry in run.entries):
        last.append(("room", lambda entry: f"{entry.capacity or '-'}"))
    return first + middle + last


def _name(entry):
    name = f"{entry.name} ({entry.backend})" if entry.backend else entry.name
    if entry.limit:
        name += ", a limit"
    return f"**{name}**" if entry.own else name


def _medians(rounds):
    return f"medians of {count(rounds, 'round')}"


def _load(machine):
    return ", ".join(f"{load:g}" for load in machine["load_at_start"])


def _table(run):
    columns = _columns(run)
    size = f", {figures.size(run.size)}" if run.size else ""
    room = f"; queues of {run.capacity}" if run.capacity else ""
    yield f"### {run.workload}{size}"
    yield ""
    yield f"{run.what[0].upper()}{run.what[1:]}; {run.unit}, {_medians(run.rounds)}{room}."
    yield ""
    yield "| | " + " | ".join(name for name, _ in columns) + " |"
    yield "|---|" + "---:|" * len(columns)
    for entry in run.entries:
        yield f"| {_name(entry)} | " + " | ".join(show(entry) for _, show in columns) + " |"
    yield ""


def _whole(found):
    host = found.system.get("host")
    of_host = f", of its host {_load(host)}" if host else ""
    yield f"{found.machine()}; load average at the start {_load(found.system)}{of_host}."
    yield ""
    for warning in found.busy():
        yield f"**{warning}**"
        yield ""
    yield "## What is wanted"
    yield ""
    yield from list(comparisons.targets([found])) or ["Nothing of what was measured.", ""]
    yield "## Who is ahead of pyqueue"
    yield ""
    yield from list(comparisons.ahead(found)) or ["Nobody.", ""]
    yield "## Every run"
    yield ""
    for run in found.runs:
        yield from _table(run)
    yield "What a message is there:"
    yield ""
    yield from (f"- {name}: {what}" for name, what in
                {entry.name: entry.what for run in found.runs for entry in run.entries}.items())
    yield ""


def write(found, directory):
    """Of one file. Returns the table's path."""
    path = f"{directory}/{found.prefix}.md"
    lines = [f"# What was measured: {found.prefix}", "",
             "By pyqueue-bench; docs/performance.md says how. A ratio is the median of those of "
             "the rounds.", "", *_whole(found)]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines).rstrip("\n") + "\n")
    return path
