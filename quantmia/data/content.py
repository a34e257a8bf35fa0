"""What is in a file: found, unpacked, decoded."""

import bz2
import codecs
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quantmia.errors import DataError, did_you_mean, first_line

BLOCK = 1 << 20  # bytes that are looked at at once
COMPRESSED = {".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}
MARKS = {  # UTF-32's begins with UTF-16's
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
NO_TEXT = {b"\x1f\x8b": ".gz", b"BZh": ".bz2", b"\xfd7zXZ": ".xz", b"PAR1": ".parquet"}
NO_TEXT |= {b"PK\x03\x04": ".zip"}


def existing(path: str) -> Path:
    """A file that is there.

    Raises:
        DataError: it is not; names the one with the closest name.
    """
    file = Path(path).expanduser()
    try:
        if file.is_file():
            return file
        if file.is_dir():
            raise DataError(f"dataset.path={path}: is a folder; name a file in it")
        beside = [each.name for each in file.parent.iterdir()] if file.parent.is_dir() else []
    except OSError as error:
        raise DataError(f"dataset.path={path}: {error.strerror}") from error
    raise DataError(f"dataset.path={path}: does not exist{did_you_mean(file.name, beside)}")


def content_of(file: Path, packing: str) -> bytes:
    """What is in a file, unpacked.

    Args:
        file: that is there.
        packing: its last ending, if it is compressed.

    Raises:
        DataError: it is damaged, or an archive of several files.
    """
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
        raise unreadable(file, error) from error
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError) as error:
        raise unreadable(file, error) from error


def unreadable(path: object, error: Exception) -> DataError:
    """The message for a file that is not what its name says.

    Args:
        path: of the file.
        error: what its reader says.
    """
    return DataError(
        f"dataset.path={path}: cannot be read: {first_line(error)}. "
        "Is the file whole, and is it what its name says?"
    )


@contextmanager
def reading(path: object, kind: str, library: str, way_out: str) -> Iterator[None]:
    """Turn whatever a library says of a file into one message.

    Args:
        path: of the file.
        kind: of it, in words.
        library: that reads it.
        way_out: what to do where that is not installed.

    Raises:
        DataError: it is not installed, or it cannot read the file.
    """
    try:
        yield
    except ImportError as error:
        raise DataError(
            f"dataset.path={path}: {kind} read by {library}, which is not installed: {way_out}"
        ) from error
    except Exception as error:  # of a file that is damaged, or is not what its name says
        raise unreadable(path, error) from error


def recoded(path: str, content: bytes, encoding: str | None) -> bytes:
    """Content as UTF-8 without a byte order mark; without a copy of it where it is that already.

    Args:
        path: for messages.
        content: of the file.
        encoding: UTF-8, or what a byte order mark says, if None.

    Raises:
        DataError: it is no text of that encoding.
    """
    plain = encoding in (None, "utf-8") and not content.startswith((*MARKS, codecs.BOM_UTF8))
    if plain and b"\0" not in content and _is_utf8(content):
        return content
    return decoded(path, content, encoding).encode()


def _is_utf8(content: bytes) -> bool:
    if content.isascii():
        return True
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for at in range(0, len(content), BLOCK):
            decoder.decode(content[at : at + BLOCK])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def decoded(path: str, content: bytes, encoding: str | None) -> str:
    """Content as text.

    Args:
        path: for messages.
        content: of the file.
        encoding: UTF-8, or what a byte order mark says, if None.

    Raises:
        DataError: it is no text of that encoding.
    """
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
