# SPDX-License-Identifier: MIT
"""What gcov has counted, of all builds together, file by file.

    report.py [--of lib|kmod] [--not-run FILE] DIRECTORY...

DIRECTORY has .gcno and .gcda files.

A line has been run if it was in one of them; so has a branch, which is one way on from a
condition. FILE gets the lines that have not been run, and those of which a branch has not. Labels
are where errors are cleaned up after: one has been reached if what follows it has been run.
"""
import argparse
import collections
import glob
import json
import os
import re
import subprocess
import sys

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
# What is not a test, nor somebody else's.
OURS = {"lib": ("lib/", "include/ring/", "include/pyqueue/"), "kmod": ("kmod/", "include/ring/")}
TESTS = ("lib/test/", "kmod/ring_kunit", "kmod/ring_cases")


def documents(directory):
    """The gcov JSON of each object in a directory; what was never run has no counts."""
    notes = sorted(glob.glob(os.path.join(directory, "*.gcno")))
    if not notes:
        sys.exit(f"report.py: no .gcno files in {directory}")
    out = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities"] + notes,
                         check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    for line in out.splitlines():
        if line.strip():
            yield json.loads(line)


class Source:
    """One file: how often each line has been run, and each branch of it."""

    def __init__(self):
        self.lines = collections.Counter()
        self.branches = {}

    def add(self, line):
        number = line["line_number"]
        self.lines[number] += line["count"]
        counts = [branch["count"] for branch in line["branches"]]
        if not counts:
            return
        # In each object that has an inline function it is the same; elsewhere as it is.
        at = (number, line.get("function_name"), len(counts))
        before = self.branches.get(at, [0] * len(counts))
        self.branches[at] = [a + b for a, b in zip(before, counts)]

    def figures(self):
        branches = [count for counts in self.branches.values() for count in counts]
        return (sum(1 for count in self.lines.values() if count), len(self.lines),
                sum(1 for count in branches if count), len(branches))


def read(of, directories):
    sources = collections.defaultdict(Source)
    for directory in directories:
        for document in documents(directory):
            for file in document["files"]:
                path = os.path.join(document["current_working_directory"], file["file"])
                path = os.path.relpath(os.path.realpath(path), TOP)
                # A program that a test has made up may lie there, by name.
                if (path.startswith(OURS[of]) and not path.startswith(TESTS)
                        and os.path.isfile(os.path.join(TOP, path))):
                    for line in file["lines"]:
                        sources[path].add(line)
    return sources


def percent(part, all_of_it):
    return f"{100 * part / all_of_it:5.1f} %" if all_of_it else "      -"


def row(name, figures):
    lines, all_lines, branches, all_branches = figures
    return (f"{name:28} {lines:5} of {all_lines:5} {percent(lines, all_lines)}"
            f"   {branches:5} of {all_branches:5} {percent(branches, all_branches)}")


def text_of(name):
    with open(os.path.join(TOP, name), encoding="utf-8") as file:
        return file.read().splitlines()


def labels(name, source):
    """Of each label in a file: (where it is, whether what follows it has been run)."""
    for number, line in enumerate(text_of(name), 1):
        label = re.fullmatch(r"\t?([a-z_]\w*):", line)
        after = [n for n in sorted(source.lines) if n > number]
        if label and label[1] != "default" and after:
            yield f"{name}:{number} {label[1]}", source.lines[after[0]] > 0


def write_not_run(path, sources):
    with open(path, "w", encoding="utf-8") as out:
        for name in sorted(sources):
            source = sources[name]
            text = text_of(name)
            half = {at[0] for at, counts in source.branches.items() if 0 in counts}
            for number in sorted(source.lines):
                if not source.lines[number] or number in half:
                    what = "line" if not source.lines[number] else "branch"
                    print(f"{name}:{number}: {what}: {text[number - 1].strip()}", file=out)


def main():
    parser = argparse.ArgumentParser(description="coverage of the library or the module, by gcov")
    parser.add_argument("--of", choices=sorted(OURS), default="lib")
    parser.add_argument("--not-run", metavar="FILE")
    parser.add_argument("directories", nargs="+")
    args = parser.parse_args()
    sources = read(args.of, args.directories)
    total = [0, 0, 0, 0]

    print(f"{'':28} {'lines run':>22}   {'branches taken':>22}")
    for name in sorted(sources):
        figures = sources[name].figures()
        print(row(name, figures))
        total = [a + b for a, b in zip(total, figures)]
    print(row("in all", total))
    reached = [label for name in sorted(sources) for label in labels(name, sources[name])]
    print(f"labels reached: {sum(run for _, run in reached)} of {len(reached)}",
          *(where for where, run in reached if not run), sep="\n    not: ")
    if args.not_run:
        write_not_run(args.not_run, sources)


main()
