"""Columns of texts, of which each different one is looked at once: a million labels are two."""

from collections.abc import Callable

import numpy as np
import pandas as pd


def of_each(column: pd.Series, made: Callable[[pd.Series], pd.Series]) -> pd.Series:
    """What is made of a column value by value.

    Args:
        column: of anything; of texts alone every different one is handed over once.
        made: from values to as many others, each by itself.
    """
    if not _texts_alone(column):
        return made(column)
    codes, levels = pd.factorize(column, use_na_sentinel=False)
    found = made(pd.Series(levels, dtype=column.dtype)).array.take(codes)
    return pd.Series(found, index=column.index, name=column.name)


def stripped(column: pd.Series) -> pd.Series:
    """Values as texts without blanks around them.

    Args:
        column: of anything.
    """
    return of_each(column, lambda values: values.astype(str).str.strip())


def counted(texts: pd.Series) -> tuple[pd.Series, np.ndarray]:
    """The different ones in the order in which they come first, and how often each is there.

    Args:
        texts: none is missing.
    """
    codes, levels = pd.factorize(texts)
    return pd.Series(levels, dtype=texts.dtype), np.bincount(codes, minlength=len(levels))


def _texts_alone(column: pd.Series) -> bool:
    """Whether equal values are equal texts; in a column of anything True is 1."""
    if column.dtype == object:
        return pd.api.types.infer_dtype(column, skipna=False) == "string"
    return isinstance(column.dtype, pd.StringDtype)
