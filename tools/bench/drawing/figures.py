# SPDX-License-Identifier: MIT
"""Numbers for people, and the marks of an axis."""
import math

RATES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""))
TIMES = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1, "ns"))


def digits(value):
    """Three that count."""
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}" if value > 0 else "0"


def _scaled(value, units, show):
    scale, unit = next(((s, u) for s, u in units if value >= s * 0.9995), units[-1])
    return f"{show(value / scale)} {unit}".rstrip()


def rate(value, show=digits):
    """A second."""
    return _scaled(value, RATES, show)


def time(value, show=digits):
    """Of nanoseconds."""
    return _scaled(value, TIMES, show)


def size(value):
    """Of bytes."""
    for scale, unit in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if value >= scale and value % scale == 0:
            return f"{value // scale} {unit}"
    return f"{value} B"


def plain(value):
    return f"{value:g}"


def decades(least, most):
    """1, 10, 100, ... in between; with 2 and 5 where these are few."""
    steps = (1, 2, 5) if most / least < 200 else (1,)
    return [step * 10.0 ** power
            for power in range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
            for step in steps if least <= step * 10.0 ** power <= most]


def even(most):
    """From 0, about five steps of a round number."""
    step = 10.0 ** math.floor(math.log10(most / 5))
    step *= next(factor for factor in (1, 2, 5, 10) if most / (step * factor) <= 5)
    return [step * i for i in range(int(most / step) + 1)]
