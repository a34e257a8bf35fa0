"""Columns that number or name the rows, from which a model learns nothing that holds elsewhere."""

import re

import numpy as np
import pandas as pd

FEWEST = 10  # rows from which on it can be told
NAME = re.compile(
    r"(?i:(?:.*[_ .-])?(?:id|idx|index|nr|row|rowid|entry|key|uuid|uid|cid|sid)\d*"
    r"|unnamed: \d+.*)|.*[a-z]ID"
)


def numbers_rows(values: pd.Series, name: str) -> bool:
    """Whether whole numbers number the rows.

    They do without a gap in any order, upward with gaps (some rows were left out), and under a
    name that says so if half of them are different.

    Args:
        values: numbers, without what is missing.
        name: of the column.
    """
    if len(values) < FEWEST or not _whole(values):
        return False
    different = values.nunique()
    if different == len(values):
        ordered = values.sort_values()
        gapless = int(ordered.iloc[-1]) - int(ordered.iloc[0]) + 1 == different
        return gapless or bool(values.is_monotonic_increasing) or named_so(name)
    return named_so(name) and different * 2 >= len(values)


def names_rows(different: int, present: int) -> bool:
    """Whether texts name the rows: all of them differ, or of many nearly all.

    Args:
        different: how many different ones there are.
        present: how many there are.
    """
    return different == present > 1 or (present >= FEWEST and different >= 0.9 * present)


def may_number(values: pd.Series) -> bool:
    """Whether whole numbers differ in every row, so that they may be names of the rows.

    Args:
        values: numbers, without what is missing.
    """
    return len(values) >= FEWEST and _whole(values) and values.is_unique


def named_so(name: str) -> bool:
    """Whether a column's name says that it numbers the rows.

    Args:
        name: of the column.
    """
    return NAME.fullmatch(name) is not None


def _whole(values: pd.Series) -> bool:
    if pd.api.types.is_integer_dtype(values):
        return True
    numbers = values.to_numpy(np.float64)
    looked_at = numbers[:1000], numbers  # of fractions the first tell it
    return all(bool(np.isfinite(each).all() and (each % 1 == 0).all()) for each in looked_at)
