# SPDX-License-Identifier: MIT
"""
A picture, in pixels from its upper left corner, drawn by gnuplot: as wide as a phone can
show, and as high as it has to be.
"""
import html
import os
import re
import subprocess
import textwrap

from results import Unusable

WIDTH = 640
INK = "#222222"
FAINT = "#D9D9D9"
FONT = "sans-serif"
PLAIN, SMALL, LARGE = 13, 12, 17


def bold_of(text):
    """In gnuplot's markup, the only way to bold letters in SVG."""
    return "{/:Bold " + re.sub(r"([\\{}_^@&~])", r"\\\1", text) + "}"


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def room(labels):
    """How wide these are, at most, in pixels."""
    return 9 * max(map(len, labels))


class Canvas:
    """
    @title: what it shows, and what is better; @notes: how it was measured
    @left, @right: room beside the axes; @height: of what is between them; @gap: above it
    """

    def __init__(self, title, notes, left, right, height, gap=16):
        self.title = title
        self.commands = []
        self.data = 0
        self.left, self.right = left, WIDTH - right
        y = 8
        for line in textwrap.wrap(title, 60):
            y += 22
            self.text(12, y - 10, line, size=LARGE, bold=True)
        for note in notes:
            for line in textwrap.wrap(note, 92):
                y += 17
                self.text(12, y - 6, line, size=SMALL)
        self.top = y + gap
        self.bottom = self.top + height
        self.height = self.bottom + 52
        self.items = []

    def add(self, command):
        self.commands.append(command)

    @staticmethod
    def spot(x, y):
        """The height is not known before there are all lines: HEIGHT is gnuplot's."""
        return f"screen {x / WIDTH:.5f}, screen 1 - {y:.2f} / HEIGHT"

    def text(self, x, y, text, side="left", size=PLAIN, bold=False):
        shown = f"{quoted(bold_of(text))} enhanced" if bold else f"{quoted(text)} noenhanced"
        self.add(f"set label {shown} at {self.spot(x, y)} {side} front font '{FONT},{size}' "
                 f"tc rgb '{INK}'")

    def marks(self, axis, values, show, grid=True):
        """Along an axis; @grid: with a faint line at each."""
        marks = ", ".join(f"{quoted(show(value))} {value!r}" for value in values)
        self.add(f"set {axis}tics nomirror scale 0 ({marks}) tc rgb '{INK}' "
                 f"font '{FONT},{SMALL}' noenhanced")
        if grid:
            self.add(f"set grid {axis}tics lt 1 lw 1 lc rgb '{FAINT}'")

    def name_x(self, text):
        """Below the axis."""
        self.text((self.left + self.right) / 2, self.bottom + 36, text, side="center")

    def plot(self, rows, how):
        """@rows of numbers, drawn as gnuplot's @how says."""
        self.data += 1
        self.add(f"$d{self.data} << EOD")
        self.commands += [" ".join(repr(value) for value in row) for row in rows]
        self.add("EOD")
        self.items.append(f"$d{self.data} {how} notitle")

    def _script(self, terminal, path):
        return "\n".join([
            "set encoding utf8",
            f"set terminal {terminal}",
            f"set output {quoted(path)}",
            f"HEIGHT = {self.height}.",
            f"set lmargin at screen {self.left}/{WIDTH}.",
            f"set rmargin at screen {self.right}/{WIDTH}.",
            f"set tmargin at screen 1 - {self.top}/HEIGHT",
            f"set bmargin at screen 1 - {self.bottom}/HEIGHT",
            f"set border 1 lc rgb '{INK}'",
            "set errorbars small",
            "unset key",
            "unset ytics",
            *self.commands,
            "plot " + ", \\\n".join(self.items),
            "",
        ])

    def save(self, path):
        """As @path with .svg and .png. Returns their names."""
        size = f"size {WIDTH},{self.height}"
        twice = f"size {2 * WIDTH},{2 * self.height}"
        terminals = {
            "svg": f"svg {size} dynamic background '#ffffff' font '{FONT},{PLAIN}'",
            "png": f"pngcairo {twice} background '#ffffff' font '{FONT},{PLAIN}' fontscale 1.5 "
                   "linewidth 2 pointscale 2",
        }
        for kind, terminal in terminals.items():
            _gnuplot(self._script(terminal, f"{path}.{kind}"), f"{path}.{kind}")
        _mend(f"{path}.svg", self.title)
        return [f"{path}.{kind}" for kind in terminals]


def _gnuplot(script, path):
    if os.path.exists(path):
        os.unlink(path)
    done = subprocess.run(["gnuplot", "-"], input=script, encoding="utf-8", check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode or not os.path.exists(path) or not os.path.getsize(path):
        raise Unusable(f"gnuplot could not draw {path}:\n{done.stdout[-2000:]}")


def _mend(path, title):
    """
    gnuplot calls every picture by its own name, and ends some lines with blanks, which no
    file of this project has.
    """
    with open(path, encoding="utf-8") as file:
        text = "\n".join(line.rstrip() for line in file) + "\n"
    text = re.sub("<title>[^<]*</title>", lambda _: f"<title>{html.escape(title, quote=False)}</title>",
                  text, count=1)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
