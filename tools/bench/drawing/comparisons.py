# SPDX-License-Identifier: MIT
"""What is wanted, and whether it is there; and who is ahead of pyqueue. As tables in Markdown."""
import re

import figures
from results import ratio
from words import number

CLOCKS = (("wall", "time"), ("p50", "p50"), ("p99", "p99"), ("p999", "p99.9"), ("cpu", "CPU time"))


def _of(run):
    return f"{run.workload}, {figures.size(run.size)}" if run.size else run.workload


def _wanted(target):
    words = [f"at least {target.at_least:g}"] if target.at_least else []
    return ", ".join(words + ([f"at most {target.at_most:g}"] if target.at_most else []))


def _target(found, run, target):
    who = f" ({target.over})" if "best peer" in target.name else ""
    seen = f"{number(target.seen.median)} ({number(target.seen.least)} - {number(target.seen.most)})"
    return (f"| {found.prefix} | {_of(run)} | {target.name}{who} | {_wanted(target)} | {seen} | "
            f"{'met' if target.met else '**NOT MET**'} |", target.met)


def targets(everything):
    """Of all files, one table."""
    rows = []
    for found in everything:
        rows += [(f"| {found.prefix} | {sweep.name} | pyqueue | at most {sweep.at_most:g} | "
                  f"{number(sweep.seen)} | {'met' if sweep.met else '**NOT MET**'} |", sweep.met)
                 for sweep in found.sweeps]
        rows += [_target(found, run, target) for run in found.runs for target in run.targets]
    if not rows:
        return
    yield f"{sum(met for _, met in rows)} of {len(rows)} met."
    yield ""
    yield "| results | of | what is compared | wanted | median (least - most) | |"
    yield "|---|---|---|---|---|---|"
    # What is still to be done comes first.
    yield from (row for row, met in sorted(rows, key=lambda row: row[1]))
    yield ""


def _quicker(run, own, clock):
    """Peers that take less time than @own, and how many times as long as they it takes."""
    factors = [(ratio(own.seen[clock], entry.seen[clock]), entry.name)
               for entry in run.entries if entry.counts]
    return sorted(((factor, name) for factor, name in factors if factor and factor > 1),
                  reverse=True)


def _ahead(run, own, clock):
    return ", ".join(f"{name} {number(factor)}" for factor, name in _quicker(run, own, clock))


def ahead(found):
    """Of one file: each of pyqueue's ways in a run, where anybody is ahead of it."""
    rows = []
    for run in found.runs:
        for own in (entry for entry in run.entries if entry.own):
            for clock, name in CLOCKS:
                words = _ahead(run, own, clock) if clock in own.seen else ""
                if words:
                    rows.append(f"| {_of(run)} | {own.name} | {name} | {words} |")
    if not rows:
        return
    yield "| of | who is behind | in what | so many times as long as |"
    yield "|---|---|---|---|"
    yield from rows
    yield ""


def _range(factors):
    least, most = number(min(factors)), number(max(factors))
    return least if least == most else f"{least} to {most}"


def _families(found):
    """Of one file: workload without number, clock: peer: factors, of all sizes and numbers."""
    families = {}
    for run in found.runs:
        if not run.own or run.own.name != "pyqueue":
            continue
        for clock, name in CLOCKS:
            for factor, peer in _quicker(run, run.own, clock) if clock in run.own.seen else ():
                key = re.sub("-[0-9]+$", "", run.workload), name
                families.setdefault(key, {}).setdefault(peer, []).append(factor)
    return families


def ahead_in_short(everything):
    """Of all files, pyqueue as it is by default, one table; sizes and numbers together."""
    yield "| results | of | in what | pyqueue takes so many times as long as |"
    yield "|---|---|---|---|"
    for found in everything:
        for (family, name), peers in _families(found).items():
            words = ", ".join(f"{peer} {_range(factors)}" for peer, factors in
                              sorted(peers.items(), key=lambda item: -max(item[1])))
            yield f"| {found.prefix} | {family} | {name} | {words} |"
    yield ""
