"""What a finished folder says, for the page and for people who go on with it in a notebook."""

import json
import os
import shlex
from dataclasses import dataclass, field
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from quantmia.errors import FolderError
from quantmia.report.tables import CONCLUSION
from quantmia.runs.folder import RunFolder

# What every ranking leaves, with columns that it has to have.
COLUMNS = {
    "ranking": ("quantizer", "bits", "r_q", "rank", "utility", "utility_metric", "runs", "flags"),
    "indicator": ("run", "quantizer", "variant", "r"),
    "attacks": ("quantizer", "attack", "auc", "mis"),
    "utility": ("run", "quantizer", "metric", "value"),
    "correlation": ("attack", "statistic", "value", "low", "high"),
    "pairs": ("quantizer", "other", "p_r_q"),
    "diagnostics": ("quantizer", "best_is_last"),
    "trajectory": ("quantizer", "epoch", "loss", "loss_low", "loss_high"),
    "roc": ("quantizer", "attack", "fpr", "tpr", "low", "high"),
    "epsilon": ("quantizer", "attack", "epsilon"),
}
OPTIONAL = ("roc", "epsilon")  # where there are attacks, or bounds
REQUIRED = tuple(name for name in COLUMNS if name not in OPTIONAL)
WORDS = (
    "quantizer",
    "other",
    "attack",
    "flags",
    "utility_metric",
    "metric",
    "statistic",
    "variant",
)
# Empty where there are no attacks, or only one quantizer.
MAY_BE_EMPTY = ("attacks", "pairs")


@dataclass(frozen=True)
class Report:
    """Tables of a folder as data frames, and figures that Jupyter displays.

    Args:
        path: the folder.
        tables: by file name without ending; columns as README describes them.
        conclusion: answer, warnings, the attack that orders the table, where the runs are.
        manifest: of the first folder with runs; empty where that is gone.
    """

    path: Path
    tables: dict[str, pd.DataFrame]
    conclusion: dict[str, Any]
    manifest: dict[str, Any] = field(default_factory=dict)

    @property
    def ranking(self) -> pd.DataFrame:
        """One row a quantizer, the most private first."""
        return self.tables["ranking"]

    @property
    def attacks(self) -> pd.DataFrame:
        """AUC, advantage, MIS and TPR at low FPR of every quantizer and attack."""
        return self.tables["attacks"]

    @property
    def indicator(self) -> pd.DataFrame:
        """r_Q of every run, quantizer and variant."""
        return self.tables["indicator"]

    @property
    def utility(self) -> pd.DataFrame:
        """Figures of merit of every run and quantizer."""
        return self.tables["utility"]

    @property
    def answer(self) -> str:
        """The conclusion in words."""
        return self.conclusion["answer"]

    @property
    def warnings(self) -> list[str]:
        """What to know before believing it."""
        return [warning["text"] for warning in self.conclusion["warnings"]]

    @property
    def trusted(self) -> str | None:
        """The attack that orders the ranking; None without attacks."""
        return self.conclusion["trusted"]

    @property
    def confidence(self) -> float:
        """Of every interval."""
        return self.conclusion["confidence"]

    @property
    def attack_names(self) -> list[str]:
        """The attacks, the one that orders the ranking first."""
        names = list(dict.fromkeys(self.attacks["attack"])) if self.trusted else []
        return sorted(names, key=lambda name: name != self.trusted)

    @property
    def metric(self) -> str:
        """The utility's name as people write it."""
        name = self.ranking["utility_metric"].iloc[0]
        return "R²" if name == "r2" else str(name)

    @property
    def folders(self) -> list[Path]:
        """Where the runs are."""
        return [self.path / folder for folder in self.conclusion["folders"]]

    @property
    def command(self) -> str | None:
        """Makes the folder again; None where it is not known."""
        if self.conclusion["folders"] == ["."]:
            return self.manifest.get("command")
        paths = [os.path.normpath(folder) for folder in self.folders]
        return shlex.join(["quantmia", "rank", *paths, "--output", str(self.path)])

    @property
    def name(self) -> str:
        """Of the data set, or of the folder where that is not known."""
        return self.manifest.get("dataset", {}).get("name") or self.path.name

    @cached_property
    def figures(self) -> dict[str, Any]:
        """Altair charts by name, what there is of: pareto, agreement, pairs, roc, trajectory, grid.

        Raises:
            QuantmiaError: the report extra is not installed.
        """
        from quantmia.report.figures import charts

        return charts(self)


def load(path: str | Path) -> Report:
    """Read the tables of a folder that `quantmia run` or `quantmia rank` wrote.

    Args:
        path: the folder.

    Raises:
        FolderError: it is missing, not finished or damaged; the message says what to do.
    """
    path = Path(path)
    if not path.is_dir():
        raise FolderError(f"{path} does not exist; name a folder that 'quantmia run' made.")
    absent = [name for name in REQUIRED if not (path / f"{name}.csv").exists()]
    if absent:
        raise FolderError(_unfinished(path, absent))
    tables = {name: _table(path / f"{name}.csv") for name in REQUIRED}
    tables |= {n: _table(path / f"{n}.csv") for n in OPTIONAL if (path / f"{n}.csv").exists()}
    conclusion = _json(path / CONCLUSION)
    if not {"answer", "warnings", "trusted", "confidence", "folders"} <= conclusion.keys():
        raise FolderError(
            f"{path / CONCLUSION} is missing or damaged; 'quantmia rank {path}' writes it again."
        )
    manifests = (_json(path / folder / "manifest.json") for folder in conclusion["folders"])
    return Report(path, tables, conclusion, next(filter(None, manifests), {}))


def _unfinished(path: Path, absent: list[str]) -> str:
    manifest = _json(path / "manifest.json")
    if manifest.get("state") == "running":
        folder, planned = RunFolder(path), manifest.get("runs", "?")
        done = sum(1 for _ in (folder.path / "scores").glob("run-*.safetensors"))
        return (
            f"{path} is not finished: {done} of {planned} runs are there. Repeat the command that "
            f"made it with hydra.run.dir={path} resume=true."
        )
    if not manifest and len(absent) == len(REQUIRED):
        return f"{path} holds no ranking; name a folder that 'quantmia run' or 'rank' made."
    if manifest.get("config", {}).get("shards", 1) > 1:
        return f"{path} is one of several shards; rank them together: quantmia rank DIR..."
    listed = ", ".join(f"{name}.csv" for name in absent)
    return f"{path} lacks {listed}: 'quantmia rank {path}' writes what is missing."


def _table(path: Path) -> pd.DataFrame:
    again = f"'quantmia rank {path.parent}' writes it again."
    try:
        text = path.read_text(encoding="utf-8")
        if not text.endswith("\n"):
            raise FolderError(f"{path} was cut; {again}")
        if not text.strip() and path.stem in MAY_BE_EMPTY:
            return pd.DataFrame()
        # An empty cell is an undefined number, but in a column of words it is a word.
        table = pd.read_csv(StringIO(text), keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:  # pandas' own are ValueErrors
        said = " ".join(str(error).split())
        raise FolderError(f"{path} cannot be read ({said}); {again}") from None
    lacks = [each for each in COLUMNS[path.stem] if each not in table]
    if lacks:
        raise FolderError(f"{path} lacks the column {lacks[0]}; {again}")
    if table.empty and path.stem not in MAY_BE_EMPTY:
        raise FolderError(f"{path} is empty; {again}")
    for column in map(str, table):
        if column in WORDS:
            table[column] = table[column].astype(object).where(table[column].notna(), "")
            continue
        number = pd.to_numeric(table[column], errors="coerce")
        if (number.isna() & table[column].notna()).any():
            raise FolderError(f"{path} has words in the column {column}; {again}")
        table[column] = number
    return table


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
