"""The tables of the paper's studies."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy.stats import t

from quantmia.statistics import Interval, spearman
from scripts.paper.studies import Setting

CONFIDENCE = 0.95


def ranking(settings: Sequence[Setting]) -> pd.DataFrame:
    """The ranking of every setting by all its runs.

    Args:
        settings: of all studies.

    Returns:
        `study, setting` and the columns of `ranking.csv`.
    """
    return _stacked(settings, lambda setting: setting.table("ranking").drop(columns="flags"))


def agreement(settings: Sequence[Setting]) -> pd.DataFrame:
    """Spearman of r_Q with the MIS that every attack finds on all runs.

    r_Q of one repetition ranks as a user of that many runs would; r_Q of all runs ranks as well
    as it can here.

    Args:
        settings: of all studies.

    Returns:
        `study, setting, attack`; `runs` of a repetition, the mean `spearman` over the repetitions
        with Student's interval, and `repetitions`; `runs_together` and
        `spearman_together`.
    """
    return _stacked(settings, _agreement)


def regime(settings: Sequence[Setting]) -> pd.DataFrame:
    """How far training went, and what r_Q then says.

    Args:
        settings: of all studies.

    Returns:
        `study, setting`; mean over quantizers and repetitions of `best_is_last` and
        `dominated_by_high_loss`, each with Student's interval `_low, _high` over the repetitions.
    """
    return _stacked(settings, _regime)


def over_repetitions(values: np.ndarray) -> Interval:
    """Mean of the repetitions with Student's interval; without ends if there is only one.

    Args:
        values: one a repetition; NaN are left out.
    """
    values = values[np.isfinite(values)]
    if not len(values):
        return Interval(np.nan, np.nan, np.nan)
    mean = float(values.mean())
    if len(values) == 1:
        return Interval(mean, np.nan, np.nan)
    error = values.std(ddof=1) / np.sqrt(len(values))
    half = float(t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * error)
    return Interval(mean, mean - half, mean + half)


def _stacked(settings: Sequence[Setting], table: Callable[[Setting], pd.DataFrame]) -> pd.DataFrame:
    parts = []
    for setting in settings:
        part = table(setting)
        part.insert(0, "study", setting.study)
        part.insert(1, "setting", setting.label)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _agreement(setting: Setting) -> pd.DataFrame:
    together = setting.table("ranking").set_index("quantizer")
    repeated = setting.repeated("ranking")
    r_q = repeated.pivot(index="quantizer", columns="repetition", values="r_q")
    attacks = [
        column.removeprefix("mis_")
        for column in map(str, together)
        if f"{column}_low" in together and column.startswith("mis_")
    ]
    rows = []
    for attack in attacks:
        mis = together[f"mis_{attack}"]
        each = spearman(r_q.loc[mis.index].to_numpy(float), mis.to_numpy(float)[:, None])
        mean = over_repetitions(each)
        alone = float(spearman(together["r_q"].to_numpy(float), mis.to_numpy(float)))
        rows.append(
            {
                "attack": attack,
                "runs": int(repeated["runs"].median()),
                "spearman": mean.value,
                "spearman_low": mean.low,
                "spearman_high": mean.high,
                "repetitions": len(each),
                "runs_together": int(together["runs"].iloc[0]),
                "spearman_together": alone,
            }
        )
    return pd.DataFrame(rows)


def _regime(setting: Setting) -> pd.DataFrame:
    means = setting.repeated("diagnostics").groupby("repetition")
    row: dict[str, float] = {}
    for column in ("best_is_last", "dominated_by_high_loss"):
        mean = over_repetitions(means[column].mean().to_numpy(float))
        row |= {column: mean.value, f"{column}_low": mean.low, f"{column}_high": mean.high}
    return pd.DataFrame([row])
