"""The front of privacy and utility: every release a row, and what quantizing gains."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from quantmia.attacks.metrics import mis_upper
from quantmia.ranking.conclusion import REFERENCE
from quantmia.ranking.gains import Figures, gains
from quantmia.ranking.pareto import undominated
from quantmia.ranking.releases import Release, Releases
from quantmia.statistics import Bootstrap, Interval
from quantmia.vocabulary import BEST

UNKNOWN = Interval(np.nan, np.nan, np.nan)
FLAGGED = "tpr_at_fpr_0.01"  # of the attack that orders


def front(releases: Releases, metric: str, bootstrap: Bootstrap) -> pd.DataFrame:
    """One row a release, those of a quantizer together and in the order of their epochs.

    Args:
        releases: all of them. Who is on the front is decided by the AUC of the trusted attack,
            what is gained by its MIS.
        metric: of the utility.
        bootstrap: of the runs and samples.
    """
    trusted, made = releases.trusted, releases.made
    gained, saved = _gained(releases, bootstrap), _saved(made, trusted, bootstrap)
    utility = np.array([each.utility.value for each in made])
    auc = np.array([each.results[trusted].auc.value for each in made])
    on_front = undominated(-auc, utility) & np.isfinite(utility)
    rows = []
    for release, gain, more, on in zip(made, gained, saved, on_front, strict=True):
        row: dict[str, Any] = {
            "quantizer": release.quantizer,
            "checkpoint": release.checkpoint,
            "epoch": release.epoch,
            "bits": release.bits,
            **release.utility.cells("utility"),
            "utility_metric": metric,
        }
        for attack, result in release.results.items():
            row |= result.auc.cells(f"auc_{attack}") | result.mis.cells(f"mis_{attack}")
        row["mis_upper"] = mis_upper(list(release.results.values()), bootstrap)
        row |= {FLAGGED: release.flagged} | gain.cells("gain") | more.cells("saved")
        rows.append(row | {"on_front": int(on)})
    names = [each.quantizer for each in made]
    order = sorted(range(len(made)), key=lambda i: (names.index(names[i]), made[i].epoch))
    return pd.DataFrame([rows[i] for i in order])


def _gained(releases: Releases, bootstrap: Bootstrap) -> list[Interval]:
    """Of every release; unknown of full precision itself, and where it was not looked at."""
    unquantized = [each for each in releases.made if each.quantizer == REFERENCE]
    quantized = [each for each in releases.made if each.quantizer != REFERENCE]
    if not (unquantized and quantized):
        return [UNKNOWN] * len(releases.made)
    ours, theirs = (Figures.of(each, releases.trusted) for each in (quantized, unquantized))
    found = iter(gains(ours, theirs, releases.guess, bootstrap))
    return [UNKNOWN if each.quantizer == REFERENCE else next(found) for each in releases.made]


def _saved(made: Sequence[Release], attack: str, bootstrap: Bootstrap) -> list[Interval]:
    """MIS of every release, less that of what people ship: full precision at its best loss."""
    usual = next(
        (each for each in made if (each.quantizer, each.checkpoint) == (REFERENCE, BEST)), None
    )
    if usual is None:
        return [UNKNOWN] * len(made)
    theirs, mine = usual.results[attack], [each.results[attack] for each in made]
    # All together, because one of them is chosen after looking.
    return bootstrap.simultaneous(
        np.array([theirs.advantage.value - each.advantage.value for each in mine]),
        np.stack([theirs.resampled - each.resampled for each in mine]),
    )
