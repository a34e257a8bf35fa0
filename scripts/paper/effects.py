"""The effects that the paper's claims are about, setting by setting, each with its interval."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from quantmia.statistics import Interval
from scripts.paper.ablations import low_loss, validation
from scripts.paper.cases import Case, State, above, below
from scripts.paper.numbers import KEYS, Numbers
from scripts.paper.record import MEASURED
from scripts.paper.repeated import TRUSTED, agreement_of, averaged, over_repetitions
from scripts.paper.tables import DATA, on_paper_mixture

ORDER = ("ternary_50", "sign", "uniform_2", "uniform_5")
SPARSE = "ternary_90"
MEASURES = {"r_q": "r_Q", f"mis_{TRUSTED}": f"MIS by {TRUSTED}"}
AGREES = 0.8
PLATEAU = 0.1
FEW = 20


Compare = Callable[[Interval, float], State]


def same_order(numbers: Numbers, measures: Sequence[str] = tuple(MEASURES)) -> list[Case]:
    """Neighbours of the paper's ranking on its mixture, by r_Q and by an attack."""
    found = []
    for (study, setting), mine in _settings(numbers, ("mixtures",)):
        for measure in measures:
            wide = mine.pivot(index="repetition", columns="quantizer", values=measure)
            for more, less in pairwise(ORDER):
                if not {more, less} <= set(wide):
                    continue
                effect, values = _further(wide[more], wide[less], measure)
                effect = f"{effect}, {more} against {less}"
                found.append(_case(study, setting, effect, over_repetitions(values), above, 0))
    return found


def agrees(numbers: Numbers, studies: Sequence[str] = DATA) -> list[Case]:
    """Spearman of r_Q by the runs of one repetition with MIS."""
    table = agreement_of(numbers, "r_q")
    effect = f"Spearman of r_Q with MIS by {TRUSTED}"
    return _each(table[table["study"].isin(studies)], "spearman", effect, AGREES)


def discriminator_is_late(numbers: Numbers) -> list[Case]:
    """Spearman of the discriminator's ranking by few runs with LiRA on other runs."""
    table = numbers.needed
    mine = table[(table["estimator"] == "whitebox") & (table["runs"] == FEW)]
    effect = f"Spearman of the discriminator by {FEW} runs with LiRA on other runs"
    found = []
    for row in mine.to_dict("records"):
        spread = Interval(row["spearman"], row["low"], row["high"])
        study = MEASURED.format(row["setting"])
        found.append(_case(study, "default", effect, spread, below, AGREES))
    return found


def sparse_is_private(numbers: Numbers, studies: Sequence[str] = DATA) -> list[Case]:
    """The sparsest quantizer against the most private of the others, by r_Q and by an attack."""
    return _against_others(numbers, studies, tuple(MEASURES), above)


def sparse_is_useless(numbers: Numbers) -> list[Case]:
    """The sparsest quantizer's utility against the least of the others'."""
    return _against_others(numbers, DATA, ["utility"], below)


def worse_than_the_mean(
    numbers: Numbers, studies: Sequence[str] = ("lipophilicity", "esol", "freesolv", "logbb")
) -> list[Case]:
    """R^2 of the sparsest quantizer in regression."""
    table = numbers.repetitions[numbers.repetitions["quantizer"] == SPARSE]
    table = averaged(table[table["study"].isin(studies)], "utility", "utility")
    return _each(table, "utility", f"R² of {SPARSE}", 0, below)


def plateau(numbers: Numbers, shares: Sequence[str] = ("0.4",)) -> list[Case]:
    """What holding out half of the data adds to the stability of the ranking by r_Q."""
    table = validation(numbers)
    if not len(table):
        return []
    rows = {row["share"]: row for row in table.to_dict("records")}
    found = []
    for share in shares:
        if not {share, "0.5"} <= rows.keys():
            continue
        most, less = rows["0.5"], rows[share]
        gain = most["stability"] - less["stability"]
        # Other samples and other runs: independent, so that the half-widths add in squares.
        half = float(np.hypot(*(row["stability_high"] - row["stability"] for row in (most, less))))
        effect = f"stability at 0.5 less that at {share}"
        spread = Interval(gain, gain - half, gain + half)
        setting = f"split.validation={share}"
        found.append(_case("validation", setting, effect, spread, below, PLATEAU))
    return found


def low_loss_dominates(numbers: Numbers, studies: Sequence[str] = DATA) -> list[Case]:
    """Share of runs in which sigma^2 comes from the half of lower loss."""
    table = low_loss(numbers)
    effect = "share of runs in which a low-loss checkpoint gives sigma²"
    return _each(table[table["study"].isin(studies)], "low_loss_dominates", effect, 0.5)


def _against_others(
    numbers: Numbers, studies: Sequence[str], measures: Sequence[str], compare: Compare
) -> list[Case]:
    """The sparsest quantizer against the most private, or for utility the worst, of the others."""
    found = []
    for (study, setting), mine in _settings(numbers, studies):
        for measure in measures:
            wide = mine.pivot(index="repetition", columns="quantizer", values=measure)
            others = wide.drop(columns=SPARSE).mean()
            if others.isna().all():
                continue
            other = others.idxmin() if measure == "utility" else others.idxmax()
            effect, values = _further(wide[SPARSE], wide[other], measure)
            found.append(_case(study, setting, effect, over_repetitions(values), compare, 0))
    return found


def _further(one: pd.Series, other: pd.Series, measure: str) -> tuple[str, np.ndarray]:
    """How far one quantizer is above another in every repetition; r_Q by its decimal logarithm."""
    if measure == "r_q":
        return "log₁₀ of the ratio of r_Q", np.log10((one / other).to_numpy(float))
    name = MEASURES.get(measure, measure)
    return f"difference of {name}", (one - other).to_numpy(float)


def _settings(
    numbers: Numbers, studies: Sequence[str]
) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    """Rows of the repetitions by setting; of the mixtures, where asked for alone, the paper's."""
    table = numbers.repetitions[numbers.repetitions["study"].isin(studies)]
    if tuple(studies) == ("mixtures",):
        table = on_paper_mixture(table)
    for (study, setting), mine in table.groupby(KEYS, sort=False):
        yield (str(study), str(setting)), mine


def _each(
    table: pd.DataFrame, column: str, effect: str, threshold: float, compare: Compare = above
) -> list[Case]:
    return [
        _case(row["study"], row["setting"], effect, _interval(row, column), compare, threshold)
        for row in table.to_dict("records")
    ]


def _case(
    study: str, setting: str, effect: str, found: Interval, compare: Compare, threshold: float
) -> Case:
    return Case(study, setting, effect, found, compare(found, threshold))


def _interval(row: dict[Any, Any], column: str) -> Interval:
    return Interval(*(float(row[f"{column}{end}"]) for end in ("", "_low", "_high")))
