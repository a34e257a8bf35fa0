"""How a text file is laid out: what separates its columns, where its header stands."""

import csv
import re
from dataclasses import dataclass

from quantmia.errors import DataError, as_override

SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
NAMED = {"tab": "\t", r"\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
CANDIDATES = [",", ";", "\t", "|"]
SAID = re.compile(r'^"?sep=(.)"?\r?\n')  # what Excel writes and reads in the first line
LOOKED_AT = 200  # lines


@dataclass(frozen=True)
class Layout:
    """Where the columns of a text are.

    Args:
        separator: one character.
        skip: lines before the header, or before the first row.
        header: whether there is one.
        comment: lines that begin so are passed over.
        note: what was found out, in words, or empty.
    """

    separator: str
    skip: int = 0
    header: bool = True
    comment: str | None = None
    note: str = ""


def layout_of(
    path: str,
    text: str,
    ending: str,
    separator: str | None,
    header: bool = True,
    skip: int = 0,
    comment: str | None = None,
) -> Layout:
    """Find what separates the columns, unless it is said.

    The file's name tells it, or its first line (`sep=;`). Where another separator cuts header and
    rows into equally many columns, and into more of them, it is that.

    Args:
        path: for messages.
        text: whole.
        ending: of the file's name.
        separator: one character or its name; found if None.
        header: whether the file has one.
        skip: lines to pass over.
        comment: lines that begin so are passed over.

    Raises:
        DataError: the separator is none, or there is no telling.
    """
    if comment is not None and len(comment) != 1:
        raise DataError(f"dataset.comment={comment}: has to be one character, such as '#'")
    said = SAID.match(text)
    if said:
        skip = max(skip, 1)
    if separator is not None:
        found = NAMED.get(separator, separator)
        if len(found) != 1 or found.isalnum() or found in '"\r\n':
            raise DataError(
                f"dataset.separator={separator}: has to be one character, such as ';', or one of "
                f"{', '.join(name for name in NAMED if name.isalpha())}"
            )
        return Layout(found, skip, header, comment)
    named = SEPARATORS.get(ending)
    if said:
        return Layout(said[1], skip, header, comment, f"its first line says sep={said[1]}")
    lines = _lines(text, skip, comment)
    counts = {mark: _columns(lines, mark) for mark in CANDIDATES}
    best = max(CANDIDATES, key=lambda mark: (counts[mark], mark == named))
    if counts[best] < 2:
        if named is None:
            raise DataError(
                f"dataset.path={path}: its name ends in none of {', '.join(SEPARATORS)}, .parquet, "
                ".xlsx, .sdf, .smi, and no separator cuts its lines into equally many columns; if "
                f"it is text, name what separates them: {as_override('dataset.separator', ';')}"
            )
        return Layout(named, skip, header, comment)
    if best == named:
        return Layout(best, skip, header, comment)
    note = f"columns are separated by {shown(best)} ({counts[best]} in every line"
    note += f"; dataset.separator={_name(named)} would read {shown(named)})" if named else ")"
    return Layout(best, skip, header, comment, note)


def shown(mark: str) -> str:
    """A separator as a message shows it."""
    return "tab" if mark == "\t" else f"'{mark}'"


def _name(mark: str) -> str:
    return next(name for name, each in NAMED.items() if each == mark and name.isalpha())


def _lines(text: str, skip: int, comment: str | None) -> list[str]:
    """The first lines that hold something, the last of them whole."""
    lines = text[: 1 << 20].splitlines()[skip:]
    kept = [line for line in lines if line.strip() and not (comment and line.startswith(comment))]
    return kept[:LOOKED_AT]


def _columns(lines: list[str], mark: str) -> int:
    """Into how many columns a mark cuts every line; 0 if not into equally many."""
    try:
        counts = {len(row) for row in csv.reader(lines, delimiter=mark) if row}
    except csv.Error:
        return 0
    return counts.pop() if len(counts) == 1 else 0
