"""The user's own data: a table or arrays, of numbers, categories or molecules."""

import zipfile
from collections.abc import Callable, Sequence, Sized
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quantmia.data.dataset import Dataset, Dropped
from quantmia.data.embedders import Embedder, embed
from quantmia.data.molecules import usable
from quantmia.data.numeric import encode, first_of_its_kind
from quantmia.data.table import column, read_table
from quantmia.data.target import Target, read_target
from quantmia.errors import DataError
from quantmia.progress import Progress
from quantmia.tasks import TaskName


def csv(
    name: str,
    path: str,
    target: str,
    cache: Path,
    progress: Progress,
    embedder: Embedder | None = None,
    smiles: str | None = None,
    features: Sequence[str] | None = None,
    categorical: Sequence[str] = (),
    identifier: str | None = None,
    task: TaskName | None = None,
    positive: str | None = None,
    separator: str | None = None,
    encoding: str | None = None,
    decimal: str = ".",
    duplicates: Literal["drop", "keep"] = "drop",
    mixtures: Literal["drop", "keep", "largest"] = "drop",
) -> Dataset:
    """A file of molecules or of numbers with a target each (CSV, TSV, Parquet, also compressed).

    Args:
        name: what reports call it.
        path: of the file.
        target: column of the targets.
        cache: folder of the embeddings.
        progress: shows the embedding's rate and says what was found.
        embedder: turns structures into features.
        smiles: column of the structures; without it the features are columns of the table.
        features: their names (default: all but target and identifier).
        categorical: those of them that are categories though they look like numbers.
        identifier: column that names the samples (default: the SMILES, or the row).
        task: kind of target; found in it by default.
        positive: the label that counts as 1, all others as 0.
        separator: between columns; by the file's name by default.
        encoding: of the text; UTF-8 by default.
        decimal: the mark before decimals.
        duplicates: of molecules or of whole rows of features: keep the first, or all. A sample that
            is there twice can be member and non-member at once, which spoils an attack.
        mixtures: SMILES of several fragments, salts among them: drop, keep, or keep the largest
            fragment.

    Raises:
        DataError: the file cannot be read, a column is not there, or no rows are left.
    """
    if smiles is not None and features is not None:
        raise DataError(
            "dataset.smiles and dataset.features: choose one; molecules are embedded, and their "
            "other columns are not used"
        )
    if smiles is not None and embedder is None:
        raise DataError("embedder=none: dataset.smiles holds molecules; use embedder=minimol")
    table = read_table(path, separator, encoding, decimal)
    chosen: list[str] = []
    read = read_target(column(table, "dataset.target", target), target, task, positive)
    own_names = None if identifier is None else column(table, "dataset.identifier", identifier)
    if smiles is not None:
        structures = column(table, "dataset.smiles", smiles).astype(object)
        names = _named(structures if own_names is None else own_names)
        keep, dropped = usable(structures, read.faults, names, mixtures, duplicates == "drop")
        _refuse_nothing(path, keep, dropped)
        chosen = list(keep.values())
        assert embedder is not None
        found = embed(embedder, chosen, cache, progress)
        rows = np.array(list(keep), np.int64)
    else:
        skipped = {target, identifier}
        wanted = list(features or [each for each in map(str, table) if each not in skipped])
        encoded = encode(table, wanted, set(categorical), read.faults, chosen=features is not None)
        names = _named(own_names) if own_names is not None else _row_names(len(table))
        rows, found, dropped = _filtered(encoded.faults, encoded.of, names, duplicates)
        _refuse_nothing(path, rows, dropped)
    made = _finish(name, read, rows, found, names, dropped, progress)
    return replace(made, structures=tuple(chosen))


def npz(
    name: str,
    path: str,
    progress: Progress,
    features: str = "X",
    target: str = "y",
    identifier: str | None = None,
    task: TaskName | None = None,
    positive: str | None = None,
    duplicates: Literal["drop", "keep"] = "drop",
) -> Dataset:
    """Arrays that `numpy.savez` wrote, without pickles.

    Args:
        name: what reports call it.
        path: of the file.
        progress: says what was found.
        features: array of numbers [samples, ...]; a sample may have any shape that the model takes.
        target: array [samples] of numbers or labels.
        identifier: array [samples] of names (default: the row).
        task: kind of target; found in it by default.
        positive: the label that counts as 1, all others as 0.
        duplicates: of whole samples: keep the first, or all.

    Raises:
        DataError: the file cannot be read, an array is not there or has the wrong shape.
    """
    arrays = _read_arrays(path, [features, target, *([identifier] if identifier else [])])
    x, y = arrays[features], arrays[target]
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if x.ndim < 2 or y.ndim != 1 or len(x) != len(y) or x.dtype.kind not in "biuf":
        raise DataError(
            f"dataset.path={path}: {features} has shape {list(x.shape)} of {x.dtype} and {target} "
            f"{list(y.shape)}; wanted are numbers [samples, ...] and as many targets [samples]"
        )
    read = read_target(pd.Series(y), target, task, positive)
    with np.errstate(over="ignore"):
        values = np.asarray(x).astype(np.float32)
    finite = np.asarray(np.isfinite(values).reshape(len(values), -1).all(1))
    bad = pd.Series(~finite)
    faults = read.faults.mask(bad & read.faults.isna(), "missing or infinite feature")
    names = _row_names(len(y)) if identifier is None else _named(pd.Series(arrays[identifier]))
    rows, found, dropped = _filtered(faults, lambda rows: values[rows], names, duplicates)
    _refuse_nothing(path, rows, dropped)
    return _finish(name, read, rows, found, names, dropped, progress)


def _read_arrays(path: str, names: list[str]) -> dict[str, NDArray]:
    try:
        with Path(path).open("rb") as stream:  # numpy leaves a damaged one open
            file = np.load(stream, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise DataError(f"dataset.path={path}: holds one array; numpy.savez writes several")
            missing = [name for name in names if name not in file]
            if missing:
                raise DataError(
                    f"dataset.path={path}: there is no array {missing[0]} (there are "
                    f"{', '.join(file)}); name them with dataset.features and dataset.target"
                )
            return {name: file[name] for name in names}
    except FileNotFoundError:
        raise DataError(f"dataset.path={path}: does not exist") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"dataset.path={path}: cannot be read as arrays without pickles: {error}"
        ) from error


def _filtered(
    faults: pd.Series,
    features_of: Callable[[NDArray[np.int64]], NDArray],
    names: pd.Series,
    duplicates: str,
) -> tuple[NDArray[np.int64], NDArray, list[Dropped]]:
    """Rows without fault, each content once; their features; and what was dropped."""
    reasons = {int(row): str(faults.iloc[row]) for row in np.flatnonzero(faults.notna())}
    rows = np.flatnonzero(faults.isna())
    found = features_of(rows)
    if duplicates == "drop":
        first = first_of_its_kind(found)
        again = first != np.arange(len(rows))
        for row, other in zip(rows[again], rows[first[again]], strict=True):
            reasons[int(row)] = f"same features as row {other}"
        rows, found = rows[~again], found[~again]
    dropped = [Dropped(row, names.iloc[row], reasons[row]) for row in sorted(reasons)]
    return rows, found, dropped


def _refuse_nothing(path: str, rows: Sized, dropped: list[Dropped]) -> None:
    if not len(rows):
        reasons = pd.Series([each.kind for each in dropped]).value_counts()
        shown = ", ".join(f"{reason}: {count}" for reason, count in reasons.items())
        raise DataError(f"dataset.path={path}: none of {len(dropped)} rows can be used ({shown})")


def _finish(
    name: str,
    read: Target,
    rows: NDArray[np.int64],
    found: NDArray,
    names: pd.Series,
    dropped: list[Dropped],
    progress: Progress,
) -> Dataset:
    values = read.of(rows)
    classes = ""
    if read.task != "regression":
        labels = read.labels(rows)
        classes = ", " + ", ".join(f"{n} = {label}" for n, label in enumerate(labels[:10]))
    progress.say(f"{name}: target {read.name}: {read.task} ({read.how}){classes}")
    return Dataset(
        name=name,
        features=np.ascontiguousarray(found, dtype=np.float32),
        target=values,
        task_name=read.task,
        identifiers=tuple(names.iloc[rows]),
        dropped=tuple(dropped),
    )


def _named(names: pd.Series) -> pd.Series:
    return names.astype(object).where(names.notna(), "").astype(str)


def _row_names(count: int) -> pd.Series:
    return pd.Series([f"row {row}" for row in range(count)])
