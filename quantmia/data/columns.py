"""Columns of a table by the names that people write."""

import re
from collections.abc import Sequence

import pandas as pd

from quantmia.data.written import NUMBER
from quantmia.errors import DataError, did_you_mean

INDEX = ("", "Unnamed: 0")  # what pandas calls the row numbers that it writes
# What a command line makes of a name that looks like a number or a truth value.
ColumnName = str | int | float | bool


def named(table: pd.DataFrame | Sequence[str], name: ColumnName) -> str:
    """A column's name as it stands in the header.

    Args:
        table: where it has to be, or the names of its columns.
        name: what a command line made of it: `1`, `0.5`, `true`.
    """
    if isinstance(name, str):
        return name
    wanted = {str(name).lower(), f"column {name}"}
    alike = (each for each in map(str, table) if each.lower() in wanted)
    equal = (
        each
        for each in map(str, table)
        if re.fullmatch(NUMBER, each) and float(each.replace(",", ".")) == name
    )
    return next(alike, next(equal, str(name)))


def column(table: pd.DataFrame, key: str, name: str) -> pd.Series:
    """A column by its name.

    Args:
        table: where it has to be.
        key: of the configuration that names it, for the message.
        name: of the column.

    Raises:
        DataError: it is not there; lists those that are.
    """
    if name not in table:
        columns = [str(each) for each in table]
        shown = ", ".join(columns[:30]) + (", ..." if len(columns) > 30 else "")
        raise DataError(
            f"{key}={name}: there is no such column{did_you_mean(name, columns)} (columns: {shown})"
            + headless(columns)
        )
    return table[name]


def headless(names: Sequence[str]) -> str:
    """A hint where the names of columns look like data.

    Args:
        names: of the columns.
    """
    if any(re.fullmatch(NUMBER, name) for name in names):
        return "; if the file has no header: dataset.header=false (then they are 'column 1', ...)"
    return ""
