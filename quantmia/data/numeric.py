"""Columns of a table as features: numbers as they are, categories as one column a level."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quantmia.data.table import column
from quantmia.data.target import missing_values, to_numbers
from quantmia.errors import DataError

MOST_LEVELS = 50  # of a column that was not named as categorical
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Encoded:
    """Columns that were read.

    Args:
        columns: float64 numbers, or texts that are categories.
        faults: why a row cannot be used, or NaN.
    """

    columns: list[pd.Series]
    faults: pd.Series

    def of(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Features of the rows that are used, float32 [rows, features].

        Args:
            rows: their numbers.
        """
        parts = []
        for values in self.columns:
            chosen = values.iloc[rows]
            if values.dtype == np.float64:
                parts.append(chosen.to_numpy(np.float32)[:, None])
            else:
                parts.append(pd.get_dummies(chosen, dtype=np.float32).to_numpy())
        return np.hstack(parts) if len(rows) else np.zeros((0, len(parts)), np.float32)


def encode(
    table: pd.DataFrame,
    names: Sequence[str],
    categorical: set[str],
    faults: pd.Series,
    chosen: bool,
) -> Encoded:
    """Read columns as features.

    A column of texts is a category. One of numbers and texts is what most of it is: where numbers
    are the most, a row with a text is dropped.

    Args:
        table: the rows.
        names: of the columns.
        categorical: those that are categories whatever they look like.
        faults: what is wrong with rows already; they keep their reason.
        chosen: whether the user named the columns; if not, empty ones are passed over.

    Raises:
        DataError: a column is not there, is empty, or holds texts that are no categories.
    """
    for name in categorical - set(names):
        column(table, "dataset.categorical", name)
        raise DataError(f"dataset.categorical={name}: is not among the features")
    faults, columns = faults.copy(), []

    def drop(where: pd.Series, reason: pd.Series | str) -> None:
        found = faults.isna() & where
        faults[found] = reason[found] if isinstance(reason, pd.Series) else reason

    for name in names:
        values = column(table, "dataset.features", name)
        missing = missing_values(values)
        if missing.all():
            if chosen:
                raise DataError(f"dataset.features: the column '{name}' is empty")
            continue
        numbers, unread = to_numbers(values, missing)
        if name not in categorical and unread.sum() * 2 <= (~missing).sum():
            drop(missing, f"missing {name}")
            drop(unread, f"{name} is no number: " + values.astype(str))
            drop(numbers.abs() > LARGEST, f"{name} is infinite or too large")
            columns.append(numbers)
            continue
        texts = values.astype(str).str.strip()
        levels = texts[~missing].nunique()
        if name not in categorical and levels > MOST_LEVELS:
            example = texts[~missing].iloc[0]
            hint = (
                "set dataset.decimal=','"
                if pd.Series([example.replace(",", ".", 1)]).str.fullmatch(r"-?\d+\.\d+").all()
                else f"leave it out (dataset.features=[...]), name dataset.smiles={name} if it "
                f"holds molecules, or list it in dataset.categorical if it is a category"
            )
            raise DataError(
                f"dataset.features: the column '{name}' holds {levels} different texts, such as "
                f"'{example}'; {hint}"
            )
        drop(missing, f"missing {name}")
        columns.append(texts)
    if not columns:
        raise DataError("dataset.features: there are no columns but the target and the identifier")
    return Encoded(columns, faults)


def first_of_its_kind(features: NDArray[np.float32]) -> NDArray[np.int64]:
    """For each sample the position of the first with the very same features."""
    seen: dict[bytes, int] = {}
    rows = np.ascontiguousarray(features + np.float32(0))  # -0 is 0
    return np.array(
        [seen.setdefault(row.tobytes(), position) for position, row in enumerate(rows)], np.int64
    )
