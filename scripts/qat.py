"""One table of what training with a quantizer in the loop changes, in pairs over runs.

quantmia run -m +experiment=lipophilicity training.qat=null,sign,uniform_2
python scripts/qat.py outputs/sweeps/...
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from quantmia.ranking.conclusion import REFERENCE
from quantmia.ranking.joined import Pairs
from quantmia.ranking.resamples import Resamples
from quantmia.report.tables import markdown
from quantmia.statistics import Interval
from quantmia.sweep.conclude import rankings
from quantmia.sweep.plan import read_plan
from quantmia.vocabulary import BEST, LAST

AFTERWARDS, IN_THE_LOOP = "training.qat=null", "training.qat={}"


def rows(sweep: Path) -> Iterator[dict[str, str]]:
    """Of every quantizer that was trained with, what that changes at the last and best checkpoint.

    Args:
        sweep: over `training.qat`, null among them.
    """
    folders = rankings(read_plan(sweep))
    found = {name: Resamples.read(path) for name, path in folders.items()}
    plain = found.pop(AFTERWARDS)
    if plain is None:
        raise SystemExit(f"{sweep}: {AFTERWARDS} has no front; 'quantmia rank' writes it")
    for name, aware in found.items():
        quantizer = name.removeprefix(IN_THE_LOOP.format(""))
        if aware is None or aware.shared != plain.shared:
            raise SystemExit(f"{sweep}: {name} is not of the same members; run it again")
        pairs = Pairs.among({AFTERWARDS: plain, name: aware}, plain.attack)
        own = {key: gain for key, gain in pairs.gains.items() if key[1] == quantizer}
        yield {
            "data set": sweep.name,
            "quantizer": quantizer,
            **_compared("last", (plain, quantizer, LAST), (aware, quantizer, LAST)),
            **_compared("best", (plain, quantizer, BEST), (aware, quantizer, BEST)),
            **_compared("best, full precision", (plain, REFERENCE, BEST), (aware, quantizer, BEST)),
            "gain, afterwards": _most(own, AFTERWARDS),
            "gain, in the loop": _most(own, name),
        }


def _compared(
    label: str, before: tuple[Resamples, str, str], after: tuple[Resamples, str, str]
) -> dict[str, str]:
    """Utility and MIS of two releases, and their differences."""
    was, now = (
        each.figures.some([list(each.names).index((quantizer, at))])
        for each, quantizer, at in (before, after)
    )
    cells = {}
    for what, sign in (("utility", 1), ("advantage", -1)):
        old, new = (getattr(each, what)[0] for each in (was, now))
        again = [getattr(each, f"{what}_resampled")[0] for each in (was, now)]
        change = before[0].intervals.interval(sign * (new - old), sign * (again[1] - again[0]))
        shown = (old, new) if sign > 0 else (1 - old, 1 - new)
        named = "utility" if sign > 0 else "MIS"
        cells[f"{named}, {label}"] = f"{shown[0]:.3f}, {shown[1]:.3f}: {_signed(change)}"
    return cells


def _most(gains: dict[tuple[str, str, str], Interval], folder: str) -> str:
    """Over stopping earlier, of the checkpoint with the surest."""
    mine = [gain for (name, *_), gain in gains.items() if name == folder]
    return _signed(max(mine, key=lambda gain: gain.low))


def _signed(found: Interval) -> str:
    return f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"


def main(arguments: list[str]) -> None:
    """Print a Markdown table, a row a quantizer."""
    print(markdown(pd.DataFrame([row for each in arguments for row in rows(Path(each))])))


if __name__ == "__main__":
    main(sys.argv[1:])
