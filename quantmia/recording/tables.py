"""Recorded outputs from files: arrays in an .npz or a folder of .npy, or a long table."""

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quantmia.errors import OutputsError, counted, did_you_mean, first_line
from quantmia.parsing import EXACT
from quantmia.recording.pool import numbers

OUTPUTS, LOSSES = "outputs/", "losses/"  # begin the names of arrays
LONG = ("run", "sample", "variant", "member", "target")  # columns of a long table
TABLES = (".csv", ".parquet", ".pq")


@dataclass(frozen=True)
class Arrays:
    """What a file holds.

    Args:
        members: [runs, samples].
        target: [samples], or [runs, samples].
        outputs: by variant and epoch (None: the last), [runs, samples] or [runs, samples, classes].
        losses: by variant, [runs, checkpoints, held out].
        samples: names.
    """

    members: NDArray
    target: NDArray
    outputs: Mapping[str, Mapping[int | None, NDArray]]
    losses: Mapping[str, NDArray] = field(default_factory=dict)
    samples: Sequence[Any] | None = None


def read(path: Path) -> Arrays:
    """A file or folder of outputs.

    Args:
        path: an `.npz`; a folder of `.npy` files; or a table, `.csv` or `.parquet`.

    Raises:
        OutputsError: it cannot be read, or lacks something.
    """
    if path.is_dir():
        files = {
            str(each.relative_to(path).with_suffix("").as_posix()): each
            for each in sorted(path.rglob("*.npy"))
        }
        return _of_arrays(path, {name: loaded(each) for name, each in files.items()})
    if not path.exists():
        raise OutputsError(f"{path}: there is no such file")
    if path.suffix in TABLES:
        return _of_table(path, read_table(path))
    if path.suffix != ".npz":
        raise OutputsError(
            f"{path}: has to be an .npz, a folder of .npy files, or a table ({', '.join(TABLES)})"
        )
    return _of_arrays(path, loaded(path))


def loaded(path: Path) -> Any:
    """An array, or of an .npz the arrays by name."""
    try:
        found = np.load(path, allow_pickle=False)
        if path.suffix != ".npz":
            return found
        if not hasattr(found, "files"):
            raise ValueError("it is a single array")
        return {name: found[name] for name in found.files}
    except (OSError, ValueError, EOFError, BadZipFile, zlib.error) as fault:
        if "pickle" in str(fault) and "allow_pickle" in str(fault):
            raise OutputsError(
                f"{path}: holds Python objects, which could run anything when they are read; save "
                "arrays of numbers"
            ) from None
        raise OutputsError(f"{path}: cannot be read ({first_line(fault)})") from None


def _of_arrays(path: Path, arrays: Mapping[str, NDArray]) -> Arrays:
    for name in ("members", "target"):
        if name not in arrays:
            listed = ", ".join(arrays) or "nothing"
            hint = did_you_mean(name, arrays) or f"; there is {listed}"
            raise OutputsError(f"{path}: lacks the array {name}{hint}")
    outputs: dict[str, dict[int | None, NDArray]] = {
        name.removeprefix(OUTPUTS): {None: each}
        for name, each in arrays.items()
        if name.startswith(OUTPUTS)
    }
    if not outputs:
        raise OutputsError(
            f"{path}: has no outputs; an array for every variant is wanted, outputs/full_precision,"
            f" outputs/int8, ...; there is {', '.join(arrays)}"
        )
    losses = {
        name.removeprefix(LOSSES): each for name, each in arrays.items() if name.startswith(LOSSES)
    }
    others = set(losses) - set(outputs)
    if others:
        raise OutputsError(f"{path}: losses/{min(others)} has no outputs/{min(others)}")
    runs = len(arrays["members"]) if arrays["members"].ndim else 0
    wanted = {f"{OUTPUTS}{name}": arrays[f"{OUTPUTS}{name}"] for name in outputs}
    wanted |= {f"{LOSSES}{name}": each for name, each in losses.items()}
    for name, each in wanted.items():
        if each.ndim < 2 or len(each) != runs:
            raise OutputsError(
                f"{path}: {name} has the shape {each.shape}, and members has {runs} runs, which "
                "come first"
            )
        if name.startswith(LOSSES) and each.ndim != 3:
            raise OutputsError(
                f"{path}: {name} has the shape {each.shape}: (runs, checkpoints, samples)"
            )
    names = list(arrays["samples"]) if "samples" in arrays else None
    return Arrays(arrays["members"], arrays["target"], outputs, losses, names)


def read_table(path: Path) -> pd.DataFrame:
    """A table, `.csv` or `.parquet`.

    Args:
        path: the file.

    Raises:
        OutputsError: it cannot be read.
    """
    try:
        if path.suffix == ".csv":
            return pd.read_csv(path, **EXACT)
        return pd.read_parquet(path)
    except ImportError:
        raise OutputsError(
            f"{path}: reading Parquet needs an extra: pip install 'quantmia[parquet]'"
        ) from None
    except (OSError, ValueError) as error:  # pandas' own and pyarrow's are ValueErrors
        raise OutputsError(f"{path}: cannot be read ({first_line(error)})") from None


def _of_table(path: Path, table: pd.DataFrame) -> Arrays:
    """A row for every run, sample and variant, and epoch where there is one."""
    for name in LONG:
        if name not in table:
            hint = did_you_mean(name, map(str, table)) or f"; there is {', '.join(map(str, table))}"
            raise OutputsError(f"{path}: lacks the column {name}{hint}")
    several = [name for name in map(str, table) if re.fullmatch(r"output_\d+", name)]
    columns = ["output"] if "output" in table else [f"output_{k}" for k in range(len(several))]
    if not columns or ("output" not in table and set(several) != set(columns)):
        there = f"; there is {', '.join(sorted(several))}" if several else ""
        raise OutputsError(
            f"{path}: lacks outputs: a column output, or output_0, output_1, ... without a gap"
            f"{there}"
        )
    keys = ["variant", *(["epoch"] if "epoch" in table else []), "run", "sample"]
    for name in (*keys, "member", "target"):
        empty = np.flatnonzero(table[name].isna())
        if len(empty):
            raise OutputsError(f"{path}: row {empty[0]} has no {name}")
    if "epoch" in table:
        epochs = numbers_of(path, table, "epoch")
        bad = np.flatnonzero((epochs != np.round(epochs)) | (epochs < 1))
        if len(bad):
            raise OutputsError(
                f"{path}: row {bad[0]} is of epoch {epochs[bad[0]]}: whole numbers from 1 are "
                "wanted"
            )
    twice = np.flatnonzero(table.duplicated(keys))
    if len(twice):
        row = table.iloc[twice[0]]
        said = ", ".join(f"{key} {row[key]}" for key in keys)
        raise OutputsError(f"{path}: row {twice[0]} is there before ({said})")
    long = _Long(path, table)
    members, target = (long.same_for_all(numbers_of(path, table, c)) for c in ("member", "target"))
    values = np.stack([numbers_of(path, table, name) for name in columns], axis=1)
    outputs: dict[str, dict[int | None, NDArray]] = {}
    for key, at in table.groupby(keys[:-2], sort=False).indices.items():
        variant, *epoch = key if isinstance(key, tuple) else (key,)
        own = long.spread(str(variant), np.asarray(at), values)
        outputs.setdefault(str(variant), {})[int(epoch[0]) if epoch else None] = own
    same = (target == target[0]).all()
    return Arrays(members, target[0] if same else target, outputs, samples=list(long.samples))


def numbers_of(path: Path, table: pd.DataFrame, column: str) -> NDArray:
    """A column of numbers.

    Args:
        path: of the table, for the message.
        table: all of it.
        column: its name.

    Raises:
        OutputsError: it holds something else.
    """
    return numbers(table[column].to_numpy(), f"{path}: {column}")


class _Long:
    """Where the rows of a long table belong.

    Args:
        path: of the table, for messages.
        table: all of it.
    """

    def __init__(self, path: Path, table: pd.DataFrame):
        self.path = path
        self.place, self.samples = pd.factorize(table["sample"])  # in the order they come in
        self.run, self.runs = pd.factorize(table["run"], sort=True)

    def same_for_all(self, values: NDArray) -> NDArray:
        """By run and sample, what has to be the same in all rows of them."""
        found = np.zeros((len(self.runs), len(self.samples)), values.dtype)
        found[self.run, self.place] = values
        other = np.flatnonzero(found[self.run, self.place] != values)
        if len(other):
            row = int(other[0])
            at = self.run[row], self.place[row]
            raise OutputsError(
                f"{self.path}: row {row}: run {self.runs[at[0]]}, sample {self.samples[at[1]]} "
                f"has {values[row]} here and {found[at]} in another row; member and target are "
                "the same for all variants"
            )
        return found

    def spread(self, variant: str, rows: NDArray, values: NDArray) -> NDArray:
        """Outputs of a variant by run and sample."""
        there = np.zeros((len(self.runs), len(self.samples)), bool)
        there[self.run[rows], self.place[rows]] = True
        if not there.all():
            run, place = np.argwhere(~there)[0]
            raise OutputsError(
                f"{self.path}: {variant} lacks run {self.runs[run]}, sample {self.samples[place]} "
                f"({counted(int((~there).sum()), 'row')} in all): every variant needs every run "
                "and sample"
            )
        found = np.empty((*there.shape, values.shape[1]), values.dtype)
        found[self.run[rows], self.place[rows]] = values[rows]
        return found[..., 0] if values.shape[1] == 1 else found
