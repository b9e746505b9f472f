# SPDX-License-Identifier: MIT
"""tools/bench/plot: pictures and a table of what pyqueue-bench has measured."""
import argparse
import glob
import os
import re
import sys

import bars
import comparisons
import dots
import lines
import results
import table

PICTURES = bars.PICTURES + lines.PICTURES + dots.PICTURES


# What pictures are called behind the name of their results.
KINDS = ("throughput-[0-9]+|uneven-[0-9]+|cpu-[0-9]+|pool|size|large|idle|robin|slots|room|"
         "waiters|pingpong-[0-9]+|pingpong-(together|apart)-[0-9]+|burst-[0-9]+")


def clear(found, directory):
    """Pictures of what these results had before; and no others, whose names begin alike."""
    name = re.compile(f"{re.escape(found.prefix)}-({KINDS})\\.(svg|png)")
    for path in glob.glob(f"{glob.escape(directory)}/*"):
        if name.fullmatch(os.path.basename(path)):
            os.unlink(path)


def draw(found, directory):
    """All pictures of one file of results. Says in one line what is not drawn."""
    missing = []
    for picture in PICTURES:
        drawn = picture(found, directory)
        if isinstance(drawn, str):
            missing.append(drawn)
        else:
            for path in drawn[::2]:
                print(f"{path} and .png")
    if missing:
        print(f"plot: {found.prefix}: for want of runs not drawn: {', '.join(missing)}")


def main():
    parser = argparse.ArgumentParser(prog="plot", description=__doc__)
    parser.add_argument("files", metavar="FILE.json", nargs="+",
                        help="what pyqueue-bench --json has written")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--out", metavar="DIR", help="where to")
    what.add_argument("--targets", action="store_true",
                      help="only print what is wanted in all of them, and whether it is there")
    what.add_argument("--ahead", action="store_true",
                      help="only print who is ahead of pyqueue in all of them, in short")
    options = parser.parse_args()
    try:
        everything = [results.read(name) for name in options.files]
        if options.targets:
            print("\n".join(comparisons.targets(everything)))
            return
        if options.ahead:
            print("\n".join(comparisons.ahead_in_short(everything)))
            return
        os.makedirs(options.out, exist_ok=True)
        for found in everything:
            print(table.write(found, options.out))
            clear(found, options.out)
            draw(found, options.out)
    except results.Unusable as error:
        sys.exit(f"plot: {error}")
    except OSError as error:
        sys.exit(f"plot: {error.filename or 'gnuplot'}: {error.strerror}")


main()
