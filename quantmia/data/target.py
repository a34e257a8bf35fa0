"""What a column of targets means: regression, two classes or more."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quantmia.data.precision import precise
from quantmia.data.texts import stripped
from quantmia.data.written import Marks, Other
from quantmia.errors import DataError
from quantmia.tasks import TaskName

PLAIN = Marks()
DECADES = 1000  # and more from the least value to the largest: a target of orders of magnitude
FEW = 10  # whole numbers that differ no more than this are classes
MANY = 50  # texts that differ more than this are no labels, unless the user says so


@dataclass(frozen=True)
class Target:
    """A column as numbers or as labels.

    Args:
        name: of the column.
        values: floats for regression, labels as text otherwise; only where there is no fault.
        faults: why a row cannot be used, or NaN.
        task: what it is.
        how: how the task was found, in words.
        positive: the label that counts as 1, if it was named.
        notes: what else is to be said of it, a sentence each.
    """

    name: str
    values: pd.Series
    faults: pd.Series
    task: TaskName
    how: str
    positive: str | None = None
    notes: tuple[str, ...] = ()

    def of(self, rows: NDArray[np.int64]) -> NDArray:
        """Targets of the rows that are used, as a dataset wants them.

        Args:
            rows: their numbers.

        Raises:
            DataError: a binary target has not two labels, or not the one named.
        """
        chosen = self.values.iloc[rows]
        if self.task == "regression":
            return chosen.to_numpy(np.float64).astype(np.float32)
        labels = self.labels(rows)
        if self.task == "binary" and len(labels) > 2 and self.positive is None:
            raise DataError(
                f"dataset.task=binary: '{self.name}' has {len(labels)} labels ("
                f"{', '.join(labels[:5])}, ...); use dataset.task=multiclass, or name the one that "
                "counts as 1: dataset.positive=..."
            )
        if self.positive is not None:
            return chosen.eq(self.positive).to_numpy(np.int64)
        return pd.Categorical(chosen, categories=labels).codes.astype(np.int64)

    def labels(self, rows: NDArray[np.int64]) -> list[str]:
        """The labels of the rows that are used, in the order of their class indices.

        Args:
            rows: their numbers.

        Raises:
            DataError: the one that was named is not among them.
        """
        labels = sorted(map(str, self.values.iloc[rows].unique()), key=_by_value)
        if self.positive is not None:
            if self.positive not in labels:
                raise DataError(
                    f"dataset.positive={self.positive}: '{self.name}' has no such label "
                    f"({', '.join(labels[:10])})"
                )
            rest = [label for label in labels if label != self.positive]
            return [" or ".join(rest), self.positive]
        return labels


def read_target(
    column: pd.Series,
    name: str,
    task: TaskName | None = None,
    positive: str | None = None,
    marks: Marks = PLAIN,
) -> Target:
    """Find what a column holds.

    Numbers are a regression target, unless they are whole and at most 10 different ones: then they
    are classes, as texts are. Of a column of both the more frequent counts, and the rest is
    dropped.

    Args:
        column: the values.
        name: what it is called.
        task: what it is; found if None.
        positive: the label that counts as 1 in a binary task.
        marks: how numbers are written.

    Raises:
        DataError: it holds dates, numbers that are written in another way, or too many different
            texts to be labels.
    """
    missing = missing_values(column)
    numbers, unread = to_numbers(column, missing, marks)
    present = int((~missing).sum())
    if task in (None, "regression") and positive is None:
        other = written_otherwise(column, unread, present, marks)
        if other is not None:
            labels = "" if task else "; if they are labels: dataset.task=multiclass"
            raise DataError(
                f"dataset.target={name}: the column holds {other.what}, such as '{other.example}'; "
                f"{other.advice}{labels}"
            )
    numeric = column.dtype != bool and unread.sum() * 2 <= present
    distinct = numbers[np.isfinite(numbers)].unique()
    whole = numeric and len(distinct) > 0 and (distinct % 1 == 0).all()
    how = "as configured"
    if task is None and positive is not None:
        task = "binary"
    elif task is None:
        classes = len(distinct) if numeric else stripped(column)[~missing].nunique()
        what = "numbers" if numeric else "labels"
        if not numeric and (classes > MANY or classes * 2 > max(present, FEW)):
            raise DataError(
                f"dataset.target={name}: the column holds {classes} different texts in {present} "
                f"rows, such as "
                f"'{column[~missing].iloc[0]}'; name a column of numbers or of labels, or say "
                "dataset.task=multiclass"
            )
        how = f"{classes} different {'whole ' if whole else ''}{what}; dataset.task overrides"
        if numeric and not (whole and classes <= FEW):
            task = "regression"
        else:
            task = "binary" if classes == 2 else "multiclass"
    faults = pd.Series("missing target", column.index, dtype=object).where(missing)
    if numeric or task == "regression":
        faults[unread] = "target is no number: " + column[unread].astype(str)
        faults[numbers.abs() == np.inf] = "infinite target"
    if task == "regression":
        numbers, said = precise(numbers)
        notes = [f"the target {name} {said}"] if said else []
        there = numbers[faults.isna()]
        if not said and len(there) and there.min() > 0 and there.max() / there.min() >= DECADES:
            notes.append(
                f"the target {name} spans {np.log10(there.max() / there.min()):.0f} decades, of "
                "which a logarithm is usual (pIC50 of an IC50)"
            )
        return Target(name, numbers, faults, task, how, notes=tuple(notes))
    if whole:
        labels = numbers.fillna(0).replace([np.inf, -np.inf], 0).astype(np.int64).astype(str)
    else:
        labels = stripped(column)
    return Target(name, labels, faults, task, how, None if positive is None else str(positive))


def missing_values(column: pd.Series) -> pd.Series:
    """Where a column has nothing: NaN, null or blanks."""
    missing = column.isna()
    if not pd.api.types.is_numeric_dtype(column):
        missing |= stripped(column).eq("")
    return missing


def to_numbers(
    column: pd.Series, missing: pd.Series, marks: Marks = PLAIN
) -> tuple[pd.Series, pd.Series]:
    """The numbers of a column, float64, and where there is something that is none."""
    if pd.api.types.is_numeric_dtype(column):
        return column.astype(np.float64), missing & False
    if pd.api.types.is_datetime64_any_dtype(column):
        return pd.Series(np.nan, column.index), ~missing
    numbers = marks.numbers(column)
    return numbers, numbers.isna() & ~missing


def written_otherwise(
    column: pd.Series, unread: pd.Series, present: int, marks: Marks
) -> Other | None:
    """What stands in a column in place of plain numbers, if that is what it is about.

    Where a setting reads it, a single text is enough: without the setting its row would be lost.

    Args:
        column: the values.
        unread: where they are no numbers.
        present: how many there are.
        marks: how numbers are written.
    """
    other = marks.other(column[unread])
    whole = bool(unread.any()) and unread.sum() * 2 > present
    return other if other is not None and (other.setting or whole) else None


def _by_value(label: str) -> tuple[int, float, str]:
    try:
        return 0, float(label), label
    except ValueError:
        return 1, 0.0, label
