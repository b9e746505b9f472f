# SPDX-License-Identifier: MIT
"""What pyqueue-bench has measured: ../json.c writes it."""
import json
import os
from dataclasses import dataclass
from statistics import median

from words import count

FORMAT = 3
# So much to do for each processor at the start shows in the figures: ../system.h
BUSY = 0.5


class Unusable(Exception):
    """In words for people."""


@dataclass
class Sample:
    """One value for each round, and their median, least and most."""
    median: float
    least: float
    most: float
    rounds: list


class Entry:
    """One peer in one run."""

    def __init__(self, told):
        self.name = told["name"]
        self.backend = told.get("backend")
        self.what = told["what"]
        self.own = told.get("own", False)
        self.limit = told.get("limit", False)
        self.calls = told.get("system_calls")
        self.capacity = told.get("capacity")
        self.seen = {
            clock: _sample(told[clock])
            for clock in ("wall", "p50", "p99", "p999", "cpu") if clock in told
        }

    @property
    def counts(self):
        """It is another's work, and could be used instead. Two getppid() are only a price."""
        return not self.own and not self.limit and self.name != "getppid"

    @property
    def main(self):
        """The time that counts first."""
        return self.seen["p50"] if "p50" in self.seen else self.seen["wall"]


def _sample(told):
    return Sample(*(told[key] for key in ("median", "least", "most", "rounds")))


class Target:
    """A ratio of which something is wanted."""

    def __init__(self, told):
        self.name = told["name"]
        self.over = told["over"]
        self.at_least = told.get("at_least")
        self.at_most = told.get("at_most")
        self.met = told["met"]
        clock = told.get("of", "p50" if "p50" in told else "wall")
        self.seen = _sample(told[clock])


class Sweep:
    """How much more a message costs in a larger run."""

    def __init__(self, told):
        self.name = told["name"]
        self.at_most = told["at_most"]
        self.met = told["met"]
        self.seen = told["wall"]


class Run:
    """One workload with messages of one size."""

    def __init__(self, told):
        self.workload = told["workload"]
        self.what = told["what"]
        self.size = told.get("message_bytes")
        self.capacity = told.get("queue_messages")
        self.rounds = told["rounds"]
        self.unit = told["unit"]
        self.entries = [Entry(entry) for entry in told["peers"]]
        self.targets = [Target(target) for target in told["ratios"] if "met" in target]

    @property
    def own(self):
        """pyqueue; or the first of its ways, where it itself has no part."""
        return next((entry for entry in self.entries if entry.name == "pyqueue"),
                    next((entry for entry in self.entries if entry.own), None))

    def best(self, clock):
        """Of those that are another's work and could be used instead."""
        peers = [entry for entry in self.entries if entry.counts]
        return min(peers, key=lambda entry: entry.seen[clock].median, default=None)


def ratio(over, under):
    """A ratio is one of a round: its median. None where a time was too short to be seen."""
    each = [a / b for a, b in zip(over.rounds, under.rounds) if a is not None and b]
    return median(each) if each else None


class Results:
    """One file. @prefix: how the names of its pictures begin."""

    def __init__(self, path, told):
        self.path = path
        self.prefix = os.path.splitext(os.path.basename(path))[0]
        self.system = told["system"]
        self.runs = [Run(run) for run in told["runs"]]
        self.sweeps = [Sweep(sweep) for sweep in told.get("sweeps", [])]

    def find(self, workload, size=None):
        """The run of a workload; None: there is none. @size None: any."""
        return next((run for run in self.runs if run.workload == workload and
                     (size is None or run.size == size)), None)

    def sizes(self, workloads):
        """Of which sizes there are runs of any of these."""
        return sorted({run.size for run in self.runs if run.workload in workloads})

    def machine(self):
        system = self.system
        emulated = ", emulated" if "QEMU" in system["processor"] else ""
        return (f"{system['processor']}{emulated}, {count(system['processors'], 'processor')}, "
                f"Linux {system['kernel']}")

    def busy(self):
        """A warning for each machine that had other work at the start."""
        machines = [("This machine", self.system)]
        if "host" in self.system:
            machines.append(("The host of this machine", self.system["host"]))
        return [f"{whose} was busy: a load average of {machine['load_at_start'][0]:.2f} on "
                f"{count(machine['processors'], 'processor')} at the start."
                for whose, machine in machines
                if machine["load_at_start"][0] > BUSY * machine["processors"]]


def read(path):
    with open(path, encoding="utf-8") as file:
        try:
            told = json.load(file)
        except ValueError as error:
            raise Unusable(f"{path} is no JSON ({error}): has pyqueue-bench come to its end?"
                           ) from None
    if not isinstance(told, dict) or told.get("benchmark") != "pyqueue-bench":
        raise Unusable(f"{path} does not come from pyqueue-bench --json")
    if told.get("format") != FORMAT:
        raise Unusable(f"{path} has format {told.get('format')}, and this reads format {FORMAT}: "
                       "measure again with the pyqueue-bench of this checkout")
    return Results(path, told)
