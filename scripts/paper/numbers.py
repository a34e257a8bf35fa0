"""The numbers behind tables, figures and claims, collected from sweeps into a few CSV files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from quantmia.errors import FolderError
from quantmia.files import write_text
from quantmia.ranking.tables import attacks_of
from quantmia.runs.folder import RunFolder
from quantmia.statistics import Interval, mean_defined, spearman
from scripts.paper.studies import Setting

COUNTS = (4, 8, 12, 20, 40)  # and all; subsets of more than half would be nearly the same
DRAWS = 200
VARIANTS = ("paper", "low_loss", "rate")
KEYS = ["study", "setting"]


@dataclass(frozen=True, eq=False)  # tables have no equality; one is itself
class Numbers:
    """Everything that the tables are made of; rows begin with `study, setting`.

    Args:
        rankings: `ranking.csv` of all runs of a setting.
        repetitions: a row a repetition, which is named by its seed, and quantizer: r_Q in every
            variant and on every grid, diagnostics, MIS and utility of its runs.
        counts: Spearman of r_Q on random subsets of the runs with the MIS that an attack finds on
            all of them: `attack, runs, spearman` (mean over the subsets) with the middle 95 % of
            the subsets, none for all runs, and `disjoint`, how many subsets of that size are.
        needed: `efficiency.csv` of settings with 300 runs: agreement of every estimator with LiRA
            on 150 other runs; without `study`.
        fronts: `front.csv` of settings of which several checkpoints are released, with their
            `runs` and `utility_loss`.
    """

    rankings: pd.DataFrame
    repetitions: pd.DataFrame
    counts: pd.DataFrame
    needed: pd.DataFrame
    fronts: pd.DataFrame

    def write(self, folder: Path) -> None:
        """A CSV file each, with eight digits.

        Args:
            folder: made if it is not there.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in vars(self).items():
            text = table.to_csv(index=False, float_format="%.8g")
            write_text(folder / f"{name}.csv", text)

    @classmethod
    def read(cls, folder: Path) -> "Numbers":
        """What `write` wrote.

        Args:
            folder: of the files.

        Raises:
            FolderError: a file is missing.
        """
        names = [each.name for each in fields(cls)]
        for name in names:
            if not (folder / f"{name}.csv").is_file():
                raise FolderError(f"{folder / f'{name}.csv'} is missing: 'make tables' writes it.")
        return cls(**{name: pd.read_csv(folder / f"{name}.csv") for name in names})


def collect(
    settings: Sequence[Setting], measured: Sequence[Path], fronts: Sequence[Setting]
) -> Numbers:
    """Collect from finished sweeps.

    Args:
        settings: of all studies.
        measured: folders of `quantmia efficiency`.
        fronts: settings of which several checkpoints are released.
    """
    together = [setting for setting in settings if setting.together is not None]
    needed = [pd.read_csv(folder / "efficiency.csv") for folder in measured]
    columns = ["setting", "estimator", "runs", "spearman", "low", "high", "draws", "disjoint"]
    return Numbers(
        rankings=_stacked(together, lambda each: _of_all(each, "ranking").drop(columns="flags")),
        repetitions=_stacked(settings, _repetitions),
        counts=_stacked(together, _counts),
        needed=pd.concat(
            [t.assign(setting=f.name) for t, f in zip(needed, measured, strict=True)]
            or [pd.DataFrame(columns=columns)]
        )[columns],
        fronts=_stacked(fronts, _front),
    )


def _stacked(settings: Sequence[Setting], table: Callable[[Setting], pd.DataFrame]) -> pd.DataFrame:
    parts = []
    for setting in settings:
        part = table(setting)
        part.insert(0, "study", setting.study)
        part.insert(1, "setting", setting.label)
        parts.append(part)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=KEYS)


def _of_all(setting: Setting, name: str) -> pd.DataFrame:
    assert setting.together is not None
    return pd.read_csv(setting.together / f"{name}.csv")


def _front(setting: Setting) -> pd.DataFrame:
    """The releases, by all runs."""
    release = RunFolder(setting.repetitions[0]).manifest()["config"]["release"]
    runs = int(_of_all(setting, "ranking")["runs"].iloc[0])
    return _of_all(setting, "front").assign(runs=runs, utility_loss=release["utility_loss"])


def _repetitions(setting: Setting) -> pd.DataFrame:
    """One row a repetition and quantizer."""
    key = ["repetition", "quantizer"]
    ranking = setting.repeated("ranking")
    mis = [f"mis_{attack}" for attack in attacks_of(ranking)]
    facts = ranking[[*key, "runs", "r_q", "utility", "utility_metric", *mis]]
    r = setting.repeated("indicator").pivot_table(index=key, columns="variant", values="r")
    variants = r.reindex(columns=list(VARIANTS[1:])).add_prefix("r_q_").reset_index()
    return facts.merge(variants, on=key, how="left").merge(setting.repeated("diagnostics"), on=key)


def _counts(setting: Setting) -> pd.DataFrame:
    """Spearman of r_Q by few runs with the MIS of all runs."""
    ranking = _of_all(setting, "ranking").set_index("quantizer")
    indicator = _of_all(setting, "indicator")
    r = indicator[indicator["variant"] == "paper"].pivot(
        index="quantizer", columns="run", values="r"
    )
    values = r.loc[ranking.index].to_numpy(float)
    n_runs = values.shape[1]
    rng = np.random.default_rng(0)
    rows = []
    for count in [each for each in COUNTS if each < n_runs] + [n_runs]:
        draws = DRAWS if count < n_runs else 1
        subsets = [rng.permutation(n_runs)[:count] for _ in range(draws)]
        r_q = np.stack([mean_defined(values[:, subset]) for subset in subsets], axis=1)
        for attack in attacks_of(ranking):
            mis = ranking[f"mis_{attack}"].to_numpy(float)
            found = spearman(r_q, mis[:, None])
            found = found[np.isfinite(found)]
            row = {"attack": attack, "runs": count, "disjoint": n_runs // count}
            if len(found):
                low, high = np.percentile(found, [2.5, 97.5]) if draws > 1 else (np.nan, np.nan)
                rows.append(row | Interval(found.mean(), low, high).cells("spearman"))
    return pd.DataFrame(rows)
