"""How time, memory and disk grow with rows, molecules, runs, hidden units and quantizers.

python -m scripts.scale measure FOLDER [--only AXIS...] [--up-to N] [--molecules N]
python -m scripts.scale write RESULTS FOLDER        the numbers, the page and its figure
python -m scripts.scale check RESULTS               whether the page is of its numbers
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
from joblib import cpu_count  # by affinity, and the quotas of a container

from quantmia.errors import QuantmiaError
from scripts.scale.axes import AXES
from scripts.scale.measured import forget, kept, measure


def main(arguments: list[str]) -> int:
    """Do what is asked, print what there is to say, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.scale", description=(__doc__ or "").partition("\n")[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure")
    measuring.add_argument("folder", type=Path)
    measuring.add_argument("--only", nargs="+", choices=[each.key for each in AXES])
    measuring.add_argument("--up-to", type=int, help="of rows, runs, ...; default: all points")
    measuring.add_argument("--molecules", type=int, help="another point, such as 100000")
    writing = commands.add_parser("write")
    writing.add_argument("results", type=Path)
    writing.add_argument("folder", type=Path)
    commands.add_parser("check").add_argument("results", type=Path)
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "measure":
            measure_all(chosen.folder, chosen.only, chosen.up_to, chosen.molecules)
        elif chosen.command == "write":
            from scripts.scale import page  # what this process holds counts for those it starts

            page.write(chosen.results, pd.DataFrame(kept(chosen.folder)))
        else:
            from scripts.scale import page

            faults = page.check(chosen.results)
            print("\n".join(faults), end="\n" if faults else "", file=sys.stderr)
            return 1 if faults else 0
    except QuantmiaError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def measure_all(
    folder: Path, only: list[str] | None, up_to: int | None, molecules: int | None
) -> None:
    """Measure what is not measured yet, the small points first, and print it.

    Args:
        folder: of measurements.
        only: keys of axes; None: all.
        up_to: which points are left out; None: none.
        molecules: another point of molecules.
    """
    axes = [
        replace(each, points=[*each.points, molecules])
        if molecules and each.key == "molecules" and molecules not in each.points
        else each
        for each in AXES
    ]
    for axis in axes:
        for point in sorted(axis.points):
            if (only is None or axis.key in only) and (up_to is None or point <= up_to):
                figures = measure(axis, point, folder, cpu_count())
                said = ", ".join(f"{key} {value:,.4g}" for key, value in figures.items())
                print(f"{axis.name} {point:,}: {said}", flush=True)
    forget(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
