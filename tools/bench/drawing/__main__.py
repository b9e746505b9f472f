# SPDX-License-Identifier: MIT
"""tools/bench/plot: pictures and a table of what pyqueue-bench has measured."""
import argparse
import os
import sys

import bars
import dots
import lines
import results
import table

PICTURES = bars.PICTURES + lines.PICTURES + dots.PICTURES


def draw(found, directory):
    """All pictures of one file of results. Says what is not drawn, and why."""
    for picture in PICTURES:
        drawn = picture(found, directory)
        if isinstance(drawn, str):
            print(f"plot: {found.prefix}: {drawn}")
        else:
            for path in drawn[::2]:
                print(f"{path} and .png")


def main():
    parser = argparse.ArgumentParser(prog="plot", description=__doc__)
    parser.add_argument("files", metavar="FILE.json", nargs="+",
                        help="what pyqueue-bench --json has written")
    parser.add_argument("--out", metavar="DIR", required=True, help="where to")
    options = parser.parse_args()
    try:
        everything = [results.read(name) for name in options.files]
        os.makedirs(options.out, exist_ok=True)
        print(table.write(everything, options.out))
        for found in everything:
            draw(found, options.out)
    except results.Unusable as error:
        sys.exit(f"plot: {error}")
    except OSError as error:
        sys.exit(f"plot: {error.filename or 'gnuplot'}: {error.strerror}")


main()
