"""Columns of a table as features: numbers as they are, categories as one column a level."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quantmia.data.columns import column
from quantmia.data.numbering import may_number, names_rows, numbers_rows
from quantmia.data.precision import LARGEST, precise
from quantmia.data.target import PLAIN, missing_values, to_numbers, written_otherwise
from quantmia.data.texts import stripped
from quantmia.data.written import DATES, NUMBERED, Marks
from quantmia.errors import DataError, as_override

MOST_LEVELS = 50  # of a column that was not named as categorical


@dataclass(frozen=True)
class Encoded:
    """Columns that were read.

    Args:
        columns: float64 numbers, or texts that are categories, by name.
        faults: why a row cannot be used, or NaN.
        notes: what was left out or shifted, a sentence each.
        numbering: columns among them that number the rows, of which equal rows differ.
    """

    columns: dict[str, pd.Series]
    faults: pd.Series
    notes: list[str]
    numbering: list[str]

    def compared(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """By what rows are told apart: their features, but for numbers of the rows.

        Args:
            rows: their numbers.
        """
        alone = len(self.numbering) == len(self.columns)
        return self.of(rows) if alone else self.of(rows, but=self.numbering)

    def of(self, rows: NDArray[np.int64], but: Sequence[str] = ()) -> NDArray[np.float32]:
        """Features of the rows that are used, float32 [rows, features].

        Args:
            rows: their numbers.
            but: names of columns to leave out.
        """
        parts = []
        for name, values in self.columns.items():
            chosen = values.iloc[rows]
            if name in but:
                continue
            if values.dtype == np.float64:
                parts.append(chosen.to_numpy(np.float32)[:, None])
            else:
                parts.append(pd.get_dummies(chosen, dtype=np.float32).to_numpy())
        return np.hstack(parts) if len(rows) and parts else np.zeros((len(rows), 0), np.float32)

    def labels(self, rows: NDArray[np.int64]) -> tuple[str, ...]:
        """One name a feature of the same rows: the column's, of a category with its level.

        Args:
            rows: their numbers.
        """
        found = []
        for name, values in self.columns.items():
            if values.dtype == np.float64:
                found.append(name)
            else:
                found += [f"{name}={level}" for level in sorted(set(values.iloc[rows]))]
        return tuple(found)


def encode(
    table: pd.DataFrame,
    names: Sequence[str],
    categorical: set[str],
    faults: pd.Series,
    chosen: bool,
    marks: Marks = PLAIN,
) -> Encoded:
    """Read columns as features.

    A column of texts is a category. One of numbers and texts is what most of it is: where numbers
    are the most, a row with a text is dropped. What cannot be a feature (dates, a text of its own
    in every row, the number of the row) is left out with a note, and refused if it was chosen.

    Args:
        table: the rows.
        names: of the columns.
        categorical: those that are categories whatever they look like.
        faults: what is wrong with rows already; they keep their reason.
        chosen: whether the user named the columns; if not, empty ones are passed over.
        marks: how numbers are written.

    Raises:
        DataError: a column is not there, is empty, holds texts that are no categories, or numbers
            that are written in another way.
    """
    for name in categorical - set(names):
        column(table, "dataset.categorical", name)
        raise DataError(f"dataset.categorical={name}: is not among the features")
    found = Encoded({}, faults.copy(), [], [])

    def drop(where: pd.Series, reason: pd.Series | str) -> None:
        bad = found.faults.isna() & where
        found.faults[bad] = reason[bad] if isinstance(reason, pd.Series) else reason

    def leave_out(name: str, why: str) -> None:
        if chosen:
            raise DataError(f"dataset.features: the column '{name}' {why}; leave it out")
        found.notes.append(f"the column '{name}' {why}: it is left out")

    for name in names:
        values = column(table, "dataset.features", name)
        missing = missing_values(values)
        if missing.all():
            if chosen:
                raise DataError(f"dataset.features: the column '{name}' is empty")
            continue
        if name in categorical:
            drop(missing, f"missing {name}")
            found.columns[name] = stripped(values)
            continue
        present = int((~missing).sum())
        numbers, unread = to_numbers(values, missing, marks)
        other = written_otherwise(values, unread, present, marks)
        texts = stripped(values) if unread.any() else values
        levels = texts[~missing].nunique() if unread.any() else 0
        naming = names_rows(levels, present)
        if other is not None and not (naming and other.what == NUMBERED):
            what = f"holds {other.what}, such as '{other.example}'"
            if other.what == DATES:
                leave_out(name, what)
                continue
            named = f", if it names the rows: {as_override('dataset.identifier', name)}"
            raise DataError(
                f"dataset.features: the column '{name}' {what}; {other.advice}"
                f"{named if naming and not other.setting else ''}, or, if it is a "
                f"category: {as_override('dataset.categorical', [name])}"
            )
        if unread.sum() * 2 <= present:
            whole = values if pd.api.types.is_integer_dtype(values) else numbers
            there = whole[~missing & ~unread]
            if numbers_rows(there, name):
                if not chosen:
                    leave_out(name, f"numbers the rows ({as_override('dataset.identifier', name)})")
                    continue
                found.notes.append(
                    f"the column '{name}' numbers the rows, and rows are compared without it; as a "
                    f"name of the rows: {as_override('dataset.identifier', name)}"
                )
                found.numbering.append(name)
            elif may_number(there):
                found.notes.append(
                    f"the column '{name}' has another whole number in every row; if it names the "
                    f"rows: {as_override('dataset.identifier', name)}"
                )
            drop(missing, f"missing {name}")
            drop(unread, f"{name} is no number: " + values[unread].astype(str))
            drop(numbers.abs() > LARGEST, f"{name} is infinite or too large")
            found.columns[name], said = precise(numbers)
            if said:
                found.notes.append(f"the column '{name}' {said}")
            continue
        example = texts[~missing].iloc[0]
        if naming:
            every = "every row" if levels == present else "nearly every row"
            leave_out(name, f"has a text of its own in {every}, such as '{example}'")
            continue
        if levels > MOST_LEVELS:
            raise DataError(
                f"dataset.features: the column '{name}' holds {levels} different texts, such as "
                f"'{example}'; leave it out (dataset.features=[...]), if it holds "
                f"molecules: {as_override('dataset.smiles', name)}, or if it is a category: "
                f"{as_override('dataset.categorical', [name])}"
            )
        drop(missing, f"missing {name}")
        found.columns[name] = texts
    if not found.columns:
        left = "; " + "; ".join(found.notes) if found.notes else ""
        raise DataError(
            f"dataset.features: there are no columns but the target and the identifier{left}"
        )
    return found
