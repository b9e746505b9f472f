# SPDX-License-Identifier: MIT
"""
How each peer looks, in every picture of every file: colours of Okabe and Ito, which the
colour-blind tell apart, and hatching, marks and dashes, for print in grey. There are more
peers than colours: a colour that two have comes with another mark, hatching and dash.
"""
from dataclasses import dataclass

PYQUEUE = "#D55E00"
LIMIT = "#808080"
BLUE, ORANGE, GREEN, PINK, SKY, DARK = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#444444"
SOLID, DASHED, DOTTED, MIXED = "solid", "'-'", "'_'", "'.-'"


@dataclass
class Look:
    colour: str
    mark: int
    hatch: str
    dash: str
    width: float


def _own(mark, hatch):
    return Look(PYQUEUE, mark, f"pattern {hatch}", DASHED, 2)


def _limit(mark, hatch):
    return Look(LIMIT, mark, f"pattern {hatch}", MIXED, 1.5)


def _peer(colour, mark, hatch, dash):
    return Look(colour, mark, f"pattern {hatch}", dash, 1.5)


# All that there are: ../peers.c. selftests/bench/smoke sees that none is missing.
LOOKS = {
    "pyqueue": Look(PYQUEUE, 7, "solid 1.0", SOLID, 3.5),
    "pyqueue no spin": _own(6, 4),
    "pyqueue defaults": _own(11, 6),
    "pyqueue sealed batch32": _own(15, 1),
    "pyqueue batch32": _own(4, 5),
    "pyqueue zero copy": _own(8, 1),
    "pyqueue sealed": _own(12, 6),
    "pyqueue ioctl": _own(10, 7),
    "pyqueue write+read": _own(14, 2),
    "pyqueue aio": _own(5, 4),
    "pyqueue aio64": _own(9, 5),
    "pyqueue aio64 epoll": _own(13, 1),
    "spsc (unsafe)": _limit(2, 4),
    "mpmc (unsafe)": _limit(1, 5),
    "getppid": _limit(3, 1),
    "cache line": _limit(12, 2),
    "boost": _peer(BLUE, 5, 4, SOLID),
    "iceoryx": _peer(BLUE, 10, 6, DASHED),
    "iceoryx in place": _peer(BLUE, 14, 5, DOTTED),
    "zeromq in place": _peer(ORANGE, 13, 4, DOTTED),
    "mqueue": _peer(ORANGE, 9, 5, SOLID),
    "zeromq ipc": _peer(ORANGE, 12, 7, DASHED),
    "pipe": _peer(GREEN, 11, 1, SOLID),
    "sysv": _peer(GREEN, 6, 4, DASHED),
    "cpython": _peer(PINK, 13, 6, SOLID),
    "seqpacket": _peer(PINK, 4, 5, DASHED),
    "epoll+pipes": _peer(SKY, 4, 7, SOLID),
    "mutex ring": _peer(DARK, 8, 4, SOLID),
    "mutex ring tries": _peer(DARK, 10, 5, DASHED),
}
# Results may be of another day.
UNKNOWN = _peer(DARK, 2, 0, DOTTED)


def of(entry):
    return LOOKS.get(entry.name, UNKNOWN)


def label(entry):
    return f"{entry.name} (limit)" if entry.limit else entry.name
