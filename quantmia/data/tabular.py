"""The user's own data: a table or arrays, of numbers, categories or molecules."""

import zipfile
from collections.abc import Sequence, Sized
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge
from numpy.typing import NDArray

from quantmia.data.columns import ColumnName, column, named
from quantmia.data.dataset import Dataset, Dropped
from quantmia.data.embedded import embed
from quantmia.data.embedders import Embedder
from quantmia.data.layout import Written
from quantmia.data.molecules import usable
from quantmia.data.numeric import encode
from quantmia.data.precision import precise
from quantmia.data.table import read_table
from quantmia.data.target import Target, read_target
from quantmia.data.twins import Duplicates, once
from quantmia.data.written import Marks
from quantmia.errors import DataError
from quantmia.progress import Progress
from quantmia.tasks import TaskName

Label = str | int | float | bool


def csv(
    name: str,
    path: str,
    target: ColumnName,
    cache: Path,
    progress: Progress,
    embedder: Embedder | None = None,
    smiles: ColumnName | None = None,
    features: ColumnName | Sequence[ColumnName] | None = None,
    categorical: Sequence[ColumnName] = (),
    identifier: ColumnName | None = None,
    task: TaskName | None = None,
    positive: Label | None = None,
    separator: str | None = None,
    encoding: str | None = None,
    decimal: str = ".",
    thousands: str | None = None,
    header: bool = True,
    skip: Annotated[int, Ge(0)] = 0,
    comment: str | None = None,
    missing: Sequence[str | int | float] | None = None,
    duplicates: Duplicates = "drop",
    mixtures: Literal["drop", "keep", "largest"] = "drop",
) -> Dataset:
    """A file of molecules or of numbers with a target each (CSV, Parquet, Excel, SDF, SMILES).

    Args:
        name: what reports call it.
        path: of the file, which may be compressed.
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
        separator: between columns, a character or tab, semicolon, ...; found by default.
        encoding: of the text; UTF-8 by default.
        decimal: the mark before decimals.
        thousands: the mark between groups of three digits; none by default.
        header: whether the first line names the columns; else they are `column 1`, `column 2`, ...
        skip: lines to pass over at the beginning.
        comment: lines that begin with this character are passed over.
        missing: texts that say that there is nothing (default: those of pandas, such as NA, None).
        duplicates: of samples of the same features or the same molecule, `drop` keeps the first;
            `molecules` looks at the molecules alone; `keep` keeps all.
            A sample that is there twice can be member and non-member at once, which spoils an
            attack.
        mixtures: SMILES of several fragments, salts among them: drop, keep, or keep the largest
            fragment.

    Raises:
        DataError: the file cannot be read, a column is not there, or no rows are left.
    """
    chosen = features is not None
    if smiles is not None and chosen:
        raise DataError(
            "dataset.smiles and dataset.features: choose one; molecules are embedded, and their "
            "other columns are not used"
        )
    if smiles is not None and embedder is None:
        raise DataError("embedder=none: dataset.smiles holds molecules; use embedder=minimol")
    marks = Marks(decimal, thousands)
    if isinstance(features, ColumnName):  # one name
        features = [features]
    all_are_features = smiles is None and not features
    told = None if all_are_features else {str(target), *map(str, features or ())}
    others = [each for each in (smiles, identifier) if each is not None]
    needed = None if all_are_features else [target, *(features or ()), *categorical, *others]
    table = read_table(
        path,
        Written(
            separator=separator, encoding=encoding, decimal=decimal, header=header, skip=skip,
            comment=comment, missing=None if missing is None else list(map(str, missing)),
        ),
        progress,
        told,
        needed,
    )  # fmt: skip
    target = named(table, target)
    smiles, identifier = (
        each if each is None else named(table, each) for each in (smiles, identifier)
    )
    levels = {named(table, each) for each in categorical}
    wanted = [named(table, each) for each in features or ()]
    if target in wanted:
        raise _among_features(target)
    label = None if positive is None else str(positive)
    read = read_target(column(table, "dataset.target", target), target, task, label, marks)
    own_names = None if identifier is None else column(table, "dataset.identifier", identifier)
    if smiles is not None:
        structures = column(table, "dataset.smiles", smiles).astype(object)
        names = _named(structures if own_names is None else own_names)
        unique = duplicates != "keep"
        keep, dropped = usable(structures, read.faults, names, mixtures, unique, cache)
        _refuse_nothing(path, keep, dropped)
        assert embedder is not None
        found = embed(embedder, list(keep.values()), cache, progress)
        rows = np.array(list(keep), np.int64)
        texts = list(keep.values())
        rows, found, dropped = once(rows, found, found, names, dropped, duplicates, texts, cache)
        made = _finish(name, read, rows, found, names, dropped, progress)
        return replace(made, structures=tuple(keep[row] for row in rows))
    if not chosen:
        wanted = [each for each in map(str, table) if each not in {target, identifier}]
    encoded = encode(table, wanted, levels, read.faults, chosen, marks)
    for note in encoded.notes:
        progress.say(f"{name}: {note}")
    names = _named(own_names) if own_names is not None else _row_names(len(table))
    rows = np.flatnonzero(encoded.faults.isna())
    found, labels = encoded.of(rows), encoded.labels(rows)
    compared = encoded.compared(rows) if encoded.numbering else found
    faulty = _faulty(encoded.faults, names)
    rows, found, dropped = once(rows, found, compared, names, faulty, duplicates)
    _refuse_nothing(path, rows, dropped)
    return replace(_finish(name, read, rows, found, names, dropped, progress), columns=labels)


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
    if features == target:
        raise _among_features(target)
    arrays = _read_arrays(path, [features, target, *([identifier] if identifier else [])])
    x, y = arrays[features], arrays[target]
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if (
        x.ndim < 2
        or y.ndim != 1
        or len(x) != len(y)
        or x.dtype.kind not in "biuf"
        or y.dtype.kind == "c"
    ):
        raise DataError(
            f"dataset.path={path}: {features} has shape {list(x.shape)} of {x.dtype} and {target} "
            f"{list(y.shape)}; wanted are numbers [samples, ...] and as many targets [samples]"
        )
    read = read_target(pd.Series(y), target, task, positive)
    values = _narrowed(np.asarray(x), features, name, progress)
    finite = np.asarray(np.isfinite(values).reshape(len(values), -1).all(1))
    bad = pd.Series(~finite)
    faults = read.faults.mask(bad & read.faults.isna(), "missing or infinite feature")
    names = _row_names(len(y)) if identifier is None else _named(pd.Series(arrays[identifier]))
    usable_rows = np.flatnonzero(faults.isna())
    kept = values[usable_rows]
    rows, found, dropped = once(usable_rows, kept, kept, names, _faulty(faults, names), duplicates)
    _refuse_nothing(path, rows, dropped)
    return _finish(name, read, rows, found, names, dropped, progress)


def _narrowed(values: NDArray, array: str, name: str, progress: Progress) -> NDArray[np.float32]:
    """As 32-bit floats; columns that these would make equal less their middle."""
    if values.ndim == 2 and values.dtype.itemsize > 2:
        columns = []
        for number, column in enumerate(values.T.astype(np.float64)):
            numbers, said = precise(pd.Series(column))
            columns.append(numbers.to_numpy())
            if said:
                progress.say(f"{name}: column {number} of {array} {said}")
        values = np.column_stack(columns)
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


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


def _among_features(target: str) -> DataError:
    return DataError(
        f"dataset.features: the target '{target}' is among them; a model would read the answer"
    )


def _faulty(faults: pd.Series, names: pd.Series) -> list[Dropped]:
    """Rows that cannot be used, with the reason."""
    return [
        Dropped(int(row), names.iloc[row], str(faults.iloc[row]))
        for row in np.flatnonzero(faults.notna())
    ]


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
    for note in read.notes:
        progress.say(f"{name}: {note}")
    return Dataset(
        name=name,
        features=np.ascontiguousarray(found, dtype=np.float32),
        target=values,
        task_name=read.task,
        identifiers=tuple(names.iloc[rows].tolist()),
        dropped=tuple(dropped),
    )


def _named(names: pd.Series) -> pd.Series:
    return names.astype(object).where(names.notna(), "").astype(str)


def _row_names(count: int) -> pd.Series:
    return pd.Series([f"row {row}" for row in range(count)], dtype=object)
