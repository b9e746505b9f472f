# SPDX-License-Identifier: MIT
"""
How each peer looks, everywhere: colours of Okabe and Ito, which the colour-blind tell
apart, and hatching, marks and dashes of its own, for print in grey.
"""
from dataclasses import dataclass

PYQUEUE = "#D55E00"
LIMIT = "#808080"
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#444444")
MARKS = (5, 9, 11, 13, 4, 8, 10, 12, 6)
HATCHES = (4, 5, 1, 6, 7)
# These are the same in every file.
FIRST = ("boost", "mqueue", "pipe", "cpython", "epoll+pipes")


@dataclass
class Look:
    colour: str
    mark: int
    hatch: str
    dash: str
    width: float


def _own(turn):
    if not turn:
        return Look(PYQUEUE, 7, "solid 1.0", "solid", 3.5)
    return Look(PYQUEUE, (6, 4, 8, 12)[turn % 4], f"pattern {HATCHES[turn % 5]}", "'-'", 2)


def _limit(turn):
    return Look(LIMIT, (2, 1, 3)[turn % 3], f"pattern {HATCHES[turn % 5]}", "'.-'", 1.5)


def _peer(turn):
    return Look(COLOURS[turn % 6], MARKS[turn % 9], f"pattern {HATCHES[turn % 5]}",
                ("solid", "'-'", "'_'")[turn // 6 % 3], 1.5)


def looks(found):
    """By name."""
    entries = {entry.name: entry for run in found.runs for entry in run.entries}
    own = [name for name in entries if entries[name].own and name != "pyqueue"]
    limits = [name for name in entries if entries[name].limit]
    peers = list(FIRST)
    peers += [name for name in entries if name not in own + limits + peers + ["pyqueue"]]
    look = {name: _peer(turn) for turn, name in enumerate(peers)}
    look.update({name: _own(turn) for turn, name in enumerate(["pyqueue"] + own)})
    look.update({name: _limit(turn) for turn, name in enumerate(limits)})
    return look


def label(entry):
    return f"{entry.name} (limit)" if entry.limit else entry.name
