"""The ablations: held-out share, checkpoint grid, low-loss restriction, regime, scale."""

import re

import numpy as np
import pandas as pd

from quantmia.statistics import Interval
from scripts.paper.numbers import KEYS, VARIANTS, Numbers
from scripts.paper.repeated import (
    OF_SPEARMAN,
    across,
    agreement_of,
    agreements,
    between,
    jackknifed,
    over_repetitions,
    shares,
)
from scripts.paper.studies import SCALE, factors, without_scale

GRID = re.compile(r"r_q_grid_(\d+)")


def validation(numbers: Numbers) -> pd.DataFrame:
    """How stable the ranking by r_Q is, and how right, by the share held out.

    Returns:
        `share`; `stability`, the mean Spearman between the rankings of repetitions that hold out
        other samples and train other runs, with its jackknife interval; and `spearman` with the
        MIS of the same runs.
    """
    agreed = agreement_of(numbers, "r_q")
    agreed = agreed[agreed["study"] == "validation"].set_index("setting")
    rows = []
    for share, (label, values) in _by_share(numbers).items():
        row: dict[str, float | str] = {"share": share}
        row |= jackknifed(values, between, OF_SPEARMAN).cells("stability")
        rows.append(row | agreed.loc[label].drop("study").to_dict())
    return pd.DataFrame(rows)


def stability_gain(numbers: Numbers, one: str, other: str) -> Interval | None:
    """What a share held out adds to the stability over another; None if one is missing.

    The jackknife leaves out the same repetition of both, because their samples overlap.

    Args:
        numbers: collected.
        one: share.
        other: the share that adds.
    """
    found = _by_share(numbers)
    if not {one, other} <= found.keys():
        return None
    both = np.stack([found[other][1], found[one][1]])
    return jackknifed(both, lambda values: between(values[0]) - between(values[1]))


def stability_with(numbers: Numbers, share: str) -> dict[str, Interval]:
    """Mean Spearman of the ranking by r_Q at each other share with that at this one.

    Args:
        numbers: collected.
        share: held out.
    """
    found = _by_share(numbers)
    if share not in found:
        return {}
    return {
        other: jackknifed(np.stack([found[share][1], values]), across, OF_SPEARMAN)
        for other, (_, values) in found.items()
        if other != share
    }


def grid(numbers: Numbers) -> pd.DataFrame:
    """Spearman of r_Q with MIS when only every n-th checkpoint is kept.

    Returns:
        `study, setting`, and a column `every_<n>` a grid: the mean over repetitions, with Student's
        interval; empty where a grid was not asked for or leaves too few checkpoints.
    """
    table = numbers.repetitions[KEYS].drop_duplicates()
    for column in numbers.repetitions:
        found = GRID.fullmatch(str(column))
        if found:
            each = agreement_of(numbers, found[0], f"every_{found[1]}")
            table = table.merge(each, on=KEYS)
    return table


def low_loss(numbers: Numbers) -> pd.DataFrame:
    """Whether a low-loss checkpoint makes sigma^2, and whether keeping to these helps.

    Returns:
        `study, setting`; `low_loss_dominates`, the share of runs in which the model that gives
        sigma^2 is in the half of lower loss, with the interval of Clopper and Pearson; and
        `spearman_<variant>` of r_Q with MIS, means over repetitions with Student's interval.
    """
    facts = numbers.repetitions.assign(
        low_loss=lambda table: 1 - table["dominated_by_high_loss"],
    )
    table = shares(facts, "low_loss", "low_loss_dominates")
    for variant in VARIANTS:
        column = "r_q" if variant == "paper" else f"r_q_{variant}"
        each = agreement_of(numbers, column, f"spearman_{variant}")
        table = table.merge(each, on=KEYS)
    return table


def regime(numbers: Numbers) -> pd.DataFrame:
    """How far training went, and how right r_Q then is.

    Returns:
        `study, setting`; `best_is_last`, the share of runs and quantizers whose best checkpoint is
        the last one, with the interval of Clopper and Pearson; and the `spearman` of r_Q with
        MIS, a mean over repetitions with Student's interval; `undefined`, in how many runs and
        quantizers there is no r_Q.
    """
    table = shares(numbers.repetitions, "best_is_last", "best_is_last")
    table = table.merge(agreement_of(numbers, "r_q"), on=KEYS)
    undefined = numbers.repetitions.groupby(KEYS)["undefined_runs"].sum().rename("undefined")
    return table.merge(undefined, on=KEYS)


def scale(numbers: Numbers) -> pd.DataFrame:
    """Codebooks fitted to the weights against fixed ones.

    Returns:
        `study, setting` without its scale; `spearman_<scale>` of r_Q with MIS and their
        `difference` (fixed minus fitted, paired by seed); `worst_<scale>`, the least utility of a
        quantizer and which `quantizer_<scale>` has it; means over repetitions with Student's
        interval.
    """
    agreed = agreements(numbers, "r_q")
    agreed = agreed[agreed["setting"].str.contains(f"{SCALE}=")]
    agreed["scale"] = [factors(label)[SCALE] for label in agreed["setting"]]
    agreed["rest"] = agreed["setting"].map(without_scale)
    rows = []
    for (study, rest), mine in agreed.groupby(["study", "rest"], sort=False):
        wide = mine.pivot(index="repetition", columns="scale", values="spearman")
        if not {"data", "unit"} <= set(wide):
            continue
        row: dict[str, float | str] = {"study": str(study), "setting": str(rest)}
        for kind in ("data", "unit"):
            found = over_repetitions(wide[kind].to_numpy(float), OF_SPEARMAN)
            row |= found.cells(f"spearman_{kind}")
        difference = (wide["unit"] - wide["data"]).to_numpy(float)
        row |= over_repetitions(difference).cells("difference")
        for kind in ("data", "unit"):
            labels = mine.loc[mine["scale"] == kind, "setting"]
            row |= _worst(numbers, str(study), labels.iloc[0], kind)
        rows.append(row)
    return pd.DataFrame(rows)


def _by_share(numbers: Numbers) -> dict[str, tuple[str, np.ndarray]]:
    """By the share held out: the setting's label, and r_Q [quantizers, repetitions]."""
    table = numbers.repetitions[numbers.repetitions["study"] == "validation"]
    return {
        factors(str(label))["split.validation"]: (str(label), _wide(mine, "r_q"))
        for label, mine in table.groupby("setting", sort=False)
    }


def _worst(numbers: Numbers, study: str, label: str, kind: str) -> dict[str, float | str]:
    table = numbers.repetitions
    mine = table[(table["study"] == study) & (table["setting"] == label)]
    wide = _wide(mine, "utility")
    names = list(
        mine.loc[mine["repetition"] == mine["repetition"].iloc[0], "quantizer"].sort_values()
    )
    place = int(np.argmin(wide.mean(1)))
    worst = over_repetitions(wide[place]).cells(f"worst_{kind}")
    return {f"quantizer_{kind}": names[place], **worst}


def _wide(table: pd.DataFrame, column: str) -> np.ndarray:
    """[quantizers, repetitions] of one setting, the quantizers by name."""
    return table.pivot(index="quantizer", columns="repetition", values=column).to_numpy(float)
