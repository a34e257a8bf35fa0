"""Tables from files: CSV, TSV and Parquet, plain or compressed."""

import bz2
import codecs
import gzip
import io
import lzma
import re
import warnings
import zipfile
import zlib
from collections import Counter
from pathlib import Path

import pandas as pd

from quantmia.errors import DataError, did_you_mean, first_line

SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
PARQUET = (".parquet", ".pq")
COMPRESSED = {".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}
MARKS = {  # UTF-32's begins with UTF-16's
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
NO_TEXT = {b"\x1f\x8b": ".gz", b"BZh": ".bz2", b"\xfd7zXZ": ".xz", b"PAR1": ".parquet"}
NO_TEXT |= {b"PK\x03\x04": ".zip"}
INDEX = ("", "Unnamed: 0")  # what pandas calls the row numbers that it writes


def read_table(
    path: str, separator: str | None = None, encoding: str | None = None, decimal: str = "."
) -> pd.DataFrame:
    """A table with named columns and at least one row.

    A first column of row numbers without a name, as pandas and R write it, is left out.

    Args:
        path: `.csv`, `.tsv`, `.tab`, `.parquet` or `.pq`, with `.gz`, `.bz2`, `.xz` or `.zip` after
            it if it is compressed; any other text file if the separator is given.
        separator: between columns; by the file's name if None.
        encoding: of text; UTF-8, or what a byte order mark says, if None.
        decimal: the mark before decimals.

    Raises:
        DataError: there is no such file, it is damaged or empty, or it is not such a table.
    """
    file = existing(path)
    if len(decimal) != 1 or decimal.isalnum():
        raise DataError(f"dataset.decimal={decimal}: has to be one mark, such as '.' or ','")
    endings = ["", *(ending.lower() for ending in file.suffixes)]
    packing = endings.pop() if endings[-1] in (*COMPRESSED, ".zip") else ""
    separator = SEPARATORS.get(endings[-1]) if separator is None else separator
    if endings[-1] in PARQUET:
        table = _read_parquet(path, _content(file, packing))
        names = [str(name).strip() for name in table]
    elif separator is None:
        raise DataError(
            f"dataset.path={path}: its name ends in none of {', '.join((*SEPARATORS, *PARQUET))}; "
            "if it is text, name what separates its columns, e.g. \"dataset.separator=';'\""
        )
    else:
        text = _decoded(path, _content(file, packing), encoding)
        names, table = _read_text(path, text, "\t" if separator == r"\t" else separator, decimal)
    if not len(table):
        raise DataError(f"dataset.path={path}: has a header and no rows")
    table.columns = pd.Index([name or f"column {n}" for n, name in enumerate(names, 1)])
    twice = [name for name, count in Counter(table.columns).items() if count > 1]
    if twice:
        raise DataError(f"dataset.path={path}: the column '{twice[0]}' is there twice; rename one")
    if decimal != ".":  # which pandas heeds only where a column holds nothing but numbers
        number = rf"^(\s*[+-]?\d*){re.escape(decimal)}(\d+(?:[eE][+-]?\d+)?\s*)$"
        table = table.replace(number, r"\1.\2", regex=True)
    first = table.iloc[:, 0]
    numbered = names[0] in INDEX and pd.api.types.is_integer_dtype(first) and first.is_unique
    return table.iloc[:, 1:] if numbered else table


def existing(path: str) -> Path:
    """A file that is there.

    Raises:
        DataError: it is not; names the one with the closest name.
    """
    file = Path(path)
    try:
        if file.is_file():
            return file
        if file.is_dir():
            raise DataError(f"dataset.path={path}: is a folder; name a file in it")
        beside = [each.name for each in file.parent.iterdir()] if file.parent.is_dir() else []
    except OSError as error:
        raise DataError(f"dataset.path={path}: {error.strerror}") from error
    raise DataError(f"dataset.path={path}: does not exist{did_you_mean(file.name, beside)}")


def _content(file: Path, packing: str) -> bytes:
    try:
        if packing == ".zip":
            with zipfile.ZipFile(file) as archive:
                inside = [each for each in archive.namelist() if not each.startswith("__MACOSX/")]
                if len(inside) == 1:
                    return archive.read(inside[0])
            raise DataError(f"dataset.path={file}: holds {len(inside)} files; it has to hold one")
        content = file.read_bytes()
        return COMPRESSED[packing](content) if packing else content
    except (EOFError, OSError, RuntimeError, ValueError) as error:
        raise _unreadable(file, error) from error
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError) as error:
        raise _unreadable(file, error) from error


def _unreadable(path: object, error: Exception) -> DataError:
    return DataError(
        f"dataset.path={path}: cannot be read: {first_line(error)}. "
        "Is the file whole, and is it what its name says?"
    )


def _read_parquet(path: str, content: bytes) -> pd.DataFrame:
    try:
        table = pd.read_parquet(io.BytesIO(content))
        return table.reset_index(drop=set(table.index.names) == {None})
    except ImportError as error:
        raise DataError(
            f"dataset.path={path}: Parquet is read by pyarrow, which is not installed: "
            "pip install 'quantmia[parquet]'"
        ) from error
    except Exception as error:  # whatever pyarrow says of a file that is damaged or no Parquet
        raise _unreadable(path, error) from error


def _decoded(path: str, content: bytes, encoding: str | None) -> str:
    if encoding is None:
        marked = (name for mark, name in MARKS.items() if content.startswith(mark))
        encoding = next(marked, "utf-8")
    ending = next((each for start, each in NO_TEXT.items() if content.startswith(start)), None)
    try:
        text = content.decode(encoding).removeprefix("\ufeff")
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
        line = content.count(b"\n", 0, start) + 1
        raise DataError(
            f"dataset.path={path}: line {line} is not {encoding}; "
            + (f"is it a {ending} file? Then name it so" if ending else "")
            + ("" if ending else "name the encoding, e.g. dataset.encoding=latin-1")
        ) from error
    except LookupError:
        raise DataError(
            f"dataset.encoding={encoding}: is not known; e.g. utf-8, utf-16, latin-1"
        ) from None
    if "\0" in text:
        raise DataError(
            f"dataset.path={path}: holds NUL bytes, which are no text; "
            + (f"is it a {ending} file? Then name it so" if ending else "")
            + ("" if ending else "is it UTF-16 (dataset.encoding=utf-16-le), or damaged?")
        )
    return text


def _read_text(
    path: str, text: str, separator: str, decimal: str
) -> tuple[list[str], pd.DataFrame]:
    """The names of the header as they stand there, and the table."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            header = pd.read_csv(io.StringIO(text), sep=separator, header=None, nrows=1, dtype=str)
            table = pd.read_csv(
                io.StringIO(text),
                sep=separator,
                decimal=decimal,
                index_col=False,
                low_memory=False,
            )
    except pd.errors.EmptyDataError:
        raise DataError(f"dataset.path={path}: is empty") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError) as error:
        raise DataError(
            f"dataset.path={path}: rows and header do not have the same columns: "
            f"{first_line(error)}. Is '{separator}' the separator (dataset.separator), and are "
            "texts that hold it quoted?"
        ) from error
    names = [str(name).strip() for name in header.iloc[0].fillna("")]
    other = next((mark for mark in (";", "\t", "|", ",") if mark in names[0]), None)
    if len(names) == 1 and other is not None:
        shown = "'\\t'" if other == "\t" else f"'{other}'"
        raise DataError(
            f"dataset.path={path}: has the single column '{names[0]}'; is the separator "
            f"{shown}? Then dataset.separator={shown}"
        )
    return names, table


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
