"""Parquet, of which only those columns are read that are asked for."""

import io
from collections.abc import Collection, Sequence

import pandas as pd

from quantmia.data.columns import INDEX, ColumnName, named
from quantmia.data.content import reading


def read_parquet(path: str, content: bytes, wanted: Collection[ColumnName] | None) -> pd.DataFrame:
    """The table of a Parquet file.

    Args:
        path: of the file, for messages.
        content: of it.
        wanted: columns that are asked for; where all of them are there, no others are read. None:
            all.

    Raises:
        DataError: it is damaged, or pyarrow is not installed.
    """
    with reading(path, "Parquet is", "pyarrow", "pip install 'quantmia[parquet]'"):
        columns = None if wanted is None else _among(_names_of_parquet(content), wanted)
        table = pd.read_parquet(io.BytesIO(content), columns=columns)
        return table.reset_index(drop=set(table.index.names) == {None})


def _names_of_parquet(content: bytes) -> list[str]:
    from pyarrow.parquet import read_schema

    return read_schema(io.BytesIO(content)).names


def _among(names: Sequence[str], wanted: Collection[ColumnName]) -> list[str] | None:
    """The columns that are wanted, as they are in a file; None, all, where there is any doubt.

    What is not there, or there twice, is for others to say, who then see every column.
    """
    stripped = [name.strip() for name in names]
    found = {named(stripped, each) for each in wanted}
    plain = len(set(stripped)) == len(names) and not any("." in name for name in names)
    if not plain or not found <= set(stripped) or not found.isdisjoint(INDEX):
        return None
    return [name for name in names if name.strip() in found]
