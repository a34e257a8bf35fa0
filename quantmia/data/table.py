"""Tables from files: CSV, TSV and Parquet, plain or compressed."""

import codecs
import csv
import gzip
import io
import lzma
import warnings
import zipfile
import zlib
from collections import Counter
from pathlib import Path

import pandas as pd

from quantmia.config.wording import did_you_mean
from quantmia.errors import DataError

SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
PARQUET = (".parquet", ".pq")
COMPRESSED = (".gz", ".bz2", ".xz", ".zip")
DAMAGED = (EOFError, OSError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)


def read_table(
    path: str, separator: str | None = None, encoding: str | None = None, decimal: str = "."
) -> pd.DataFrame:
    """A table with named columns and at least one row.

    Args:
        path: `.csv`, `.tsv`, `.tab`, `.parquet` or `.pq`, with `.gz`, `.bz2`, `.xz` or `.zip` after
            it if it is compressed; any other text file if the separator is given.
        separator: between columns; by the file's name if None.
        encoding: of text; UTF-8, or UTF-16 where a byte order mark says so, if None.
        decimal: the mark before decimals.

    Raises:
        DataError: there is no such file, it is damaged or empty, or it is not such a table.
    """
    file = Path(path)
    if not file.is_file():
        what = "is a folder, not a file" if file.is_dir() else "does not exist"
        beside = [each.name for each in file.parent.iterdir()] if file.parent.is_dir() else []
        raise DataError(f"dataset.path={path}: {what}{did_you_mean(file.name, beside)}")
    endings = [ending.lower() for ending in file.suffixes]
    compressed = bool(endings) and endings[-1] in COMPRESSED
    kind = (endings[-2:-1] if compressed else endings[-1:]) or [""]
    try:
        if kind[0] in PARQUET:
            content = gzip.decompress(file.read_bytes()) if compressed else file.read_bytes()
            table = pd.read_parquet(io.BytesIO(content)).reset_index(drop=True)
        else:
            separator = separator or SEPARATORS.get(kind[0])
            if separator is None:
                raise DataError(
                    f"dataset.path={path}: '{kind[0]}' is none of {', '.join(SEPARATORS)}, "
                    f"{', '.join(PARQUET)}; name the separator of a text file, e.g. "
                    "dataset.separator=';'"
                )
            table = _read_text(path, separator, encoding or _mark(file), decimal)
    except DAMAGED as error:
        raise DataError(f"dataset.path={path}: cannot be read, it is damaged: {error}") from error
    except ValueError as error:  # what pyarrow says of a file that is not Parquet
        raise DataError(f"dataset.path={path}: cannot be read: {_first(error)}") from error
    if not len(table):
        raise DataError(f"dataset.path={path}: has a header and no rows")
    return table


def _read_text(path: str, separator: str, encoding: str, decimal: str) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            header = pd.read_csv(
                path, sep=separator, encoding=encoding, header=None, nrows=1, dtype=str
            )
            names = [str(name).strip() for name in header.iloc[0].fillna("")]
            table = pd.read_csv(
                path,
                sep=separator,
                encoding=encoding,
                decimal=decimal,
                index_col=False,
                low_memory=False,
            )
    except pd.errors.EmptyDataError:
        raise DataError(f"dataset.path={path}: is empty") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning, csv.Error) as error:
        raise DataError(
            f"dataset.path={path}: rows and header do not have the same columns: {_first(error)}. "
            f"Is '{separator}' the separator (dataset.separator), and are texts that hold it "
            "quoted?"
        ) from error
    except (UnicodeDecodeError, UnicodeError) as error:
        raise DataError(
            f"dataset.path={path}: is not {encoding} ({_first(error)}); name its encoding, "
            "e.g. dataset.encoding=latin-1"
        ) from error
    except LookupError:
        raise DataError(
            f"dataset.encoding={encoding}: is not known; e.g. utf-8, utf-16, latin-1"
        ) from None
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if twice:
        raise DataError(f"dataset.path={path}: the column '{twice[0]}' is there twice; rename one")
    if len(names) == 1:
        other = next((mark for mark in (";", "\t", "|", ",") if mark in names[0]), None)
        if other is not None:
            shown = "'\\t'" if other == "\t" else f"'{other}'"
            raise DataError(
                f"dataset.path={path}: has the single column '{names[0]}'; is the separator "
                f"{shown}? Then dataset.separator={shown}"
            )
    table.columns = pd.Index([name or f"column {n}" for n, name in enumerate(names, 1)])
    return table


def _mark(file: Path) -> str:
    with file.open("rb") as stream:
        start = stream.read(2)
    return "utf-16" if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def _first(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


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
        )
    return table[name]
