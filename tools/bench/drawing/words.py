# SPDX-License-Identifier: MIT
"""Words and numbers that pictures and tables have in common."""


def number(value):
    """As many digits as are worth anything; those of ../table.c."""
    if value is None:
        return "-"
    return f"{value:.{2 if value < 10 else 1 if value < 1000 else 0}f}"


def count(n, what):
    """1 round, 2 rounds."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
