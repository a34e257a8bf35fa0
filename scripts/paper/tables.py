"""The tables of the paper's studies: rankings, agreement with attacks, privacy against utility."""

from functools import reduce

import numpy as np
import pandas as pd

from quantmia.ranking.efficiency import runs_needed
from quantmia.ranking.tables import attacks_of
from scripts.paper.numbers import KEYS, Numbers
from scripts.paper.repeated import TRUSTED, agreement_of, averaged, ceilings
from scripts.paper.studies import factors

# Whose privacy is set against their utility, classification first; of the mixtures the paper's.
DATA = ("mixtures", "bbb", "lipophilicity", "esol", "freesolv", "logbb")
MIXTURE = {"dataset.modes": "8", "dataset.sigma": "2", "dataset.size": "1000"}
LEVELS = (0.8, 0.9)


def ranking(numbers: Numbers) -> pd.DataFrame:
    """The ranking of every setting by all its runs, most private first.

    Returns:
        `study, setting`, and of the columns of `ranking.csv` those that fit on a page: `quantizer`,
        `bits`, `utility`, `r_q`, `r_q_median`, `rank`, the AUC of the trusted attack and the MIS of
        every attack, with their intervals.
    """
    names = ["r_q", "r_q_median", "rank", f"auc_{TRUSTED}"]
    names += [f"mis_{attack}" for attack in attacks_of(numbers.rankings)]
    wanted = [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    columns = [*KEYS, "quantizer", "bits", "utility", *wanted]
    return numbers.rankings.reindex(columns=columns)


def agreement(numbers: Numbers) -> pd.DataFrame:
    """Spearman of r_Q with the MIS that every attack finds on all runs.

    r_Q of one repetition ranks as a user of that many runs would; r_Q of all runs ranks as well
    as it can here.

    Returns:
        `study, setting, attack`; the mean `spearman` of the repetitions with Student's interval,
        `spearman_together` of r_Q of all runs, and how many `runs` that is; and `ceiling`, the
        mean Spearman between the MIS of two repetitions by the trusted attack.
    """
    if numbers.counts.empty:
        return numbers.counts
    parts = []
    for attack in attacks_of(numbers.rankings):
        part = agreement_of(numbers, "r_q", attack=attack)
        part.insert(2, "attack", attack)
        parts.append(part)
    table = pd.concat(parts).sort_values(KEYS, kind="stable", key=_in_order(numbers.rankings))
    largest = numbers.counts.sort_values("runs").groupby([*KEYS, "attack"]).last()
    last = largest.rename(columns={"spearman": "spearman_together"})[["spearman_together", "runs"]]
    return table.merge(last.reset_index(), on=[*KEYS, "attack"]).merge(ceilings(numbers), on=KEYS)


def runs(numbers: Numbers) -> pd.DataFrame:
    """Spearman of r_Q with the MIS of all runs, against the number of runs that r_Q has.

    Returns:
        `study, setting, attack`, and a column `spearman_<runs>` a number with the middle 95 % of
        random subsets of that many runs.
    """
    if numbers.counts.empty:
        return numbers.counts
    counts = sorted(numbers.counts["runs"].unique())
    wide = numbers.counts.pivot(
        index=[*KEYS, "attack"],
        columns="runs",
        values=["spearman", "spearman_low", "spearman_high"],
    )
    columns = {
        f"spearman_{count}{end}": wide[f"spearman{end}", count]
        for count in counts
        for end in ("", "_low", "_high")
    }
    table = pd.DataFrame(columns).reset_index()
    return table.sort_values(
        KEYS, kind="stable", key=_in_order(numbers.rankings), ignore_index=True
    )


def needed(numbers: Numbers) -> pd.DataFrame:
    """From how many runs on every estimator ranks like LiRA on 150 other runs.

    Returns:
        `estimator`, and a column `<setting>_<Spearman>` each; empty where the largest number tried
        is not enough.
    """
    columns = {}
    for setting, mine in numbers.needed.groupby("setting", sort=False):
        table = runs_needed(mine).set_index("estimator").astype("Int64")
        columns |= {f"{setting}_{level}": table[f"runs_for_{level}"] for level in LEVELS}
    return pd.DataFrame(columns).rename_axis("estimator").reset_index()


def tradeoff(numbers: Numbers) -> pd.DataFrame:
    """Privacy against utility, classification beside regression.

    Returns:
        `scale, quantizer`, and for every data set `<data>_mis` by the trusted attack on all runs
        and `<data>_<metric>`, the mean over repetitions, each with its interval.
    """
    usefulness = utilities(numbers)
    parts = []
    for data in DATA:
        mine = on_paper_mixture(numbers.rankings[numbers.rankings["study"] == data])
        if not len(mine):
            continue
        metric = mine["utility_metric"].iloc[0]
        found = mine.merge(usefulness, on=[*KEYS, "quantizer"])
        found["scale"] = [
            factors(label).get("quantization.scale", "data") for label in found["setting"]
        ]
        names = {
            f"{old}{end}": f"{data}_{new}{end}"
            for old, new in ((f"mis_{TRUSTED}", "mis"), ("mean", metric))
            for end in ("", "_low", "_high")
        }
        parts.append(found.rename(columns=names)[["scale", "quantizer", *names.values()]])
    if not parts:
        return pd.DataFrame(columns=["scale", "quantizer"])
    return reduce(lambda a, b: a.merge(b, on=["scale", "quantizer"], how="outer"), parts)


def utilities(numbers: Numbers) -> pd.DataFrame:
    """Mean utility over the repetitions.

    Returns:
        `study, setting, quantizer, mean, mean_low, mean_high`.
    """
    parts = [
        averaged(mine, "utility", "mean").assign(quantizer=name)
        for name, mine in numbers.repetitions.groupby("quantizer", sort=False)
    ]
    return pd.concat(parts, ignore_index=True)


def on_paper_mixture(table: pd.DataFrame) -> pd.DataFrame:
    """The rows on the paper's mixture, or on no mixture.

    Args:
        table: with a column `setting`.
    """
    chosen = [
        {k: factors(label).get(k, v) for k, v in MIXTURE.items()} == MIXTURE
        for label in table["setting"]
    ]
    return table[np.array(chosen, bool)]


def _in_order(table: pd.DataFrame):
    """A sort key: the order in which studies and settings stand in a table."""
    places = {key: {name: n for n, name in enumerate(table[key].drop_duplicates())} for key in KEYS}
    return lambda column: column.map(places[column.name])
