"""How a text file is laid out: what separates its columns, where its header stands."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from quantmia.errors import DataError, as_override

SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
NAMED = {"tab": "\t", r"\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
CANDIDATES = [",", ";", "\t", "|"]
# What Excel writes and reads in the first line.
SAID = re.compile(r'^\s*"?sep=(.)"?\r?\n', re.IGNORECASE)
LOOKED_AT = 1 << 18  # characters


@dataclass(frozen=True, kw_only=True)
class Written:
    """How a file is written, as far as its user says.

    Args:
        separator: between columns, one character or its name; found if None.
        encoding: of text; UTF-8, or what a byte order mark says, if None.
        decimal: the mark before decimals.
        header: whether the first line names the columns.
        skip: lines before it.
        comment: lines that begin so are passed over.
        missing: texts that say that there is nothing; those of pandas if None.
    """

    separator: str | None = None
    encoding: str | None = None
    decimal: str = "."
    header: bool = True
    skip: int = 0
    comment: str | None = None
    missing: Sequence[str] | None = None

    def refuse_all_but(self, path: str, honoured: Sequence[str]) -> None:
        """See that nothing is said of a file that its kind leaves no choice of.

        Args:
            path: of the file, for the message.
            honoured: names of the settings that may be said.

        Raises:
            DataError: something else is.
        """
        plain = Written()
        for key in ("separator", "encoding", "header", "skip", "comment", "missing"):
            if key not in honoured and getattr(self, key) != getattr(plain, key):
                raise DataError(
                    f"dataset.{key}={getattr(self, key)}: says nothing of a file such as {path}; "
                    "leave it out"
                )


@dataclass(frozen=True)
class Layout:
    """The lines of a table, and what separates their columns.

    Args:
        content: header and rows alone, UTF-8.
        separator: one character.
        note: what was found out, in words, or empty.
    """

    content: bytes
    separator: str
    note: str = ""


def layout_of(path: str, content: bytes, ending: str, written: Written) -> Layout:
    """Find what separates the columns, unless it is said.

    The file's name tells it, or its first line (`sep=;`). Where another separator cuts header and
    rows into equally many columns, and into more of them, it is that.

    Args:
        path: for messages.
        content: of the whole file, UTF-8.
        ending: of the file's name.
        written: what is said of it.

    Raises:
        DataError: the separator is none, or there is no telling.
    """
    text = _beginning(content)
    said = SAID.match(text)
    first = 1 + text[: said.start(1)].count("\n") if said else 0
    content = _table_alone(content, max(written.skip, first), written.comment)
    if written.separator is not None:
        return Layout(content, _character(written.separator))
    if said:
        return Layout(content, said[1], f"its first line says sep={said[1]}")
    text = _beginning(content)
    named = SEPARATORS.get(ending)
    marks = [mark for mark in CANDIDATES if mark != written.decimal]
    counts = {mark: _columns(text, mark) for mark in marks}
    best = max(marks, key=lambda mark: (counts[mark], mark == named))
    if counts[best] < 2:
        if named is None:
            raise DataError(
                f"dataset.path={path}: its name ends in none of {', '.join(SEPARATORS)}, .parquet, "
                ".xlsx, .sdf, .smi, and no separator cuts its lines into equally many columns; if "
                f"it is text, name what separates them: {as_override('dataset.separator', ';')}"
            )
        _refuse_ragged(path, text, named, marks)
        return Layout(content, named)
    if best == named:
        return Layout(content, best)
    note = f"columns are separated by {shown(best)} ({counts[best]} in every line"
    note += f"; dataset.separator={_name(named)} would read {shown(named)})" if named else ")"
    return Layout(content, best, note)


def _refuse_ragged(path: str, text: str, named: str, marks: Sequence[str]) -> None:
    """Raise a DataError where another mark than the name's cuts most lines, but not all, alike."""
    if len(_cut(text, named)[0]) > 1:
        return
    for mark in marks:
        counts = [len(row) for row in _cut(text, mark)]
        most = max(set(counts), key=counts.count)
        if most > 1 and counts.count(most) * 2 > len(counts):
            line = next(n for n, count in enumerate(counts, 1) if count != most)
            raise DataError(
                f"dataset.path={path}: {shown(mark)} cuts most of its lines into {most} columns, "
                f"but line {line} into {counts[line - 1]}; mend that line, or pass over what "
                "stands before the header (dataset.skip), and say "
                f"{as_override('dataset.separator', mark)}"
            )


def _table_alone(content: bytes, skip: int, comment: str | None) -> bytes:
    """A text without the lines before its header and without comments.

    Pandas would take a comment for the rest of any line: C#N holds none.
    """
    if comment is not None and len(comment) != 1:
        raise DataError(f"dataset.comment={comment}: has to be one character, such as '#'")
    if not skip and comment is None:
        return content
    lines = islice(_lines(content, None), skip, None)
    return "".join(
        line for line in lines if comment is None or not line.startswith(comment)
    ).encode()


def _beginning(content: bytes) -> str:
    """What is looked at, and a character more if there is more."""
    return _lines(content, "").read(LOOKED_AT + 1)


def _lines(content: bytes, newline: str | None) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(content), "utf-8", newline=newline)


def _character(separator: str) -> str:
    found = NAMED.get(separator, separator)
    if len(found) != 1 or found.isalnum() or found in '"\r\n':
        raise DataError(
            f"dataset.separator={separator}: has to be one character, such as ';', or one of "
            f"{', '.join(name for name in NAMED if name.isalpha())}"
        )
    return found


def shown(mark: str) -> str:
    """A separator as a message shows it."""
    return "tab" if mark == "\t" else f"'{mark}'"


def _name(mark: str) -> str:
    return next(name for name, each in NAMED.items() if each == mark and name.isalpha())


def _columns(text: str, mark: str) -> int:
    """Into how many columns a mark cuts every row; 0 if not into equally many."""
    counts = {len(row) for row in _cut(text, mark)}
    return counts.pop() if len(counts) == 1 else 0


def _cut(text: str, mark: str) -> list[list[str]]:
    """The rows at its beginning; one empty row if a mark cannot cut them."""
    head = text[:LOOKED_AT]
    try:
        rows = [row for row in csv.reader(io.StringIO(head, newline=None), delimiter=mark) if row]
    except csv.Error:
        return [[]]
    if len(head) < len(text):
        rows = rows[:-1]  # which is cut
    return rows or [[]]
