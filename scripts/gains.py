"""Does quantizing gain anything over stopping earlier? A table out of one run folder a data set.

python scripts/gains.py FOLDER...
"""

import sys
from pathlib import Path

import pandas as pd

from quantmia.ranking.advice import named
from quantmia.ranking.decision import Decision, Offer, Rule
from quantmia.report.load import Report, load
from quantmia.report.tables import markdown
from quantmia.statistics import Interval

ANY = Rule(float("inf"))  # whatever the utility


def row(folder: Path) -> dict[str, str]:
    """What the table says of one data set.

    Args:
        folder: of a finished run with a front.
    """
    report = load(folder)
    decision = report.decision
    assert decision is not None, f"{folder} has no front: release.checkpoints=last"
    assert decision.ship is not None
    anywhere = Decision.of(report.tables["front"], decision.attack, decision.runs, ANY)
    return {
        "data set": _name(report),
        "ship": _named(decision.ship),
        decision.metric: f"{decision.ship.utility:.3f}",
        "advantage at least": f"{1 - decision.ship.mis_upper:.3f}",
        "usually shipped": _costs(decision.usual),
        "surest gain within 5 %": _gain(decision),
        "verdict": verdict(decision),
        "surest gain anywhere": _gain(anywhere),
        "verdict anywhere": verdict(anywhere),
    }


def _name(report: Report) -> str:
    """Of the data set; of the job of a sweep with what tells it from the others."""
    job = report.path.resolve().name
    return f"{report.name}, {job}" if "=" in job else report.name


def verdict(decision: Decision) -> str:
    """Whether the surest gain is one.

    Args:
        decision: of a front.
    """
    if decision.gain is None:
        return "no quantized release is that useful"
    if decision.gain.low > 0:
        return "gains"
    return "loses" if decision.loses else "not shown"


def _named(offer: Offer) -> str:
    return f"`{named(offer.quantizer, offer.checkpoint, offer.epoch)}`"


def _costs(offer: Offer | None) -> str:
    return "" if offer is None else f"{offer.utility:.3f}, {1 - offer.mis_upper:.3f}"


def _gain(decision: Decision) -> str:
    gain: Interval | None = decision.gain
    if gain is None or decision.gained_by is None:
        return ""
    found = f"{gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
    return f"{_named(decision.gained_by)} {found}"


def main(arguments: list[str]) -> None:
    """Print a Markdown table, a row a folder."""
    rows = [row(Path(each)) for each in arguments]
    # The metrics of several tasks share a column.
    names: dict[str, str] = dict.fromkeys(("R²", "accuracy"), "utility")
    print(markdown(pd.DataFrame([{names.get(k, k): v for k, v in each.items()} for each in rows])))


if __name__ == "__main__":
    main(sys.argv[1:])
