"""What it changes that ternary schemes hold their threshold in training: Ternary.held.

    quantmia run -m +experiment=lipophilicity 'quantizer=[ternary_50]' training.qat=ternary_50 \
      +quantizer.ternary_50.held=1,4 hydra.sweep.dir=outputs/held/lipophilicity
    python -m scripts.held_thresholds outputs/held/*

Releases of both trainings are compared in pairs over their runs, held less sought in every step.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from quantmia.report.numbers import with_interval
from quantmia.statistics import Interval
from quantmia.vocabulary import LAST
from scripts.compared import Fronts, compare, difference

NAME = "ternary_50"


def lines(sweep: Path) -> Iterator[str]:
    """What two trainings differ in: their fronts, the best checkpoint, the end.

    Args:
        sweep: with a folder of each, named after its `held`.

    Raises:
        FolderError: one of them has no front.
    """
    held, sought = (
        Fronts.read(sweep / f"+quantizer.{NAME}.held={steps}", NAME) for steps in (4, 1)
    )
    fronts = compare(held, sought)
    yield f"{sweep.name}: fronts {fronts.verdict}"
    yield f"  utility at the best checkpoint {_shown(fronts.utility)}"
    for what, called in (("utility", "utility"), ("advantage", "MIS")):
        found = difference(held, sought, lambda _: (NAME, LAST), what)
        yield f"  {called} at the end {_shown(found)}"


def _shown(found: Interval) -> str:
    return with_interval(found.value, found.low, found.high)


def main() -> None:
    """Print them for every data set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("sweeps", type=Path, nargs="+", help="folders, one a data set")
    for sweep in parser.parse_args().sweeps:
        print(*lines(sweep), sep="\n")


if __name__ == "__main__":
    main()
