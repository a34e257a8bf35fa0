"""Tables from files: text, Parquet, Excel and structures, plain or compressed."""

import io
import warnings
from collections import Counter
from collections.abc import Callable, Collection
from functools import partial

import pandas as pd

from quantmia.data.columns import INDEX, ColumnName, headless
from quantmia.data.content import COMPRESSED, content_of, decoded, existing, reading, recoded
from quantmia.data.layout import Written, layout_of, shown
from quantmia.data.parquet import read_parquet
from quantmia.data.parsed import parsed
from quantmia.data.structures import STRUCTURES
from quantmia.errors import DataError, as_override, first_line
from quantmia.parsing import EXACT
from quantmia.progress import Progress

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "None", "null", "NULL")  # in files of molecules


def read_table(
    path: str,
    written: Written,
    progress: Progress,
    told: Collection[str] | None = (),
    wanted: Collection[ColumnName] | None = None,
) -> pd.DataFrame:
    """A table with named columns and at least one row.

    A first column of row numbers without a name, as pandas and R write it, is left out.

    Args:
        path: `.csv`, `.tsv`, `.tab`, `.parquet`, `.pq`, `.xlsx`, `.sdf` or `.smi`, with `.gz`,
            `.bz2`, `.xz` or `.zip` after it if it is compressed; any other text file of columns.
        written: how.
        progress: is told what was found out.
        told: columns of which it is told too which texts are read as missing; None: of all.
        wanted: columns that are asked for; of a Parquet file no others are read. None: all.

    Raises:
        DataError: there is no such file, it is damaged or empty, or it is not such a table.
    """
    file = existing(path)
    endings = ["", *(ending.lower() for ending in file.suffixes)]
    packing = endings.pop() if endings[-1] in (*COMPRESSED, ".zip") else ""

    def content() -> bytes:
        return content_of(file, packing)

    if endings[-1] in (".parquet", ".pq"):
        written.refuse_all_but(path, ())
        table = read_parquet(path, content(), wanted)
        names = [str(name).strip() for name in table]
    elif endings[-1] == ".xlsx":
        written.refuse_all_but(path, ("header", "skip", "missing"))
        table = _read_sheet(path, content(), written, progress, told)
        names = [str(name).strip() for name in table]
    elif endings[-1] in STRUCTURES:
        text = decoded(path, content(), written.encoding)
        written.refuse_all_but(path, ("encoding", "missing"))
        texts = STRUCTURES[endings[-1]](path, text)
        table = texts.mask(
            texts.isin(list(MISSING if written.missing is None else written.missing))
        )
        if written.missing is None:
            _tell(path, table, lambda gaps: texts.iloc[:, gaps], told, progress)
        names = [str(name) for name in table]
    else:
        text = recoded(path, content(), written.encoding)
        names, table = _read_text(path, text, endings[-1], written, progress, told)
    if not len(table):
        raise DataError(f"dataset.path={path}: has a header and no rows")
    table.columns = pd.Index([name or f"column {n}" for n, name in enumerate(names, 1)])
    twice = [name for name, count in Counter(table.columns).items() if count > 1]
    if twice:
        raise DataError(
            f"dataset.path={path}: the column '{twice[0]}' is there twice; rename one"
            + headless(names)
        )
    first = table.iloc[:, 0]
    numbered = names[0] in INDEX and pd.api.types.is_integer_dtype(first) and first.is_unique
    return table.iloc[:, 1:] if numbered else table


def _read_sheet(
    path: str, content: bytes, written: Written, progress: Progress, told: Collection[str] | None
) -> pd.DataFrame:
    read = partial(
        pd.read_excel,
        sheet_name=None,
        header=0 if written.header else None,
        skiprows=written.skip,
    )
    way_out = "pip install 'quantmia[excel]'; or save the sheet as CSV"
    with reading(path, "Excel files are", "openpyxl", way_out):
        sheets = read(
            io.BytesIO(content),
            na_values=None if written.missing is None else list(written.missing),
            keep_default_na=written.missing is None,
        )
    filled = {name: sheet for name, sheet in sheets.items() if len(sheet.columns)}
    if len(filled) != 1:
        raise DataError(
            f"dataset.path={path}: has {len(filled)} sheets with content "
            f"({', '.join(filled) or 'none'}); save the one that is wanted as a file of its own"
        )
    name, table = next(iter(filled.items()))
    if not written.header:
        table.columns = pd.Index([f"column {n}" for n in range(1, len(table.columns) + 1)])
    if written.missing is None:

        def texts(gaps: list[int]) -> pd.DataFrame:
            return read(io.BytesIO(content), dtype=str, na_filter=False)[name].iloc[:, gaps]

        _tell(path, table, texts, told, progress)
    return table


def _read_text(
    path: str,
    content: bytes,
    ending: str,
    written: Written,
    progress: Progress,
    told: Collection[str] | None,
) -> tuple[list[str], pd.DataFrame]:
    """The names of the header as they stand there, and the table."""
    layout = layout_of(path, content, ending, written)
    if layout.note:
        progress.say(f"{path}: {layout.note}")
    missing = written.missing

    def lines() -> io.BytesIO:
        return io.BytesIO(layout.content)  # which shares its memory

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            first = pd.read_csv(
                lines(), sep=layout.separator, header=None, nrows=1, dtype=str, na_filter=False
            )
            read = partial(
                pd.read_csv,
                sep=layout.separator,
                header=0 if written.header else None,
                index_col=False,
                low_memory=False,
            )
            table = parsed(
                lambda **how: read(
                    lines(),
                    na_values=None if missing is None else list(missing),
                    keep_default_na=missing is None,
                    decimal=written.decimal,
                    **EXACT,
                    **how,
                )
            )
    except pd.errors.EmptyDataError:
        raise DataError(f"dataset.path={path}: is empty") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError) as error:
        longer = isinstance(error, pd.errors.ParserWarning)  # whose words are about pandas
        raise DataError(
            f"dataset.path={path}: rows and header do not have the same columns: "
            f"{'rows have more' if longer else first_line(error)}. "
            f"Is {shown(layout.separator)} the separator "
            f"({as_override('dataset.separator', ';')}), are texts that hold it quoted, and does "
            "the header come first (dataset.skip=1)?"
        ) from error
    if missing is None:

        def texts(gaps: list[int]) -> pd.DataFrame:
            return read(lines(), usecols=gaps, dtype=str, na_filter=False)

        _tell(path, table, texts, told, progress)
    if not written.header:
        return [f"column {n}" for n in range(1, len(table.columns) + 1)], table
    return [str(name).strip() for name in first.iloc[0]], table


def _tell(
    path: str,
    table: pd.DataFrame,
    texts: Callable[[list[int]], pd.DataFrame],
    told: Collection[str] | None,
    progress: Progress,
) -> None:
    """Say which words of columns of texts count as nothing though they may be labels, as None may.

    Args:
        path: of the file.
        table: as it was read.
        texts: columns by their positions, as they are written; only asked for if some are needed.
        told: names of the columns to look at; None: all.
        progress: is told.
    """
    gaps = [
        n
        for n, (name, column) in enumerate(table.items())
        if (told is None or str(name).strip() in told)
        and column.isna().any()
        and not pd.api.types.is_numeric_dtype(column)
    ]
    for (name, written), position in zip(texts(gaps).items() if gaps else (), gaps, strict=True):
        words = written[table.iloc[:, position].isna()].fillna("").astype(str).str.strip()
        found = words[words != ""].value_counts()
        if len(found):
            counts = ", ".join(f"'{word}' ({count})" for word, count in found.items())
            progress.say(
                f"{path}: the column '{name}' has texts that are read as missing: {counts}; if "
                f"they are values: {as_override('dataset.missing', [])}"
            )
