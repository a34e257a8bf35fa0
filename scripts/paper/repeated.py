"""Means over the repetitions of a setting, with their intervals."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.stats import t

from quantmia.ranking.audit import TRUSTED as BEST_FIRST
from quantmia.statistics import Interval, exact_share, spearman
from scripts.paper.numbers import KEYS, Numbers

CONFIDENCE = 0.95
TRUSTED = BEST_FIRST[0]
Bounds = tuple[float, float]
ANYWHERE: Bounds = (-np.inf, np.inf)
OF_SPEARMAN: Bounds = (-1.0, 1.0)
NOTHING = Interval(np.nan, np.nan, np.nan)


def over_repetitions(
    values: np.ndarray, bounds: Bounds = ANYWHERE, confidence: float = CONFIDENCE
) -> Interval:
    """Mean of the repetitions with Student's interval.

    Args:
        values: one a repetition. A mean of those that are finite is given, but no interval if
            there are others, or only one.
        bounds: least and greatest value there can be, at which the interval ends.
        confidence: of the interval.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return NOTHING
    mean = float(finite.mean())
    if len(finite) < max(len(values), 2):
        return Interval(mean, np.nan, np.nan)
    error = values.std(ddof=1) / np.sqrt(len(values))
    half = float(t.ppf((1 + confidence) / 2, len(values) - 1) * error)
    return Interval(mean, max(mean - half, bounds[0]), min(mean + half, bounds[1]))


def share_of_runs(share: float, runs: int) -> Interval:
    """A share of runs with the interval of Clopper and Pearson (1934).

    A run is the unit: where its quantizers are averaged the interval is on the wide side, and it
    has a width even if all runs are alike.

    Args:
        share: of the runs, averaged over quantizers.
        runs: how many.
    """
    if not np.isfinite(share):
        return NOTHING
    return replace(exact_share(share * runs, runs, CONFIDENCE), value=share)


def jackknifed(
    values: np.ndarray, statistic: Callable[[np.ndarray], float], bounds: Bounds = ANYWHERE
) -> Interval:
    """A statistic of several repetitions at once, with Tukey's jackknife interval.

    Args:
        values: [..., repetitions].
        statistic: of such an array; NaN leaves no interval.
        bounds: least and greatest value there can be, at which the interval ends.
    """
    count = values.shape[-1]
    found = statistic(values)
    if count < 3:
        return Interval(found, np.nan, np.nan)
    without = np.array([statistic(np.delete(values, n, axis=-1)) for n in range(count)])
    pseudovalues = over_repetitions(count * found - (count - 1) * without)
    half = (pseudovalues.high - pseudovalues.low) / 2
    return Interval(found, max(found - half, bounds[0]), min(found + half, bounds[1]))


def between(values: np.ndarray) -> float:
    """Mean Spearman between the rankings of every two repetitions.

    Args:
        values: [quantizers, repetitions].
    """
    first, second = np.triu_indices(values.shape[1], 1)
    return float(spearman(values[:, first], values[:, second]).mean()) if len(first) else np.nan


def across(values: np.ndarray) -> float:
    """Mean Spearman between rankings in two circumstances, of different repetitions.

    Args:
        values: [circumstance (2), quantizers, repetitions].
    """
    first, second = np.nonzero(~np.eye(values.shape[-1], dtype=bool))
    return float(spearman(values[0][:, first], values[1][:, second]).mean())


def agreement_of(
    numbers: Numbers, column: str, name: str = "spearman", attack: str = TRUSTED
) -> pd.DataFrame:
    """Mean over the repetitions of Spearman with MIS, with Student's interval.

    Args:
        numbers: collected.
        column: of the repetitions, as `r_q`.
        name: of the mean.
        attack: whose MIS.
    """
    return averaged(agreements(numbers, column, attack), "spearman", name, OF_SPEARMAN)


def ceilings(numbers: Numbers) -> pd.DataFrame:
    """How far two repetitions agree about MIS: the mean Spearman between their rankings by it.

    Args:
        numbers: collected.

    Returns:
        `study, setting, ceiling`.
    """
    rows = []
    for key, mine in numbers.repetitions.groupby(KEYS, sort=False):
        wide = mine.pivot(index="quantizer", columns="repetition", values=f"mis_{TRUSTED}")
        rows.append((*key, between(wide.to_numpy(float))))
    return pd.DataFrame(rows, columns=[*KEYS, "ceiling"])


@lru_cache(maxsize=64)  # several tables, figures and claims ask for the same
def agreements(numbers: Numbers, column: str, attack: str = TRUSTED) -> pd.DataFrame:
    """Spearman, in every repetition, of a column with the MIS that an attack finds.

    The MIS is that of all runs of the setting; where there is none, the repetition's own.

    Args:
        numbers: collected.
        column: of the repetitions.
        attack: whose MIS.

    Returns:
        `study, setting, repetition, spearman`.
    """
    mis = f"mis_{attack}"
    key = [*KEYS, "quantizer"]
    together = numbers.rankings.reindex(columns=[*key, mis]).rename(columns={mis: "reference"})
    table = numbers.repetitions.merge(together, on=key, how="left", indicator=True)
    if mis in table:  # some attacks need more runs than a repetition has
        own = table["_merge"] == "left_only"
        table["reference"] = table["reference"].astype(float).where(~own, table[mis])
    rows = []
    for key, mine in table.groupby([*KEYS, "repetition"], sort=False):
        found = spearman(mine[column].to_numpy(float), mine["reference"].to_numpy(float))
        rows.append((*key, float(found)))
    return pd.DataFrame(rows, columns=[*KEYS, "repetition", "spearman"])


def averaged(
    table: pd.DataFrame, column: str, name: str, bounds: Bounds = ANYWHERE
) -> pd.DataFrame:
    """The mean over the repetitions of every setting, with Student's interval.

    Args:
        table: `study, setting, repetition` and the column, which is first averaged within a
            repetition.
        column: of it.
        name: of the mean.
        bounds: least and greatest value there can be.

    Returns:
        `study, setting, name, name_low, name_high`, in the table's order.
    """
    rows = []
    for key, mine in table.groupby(KEYS, sort=False):
        means = mine.groupby("repetition")[column].mean()
        mean = over_repetitions(means.to_numpy(float), bounds)
        rows.append({**dict(zip(KEYS, key, strict=True)), **mean.cells(name)})
    return pd.DataFrame(rows, columns=[*KEYS, *NOTHING.cells(name)])


def shares(table: pd.DataFrame, column: str, name: str) -> pd.DataFrame:
    """The share of the runs of every setting, with the interval of Clopper and Pearson.

    Args:
        table: `study, setting, repetition, runs`, and the column, a share of a repetition's runs.
        column: of it.
        name: of the share.

    Returns:
        `study, setting, name, name_low, name_high`, in the table's order.
    """
    rows = []
    for key, mine in table.groupby(KEYS, sort=False):
        runs = int(mine.groupby("repetition")["runs"].first().sum())
        found = share_of_runs(float(mine[column].mean()), runs)
        rows.append({**dict(zip(KEYS, key, strict=True)), **found.cells(name)})
    return pd.DataFrame(rows, columns=[*KEYS, *NOTHING.cells(name)])
