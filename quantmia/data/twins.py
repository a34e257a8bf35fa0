"""Samples that are alike: one among the members and one outside would blur who is a member."""

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quantmia.data.dataset import Dropped

Duplicates = Literal["drop", "molecules", "keep"]


def once(
    rows: NDArray[np.int64],
    features: NDArray[np.float32],
    compared: NDArray[np.float32],
    names: pd.Series,
    duplicates: Duplicates,
) -> tuple[NDArray[np.int64], NDArray[np.float32], list[Dropped]]:
    """Samples of which no two are alike, and the others with the row that they equal.

    Args:
        rows: numbers of the samples' rows in the source [samples].
        features: [samples, ...].
        compared: what has to differ between two samples [samples, ...].
        names: identifiers of all rows of the source.
        duplicates: `drop` keeps the first of its kind; anything else keeps all, because the same
            molecules were looked for before they were embedded.

    Returns:
        Rows and features of those that stay, and what is dropped.
    """
    if duplicates != "drop":
        return rows, features, []
    first = first_of_its_kind(compared)
    again = first != np.arange(len(rows))
    dropped = [
        Dropped(int(row), str(names.iloc[row]), f"same features as row {other}")
        for row, other in zip(rows[again], rows[first[again]], strict=True)
    ]
    return rows[~again], features[~again], dropped


def first_of_its_kind(features: NDArray[np.float32]) -> NDArray[np.int64]:
    """For each sample the position of the first with the very same features.

    Args:
        features: [samples, ...].
    """
    seen: dict[bytes, int] = {}
    rows = np.ascontiguousarray(features + np.float32(0))  # -0 is 0
    return np.array(
        [seen.setdefault(row.tobytes(), position) for position, row in enumerate(rows)], np.int64
    )
