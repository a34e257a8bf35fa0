"""Tables of a folder: whole and with their columns, or one message that says what to do."""

from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import pandas as pd

from quantmia.config.recorded import is_recording
from quantmia.errors import FolderError, as_override
from quantmia.files import read_json
from quantmia.parsing import EXACT
from quantmia.runs.folder import RunFolder

# What every ranking leaves, with columns that it has to have.
COLUMNS = {
    "ranking": ("quantizer", "bits", "utility", "utility_metric", "runs", "flags"),
    "indicator": ("run", "quantizer", "variant", "r"),
    "attacks": ("quantizer", "attack", "auc", "mis"),
    "utility": ("run", "quantizer", "metric", "value"),
    "correlation": ("attack", "statistic", "value", "low", "high"),
    "pairs": ("quantizer", "other"),
    "diagnostics": ("quantizer", "best_is_last"),
    "trajectory": ("quantizer", "epoch", "loss", "loss_low", "loss_high"),
    "front": ("quantizer", "checkpoint", "epoch", "utility", "mis_upper", "gain", "on_front"),
    "roc": ("quantizer", "attack", "fpr", "tpr", "low", "high"),
    "epsilon": ("quantizer", "attack", "epsilon"),
    "calibration": ("quantizer", "shown", "rows", "others", "attack", "auc"),
}
# Where there are several releases, attacks, bounds, or losses.
OF_LOSSES = ("indicator", "correlation", "diagnostics", "trajectory")
R_Q = {"ranking": ("r_q", "rank"), "pairs": ("p_r_q",)}  # columns that are there with these
OPTIONAL = ("front", "roc", "epsilon", "calibration", *OF_LOSSES)
REQUIRED = tuple(name for name in COLUMNS if name not in OPTIONAL)
WORDS = (
    "quantizer",
    "checkpoint",
    "other",
    "shown",
    "attack",
    "flags",
    "utility_metric",
    "metric",
    "statistic",
    "variant",
)
# Empty where there are no attacks, or only one quantizer.
MAY_BE_EMPTY = ("attacks", "pairs")


def read_tables(path: Path) -> dict[str, pd.DataFrame]:
    """The tables of a ranking.

    Args:
        path: their folder.

    Raises:
        FolderError: it is missing, not finished or damaged.
    """
    if not path.is_dir():
        raise FolderError(f"{path} does not exist; name a folder that 'quantmia run' made.")
    present = {name for name in COLUMNS if (path / f"{name}.csv").exists()}
    # Of losses all or none: a ranking that knows r_Q has more to say of it.
    of_losses = bool(present & set(OF_LOSSES)) or _knows_r_q(path / "ranking.csv")
    wanted = [*REQUIRED, *(OF_LOSSES if of_losses else ())]
    absent = [name for name in wanted if name not in present]
    if absent:
        raise FolderError(_unfinished(path, absent))
    columns = {
        name: (*its, *(R_Q.get(name, ()) if of_losses else ())) for name, its in COLUMNS.items()
    }
    return {n: _table(path / f"{n}.csv", its) for n, its in columns.items() if n in present}


def _knows_r_q(path: Path) -> bool:
    """Whether a ranking is of losses; one that cannot be read is told of later."""
    try:
        with path.open(encoding="utf-8") as file:
            return "r_q" in file.readline().strip().split(",")
    except (OSError, ValueError):
        return False


def _unfinished(path: Path, absent: list[str]) -> str:
    manifest = read_json(path / "manifest.json")
    if manifest.get("state") == "running" and is_recording(manifest.get("config", {})):
        return f"{path} is not finished: 'quantmia status {path}' says what it lacks."
    if manifest.get("state") == "running":
        folder, planned = RunFolder(path), manifest.get("runs", "?")
        done = sum(1 for _ in (folder.path / "scores").glob("run-*.safetensors"))
        return (
            f"{path} is not finished: {done} of {planned} runs are there. Repeat the command that "
            f"made it with {as_override('hydra.run.dir', str(path))} resume=true."
        )
    if not manifest and len(absent) == len(REQUIRED):
        return f"{path} holds no ranking; name a folder that 'quantmia run' or 'rank' made."
    if manifest.get("config", {}).get("shards", 1) > 1:
        return f"{path} is one of several shards; rank them together: quantmia rank DIR..."
    listed = ", ".join(f"{name}.csv" for name in absent)
    return f"{path} lacks {listed}: 'quantmia rank {path}' writes what is missing."


def _table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    again = f"'quantmia rank {path.parent}' writes it again."
    try:
        text = path.read_text(encoding="utf-8")
        if not text.endswith("\n"):
            raise FolderError(f"{path} was cut; {again}")
        if not text.strip() and path.stem in MAY_BE_EMPTY:
            return pd.DataFrame()
        # An empty cell is an undefined number, but in a column of words it is a word.
        table = pd.read_csv(StringIO(text), keep_default_na=False, na_values=[""], **EXACT)
    except (OSError, ValueError) as error:  # pandas' own are ValueErrors
        said = " ".join(str(error).split())
        raise FolderError(f"{path} cannot be read ({said}); {again}") from None
    lacks = [each for each in columns if each not in table]
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
